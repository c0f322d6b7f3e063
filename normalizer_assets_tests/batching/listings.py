"""Routed listings to ask about, written by hand."""

import dataclasses
import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from normalizer_assets.batching import life, submission
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.submission import Plan
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import PartitionState

_days = itertools.count()


def routed_listings(count: int, retailer: str = "lider", tier: str = "mini") -> pl.DataFrame:
    """Returns ``count`` listings with questions ``q0``, ``q1``... of one tier."""
    numbers = range(count)
    return pl.DataFrame(
        {
            "question_key": [f"q{number}" for number in numbers],
            "retailer": [retailer] * count,
            "sku": [f"sku {number}" for number in numbers],
            "name": [f"Jugo Acme {number} 1L" for number in numbers],
            "category": ["Bebidas"] * count,
            "price": [1000 + number for number in numbers],
            "tier": [tier] * count,
            "band": ["complex" if tier == "full" else "simple"] * count,
        },
        schema_overrides={"question_key": pl.String, "price": pl.Int64},
    )


def on_a_day_of_its_own(work: PartitionWork) -> PartitionWork:
    """Returns the work on another partition of the same database, each time a later one."""
    day = date(2024, 1, 1) + timedelta(days=next(_days))
    return dataclasses.replace(work, partition=Partition(day, "lider"))


def land(work: PartitionWork, snapshot: str = "one", state: PartitionState = "landed") -> None:
    """Lands the partition and puts it into ``state``."""
    empty = pl.DataFrame(schema={"row_number": pl.Int64, "reason": pl.String, "raw": pl.String})
    life.record_landing(
        work.engine,
        work.partition,
        snapshot=snapshot,
        raw_count=0,
        collapsed_count=0,
        quarantined=empty,
    )
    if state != "landed":
        with work.engine.begin() as connection:
            life.enter(connection, work.partition, state)


def plan(work: PartitionWork, routed: pl.DataFrame) -> Plan:
    """Plans a submission of the listings."""
    return submission.plan(work, build_requests(work.config, routed, "batch"), Decimal(1))


def submit(work: PartitionWork, routed: pl.DataFrame) -> list[str]:
    """Lands, plans and sends; returns the ids of the batches."""
    land(work)
    plan(work, routed)
    return submission.send(work)


def partition_row(work: PartitionWork, partition: Partition | None = None) -> Any:
    """Returns the row of the partition."""
    with work.engine.connect() as connection:
        return life.read(connection, partition or work.partition)
