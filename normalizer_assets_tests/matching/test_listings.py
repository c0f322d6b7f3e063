"""What is read of a listing before it is compared."""

import pytest

from normalizer_assets.matching.listings import read_listings
from normalizer_assets_tests.matching.offers import offers


@pytest.mark.parametrize(
    ("ean", "code"),
    [
        ("7801610001196", "7801610001196"),
        ("07801610001196", "7801610001196"),
        ("036000291452", "36000291452"),
        ("0000000000000", None),
        (None, None),
        # A shop's own numbers, for what it weighs.
        ("2000200000006", None),
        ("0200020000000", None),
        ("0412345678905", None),
        ("20001234", None),
        # A case of twelve has another number than what is in it.
        ("17801610001193", "17801610001193"),
    ],
)
def test_an_ean_is_read_without_leading_zeros_and_a_shops_own_number_is_none(
    ean: str | None, code: str | None
) -> None:
    assert read_listings(offers({"name": "Palta", "ean": ean}))["code"].to_list() == [code]


@pytest.mark.parametrize(
    ("row", "maker"),
    [
        ({"listing_brand": "Colun"}, "COLUN"),
        ({"listing_brand": "Sin marca"}, None),
        ({"brand": "COLUN"}, "COLUN"),
        ({"brand": "COLUN", "evidence": '{"brand": "inferred"}'}, None),
        ({"brand": "COLUN", "evidence": '{"brand": "contradicted"}'}, None),
        ({"brand": "COLUN", "evidence": None}, None),
        ({"brand": "COLUN", "evidence": '{"brand": "inferred"}', "answered_by": "human"}, "COLUN"),
        ({"brand": "NESTLÉ", "listing_brand": "Colun"}, "COLUN"),
        ({}, None),
    ],
)
def test_a_brand_is_known_where_the_listing_or_a_person_says_it(
    row: dict[str, object], maker: str | None
) -> None:
    assert read_listings(offers({"name": "Queso 1 kg", **row}))["maker"].to_list() == [maker]


def test_brand_and_quantities_are_not_what_is_said_beside_them() -> None:
    row = {"name": "Leches Colun Enteras 1 L", "listing_brand": "Colun"}
    read = read_listings(offers(row))
    assert sorted(read["said"][0]) == ["entero", "leche"]
    assert sorted(read["tokens"][0]) == ["1000ml", "colun", "enteras", "leches"]


def test_noise_words_are_left_out() -> None:
    read = read_listings(offers({"name": "Leche 2x1 Exclusivo Web"}), ("exclusivo web",))
    assert "exclusivo" not in read["tokens"][0]
