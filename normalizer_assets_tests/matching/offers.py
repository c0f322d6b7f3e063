"""Listings of shops as they are matched, with as much said as a test needs."""

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from normalizer_assets.config import ANSWER_CONTRACT_VERSION
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import partitions, product_rows, product_versions
from normalizer_assets.matching.grouping import match_products
from normalizer_assets.matching.listings import LISTING_SCHEMA
from normalizer_assets.routing.canonical import canonical_key, question_keys

DEFAULTS: dict[str, object] = {
    "retailer": "lider",
    "category_group": "beverages",
    "price": 1000,
    "brand": None,
    "model": None,
    "attributes": "{}",
    "listing_brand": None,
    "ean": None,
    "evidence": '{"brand": "supported"}',
    "answered_by": "batch",
}


def offers(*rows: Mapping[str, object]) -> pl.DataFrame:
    """Returns listings; a row needs a name, and is a shop's own where no sku says otherwise."""
    complete = [
        {**DEFAULTS, "sku": f"S{number}", "normalized_name": row["name"], **row}
        for number, row in enumerate(rows)
    ]
    frame = pl.DataFrame(complete, schema={**LISTING_SCHEMA, "question_key": pl.String}).drop(
        "question_key"
    )
    brand = pl.coalesce("listing_brand", "brand")
    keys = frame.select(canonical_key(pl.col("name"), brand, pl.col("category_group"))).to_series()
    return frame.with_columns(question_key=question_keys(keys, ANSWER_CONTRACT_VERSION)).select(
        list(LISTING_SCHEMA)
    )


def products(listings: pl.DataFrame) -> set[frozenset[str]]:
    """Returns the products that the matcher finds, each as the skus of its listings."""
    return groups(match_products(listings))


def groups(matched: pl.DataFrame) -> set[frozenset[str]]:
    """Returns the skus of each product."""
    return {frozenset(skus) for skus in matched.group_by("product_id").agg("sku")["sku"]}


def apart(*skus: str) -> set[frozenset[str]]:
    """Returns products of one listing each."""
    return {frozenset({sku}) for sku in skus}


def together(*skus: str) -> set[frozenset[str]]:
    """Returns one product."""
    return {frozenset(skus)}


def same_in(retailers: Iterable[str], **row: object) -> list[dict[str, object]]:
    """Returns a listing once for each shop."""
    return [{**row, "retailer": retailer} for retailer in retailers]


def publish(
    engine: sa.Engine, day: date, retailer: str, *rows: Mapping[str, object], version: int = 1
) -> None:
    """Publishes listings as a partition's version; ``status`` may be said of a row."""
    status = [str(row.get("status", "accepted")) for row in rows]
    said = [{key: row[key] for key in row.keys() - {"status"}} for row in rows]
    key = {"retailer": retailer, "day": day}
    with engine.begin() as connection:
        row = {**key, "state": "published", "published_version": version}
        connection.execute(
            insert(partitions)
            .values(row)
            .on_conflict_do_update(
                index_elements=["retailer", "day"], set_={"published_version": version}
            )
        )
        connection.execute(
            sa.insert(product_versions).values(
                **key, version=version, run_id="run", content_hash="", row_count=len(rows),
                verdict="green",
            )
        )  # fmt: skip
        bulk.insert(
            connection,
            product_rows,
            offers(*({**one, "retailer": retailer} for one in said)).with_columns(
                status=pl.Series(status, dtype=pl.String),
                day=pl.lit(day),
                version=pl.lit(version),
                confidence=pl.lit(0.9),
                score=pl.lit(0.1),
                cost_usd=pl.lit(0),
                **dict.fromkeys(("reasons", "run_id"), pl.lit("")),
                route=pl.lit("mini"),
            ),
        )
