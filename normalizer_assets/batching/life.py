"""A partition's life: its state, its counts, its lock, and when a run of it is due.

Belongs here: every read and write of the table ``partitions``. Does not belong here:
questions (``questions``), requests (``ledger``), products (``publishing``).
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from normalizer_assets.batching import ledger
from normalizer_assets.batching.errors import BlockedError, LostTurnError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import PollingConfig
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import PartitionState, partitions, quarantined_listings

LOCK_WAIT_SECONDS = 30.0
"""How long who finds a partition taken waits (DESIGN.md, "One process at a time")."""

ROLLED_BACK = "rolled back"
"""Begins why a partition is held whose earlier version a person has brought back."""


def read(connection: sa.Connection, partition: Partition) -> sa.Row[Any] | None:
    """Returns the partition's row, ``None`` where it never landed."""
    return connection.execute(
        sa.select(partitions).where(
            partition.of(partitions), partitions.c.raw_snapshot.is_not(None)
        )
    ).one_or_none()


def record_landing(
    connection: sa.Connection,
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
        connection: In a transaction for the partition.
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
        **_UNBLOCKED,
    }
    starts_anew = sa.or_(
        partitions.c.raw_snapshot.is_distinct_from(snapshot),
        partitions.c.state.in_(("held", "failed")),
    )
    statement = insert(partitions).values(
        retailer=partition.retailer, day=partition.day, state="landed", **values
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["retailer", "day"],
            set_={
                **values,
                # A run that the sensor launches lands again, too: were its attempts forgotten
                # here, one that fails in each would be launched for ever.
                **{
                    name: sa.case((starts_anew, _UNBLOCKED[name]), else_=partitions.c[name])
                    for name in ("attempts", "next_attempt_at")
                },
                "state": sa.case((starts_anew, "landed"), else_=partitions.c.state),
                "round": sa.case((starts_anew, 1), else_=partitions.c.round),
                "updated_at": sa.func.now(),
            },
        )
    )
    connection.execute(sa.delete(quarantined_listings).where(partition.of(quarantined_listings)))
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


_UNBLOCKED: dict[str, Any] = {
    "blocked_by": None,
    "blocked_reason": None,
    "blocked_usd": None,
    "attempts": 0,
    "next_attempt_at": None,
}


def enter(
    connection: sa.Connection,
    partition: Partition,
    state: PartitionState,
    reason: str | None = None,
) -> None:
    """Moves the partition to ``state``; states that end an attempt clear the count.

    Args:
        connection: In a transaction.
        partition: Which one.
        state: Its new state.
        reason: Why it is held or failed, for people.
    """
    ended = state in ("waiting", "published", "held")
    cleared = _UNBLOCKED if ended else {"blocked_by": None, "blocked_usd": None}
    connection.execute(
        sa.update(partitions)
        .where(partition.of(partitions))
        .values({**cleared, "state": state, "blocked_reason": reason})
    )


def make_due(connection: sa.Connection, question_keys: Sequence[str]) -> list[Partition]:
    """Lets held partitions with these questions in their newest version be collected again.

    Only where nothing is left to ask, so that nothing is paid: what a red canary held stays
    held (DESIGN.md, "A partition's life"). Nor what was rolled back: a decision on any of its
    questions would publish again what a person has just taken away.
    """
    # Before the update looks at states: who is about to hold one of them either sees the
    # decisions (``versions.record_verdict``), or is waited for here and then found held.
    connection.execute(
        sa.text(
            """
            select from normalizer.partitions
            where exists (select from normalizer.product_rows product
                          where (product.retailer, product.day, product.version)
                              = (partitions.retailer, partitions.day, partitions.newest_version)
                            and product.question_key = any(:keys))
            order by day, retailer for update
            """
        ),
        {"keys": list(question_keys)},
    )
    rows = connection.execute(
        sa.text(
            """
            update normalizer.partitions held
            set state = 'waiting', blocked_by = null, blocked_reason = null, blocked_usd = null,
                attempts = 0, next_attempt_at = null, updated_at = now()
            where state = 'held' and coalesce(not starts_with(blocked_reason, :rolled_back), true)
              and exists (select from normalizer.product_rows product
                          where (product.retailer, product.day, product.version)
                              = (held.retailer, held.day, held.newest_version)
                            and product.question_key = any(:keys))
              and not exists (select from normalizer.partition_questions question
                              where (question.retailer, question.day) = (held.retailer, held.day)
                                and question.state = 'open')
            returning day, retailer
            """
        ),
        {"keys": list(question_keys), "rolled_back": ROLLED_BACK},
    )
    return sorted(
        (Partition(row.day, row.retailer) for row in rows), key=lambda partition: partition.key
    )


def record(connection: sa.Connection, partition: Partition, **values: object) -> None:
    """Updates columns of the partition's row."""
    connection.execute(sa.update(partitions).where(partition.of(partitions)).values(**values))


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
            # Nothing retries it from here on: whoever waits for it would wait for ever.
            ledger.stand_down(connection, partition)
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


def block(
    connection: sa.Connection, partition: Partition, blocked: BlockedError, pause_seconds: float
) -> None:
    """Records what stands in the way, such as a missing key; that uses up no attempt.

    Args:
        connection: In a transaction.
        partition: Which one.
        blocked: What and why.
        pause_seconds: Until the next try, where nothing else tells when there is room.
    """
    connection.execute(
        sa.update(partitions)
        .where(partition.of(partitions))
        .values(
            blocked_by=blocked.by,
            blocked_reason=blocked.reason,
            blocked_usd=blocked.usd,
            attempts=sa.func.greatest(partitions.c.attempts - 1, 0),
            next_attempt_at=datetime.now(UTC) + timedelta(seconds=pause_seconds),
        )
    )


def return_attempt(engine: sa.Engine, partition: Partition) -> None:
    """Takes back an attempt that did not fail: the partition was taken."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(partitions)
            .where(partition.of(partitions), partitions.c.attempts > 0)
            .values(attempts=partitions.c.attempts - 1)
        )


# --- one process at a time ------------------------------------------------------------


@dataclass(frozen=True)
class Hold:
    """Whether the lock was taken.

    Attributes:
        epoch: Number of this turn, where it was.
        holder: Who has the partition, where it was not.
    """

    epoch: int = 0
    holder: str | None = None


@contextmanager
def locked(
    engine: sa.Engine, partition: Partition, holder: str, wait_seconds: float = LOCK_WAIT_SECONDS
) -> Iterator[Hold]:
    """Holds the partition's advisory lock on one connection, and raises its epoch.

    Args:
        engine: The normaliser's database.
        partition: Which one.
        holder: Who asks, for the message to others, such as ``run 1a2b3c4d``.
        wait_seconds: How long to wait for another holder.
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
                yield Hold(holder=holder_of(connection, partition) or "another process")
                return
            time.sleep(min(0.5, wait_seconds))
        epoch = connection.execute(sa.text(_RAISE_EPOCH), _name(partition)).scalar_one()
        try:
            yield Hold(epoch=epoch)
        finally:
            # A connection that broke has lost the lock already; what the work did stands.
            with suppress(sa.exc.OperationalError):
                connection.execute(sa.text(_FORGET_UNLANDED), _name(partition))
                connection.execute(sa.text("select pg_advisory_unlock(:key)"), key)


# Who comes first has no row to count in yet.
_RAISE_EPOCH = """
insert into normalizer.partitions (retailer, day, state, epoch)
values (:retailer, :day, 'landed', 1)
on conflict (retailer, day) do update set epoch = partitions.epoch + 1
returning epoch
"""

_FORGET_UNLANDED = """
delete from normalizer.partitions
where retailer = :retailer and day = :day and raw_snapshot is null
"""


def check_epoch(connection: sa.Connection, partition: Partition, epoch: int) -> None:
    """Makes sure, until the transaction ends, that nobody else has taken the partition.

    Raises:
        LostTurnError: Somebody has.
    """
    current = connection.execute(
        sa.select(partitions.c.epoch).where(partition.of(partitions)).with_for_update(read=True)
    ).scalar()
    if current not in (None, epoch):
        raise LostTurnError(
            f"another process has taken {partition.key} (turn {current}, this was turn {epoch}); "
            f"nothing more is written here, and nothing is lost"
        )


def seize(connection: sa.Connection, partition: Partition) -> bool:
    """Takes a partition that nobody works on until the transaction ends; returns whether.

    Never waits for its lock, so that who holds one partition cannot deadlock over another.
    Its epoch is raised: a process that lost its lock with its connection may still live, and
    would go on asking what is about to pass to another partition.
    """
    free = connection.execute(
        sa.text("select pg_try_advisory_xact_lock(:key)"), {"key": _lock_key(partition)}
    ).scalar()
    if free:
        record(connection, partition, epoch=partitions.c.epoch + 1)
    return bool(free)


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


def _name(partition: Partition) -> dict[str, Any]:
    return {"retailer": partition.retailer, "day": partition.day}
