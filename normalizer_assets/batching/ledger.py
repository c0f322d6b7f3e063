"""The ledger: batches and what they carry, their state, their cost.

Belongs here: reads and writes of ``batches`` and of the ``batch_requests`` that follow
them. Does not belong here: how a batch's lines ended (``settlement``), synchronous requests
(``call_ledger``), calling the API (``submission``, ``polling``, ``harvest``), who asks a
question (``questions``), what was answered (``stored_answers``).

A paid request has a row here before it leaves, and its raw reply is stored before it is
parsed for use (DESIGN.md, "Paying").
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import call_ledger, questions
from normalizer_assets.batching.errors import LostTurnError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.shards import Shard
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import (
    TERMINAL_BATCH_STATES,
    UNSENT_BATCH_STATES,
    Step,
    batch_requests,
    batches,
    partitions,
)


def body_hash(body: str) -> str:
    """Identifies one request for crash recovery, nothing else."""
    return hashlib.sha256(body.encode()).hexdigest()


def plan_batch(
    connection: sa.Connection,
    partition: Partition,
    shard: Shard,
    file_name: str,
    round_number: int,
    gathers_until: datetime | None = None,
    step: Step = "batch",
) -> None:
    """Writes a batch and its requests before anything leaves.

    ``shard.requests`` has the columns custom_id, sku, question_key, tier, llm_model,
    prompt_version, prompt_tokens, body, estimated_usd and bound_usd. With ``gathers_until`` the
    batch waits for company (``accumulation``).
    """
    connection.execute(
        sa.insert(batches).values(
            shard_hash=shard.shard_hash,
            llm_model=shard.llm_model,
            state="planned",
            file_name=file_name,
            line_count=shard.lines,
            byte_count=len(shard.content),
            prompt_tokens=int(shard.requests["prompt_tokens"].sum()),
            estimated_usd=shard.requests["estimated_usd"].sum(),
            gathers_until=gathers_until,
            # now() is the same for all batches of a transaction, which then have no order.
            planned_at=sa.func.clock_timestamp(),
        )
    )
    bulk.insert(
        connection,
        batch_requests,
        shard.requests.select(
            "custom_id",
            "sku",
            "question_key",
            "tier",
            "llm_model",
            "prompt_version",
            "estimated_usd",
            "bound_usd",
            pl.lit(shard.shard_hash).alias("shard_hash"),
            pl.lit(partition.retailer).alias("retailer"),
            pl.lit(partition.day).alias("day"),
            pl.lit(step).alias("step"),
            pl.lit(round_number).alias("round"),
            pl.lit("planned").alias("state"),
            pl.Series("body_hash", [body_hash(body) for body in shard.requests["body"]]),
        ),
    )


def embedding_batches(
    connection: sa.Connection, *conditions: sa.ColumnElement[bool]
) -> Sequence[sa.Row[Any]]:
    """Returns the batches that ask for vectors and meet conditions, in order of planning."""
    return connection.execute(
        sa.select(batches).where(asks_for_vectors(), *conditions).order_by(batches.c.planned_at)
    ).all()


def asks_for_vectors() -> sa.Exists:
    """Says of ``batches`` whether one asks for vectors, and not for answers."""
    return (
        sa.select(sa.literal(1))
        .where(
            batch_requests.c.shard_hash == batches.c.shard_hash,
            batch_requests.c.step == "embedding",
        )
        .correlate(batches)
        .exists()
    )


def carries_partition(condition: sa.ColumnElement[bool]) -> sa.Exists:
    """Says of ``batches`` whether one carries requests of a partition like that.

    Args:
        condition: On columns of ``partitions``.
    """
    return (
        sa.select(sa.literal(1))
        .where(
            batch_requests.c.shard_hash == batches.c.shard_hash,
            batch_requests.c.retailer == partitions.c.retailer,
            batch_requests.c.day == partitions.c.day,
            condition,
        )
        .correlate(batches)
        .exists()
    )


def batches_of(
    connection: sa.Connection, partition: Partition, *conditions: sa.ColumnElement[bool]
) -> Sequence[sa.Row[Any]]:
    """Returns the batches that carry requests of the partition, in order of planning."""
    carries = (
        sa.select(sa.literal(1))
        .where(
            batch_requests.c.shard_hash == batches.c.shard_hash,
            partition.of(batch_requests),
        )
        .exists()
    )
    return connection.execute(
        sa.select(batches).where(carries, *conditions).order_by(batches.c.planned_at)
    ).all()


def batch(connection: sa.Connection, shard_hash: str) -> sa.Row[Any]:
    """Returns one batch."""
    return connection.execute(sa.select(batches).where(batches.c.shard_hash == shard_hash)).one()


def unsent_batches(connection: sa.Connection, partition: Partition) -> Sequence[sa.Row[Any]]:
    """Returns the partition's batches that the API has not confirmed yet."""
    return batches_of(connection, partition, batches.c.state.in_(UNSENT_BATCH_STATES))


def open_batches(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Returns all batches that exist and are not terminal."""
    return connection.execute(
        sa.select(batches).where(
            batches.c.batch_id.is_not(None), batches.c.state.not_in(TERMINAL_BATCH_STATES)
        )
    ).all()


def batches_under_way(connection: sa.Connection, partition: Partition) -> Sequence[sa.Row[Any]]:
    """Returns the partition's batches that are planned or not terminal, nor given up."""
    return batches_of(
        connection,
        partition,
        batches.c.state.not_in(TERMINAL_BATCH_STATES),
        batches.c.released_at.is_(None),
    )


_QUEUE_WAS_FULL = batches.c.errors["data"][0]["code"].astext == "token_limit_exceeded"


def enqueued(connection: sa.Connection, llm_model: str) -> tuple[int, datetime | None]:
    """Returns what a model's queue holds, as far as the ledger knows.

    Returns:
        Prompt tokens of batches that are not terminal, and when the API last refused a
        batch for its enqueued tokens.
    """
    under_way = sa.and_(
        batches.c.batch_id.is_not(None), batches.c.state.not_in(TERMINAL_BATCH_STATES)
    )
    tokens, refused_at = connection.execute(
        sa.select(
            sa.func.sum(batches.c.prompt_tokens).filter(under_way),
            sa.func.max(batches.c.terminal_at).filter(_QUEUE_WAS_FULL),
        ).where(batches.c.llm_model == llm_model)
    ).one()
    return int(tokens or 0), refused_at


def overdue_batches(connection: sa.Connection, partition: Partition) -> Sequence[sa.Row[Any]]:
    """Returns the partition's open batches that are to be cancelled at its deadline.

    A batch that carries several partitions goes on until the latest of their deadlines.
    """
    has_time = carries_partition(
        sa.or_(partitions.c.deadline_at.is_(None), partitions.c.deadline_at > sa.func.now())
    )
    # One that may or may not exist has to be found first.
    return batches_of(
        connection,
        partition,
        batches.c.state.in_(("planned", "uploaded", "validating", "in_progress", "finalizing")),
        batches.c.cancel_requested_at.is_(None),
        ~has_time,
    )


def refusals_for_room(connection: sa.Connection, partition: Partition) -> dict[str, int]:
    """Returns how many batches of the partition the API's full queue refused, by model."""
    counts: dict[str, int] = {}
    for row in batches_of(connection, partition, _QUEUE_WAS_FULL):
        counts[row.llm_model] = counts.get(row.llm_model, 0) + 1
    return counts


def creations_since(connection: sa.Connection, moment: datetime) -> int:
    """Returns how many batches were created since a moment."""
    return int(
        connection.execute(
            sa.select(sa.func.count()).where(batches.c.submitted_at >= moment)
        ).scalar_one()
    )


def refused_batches(connection: sa.Connection, partition: Partition) -> Sequence[sa.Row[Any]]:
    """Returns harvested batches that the API refused, which the partition was not told yet."""
    untold = (
        sa.select(sa.literal(1))
        .where(
            batch_requests.c.shard_hash == batches.c.shard_hash,
            partition.of(batch_requests),
            batch_requests.c.state == "not_executed",
            batch_requests.c.reason.is_distinct_from(batches.c.alert),
        )
        .exists()
    )
    return batches_of(
        connection,
        partition,
        batches.c.harvested_at.is_not(None),
        batches.c.alert.is_not(None),
        untold,
    )


def tell_refusal(connection: sa.Connection, partition: Partition, refused: sa.Row[Any]) -> None:
    """Notes why the partition's lines of a refused batch were not executed.

    The batch keeps its refusal: each partition in it is to be told.
    """
    connection.execute(
        sa.update(batch_requests)
        .where(
            batch_requests.c.shard_hash == refused.shard_hash,
            partition.of(batch_requests),
            batch_requests.c.state == "not_executed",
        )
        .values(reason=refused.alert)
    )


def due_for_harvest(
    connection: sa.Connection, partition: Partition, waited_for: pl.Series
) -> Sequence[sa.Row[Any]]:
    """Returns terminal, unharvested batches that the partition has a question in."""
    carries = (
        sa.select(sa.literal(1))
        .where(
            batch_requests.c.shard_hash == batches.c.shard_hash,
            sa.or_(
                partition.of(batch_requests),
                batch_requests.c.question_key
                == sa.any_(sa.literal(waited_for.to_list(), sa.ARRAY(sa.Text))),
            ),
        )
        .exists()
    )
    return connection.execute(
        sa.select(batches)
        .where(
            batches.c.state.in_(TERMINAL_BATCH_STATES), batches.c.harvested_at.is_(None), carries
        )
        .order_by(batches.c.planned_at)
    ).all()


def orphans(connection: sa.Connection, limit: int) -> Sequence[sa.Row[Any]]:
    """Returns terminal, unharvested batches that no partition on its way will harvest.

    Their partitions failed, are held, or went on without a batch that a person gave up.
    """
    on_its_way = carries_partition(partitions.c.state.not_in(("published", "held", "failed")))
    return connection.execute(
        sa.select(batches)
        .where(
            batches.c.state.in_(TERMINAL_BATCH_STATES),
            batches.c.harvested_at.is_(None),
            ~on_its_way,
        )
        .order_by(batches.c.planned_at)
        .limit(limit)
    ).all()


def custom_ids_of(connection: sa.Connection, shard_hash: str) -> set[str]:
    """Returns the custom ids of a batch's requests; ``shards.requests_by_line`` of its lines."""
    rows = connection.execute(
        sa.select(batch_requests.c.custom_id).where(batch_requests.c.shard_hash == shard_hash)
    )
    return set(rows.scalars())


def partitions_in(connection: sa.Connection, shard_hash: str) -> list[Partition]:
    """Returns the partitions that have requests in a batch."""
    rows = connection.execute(
        sa.select(batch_requests.c.day, batch_requests.c.retailer)
        .distinct()
        .where(batch_requests.c.shard_hash == shard_hash)
    )
    return sorted(Partition(day, retailer) for day, retailer in rows)


def lock_partitions(connection: sa.Connection, shard_hash: str) -> list[Partition]:
    """Locks the rows of all partitions in a batch until the transaction ends, and returns them.

    Before any other lock and in one order: batches of the same partitions may be created by
    several processes at once.
    """
    carried = partitions_in(connection, shard_hash)
    connection.execute(
        sa.select(partitions.c.epoch)
        .where(sa.or_(*(partition.of(partitions) for partition in carried)))
        .order_by(partitions.c.day, partitions.c.retailer)
        .with_for_update()
    )
    return carried


def record_batch(connection: sa.Connection, shard_hash: str, **values: object) -> None:
    """Updates columns of one batch."""
    connection.execute(
        sa.update(batches).where(batches.c.shard_hash == shard_hash).values(**values)
    )


def advance_batch(
    connection: sa.Connection, shard_hash: str, known: sa.ColumnElement[bool], **values: object
) -> None:
    """Updates columns of an unsent batch that is still as this process knows it.

    A process that has lost its locks may live on, and those of the other partitions in the
    batch do not raise the epoch of its own.

    Args:
        connection: In a transaction.
        shard_hash: The batch.
        known: On columns of ``batches``.
        values: The columns.

    Raises:
        LostTurnError: Another process has gone on with it.
    """
    changed = connection.execute(
        sa.update(batches).where(batches.c.shard_hash == shard_hash, known).values(**values)
    ).rowcount
    if not changed:
        raise LostTurnError(
            f"another process goes on with batch {shard_hash}; nothing more is written here, and "
            f"nothing is lost"
        )


def record_created(connection: sa.Connection, shard_hash: str, batch_id: str) -> None:
    """Records that the batch exists; all its requests have left.

    Its state is the first one, whatever it is by now: an adopted batch may be finished, and
    only a look (``polling``) records a terminal state together with its files.

    Raises:
        LostTurnError: Another process has recorded another batch.
    """
    advance_batch(
        connection,
        shard_hash,
        batches.c.batch_id.is_(None) | (batches.c.batch_id == batch_id),
        batch_id=batch_id,
        state="validating",
        submitted_at=sa.func.now(),
        progressed_at=sa.func.now(),
        missed_at=None,
    )
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.shard_hash == shard_hash, batch_requests.c.state == "planned")
        .values(state="sent", attempts=1)
    )


def set_deadline(connection: sa.Connection, shard_hash: str, deadline: datetime) -> None:
    """Moves the deadline of each partition whose first round this batch belongs to."""
    in_first_round = (
        sa.select(sa.literal(1))
        .where(
            batch_requests.c.shard_hash == shard_hash,
            batch_requests.c.round == 1,
            batch_requests.c.retailer == partitions.c.retailer,
            batch_requests.c.day == partitions.c.day,
        )
        .exists()
    )
    connection.execute(sa.update(partitions).where(in_first_round).values(deadline_at=deadline))


_TURN = "(hashtextextended(:unsent, 0))"


@contextmanager
def turn_at(engine: sa.Engine, row: sa.Row[Any]) -> Iterator[bool]:
    """Holds the lock that who sends or adopts an unsent batch has.

    A batch may carry several partitions, and whoever works on one of them may come for it.

    Args:
        engine: The normaliser's database.
        row: The batch.

    Yields:
        Whether the lock is held, and the batch is still as ``row`` shows it. Nobody waits: the
        next look finds it sent.
    """
    name = {"unsent": f"unsent batch {row.shard_hash}"}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(sa.text(f"select pg_try_advisory_lock{_TURN}"), name).scalar():
            yield False
            return
        try:
            now = sa.select(batches).where(batches.c.shard_hash == row.shard_hash)
            yield connection.execute(now).one_or_none() == row
        finally:
            # A connection that broke has lost the lock already.
            with suppress(sa.exc.OperationalError):
                connection.execute(sa.text(f"select pg_advisory_unlock{_TURN}"), name)


def withdraw_batch(connection: sa.Connection, shard_hash: str, reason: str) -> bool:
    """Ends a batch that never left; its requests were not executed.

    Those of other partitions neither: they plan them anew when they are next submitted.

    Returns:
        ``False``, and nothing is changed, where somebody sends it now or has done so.
    """
    name = {"unsent": f"unsent batch {shard_hash}"}
    free = connection.execute(sa.text(f"select pg_try_advisory_xact_lock{_TURN}"), name).scalar()
    moment = sa.func.now()
    ended = connection.execute(
        sa.update(batches)
        .where(
            sa.literal(bool(free)),
            batches.c.shard_hash == shard_hash,
            batches.c.state.in_(UNSENT_BATCH_STATES),
        )
        .values(state="cancelled", terminal_at=moment, harvested_at=moment, gathers_until=None)
    ).rowcount
    if not ended:
        return False
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.shard_hash == shard_hash, batch_requests.c.state == "planned")
        .values(state="not_executed", reason=reason, settled_at=moment, cost_usd=0)
    )
    return True


def stand_down(connection: sa.Connection, partition: Partition) -> None:
    """Takes back what the partition has planned and provably never sent, and lets go of it.

    A batch that may exist (``creating``), or that another of its partitions sends now, is none
    of that.

    Args:
        connection: In a transaction; nobody else may be working on the partition.
        partition: Which one.
    """
    for row in batches_of(connection, partition, batches.c.state.in_(("planned", "uploaded"))):
        withdraw_batch(connection, row.shard_hash, "its partition stopped before it was sent")
    call_ledger.withdraw_planned(connection, partition)
    questions.let_go(connection, partition)


def give_up_batch(connection: sa.Connection, shard_hash: str) -> int:
    """Releases the lines of a batch that does not end; returns how many.

    They may be paid twice, so their bound counts as spent. If the batch ends after all, its
    harvest replaces that by what they cost.
    """
    record_batch(connection, shard_hash, released_at=sa.func.now())
    return connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.shard_hash == shard_hash, batch_requests.c.state == "sent")
        .values(
            state="outcome_unknown",
            reason="its batch did not end; a person released it",
            cost_usd=batch_requests.c.bound_usd,
            settled_at=sa.func.now(),
        )
    ).rowcount


def records_of(connection: sa.Connection, partition: Partition) -> pl.DataFrame:
    """Returns every request of the partition with its state, in the order of asking."""
    rows = connection.execute(
        sa.select(
            batch_requests.c.custom_id,
            batch_requests.c.sku,
            batch_requests.c.question_key,
            batch_requests.c.step,
            batch_requests.c.llm_model,
            batch_requests.c.state,
            batch_requests.c.reason,
            batch_requests.c.raw,
        )
        .where(partition.of(batch_requests), batch_requests.c.step != "embedding")
        .order_by(batch_requests.c.request_id)
    )
    columns = ("custom_id", "sku", "question_key", "step", "llm_model", "state", "reason", "raw")
    return pl.DataFrame(
        [tuple(row) for row in rows], schema=dict.fromkeys(columns, pl.String), orient="row"
    )


def cost_of(connection: sa.Connection, partition: Partition) -> Decimal:
    """Returns what the partition has cost so far, in USD."""
    cost: Decimal = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(batch_requests.c.cost_usd), 0)).where(
            partition.of(batch_requests)
        )
    ).scalar_one()
    return cost


def cost_of_batch(connection: sa.Connection, shard_hash: str) -> Decimal:
    """Returns what the requests of a batch cost together."""
    cost: Decimal = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(batch_requests.c.cost_usd), 0)).where(
            batch_requests.c.shard_hash == shard_hash
        )
    ).scalar_one()
    return cost
