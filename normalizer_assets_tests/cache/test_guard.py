"""The guard: what differs is denied unless it is known to be harmless."""

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.cache.guard import judge_pairs
from normalizer_assets.config import CATEGORY_GROUPS
from normalizer_assets.evaluation.cache_pairs import REWORDINGS, VARIANTS, same_pairs, variant_pairs

SIDES = ("name_a", "brand_a", "group_a", "name_b", "brand_b", "group_b")


def judged(
    name_a: str, name_b: str, group: str = "smartphones", **others: str | None
) -> tuple[bool, str | None]:
    row = {
        "name_a": name_a, "brand_a": None, "group_a": group,
        "name_b": name_b, "brand_b": None, "group_b": group,
    } | others  # fmt: skip
    verdict = judge_pairs(pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)))
    return verdict["hit"][0], verdict["reason"][0]


@pytest.mark.parametrize(
    ("name_a", "name_b", "group"),
    [
        ("Samsung Galaxy A54 128GB Negro", "Celular Galaxy A54 Black 128 GB", "smartphones"),
        ("Motorola G84 8GB RAM 256GB", "Motorola G84 8GB 256GB", "smartphones"),
        ("Bebida Coca Cola 2 lt", "Coca-Cola 2000 ml", "beverages"),
        ("Champú Dove 400 ml", "Shampoo Dove 400 cc", "personal_care"),
        ("Yogurt Soprole Frutilla 125 g", "Soprole Yoghurt frutilla 125 gr", "dairy"),
    ],
)
def test_one_product_in_other_words_is_a_hit(name_a: str, name_b: str, group: str) -> None:
    assert judged(name_a, name_b, group) == (True, None)
    assert judged(name_b, name_a, group) == (True, None)


@pytest.mark.parametrize(
    ("name_a", "name_b", "group", "reason"),
    [
        ("iPhone 15 128GB", "iPhone 15 256GB", "smartphones", "only one of them has: 128gb"),
        ("iPhone 15 128GB", "iPhone 15 Pro 128GB", "smartphones", "only one of them has: pro"),
        ("iPhone 15", "Funda iPhone 15", "smartphones", "only one of them has: funda"),
        ("Jugo Watts Durazno 1 L", "Néctar Watts Durazno 1 L", "beverages", "two kinds"),
        ("Leche Colun 1 L", "Leche Soprole 1 L", "dairy", "brands differ"),
        ("Leche Colun 1 L", "Leche sin lactosa Colun 1 L", "dairy", "only one of them has: sin_"),
        ("Polera Puma azul", "Polera Puma azul marino", "clothing", "only one of them has: marino"),
        ("Motorola G84 256GB", "Motorola G84 256GB RAM", "smartphones", "one of them has: ram"),
        ("Galletas 2 x 500 g 3 x 200 g", "Galletas 3 x 500 g 2 x 200 g", "groceries", "only one"),
        ("Smartphone", "Celular", "smartphones", "nothing in common"),
    ],
)
def test_another_product_is_a_miss_that_says_why(
    name_a: str, name_b: str, group: str, reason: str
) -> None:
    for pair in ((name_a, name_b), (name_b, name_a)):
        hit, said = judged(*pair, group)
        assert not hit
        assert said is not None
        assert reason in said


def test_groups_and_eans_must_not_differ() -> None:
    name = "Galaxy A54 128GB"
    assert judged(name, name, group_b="tablets") == (False, "category groups differ")
    assert judged(name, name, ean_a="7801", ean_b="7802") == (False, "EANs differ")
    assert judged(name, name, ean_a="7801", ean_b=None) == (True, None)


@pytest.mark.parametrize("kind", [*VARIANTS, "brand"])
def test_no_variant_is_taken_for_the_product(kind: str) -> None:
    pairs = [pair for pair in variant_pairs(120) if pair.kind == kind]
    assert len(pairs) >= 100
    for group in ("other", "smartphones", "groceries"):
        rows = [(p.name_a, p.brand_a, group, p.name_b, p.brand_b, group) for p in pairs]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(SIDES, pl.String), orient="row")
        hits = frame.filter(judge_pairs(frame)["hit"])
        assert hits.is_empty(), hits.row(0)


@pytest.mark.parametrize("kind", REWORDINGS)
def test_spelling_and_order_are_no_difference(kind: str) -> None:
    pairs = [pair for pair in same_pairs(60) if pair.kind == kind]
    rows = [(p.name_a, p.brand_a, "other", p.name_b, p.brand_b, "other") for p in pairs]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(SIDES, pl.String), orient="row")
    assert judge_pairs(frame)["hit"].sum() >= 0.95 * len(pairs)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=30), st.none() | st.text(max_size=8), st.sampled_from(CATEGORY_GROUPS)
        ),
        min_size=2,
        max_size=8,
    )
)
def test_the_verdict_does_not_depend_on_who_is_asked_about_whom(
    listings: list[tuple[str, str | None, str]],
) -> None:
    rows = [(*a, *b) for a, b in itertools.pairwise(listings)]
    there = pl.DataFrame(rows, schema=dict.fromkeys(SIDES, pl.String), orient="row")
    back = there.rename(
        {f"{c}_{s}": f"{c}_{o}" for c in ("name", "brand", "group") for s, o in ("ab", "ba")}
    ).select(SIDES)
    assert judge_pairs(there)["hit"].to_list() == judge_pairs(back)["hit"].to_list()


def test_no_pairs_have_no_verdicts() -> None:
    assert judge_pairs(pl.DataFrame(schema=dict.fromkeys(SIDES, pl.String))).is_empty()
