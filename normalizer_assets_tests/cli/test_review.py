"""`normalizer review`, as people type it."""

import csv
import json
from pathlib import Path

import pytest

from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import Scene, invented

pytestmark = pytest.mark.slow


@pytest.fixture
def held(scene: Scene) -> Scene:
    """Three listings in review, in a partition that is held for it."""
    scene.set(CONFIDENCE__THRESHOLD="0.999999")
    scene.land(invented(3))
    assert scene.submit().success
    scene.collect()
    assert scene.row().state == "held"
    return scene


def test_a_held_partition_is_reviewed_from_the_command_line(held: Scene, typed: Typed) -> None:
    listed = typed("review", "list")
    assert "S1" in listed.out
    assert "3 of 3 questions" in listed.out
    shown = typed("review", "show", "S1")
    assert "SOPROLE   (supported)" in shown.out
    accepted = typed("review", "accept", "S0", "S1", "--json")
    assert json.loads(accepted.out)["due"] == [held.partition.key]
    corrected = typed("review", "correct", "S2", "--model", "IdeaPad X", "--attribute", "ram=8GB")
    assert corrected.out == "1 decided\n"
    assert typed("review", "list").out == "nothing waits for review\n"
    held.daemon()
    assert held.row().state == "published"
    assert "of 2 (" in typed("review", "agreement").out


@pytest.mark.usefixtures("held")
def test_the_queue_goes_out_and_comes_back_as_a_file(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "queue.csv"
    assert "3 questions" in typed("review", "export", str(file)).out
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.DictReader(stream))
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]))
        writer.writeheader()
        writer.writerows(line | {"decision": "accept"} for line in lines)
    imported = typed("review", "import", str(file))
    assert imported.code == 0
    assert "3 decided" in imported.out
    assert "normalizer run --day" in imported.out
    again = typed("review", "import", str(file))
    assert again.code == 1
    assert "line 2: nobody waits" in again.err
    labels = tmp_path / "labels.ndjson"
    assert "3 labels" in typed("review", "export", str(labels), "--labels").out
    assert len(labels.read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.usefixtures("held")
def test_an_unknown_row_is_one_clear_line(typed: Typed) -> None:
    said = typed("review", "reject", "S77")
    assert said.code == 1
    assert "no row has the question or the SKU 'S77'" in said.err
