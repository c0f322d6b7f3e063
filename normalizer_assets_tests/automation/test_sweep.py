"""One look without Dagster."""

import pytest

from normalizer_assets.automation.sweep import sweep
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import ConfigurationError
from normalizer_assets_tests.scene import Scene, invented


def look(scene: Scene, only: Partition | None = None) -> list[str]:
    found = sweep(
        scene.engine,
        scene.connect,
        scene.config,
        lambda _: False,
        only=None if only is None else {only},
    )
    return [launch.run_key for launch in found.launches]


def test_without_an_open_batch_no_client_is_made(scene: Scene) -> None:
    def never() -> None:
        raise AssertionError

    found = sweep(scene.engine, never, scene.config, lambda _: False)  # type: ignore[arg-type]
    assert (found.changes, found.launches, found.failures) == ([], [], [])
    assert found.summary == "0 batches under way, nothing to collect"


def test_only_one_partition_is_launched_where_only_one_is_asked_for(scene: Scene) -> None:
    other = Partition(scene.partition.day, "jumbo")
    for number, partition in enumerate((scene.partition, other)):
        scene.land(invented(3, first=10 * number), partition)
        scene.submit(partition)
    assert look(scene, only=other) == ["2024-10-01|jumbo:1"]
    assert look(scene, only=scene.partition) == ["2024-10-01|lider:1"]


def test_a_missing_key_does_not_keep_other_partitions_from_their_run(scene: Scene) -> None:
    other = Partition(scene.partition.day, "jumbo")
    scene.land(invented(3), other)
    scene.submit(other)
    scene.set(BATCHING__MIN_PRODUCTS="2")
    scene.land(invented(6, first=10))
    scene.submit()
    scene.monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
        scene.connect()
    found = sweep(scene.engine, scene.connect, scene.config, lambda _: False)
    assert [launch.run_key for launch in found.launches] == ["2024-10-01|jumbo:1"]
    assert len(found.failures) == 1
    assert "OPENAI_API_KEY is not set" in found.failures[0]
