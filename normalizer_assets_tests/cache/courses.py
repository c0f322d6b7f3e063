"""A phone that the cache knows, and partitions that ask for it in other words.

Belongs here: what several test files of the cache arrange. Does not belong here: any check.
"""

import dataclasses
from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets import pipeline
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import entries
from normalizer_assets.db.tables import batch_requests, partitions, semantic_hits
from normalizer_assets.intake.listings import LISTINGS_SCHEMA
from normalizer_assets_tests.batching.listings import land

PHONE = "Smartphone Samsung Galaxy A35 5G 128GB Negro"
SAME_PHONE = "Celular Samsung Galaxy A35 5G 128 GB Negro"
LARGER_PHONE = "Celular Samsung Galaxy A35 5G 256 GB Negro"


def day_of(work: PartitionWork, day: int) -> PartitionWork:
    return dataclasses.replace(work, partition=Partition(date(2024, 10, day), "paris"))


def listings(work: PartitionWork, *given: str | dict[str, Any]) -> pl.DataFrame:
    rows = [
        {
            "row_number": number,
            "retailer": work.partition.retailer,
            "day": work.partition.day,
            "sku": f"sku {number}",
            "category": "Celulares",
            "category_group": "smartphones",
            "price": 199_990,
        }
        | ({"name": one} if isinstance(one, str) else one)
        for number, one in enumerate(given)
    ]
    return pl.DataFrame(rows, schema=LISTINGS_SCHEMA)


def normalised(work: PartitionWork, *given: str | dict[str, Any]) -> list[dict[str, Any]]:
    """Brings a partition from landing to cache; returns its rows."""
    land(work)
    frame = listings(work, *given)
    routed = pipeline.route(work, frame)
    pipeline.submit(work, routed)
    pipeline.collect(work, pipeline.route(work, frame))
    products = pipeline.normalise(work, routed, "run").products
    with work.begin() as connection:
        connection.execute(
            sa.update(partitions)
            .where(work.partition.of(partitions))
            .values(published_version=partitions.c.newest_version)
        )
    entries.embed_pending(work)
    return products.to_dicts()


def hits(work: PartitionWork) -> list[Any]:
    with work.engine.connect() as connection:
        return list(connection.execute(sa.select(semantic_hits).order_by("found_at")))


def count(work: PartitionWork, table: sa.Table, *conditions: "sa.ColumnElement[bool]") -> int:
    with work.engine.connect() as connection:
        statement = sa.select(sa.func.count()).select_from(table).where(*conditions)
        return int(connection.execute(statement).scalar_one())


def paid_calls(work: PartitionWork) -> int:
    return count(work, batch_requests, batch_requests.c.step != "embedding")
