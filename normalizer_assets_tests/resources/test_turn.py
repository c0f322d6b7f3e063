"""One process at a time works on a partition; who comes second skips and says who is there."""

import dagster as dg
import pytest

from normalizer_assets.batching import life
from normalizer_assets.definitions import build_definitions
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.turn import LAUNCH_TAG, turn_resource
from normalizer_assets_tests.scene import STATIONS, WHOLE_GRAPH, Scene, invented, steps


@pytest.fixture
def hasty(scene: Scene) -> Scene:
    """A scene whose runs do not wait for a taken partition."""
    turn = turn_resource(scene.config, Database(scene.config), wait_seconds=0)
    scene.__dict__["definitions"] = build_definitions(scene.config, {"turn": turn})
    return scene


@pytest.mark.slow
def test_a_taken_partition_is_skipped_green_naming_the_holder(
    hasty: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    hasty.land(invented(4))
    with life.locked(hasty.engine, hasty.partition, "run 12345678", 0):
        result = hasty.definitions.resolve_job_def("__ASSET_JOB").execute_in_process(
            partition_key=hasty.partition.key,
            instance=hasty.instance,
            asset_selection=[dg.AssetKey(name) for name in STATIONS],
        )
    assert result.success
    assert steps(result) == dict.fromkeys(WHOLE_GRAPH, "skipped")
    said = capfd.readouterr().err
    assert (
        "skipped: 2024-10-01|lider is being worked on by normalizer run 12345678; materialise it "
        "again when that has ended" in said
    )
    assert hasty.rows("select * from normalizer.partitions") == []
    assert hasty.run("__ASSET_JOB").success
    assert hasty.row().state == "published"


def test_who_finds_it_taken_gets_the_attempt_back(hasty: Scene) -> None:
    hasty.land(invented(4))
    hasty.submit()
    hasty.execute("update normalizer.partitions set attempts = 1")
    with life.locked(hasty.engine, hasty.partition, "run 12345678", 0):
        assert hasty.run("collect", tags={LAUNCH_TAG: "2024-10-01|lider:1"}).success
    assert hasty.row().attempts == 0


def test_the_lock_is_held_over_all_steps_and_free_afterwards(scene: Scene) -> None:
    seen = []

    @dg.success_hook
    def look(context: dg.HookContext) -> None:  # noqa: ARG001 - Dagster's signature
        with scene.engine.connect() as connection:
            seen.append(life.holder_of(connection, scene.partition))

    scene.land(invented(4))
    job = scene.definitions.resolve_job_def("__ASSET_JOB").with_hooks({look})
    result = job.execute_in_process(
        partition_key=scene.partition.key,
        instance=scene.instance,
        asset_selection=[dg.AssetKey(name) for name in STATIONS],
    )
    assert seen == [f"normalizer run {result.run_id[:8]}"] * len(WHOLE_GRAPH)
    with scene.engine.connect() as connection:
        assert life.holder_of(connection, scene.partition) is None


def test_a_run_without_a_partition_says_what_to_choose(scene: Scene) -> None:
    with pytest.raises(dg.DagsterInvariantViolationError, match="choose one day and one retailer"):
        scene.definitions.resolve_job_def("submit").execute_in_process(instance=scene.instance)
