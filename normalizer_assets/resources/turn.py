"""A run's turn at its partition: the lock, and everything the work needs.

Belongs here: taking the partition's lock for a whole run and bundling database, API,
storage and configuration. Does not belong here: what is done with them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.openai_client import connect_api

if TYPE_CHECKING:
    import sqlalchemy as sa
    from openai import OpenAI

    from normalizer_assets.batching.work import PartitionWork

PARTITION_TAG = "dagster/partition"
LOCK_WAIT_SECONDS = 30.0
"""How long who finds a partition taken waits (DESIGN.md, "One process at a time")."""
LAUNCH_TAG = "normalizer/launched"
"""Set on runs that the ledger counted as an attempt."""


@dataclass(frozen=True)
class Turn:
    """One run's turn at its partition.

    Attributes:
        work: What the work needs.
        holder: ``None`` where this run holds the partition, else who does.
    """

    work: "PartitionWork"
    holder: str | None

    def is_taken(self, log: dg.DagsterLogManager) -> bool:
        """Returns whether another process works on the partition, and says so."""
        if self.holder is None:
            return False
        log.warning(
            "skipped: %s is being worked on by %s; materialise it again when that has ended",
            self.work.partition.key,
            self.holder,
        )
        return True


@contextmanager
def take_turn(
    config: NormalizerConfig,
    engine: "sa.Engine",
    partition: Partition,
    holder: str,
    wait_seconds: float = LOCK_WAIT_SECONDS,
) -> Iterator[Turn]:
    """Waits for the partition's lock and holds it."""
    from upath import UPath

    from normalizer_assets.batching import life
    from normalizer_assets.batching.work import PartitionWork

    work = PartitionWork(
        partition=partition,
        config=config,
        engine=engine,
        connect_api=lambda: _connect_or_block(engine, partition),
        storage=UPath(config.paths.storage),
    )
    with life.locked(engine, partition, holder, wait_seconds) as other:
        yield Turn(work, other)


def _connect_or_block(engine: "sa.Engine", partition: Partition) -> "OpenAI":
    """Connects to the API; a missing or refused key is no failure of the partition."""
    import openai

    from normalizer_assets.batching import life

    try:
        return connect_api(engine)
    except (ConfigurationError, openai.AuthenticationError) as error:
        life.block(engine, partition, str(error))
        raise dg.Failure(str(error), allow_retries=False) from error
    except openai.APIConnectionError as error:
        raise dg.Failure(
            f"the API cannot be reached ({error.__cause__ or error}); check the network and "
            f"OPENAI_BASE_URL"
        ) from error


def turn_resource(
    config: NormalizerConfig, database: Database, wait_seconds: float = LOCK_WAIT_SECONDS
) -> dg.ResourceDefinition:
    """Returns the resource that holds a run's turn from its first step to its last.

    The in-process executor makes it once a run, so the lock is held on one connection
    over all steps.

    Args:
        config: All settings.
        database: The normaliser's database.
        wait_seconds: How long to wait for another holder of the partition.
    """

    @dg.resource(description="The partition's lock, and what work on it needs.")
    @contextmanager
    def turn(context: dg.InitResourceContext) -> Iterator[Turn]:
        run = context.run
        if run is None or PARTITION_TAG not in run.tags:
            raise dg.DagsterInvariantViolationError(
                "these assets are partitioned: choose one day and one retailer"
            )
        partition = Partition.from_key(run.tags[PARTITION_TAG])
        holder = f"run {run.run_id[:8]}"
        with take_turn(config, database.engine, partition, holder, wait_seconds) as taken:
            if taken.holder is not None and LAUNCH_TAG in run.tags:
                from normalizer_assets.batching import life

                life.return_attempt(database.engine, partition)
            yield taken

    return turn
