"""`normalizer eval`."""

import json
from pathlib import Path

from click.testing import CliRunner

from normalizer_assets.cli import cli


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
