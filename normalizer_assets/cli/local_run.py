"""Running a partition's two jobs in this process, without a daemon.

Belongs here: what ``normalizer run`` does. Does not belong here: printing.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from normalizer_assets import direct
from normalizer_assets.automation.looks import WaitsInVainError, looks
from normalizer_assets.batching import life
from normalizer_assets.batching.errors import is_obstacle
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.polling import BatchProgress
from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.definitions import build_definitions
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.openai_client import clients
from normalizer_assets.resources.turn import LAUNCH_TAG

if TYPE_CHECKING:
    from openai import OpenAI


@dataclass(frozen=True)
class Outcome:
    """How a local run left its partition.

    Attributes:
        state: The partition's state, ``None`` where it never landed.
        blocked_by: What stands in its way, ``None`` if nothing does.
        blocked_reason: Why it is held, failed or blocked.
        errors: What the steps said that failed.
        seconds: How long it took.
    """

    state: str | None
    blocked_by: str | None
    blocked_reason: str | None
    errors: list[str]
    seconds: float

    @property
    def is_blocked(self) -> bool:
        """Whether something stands in its way; waiting for company is as good as sent."""
        return is_obstacle(self.blocked_by)

    @property
    def waits_for_company(self) -> bool:
        """Whether it waits for the other small partitions of its day."""
        return self.blocked_by is not None and not self.is_blocked


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """Opens the instance of DAGSTER_HOME; where that is unset, an ephemeral one.

    Raises:
        ConfigurationError: DAGSTER_HOME is no folder.
    """
    if os.environ.get("DAGSTER_HOME"):
        try:
            found = dg.DagsterInstance.get()
        except dg.DagsterInvariantViolationError as error:
            raise ConfigurationError(f"{error}; or unset DAGSTER_HOME") from None
        with found as instance:
            yield instance
    else:
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance


class LocalRun:
    """Executes the jobs of partitions in this process."""

    def __init__(
        self, config: NormalizerConfig, instance: dg.DagsterInstance, *, verbose: bool = False
    ) -> None:
        self._config = config
        self._instance = instance
        level = "INFO" if verbose else "CRITICAL"
        if not verbose:
            # Dagster warns on stderr that a skipped gate gates nothing; the asset behind it
            # is skipped as well, and refuses an unpublished partition by itself.
            logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
        self._logging = {"loggers": {"console": {"config": {"log_level": level}}}}
        self._definitions = build_definitions(config)
        self.database = Database(config)

    def submit(
        self,
        partition: Partition,
        limit: int | None = None,
        *,
        force: bool = False,
        outdated: bool = False,
    ) -> Outcome:
        """Runs ``submit`` once.

        Args:
            partition: Which one.
            limit: Take only the first rows of what landed.
            force: Pay again for what is answered.
            outdated: Pay again for what another model or prompt answered.
        """
        started = time.monotonic()
        given: dict[str, Any] = {}
        if limit is not None:
            given["raw_products"] = {"config": {"limit": limit}}
        if force or outdated:
            given["submitted_batches"] = {"config": {"force": force, "outdated": outdated}}
        errors = self._execute("submit", partition.key, {"ops": given}, {})
        return self._outcome(partition, errors, started)

    def collect(
        self,
        partition: Partition,
        on_progress: Callable[[BatchProgress], None],
        on_failure: Callable[[str], None] = lambda _: None,
    ) -> Outcome:
        """Does the sensor's work for one partition until it is published, held or failed.

        It may run beside a daemon: who finds the partition taken goes on waiting. Partitions
        that ask a question which this one waits for are looked after as well: without a
        daemon nobody else would.

        Args:
            partition: Which one.
            on_progress: Takes how far batches are.
            on_failure: Takes what went wrong in a look, at once: the next may be hours away.
        """
        started = time.monotonic()
        errors: list[str] = []
        engine = self.database.engine
        with clients(engine) as connect:
            try:
                for found in looks(engine, connect, self._config, partition):
                    errors += found.failures
                    for failure in found.failures:
                        on_failure(failure)
                    for change in found.changes:
                        on_progress(change)
                    for launch in found.launches:
                        errors += self._launched(launch, connect)
                    if not found.launches:
                        self._tell()
                        time.sleep(self._config.polling.interval_seconds)
            except WaitsInVainError as error:
                errors.append(str(error))
        self._tell()
        return self._outcome(partition, errors, started)

    def _tell(self) -> None:
        """Tells what needs a hand where somebody is to be told who does not read this.

        A channel that is down is tried again by the next look, whoever's that is.
        """
        from normalizer_assets.alerts.channels import configured
        from normalizer_assets.alerts.delivery import look

        channels = configured(self._config.alerts)
        if channels:
            look(self.database.engine, self._config, channels)

    def _launched(self, launch: life.Launch, connect: Callable[[], "OpenAI"]) -> list[str]:
        if launch.partition.is_direct:
            return direct.attempt(self._config, self.database.engine, launch, connect)
        return self._execute(launch.job, launch.partition.key, {}, {LAUNCH_TAG: launch.run_key})

    def compare(self, day: date) -> list[str]:
        """Compares the prices of a day; returns what its step said if it failed."""
        return self._execute("compare", day.isoformat(), {}, {})

    def wait_for_turn(self, partition: Partition) -> str | None:
        """Returns who works on the partition now, ``None`` if nobody does."""
        with self.database.engine.connect() as connection:
            return life.holder_of(connection, partition)

    def state(self, partition: Partition) -> str | None:
        """Returns the partition's state."""
        with self.database.engine.connect() as connection:
            row = life.read(connection, partition)
        return None if row is None else str(row.state)

    def _execute(
        self, job: str, partition_key: str, run_config: dict[str, Any], tags: dict[str, str]
    ) -> list[str]:
        result = self._definitions.resolve_job_def(job).execute_in_process(
            partition_key=partition_key,
            instance=self._instance,
            run_config=run_config | self._logging,
            tags=tags,
            raise_on_error=False,
        )
        return [
            _message(event.step_failure_data)
            for event in result.all_events
            if event.event_type == dg.DagsterEventType.STEP_FAILURE
            and not _is_red_gate(event.step_failure_data)
        ]

    def _outcome(self, partition: Partition, errors: list[str], started: float) -> Outcome:
        with self.database.engine.connect() as connection:
            row = life.read(connection, partition)
        return Outcome(
            state=None if row is None else row.state,
            blocked_by=None if row is None else row.blocked_by,
            blocked_reason=None if row is None else row.blocked_reason,
            errors=errors,
            seconds=time.monotonic() - started,
        )


def _is_red_gate(failure: Any) -> bool:
    """A red gate fails its step by design; the partition's state says it better."""
    return bool(failure.error.cls_name == "DagsterAssetCheckFailedError")


def _message(failure: Any) -> str:
    """Returns what the step said, without Dagster's frame around it."""
    described = failure.user_failure_data and failure.user_failure_data.description
    if described:
        return str(described)
    error = failure.error
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip().rpartition("normalizer_assets.")[2]
