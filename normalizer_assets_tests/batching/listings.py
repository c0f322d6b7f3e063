"""Routed listings to ask about, written by hand, and partitions brought into a state.

Belongs here: what several test files of the engine need to arrange. Does not belong here:
any check.
"""

import dataclasses
import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import call_ledger, ledger, life, questions, submission
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import (
    PartitionState,
    Step,
    answers,
    batch_requests,
    batches,
)

_days = itertools.count()
_TEXTS = (
    *("question_key", "retailer", "sku", "name", "brand", "ean", "category", "category_group"),
    *("canonical_key", "tier", "band", "route"),
)


def routed_listings(
    count: int, retailer: str = "lider", tier: str = "mini", prefix: str = "q"
) -> pl.DataFrame:
    """Returns ``count`` listings with questions ``q0``, ``q1``... of one tier."""
    numbers = range(count)
    return pl.DataFrame(
        {
            "question_key": [f"{prefix}{number}" for number in numbers],
            "day": [date(2024, 10, 1)] * count,
            "retailer": [retailer] * count,
            "sku": [f"sku {number}" for number in numbers],
            "name": [f"Jugo Acme {number} 1L" for number in numbers],
            "brand": [None] * count,
            "ean": [None] * count,
            "category": ["Bebidas"] * count,
            "category_group": ["beverages"] * count,
            "canonical_key": [f"acme jugo, {number} 1000ml|beverages" for number in numbers],
            "price": [1000 + number for number in numbers],
            "score": [0.6 if tier == "full" else 0.1] * count,
            "tier": [tier] * count,
            "band": ["complex" if tier == "full" else "simple"] * count,
            "route": [tier] * count,
        },
        # An empty list alone would make a column of nulls.
        schema_overrides=dict.fromkeys(_TEXTS, pl.String)
        | {"price": pl.Int64, "score": pl.Float64, "day": pl.Date},
    )


def on_a_day_of_its_own(work: PartitionWork) -> PartitionWork:
    """Returns the work on another partition of the same database, each time a later one."""
    # Long before the days that tests name.
    day = date(2021, 1, 1) + timedelta(days=next(_days))
    return dataclasses.replace(work, partition=Partition(day, "lider"))


def land(work: PartitionWork, snapshot: str = "one", state: PartitionState = "landed") -> None:
    """Lands the partition and puts it into ``state``."""
    empty = pl.DataFrame(schema={"row_number": pl.Int64, "reason": pl.String, "raw": pl.String})
    with work.engine.begin() as connection:
        life.record_landing(
            connection,
            work.partition,
            snapshot=snapshot,
            raw_count=0,
            collapsed_count=0,
            quarantined=empty,
        )
        if state != "landed":
            life.enter(connection, work.partition, state)


def claim(work: PartitionWork, *question_keys: str, force: bool = False) -> None:
    """Claims questions for the partition, which must have landed."""
    wanted = pl.Series(question_keys, dtype=pl.String)
    with work.begin() as connection:
        questions.claim(connection, work.partition, wanted, force=force)


def asked_questions(work: PartitionWork) -> dict[str, str]:
    """Returns the partition's questions: asks, waits, answered or rules."""
    with work.engine.connect() as connection:
        rows = questions.of_partition(connection, work.partition).sort("question_key")
    open_ones = {False: "asks", True: "waits"}
    return {
        key: open_ones[waits] if state == "open" else state
        for key, state, waits in rows.iter_rows()
    }


def plan(work: PartitionWork, routed: pl.DataFrame) -> pl.DataFrame:
    """Claims the questions and plans a batch of those that are the partition's to ask.

    Returns:
        The planned requests.
    """
    claim(work, *routed["question_key"])
    with work.engine.connect() as connection:
        mine = questions.to_ask(connection, work.partition)["question_key"].to_list()
    listings = routed.filter(pl.col("question_key").is_in(mine))
    return submission.plan_batches(work, listings, round_number=1)


def submit(work: PartitionWork, routed: pl.DataFrame) -> list[str]:
    """Lands and submits; returns the ids of the batches."""
    land(work)
    return submission.submit(work, routed).batch_ids


def plan_request(
    work: PartitionWork, question_key: str = "q0", step: Step = "individual", **values: Any
) -> int:
    """Plans one synchronous request; returns its id."""
    request = {
        "custom_id": f"{step}_{question_key}",
        "question_key": question_key,
        "llm_model": "gpt-5-mini",
        "body_hash": ledger.body_hash("{}"),
        "estimated_usd": Decimal("0.001"),
        "bound_usd": Decimal("0.002"),
    }
    with work.begin() as connection:
        [request_id] = call_ledger.plan_requests(
            connection, work.partition, step, [request | values]
        )
    return request_id


def answer_question(work: PartitionWork, question_key: str = "q0") -> int:
    """Buys an answer to a question for the partition; returns the request's id."""
    request_id = plan_request(work, question_key)
    paid = {"state": "ok", "raw": "{}", "cost_usd": Decimal("0.0005")}
    answer = {
        "question_key": question_key,
        "answered_by": "individual",
        "llm_model": "gpt-5-mini",
        "brand": "ACME",
        "attributes": {"capacity": "1L"},
    }
    with work.begin() as connection:
        call_ledger.settle_request(connection, request_id, paid)
        call_ledger.store_answer(connection, work.partition, request_id, answer)
    return request_id


def reject(work: PartitionWork, question_key: str) -> None:
    """Rejects the partition's answer to a question, as a person would."""
    with work.engine.begin() as connection:
        connection.execute(
            sa.update(answers)
            .where(work.partition.of(answers), answers.c.question_key == question_key)
            .values(status="rejected")
        )


def requests_of(work: PartitionWork) -> list[Any]:
    """Returns the partition's requests in the order of asking."""
    with work.engine.connect() as connection:
        return list(
            connection.execute(
                sa.select(batch_requests)
                .where(work.partition.of(batch_requests))
                .order_by(batch_requests.c.request_id)
            )
        )


def partition_row(work: PartitionWork, partition: Partition | None = None) -> Any:
    """Returns the row of the partition."""
    with work.engine.connect() as connection:
        return life.read(connection, partition or work.partition)


def batch_rows(work: PartitionWork) -> list[sa.Row[Any]]:
    """Returns the ledger's batches in the order in which they were planned."""
    with work.engine.connect() as connection:
        return list(connection.execute(sa.select(batches).order_by(batches.c.planned_at)))


def planned_ids(work: PartitionWork) -> tuple[str, list[str]]:
    """Returns the shard of the partition's newest batch, and its custom ids in order."""
    with work.engine.connect() as connection:
        batch = ledger.batches_of(connection, work.partition)[-1]
        ids = connection.execute(
            sa.select(batch_requests.c.custom_id)
            .where(batch_requests.c.shard_hash == batch.shard_hash)
            .order_by(batch_requests.c.request_id)
        )
        return batch.shard_hash, list(ids.scalars())


def sent(work: PartitionWork, count: int = 4, prefix: str = "q") -> tuple[str, list[str]]:
    """Plans a batch of ``count`` questions that is created; returns its shard and ids."""
    plan(work, routed_listings(count, prefix=prefix))
    shard_hash, ids = planned_ids(work)
    with work.begin() as connection:
        ledger.record_created(connection, shard_hash, f"batch {shard_hash}")
    return shard_hash, ids


# --- planning a batch -----------------------------------------------------------------
