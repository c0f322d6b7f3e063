"""One partition's intake from end to end: find, keep, read, clean.

Belongs here: the order of the steps. Does not belong here: the steps.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.intake.errors import LayoutError
from normalizer_assets.intake.landing import Snapshot, find_landed_file, keep_snapshot
from normalizer_assets.intake.listings import Intake, clean_listings
from normalizer_assets.intake.reading import (
    has_read_rows,
    is_shared,
    read_rows,
    read_sql,
    select_partition,
)


@dataclass(frozen=True)
class PartitionIntake:
    """What landed for a partition, and what became of it.

    Attributes:
        origin: The file, or the SQL source's name.
        snapshot: The raw content that was kept.
        intake: Listings, quarantine and counts.
    """

    origin: str
    snapshot: Snapshot
    intake: Intake


def take_in(
    config: NormalizerConfig,
    retailer: str,
    day: date,
    environ: Mapping[str, str] = os.environ,
    *,
    limit: int | None = None,
) -> PartitionIntake | None:
    """Takes in the listings of one partition.

    The snapshot is kept before a row is judged. Of a file that belongs to one partition
    it is the file, byte for byte. Of a file that many partitions share, and of SQL, it
    is the partition's rows as text, in ndjson: the other days of a growing file must
    not change the snapshot of a published day, nor be copied with every day.

    Args:
        config: Retailers, sources, limits and folders.
        retailer: Slug of the shop; a key of ``[retailers]``.
        day: Scrape day.
        environ: Holds the database URL of an SQL source.
        limit: Take only the first so many rows; the snapshot is whole all the same.

    Returns:
        The intake, or ``None`` where nothing has landed.

    Raises:
        IntakeError: The landed file cannot be taken in; ``EmptyLandingError`` where it
            holds no listing.
    """
    source_name = config.retailers[retailer].source
    source = config.sources[source_name]
    storage = config.paths.storage
    if source.sql:
        rows = read_sql(source, retailer, day, environ)
        if rows.is_empty():
            return None
        origin = f"[sources.{source_name}]"
        snapshot = keep_snapshot(_ndjson(rows), "ndjson", storage)
    else:
        path = find_landed_file(source, config.paths.landing, day, retailer)
        if path is None:
            return None
        content, origin = path.read_bytes(), str(path)
        if not is_shared(source):
            snapshot = keep_snapshot(content, path.suffix, storage)
        try:
            rows = select_partition(read_rows(content, source, path.suffix), source, retailer, day)
        except LayoutError as error:
            raise LayoutError(f"{origin} ({retailer}, {day}): {error}") from error
        if is_shared(source):
            if not has_read_rows(rows):
                return None
            snapshot = keep_snapshot(_ndjson(rows), "ndjson", storage)
    rows = rows if limit is None else rows.head(limit)
    return PartitionIntake(
        origin, snapshot, clean_listings(rows, source, config.intake, retailer, day, origin)
    )


def _ndjson(rows: pl.DataFrame) -> bytes:
    return rows.write_ndjson().encode()
