"""Dagster repeats runs whose process died, and none that would pay twice."""

import logging
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import (
    consume_new_runs_for_automatic_reexecution,
    should_retry,
)

from normalizer_assets.automation import sensors
from normalizer_assets.automation.dagster_home import SHARED_SETTINGS
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.resources.turn import LAUNCH_TAG, is_repeated
from normalizer_assets.standin.faults import EndpointFault, LineFault
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import Scene, invented, launched

KEY = "2024-10-01|lider"


SHIPPED = SHARED_SETTINGS.read_text(encoding="utf-8")
REPEATS_STEPS = SHIPPED.replace(
    "retry_on_asset_or_op_failure: false", "retry_on_asset_or_op_failure: true"
)


@pytest.fixture
def settings() -> str:
    """The instance's settings; a test may override them."""
    return SHIPPED


@pytest.fixture
def stage(scene: Scene, tmp_path: Path, settings: str) -> Iterator[Scene]:
    """A scene on an instance with these settings."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(settings, encoding="utf-8")
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        scene.instance = instance
        yield scene


def run_of(scene: Scene, run_id: str) -> dg.DagsterRun:
    run = scene.instance.get_run_by_id(run_id)
    assert run is not None
    return run


def die(scene: Scene, run: dg.DagsterRun) -> dg.DagsterRun:
    """Lets a run be reported as one whose process died."""
    scene.instance.report_run_failed(run, "its process died without a word")
    return run_of(scene, run.run_id)


def started(scene: Scene, job: str = "submit", **tags: str) -> dg.DagsterRun:
    run = scene.instance.create_run_for_job(
        scene.definitions.resolve_job_def(job),
        tags={"dagster/partition": KEY, **tags},
    )
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job)
    scene.instance.report_dagster_event(event, run.run_id)
    return run


def test_a_run_whose_process_died_is_repeated_twice_at_most(stage: Scene) -> None:
    dead = die(stage, started(stage))
    assert should_retry(dead, stage.instance)
    lineage = {"dagster/root_run_id": dead.run_id, "dagster/parent_run_id": dead.run_id}
    for number in (1, 2):
        run = stage.instance.create_run_for_job(
            stage.definitions.resolve_job_def("submit"),
            tags={**lineage, "dagster/retry_number": str(number)},
            root_run_id=dead.run_id,
            parent_run_id=dead.run_id,
        )
        assert should_retry(die(stage, run), stage.instance) == (number < 2)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [REPEATS_STEPS], ids=["where failed steps are repeated"])
def test_a_red_gate_is_not_repeated_whatever_the_instance_says(stage: Scene) -> None:
    assert stage.instance.run_retries_retry_on_asset_or_op_failure
    stage.set(CONFIDENCE__THRESHOLD="1")
    assert stage.submit().success
    result = stage.collect()
    assert not result.success  # a blocking check
    assert stage.row().state == "held"
    failed = run_of(stage, result.run_id)
    assert failed.tags["dagster/failure_reason"] == "STEP_FAILURE"
    assert failed.tags["dagster/will_retry"] == "false"
    assert not should_retry(failed, stage.instance)


@pytest.mark.slow
def test_a_refusal_and_a_missing_file_are_not_repeated(stage: Scene) -> None:
    stage.standin.switch(EndpointFault(endpoint="POST /v1/files", kind="status", status=404))
    refused = stage.submit()
    missing = stage.run("submit", Partition(stage.partition.day, "jumbo"))
    for result in (refused, missing):
        assert not result.success
        assert not should_retry(run_of(stage, result.run_id), stage.instance)


@pytest.mark.slow
def test_a_red_canary_and_a_budget_that_is_used_up_are_green_runs(stage: Scene) -> None:
    stage.set(CANARY__MIN_PRODUCTS="3", CANARY__SIZE="5")
    stage.standin.switch(LineFault(kind="invalid_json", share=1.0, sync=True))
    assert stage.submit().success
    assert stage.row().state == "held"
    stage.standin.switch()
    stage.set(BUDGET__PARTITION_USD="0.00001")
    assert stage.submit().success
    assert stage.row().blocked_by == "budget"
    assert not [run for run in stage.instance.get_runs() if should_retry(run, stage.instance)]


@pytest.mark.slow
def test_what_pays_again_is_not_repeated_even_where_its_process_died(stage: Scene) -> None:
    forced = stage.run("submit", submitted_batches={"force": True})
    assert forced.success
    dead = die(stage, run_of(stage, forced.run_id))
    assert not should_retry(dead, stage.instance)


@pytest.mark.slow
def test_what_the_sensor_launched_is_launched_anew_by_the_sensor_alone(stage: Scene) -> None:
    assert stage.submit().success
    stage.wait_for_batches()
    (request,) = stage.tick().run_requests or []
    assert LAUNCH_TAG in request.tags
    dead = die(stage, started(stage, "collect", **dict(request.tags)))
    assert not should_retry(dead, stage.instance)


def test_a_run_that_no_code_location_started_is_not_waited_for(stage: Scene) -> None:
    dead = die(stage, started(stage))
    assert dead.tags["dagster/will_retry"] == "true"
    assert not is_repeated(dead)


# --- a real process that is killed, and the daemon's own part -----------------------------


@contextmanager
def workspace_of(scene: Scene) -> Iterator[WorkspaceProcessContext]:
    target = ModuleTarget("normalizer_assets.definitions", None, None, "normalizer_assets")
    with create_test_daemon_workspace_context(target, scene.instance) as workspace:
        yield workspace


def launch(scene: Scene, workspace: WorkspaceProcessContext, job: str) -> dg.DagsterRun:
    request = workspace.create_request_context()
    (repository,) = request.get_code_location("normalizer_assets").get_repositories().values()
    remote = repository.get_full_job(job)
    run = scene.instance.create_run_for_job(
        scene.definitions.resolve_job_def(job),
        tags={
            "dagster/partition": KEY,
            "dagster/partition/day": "2024-10-01",
            "dagster/partition/retailer": "lider",
        },
        remote_job_origin=remote.get_remote_origin(),
        job_code_origin=remote.get_python_origin(),
    )
    scene.instance.launch_run(run.run_id, request)
    return run


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def process_of(scene: Scene, run: dg.DagsterRun) -> int:
    for entry in scene.instance.all_logs(run.run_id):
        found = re.search(r"pid: (\d+)", entry.user_message or entry.message)
        if found:
            return int(found.group(1))
    raise AssertionError("no process")


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=0.2, failing_lines=0)])
def test_a_killed_submission_is_repeated_by_the_daemon_and_buys_no_batch_twice(
    stage: Scene,
) -> None:
    """The process dies while the reply to a created batch is on its way."""
    logger = logging.getLogger("test")
    stage.set(BATCHING__DOUBT_SECONDS="8")
    stage.monkeypatch.setattr(sensors, "DEAD_AFTER_SECONDS", 0)
    with workspace_of(stage) as workspace:
        stage.standin.switch(
            EndpointFault(endpoint="POST /v1/batches", kind="slow", seconds=5, times=1)
        )
        run = launch(stage, workspace, "submit")
        until(
            lambda: (
                stage.rows("select * from normalizer.batches where state = 'creating'")
                and run_of(stage, run.run_id).status == dg.DagsterRunStatus.STARTED
            )
        )
        os.kill(process_of(stage, run), signal.SIGKILL)
        stage.standin.switch()
        until(lambda: _free(stage))
        assert launched(stage.tick()) == []  # it leaves the partition to the daemon
        assert run_of(stage, run.run_id).status == dg.DagsterRunStatus.FAILURE
        for _ in range(2):  # a run that is met again is not repeated again
            records = stage.instance.get_run_records(
                dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])
            )
            list(consume_new_runs_for_automatic_reexecution(workspace, records, logger))
        (again,) = [one for one in stage.instance.get_runs() if one.run_id != run.run_id]
        assert again.parent_run_id == run.run_id
        assert again.status == dg.DagsterRunStatus.QUEUED
        stage.instance.launch_run(again.run_id, workspace.create_request_context())
        until(lambda: run_of(stage, again.run_id).is_finished)
        assert run_of(stage, again.run_id).status == dg.DagsterRunStatus.SUCCESS
    stage.daemon()
    assert stage.row().state == "published"
    assert len(stage.bought()) == len(set(stage.bought())) == 12


def _free(scene: Scene) -> bool:
    with scene.engine.connect() as connection:
        return life.holder_of(connection, scene.partition) is None
