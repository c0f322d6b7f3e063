"""Pairs that are made of the shipped listings by one change each."""

from collections import Counter

import pytest

from normalizer_assets.evaluation.cache_pairs import (
    REWORDINGS,
    VARIANTS,
    same_pairs,
    variant_pairs,
)


def test_every_kind_has_as_many_pairs_as_were_asked_for() -> None:
    counts = Counter(pair.kind for pair in (*variant_pairs(100), *same_pairs(40)))
    assert set(counts) == {*VARIANTS, *REWORDINGS, "brand"}
    assert all(counts[kind] >= 95 for kind in (*VARIANTS, "brand"))
    assert all(counts[kind] == 40 for kind in REWORDINGS)


def test_pairs_are_the_same_each_time() -> None:
    assert list(variant_pairs(5)) == list(variant_pairs(5))


@pytest.mark.parametrize(
    ("kind", "name", "other"),
    [
        ("storage", "Galaxy A54 128 GB", "Galaxy A54 64GB"),
        ("volume", "Jugo Watts 1 L", "Jugo Watts 250 ml"),
        ("pack", "Cerveza Cristal 6x350cc", "Cerveza Cristal 7x350cc"),
        ("gender", "Perfume hombre 100 ml", "Perfume mujer 100 ml"),
        ("accessory-for", "iPhone 15", "Carcasa para iPhone 15"),
    ],
)
def test_a_variant_changes_one_thing(kind: str, name: str, other: str) -> None:
    assert VARIANTS[kind](name, 0) == other


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("storage", "Leche Colun"),
        ("sugar", "Coca Cola sin azúcar"),
        ("lactose", "Leche sin lactosa"),
        ("refurbished", "iPhone 12 reacondicionado"),
        ("suffix", "Galaxy A9+"),
    ],
)
def test_what_would_change_nothing_is_left_out(kind: str, name: str) -> None:
    assert VARIANTS[kind](name, 0) is None


def test_a_quantity_is_never_swapped_for_itself() -> None:
    for number in range(12):
        assert VARIANTS["volume"]("Jugo 1000 ml", number) not in ("Jugo 1 L", "Jugo 1000 ml")
        assert VARIANTS["storage"]("SSD 1 TB", number) not in ("SSD 1TB", "SSD 1 TB")


@pytest.mark.parametrize(
    ("kind", "name", "other"),
    [
        ("units", "Jugo Watts 1,5 L", "Jugo Watts 1500 ml"),
        ("accents", "Café Molído", "Cafe Molido"),
        ("decimal sign", "Jugo 1,5 L", "Jugo 1.5 L"),
        ("pack notation", "Pack 6 Yoghurt", "6 unidades Yoghurt"),
    ],
)
def test_a_rewording_says_the_same(kind: str, name: str, other: str) -> None:
    assert REWORDINGS[kind](name, 0) == other
