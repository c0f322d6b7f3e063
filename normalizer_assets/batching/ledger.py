"""The ledger: what was asked, its state, its cost.

Belongs here: every read and write of ``batches`` and ``batch_requests``. Does not belong
here: calling the API (``submission``, ``polling``, ``harvest``, ``calls``), who asks a
question (``questions``), what was answered (``stored_answers``).

A paid request has a row here before it leaves, and its raw reply is stored before it is
parsed for use (DESIGN.md, "Paying").
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from normalizer_assets.batching import questions
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.shards import Shard
from normalizer_assets.batching.stored_answers import ANSWER_FIELDS
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import (
    TERMINAL_BATCH_STATES,
    UNSENT_BATCH_STATES,
    Step,
    answers,
    batch_requests,
    batches,
    partition_questions,
    partitions,
)

SETTLED_TYPES = {
    "custom_id": "text",
    "state": "text",
    "reason": "text",
    "raw": "text",
    "input_tokens": "integer",
    "cached_tokens": "integer",
    "output_tokens": "integer",
    "reasoning_tokens": "integer",
    "cost_usd": "numeric",
    "llm_model": "text",
    "brand": "text",
    "model": "text",
    "attributes": "jsonb",
    "normalized_name": "text",
    "category_suggestion": "text",
    "model_confidence": "double precision",
}
"""A settled request, with its answer's fields where the state is ``ok``."""

NANO_USD = Decimal("0.000000001")
"""The finest amount that a money column holds."""

BOUND = batch_requests.c.bound_usd
"""Given as a cost: what a request whose outcome is unknown costs at most."""

SYNCHRONOUS_STEPS: tuple[Step, ...] = ("canary", "individual", "legacy", "embedding")


def body_hash(body: str) -> str:
    """Identifies one request for crash recovery, nothing else."""
    return hashlib.sha256(body.encode()).hexdigest()


# --- batches ------------------------------------------------------------------------


def plan_batch(
    connection: sa.Connection,
    partition: Partition,
    shard: Shard,
    file_name: str,
    round_number: int,
) -> None:
    """Writes a batch and its requests before anything leaves.

    ``shard.requests`` has the columns custom_id, sku, question_key, tier, llm_model,
    prompt_version, prompt_tokens, body, estimated_usd and bound_usd.
    """
    connection.execute(
        sa.insert(batches).values(
            shard_hash=shard.shard_hash,
            llm_model=shard.llm_model,
            state="planned",
            file_name=file_name,
            line_count=shard.requests.height,
            byte_count=len(shard.content),
            prompt_tokens=int(shard.requests["prompt_tokens"].sum()),
            estimated_usd=shard.requests["estimated_usd"].sum(),
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
            pl.lit("batch").alias("step"),
            pl.lit(round_number).alias("round"),
            pl.lit("planned").alias("state"),
            pl.Series("body_hash", [body_hash(body) for body in shard.requests["body"]]),
        ),
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
    has_time = (
        sa.select(sa.literal(1))
        .select_from(
            batch_requests.join(
                partitions,
                sa.and_(
                    batch_requests.c.retailer == partitions.c.retailer,
                    batch_requests.c.day == partitions.c.day,
                ),
            )
        )
        .where(
            batch_requests.c.shard_hash == batches.c.shard_hash,
            sa.or_(partitions.c.deadline_at.is_(None), partitions.c.deadline_at > sa.func.now()),
        )
        .exists()
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
    """Returns harvested batches of the partition that the API refused, not yet told."""
    return batches_of(
        connection, partition, batches.c.harvested_at.is_not(None), batches.c.alert.is_not(None)
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


def custom_ids_of(connection: sa.Connection, shard_hash: str) -> set[str]:
    """Returns the custom ids of a batch."""
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


def record_batch(connection: sa.Connection, shard_hash: str, **values: object) -> None:
    """Updates columns of one batch."""
    connection.execute(
        sa.update(batches).where(batches.c.shard_hash == shard_hash).values(**values)
    )


def record_created(connection: sa.Connection, shard_hash: str, batch_id: str) -> None:
    """Records that the batch exists; all its requests have left.

    Its state is the first one, whatever it is by now: an adopted batch may be finished, and
    only a look (``polling``) records a terminal state together with its files.
    """
    record_batch(
        connection,
        shard_hash,
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


def withdraw_batch(connection: sa.Connection, shard_hash: str, reason: str) -> None:
    """Ends a batch that never left; its requests were not executed."""
    moment = sa.func.now()
    record_batch(connection, shard_hash, state="cancelled", terminal_at=moment, harvested_at=moment)
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.shard_hash == shard_hash, batch_requests.c.state == "planned")
        .values(state="not_executed", reason=reason, settled_at=moment, cost_usd=0)
    )


def stand_down(connection: sa.Connection, partition: Partition) -> None:
    """Takes back what the partition has planned and provably never sent, and lets go of it.

    A batch that may exist (``creating``) is none of that.

    Args:
        connection: In a transaction; nobody else may be working on the partition.
        partition: Which one.
    """
    for row in batches_of(connection, partition, batches.c.state.in_(("planned", "uploaded"))):
        withdraw_batch(connection, row.shard_hash, "its partition stopped before it was sent")
    withdraw_planned(connection, partition)
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


def settle_lines(connection: sa.Connection, shard_hash: str, settled: pl.DataFrame) -> None:
    """Gives requests of a batch their final state, and stores the answers.

    Args:
        connection: In a transaction that holds the batch's lock.
        shard_hash: The batch.
        settled: Columns of ``SETTLED_TYPES``, one row a custom id of the batch.
    """
    bulk.stage(connection, "settled", settled, SETTLED_TYPES)
    for statement in _SETTLE:
        connection.execute(sa.text(statement), {"shard_hash": shard_hash})


_FIELDS = ", ".join(ANSWER_FIELDS)
_SETTLED_FIELDS = ", ".join(f"settled.{field}" for field in ANSWER_FIELDS)
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


def placed_usd(connection: sa.Connection, shard_hash: str) -> Decimal:
    """Returns what the requests of a batch cost together."""
    cost: Decimal = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(batch_requests.c.cost_usd), 0)).where(
            batch_requests.c.shard_hash == shard_hash
        )
    ).scalar_one()
    return cost


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


# --- synchronous requests -------------------------------------------------------------


def plan_requests(
    connection: sa.Connection, partition: Partition, step: Step, requests: Sequence[dict[str, Any]]
) -> list[int]:
    """Writes synchronous requests before they leave, and returns their ids in order.

    Args:
        connection: In the transaction that reserved their estimates.
        partition: Whose requests.
        step: What they are for.
        requests: custom_id, llm_model, body_hash, estimated_usd, bound_usd, and what else
            is known: sku, question_key, tier, prompt_version.
    """
    if not requests:
        return []
    common = {
        "retailer": partition.retailer,
        "day": partition.day,
        "step": step,
        "state": "planned",
    }
    ids = connection.execute(
        sa.insert(batch_requests).returning(
            batch_requests.c.request_id, sort_by_parameter_order=True
        ),
        [common | request for request in requests],
    )
    return list(ids.scalars())


def record_sent(connection: sa.Connection, request_id: int) -> None:
    """Records that a synchronous request is leaving now."""
    settle_request(connection, request_id, {"state": "sent", "attempts": 1, "settled_at": None})


def settle_request(connection: sa.Connection, request_id: int, values: dict[str, Any]) -> None:
    """Records how a synchronous request stands: state, reason, raw, tokens, cost."""
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.request_id == request_id)
        .values({"settled_at": sa.func.now()} | values)
    )


def store_answer(
    connection: sa.Connection, partition: Partition, request_id: int, answer: dict[str, Any]
) -> None:
    """Stores a synchronous request's answer, once, and closes its question."""
    connection.execute(
        insert(answers)
        .values(request_id=request_id, retailer=partition.retailer, day=partition.day, **answer)
        .on_conflict_do_nothing()
    )
    questions.close(connection, partition, [answer["question_key"]], "answered")


def sent_ids(connection: sa.Connection, partition: Partition, step: Step) -> Sequence[int]:
    """Returns the partition's requests of a step whose reply is not recorded."""
    sent = sa.select(batch_requests.c.request_id).where(
        partition.of(batch_requests),
        batch_requests.c.step == step,
        batch_requests.c.state == "sent",
    )
    return connection.execute(sent).scalars().all()


def abandon(
    connection: sa.Connection, partition: Partition, steps: Sequence[Step] = SYNCHRONOUS_STEPS
) -> Sequence[sa.Row[Any]]:
    """Settles synchronous requests whose caller died.

    What was planned never left. What was sent may have been billed, and its reply cannot
    be looked up: its bound counts as spent, and it may be repeated once.

    Returns:
        Requests whose raw reply was stored and not read: they only need to be read.
    """
    dead = sa.and_(partition.of(batch_requests), batch_requests.c.step.in_(steps))
    reason = "the process died before the reply was stored"
    moment = sa.func.now()
    connection.execute(
        sa.update(batch_requests)
        .where(dead, batch_requests.c.state == "sent")
        .values(
            state="outcome_unknown",
            reason=reason,
            cost_usd=batch_requests.c.bound_usd,
            settled_at=moment,
        )
    )
    withdraw_planned(connection, partition)
    return connection.execute(
        sa.select(batch_requests).where(dead, batch_requests.c.state == "received")
    ).all()


def withdraw_planned(connection: sa.Connection, partition: Partition) -> None:
    """Settles synchronous requests that were planned and never left."""
    connection.execute(
        sa.update(batch_requests)
        .where(
            partition.of(batch_requests),
            batch_requests.c.step.in_(SYNCHRONOUS_STEPS),
            batch_requests.c.state == "planned",
        )
        .values(
            state="not_executed",
            reason="it never left",
            cost_usd=0,
            settled_at=sa.func.now(),
        )
    )


def orphans(connection: sa.Connection, limit: int) -> Sequence[sa.Row[Any]]:
    """Returns terminal, unharvested batches that no partition on its way will harvest.

    Their partitions failed, are held, or went on without a batch that a person gave up.
    """
    on_its_way = (
        sa.select(sa.literal(1))
        .select_from(
            batch_requests.join(
                partitions,
                sa.and_(
                    batch_requests.c.retailer == partitions.c.retailer,
                    batch_requests.c.day == partitions.c.day,
                ),
            )
        )
        .where(
            batch_requests.c.shard_hash == batches.c.shard_hash,
            partitions.c.state.not_in(("published", "held", "failed")),
        )
        .exists()
    )
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


def tries(connection: sa.Connection, partition: Partition) -> dict[tuple[str, str], list[str]]:
    """Returns the states of settled synchronous requests by (question key, step).

    A canary counts as an individual call. Of a question that was forced, only requests
    after that count.
    """
    step = sa.case((batch_requests.c.step == "canary", "individual"), else_=batch_requests.c.step)
    rows = connection.execute(
        sa.select(batch_requests.c.question_key, step, sa.func.array_agg(batch_requests.c.state))
        .join(
            partition_questions,
            sa.and_(
                partition.of(partition_questions),
                partition_questions.c.question_key == batch_requests.c.question_key,
                sa.or_(
                    partition_questions.c.newer_than.is_(None),
                    batch_requests.c.planned_at >= partition_questions.c.newer_than,
                ),
            ),
        )
        .where(
            partition.of(batch_requests),
            batch_requests.c.step.in_(("canary", "individual", "legacy")),
            batch_requests.c.state != "not_executed",
        )
        .group_by(batch_requests.c.question_key, step)
    )
    return {(key, step): states for key, step, states in rows}


def answered(connection: sa.Connection, partition: Partition, step: Step) -> bool:
    """Returns whether any request of a step has been answered for the partition."""
    one = sa.select(sa.literal(1)).where(
        partition.of(batch_requests), batch_requests.c.step == step, batch_requests.c.state == "ok"
    )
    return connection.execute(one.limit(1)).first() is not None


def lost_replies(connection: sa.Connection, step: Step, hashed: str) -> int:
    """Returns how often the reply to this very body was lost."""
    return int(
        connection.execute(
            sa.select(sa.func.count()).where(
                batch_requests.c.step == step,
                batch_requests.c.body_hash == hashed,
                batch_requests.c.state == "outcome_unknown",
            )
        ).scalar_one()
    )


# --- reading -------------------------------------------------------------------------


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
