"""A run's turn at its partition: the lock, and everything the work needs.

Belongs here: taking the partition's lock for a whole run, and saying in the run's log why
a step ended without a result. Does not belong here: what is done with the turn
(``pipeline``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import dagster as dg

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.openai_client import clients, unreachable

if TYPE_CHECKING:
    import sqlalchemy as sa

    from normalizer_assets.batching.work import PartitionWork
    from normalizer_assets.pipeline import Ending

PARTITION_TAG = "dagster/partition"
LOCK_WAIT_SECONDS = 30.0
"""How long who finds a partition taken waits (DESIGN.md, "One process at a time")."""
LAUNCH_TAG = "normalizer/launched"
"""Set on runs that the ledger counted as an attempt."""

NO_RETRY = {"dagster/max_retries": "0"}
"""Tags of runs that Dagster must never repeat by itself: who pays again, or is counted and
launched anew by the ledger."""

NO_RETRY_OF_STEPS = {"dagster/retry_on_asset_or_op_failure": "false"}
"""Tags of runs that Dagster repeats where their process died, and not for a red gate or a
refusal, whatever the instance's own settings say."""


def is_repeated(run: dg.DagsterRun) -> bool:
    """Returns whether Dagster's daemon repeats a failed run by itself.

    Its tag says so also of runs that no code location has started, such as those of
    ``normalizer run``, and those the daemon cannot repeat.
    """
    return run.tags.get("dagster/will_retry") == "true" and run.remote_job_origin is not None


@dataclass(frozen=True)
class Turn:
    """One run's turn at its partition.

    Attributes:
        work: What the work needs.
        holder: ``None`` where this run holds the partition, else who does.
        held: Why the partition is held, where that came after the sensor launched this run.
    """

    work: "PartitionWork"
    holder: str | None
    held: str | None = None

    @property
    def refusal(self) -> str | None:
        """Why this run may not work on the partition, ``None`` where it may."""
        if self.holder is not None:
            return f"{self.holder} works on the partition"
        return self.held and f"it is held since this run was launched: {self.held}"

    def is_taken(self, log: dg.DagsterLogManager) -> bool:
        """Returns whether this run may not work on the partition, and says why."""
        if self.holder is not None:
            log.warning(
                "skipped: %s is being worked on by %s; materialise it again when that has ended",
                self.work.partition.key,
                self.holder,
            )
        elif self.held is not None:
            log.warning("skipped: %s: %s", self.work.partition.key, self.refusal)
        return self.refusal is not None

    @contextmanager
    def step(self, log: dg.DagsterLogManager) -> Iterator["Ending"]:
        """Runs a step that may end without a result: blocked, held or waiting.

        That is no failure: the run stays green, the later steps are skipped, and the log
        says why.

        Raises:
            dagster.Failure: The API refused a whole batch, or cannot be reached.
        """
        import openai

        from normalizer_assets.batching.errors import BatchFailedError
        from normalizer_assets.pipeline import step

        try:
            with step(self.work) as ended:
                yield ended
        except BatchFailedError as failed:
            raise dg.Failure(str(failed), allow_retries=False) from failed
        except openai.APIConnectionError as error:
            raise dg.Failure(unreachable(error)) from error
        if ended.stop is not None:
            log.warning(ended.stop.reason)


@contextmanager
def take_turn(
    config: NormalizerConfig,
    engine: "sa.Engine",
    partition: Partition,
    holder: str,
    wait_seconds: float = LOCK_WAIT_SECONDS,
) -> Iterator[Turn]:
    """Waits for the partition's lock and holds it."""
    from normalizer_assets.batching.work import turn

    with (
        clients(engine) as connect,
        turn(config, engine, partition, connect, holder, wait_seconds) as (work, other),
    ):
        yield Turn(work, other)


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
        if context.instance is not None:
            # Here and not on the jobs: the button Materialize runs none of them.
            context.instance.add_run_tags(run.run_id, NO_RETRY_OF_STEPS)
        holder = f"run {run.run_id[:8]}"
        with take_turn(config, database.engine, partition, holder, wait_seconds) as taken:
            yield _launched(taken) if LAUNCH_TAG in run.tags else taken

    return turn


def _launched(taken: Turn) -> Turn:
    """Returns the turn of a run that the sensor launched.

    Nobody wants it any more where the partition was held meanwhile, such as by a rollback.
    """
    from normalizer_assets.batching import life

    work = taken.work
    if taken.holder is not None:
        life.return_attempt(work.engine, work.partition)
        return taken
    with work.engine.connect() as connection:
        row = life.read(connection, work.partition)
    if row is None or row.state != "held":
        return taken
    return replace(taken, held=row.blocked_reason or "by its gate")
