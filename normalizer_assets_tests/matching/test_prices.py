"""The prices of matched listings, compared."""

import json

import polars as pl
import pytest

from normalizer_assets.matching.prices import compare_prices
from normalizer_assets_tests.matching.offers import offers


def compared(*rows: dict[str, object]) -> dict[str, object]:
    """Returns the comparison of one product."""
    matched = offers(*rows).with_columns(product_id=pl.lit("p"), code=pl.col("ean"))
    return compare_prices(matched).row(0, named=True)


def at(retailer: str, price: int, **row: object) -> dict[str, object]:
    return {"retailer": retailer, "price": price, "name": "Leche", **row}


def test_the_cheapest_the_spread_and_the_shops() -> None:
    found = compared(at("lider", 1000), at("jumbo", 1250), at("unimarc", 1100))
    assert found["shops"] == found["offers"] == 3
    assert found["cheapest_retailer"] == "lider"
    assert (found["min_price"], found["max_price"], found["spread"]) == (1000, 1250, 250)
    assert found["spread_percent"] == pytest.approx(25.0)
    assert json.loads(str(found["prices"])) == {"lider": 1000, "jumbo": 1250, "unimarc": 1100}


def test_a_shop_that_lists_it_twice_counts_once_with_its_lower_price() -> None:
    found = compared(at("lider", 900), at("jumbo", 2000), at("jumbo", 1000))
    assert (found["shops"], found["offers"]) == (2, 3)
    assert (found["min_price"], found["max_price"]) == (900, 1000)
    assert json.loads(str(found["prices"])) == {"lider": 900, "jumbo": 1000}


def test_of_equally_cheap_shops_the_first_by_alphabet_is_named() -> None:
    found = compared(at("lider", 900), at("jumbo", 900))
    assert (found["cheapest_retailer"], found["spread"]) == ("jumbo", 0)


def test_a_product_is_called_as_most_of_its_listings_are() -> None:
    found = compared(
        at("lider", 1, normalized_name="Leche Colun", brand="COLUN", ean="78012345"),
        at("jumbo", 1, normalized_name="Leche Colun", brand="COLUN LTDA"),
        at("unimarc", 1, normalized_name="Leche", brand="COLUN"),
    )
    assert found["normalized_name"] == "Leche Colun"
    assert found["brand"] == "COLUN"
    assert found["model"] is None
    assert found["ean"] == "78012345"


def test_each_product_is_compared_by_itself() -> None:
    matched = offers(at("lider", 5), at("jumbo", 7), at("lider", 9)).with_columns(
        product_id=pl.Series(["b", "a", "a"]), code=pl.col("ean")
    )
    found = compare_prices(matched)
    assert found.select("product_id", "shops", "min_price").rows() == [("a", 2, 7), ("b", 1, 5)]
    assert compare_prices(matched.clear()).is_empty()
