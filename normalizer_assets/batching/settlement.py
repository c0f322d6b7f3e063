"""How the lines of a batch ended, written into the ledger.

Belongs here: final states, costs and answers of batch lines, those that no line told about
included. Does not belong here: reading result files (``harvest``), the life of a batch
(``ledger``).
"""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching.stored_answers import ANSWER_SCHEMA
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import batch_requests

SETTLED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "custom_id": pl.String,
    "state": pl.String,
    "reason": pl.String,
    "raw": pl.String,
    "input_tokens": pl.Int64,
    "cached_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "reasoning_tokens": pl.Int64,
    "cost_usd": pl.Decimal(18, 9),
    "llm_model": pl.String,
    **ANSWER_SCHEMA,
}
"""A settled request, with its answer's fields where the state is ``ok``."""

NANO_USD = Decimal("0.000000001")
"""The finest amount that a money column holds."""


def settle_lines(connection: sa.Connection, shard_hash: str, settled: pl.DataFrame) -> None:
    """Gives requests of a batch their final state, and stores the answers.

    Args:
        connection: In a transaction that holds the batch's lock.
        shard_hash: The batch.
        settled: Columns of ``SETTLED_SCHEMA``, one row a custom id of the batch.
    """
    bulk.stage(connection, "settled", settled)
    for statement in _SETTLE:
        connection.execute(sa.text(statement), {"shard_hash": shard_hash})


_FIELDS = ", ".join(ANSWER_SCHEMA)
_SETTLED_FIELDS = ", ".join(f"settled.{field}" for field in ANSWER_SCHEMA).replace(
    "settled.attributes", "settled.attributes::jsonb"
)
_SETTLE = (
    """
    update normalizer.batch_requests request set
        state = settled.state, reason = settled.reason, raw = settled.raw,
        input_tokens = settled.input_tokens, cached_tokens = settled.cached_tokens,
        output_tokens = settled.output_tokens, reasoning_tokens = settled.reasoning_tokens,
        cost_usd = settled.cost_usd,
        llm_model = coalesce(settled.llm_model, request.llm_model),
        settled_at = now()
    from settled
    where request.shard_hash = :shard_hash and request.custom_id = settled.custom_id
    """,
    f"""
    insert into normalizer.answers
        (request_id, question_key, retailer, day, answered_by, llm_model, {_FIELDS})
    select request.request_id, request.question_key, request.retailer, request.day,
           request.step, request.llm_model, {_SETTLED_FIELDS}
    from normalizer.batch_requests request
    join settled using (custom_id)
    where request.shard_hash = :shard_hash and request.state = 'ok'
      and request.step <> 'embedding'
    on conflict do nothing
    """,
    """
    update normalizer.partition_questions question set state = 'answered', waits = false
    from normalizer.batch_requests request
    join settled using (custom_id)
    where request.shard_hash = :shard_hash and request.state = 'ok'
      and (question.retailer, question.day, question.question_key)
        = (request.retailer, request.day, request.question_key)
    """,
    "drop table settled",
)


def settle_missing(connection: sa.Connection, shard_hash: str, state: str) -> int:
    """Gives ``state`` to the requests of a batch that no line told about.

    Returns:
        How many they are. Their cost is nothing, until ``book_missing`` knows better.
    """
    return connection.execute(
        sa.update(batch_requests)
        .where(
            batch_requests.c.shard_hash == shard_hash,
            batch_requests.c.state.in_(("sent", "outcome_unknown")),
        )
        .values(state=state, settled_at=sa.func.now(), cost_usd=0)
    ).rowcount


def missing_ids(connection: sa.Connection, shard_hash: str) -> Sequence[int]:
    """Returns the requests of a batch that no line told about."""
    return (
        connection.execute(
            sa.select(batch_requests.c.request_id)
            .where(batch_requests.c.shard_hash == shard_hash, batch_requests.c.state == "missing")
            .order_by(batch_requests.c.request_id)
        )
        .scalars()
        .all()
    )


def mark_not_executed(connection: sa.Connection, shard_hash: str) -> None:
    """Marks refused requests of a batch as never executed: they may be asked again."""
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.shard_hash == shard_hash, batch_requests.c.state == "http_error")
        .values(state="not_executed")
    )


def book_missing(connection: sa.Connection, shard_hash: str, usd: Decimal | None) -> None:
    """Books what a batch cost beyond its lines on the requests that are missing.

    Args:
        connection: In a transaction that holds the batch's lock.
        shard_hash: The batch.
        usd: The rest, shared among them; ``None`` where nobody knows: their bound counts.
    """
    missing = sa.and_(
        batch_requests.c.shard_hash == shard_hash, batch_requests.c.state == "missing"
    )
    if usd is None:
        connection.execute(
            sa.update(batch_requests).where(missing).values(cost_usd=batch_requests.c.bound_usd)
        )
        return
    ids = missing_ids(connection, shard_hash)
    if not ids:
        return
    share = (usd / len(ids)).quantize(NANO_USD, ROUND_DOWN)
    connection.execute(sa.update(batch_requests).where(missing).values(cost_usd=share))
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.request_id == ids[0])
        .values(cost_usd=usd - share * (len(ids) - 1))
    )
