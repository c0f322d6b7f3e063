"""The collecting sensor: what it records, what it launches, and what it leaves alone."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest
from openai.types import BatchRequestCounts

from normalizer_assets.automation.jobs import NIGHT_FIRST
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.checks import standing
from normalizer_assets.cli.local_run import LocalRun
from normalizer_assets.standin.faults import BatchFault, EndpointFault
from normalizer_assets.standin.server import running_standin
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import Scene, invented, launched

NOTHING = BatchRequestCounts(completed=0, failed=0, total=0)
NEVER_DONE = StandinSettings(batch_seconds=3600)
KEY = "2024-10-01|lider"


@pytest.fixture
def waiting(scene: Scene) -> Scene:
    """A partition that waits for two batches."""
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    assert scene.submit().success
    return scene


def observations(result: dg.SensorResult) -> list[dg.AssetObservation]:
    return [event for event in result.asset_events if isinstance(event, dg.AssetObservation)]


@contextmanager
def unreachable(scene: Scene) -> Iterator[None]:
    with scene.monkeypatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
        yield


def test_nothing_to_look_at_is_a_reason_to_skip(scene: Scene) -> None:
    result = scene.tick()
    assert launched(result) == []
    assert result.skip_reason is not None
    assert "nothing to collect" in str(result.skip_reason.skip_message)


def submitted(scene: Scene, *retailers: str) -> None:
    """Leaves partitions whose process died before it had sent anything."""
    for retailer in retailers:
        scene.execute(
            "insert into normalizer.partitions (retailer, day, state, raw_snapshot) "
            "values (:retailer, '2024-10-01', 'submitted', 'x')",
            retailer=retailer,
        )


def test_a_retailer_taken_out_of_the_configuration_stops_nobody_else(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    submitted(scene, "gone_shop", "lider")
    assert launched(scene.tick()) == [("submit", f"{KEY}:submit:1")]
    (gone,) = scene.rows("select * from normalizer.partitions where retailer = 'gone_shop'")
    assert gone.attempts == 0
    assert "2024-10-01|gone_shop is left where it is" in capfd.readouterr().err


def test_standing_checks_that_break_stop_no_launch(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a condition nobody thought of")

    monkeypatch.setattr(standing, "evaluate", broken)
    submitted(scene, "lider")
    assert launched(scene.tick()) == [("submit", f"{KEY}:submit:1")]
    assert "could not be evaluated: a condition nobody thought of" in capfd.readouterr().err


@pytest.mark.parametrize("standin_settings", [NEVER_DONE])
def test_while_batches_are_under_way_changes_are_observed_once(waiting: Scene) -> None:
    first = waiting.tick()
    assert launched(first) == []
    # The submission recorded no state of its own that the first look would not show.
    assert len(observations(first)) <= 2
    second = waiting.tick()
    assert launched(second) == []
    assert observations(second) == []
    assert "2 batches under way" in str(second.skip_reason)


def test_finished_batches_are_observed_and_collected_once(waiting: Scene) -> None:
    waiting.wait_for_batches()
    result = waiting.tick()
    observed = observations(result)
    assert len(observed) == 2
    for observation in observed:
        assert observation.asset_key == dg.AssetKey("submitted_batches")
        assert observation.partition == KEY
        assert observation.metadata["state"].value == "completed"
        assert observation.metadata["done"].value == observation.metadata["total"].value
        assert observation.metadata["share_done"].value == 1
        assert {"age_minutes", "expected_end"} <= observation.metadata.keys()
    assert sum(int(str(each.metadata["total"].value)) for each in observed) == 12
    assert launched(result) == [("collect", f"{KEY}:1")]
    (run,) = waiting.execute_requests(result)
    assert run.success
    assert waiting.row().state == "published"
    assert launched(waiting.tick()) == []


def test_the_run_request_names_partition_and_attempt(waiting: Scene) -> None:
    waiting.wait_for_batches()
    (request,) = waiting.tick().run_requests or []
    assert request.partition_key == KEY
    assert request.tags["normalizer/launched"] == f"{KEY}:1"
    assert request.tags["dagster/priority"] > str(NIGHT_FIRST["dagster/priority"]) > "0"
    assert request.tags["dagster/max_retries"] == "0"  # the ledger counts its attempts
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
    assert launched(waiting.tick()) == []
    assert waiting.row().collects == 0
    waiting.instance.delete_run(run.run_id)
    assert launched(waiting.tick()) == [("collect", f"{KEY}:1")]


def test_nothing_is_launched_while_another_process_holds_the_partition(waiting: Scene) -> None:
    waiting.wait_for_batches()
    with life.locked(waiting.engine, waiting.partition, "run abc", 0):
        assert launched(waiting.tick()) == []
    assert launched(waiting.tick()) == [("collect", f"{KEY}:1")]


@pytest.mark.slow
def test_a_failing_collect_is_tried_three_times_and_then_the_partition_is_failed(
    waiting: Scene,
) -> None:
    waiting.wait_for_batches()
    keys = []
    for _ in range(3):
        result = waiting.tick()
        keys += launched(result)
        with unreachable(waiting):
            assert [run.success for run in waiting.execute_requests(result)] == [False]
    assert keys == [("collect", f"{KEY}:{number}") for number in (1, 2, 3)]
    assert launched(waiting.tick()) == []
    row = waiting.row()
    assert row.state == "failed"
    assert "collect failed 3 times" in row.blocked_reason
    assert launched(waiting.tick()) == []
    # A person's materialisation starts it anew, and nothing is bought twice.
    assert waiting.run("__ASSET_JOB").success
    assert waiting.row().state == "published"
    assert waiting.scalar("select count(*) from normalizer.batches") == 2


def test_a_failed_collect_waits_before_it_is_tried_again(waiting: Scene) -> None:
    waiting.set(POLLING__BACKOFF_SECONDS="100")
    waiting.wait_for_batches()
    assert launched(waiting.tick()) == [("collect", f"{KEY}:1")]
    assert launched(waiting.tick()) == []
    waiting.execute("update normalizer.partitions set next_attempt_at = now()")
    assert launched(waiting.tick()) == [("collect", f"{KEY}:2")]


def test_a_held_partition_is_never_collected_by_itself(waiting: Scene) -> None:
    waiting.set(CONFIDENCE__THRESHOLD="1")
    waiting.wait_for_batches()
    waiting.execute_requests(waiting.tick())
    assert waiting.row().state == "held"
    for _ in range(3):
        assert launched(waiting.tick()) == []


def test_a_submission_whose_process_died_before_sending_is_launched_again(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    scene.standin.switch(EndpointFault(endpoint="POST /v1/files", kind="status", status=404))
    assert not scene.submit().success
    assert scene.row().state == "submitted"
    scene.standin.switch()
    result = scene.tick()
    assert launched(result) == [("submit", f"{KEY}:submit:1")]
    (run,) = scene.execute_requests(result)
    assert run.success
    assert scene.row().state == "waiting"
    assert scene.scalar("select count(*) from normalizer.batches") == 2
    assert scene.scalar("select count(*) from normalizer.batches where batch_id is null") == 0


def test_a_look_that_fails_says_nothing_about_the_batches(waiting: Scene) -> None:
    before = waiting.rows("select * from normalizer.batches")
    with unreachable(waiting):
        result = waiting.tick()
    assert launched(result) == []
    assert waiting.rows("select * from normalizer.batches") == before
    waiting.wait_for_batches()
    assert launched(waiting.tick()) == [("collect", f"{KEY}:1")]


@pytest.mark.slow
def test_a_small_partition_is_collected_at_the_next_tick(scene: Scene) -> None:
    scene.land(invented(4))
    scene.submit()
    result = scene.tick()
    assert launched(result) == [("collect", f"{KEY}:1")]
    (run,) = scene.execute_requests(result)
    assert run.success
    assert scene.row().state == "published"


def test_a_stand_in_that_lost_its_batches_is_a_failure_that_is_told(waiting: Scene) -> None:
    with (
        running_standin(StandinSettings()) as other,
        waiting.monkeypatch.context() as patch,
    ):
        patch.setenv("OPENAI_BASE_URL", other.url)
        result = waiting.tick()
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
    assert launched(waiting.tick()) == [("collect", f"{KEY}:1")]
    assert status_of(waiting, run) == dg.DagsterRunStatus.FAILURE


def test_a_run_that_holds_its_partition_or_has_just_begun_is_left_alone(waiting: Scene) -> None:
    waiting.wait_for_batches()
    old, young = started_run(waiting, seconds_ago=600), started_run(waiting, seconds_ago=1)
    with life.locked(waiting.engine, waiting.partition, "run abc", 0):
        assert launched(waiting.tick()) == []
    assert status_of(waiting, old) == dg.DagsterRunStatus.STARTED
    waiting.tick()
    assert status_of(waiting, young) == dg.DagsterRunStatus.STARTED


# --- deadline and alerts --------------------------------------------------------------


def pass_deadline(scene: Scene) -> None:
    scene.execute("update normalizer.partitions set deadline_at = now()")


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=30, failing_lines=0)])
def test_at_the_deadline_batches_are_cancelled_and_the_rest_is_asked_individually(
    scene: Scene,
) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(40))
    assert scene.submit().success
    assert launched(scene.tick()) == []
    client = scene.connect()
    while not all((batch.request_counts or NOTHING).completed for batch in client.batches.list()):
        time.sleep(0.1)
    pass_deadline(scene)
    assert scene.daemon()[0] == f"{KEY}:1"
    assert scene.row().state == "published"
    states = scene.rows("select distinct state from normalizer.batches")
    assert [row.state for row in states] == ["cancelled"]
    answered = {
        row.answered_by for row in scene.rows("select * from normalizer.published_products")
    }
    assert answered == {"batch", "individual"}
    assert scene.scalar("select max(round) from normalizer.batch_requests") == 1
    asked = scene.rows("select question_key from normalizer.answers group by 1 having count(*) > 1")
    assert asked == []
    assert len(scene.bought()) == 40


@pytest.mark.parametrize("standin_settings", [NEVER_DONE])
def test_a_batch_that_stands_still_is_told_once(
    waiting: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    waiting.set(POLLING__STALLED_HOURS="0.00001")
    waiting.tick()
    time.sleep(0.1)
    for _ in range(3):
        assert launched(waiting.tick()) == []
    said = capfd.readouterr().err
    assert said.count("no progress for 1e-05 h") == 2  # one line a batch
    assert waiting.row().state == "waiting"
    assert waiting.row().blocked_by is None


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=20)])
def test_a_batch_that_does_not_end_after_its_cancel_blocks_until_it_ends(
    waiting: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    waiting.set(POLLING__CANCELLING_HOURS="0")
    waiting.standin.switch(BatchFault(kind="stuck_cancelling"))
    pass_deadline(waiting)
    result = waiting.tick()
    assert launched(result) == [("collect", f"{KEY}:1")]
    assert all(run.success for run in waiting.execute_requests(result))
    for _ in range(3):
        assert launched(waiting.tick()) == []
    row = waiting.row()
    assert (row.state, row.blocked_by) == ("waiting", "stuck")
    assert "normalizer batches resubmit" in row.blocked_reason
    said = capfd.readouterr().err
    assert said.count("normalizer batches resubmit") == 2  # one line a batch
    waiting.standin.switch()
    waiting.daemon()
    assert (waiting.row().state, waiting.row().blocked_by) == ("published", None)
    assert len(waiting.bought()) == len(set(waiting.bought())) == 12


# --- partitions that share products, and runs beside the daemon --------------------------


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=0.2, failing_lines=0)])
def test_who_waited_may_be_collected_first_and_is_served_by_the_other(waiting: Scene) -> None:
    other = Partition(waiting.partition.day, "jumbo")
    waiting.land(invented(14), other)
    waiting.set(BATCHING__MIN_PRODUCTS="1")
    result = waiting.submit(other)
    metadata = result.asset_materializations_for_node("submitted_batches")[0].metadata
    assert (metadata["asked_by_others"].value, metadata["in_batches"].value) == (12, 2)
    waiting.wait_for_batches()
    waiting.tick()
    assert waiting.run("collect", other).success
    waiting.daemon()
    by_partition = {
        retailer: {
            row.answered_by
            for row in waiting.rows(
                "select * from normalizer.published_products where retailer = :retailer "
                "and sku not in ('S12', 'S13')",
                retailer=retailer,
            )
        }
        for retailer in ("jumbo", "lider")
    }
    assert by_partition["jumbo"] == {"cache"}
    assert "cache" not in by_partition["lider"]
    assert len(waiting.bought()) == len(set(waiting.bought()))
    assert waiting.rows(
        "select question_key from normalizer.answers group by 1 having count(*) > 1"
    ) == []  # fmt: skip


@pytest.mark.slow
def test_a_local_run_beside_the_daemon_publishes_and_pays_once(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    errors: list[str] = []

    def run_and_wait() -> None:
        with dg.DagsterInstance.ephemeral() as instance:
            run = LocalRun(scene.config, instance)
            errors.extend(run.submit(scene.partition).errors)
            errors.extend(run.collect(scene.partition, lambda _: None).errors)

    beside = threading.Thread(target=run_and_wait)
    beside.start()
    while beside.is_alive():
        assert all(run.success for run in scene.execute_requests(scene.tick()))
        time.sleep(0.02)
    beside.join()
    assert errors == []
    scene.daemon()
    assert scene.row().state == "published"
    assert scene.row().published_version == 1
    assert len(scene.bought()) == len(set(scene.bought())) == 12
