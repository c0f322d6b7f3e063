"""One look at all batches and partitions: what changed, and which runs are due.

Belongs here: the sensor's work without Dagster, shared with ``run --wait``. Does not
belong here: starting the runs.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from normalizer_assets.batching import ledger, life
from normalizer_assets.batching.due import due
from normalizer_assets.batching.life import Launch
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.polling import BatchProgress, alerts, poll
from normalizer_assets.batching.replies import UnreadableReplyError
from normalizer_assets.config import ConfigurationError, NormalizerConfig

if TYPE_CHECKING:
    from openai import OpenAI


ORPHANS_AT_ONCE = 2
"""A look is to take seconds; the next one comes soon."""


@dataclass(frozen=True)
class Sweep:
    """What one look found.

    Attributes:
        changes: Batches whose state or counts changed.
        launches: Runs to start now.
        failures: What went wrong, for people: a look that failed, attempts used up, batches
            that stand still.
        summary: One line for when there is nothing to start.
    """

    changes: list[BatchProgress]
    launches: list[Launch]
    failures: list[str]
    summary: str


def sweep(
    engine: sa.Engine,
    connect_api: Callable[[], "OpenAI"],
    config: NormalizerConfig,
    is_busy: Callable[[Partition], bool],
    only: Collection[Partition] | None = None,
) -> Sweep:
    """Polls the open batches and numbers the runs that are due.

    A look that fails says nothing about a batch: it is reported, and what is due by the
    ledger alone is launched all the same.

    Args:
        engine: The normaliser's database.
        connect_api: Makes the client; called only if a batch is open.
        config: Polling, budgets and limits.
        is_busy: Whether a run of the partition is queued or under way.
        only: Launch for these partitions alone; batches are recorded for all.
    """
    import openai

    failures: list[str] = []
    changes: list[BatchProgress] = []
    with engine.connect() as connection:
        waiting = len(ledger.open_batches(connection))
    if waiting:
        try:
            changes = poll(engine, connect_api())
        except (openai.OpenAIError, UnreadableReplyError, ConfigurationError) as error:
            failures.append(
                f"the list of batches could not be read, the next look tries again: {error}"
            )
    failures += alerts(engine, config.polling)
    failures += _harvest_orphans(engine, connect_api, config)
    with engine.connect() as connection:
        ready = [
            (partition, job)
            for partition, job in due(connection, config)
            if (only is None or partition in only)
            and not is_busy(partition)
            and life.holder_of(connection, partition) is None
        ]
    launches = []
    for partition, job in ready:
        launch = life.launch(engine, partition, job, config.polling)
        if launch is None:
            failures.append(f"{partition.key}: {job} failed too often, the partition is failed")
        else:
            launches.append(launch)
    failures += _remove_old_files(engine, config)
    return Sweep(changes, launches, failures, f"{waiting} batches under way, nothing to collect")


def _remove_old_files(engine: sa.Engine, config: NormalizerConfig) -> list[str]:
    """Removes raw files whose time is over; returns what failed."""
    from upath import UPath

    from normalizer_assets.batching.retention import remove_old_files

    try:
        remove_old_files(engine, UPath(config.paths.storage), config.retention)
    except OSError as error:
        return [f"old files could not be removed, the next look tries again: {error}"]
    return []


def _harvest_orphans(
    engine: sa.Engine, connect_api: Callable[[], "OpenAI"], config: NormalizerConfig
) -> list[str]:
    """Harvests batches whose partitions do not come for them; returns what there is to tell."""
    import openai
    from upath import UPath

    from normalizer_assets.batching.harvest import harvest

    with engine.connect() as connection:
        orphans = ledger.orphans(connection, ORPHANS_AT_ONCE)
    failures = []
    for row in orphans:
        try:
            found = harvest(config, engine, connect_api(), UPath(config.paths.storage), row)
        except (openai.OpenAIError, UnreadableReplyError, ConfigurationError, OSError) as error:
            failures.append(
                f"{row.batch_id} could not be harvested, the next look tries again: {error}"
            )
            continue
        if found is not None and found.refusal is not None:
            # Told here: its partitions start anew when a person asks for it.
            failures.append(f"{row.batch_id}: {found.refusal}")
            with engine.begin() as connection:
                ledger.record_batch(connection, row.shard_hash, alert=None)
    return failures
