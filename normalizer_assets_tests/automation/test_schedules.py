"""The nightly submission takes what has landed and is not submitted yet."""

from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets_tests.scene import Scene, invented

NIGHT = datetime(2024, 10, 2, 3, 0, tzinfo=ZoneInfo("America/Santiago"))
TODAY, YESTERDAY = date(2024, 10, 2), date(2024, 10, 1)


class Evaluated(NamedTuple):
    requests: list[dg.RunRequest]
    skip_message: str | None


def evaluate(scene: Scene, night: datetime = NIGHT) -> Evaluated:
    repository = scene.definitions.get_repository_def()
    schedule = repository.get_schedule_def("nightly_submission")
    context = dg.build_schedule_context(
        instance=scene.instance, scheduled_execution_time=night, repository_def=repository
    )
    data = schedule.evaluate_tick(context)
    return Evaluated(list(data.run_requests or []), data.skip_message)


def asked(data: Evaluated) -> list[tuple[str | None, str | None]]:
    return [(request.partition_key, request.run_key) for request in data.requests]


def test_nothing_landed_is_a_reason_to_skip(scene: Scene) -> None:
    data = evaluate(scene)
    assert asked(data) == []
    assert data.skip_message == "nothing new has landed for 2024-09-30 to 2024-10-02"


def test_only_what_landed_and_is_not_submitted_is_asked_for(scene: Scene) -> None:
    for partition in (
        scene.partition,
        Partition(TODAY, "jumbo"),
        Partition(TODAY, "lider"),
        Partition(date(2024, 9, 20), "lider"),  # before the days that are looked at
    ):
        scene.land(invented(3), partition)
    scene.submit()
    assert asked(evaluate(scene)) == [
        ("2024-10-02|jumbo", "2024-10-02|jumbo:2024-10-02"),
        ("2024-10-02|lider", "2024-10-02|lider:2024-10-02"),
    ]


def test_a_landing_whose_submission_failed_is_asked_for_again_the_next_night(
    scene: Scene,
) -> None:
    scene.land(invented(3), Partition(TODAY, "lider"))
    first = evaluate(scene)
    second = evaluate(scene, NIGHT.replace(day=3))
    assert asked(first) == [("2024-10-02|lider", "2024-10-02|lider:2024-10-02")]
    assert asked(second) == [("2024-10-02|lider", "2024-10-02|lider:2024-10-03")]


def test_the_day_is_the_one_in_santiago(scene: Scene) -> None:
    scene.set(SCHEDULE__DAYS_BACK="0")
    scene.land(invented(3), Partition(YESTERDAY, "lider"))
    late = datetime(2024, 10, 2, 1, 0, tzinfo=ZoneInfo("UTC"))
    assert asked(evaluate(scene, late)) == [("2024-10-01|lider", "2024-10-01|lider:2024-10-01")]


def test_a_file_of_an_unknown_retailer_is_an_error_that_names_the_key(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.land(invented(3), Partition(TODAY, "lidr"))
    data = evaluate(scene)
    assert asked(data) == []
    said = capfd.readouterr().err
    assert "lidr.csv is of no known retailer" in said
    assert "retailers.lidr" in said
    assert "ERROR" in said


def test_the_run_that_is_asked_for_submits_the_partition(scene: Scene) -> None:
    scene.land(invented(3))
    (request,) = evaluate(scene).requests
    assert scene.run("submit", Partition.from_key(str(request.partition_key))).success
    assert asked(evaluate(scene)) == []
