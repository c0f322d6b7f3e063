"""Showing an earlier version of a partition again.

Belongs here: which version that is, what changes with it, and what keeps the later one from
coming back by itself. Does not belong here: writing and judging versions (``versions``).

A rollback moves what ``published_products`` shows and nothing else of the versions: the later
one stays as it was judged, and ``normalized_products`` goes on showing the newest. The
partition is held, so that no sensor and no schedule touches it; a person's run or
materialisation publishes anew, the same version where nothing else has changed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from normalizer_assets.batching import ledger, life
from normalizer_assets.batching.errors import OperationError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.cache import entries
from normalizer_assets.db.tables import cache_entries, product_rows, product_versions

COMPARED = (
    "name", "category", "category_group", "price", "brand", "model", "attributes",
    "normalized_name", "category_suggestion", "confidence", "status",
)  # fmt: skip
"""Columns by which rows of two versions differ, for who reads products."""

BOUGHT = ("batch", "individual", "legacy")


@dataclass(frozen=True)
class ShownVersion:
    """One version that was published.

    Attributes:
        number: Its number within the partition.
        rows: Its products.
        verdict: What the gates say of it now.
        created_at: When it was written.
    """

    number: int
    rows: int
    verdict: str
    created_at: datetime


@dataclass(frozen=True)
class Rollback:
    """What a rollback would change.

    Attributes:
        partition: Which one.
        shown: The version that is published.
        earlier: The one that would be.
        returning: Products that the earlier version has alone.
        leaving: Products that the shown version has alone.
        differing: Products in both that differ in a compared column.
        columns: Compared column -> products that differ in it, where any does.
        entries: Entries of the cache that would leave.
    """

    partition: Partition
    shown: ShownVersion
    earlier: ShownVersion
    returning: int
    leaving: int
    differing: int
    columns: dict[str, int]
    entries: int

    def figures(self) -> dict[str, Any]:
        """Returns the same as JSON values."""
        return {
            "partition": self.partition.key,
            **{
                name: {
                    "version": version.number,
                    "rows": version.rows,
                    "verdict": version.verdict,
                    "created_at": version.created_at.isoformat(),
                }
                for name, version in (("shown", self.shown), ("earlier", self.earlier))
            },
            "returning": self.returning,
            "leaving": self.leaving,
            "differing": self.differing,
            "columns": self.columns,
            "cache_entries": self.entries,
        }


def find_rollback(connection: sa.Connection, partition: Partition) -> Rollback:
    """Says what showing the last green version before the published one would change.

    One that was rolled back itself is left out, unless it was published anew.

    Raises:
        OperationError: There is none.
    """
    row = life.read(connection, partition)
    if row is None:
        raise OperationError(
            f"{partition.key} has never landed; `normalizer stats` lists what there is"
        )
    if row.published_version is None:
        raise OperationError(
            f"no version of {partition.key} was ever published, so there is none to go back to"
        )
    versions = connection.execute(
        sa.select(product_versions)
        .where(
            partition.of(product_versions),
            sa.or_(
                product_versions.c.version == row.published_version,
                sa.and_(
                    product_versions.c.version < row.published_version,
                    product_versions.c.verdict == "green",
                    # Taken back before: nobody wants it again.
                    product_versions.c.rolled_back_at.is_(None),
                ),
            ),
        )
        .order_by(product_versions.c.version.desc())
        .limit(2)
    ).all()
    if len(versions) == 1:
        raise OperationError(
            f"{partition.key} shows version {row.published_version}, and before it there is no "
            f"green version that was not rolled back; nothing was changed"
        )
    shown, earlier = (
        ShownVersion(each.version, each.row_count, each.verdict, each.created_at)
        for each in versions
    )
    numbers = {"shown": shown.number, "earlier": earlier.number}
    counts = (
        connection.execute(
            sa.text(_COMPARISON),
            {"retailer": partition.retailer, "day": partition.day, **numbers},
        )
        .mappings()
        .one()
    )
    leaving_entries = connection.execute(
        sa.select(sa.func.count())
        .select_from(cache_entries)
        .where(_entries_of_shown_alone(partition, **numbers))
    )
    return Rollback(
        partition=partition,
        shown=shown,
        earlier=earlier,
        returning=counts["returning"],
        leaving=counts["leaving"],
        differing=counts["differing"],
        columns={column: counts[f"in_{column}"] for column in COMPARED if counts[f"in_{column}"]},
        entries=leaving_entries.scalar_one(),
    )


def roll_back(engine: sa.Engine, planned: Rollback, epoch: int) -> entries.Forgotten:
    """Shows the earlier version, and holds the partition.

    What is under way for it is let go: what was never sent is taken back, what was sent is
    harvested and kept, and nobody collects the partition until a person runs it.

    Args:
        engine: The normaliser's database.
        planned: What was said to change.
        epoch: Number of this turn at the partition; its lock is held.

    Returns:
        The entries that left the cache: what serves by likeness are answers of published
        versions.

    Raises:
        OperationError: Another version is published by now.
        LostTurnError: Another process has taken the partition.
    """
    partition, shown, earlier = planned.partition, planned.shown.number, planned.earlier.number
    with engine.begin() as connection:
        life.check_epoch(connection, partition, epoch)
        row = life.read(connection, partition)
        if row is None or row.published_version != shown:
            published = None if row is None else row.published_version
            raise OperationError(
                f"version {published} is published now, not version {shown}; nothing was "
                f"changed, type the command again"
            )
        connection.execute(
            sa.update(product_versions)
            .where(partition.of(product_versions), product_versions.c.version == shown)
            .values(rolled_back_at=sa.func.now())
        )
        ledger.stand_down(connection, partition)
        life.record(connection, partition, published_version=earlier)
        life.enter(
            connection,
            partition,
            "held",
            f"{life.ROLLED_BACK} from version {shown} to version {earlier}; a run or a "
            f"materialisation publishes anew",
        )
        return entries.forget(connection, _entries_of_shown_alone(partition, shown, earlier))


_COMPARISON = f"""
with shown as (
    select * from normalizer.product_rows
    where (retailer, day, version) = (:retailer, :day, :shown)),
earlier as (
    select * from normalizer.product_rows
    where (retailer, day, version) = (:retailer, :day, :earlier)),
both_of_them as (
    select {", ".join(f"shown.{it} is distinct from earlier.{it} as in_{it}" for it in COMPARED)}
    from shown join earlier using (sku))
select
    (select count(*) from earlier where sku not in (select sku from shown)) as returning,
    (select count(*) from shown where sku not in (select sku from earlier)) as leaving,
    count(*) filter (where {" or ".join(f"in_{it}" for it in COMPARED)}) as differing,
    {", ".join(f"count(*) filter (where in_{it}) as in_{it}" for it in COMPARED)}
from both_of_them
"""


def _entries_of_shown_alone(
    partition: Partition, shown: int, earlier: int
) -> "sa.ColumnElement[bool]":
    """Returns the condition on cache entries that rest on what the shown version has alone.

    They were entered for this partition, and the earlier version has no accepted row that
    says the same. What a person said is no version's.
    """
    later, kept = product_rows.alias("later"), product_rows.alias("kept")
    says_the_same = sa.and_(
        kept.c.question_key == later.c.question_key,
        *(
            kept.c[column].is_not_distinct_from(later.c[column])
            for column in ("brand", "model", "attributes")
        ),
    )
    stays = sa.select(kept.c.sku).where(
        kept.c.retailer == partition.retailer,
        kept.c.day == partition.day,
        kept.c.version == earlier,
        kept.c.status == "accepted",
        says_the_same,
    )
    of_shown_alone = sa.select(later.c.question_key).where(
        later.c.retailer == partition.retailer,
        later.c.day == partition.day,
        later.c.version == shown,
        later.c.status == "accepted",
        later.c.answered_by.in_(BOUGHT),
        ~stays.correlate(later).exists(),
    )
    return sa.and_(partition.of(cache_entries), cache_entries.c.question_key.in_(of_shown_alone))
