"""Versions of a partition's products, and which of them is published.

Belongs here: writing a version in one transaction, reading it back, recording the gate's
verdict. Does not belong here: what the rows say (``products``), what the gate asks
(``answers.verdicts``).

A version is never changed. ``normalized_products`` shows the newest, and
``published_products`` the last green one, so a red run never destroys yesterday's good
one (DESIGN.md, "Decisions").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.answers.verdicts import GateVerdict, Measures
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.stored_answers import newest_decisions
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import answers, partitions, product_rows, product_versions
from normalizer_assets.publishing.products import PRODUCT_COLUMNS, content_hash

_NEWEST = sa.and_(
    partitions.c.retailer == product_rows.c.retailer,
    partitions.c.day == product_rows.c.day,
    partitions.c.newest_version == product_rows.c.version,
)
"""Joins a partition with the rows of its newest version."""


@dataclass(frozen=True)
class Version:
    """One version of a partition; ``changed`` is False where it stood there before."""

    number: int
    changed: bool


def write_version(work: PartitionWork, products: pl.DataFrame, run_id: str) -> Version:
    """Writes products as the partition's newest version, unless they are that already.

    Args:
        work: The partition.
        products: As ``build_products`` returns them.
        run_id: The run that made them.

    Returns:
        The version that holds these products now.
    """
    content = content_hash(products)
    partition = work.partition
    with work.begin() as connection:
        newest = connection.execute(
            sa.select(product_versions.c.version, product_versions.c.content_hash)
            .where(partition.of(product_versions))
            .order_by(product_versions.c.version.desc())
            .limit(1)
        ).one_or_none()
        if newest is not None and newest.content_hash == content:
            return Version(newest.version, changed=False)
        number = newest.version + 1 if newest is not None else 1
        connection.execute(
            sa.insert(product_versions).values(
                retailer=partition.retailer,
                day=partition.day,
                version=number,
                run_id=run_id,
                content_hash=content,
                row_count=products.height,
                verdict="pending",
            )
        )
        bulk.insert(
            connection,
            product_rows,
            products.select(
                *PRODUCT_COLUMNS,
                "request_id",
                pl.lit(number).alias("version"),
                pl.lit(run_id).alias("run_id"),
            ),
        )
        connection.execute(
            sa.update(partitions)
            .where(partition.of(partitions))
            .values(newest_version=number, normalized_count=products.height)
        )
    return Version(number, changed=True)


def newest_rows(connection: sa.Connection, partition: Partition) -> pl.DataFrame:
    """Returns the newest version's rows, as the gate judges and people read them.

    Returns:
        Columns sku, name, brand, model, category_group, confidence, status, reasons,
        answered_by, llm_model, score, cost_usd; sorted by sku.
    """
    columns: dict[str, pl.DataType | type[pl.DataType]] = {
        "sku": pl.String,
        "name": pl.String,
        "brand": pl.String,
        "model": pl.String,
        "category_group": pl.String,
        "confidence": pl.Float64,
        "status": pl.String,
        "reasons": pl.String,
        "answered_by": pl.String,
        "llm_model": pl.String,
        "score": pl.Float64,
        "cost_usd": pl.Decimal(18, 9),
    }
    rows = _of_newest_version(connection, partition, list(columns))
    return pl.DataFrame([tuple(row) for row in rows], schema=columns, orient="row")


def newest_products(connection: sa.Connection, partition: Partition) -> Sequence[sa.RowMapping]:
    """Returns the newest version's rows with every column of ``product_rows``, by sku."""
    columns = list(product_rows.columns.keys())
    return _of_newest_version(connection, partition, columns).mappings().all()


def _of_newest_version(
    connection: sa.Connection, partition: Partition, columns: list[str]
) -> sa.CursorResult[Any]:
    return connection.execute(
        sa.select(*(product_rows.c[column] for column in columns))
        .join(partitions, _NEWEST)
        .where(partition.of(product_rows))
        .order_by(product_rows.c.sku)
    )


def record_verdict(work: PartitionWork, verdict: GateVerdict) -> None:
    """Publishes the newest version, or holds the partition and keeps the last green one.

    Where people decided about its rows while it was collected, it waits to be collected again.
    """
    explanation = "; ".join(verdict.reasons) or None
    partition = work.partition
    with work.begin() as connection:
        newest = connection.execute(
            sa.select(partitions.c.newest_version).where(partition.of(partitions))
        ).scalar_one()
        connection.execute(
            sa.update(product_versions)
            .where(partition.of(product_versions), product_versions.c.version == newest)
            .values(
                verdict="green" if verdict.green else "red",
                verdict_reasons=explanation,
                measures=verdict.measures,
                failed_gates=verdict.failed,
                # Published anew: whoever made that happen wants it after all.
                rolled_back_at=None if verdict.green else product_versions.c.rolled_back_at,
            )
        )
        if verdict.green:
            connection.execute(
                sa.update(partitions)
                .where(partition.of(partitions))
                .values(published_version=newest)
            )
        if not verdict.green and _is_decided_meanwhile(connection, partition):
            # Held, it would wait for a decision that was made already.
            life.enter(connection, partition, "waiting")
            return
        life.enter(connection, partition, "published" if verdict.green else "held", explanation)


def _is_decided_meanwhile(connection: sa.Connection, partition: Partition) -> bool:
    """Returns whether a decision came after the newest version's rows were made."""
    usable = sa.select(answers.c.request_id).where(
        answers.c.question_key == product_rows.c.question_key,
        answers.c.status.is_distinct_from("rejected"),
    )
    not_taken = sa.and_(newest_decisions.c.decision != "reject", product_rows.c.status == "review")
    not_rejected = sa.and_(
        newest_decisions.c.decision == "reject",
        product_rows.c.status != "rejected",
        # Asked again after it, the question has an answer that nobody rejected.
        ~sa.exists(usable),
    )
    rows = (
        sa.select(product_rows.c.sku)
        .join(partitions, _NEWEST)
        .join(newest_decisions, newest_decisions.c.question_key == product_rows.c.question_key)
        .where(partition.of(product_rows), sa.or_(not_taken, not_rejected))
    )
    return bool(connection.execute(sa.select(sa.exists(rows))).scalar())


def earlier_measures(
    connection: sa.Connection, partition: Partition, days: int
) -> Sequence[Measures]:
    """Returns what the gates observed on the retailer's last published days before this one.

    Args:
        connection: To the normaliser's database.
        partition: Whose past.
        days: How many at most. Versions that were judged before measures were kept are
            left out.

    Returns:
        Of each day its published version's measures, newest first.
    """
    rows = connection.execute(
        sa.select(product_versions.c.measures)
        .join(
            partitions,
            sa.and_(
                partitions.c.retailer == product_versions.c.retailer,
                partitions.c.day == product_versions.c.day,
                partitions.c.published_version == product_versions.c.version,
            ),
        )
        .where(
            product_versions.c.retailer == partition.retailer,
            product_versions.c.day < partition.day,
            product_versions.c.measures.is_not(None),
        )
        .order_by(product_versions.c.day.desc())
        .limit(days)
    )
    return rows.scalars().all()


def is_published(connection: sa.Connection, partition: Partition) -> bool:
    """Returns whether the partition's newest version is the published one."""
    row = life.read(connection, partition)
    return (
        row is not None
        and row.state == "published"
        and row.newest_version is not None
        and row.newest_version == row.published_version
    )
