"""Which answer a row takes, how sure it is, and which row carries what it cost."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.answers.confidence import UNSUPPORTED_CONFIDENCE
from normalizer_assets.config import load_config
from normalizer_assets.intake.categories import category_group
from normalizer_assets.intake.text import clean_text
from normalizer_assets.publishing.products import (
    PRODUCT_COLUMNS,
    RULES_CONFIDENCE,
    build_products,
    content_hash,
)
from normalizer_assets.routing.routing import route_listings
from normalizer_assets_tests.prompting.hostile_names import HOSTILE_NAMES, IPHONE

CONFIG = load_config({})
NAME = "Notebook Lenovo IdeaPad 3 Intel Core i5-1235U 16GB RAM 512GB SSD"


def routed(*names: str, brand: str | None = None) -> pl.DataFrame:
    """Listings with the SKUs 0, 1, 2... on their way to the tier of their score."""
    listings = pl.DataFrame(
        {
            "row_number": range(1, len(names) + 1),
            "retailer": "lider",
            "day": date(2024, 10, 1),
            "sku": [str(number) for number in range(len(names))],
            "name": names,
            "brand": pl.Series([brand] * len(names), dtype=pl.String),
            "ean": pl.Series([None] * len(names), dtype=pl.String),
            "category": "Computación",
            "category_group": "notebooks",
            "price": 1000,
            "unit_price": pl.Series([None] * len(names), dtype=pl.String),
        }
    )
    return route_listings(listings, CONFIG).with_columns(route="tier")


def answer(question_key: str, **values: Any) -> dict[str, Any]:
    """An own answer that agrees with ``NAME``."""
    return {
        "question_key": question_key,
        "own": True,
        "alike": False,
        "answered_by": "batch",
        "llm_model": "gpt-5",
        "brand": "LENOVO",
        "model": "IdeaPad 3",
        "attributes": '{"capacity": "512GB", "ram": "16GB"}',
        "normalized_name": None,
        "category_suggestion": None,
        "model_confidence": 0.9,
        "status": None,
        "prompt_version": "DETAILED-1",
        "asked_tier": "mini",
        "cost_usd": Decimal("0.001"),
        "batch_id": "batch_1",
        "custom_id": "batch_1_0",
        "asked_sku": "0",
        "request_id": 7,
        **values,
    }


def answers(*rows: dict[str, Any]) -> pl.DataFrame:
    types: dict[str, pl.DataType | type[pl.DataType]] = dict.fromkeys(answer(""), pl.String)
    types |= {
        "own": pl.Boolean,
        "alike": pl.Boolean,
        "model_confidence": pl.Float64,
        "cost_usd": pl.Decimal(18, 9),
        "request_id": pl.Int64,
    }
    return pl.DataFrame(list(rows), schema=types, orient="row")


def test_an_own_answer_is_taken_with_its_request() -> None:
    listings = routed(NAME)
    product = build_products(listings, answers(answer(listings["question_key"][0])), CONFIG).row(
        0, named=True
    )
    assert set(PRODUCT_COLUMNS) < set(product)
    assert (product["brand"], product["model"]) == ("LENOVO", "IdeaPad 3")
    assert product["normalized_name"] == "LENOVO IdeaPad 3 16GB 512GB"
    assert (product["answered_by"], product["cache_tier"]) == ("batch", None)
    assert (product["batch_id"], product["custom_id"], product["request_id"]) == (
        "batch_1",
        "batch_1_0",
        7,
    )
    assert product["cost_usd"] == Decimal("0.001")
    assert product["status"] == "accepted"
    assert product["confidence"] > RULES_CONFIDENCE


def test_a_row_keeps_its_band_and_what_each_factor_contributed_to_its_score() -> None:
    product = build_products(routed(NAME), answers(), CONFIG).row(0, named=True)
    contributions = json.loads(product["contributions"])
    assert list(contributions) == ["length", "technical_terms", "category", "price", "variants"]
    assert sum(contributions.values()) == pytest.approx(product["score"], abs=3e-4)
    assert product["band"] == "complex"


def test_listings_that_were_routed_without_contributions_keep_none() -> None:
    product = build_products(routed(NAME).drop("contributions"), answers(), CONFIG)
    assert product["contributions"].to_list() == [None]


def test_an_answer_that_the_listing_contradicts_goes_to_review() -> None:
    listings = routed(NAME)
    wrong = answer(
        listings["question_key"][0], brand="ACME", model="Zeta 9", attributes='{"ram": "64GB"}'
    )
    product = build_products(listings, answers(wrong), CONFIG).row(0, named=True)
    assert product["status"] == "review"
    assert product["reasons"]


def test_a_row_in_review_says_why_even_where_nothing_speaks_against_it() -> None:
    listings = routed(NAME).with_columns(price=pl.lit(500_000))
    strict = CONFIG.model_copy(
        update={"confidence": CONFIG.confidence.model_copy(update={"threshold": 1.0})}
    )
    bought = answers(answer(listings["question_key"][0]))
    assert build_products(listings, bought, CONFIG)["reasons"].to_list() == [""]
    product = build_products(listings, bought, strict).row(0, named=True)
    assert product["status"] == "review"
    assert product["reasons"] == "nothing stands out, but a confidence of 1.0 is needed"


def test_an_answer_of_another_partition_is_cache_and_free() -> None:
    listings = routed(NAME)
    bought = answer(listings["question_key"][0], own=False)
    product = build_products(listings, answers(bought), CONFIG).row(0, named=True)
    assert (product["answered_by"], product["cache_tier"], product["route"]) == (
        "cache",
        "exact",
        "cache",
    )
    assert (product["cost_usd"], product["batch_id"], product["custom_id"]) == (0, None, None)
    assert product["llm_model"] == "gpt-5"
    assert product["request_id"] == 7


def test_without_an_answer_the_rules_answer_and_are_not_accepted() -> None:
    product = build_products(routed(NAME), answers(), CONFIG).row(0, named=True)
    assert product["answered_by"] == "rules"
    assert product["brand"] == "LENOVO"
    assert product["confidence"] <= RULES_CONFIDENCE
    assert product["status"] == "review"
    assert product["reasons"].startswith("answered by basic rules")
    assert (product["llm_model"], product["cost_usd"]) == (None, 0)


def test_an_answer_without_a_brand_takes_the_rows_own() -> None:
    listings = routed("Notebook IdeaPad 3 16GB RAM 512GB SSD", brand="Lenovo")
    unbranded = answer(listings["question_key"][0], brand=None)
    assert build_products(listings, answers(unbranded), CONFIG)["brand"].to_list() == ["LENOVO"]


@pytest.mark.parametrize(("asked_sku", "carrier"), [("1", "1"), ("gone from the file", "0")])
def test_the_cost_of_a_shared_question_is_on_one_row(asked_sku: str, carrier: str) -> None:
    listings = routed(NAME, NAME, "Notebook Acer Aspire 5 8GB RAM", NAME)
    shared = answer(listings["question_key"][0], asked_sku=asked_sku)
    products = build_products(listings, answers(shared), CONFIG)
    costs = dict(products.select("sku", "cost_usd").iter_rows())
    assert costs == {
        sku: Decimal("0.001") if sku == carrier else Decimal(0) for sku in ("0", "1", "2", "3")
    }
    assert products["request_id"].to_list() == [7, 7, None, 7]
    assert set(products["answered_by"]) == {"batch", "rules"}


@pytest.mark.parametrize(
    "said", [None, ("HACKED", "PWNED 3000"), IPHONE, ("ADIDAS", None)], ids=str
)
def test_no_answer_that_a_hostile_name_asks_for_is_accepted(
    said: tuple[str, str | None] | None,
) -> None:
    # The group and the price of what the name says it is, so that only the name is suspicious.
    group = category_group(pl.lit(None, dtype=pl.String), pl.col("name"), {})
    listings = (
        routed(*(one.name for one in HOSTILE_NAMES))
        .with_columns(clean_text(pl.col("name")), price=pl.lit(499_990))
        .with_columns(category_group=group)
    )
    obeyed = {
        key: answer(key, brand=brand, model=model, attributes="{}", model_confidence=1.0)
        for key, one in zip(listings["question_key"], HOSTILE_NAMES, strict=True)
        for brand, model in [said or (one.brand, one.model)]
    }
    products = build_products(listings, answers(*obeyed.values()), CONFIG)
    assert products.height == len(HOSTILE_NAMES)
    passed = (pl.col("status") != "review") | (pl.col("confidence") > UNSUPPORTED_CONFIDENCE)
    assert products.filter(passed).select("name", "brand", "model").rows() == []


def test_no_listings_make_no_products() -> None:
    assert build_products(routed(NAME).clear(), answers(), CONFIG).is_empty()


@pytest.fixture(scope="module")
def several() -> pl.DataFrame:
    return build_products(routed(*(f"Notebook Acer {n}" for n in range(4))), answers(), CONFIG)


@given(order=st.permutations(range(4)))
def test_the_content_hash_does_not_depend_on_the_order_of_rows(
    several: pl.DataFrame, order: list[int]
) -> None:
    assert content_hash(several[order]) == content_hash(several)


@pytest.mark.parametrize("column", ["brand", "status", "confidence", "cost_usd"])
def test_the_content_hash_tells_another_content(column: str) -> None:
    listings = routed(NAME)
    products = build_products(listings, answers(answer(listings["question_key"][0])), CONFIG)
    changed = products.with_columns(products[column].clear().extend_constant(None, 1).alias(column))
    assert content_hash(changed) != content_hash(products)
