"""Scoring the price comparison on labelled pairs."""

import pytest

from normalizer_assets.config import load_config
from normalizer_assets.evaluation.cache import PAIR_SCHEMA, SHIPPED_PAIRS, pairs_of, read_pairs
from normalizer_assets.evaluation.cache_pairs import Pair, same_pairs, variant_pairs
from normalizer_assets.evaluation.matching import evaluate_matching, merged

CONFIG = load_config({})
MILK = "Lácteos > Leches"


def test_pairs_are_merged_row_for_row_and_counted() -> None:
    pairs = pairs_of(
        [
            Pair("Leche Colun 1 L", "Leche Colun 2 L", MILK, None, None, "volume", same=False),
            Pair("Leche Colun 1 L", "Colun Leche 1000 ml", MILK, None, None, "units", same=True),
            # Without a brand the words alone are not enough.
            Pair("Galleta 1 kg", "Galletas 1 kg", "Galletas", None, None, "kind", same=True),
            Pair("Galleta 1 kg", "Galletas 1 kg", "Galletas", "Costa", "COSTA", "kind", same=True),
        ]
    )
    found = merged(pairs, CONFIG)
    assert found.to_list() == [False, True, False, True]
    assert evaluate_matching(pairs, found) == {
        "pairs": 4,
        "same": 3,
        "merged_same": 2,
        "false_merges": 0,
        "false_merges_at_most": pytest.approx(0.95),
        "by_kind": {
            "volume": {"pairs": 1, "merged": 0},
            "units": {"pairs": 1, "merged": 1},
            "kind": {"pairs": 2, "merged": 1},
        },
    }


@pytest.mark.slow
def test_shipped_and_made_variants_are_never_merged() -> None:
    developed = read_pairs(SHIPPED_PAIRS.with_name("cache_pairs_developed.csv"))
    made = pairs_of([*variant_pairs(30), *same_pairs(30)])
    for pairs in (developed.select([*PAIR_SCHEMA]), made):
        result = evaluate_matching(pairs, merged(pairs, CONFIG))
        assert result["false_merges"] == 0
        assert result["merged_same"] > result["same"] / 2


def test_no_pairs_are_no_merges() -> None:
    assert merged(pairs_of([]), CONFIG).to_list() == []
