"""`normalizer rollback`: what a person types, and what sensors and runs make of it afterwards."""

import json
import threading
import time

import pytest

from normalizer_assets.batching import life
from normalizer_assets.resources.turn import LAUNCH_TAG
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import (
    COLLECT_STEPS,
    SUBMIT_STEPS,
    Scene,
    invented,
    steps,
)

pytestmark = pytest.mark.slow

PARTITION = ("--day", "2024-10-01", "--retailer", "lider")
PRICES = "select sku, price from normalizer.published_products order by sku"


@pytest.fixture
def twice(scene: Scene) -> Scene:
    """A partition that was published twice: the second time with one price and one row more."""
    scene.land(invented(4))
    scene.publish()
    scene.land([{**invented(1)[0], "price": 5}, *invented(4, first=1)])
    scene.publish()
    return scene


def test_the_earlier_version_is_shown_again_and_it_said_what_changes(
    twice: Scene, typed: Typed
) -> None:
    refused = typed("rollback", *PARTITION)
    assert refused.code == 1
    assert refused.err == "Error: nothing was changed; add --yes to roll back\n"
    lines = refused.out.splitlines()
    assert lines[0].startswith("published  version 2 of 20")
    assert lines[0].endswith(" UTC, 5 rows, gates green")
    assert lines[1].startswith("earlier    version 1 of 20")
    assert lines[2] == "0 rows come back, 1 leave, 1 differ (price 1); 1 cache entries leave"
    assert len(twice.rows(PRICES)) == 5
    said = typed("rollback", *PARTITION, "--yes")
    assert said.code == 0
    assert "2024-10-01|lider shows version 1 again and is held" in said.out
    assert twice.rows(PRICES) == [(f"S{number}", 1000 + number) for number in range(4)]
    assert "held (rolled back from version 2 to version 1; " in typed("stats").out
    again = typed("rollback", *PARTITION, "--yes")
    assert again.code == 1
    assert "shows version 1, and before it there is no green version" in again.err


def test_json_has_the_figures(twice: Scene, typed: Typed) -> None:
    figures = json.loads(typed("rollback", *PARTITION, "--yes", "--json").out)
    assert figures["partition"] == twice.partition.key
    assert (figures["shown"]["version"], figures["earlier"]["version"]) == (2, 1)
    assert (figures["leaving"], figures["differing"], figures["columns"]) == (1, 1, {"price": 1})


def test_no_sensor_brings_it_back_and_a_run_of_a_person_does(twice: Scene, typed: Typed) -> None:
    assert typed("rollback", *PARTITION, "--yes").code == 0
    paid = twice.bought()
    twice.skip_pauses()
    assert twice.tick().run_requests == []
    # Nor does a run that the sensor had launched before.
    for job, its_steps in (("collect", COLLECT_STEPS), ("submit", SUBMIT_STEPS)):
        late = twice.run(job, tags={LAUNCH_TAG: f"{twice.partition.key}:9"})
        assert late.success
        assert steps(late) == dict.fromkeys(its_steps, "skipped")
        assert (
            "skipped: 2024-10-01|lider: it is held since this run was launched: rolled back from "
            "version 2 to version 1" in twice.warned(late)
        )
    assert len(twice.rows(PRICES)) == 4
    assert twice.row().state == "held"
    said = typed("run", *PARTITION, "--wait")
    assert said.code == 0
    # The same rows are the same version, published again, and nothing is paid twice.
    row = twice.row()
    assert (row.state, row.newest_version, row.published_version) == ("published", 2, 2)
    assert len(twice.rows(PRICES)) == 5
    assert twice.bought() == paid


def test_a_corrected_file_becomes_the_next_version(twice: Scene, typed: Typed) -> None:
    assert typed("rollback", *PARTITION, "--yes").code == 0
    twice.land([*invented(3), {**invented(1, first=3)[0], "price": 7}])
    twice.publish()
    row = twice.row()
    assert (row.newest_version, row.published_version) == (3, 3)
    # Not to version 2: its rows were rolled back.
    figures = json.loads(typed("rollback", *PARTITION, "--yes", "--json").out)
    assert (figures["shown"]["version"], figures["earlier"]["version"]) == (3, 1)


@pytest.mark.parametrize("tag", ["dagster/sensor_name", "dagster/schedule_name"])
def test_a_file_that_lands_again_unchanged_does_not_bring_it_back_and_another_does(
    twice: Scene, typed: Typed, tag: str
) -> None:
    assert typed("rollback", *PARTITION, "--yes").code == 0
    again = twice.run("submit", tags={tag: "submit_landed_files"})
    assert again.success
    assert steps(again) == dict.fromkeys(SUBMIT_STEPS, "skipped")
    assert (
        "skipped: 2024-10-01|lider is held, and what landed is what was there before: rolled back "
        "from version 2 to version 1" in twice.warned(again)
    )
    assert twice.row().state == "held"
    assert twice.tick().run_requests == []
    twice.land(invented(6))
    assert twice.run("submit", tags={tag: "submit_landed_files"}).success
    assert twice.collect().success
    assert twice.row().published_version == 3


def test_a_review_decision_waits_for_the_next_run(twice: Scene, typed: Typed) -> None:
    assert typed("rollback", *PARTITION, "--yes").code == 0
    said = typed("review", "reject", "S0")
    assert (said.code, said.out) == (0, "1 decided\n")
    assert twice.tick().run_requests == []
    assert twice.row().state == "held"


def test_materialising_it_in_the_ui_publishes_anew(twice: Scene, typed: Typed) -> None:
    assert typed("rollback", *PARTITION, "--yes").code == 0
    result = twice.run("__ASSET_JOB")
    assert result.success
    assert twice.row().published_version == 2


def test_a_taken_partition_is_waited_for(twice: Scene, typed: Typed) -> None:
    holds = threading.Event()

    def hold() -> None:
        with life.locked(twice.engine, twice.partition, "run 12345678", 0):
            holds.set()
            time.sleep(0.5)

    other = threading.Thread(target=hold)
    other.start()
    holds.wait(10)
    said = typed("rollback", *PARTITION, "--yes")
    other.join()
    assert said.code == 0


@pytest.mark.slow
def test_a_partition_that_stays_taken_is_named_and_left_alone(twice: Scene, typed: Typed) -> None:
    with life.locked(twice.engine, twice.partition, "run 12345678", 0):
        said = typed("rollback", *PARTITION, "--yes")
    assert said.code == 1
    assert "is being worked on by normalizer run 12345678; nothing was changed" in said.err
    assert len(twice.rows(PRICES)) == 5


def test_what_never_landed_and_wrong_words_are_errors(scene: Scene, typed: Typed) -> None:
    assert scene.rows(PRICES) == []
    said = typed("rollback", *PARTITION, "--yes")
    assert said.code == 1
    assert said.err.startswith("Error: 2024-10-01|lider has never landed")
    assert typed("rollback", "--day", "2024-10-01", "--retailer", "lidr").code == 2
