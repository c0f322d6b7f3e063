"""Running a partition's two jobs in this process, without a daemon.

Belongs here: what ``normalizer run`` does. Does not belong here: printing.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from normalizer_assets.automation.sweep import sweep
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.polling import BatchProgress
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.definitions import build_definitions
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets.resources.turn import LAUNCH_TAG

UNSETTLED = ("submitted", "waiting", "collecting")


@dataclass(frozen=True)
class Outcome:
    """How a local run left its partition.

    Attributes:
        state: The partition's state, ``None`` where it never landed.
        blocked_reason: Why it is held, failed or blocked.
        errors: What the steps said that failed.
        seconds: How long it took.
    """

    state: str | None
    blocked_reason: str | None
    errors: list[str]
    seconds: float


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """Opens the instance of DAGSTER_HOME; where that is unset, an ephemeral one."""
    if os.environ.get("DAGSTER_HOME"):
        with dg.DagsterInstance.get() as instance:
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
        self._logging = {"loggers": {"console": {"config": {"log_level": level}}}}
        self._definitions = build_definitions(config)
        self.database = Database(config)

    def submit(self, partition: Partition, limit: int | None = None) -> Outcome:
        """Runs ``submit`` once."""
        started = time.monotonic()
        limited = {"raw_products": {"config": {"limit": limit}}} if limit is not None else {}
        errors = self._execute("submit", partition, {"ops": limited}, {})
        return self._outcome(partition, errors, started)

    def collect(
        self, partition: Partition, on_progress: Callable[[BatchProgress], None]
    ) -> Outcome:
        """Does the sensor's work for one partition until it is published, held or failed.

        It may run beside a daemon: who finds the partition taken goes on waiting.
        """
        started = time.monotonic()
        errors: list[str] = []
        engine = self.database.engine
        while self._may_go_on(partition):
            found = sweep(
                engine,
                lambda: connect_api(engine),
                self._config.polling,
                lambda _: False,
                only=partition,
            )
            errors += found.failures
            for change in found.changes:
                on_progress(change)
            for launch in found.launches:
                tags = {LAUNCH_TAG: launch.run_key}
                errors += self._execute(launch.job, partition, {}, tags)
            if not found.launches:
                time.sleep(self._config.polling.interval_seconds)
        return self._outcome(partition, errors, started)

    def _may_go_on(self, partition: Partition) -> bool:
        """Whether the partition is on its way, and nothing stands in it."""
        with self.database.engine.connect() as connection:
            row = life.read(connection, partition)
        return row is not None and row.state in UNSETTLED and row.blocked_reason is None

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
        self, job: str, partition: Partition, run_config: dict[str, Any], tags: dict[str, str]
    ) -> list[str]:
        result = self._definitions.resolve_job_def(job).execute_in_process(
            partition_key=partition.key,
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
