"""`normalizer calibrate`."""

import json
from pathlib import Path

import polars as pl
import pytest

from normalizer_assets.answers.confidence import (
    SHIPPED,
    load_calibrations,
    read_calibration,
    thresholds,
)
from normalizer_assets.config import load_config
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.cli.gold_files import write_gold


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own."""
    folder = tmp_path / "data"
    monkeypatch.setenv("NORMALIZER__PATHS__DATA", str(folder))
    return folder


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Forty phones with a right and a wrong answer each."""
    return write_gold(tmp_path / "gold.ndjson")


@pytest.mark.slow
def test_a_calibration_is_written_where_it_takes_effect(
    typed: Typed, gold: Path, data: Path
) -> None:
    said = typed("calibrate", "confidence", "--gold", str(gold), "--llm-model", "gpt-5")
    assert said.code == 0
    file = data / "calibrations" / "gpt-5.json"
    report = json.loads(said.out)
    assert report["file"] == str(file)
    assert f"written to {file}" in said.err
    assert "AUROC" in said.err

    config = load_config()
    known = load_calibrations(config.calibrations)
    curve = read_calibration(file)
    assert known.own == {"gpt-5": curve}
    assert curve.llm_model == report["llm_model"] == "gpt-5"
    needed = thresholds(pl.lit("gpt-5"), pl.lit("toys"), known, config.confidence)
    assert pl.select(needed).item() == curve.threshold

    # The figures are those of the families that were held back.
    assert report["answers"] + curve.answers == 80
    assert min(report["answers"], curve.answers) >= 20
    assert report["auroc"] == 1


@pytest.mark.slow
def test_bound_and_folder_are_the_configured_ones(
    typed: Typed, gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORMALIZER__CONFIDENCE__MAX_ERROR", "0.07")
    monkeypatch.setenv("NORMALIZER__CONFIDENCE__CALIBRATIONS", str(tmp_path / "mine"))
    said = typed("calibrate", "confidence", "--gold", str(gold), "--llm-model", "gpt-5", "--json")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["file"] == str(tmp_path / "mine" / "gpt-5.json")
    assert load_calibrations(load_config().calibrations).own["gpt-5"].max_error == 0.07


def test_answers_of_other_models_are_left_out(typed: Typed, gold: Path, tmp_path: Path) -> None:
    mine = gold.read_text(encoding="utf-8")
    other = write_gold(gold, llm_model="gpt-5-mini").read_text(encoding="utf-8")
    gold.write_text(mine + other, encoding="utf-8")
    out = tmp_path / "further" / "one.json"
    said = typed(
        "calibrate", "confidence", "--gold", str(gold), "--llm-model", "gpt-5",
        "--out", str(out), "--max-error", "0.2", "--json",
    )  # fmt: skip
    assert said.code == 0
    curve = read_calibration(out)
    assert json.loads(said.out)["answers"] + curve.answers == 80
    assert curve.max_error == 0.2
    assert load_calibrations(load_config().calibrations).own == {}


@pytest.mark.parametrize("bound", ["0", "1", "half"])
def test_a_bound_that_is_no_share_is_a_usage_error(typed: Typed, bound: str) -> None:
    said = typed("calibrate", "confidence", "--max-error", bound)
    assert said.code == 2
    assert "--max-error" in said.err


@pytest.mark.slow
def test_without_a_file_it_is_fitted_on_the_shipped_answers(typed: Typed, tmp_path: Path) -> None:
    out = tmp_path / "one.json"
    said = typed("calibrate", "confidence", "--out", str(out), "--json")
    assert said.code == 0
    curve, shipped = read_calibration(out), read_calibration(SHIPPED)
    assert (curve.llm_model, curve.answers) == (shipped.llm_model, shipped.answers)
    assert json.loads(said.out)["auroc"] >= 0.90


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("not json\n", "line 1"),
        ("", "holds no labelled listing"),
        ('{"name": "Leche Colun 1 L", "gold": {"brand": "COLUN"}}\n', '"answers"'),
    ],
)
def test_a_file_that_cannot_be_fitted_is_one_clear_line(
    typed: Typed, tmp_path: Path, data: Path, lines: str, message: str
) -> None:
    gold = tmp_path / "gold.ndjson"
    gold.write_text(lines, encoding="utf-8")
    said = typed("calibrate", "confidence", "--gold", str(gold), "--llm-model", "gpt-5")
    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert message in said.err
    assert not data.exists()


def test_too_few_answers_write_nothing(typed: Typed, tmp_path: Path, data: Path) -> None:
    gold = write_gold(tmp_path / "gold.ndjson", count=6)
    said = typed("calibrate", "confidence", "--gold", str(gold), "--llm-model", "gpt-5")
    assert (said.code, said.out) == (1, "")
    assert "at least 5 of each" in said.err
    assert not data.exists()


@pytest.mark.parametrize("name", ["", "../evil", "a/../b", ".hidden"])
def test_a_models_name_leads_nowhere_else(typed: Typed, name: str) -> None:
    said = typed("calibrate", "confidence", "--llm-model", name)
    assert said.code == 2
    assert "is no model's name" in said.err


def test_a_file_that_is_not_there_is_a_usage_error(typed: Typed, tmp_path: Path) -> None:
    said = typed("calibrate", "confidence", "--gold", str(tmp_path / "none.ndjson"))
    assert said.code == 2
    assert "none.ndjson" in said.err


def test_a_models_name_with_a_slash_takes_effect(typed: Typed, gold: Path) -> None:
    typed("calibrate", "confidence", "--gold", str(gold), "--llm-model", "openai/gpt-5")
    assert "openai/gpt-5" in load_calibrations(load_config().calibrations).own


def test_a_half_without_answers_is_told(typed: Typed, gold: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.ndjson"
    few.write_text(gold.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    said = typed("calibrate", "confidence", "--gold", str(few), "--llm-model", "gpt-5")
    assert said.code == 1
    assert "no answers of 'gpt-5' to" in said.err
