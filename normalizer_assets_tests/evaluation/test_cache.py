"""Scoring the cache's guard on pairs."""

from pathlib import Path

import polars as pl
import pytest

from normalizer_assets.config import load_config
from normalizer_assets.evaluation.cache import (
    PAIR_SCHEMA,
    SHIPPED_PAIRS,
    PairsError,
    evaluate_cache,
    judge,
    pairs_of,
    read_pairs,
    upper_bound,
)
from normalizer_assets.evaluation.cache_pairs import Pair

CONFIG = load_config({})
HEADER = "name_a,category_a,name_b,category_b,same"


def written(folder: Path, *lines: str) -> Path:
    file = folder / "pairs.csv"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def test_a_file_may_leave_kind_and_brands_out(tmp_path: Path) -> None:
    found = read_pairs(written(tmp_path, HEADER, "Leche 1 L,Lácteos,Leche 1000 ml,Lácteos,True"))
    assert found.schema == PAIR_SCHEMA
    assert found.row(0, named=True) == {
        "name_a": "Leche 1 L", "category_a": "Lácteos", "name_b": "Leche 1000 ml",
        "category_b": "Lácteos", "brand_a": None, "brand_b": None, "kind": None, "same": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name_a,name_b", "x,y"], "lacks the column category_a and category_b and same"),
        ([HEADER, "a,b,c,d,1", "a,b,c,d,maybe"], "line 3: same is 'maybe'; write 1 or 0"),
        ([HEADER, "a,b,c,d,"], "line 2: same is None"),
        ([], "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_none_is_told_where(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(PairsError, match=message):
        read_pairs(written(tmp_path, *lines))


def test_a_file_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_bytes(f"{HEADER}\nCaf\xe9,a,b,c,1\n".encode("cp1252"))
    with pytest.raises(PairsError, match="UTF-8"):
        read_pairs(file)


def test_hits_come_from_the_exact_tier_or_through_the_guard() -> None:
    milk = "Lácteos > Leches"
    pairs = pairs_of(
        [
            Pair("Leche Colun 1 L", "LECHE COLUN 1000 ml", milk, None, None, "units", same=True),
            Pair("Leche Colun 1 L", "Leches Colun 1 L", milk, None, None, "kind", same=True),
            Pair("Leche Colun 1 L", "Leche Colun 2 L", milk, None, None, "volume", same=False),
        ]
    )
    judged = judge(pairs, CONFIG)
    assert judged.rows() == [
        (True, "exact", None),
        (True, "semantic", None),
        (False, None, "only one of them has: 1000ml"),
    ]
    assert evaluate_cache(pairs, judged) == {
        "pairs": 3,
        "same": 2,
        "hits_on_same": 2,
        "false_hits": 0,
        "false_hits_at_most": pytest.approx(0.95),
        "by_kind": {
            "units": {"pairs": 1, "hits": 1},
            "kind": {"pairs": 1, "hits": 1},
            "volume": {"pairs": 1, "hits": 0},
        },
    }


def test_false_hits_are_counted() -> None:
    pairs = pairs_of([Pair("Arroz 1 kg", "arroz 1 kg", None, None, None, "case", same=False)])
    result = evaluate_cache(pairs, judge(pairs, CONFIG))
    assert (result["false_hits"], result["false_hits_at_most"]) == (1, 1.0)


def test_the_bound_of_no_event_is_three_in_so_many() -> None:
    assert upper_bound(0, 3000) == pytest.approx(3 / 3000, rel=0.01)
    assert upper_bound(0, 0) is None


def test_similarity_keeps_far_pairs_from_the_guard() -> None:
    milk = Pair("Leche Colun 1 L", "Leches Colun 1 L", "Lácteos", None, None, "kind", same=True)
    pairs = pairs_of([milk, milk, milk])
    judged = judge(pairs, CONFIG, pl.Series([0.9, 0.1, None]))
    assert judged["hit"].to_list() == [True, False, False]
    assert judged["reason"].to_list() == [None, "a similarity of 0.1", "a similarity of 0.0"]


def test_the_shipped_pairs_have_enough_of_each_kind_and_no_false_hit() -> None:
    developed = read_pairs(SHIPPED_PAIRS.with_name("cache_pairs_developed.csv"))
    for half in (read_pairs(SHIPPED_PAIRS), developed):
        kinds = half.filter("same").group_by("kind").len()
        assert min(kinds["len"].to_list()) >= 20
        assert half.filter("same").height > 500
        assert evaluate_cache(half, judge(half, CONFIG))["false_hits"] == 0


@pytest.mark.slow
def test_of_the_attack_only_what_keys_forget_gets_through() -> None:
    attack = read_pairs(SHIPPED_PAIRS.with_name("cache_pairs_attack.csv"))
    different, same = attack.filter(~pl.col("same")), attack.filter("same")
    hits = different.with_columns(judge(different, CONFIG)).filter("hit")
    assert different.height >= 970
    # Two say other things in another order, one a line that its brand field repeats.
    assert hits.height <= 3, hits.select("name_a", "name_b").rows()
    assert set(hits["tier"]) <= {"exact"}
    assert judge(same, CONFIG)["hit"].sum() >= 0.8 * same.height


def test_of_the_pairs_of_two_shops_no_trap_gets_through() -> None:
    shops = read_pairs(SHIPPED_PAIRS.with_name("cache_pairs_shops.csv"))
    found = evaluate_cache(shops, judge(shops, CONFIG))
    assert (found["pairs"], found["same"], found["false_hits"]) == (763, 396, 0)
    assert found["hits_on_same"] >= 310


def test_no_pairs_are_no_hits() -> None:
    nothing = pl.DataFrame(schema=PAIR_SCHEMA)
    assert evaluate_cache(nothing, judge(nothing, CONFIG))["pairs"] == 0
