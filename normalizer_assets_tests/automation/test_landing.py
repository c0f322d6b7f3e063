"""Files that have landed start their partitions, once they have stopped growing."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.automation.landing import Cursor, look
from normalizer_assets.batching.partition import Partition
from normalizer_assets_tests.scene import Scene, invented

TODAY = datetime.now(ZoneInfo("America/Santiago")).date()
KEY = f"{TODAY}|lider"


def tick(scene: Scene, cursor: str | None) -> tuple[list[str | None], str | None]:
    """Lets the sensor look once; returns the partitions that it starts, and its cursor."""
    repository = scene.definitions.get_repository_def()
    context = dg.build_sensor_context(
        instance=scene.instance, cursor=cursor, repository_def=repository
    )
    data = repository.get_sensor_def("submit_landed_files").evaluate_tick(context)
    return [request.partition_key for request in data.run_requests or []], data.cursor


def test_a_file_that_two_looks_find_the_same_is_submitted_once(scene: Scene) -> None:
    today = Partition(TODAY, "lider")
    scene.land(invented(3), today)
    started, cursor = tick(scene, None)
    assert started == []
    scene.land(invented(6), today)  # it grows
    started, cursor = tick(scene, cursor)
    assert started == []
    started, cursor = tick(scene, cursor)
    assert started == [KEY]
    started, cursor = tick(scene, cursor)
    assert started == []


def test_what_is_submitted_already_is_left_alone_until_its_file_changes(scene: Scene) -> None:
    today = Partition(TODAY, "lider")
    scene.land(invented(3), today)
    scene.submit(today)
    cursor = None
    for _ in range(3):
        started, cursor = tick(scene, cursor)
        assert started == []
    scene.land(invented(4), today)
    started, cursor = tick(scene, cursor)
    assert started == []
    assert tick(scene, cursor)[0] == [KEY]


def test_days_long_past_and_missing_files_start_nothing(scene: Scene) -> None:
    scene.land(invented(3), Partition(TODAY - timedelta(days=9), "lider"))
    started, cursor = tick(scene, "no cursor at all")
    assert (started, tick(scene, cursor)[0]) == ([], [])


def test_a_file_of_an_unknown_retailer_is_an_error_that_names_the_key(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.land(invented(3), Partition(TODAY, "lidr"))
    assert tick(scene, None)[0] == []
    assert "`retailers.lidr`" in capfd.readouterr().err


def test_the_sensor_is_stopped_until_somebody_starts_it(scene: Scene) -> None:
    sensor = scene.definitions.get_repository_def().get_sensor_def("submit_landed_files")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED


states = st.sampled_from(["1", "2", "3"])
keys = st.sampled_from(["a", "b"])
looks = st.lists(st.dictionaries(keys, states), min_size=1, max_size=8)


@given(looks=looks, submitted=st.sets(keys))
def test_a_file_is_started_at_most_once_in_a_row_and_only_if_it_stood_still(
    looks: list[dict[str, str]], submitted: set[str]
) -> None:
    cursor, before, last = Cursor(), dict[str, str](), dict[str, str]()
    for files in looks:
        new, cursor = look(files, submitted, Cursor.read(cursor.text()))
        for key in new:
            assert before.get(key) == files[key]
            assert last.get(key) != files[key]
            last[key] = files[key]
        last = {key: state for key, state in last.items() if key in files}
        before = files
