"""`normalizer bench` on listings of one's own."""

import json
from pathlib import Path

from normalizer_assets_tests.cli.conftest import Typed


def test_a_benchmark_runs_on_the_listings_of_a_file(tmp_path: Path, typed: Typed) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("name,price,sku\nLeche Entera 1 L,1190,1\n", encoding="utf-8")
    said = typed("bench", "route", "--listings", str(file), "--rows", "20", "--json")
    assert said.code == 0
    figures = json.loads(said.out)
    assert (figures["rows"], figures["tiers"]) == (20, {"mini": 1.0})


def test_a_file_that_holds_no_listings_is_an_error_that_names_it(
    tmp_path: Path, typed: Typed
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("producto,precio\nLeche,1\n", encoding="utf-8")
    said = typed("bench", "prompts", "--listings", str(file))
    assert said.code == 1
    assert "mine.csv" in said.err
    assert "no column 'name'" in said.err


def test_listings_are_for_those_benchmarks_that_read_some(tmp_path: Path, typed: Typed) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("name,price\nLeche,1\n", encoding="utf-8")
    said = typed("bench", "load", "--listings", str(file))
    assert said.code == 2
    assert "--listings is for" in said.err
