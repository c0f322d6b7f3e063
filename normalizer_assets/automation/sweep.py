"""One look at all batches and partitions: what changed, and which runs are due.

Belongs here: the sensor's work without Dagster, shared with ``run --wait``. Does not
belong here: starting the runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from normalizer_assets.batching import ledger, life
from normalizer_assets.batching.life import Launch
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.polling import BatchProgress, poll
from normalizer_assets.config import ConfigurationError, PollingConfig

if TYPE_CHECKING:
    from openai import OpenAI


@dataclass(frozen=True)
class Sweep:
    """What one look found.

    Attributes:
        changes: Batches whose state or counts changed.
        launches: Runs to start now.
        failures: What went wrong, for people: a look that failed, attempts used up.
        summary: One line for when there is nothing to start.
    """

    changes: list[BatchProgress]
    launches: list[Launch]
    failures: list[str]
    summary: str


def sweep(
    engine: sa.Engine,
    connect_api: Callable[[], "OpenAI"],
    polling: PollingConfig,
    is_busy: Callable[[Partition], bool],
    only: Partition | None = None,
) -> Sweep:
    """Polls the open batches and numbers the runs that are due.

    A look that fails says nothing about a batch: it is reported, and what is due by the
    ledger alone is launched all the same.

    Args:
        engine: The normaliser's database.
        connect_api: Makes the client; called only if a batch is open.
        polling: Attempts and backoff.
        is_busy: Whether a run of the partition is queued or under way.
        only: Launch for this partition alone; batches are recorded for all.
    """
    import openai

    failures: list[str] = []
    changes: list[BatchProgress] = []
    with engine.connect() as connection:
        waiting = len(ledger.open_batches(connection))
    if waiting:
        try:
            changes = poll(engine, connect_api())
        except (openai.OpenAIError, ConfigurationError) as error:
            failures.append(f"the list of batches could not be read, next look will: {error}")
    with engine.connect() as connection:
        due = [
            (partition, job)
            for partition, job in life.due(connection)
            if only in (None, partition)
            and not is_busy(partition)
            and life.holder_of(connection, partition) is None
        ]
    launches = []
    for partition, job in due:
        launch = life.launch(engine, partition, job, polling)
        if launch is None:
            failures.append(f"{partition.key}: {job} failed too often, the partition is failed")
        else:
            launches.append(launch)
    return Sweep(changes, launches, failures, f"{waiting} batches under way, nothing to collect")
