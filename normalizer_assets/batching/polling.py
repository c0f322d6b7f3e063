"""Looking at the list of batches and recording what changed.

Belongs here: one pass over the API's list. Does not belong here: deciding what is due
(``life``), fetching results (``harvest``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from normalizer_assets.batching import ledger
from normalizer_assets.batching.partition import Partition
from normalizer_assets.db.tables import TERMINAL_BATCH_STATES

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch


@dataclass(frozen=True)
class BatchProgress:
    """A batch whose state or counts changed since the last look."""

    batch_id: str
    state: str
    done: int
    total: int
    partitions: tuple[Partition, ...]


def poll(engine: sa.Engine, client: "OpenAI") -> list[BatchProgress]:
    """Records state and counts of every open batch; returns those that changed.

    The list is paged once, newest first, instead of asking for each batch; what it does
    not show is asked for by id. Raises the SDK's errors: a look that failed says nothing
    about a batch, and nothing is recorded.
    """
    with engine.connect() as connection:
        waiting = {row.batch_id: row for row in ledger.open_batches(connection)}
    changes = []
    for batch in _look(client, set(waiting)):
        row = waiting[batch.id]
        if not _changed(row, batch):
            continue
        with engine.begin() as connection:
            _record(connection, row.shard_hash, batch)
            owners = ledger.partitions_in(connection, row.shard_hash)
        counts = batch.request_counts
        changes.append(
            BatchProgress(
                batch_id=batch.id,
                state=batch.status,
                done=counts.completed + counts.failed if counts else 0,
                total=row.line_count,
                partitions=tuple(owners),
            )
        )
    return changes


def _look(client: "OpenAI", wanted: set[str]) -> Iterator["Batch"]:
    if not wanted:
        return
    for batch in client.batches.list(limit=100):
        if batch.id in wanted:
            wanted.discard(batch.id)
            yield batch
        if not wanted:
            return
    for batch_id in sorted(wanted):
        yield client.batches.retrieve(batch_id)


def _changed(row: sa.Row[Any], batch: "Batch") -> bool:
    counts = batch.request_counts
    seen = (row.state, row.completed_count, row.failed_count)
    return seen != (
        batch.status,
        counts.completed if counts else 0,
        counts.failed if counts else 0,
    )


def _record(connection: sa.Connection, shard_hash: str, batch: "Batch") -> None:
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
        terminal_at=datetime.now(UTC) if terminal else None,
    )
