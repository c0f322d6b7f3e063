"""A partition's life: its state, its counts, its lock, and when collecting is due.

Belongs here: every read and write of the table ``partitions``. Does not belong here:
questions and requests (``ledger``), products (``answers.publication``).
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import PollingConfig
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import (
    TERMINAL_BATCH_STATES,
    PartitionState,
    batch_requests,
    batches,
    partition_questions,
    partitions,
    quarantined_listings,
)

LOCK_WAIT_SECONDS = 30.0
"""How long who finds a partition taken waits (DESIGN.md, "One process at a time")."""


def read(connection: sa.Connection, partition: Partition) -> sa.Row[Any] | None:
    """Returns the partition's row, ``None`` where it never landed."""
    return connection.execute(sa.select(partitions).where(partition.of(partitions))).one_or_none()


def record_landing(
    engine: sa.Engine,
    partition: Partition,
    *,
    snapshot: str,
    raw_count: int,
    collapsed_count: int,
    quarantined: pl.DataFrame,
) -> None:
    """Records what landed, in one transaction with its quarantine.

    A partition that is already further keeps its state when the snapshot is the same:
    repeating it must change nothing. Held and failed ones start anew, because a person
    asked for it.

    Args:
        engine: The normaliser's database.
        partition: Which one.
        snapshot: SHA-256 of the kept raw file.
        raw_count: Rows in the raw file.
        collapsed_count: Duplicates of a SKU that were collapsed.
        quarantined: Columns row_number, reason, raw (JSON text).
    """
    values = {
        "raw_snapshot": snapshot,
        "raw_count": raw_count,
        "quarantined_count": quarantined.height,
        "collapsed_count": collapsed_count,
        "blocked_reason": None,
        "attempts": 0,
        "next_attempt_at": None,
    }
    starts_anew = sa.or_(
        partitions.c.raw_snapshot.is_distinct_from(snapshot),
        partitions.c.state.in_(("held", "failed")),
    )
    statement = insert(partitions).values(
        retailer=partition.retailer, day=partition.day, state="landed", **values
    )
    with engine.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["retailer", "day"],
                set_={
                    **values,
                    "state": sa.case((starts_anew, "landed"), else_=partitions.c.state),
                    "updated_at": sa.func.now(),
                },
            )
        )
        connection.execute(
            sa.delete(quarantined_listings).where(partition.of(quarantined_listings))
        )
        bulk.insert(
            connection,
            quarantined_listings,
            quarantined.select(
                pl.lit(partition.retailer).alias("retailer"),
                pl.lit(partition.day).alias("day"),
                "row_number",
                "reason",
                "raw",
            ),
        )


def enter(
    connection: sa.Connection,
    partition: Partition,
    state: PartitionState,
    blocked_reason: str | None = None,
) -> None:
    """Moves the partition to ``state``; states that end an attempt clear the count."""
    ended = state in ("waiting", "published", "held")
    cleared = {"attempts": 0, "next_attempt_at": None} if ended else {}
    connection.execute(
        sa.update(partitions)
        .where(partition.of(partitions))
        .values(state=state, blocked_reason=blocked_reason, **cleared)
    )


def record_individual_cost(
    connection: sa.Connection, partition: Partition, individual_usd: Decimal
) -> None:
    """Keeps what the partition would have cost individually at full, in USD."""
    connection.execute(
        sa.update(partitions).where(partition.of(partitions)).values(individual_usd=individual_usd)
    )


def fail(engine: sa.Engine, partition: Partition, reason: str) -> None:
    """Marks the partition failed: nothing retries it until a person does."""
    with engine.begin() as connection:
        enter(connection, partition, "failed", reason)


@dataclass(frozen=True)
class Launch:
    """A run that the sensor, or ``run --wait``, is to start.

    Attributes:
        partition: For which partition.
        job: ``submit`` or ``collect``.
        run_key: Numbered in the ledger, because Dagster never repeats a run key, not
            even of a failed run (facts/dagster.md, #15982).
    """

    partition: Partition
    job: str
    run_key: str


def due(connection: sa.Connection) -> list[tuple[Partition, str]]:
    """Returns the partitions for which a run is due, with its job, oldest first.

    ``collect`` is due when no batch of the partition is under way any more: then there is
    a batch to harvest, or no question waits for one. ``submit`` is due again when a
    process died between landing and sending: the ledger holds questions that never left,
    or nobody was left to say that all of them had.
    """
    open_batch = (
        sa.select(sa.literal(1))
        .select_from(batch_requests.join(batches))
        .where(
            batch_requests.c.retailer == partitions.c.retailer,
            batch_requests.c.day == partitions.c.day,
            batches.c.state.not_in(TERMINAL_BATCH_STATES),
        )
        .exists()
    )
    has_questions = (
        sa.select(sa.literal(1))
        .where(
            partition_questions.c.retailer == partitions.c.retailer,
            partition_questions.c.day == partitions.c.day,
            partition_questions.c.state == "open",
        )
        .exists()
    )
    job = sa.case(
        (sa.and_(partitions.c.state.in_(("waiting", "collecting")), ~open_batch), "collect"),
        (partitions.c.state == "submitted", "submit"),
        (sa.and_(partitions.c.state == "landed", has_questions), "submit"),
    )
    rows = connection.execute(
        sa.select(partitions.c.day, partitions.c.retailer, job)
        .where(
            job.is_not(None),
            sa.func.coalesce(partitions.c.next_attempt_at, sa.func.now()) <= sa.func.now(),
        )
        .order_by(partitions.c.day, partitions.c.retailer)
    )
    return [(Partition(day, retailer), str(wanted)) for day, retailer, wanted in rows]


def launch(
    engine: sa.Engine, partition: Partition, job: str, polling: PollingConfig
) -> Launch | None:
    """Counts one more attempt at ``job`` and numbers its run key.

    Returns:
        ``None`` when the attempts are used up; the partition is then failed.
    """
    column = partitions.c.submits if job == "submit" else partitions.c.collects
    with engine.begin() as connection:
        row = connection.execute(
            sa.select(partitions.c.attempts, partitions.c.blocked_reason, column.label("number"))
            .where(partition.of(partitions))
            .with_for_update()
        ).one()
        if row.attempts >= polling.attempts:
            cause = f": {row.blocked_reason}" if row.blocked_reason else ""
            enter(
                connection,
                partition,
                "failed",
                f"{job} failed {row.attempts} times{cause}; see the run log, then materialise "
                f"the partition again",
            )
            return None
        pause = polling.backoff_seconds * 2**row.attempts
        connection.execute(
            sa.update(partitions)
            .where(partition.of(partitions))
            .values(
                {
                    column: row.number + 1,
                    partitions.c.attempts: row.attempts + 1,
                    partitions.c.next_attempt_at: datetime.now(UTC) + timedelta(seconds=pause),
                }
            )
        )
    prefix = partition.key if job == "collect" else f"{partition.key}:{job}"
    return Launch(partition, job, f"{prefix}:{row.number + 1}")


def block(engine: sa.Engine, partition: Partition, reason: str) -> None:
    """Records what stands in the way, such as a missing key; that uses up no attempt."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(partitions).where(partition.of(partitions)).values(blocked_reason=reason)
        )
    return_attempt(engine, partition)


def return_attempt(engine: sa.Engine, partition: Partition) -> None:
    """Takes back an attempt that did not fail: the partition was taken, or blocked."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(partitions)
            .where(partition.of(partitions), partitions.c.attempts > 0)
            .values(attempts=partitions.c.attempts - 1)
        )


@contextmanager
def locked(
    engine: sa.Engine, partition: Partition, holder: str, wait_seconds: float = LOCK_WAIT_SECONDS
) -> Iterator[str | None]:
    """Holds the partition's advisory lock on one connection.

    Args:
        engine: The normaliser's database.
        partition: Which one.
        holder: Who asks, for the message to others, such as ``run 1a2b3c4d``.
        wait_seconds: How long to wait for another holder.

    Yields:
        ``None`` when the lock is held, else who holds it.
    """
    # The name of the connection is how others learn who holds the lock; Postgres cuts it
    # at 63 bytes.
    named = sa.create_engine(
        engine.url,
        poolclass=sa.NullPool,
        connect_args={"application_name": f"normalizer {holder}"[:63]},
        isolation_level="AUTOCOMMIT",
    )
    key = {"key": _lock_key(partition)}
    deadline = time.monotonic() + wait_seconds
    with named.connect() as connection:
        while not connection.execute(sa.text("select pg_try_advisory_lock(:key)"), key).scalar():
            if time.monotonic() >= deadline:
                yield holder_of(connection, partition) or "another process"
                return
            time.sleep(min(0.5, wait_seconds))
        try:
            yield None
        finally:
            connection.execute(sa.text("select pg_advisory_unlock(:key)"), key)


def holder_of(connection: sa.Connection, partition: Partition) -> str | None:
    """Returns who holds the partition's lock, ``None`` where it is free."""
    # A bigint key is shown in pg_locks as its two halves.
    return connection.execute(
        sa.text(
            """
            select application_name from pg_locks join pg_stat_activity using (pid)
            where locktype = 'advisory' and granted
              and ((classid::bigint << 32) | objid::bigint) = :key
              and pg_locks.database = (select oid from pg_database
                                       where datname = current_database())
            """
        ),
        {"key": _lock_key(partition)},
    ).scalar()


def _lock_key(partition: Partition) -> int:
    digest = hashlib.sha256(f"partition {partition.key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
