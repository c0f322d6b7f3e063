"""Removing raw files whose time is over.

Belongs here: which kept files a batch has, and removing those that nobody needs any more.
Does not belong here: writing them (``submission``, ``harvest``, ``cache.vectors``), and
what the ledger holds: rows and raw replies in it stay.

A file goes so many days after its batch was harvested (section ``retention`` of the
configuration), and never while a partition in the batch is not published.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
from upath import UPath

from normalizer_assets.batching import ledger
from normalizer_assets.config import RetentionConfig
from normalizer_assets.db.tables import batch_requests, batches, partitions

AT_ONCE = 50
"""Batches, and files of embedding calls, that one look removes at most."""

_EMBEDDING_FILE = re.compile(r"(\d+)\.(asked|reply)\.json(?:\.partial)?")
_OPEN = ("planned", "sent", "received")


def request_file(storage: UPath, batch: sa.Row[Any]) -> UPath:
    """Returns where the file of a batch as sent is kept."""
    return storage / "requests" / str(batch.file_name)


def result_files(storage: UPath, batch: sa.Row[Any]) -> dict[str, UPath]:
    """Returns where the files of a batch as received are kept: ``output`` and ``error``."""
    if batch.batch_id is None:
        return {}
    return {
        kind: storage / "results" / f"{batch.batch_id}.{kind}.jsonl" for kind in ("output", "error")
    }


def remove_old_files(engine: sa.Engine, storage: UPath, config: RetentionConfig) -> int:
    """Removes files whose time is over, of a bounded number of batches.

    Args:
        engine: The normaliser's database.
        storage: Where request and result files are kept.
        config: How long.

    Returns:
        How many files were removed.

    Raises:
        OSError: The storage refuses; the next look tries again.
    """
    now = datetime.now(UTC)
    requests_before = now - timedelta(days=config.request_files_days)
    results_before = now - timedelta(days=config.result_files_days)
    return (
        _remove_request_files(engine, storage, requests_before)
        + _remove_result_files(engine, storage, results_before)
        + _remove_embedding_files(engine, storage, requests_before, results_before)
    )


def _remove_request_files(engine: sa.Engine, storage: UPath, before: datetime) -> int:
    # The folder itself says which are still there.
    names = _names(storage / "requests")
    if not names:
        return 0
    with engine.connect() as connection:
        old = _closed_batches(connection, before, batches.c.file_name == _any_of(names, sa.Text))
    return _unlink(request_file(storage, batch) for batch in old)


def _remove_result_files(engine: sa.Engine, storage: UPath, before: datetime) -> int:
    with engine.connect() as connection:
        old = _closed_batches(connection, before, batches.c.files_removed_at.is_(None))
    removed = 0
    for batch in old:
        files = result_files(storage, batch).values()
        partial = [file.with_name(f"{file.name}.partial") for file in files]
        removed += _unlink([*files, *partial])
        with engine.begin() as connection:
            ledger.record_batch(connection, batch.shard_hash, files_removed_at=sa.func.now())
    return removed


def _closed_batches(
    connection: sa.Connection, harvested_before: datetime, condition: sa.ColumnElement[bool]
) -> list[sa.Row[Any]]:
    """Returns the oldest batches whose partitions are all published.

    None that asks for vectors: they are in its files alone until who bought them has read them
    and removed the files (``cache.embedding_batches``).
    """
    needed = ledger.carries_partition(partitions.c.state != "published") | ledger.asks_for_vectors()
    rows = connection.execute(
        sa.select(batches)
        .where(batches.c.harvested_at <= harvested_before, condition, ~needed)
        .order_by(batches.c.harvested_at)
        .limit(AT_ONCE)
    )
    return list(rows)


def _remove_embedding_files(
    engine: sa.Engine, storage: UPath, asked_before: datetime, replies_before: datetime
) -> int:
    """Removes what embedding calls left that ended without vectors; good ones leave nothing."""
    folder = storage / "embeddings"
    found = [name for name in map(_EMBEDDING_FILE.fullmatch, _names(folder)) if name]
    if not found:
        return 0
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(batch_requests.c.request_id, batch_requests.c.settled_at).where(
                batch_requests.c.request_id
                == _any_of([int(name[1]) for name in found], sa.BigInteger),
                batch_requests.c.state.not_in(_OPEN),
            )
        )
        settled = {row.request_id: row.settled_at for row in rows}
    before = {"asked": asked_before, "reply": replies_before}
    old = (
        folder / name[0]
        for name in found
        if int(name[1]) in settled and settled[int(name[1])] <= before[name[2]]
    )
    return _unlink(islice(old, AT_ONCE))


def _any_of(
    values: Sequence[object], kind: type[sa.Text | sa.BigInteger]
) -> sa.CollectionAggregate[Any]:
    """Returns ``any(values)`` as one parameter: there may be more than a statement takes."""
    return sa.any_(sa.literal(values, sa.ARRAY(kind)))


def _names(folder: UPath) -> list[str]:
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def _unlink(files: Iterable[UPath]) -> int:
    """Removes those of the files that are there, and says how many they were."""
    present = [file for file in files if file.exists()]
    for file in present:
        file.unlink(missing_ok=True)  # another process may do the same
    return len(present)
