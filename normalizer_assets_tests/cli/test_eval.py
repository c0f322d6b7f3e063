"""`normalizer eval`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from normalizer_assets.answers.confidence import SHIPPED, read_calibration
from normalizer_assets.cli import cli
from normalizer_assets.evaluation.gold import answer_count, shipped_gold
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.cli.gold_files import write_gold


def test_rules_are_scored_and_their_answers_written(tmp_path: Path) -> None:
    gold, out = tmp_path / "gold.ndjson", tmp_path / "answers.ndjson"
    label = {"brand": "COLUN", "attributes": {"capacity": "1L", "volume_ml": "1000"}}
    gold.write_text(
        json.dumps({"name": "Leche Colun 1 L", "category": "Lácteos", "gold": label}) + "\n"
    )
    ran = CliRunner().invoke(cli, ["eval", "rules", "--gold", str(gold), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["fields"]["brand"]["f1"] == 1
    assert "micro" in ran.stderr
    (line,) = out.read_text(encoding="utf-8").splitlines()
    answer = json.loads(line)
    assert answer["row"] == 0
    assert answer["answer"]["brand"] == "COLUN"


def test_a_broken_gold_file_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    gold = tmp_path / "gold.ndjson"
    gold.write_text("not json\n")
    ran = CliRunner().invoke(cli, ["eval", "rules", "--gold", str(gold), "--json"])
    assert ran.exit_code == 1
    assert "line 1" in ran.stderr


def test_confidence_is_scored_on_the_shipped_half_that_was_held_back(
    typed: Typed, tmp_path: Path
) -> None:
    out, plot = tmp_path / "confidence.ndjson", tmp_path / "picture.png"
    said = typed("eval", "confidence", "--out", str(out), "--plot", str(plot))
    assert said.code == 0
    report = json.loads(said.out)
    count = answer_count(shipped_gold("test"))
    assert report["answers"] == count
    assert report["llm_model"] == "hand-written"
    assert f"{count} answers" in said.err
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["row"] for line in lines] == list(range(count))
    assert set(lines[0]) == {"row", "sku", "kind", "right", "confidence"}
    right = sum(line["right"] for line in lines) / count
    assert report["right"] == round(right, 4)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_confidence_is_scored_on_ones_own_answers_by_ones_own_calibration(
    typed: Typed, tmp_path: Path
) -> None:
    gold, mine = write_gold(tmp_path / "gold.ndjson", count=3), tmp_path / "mine.json"
    shipped = read_calibration(SHIPPED)
    accepts_all = {"llm_model": "gpt-5", "threshold": 0.0, "thresholds": {}}
    mine.write_text(shipped.model_copy(update=accepts_all).model_dump_json(), encoding="utf-8")
    said = typed("eval", "confidence", "--gold", str(gold), "--calibration", str(mine), "--json")
    assert (said.code, said.err) == (0, "")
    report = json.loads(said.out)
    assert (report["answers"], report["llm_model"]) == (6, "gpt-5")
    assert report["accepted"] == {"share": 1.0, "error": 0.5}
    assert report["kinds"]["right"] == {"answers": 3, "right": 3, "accepted": 3}


def test_a_calibration_that_is_none_is_one_clear_line(typed: Typed, tmp_path: Path) -> None:
    gold = write_gold(tmp_path / "gold.ndjson", count=3)
    said = typed("eval", "confidence", "--gold", str(gold), "--calibration", str(gold))
    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert f"{gold} is no calibration" in said.err


def test_confidence_of_labels_without_answers_is_told_what_is_missing(
    typed: Typed, tmp_path: Path
) -> None:
    gold = tmp_path / "gold.ndjson"
    gold.write_text('{"name": "Leche Colun 1 L", "gold": {"brand": "COLUN"}}\n')
    said = typed("eval", "confidence", "--gold", str(gold), "--json")
    assert (said.code, said.out) == (1, "")
    assert "normalizer review export --labels" in said.err


@pytest.mark.slow
def test_the_cache_is_scored_on_made_pairs_and_verdicts_written(
    typed: Typed, tmp_path: Path
) -> None:
    out = tmp_path / "verdicts.ndjson"
    said = typed("eval", "cache", "--worst-case", "--out", str(out))
    assert said.code == 0
    report = json.loads(said.out)
    assert report["false_hits"] == 0
    assert report["pairs"] - report["same"] >= 3000
    assert "0 false hits" in said.err
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["row"] for line in lines] == list(range(report["pairs"]))
    assert set(lines[0]) == {"row", "hit", "tier", "reason"}


def test_pairs_that_cannot_be_read_are_one_clear_line(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("name_a,name_b\n")
    said = typed("eval", "cache", "--worst-case", "--pairs", str(file))
    assert said.code == 1
    assert "lacks the column" in said.err
    assert typed("eval", "cache", "--pairs", str(file)).code == 1


def test_matching_is_scored_on_pairs(typed: Typed, tmp_path: Path) -> None:
    file, out = tmp_path / "pairs.csv", tmp_path / "merged.ndjson"
    file.write_text(
        "name_a,category_a,name_b,category_b,same,brand_a,brand_b\n"
        "Galletas Tritón 126 g,Galletas,Galleta Triton 126 gr,Galletas,1,McKay,MCKAY\n"
        "Galletas Tritón 126 g,Galletas,Galletas Tritón 200 g,Galletas,0,McKay,McKay\n",
        encoding="utf-8",
    )
    said = typed("eval", "matching", "--pairs", str(file), "--out", str(out))
    assert said.code == 0
    report = json.loads(said.out)
    assert (report["merged_same"], report["false_merges"]) == (1, 0)
    assert "0 false merges" in said.err
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert lines == [{"row": 0, "merged": True}, {"row": 1, "merged": False}]
    file.write_text("name_a,name_b\n")
    assert "lacks the column" in typed("eval", "matching", "--pairs", str(file)).err


@pytest.mark.slow
def test_similarity_decides_too_outside_the_worst_case(typed: Typed, tmp_path: Path) -> None:
    file, out = tmp_path / "pairs.csv", tmp_path / "verdicts.ndjson"
    file.write_text(
        "name_a,category_a,name_b,category_b,same\n"
        "Galletas Tritón 126 g,Galletas,Galleta Triton 126 gr,Galletas,1\n"
        "Pan,Panadería,Marraqueta Corriente Kilo,Panadería,0\n",
        encoding="utf-8",
    )
    said = typed("eval", "cache", "--pairs", str(file), "--out", str(out))
    assert said.code == 0
    assert json.loads(said.out)["hits_on_same"] == 1
    first, second = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert (first["hit"], first["tier"]) == (True, "semantic")
    assert second["reason"].startswith("a similarity of 0")
