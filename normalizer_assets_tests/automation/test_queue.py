"""A long backfill waits in the queue: limits hold, what has begun goes first, all of it runs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)

from normalizer_assets.automation.dagster_home import SHARED_SETTINGS
from normalizer_assets.automation.jobs import BEGUN_FIRST, NIGHT_FIRST
from normalizer_assets.config import load_config
from normalizer_assets.definitions import build_definitions

MOCKED_LAUNCHER = """
run_launcher:
  module: dagster._core.test_utils
  class: MockedRunLauncher
  config: {}
"""
"""Dagster's own: a run that leaves the queue stays STARTING until the test ends it."""

REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("normalizer_assets"), "any")
"""What the queue wants to know of a run; nobody loads it."""

RETAILERS = ("lider", "jumbo", "falabella", "paris")
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


class Queue:
    """A real instance with the shipped settings, and the daemon that lets runs leave the queue."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.definitions = build_definitions(load_config({}))
        self._daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)

    def add(self, job: str, day: date, retailer: str | None, **tags: str) -> None:
        key = day.isoformat() if retailer is None else f"{day}|{retailer}"
        of_retailer = {"dagster/partition/retailer": retailer} if retailer else {}
        self.instance.create_run_for_job(
            self.definitions.resolve_job_def(job),
            status=dg.DagsterRunStatus.QUEUED,
            tags={"dagster/partition": key, **of_retailer, **tags},
            remote_job_origin=RemoteJobOrigin(REPOSITORY, job),
        )

    def look(self) -> list[dg.DagsterRun]:
        """Lets the daemon look once; returns the runs under way."""
        with create_test_daemon_workspace_context(EmptyWorkspaceTarget(), self.instance) as space:
            list(self._daemon.run_iteration(space))
        return list(self.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)))

    def end(self, run: dg.DagsterRun) -> None:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name)
        self.instance.report_dagster_event(event, run.run_id)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    settings = SHARED_SETTINGS.read_text(encoding="utf-8") + MOCKED_LAUNCHER
    (tmp_path / "dagster.yaml").write_text(settings, encoding="utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield Queue(instance)


def most_of(runs: list[dg.DagsterRun]) -> Mapping[str, int]:
    retailers = Counter(run.tags.get("dagster/partition/retailer") for run in runs)
    retailers.pop(None, None)
    return {
        "runs": len(runs),
        "of a retailer": max(retailers.values(), default=0),
        "of backfills": sum("dagster/backfill" in run.tags for run in runs),
        "that ask the API": sum(run.job_name in ("submit", "collect") for run in runs),
    }


FIRST = date(2024, 1, 1)


@pytest.mark.slow
def test_a_backfill_keeps_to_the_limits_until_its_last_partition(queue: Queue) -> None:
    # Dagster learns of a pool at the first look that meets it, and limits it from the next.
    queue.add("submit", FIRST, "paris")
    queue.end(*queue.look())
    for number in range(60):
        day, retailer = FIRST + timedelta(days=number // 4), RETAILERS[number % 4]
        queue.add("submit", day, retailer, **{"dagster/backfill": "year"})
    for number in range(12):
        day = FIRST + timedelta(days=40 + number // 4)
        queue.add("collect", day, RETAILERS[number % 4], **BEGUN_FIRST)
    for number in range(3):
        queue.add("compare", FIRST + timedelta(days=number), None)
    most: Counter[str] = Counter()
    ended = 0
    while runs := queue.look():
        for name, count in most_of(runs).items():
            most[name] = max(most[name], count)
        queue.end(runs[ended % len(runs)])  # in no order that the queue could rely on
        ended += 1
    assert ended == 75
    assert most == {"runs": 4, "of a retailer": 1, "of backfills": 2, "that ask the API": 3}
    assert queue.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])) == []


@pytest.mark.slow
def test_what_has_begun_leaves_first_then_the_night_then_a_backfill(queue: Queue) -> None:
    """All of one retailer, which has one place; without priorities its collect came last."""
    for number in range(3):
        day = FIRST + timedelta(days=number)
        queue.add("submit", day, "lider", **{"dagster/backfill": "year"})
    queue.add("submit", FIRST + timedelta(days=9), "lider", **NIGHT_FIRST)
    queue.add("collect", FIRST + timedelta(days=8), "lider", **BEGUN_FIRST)
    order = []
    while runs := queue.look():
        (run,) = runs
        order.append((run.job_name, "dagster/backfill" in run.tags))
        queue.end(run)
    assert order == [("collect", False), ("submit", False), *[("submit", True)] * 3]


def test_a_pool_of_none_lets_nothing_begin_that_asks_the_api(queue: Queue) -> None:
    queue.instance.event_log_storage.set_concurrency_slots("openai", 0)
    queue.add("submit", FIRST, "lider")
    queue.add("compare", FIRST, None)
    assert [run.job_name for run in queue.look()] == ["compare"]
    queue.instance.event_log_storage.set_concurrency_slots("openai", 1)
    assert sorted(run.job_name for run in queue.look()) == ["compare", "submit"]
