"""A subset of the fault harness: in a process of its own, which has never run Polars."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from normalizer_assets.evaluation.faults.boundaries import Boundaries
from normalizer_assets.evaluation.faults.scenarios import (
    Accident,
    accidents_at,
    invented,
    listings,
    scenario_named,
)


def run_harness(*options: str) -> tuple[int, dict[str, object], str]:
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-W", "ignore", "-m", "normalizer_assets.evaluation.faults", *options],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.mark.slow
def test_nothing_is_lost_or_bought_twice_in_a_quick_subset() -> None:
    code, told, errors = run_harness("--quick", "--json", "--workers", "1")
    assert code == 0, errors
    counts = told["counts"]
    assert isinstance(counts, dict)
    assert counts["accidents: kill"] > 0
    assert counts["accidents: disconnect"] > 0
    assert counts["executed: line"] > 0
    assert told["violated"] == []


def test_a_scenario_is_the_same_whenever_it_is_asked_for() -> None:
    assert invented(17) == invented(17) == scenario_named("seed 17")
    assert invented(17) != invented(18)


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(ValueError, match="no scenario 'everything'"):
        scenario_named("everything")


def test_every_landing_has_shared_products_bad_rows_and_duplicates() -> None:
    for landing in range(6):
        rows = [row for partition in listings(landing).values() for row in partition]
        names = [row["name"] for row in rows]
        assert len(set(names)) < len(names) - 6
        assert "" in names


def test_files_are_no_matter_for_the_database() -> None:
    chosen = accidents_at(["submit x: a.b: commit #1", "submit x: a.b: write requests, torn #1"])
    assert [(one.kind, str(one.at).rpartition(": ")[2]) for one in chosen] == [
        ("kill", "commit #1"),
        ("kill", "write requests, torn #1"),
        ("disconnect", "commit #1"),
        ("server", "commit #1"),
    ]


def test_accidents_happen_one_after_the_other_each_counted_from_the_one_before(
    tmp_path: Path,
) -> None:
    happened: list[Accident] = []
    first, second = Accident("disconnect", 2), Accident("disconnect", 3)
    boundaries = Boundaries(tmp_path, [first, second], happened.append)
    seen = []
    for _ in range(6):
        boundaries.cross("commit")
        seen.append(len(happened))
    assert seen == [0, 1, 1, 1, 2, 2]


def test_an_accident_finds_its_boundary_by_name(tmp_path: Path) -> None:
    happened: list[Accident] = []
    wanted = Accident("disconnect", "start: elsewhere: commit #2")
    boundaries = Boundaries(tmp_path, [wanted], happened.append)
    for what in ("commit", "begin", "commit", "commit"):
        boundaries.cross(what)
    assert happened == [wanted]
    assert boundaries.names()[1] == "start: elsewhere: commit #2"
