"""Synchronous requests in the ledger: planned, sent, received, settled.

Belongs here: every write of ``batch_requests`` that belongs to no batch, and what was tried
so far. Does not belong here: batches (``ledger``), making the call (``calls``), who asks a
question (``questions``).
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from normalizer_assets.batching import questions
from normalizer_assets.batching.partition import Partition
from normalizer_assets.db.tables import Step, answers, batch_requests, partition_questions

SYNCHRONOUS_STEPS: tuple[Step, ...] = ("canary", "individual", "legacy", "embedding")

BOUND = batch_requests.c.bound_usd
"""Given as a cost: what a request whose outcome is unknown costs at most."""


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
        batch_requests.c.shard_hash.is_(None),
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
    dead = sa.and_(
        partition.of(batch_requests),
        batch_requests.c.step.in_(steps),
        batch_requests.c.shard_hash.is_(None),
    )
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
            batch_requests.c.shard_hash.is_(None),
            batch_requests.c.state == "planned",
        )
        .values(
            state="not_executed",
            reason="it never left",
            cost_usd=0,
            settled_at=sa.func.now(),
        )
    )


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
