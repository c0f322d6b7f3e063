"""The collecting sensor: what it records, what it launches, and what it leaves alone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from normalizer_assets.batching import life
from normalizer_assets.standin.server import running_standin
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import Scene, invented

NEVER_DONE = StandinSettings(batch_seconds=3600)
KEY = "2024-10-01|lider"


def tick(scene: Scene) -> dg.SensorResult:
    repository = scene.definitions.get_repository_def()
    context = dg.build_sensor_context(instance=scene.instance, repository_def=repository)
    sensor = repository.get_sensor_def("collect_finished_batches")
    data = sensor.evaluate_tick(context)
    return dg.SensorResult(
        run_requests=list(data.run_requests or []),
        asset_events=list(data.asset_events),
        skip_reason=data.skip_message,
    )


def launched(result: dg.SensorResult) -> list[tuple[str | None, str | None]]:
    return [(request.job_name, request.run_key) for request in result.run_requests or []]


def execute(scene: Scene, result: dg.SensorResult) -> list[dg.ExecuteInProcessResult]:
    return [
        scene.run(str(request.job_name), tags=dict(request.tags))
        for request in result.run_requests or []
    ]


@pytest.fixture
def waiting(scene: Scene) -> Scene:
    """A partition that waits for two batches."""
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    assert scene.submit().success
    return scene


@contextmanager
def unreachable(scene: Scene) -> Iterator[None]:
    with scene.monkeypatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
        yield


def test_nothing_to_look_at_is_a_reason_to_skip(scene: Scene) -> None:
    result = tick(scene)
    assert launched(result) == []
    assert result.skip_reason is not None
    assert "nothing to collect" in str(result.skip_reason.skip_message)


@pytest.mark.parametrize("standin_settings", [NEVER_DONE])
def test_while_batches_are_under_way_changes_are_observed_once(waiting: Scene) -> None:
    first = tick(waiting)
    assert launched(first) == []
    # The submission recorded no state of its own that the first look would not show.
    assert len(list(first.asset_events)) <= 2
    second = tick(waiting)
    assert launched(second) == []
    assert list(second.asset_events) == []
    assert "2 batches under way" in str(second.skip_reason)


def test_finished_batches_are_observed_and_collected_once(waiting: Scene) -> None:
    waiting.wait_for_batches()
    result = tick(waiting)
    observations = list(result.asset_events)
    assert len(observations) == 2
    for observation in observations:
        assert isinstance(observation, dg.AssetObservation)
        assert observation.asset_key == dg.AssetKey("submitted_batches")
        assert observation.partition == KEY
        assert observation.metadata["state"].value == "completed"
        assert observation.metadata["done"].value == observation.metadata["total"].value
    assert sum(int(str(each.metadata["total"].value)) for each in observations) == 12
    assert launched(result) == [("collect", f"{KEY}:1")]
    (run,) = execute(waiting, result)
    assert run.success
    assert waiting.row().state == "published"
    assert launched(tick(waiting)) == []


def test_the_run_request_names_partition_and_attempt(waiting: Scene) -> None:
    waiting.wait_for_batches()
    (request,) = tick(waiting).run_requests or []
    assert request.partition_key == KEY
    assert request.tags["normalizer/launched"] == f"{KEY}:1"
    assert request.tags["dagster/partition"] == KEY


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
def test_no_second_run_is_launched_while_one_is_yet_to_start(
    waiting: Scene, status: dg.DagsterRunStatus
) -> None:
    waiting.wait_for_batches()
    run = waiting.instance.create_run_for_job(
        waiting.definitions.resolve_job_def("collect"),
        tags={"dagster/partition": KEY},
        status=status,
    )
    assert launched(tick(waiting)) == []
    assert waiting.row().collects == 0
    waiting.instance.delete_run(run.run_id)
    assert launched(tick(waiting)) == [("collect", f"{KEY}:1")]


def test_nothing_is_launched_while_another_process_holds_the_partition(waiting: Scene) -> None:
    waiting.wait_for_batches()
    with life.locked(waiting.engine, waiting.partition, "run abc", 0):
        assert launched(tick(waiting)) == []
    assert launched(tick(waiting)) == [("collect", f"{KEY}:1")]


def test_a_failing_collect_is_tried_three_times_and_then_the_partition_is_failed(
    waiting: Scene,
) -> None:
    waiting.wait_for_batches()
    keys = []
    for _ in range(3):
        result = tick(waiting)
        keys += launched(result)
        with unreachable(waiting):
            assert [run.success for run in execute(waiting, result)] == [False]
    assert keys == [("collect", f"{KEY}:{number}") for number in (1, 2, 3)]
    assert launched(tick(waiting)) == []
    row = waiting.row()
    assert row.state == "failed"
    assert "collect failed 3 times" in row.blocked_reason
    assert launched(tick(waiting)) == []
    # A person's materialisation starts it anew, and nothing is bought twice.
    assert waiting.run("__ASSET_JOB").success
    assert waiting.row().state == "published"
    assert waiting.scalar("select count(*) from normalizer.batches") == 2


def test_a_failed_collect_waits_before_it_is_tried_again(waiting: Scene) -> None:
    waiting.set(POLLING__BACKOFF_SECONDS="100")
    waiting.wait_for_batches()
    assert launched(tick(waiting)) == [("collect", f"{KEY}:1")]
    assert launched(tick(waiting)) == []
    waiting.execute("update normalizer.partitions set next_attempt_at = now()")
    assert launched(tick(waiting)) == [("collect", f"{KEY}:2")]


def test_a_held_partition_is_never_collected_by_itself(waiting: Scene) -> None:
    waiting.set(GATE__MIN_MEAN_CONFIDENCE="1.0")
    waiting.wait_for_batches()
    execute(waiting, tick(waiting))
    assert waiting.row().state == "held"
    for _ in range(3):
        assert launched(tick(waiting)) == []


def test_a_submission_whose_process_died_before_sending_is_launched_again(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    with unreachable(scene):
        assert not scene.submit().success
    assert scene.row().state == "submitted"
    result = tick(scene)
    assert launched(result) == [("submit", f"{KEY}:submit:1")]
    (run,) = execute(scene, result)
    assert run.success
    assert scene.row().state == "waiting"
    assert scene.scalar("select count(*) from normalizer.batches") == 2
    assert scene.scalar("select count(*) from normalizer.batches where batch_id is null") == 0


def test_a_look_that_fails_says_nothing_about_the_batches(waiting: Scene) -> None:
    before = waiting.rows("select * from normalizer.batches")
    with unreachable(waiting):
        result = tick(waiting)
    assert launched(result) == []
    assert waiting.rows("select * from normalizer.batches") == before
    waiting.wait_for_batches()
    assert launched(tick(waiting)) == [("collect", f"{KEY}:1")]


def test_a_small_partition_is_collected_at_the_next_tick(scene: Scene) -> None:
    scene.land(invented(4))
    scene.submit()
    result = tick(scene)
    assert launched(result) == [("collect", f"{KEY}:1")]
    (run,) = execute(scene, result)
    assert run.success
    assert scene.row().state == "published"


def test_a_stand_in_that_lost_its_batches_is_a_failure_that_is_told(waiting: Scene) -> None:
    with (
        running_standin(StandinSettings()) as other,
        waiting.monkeypatch.context() as patch,
    ):
        patch.setenv("OPENAI_BASE_URL", other.url)
        result = tick(waiting)
    assert launched(result) == []
    assert waiting.row().state == "waiting"


def started_run(scene: Scene, seconds_ago: float) -> dg.DagsterRun:
    """A run that Dagster takes for one under way."""
    run = scene.instance.create_run_for_job(
        scene.definitions.resolve_job_def("collect"), tags={"dagster/partition": KEY}
    )
    scene.instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "collect"),
        run.run_id,
        timestamp=time.time() - seconds_ago,
    )
    return run


def status_of(scene: Scene, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = scene.instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_whose_process_died_is_reported_failed_and_its_partition_collected(
    waiting: Scene,
) -> None:
    waiting.wait_for_batches()
    run = started_run(waiting, seconds_ago=600)
    assert launched(tick(waiting)) == [("collect", f"{KEY}:1")]
    assert status_of(waiting, run) == dg.DagsterRunStatus.FAILURE


def test_a_run_that_holds_its_partition_or_has_just_begun_is_left_alone(waiting: Scene) -> None:
    waiting.wait_for_batches()
    old, young = started_run(waiting, seconds_ago=600), started_run(waiting, seconds_ago=1)
    with life.locked(waiting.engine, waiting.partition, "run abc", 0):
        assert launched(tick(waiting)) == []
    assert status_of(waiting, old) == dg.DagsterRunStatus.STARTED
    tick(waiting)
    assert status_of(waiting, young) == dg.DagsterRunStatus.STARTED
