"""Gold files: reading them, comparing values, scoring."""

import json
from pathlib import Path

import pytest

from normalizer_assets.answers.comparison import answer_fields, same
from normalizer_assets.config import load_config
from normalizer_assets.evaluation.gold import (
    SHIPPED,
    GoldError,
    GoldListing,
    Label,
    label_fields,
    listings_of,
    read_gold,
    score,
    shipped_gold,
)
from normalizer_assets.grammar.text import fold_word

LABELS = SHIPPED.parent


def gold_line(**changes: object) -> str:
    line = {"name": "Leche Colun 1 L", "category": "Lácteos", "gold": {"brand": "COLUN"}}
    return json.dumps(line | changes)


def test_empty_lines_are_skipped_and_further_keys_ignored(tmp_path: Path) -> None:
    file = tmp_path / "gold.ndjson"
    file.write_text(f"{gold_line(source='shelf')}\n\n{gold_line(price=990)}\n")
    first, second = read_gold(file)
    assert first.gold.brand == "COLUN"
    assert second.price == 990


@pytest.mark.parametrize("line", ["{", '{"name": "x"}', gold_line(gold={"marca": "COLUN"})])
def test_a_broken_line_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "gold.ndjson"
    file.write_text(f"{gold_line()}\n{line}\n")
    with pytest.raises(GoldError, match=r"gold\.ndjson, line 2"):
        read_gold(file)


def test_a_line_separator_inside_a_name_ends_no_line(tmp_path: Path) -> None:
    file = tmp_path / "gold.ndjson"
    file.write_text('{"name": "Arroz\u2028Tucapel", "gold": {}}\n', encoding="utf-8")
    assert [one.name for one in read_gold(file)] == ["Arroz\u2028Tucapel"]


def test_a_file_without_listings_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "gold.ndjson"
    file.write_text("\n")
    with pytest.raises(GoldError, match="no labelled listing"):
        read_gold(file)


def test_listings_carry_their_category_group() -> None:
    gold = [GoldListing(name="iPhone 15", category="Celulares", gold=Label())]
    assert listings_of(gold, load_config())["category_group"].to_list() == ["smartphones"]


@pytest.mark.parametrize(
    ("field", "value", "gold"),
    [
        ("brand", "L'Oreal Paris", "L'ORÉAL PARIS"),
        ("model", "galaxy a15", "Galaxy A-15"),
        ("capacity", "2000ml", "2L"),
        ("capacity", "0.5L", "500 ml"),
        ("capacity", "1000g", "1kg"),
        ("capacity", "1 TB", "1024GB"),
        ("ram", "32GB DDR5", "32GB"),
        ("size", '55"', "55"),
        ("color", "Black", "negro"),
        ("pack_count", "6", "6"),
    ],
)
def test_the_same_value_in_another_spelling_is_right(field: str, value: str, gold: str) -> None:
    assert same(field, value, gold)


@pytest.mark.parametrize(
    ("field", "value", "gold"),
    [
        ("model", "Galaxy Tab A9", "Galaxy Tab A9+"),
        ("capacity", "128GB", "256GB"),
        ("capacity", "1.5L", "15L"),
        ("size", "5.5", "55"),
        ("size", "6.7", "67"),
        ("color", "azul", "azul marino"),
    ],
)
def test_another_value_is_wrong(field: str, value: str, gold: str) -> None:
    assert not same(field, value, gold)


def test_scores_count_right_wrong_missing_and_needless_fields() -> None:
    result = score(
        [
            ({"brand": "LG", "model": "C3"}, {"brand": "LG", "model": "B3"}),
            ({"brand": "LG"}, {"brand": "LG", "size": "55"}),
            ({"color": "negro"}, {}),
        ]
    )
    assert result["rows"] == 3
    assert result["fields"]["brand"] == {"precision": 1, "recall": 1, "f1": 1, "support": 2}
    assert result["fields"]["model"]["f1"] == 0
    assert result["fields"]["size"] == {"precision": None, "recall": 0, "f1": 0, "support": 1}
    assert result["fields"]["color"] == {"precision": 0, "recall": None, "f1": 0, "support": 0}
    assert result["micro"] == {"precision": 2 / 4, "recall": 2 / 4, "f1": 2 / 4}


def test_fields_without_a_convention_do_not_count() -> None:
    assert score([({"voltage": "220V"}, {"voltage": "110V"})])["fields"] == {}


def test_labels_and_answers_become_the_same_kind_of_fields() -> None:
    label = Label(brand="LG", attributes={"size": "55"})
    answer = {"brand": "LG", "model": None, "attributes": {"size": 55}}
    assert label_fields(label) == answer_fields(answer) == {"brand": "LG", "size": "55"}


def test_a_gold_file_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gold.ndjson").write_bytes('{"name": "Té"}'.encode("cp1252"))
    with pytest.raises(GoldError, match="is not UTF-8"):
        read_gold(tmp_path / "gold.ndjson")


def test_nothing_answered_is_nothing_invented() -> None:
    assert score([({}, {"brand": "LG"})])["invented"] is None


def test_no_family_of_the_new_labels_was_developed_on_and_held_back() -> None:
    developed, held_back = (
        {fold_word(one.family or "") for one in read_gold(LABELS / f"chile_rules_{part}.ndjson")}
        for part in ("developed", "held_back")
    )
    older = {
        part: {fold_word(one.family or "") for one in shipped_gold(part)}
        for part in ("rules", "test")
    }
    assert developed
    assert held_back
    assert not held_back & (developed | older["rules"])
    assert not developed & older["test"]
