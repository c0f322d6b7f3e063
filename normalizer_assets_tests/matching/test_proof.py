"""What proves that two listings are one product, and what is doubted."""

import json
from collections.abc import Mapping

import polars as pl
import pytest

from normalizer_assets.cache.lexicon import Lexicon
from normalizer_assets.matching.listings import read_listings
from normalizer_assets.matching.proof import Proof, proven_pairs
from normalizer_assets_tests.matching.offers import offers

EAN = "7801610001196"
MILK = {
    "name": "Leche Entera 1 L",
    "listing_brand": "Colun",
    "brand": "COLUN",
    "category_group": "dairy",
}


def is_proven(
    one: Mapping[str, object], other: Mapping[str, object], proof: Proof | None = None
) -> bool:
    read = read_listings(offers({"retailer": "jumbo", **one}, {"retailer": "lider", **other}))
    pair = pl.DataFrame({"a": [0], "b": [1]}, schema={"a": pl.UInt32, "b": pl.UInt32})
    return proven_pairs(pair, read, proof or Proof()).height == 1


def attributes(**values: str) -> str:
    return json.dumps(values)


def test_the_guard_proves_where_both_brands_are_known() -> None:
    assert is_proven(MILK, {**MILK, "name": "Leche Entera Colun 1000 ml"})
    assert not is_proven(MILK, {**MILK, "name": "Leche Descremada 1 L"})
    unknown = {"name": "Leche Entera 1 L", "category_group": "dairy"}
    assert not is_proven(unknown, unknown)
    assert not is_proven(MILK, unknown)


def test_equal_eans_prove_without_a_brand_and_across_names_and_groups() -> None:
    nameless = {"name": "Lácteo", "ean": EAN, "category_group": "other"}
    assert is_proven({**MILK, "ean": EAN}, nameless)
    assert not is_proven({**MILK, "ean": EAN}, {**MILK, "ean": "7801610001622"})
    own = "2000200000006"
    assert not is_proven({"name": "Palta", "ean": own}, {"name": "Palta", "ean": own})


@pytest.mark.parametrize(
    ("one", "other", "proven"),
    [
        ({"pack_count": "6", "volume_ml": "350"}, {"volume_ml": "350"}, True),
        ({"pack_count": "6"}, {"pack_count": "12"}, False),
        ({"volume_ml": "350"}, {"volume_ml": "2000"}, False),
        ({"capacity": "2L"}, {"capacity": "2000ml"}, True),
        ({"color": "negro"}, {"color": "azul"}, True),
    ],
)
def test_an_ean_is_doubted_where_the_answers_state_two_quantities(
    one: dict[str, str], other: dict[str, str], proven: bool
) -> None:
    listings = [
        {"name": "Cola", "ean": EAN, "attributes": json.dumps(said)} for said in (one, other)
    ]
    assert is_proven(listings[0], listings[1]) is proven


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"attributes": attributes(type="entera")}, {"attributes": attributes(type="descremada")}),
        ({"attributes": attributes(capacity="1L")}, {"attributes": attributes(capacity="2L")}),
    ],
)
def test_the_guard_is_doubted_where_the_answers_state_two_values(
    one: dict[str, object], other: dict[str, object]
) -> None:
    assert is_proven({**MILK, **one}, {**MILK, **one})
    assert not is_proven({**MILK, **one}, {**MILK, **other})


def test_how_the_answers_name_line_and_owner_is_no_doubt() -> None:
    named = {"name": "Nestlé Milo Polvo 400 g", "category_group": "groceries"}
    one = {**named, "brand": "NESTLÉ", "model": "Milo Polvo"}
    other = {**named, "name": "Milo Polvo 400 g", "brand": "MILO", "model": None}
    assert is_proven(one, other)


def test_without_a_model_brand_and_attributes_alone_prove_nothing() -> None:
    bare = {
        "name": "Colun 1 L", "listing_brand": "Colun", "brand": "COLUN",
        "category_group": "dairy", "attributes": attributes(volume_ml="1000"),
    }  # fmt: skip
    assert not is_proven(bare, bare)
    assert not is_proven(bare, {**bare, "name": "1 L Colun"})
    assert not is_proven({**bare, "model": "X"}, bare)
    assert is_proven({**bare, "name": "Colun Manjar 1 L"}, {**bare, "name": "Manjar Colun 1 L"})


def test_words_that_audits_found_to_tell_products_apart_do() -> None:
    other = {**MILK, "name": "Leche Entera Sabor 1 L"}
    assert is_proven(MILK, other)
    telling = Proof(Lexicon(telling={"dairy": frozenset({"sabor"})}))
    assert not is_proven(MILK, other, telling)


def test_in_a_closed_group_only_an_ean_proves() -> None:
    closed = Proof(closed_groups={"dairy"})
    assert not is_proven(MILK, MILK, closed)
    assert is_proven({**MILK, "ean": EAN}, {**MILK, "ean": EAN}, closed)
