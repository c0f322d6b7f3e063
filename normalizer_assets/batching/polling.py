"""Looking at the list of batches, recording what changed, and noticing what does not.

Belongs here: one pass over the API's list, alerts about batches that stand still, and
cancelling. Does not belong here: deciding what is due (``due``), fetching results
(``harvest``).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from normalizer_assets.batching import ledger, life, questions
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.replies import expect, pages
from normalizer_assets.config import PollingConfig
from normalizer_assets.db.tables import TERMINAL_BATCH_STATES

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch

COMPLETION_WINDOW = timedelta(hours=24)
"""The API's only one (facts/openai_batch.md, section 1)."""


@dataclass(frozen=True)
class BatchProgress:
    """A batch whose state or counts changed since the last look."""

    batch_id: str
    state: str
    done: int
    total: int
    submitted_at: datetime
    partitions: tuple[Partition, ...]

    def age(self, now: datetime) -> timedelta:
        """Returns the time since it was created."""
        return now - self.submitted_at

    def expected_end(self, now: datetime) -> datetime | None:
        """Returns when it ends if it goes on like this; within the window in any case.

        ``None`` before its first line is done: until then nothing tells.
        """
        if not self.done:
            return None
        rest = self.age(now) * (self.total / self.done - 1)
        return min(now + rest, max(now, self.submitted_at + COMPLETION_WINDOW))


def poll(engine: sa.Engine, client: "OpenAI") -> list[BatchProgress]:
    """Records state and counts of every open batch; returns those that changed.

    The list is paged once, newest first, instead of asking for each batch; what it does
    not show is asked for by id. Raises the SDK's errors and ``UnreadableReplyError``: a
    look that failed says nothing about a batch, and nothing is recorded.
    """
    with engine.connect() as connection:
        waiting = {row.batch_id: row for row in ledger.open_batches(connection)}
    changes = []
    for batch in _look(client, set(waiting)):
        row = waiting[batch.id]
        if not _changed(row, batch):
            continue
        with engine.begin() as connection:
            record(connection, row.shard_hash, batch)
            owners = ledger.partitions_in(connection, row.shard_hash)
        counts = batch.request_counts
        changes.append(
            BatchProgress(
                batch_id=batch.id,
                state=batch.status,
                done=counts.completed + counts.failed if counts else 0,
                total=row.line_count,
                submitted_at=row.submitted_at,
                partitions=tuple(owners),
            )
        )
    return changes


def _look(client: "OpenAI", wanted: set[str]) -> Iterator["Batch"]:
    from openai import NotFoundError
    from openai.types import Batch

    if not wanted:
        return
    for batch in pages(Batch, lambda: client.batches.list(limit=100)):
        if batch.id in wanted:
            wanted.discard(batch.id)
            yield batch
        if not wanted:
            return
    for batch_id in sorted(wanted):
        # One that this key does not see (another project's) must not hide the others: that
        # it stands still is told after ``polling.stalled_hours``.
        with suppress(NotFoundError):
            yield expect(Batch, client.batches.retrieve(batch_id))


def _changed(row: sa.Row[Any], batch: "Batch") -> bool:
    counts = batch.request_counts
    seen = (row.state, row.completed_count, row.failed_count)
    return seen != (
        batch.status,
        counts.completed if counts else 0,
        counts.failed if counts else 0,
    )


def record(connection: sa.Connection, shard_hash: str, batch: "Batch") -> None:
    """Records how the API shows a batch."""
    terminal = batch.status in TERMINAL_BATCH_STATES
    counts = batch.request_counts
    ledger.record_batch(
        connection,
        shard_hash,
        state=batch.status,
        completed_count=counts.completed if counts else 0,
        failed_count=counts.failed if counts else 0,
        # The API says "" instead of null for a file that does not exist.
        output_file_id=batch.output_file_id or None,
        error_file_id=batch.error_file_id or None,
        errors=batch.errors.to_dict() if batch.errors else None,
        usage=batch.usage.to_dict() if batch.usage else None,
        alert=None,
        progressed_at=sa.func.now(),
        terminal_at=datetime.now(UTC) if terminal else None,
    )


def cancel(engine: sa.Engine, client: "OpenAI", row: sa.Row[Any]) -> None:
    """Asks the API to cancel a batch, and records how it stands then.

    What is done until then is billed, kept and harvested. A batch that ended meanwhile is
    no error.
    """
    import openai
    from openai.types import Batch

    try:
        # The SDK would repeat a conflict for seconds; the batch has ended then.
        reply = client.with_options(max_retries=0).batches.cancel(row.batch_id)
    except openai.ConflictError:
        reply = client.batches.retrieve(row.batch_id)
    with engine.begin() as connection:
        record(connection, row.shard_hash, expect(Batch, reply))
        ledger.record_batch(
            connection, row.shard_hash, cancel_requested_at=row.cancel_requested_at or sa.func.now()
        )


# --- standing still -----------------------------------------------------------------


def alerts(engine: sa.Engine, polling: PollingConfig) -> list[str]:
    """Returns what is to be told about batches that stand still, each once.

    A batch that does not end after its cancel blocks its partitions: its lines may still
    be executed, so only a person may release them.
    """
    told = []
    with engine.begin() as connection:
        for row in ledger.open_batches(connection):
            alert = standstill(row, polling)
            if alert is None or row.alert == alert:
                continue
            ledger.record_batch(connection, row.shard_hash, alert=alert)
            told.append(f"{row.batch_id}: {alert}")
            if row.cancel_requested_at is not None and row.released_at is None:
                stuck = BlockedError("stuck", f"{row.batch_id}: {alert}")
                for partition in ledger.partitions_in(connection, row.shard_hash):
                    standing = life.read(connection, partition)
                    # One that has ended says why, and waits for nothing.
                    if standing is not None and standing.state in ("submitted", "waiting"):
                        life.block(connection, partition, stuck, pause_seconds=0)
        told += _late_waiters(connection)
    return told


def _late_waiters(connection: sa.Connection) -> list[str]:
    """Tells, once, of partitions that wait past their deadline for another's answer.

    They never ask it themselves while the other holds it (DESIGN.md, "Two keys").
    """
    told = []
    for partition in questions.late_waiters(connection):
        askers = ", ".join(questions.waited_for(connection, partition))
        reason = f"past its deadline it still waits for questions that {askers} asks"
        life.record(connection, partition, blocked_reason=reason)
        told.append(f"{partition.key}: {reason}")
    return told


def standstill(row: sa.Row[Any], polling: PollingConfig) -> str | None:
    """Says that an open batch stands still, and what to do; ``None`` where it does not."""
    now = datetime.now(UTC)
    cancelled, progressed = row.cancel_requested_at, row.progressed_at or row.submitted_at
    if cancelled is not None:
        if now - cancelled < timedelta(hours=polling.cancelling_hours):
            return None
        return (
            f"{row.state} {polling.cancelling_hours:g} h after its cancel; its lines wait, and "
            f"may be paid twice if they are asked again: `normalizer batches resubmit "
            f"{row.batch_id}` releases them"
        )
    if row.state == "finalizing":
        limit = timedelta(minutes=polling.finalizing_minutes)
        if now - progressed >= limit:
            return f"finalizing for {polling.finalizing_minutes:g} minutes"
    elif now - progressed >= timedelta(hours=polling.stalled_hours):
        return f"no progress for {polling.stalled_hours:g} h ({row.state})"
    return None
