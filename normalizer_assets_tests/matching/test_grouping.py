"""Which listings of a day are one product: proven ones, and no others."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.matching.grouping import match_products
from normalizer_assets.matching.listings import read_listings
from normalizer_assets.matching.proof import Proof, proven_pairs
from normalizer_assets_tests.matching.offers import (
    apart,
    groups,
    offers,
    products,
    same_in,
    together,
)

COLA = {"name": "Bebida Coca-Cola Original 1.5 L", "listing_brand": "Coca-Cola"}
COLA_OTHERWISE = {"name": "Coca Cola Original 1500 ml", "listing_brand": "COCA COLA"}
EAN = "7801610001196"
OTHER_EAN = "7801610001622"


def test_other_words_of_one_product_are_one_and_another_size_is_another() -> None:
    listings = offers(
        {**COLA, "retailer": "lider"},
        {**COLA_OTHERWISE, "retailer": "jumbo"},
        {**COLA, "retailer": "unimarc", "name": "Bebida Coca-Cola Original 2.5 L"},
    )
    assert products(listings) == together("S0", "S1") | apart("S2")


def test_equal_eans_are_one_product_whatever_the_names_say() -> None:
    listings = offers(
        {"name": "Gaseosa cola", "ean": EAN, "retailer": "lider"},
        {"name": "Coca 1,5", "ean": f"0{EAN}", "retailer": "jumbo"},
    )
    assert products(listings) == together("S0", "S1")


def test_different_eans_are_two_products_however_alike_their_names() -> None:
    listings = offers({**COLA, "ean": EAN}, {**COLA, "ean": OTHER_EAN, "retailer": "jumbo"})
    assert products(listings) == apart("S0", "S1")


def test_who_is_like_two_products_belongs_to_neither() -> None:
    # Without an EAN it may be either of the two, which are two for certain.
    listings = offers(
        {**COLA, "ean": EAN, "retailer": "lider"},
        {**COLA, "ean": OTHER_EAN, "retailer": "jumbo"},
        {**COLA, "retailer": "unimarc"},
    )
    assert products(listings) == apart("S0", "S1", "S2")


def test_a_chain_whose_ends_differ_is_no_product() -> None:
    row = {"category_group": "personal_care", "listing_brand": "Dove"}
    listings = offers(
        {**row, "retailer": "lider", "name": "Dove Reconstrucción 400 ml", "ean": EAN},
        {**row, "retailer": "jumbo", "name": "Dove Reconstrucción 400 ml"},
        {**row, "retailer": "unimarc", "name": "Dove Reconstruccion 400 cc", "ean": OTHER_EAN},
        {**row, "retailer": "tottus", "name": "Dove Nutrición 400 ml"},
        {**row, "retailer": "santa_isabel", "name": "Dove Nutricion 400 ml"},
    )
    assert products(listings) == apart("S0", "S1", "S2") | together("S3", "S4")


def test_two_products_of_a_shop_are_not_united_by_another_shops_vague_one() -> None:
    shop = {"retailer": "lider", "listing_brand": "Soprole"}
    listings = offers(
        {**shop, "name": "Leche Soprole 1 L", "ean": EAN},
        {**shop, "name": "Leche Soprole 1 L", "ean": OTHER_EAN},
        {"retailer": "jumbo", "name": "Leche Soprole 1 L", "listing_brand": "Soprole"},
    )
    assert products(listings) == apart("S0", "S1", "S2")


def test_a_shop_that_lists_a_product_twice_has_two_offers_of_it() -> None:
    shops = ["lider", "lider", "jumbo"]
    named = offers(*same_in(shops, **COLA, model="Original"))
    assert products(named) == together("S0", "S1", "S2")
    # Without a model they are as well two products, and the other shop's either of them.
    assert products(offers(*same_in(shops, **COLA))) == apart("S0", "S1", "S2")


def test_what_a_single_shop_lists_twice_stays_two_without_an_ean() -> None:
    assert products(offers(COLA, COLA)) == apart("S0", "S1")
    assert products(offers({**COLA, "ean": EAN}, {**COLA, "ean": EAN})) == together("S0", "S1")


def test_words_of_which_a_hundred_are_alike_prove_nothing() -> None:
    listings = offers(*same_in(["lider", "jumbo"] * 51, **COLA))
    assert len(products(listings)) == 102


def test_a_group_in_which_the_guard_was_wrong_too_often_is_matched_by_ean_alone() -> None:
    listings = offers(
        *same_in(["lider", "jumbo"], **COLA), *same_in(["lider", "jumbo"], name="Agua", ean=EAN)
    )
    closed = match_products(listings, Proof(closed_groups={"beverages"}))
    assert groups(closed) == apart("S0", "S1") | together("S2", "S3")


def test_no_listings_are_no_products() -> None:
    assert match_products(offers()).is_empty()


# --- ids --------------------------------------------------------------------------------


def ids(listings: pl.DataFrame) -> dict[str, str]:
    return dict(match_products(listings).select("sku", "product_id").iter_rows())


def test_an_ean_has_one_id_whatever_shop_has_it_under_whatever_name() -> None:
    first = ids(offers({**COLA, "ean": EAN}))
    later = ids(
        offers(
            {"name": "Gaseosa", "ean": EAN, "retailer": "jumbo", "sku": "J"},
            {**COLA, "retailer": "unimarc"},
        )
    )
    assert first["S0"] == later["J"]
    assert later["S1"] != later["J"]


def test_without_an_ean_the_wording_has_the_id_whoever_lists_it_at_what_price() -> None:
    alone = ids(offers(COLA))
    joined = ids(offers(*same_in(["unimarc", "jumbo"], **COLA, price=10)))
    assert set(joined.values()) == {alone["S0"]}


def test_listings_with_the_same_words_that_are_not_one_product_have_ids_by_sku() -> None:
    first, second = ids(offers(COLA, COLA)).values()
    assert first != second
    again = ids(offers({**COLA, "sku": "S1", "price": 5}, {**COLA, "sku": "S2"}))
    assert again["S1"] == second


# --- what holds for all days ------------------------------------------------------------

NAMES = st.tuples(
    st.sampled_from(["", "Bebida ", "Jugo "]),
    st.sampled_from(["Coca-Cola", "Coca Cola", "Sprite", "Fanta Naranja"]),
    st.sampled_from(["", " Original", " Zero", " sin azúcar"]),
    st.sampled_from([" 1.5 L", " 1500 ml", " 2 L", ""]),
).map("".join)
ROWS = st.fixed_dictionaries(
    {
        "retailer": st.sampled_from(["lider", "jumbo", "unimarc"]),
        "name": NAMES,
        "listing_brand": st.sampled_from([None, "Coca-Cola", "Sprite"]),
        "ean": st.sampled_from([None, None, EAN, OTHER_EAN, f"0{EAN}", "2000000000015"]),
        "brand": st.sampled_from([None, "COCA-COLA", "SPRITE"]),
        "model": st.sampled_from([None, "Original", "Zero"]),
        "attributes": st.sampled_from(["{}", '{"volume_ml":"1500"}', '{"volume_ml":"2000"}']),
    }
)


def check_day(rows: list[dict[str, object]], chance: random.Random) -> None:
    """What holds of every day."""
    listings = offers(*rows)
    matched = match_products(listings)
    assert matched.height == len(rows)
    assert matched["product_id"].str.contains("^[0-9a-f]{16}$").all()

    # Neither the order of rows nor repeating changes anything.
    order = list(range(len(rows)))
    chance.shuffle(order)
    assert match_products(listings[order]).equals(matched)

    # Whoever is together is proven against each other.
    read = read_listings(listings)
    within = (
        matched.join(matched, on="product_id")
        .select(a="listing", b="listing_right")
        .filter(pl.col("a") < pl.col("b"))
        .sort("a", "b")
    )
    assert proven_pairs(within, read).sort("a", "b").equals(within)
    known = matched.drop_nulls("code").group_by("product_id").agg(pl.col("code").n_unique())
    assert set(known["code"]) <= {1}


@pytest.mark.slow
@settings(max_examples=8)
@given(st.lists(ROWS, min_size=12, max_size=30), st.randoms(use_true_random=False))
def test_a_day_of_listings(rows: list[dict[str, object]], chance: random.Random) -> None:
    check_day(rows, chance)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(ROWS, max_size=16), st.randoms(use_true_random=False))
def test_many_days_of_listings(rows: list[dict[str, object]], chance: random.Random) -> None:
    check_day(rows, chance)


@pytest.mark.parametrize("retailers", [["lider", "jumbo"], ["jumbo", "unimarc", "tottus"]])
def test_shops_without_known_brands_are_never_matched_by_words(retailers: list[str]) -> None:
    row = {"name": "Galleta Surtida 200 g", "category_group": "groceries"}
    listings = offers(
        *same_in(retailers, **row, brand="INVENTADA", evidence='{"brand":"inferred"}')
    )
    assert len(products(listings)) == len(retailers)
