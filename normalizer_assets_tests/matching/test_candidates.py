"""Which pairs are worth comparing, and that they are few."""

import polars as pl

from normalizer_assets.matching.candidates import candidate_pairs
from normalizer_assets.matching.listings import read_listings
from normalizer_assets_tests.matching.offers import offers


def pairs(*rows: dict[str, object]) -> set[tuple[str, str]]:
    """Returns the skus of candidate pairs."""
    read = read_listings(offers(*rows))
    return {(read["sku"][a], read["sku"][b]) for a, b in candidate_pairs(read).iter_rows()}


COLA = {"name": "Coca-Cola Original 1.5 L", "listing_brand": "Coca-Cola"}


def at(shop: str, **row: object) -> dict[str, object]:
    return {**COLA, "retailer": shop, **row}


def test_a_shared_word_the_same_digits_and_maker_make_a_pair() -> None:
    assert pairs(at("jumbo"), at("lider", name="Bebida Cola Original 1500 ml")) == {("S0", "S1")}
    assert pairs(at("jumbo"), at("lider", name="Coca-Cola Original 2 L")) == set()
    assert pairs(at("jumbo"), at("lider", listing_brand="Pepsi", name="Original 1.5 L")) == set()
    assert pairs(at("jumbo"), at("lider", listing_brand="COCA COLA")) == {("S0", "S1")}


def test_a_line_is_compared_with_its_owner() -> None:
    sprite = {"name": "Bebida Sprite Zero 1.5 L", "listing_brand": "Coca-Cola"}
    owned = {"name": "Bebida Zero 1.5 L", "listing_brand": "Sprite"}
    assert pairs(at("jumbo", **sprite), at("lider", **owned)) == {("S0", "S1")}


def test_two_of_one_shop_are_a_pair_by_their_ean_alone() -> None:
    assert pairs(at("jumbo"), at("jumbo")) == set()
    assert pairs(at("jumbo", ean="78012345"), at("jumbo", ean="78012345")) == {("S0", "S1")}


def test_two_eans_are_no_pair_and_a_listing_without_a_brand_is_found_by_its_ean() -> None:
    assert pairs(at("jumbo", ean="78012345"), at("lider", ean="78012346")) == set()
    assert pairs(at("jumbo", ean="78012345"), at("lider")) == {("S0", "S1")}
    nameless = {"name": "Cola", "listing_brand": None}
    assert pairs(at("jumbo", **nameless), at("lider", **nameless)) == set()
    with_ean = {**nameless, "ean": "78012345"}
    assert pairs(at("jumbo", **with_ean), at("lider", **with_ean)) == {("S0", "S1")}


def test_codes_are_found_written_together_and_apart() -> None:
    headphones = {"listing_brand": "Sony", "category_group": "headphones"}
    apart = at("jumbo", name="Audífonos Sony WH-1000XM5 Negro", **headphones)
    together = at("lider", name="Audífonos Sony WH1000XM5 Negro", **headphones)
    assert pairs(apart, together) == {("S0", "S1")}


def test_the_number_of_pairs_grows_like_that_of_listings() -> None:
    """Ten thousand listings of one brand, in five shops, whose words are mostly the same."""
    shops = ["jumbo", "lider", "unimarc", "tottus", "santa_isabel"]
    rows = [
        at(shop, name=f"Esmalte Coca-Cola Tono {number} {number % 7} ml")
        for number in range(2000)
        for shop in shops
    ]
    found = candidate_pairs(read_listings(offers(*rows)))
    assert 2000 * 10 <= found.height < 2000 * 12
    one_word = [at(shop, name=f"Esmalte {word}") for shop in shops for word in "ab" * 1000]
    assert candidate_pairs(read_listings(offers(*one_word))).is_empty()


def test_no_listings_make_no_pairs() -> None:
    none = candidate_pairs(read_listings(offers()))
    assert none.is_empty()
    assert none.schema == {"a": pl.UInt32, "b": pl.UInt32}
