"""Template, model, estimate and body of each request follow from tier, band and step."""

import json
from decimal import Decimal
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.batching.requests import REQUEST_SCHEMA, build_requests, cost_scenarios
from normalizer_assets.config import Band, NormalizerConfig, load_config
from normalizer_assets.db.tables import Step
from normalizer_assets.pricing.costs import Usage, cost_usd, exact
from normalizer_assets_tests.batching.listings import routed_listings

CONFIG = load_config({})
STEPS: tuple[Step, ...] = ("canary", "batch", "individual", "legacy")


def with_model(**changes: Any) -> NormalizerConfig:
    """Returns the configuration with changes to the mini tier's model."""
    name = CONFIG.tiers["mini"].model
    model = CONFIG.models[name].model_copy(update=changes)
    return CONFIG.model_copy(update={"models": CONFIG.models | {name: model}})


def bodies(requests: pl.DataFrame) -> list[dict[str, Any]]:
    return [json.loads(body) for body in requests["body"]]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
LISTINGS = st.lists(
    st.fixed_dictionaries(
        {
            "retailer": st.sampled_from(sorted(CONFIG.retailers)),
            "sku": TEXTS,
            "name": TEXTS.map("Jugo {}".format),
            "category": st.none() | TEXTS,
            "price": st.none() | st.integers(0, 10**9),
            "tier": st.sampled_from(["mini", "full"]),
            "band": st.sampled_from(get_args(Band)),
        }
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(rows=LISTINGS, step=st.sampled_from(STEPS))
def test_every_listing_has_one_request_whose_estimate_is_within_its_bound(
    rows: list[dict[str, Any]], step: Step
) -> None:
    listings = pl.DataFrame(
        [row | {"question_key": str(number)} for number, row in enumerate(rows)],
        schema_overrides={"category": pl.String, "price": pl.Int64},
    )
    if not rows:
        listings = routed_listings(0)
    requests = build_requests(CONFIG, listings, step)
    assert requests.schema == pl.Schema(REQUEST_SCHEMA)
    assert sorted(requests["question_key"]) == sorted(listings["question_key"])
    for row in requests.iter_rows(named=True):
        assert 0 < row["estimated_usd"] <= row["bound_usd"]
        model = CONFIG.models[row["llm_model"]]
        body = json.loads(row["body"])
        assert body["model"] == row["llm_model"] == CONFIG.tiers[row["tier"]].model
        most = Usage(row["prompt_tokens"], 0, body[model.max_tokens_parameter])
        # Rounded to what a money column holds.
        paid = cost_usd(most, model, batch=step == "batch")
        assert abs(row["bound_usd"] - paid) <= Decimal("0.000000001")


@pytest.mark.parametrize(
    ("step", "tier", "model"),
    [
        ("batch", "mini", "gpt-5-mini"),
        ("individual", "full", "gpt-5"),
        ("canary", "mini", "gpt-5-mini"),
        ("legacy", "full", "gpt-4o-mini"),
    ],
)
def test_the_tier_chooses_the_model_and_legacy_is_a_tier(step: Step, tier: str, model: str) -> None:
    requests = build_requests(CONFIG, routed_listings(2, tier=tier), step)
    assert set(requests["llm_model"]) == {model}
    assert set(requests["tier"]) == ({"legacy"} if step == "legacy" else {tier})


def test_only_individual_calls_of_models_that_have_it_ask_for_flex() -> None:
    listings = routed_listings(2)
    for step in STEPS:
        wants = step in ("canary", "individual")  # gpt-4o-mini has no flex
        for body in bodies(build_requests(CONFIG, listings, step)):
            assert body.get("service_tier") == ("flex" if wants else None)
    for body in bodies(build_requests(with_model(flex=False), listings, "individual")):
        assert "service_tier" not in body


def test_an_individual_call_is_estimated_at_its_full_price() -> None:
    """Flex is not always to be had."""
    listings = routed_listings(3)
    flex = build_requests(with_model(flex=True), listings, "individual")
    standard = build_requests(with_model(flex=False), listings, "individual")
    assert flex["estimated_usd"].to_list() == standard["estimated_usd"].to_list()


def test_an_estimate_counts_the_reasoning_that_is_expected_of_the_model() -> None:
    listings = routed_listings(1)
    model = CONFIG.models["gpt-5-mini"]
    [quiet] = build_requests(with_model(reasoning_estimate=0), listings, "batch").to_dicts()
    [usual] = build_requests(with_model(reasoning_estimate=100), listings, "batch").to_dicts()
    more = usual["estimated_usd"] - quiet["estimated_usd"]
    expected = 100 * exact(model.output_usd) * exact(model.batch_factor) / 1_000_000
    assert abs(more - expected) <= Decimal("0.000000001")
    assert usual["bound_usd"] == quiet["bound_usd"]


def test_a_price_for_batches_is_the_batch_factor() -> None:
    listings = routed_listings(3)
    dear = build_requests(with_model(batch_factor=1.0), listings, "batch")
    cheap = build_requests(with_model(batch_factor=0.25), listings, "batch")
    for first, second in zip(dear["bound_usd"], cheap["bound_usd"], strict=True):
        assert abs(first - 4 * second) <= Decimal("0.000000004")


def test_the_same_listing_asks_with_the_same_body() -> None:
    first = build_requests(CONFIG, routed_listings(5), "batch")
    second = build_requests(CONFIG, routed_listings(5)[::-1], "batch")
    by_key = dict(second.select("question_key", "body").iter_rows())
    assert {key: by_key[key] for key in first["question_key"]} == dict(
        first.select("question_key", "body").iter_rows()
    )


def test_a_shop_is_named_as_people_know_it_or_as_the_listing_says() -> None:
    listings = routed_listings(2, tier="full")
    [body, _] = bodies(build_requests(CONFIG, listings, "batch"))
    assert "Lider" in body["messages"][1]["content"]
    named = listings.with_columns(retailer_name=pl.Series(["Almacén Rosa", None]))
    texts = {
        row["question_key"]: json.loads(row["body"])["messages"][1]["content"]
        for row in build_requests(CONFIG, named, "batch").iter_rows(named=True)
    }
    assert "Almacén Rosa" in texts["q0"]
    assert "Lider" not in texts["q0"] + texts["q1"]


def test_the_four_ways_of_asking_become_cheaper() -> None:
    routed = pl.concat(
        [
            routed_listings(5, tier="full"),
            routed_listings(5, prefix="m").with_columns(sku=pl.col("sku") + " m"),
        ]
    ).with_columns(
        route=pl.when(pl.col("question_key") == "q0").then(pl.lit("cache")).otherwise("tier")
    )
    scenarios = cost_scenarios(CONFIG, routed)
    costs = [scenario.usd for scenario in scenarios]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == 4
    assert scenarios[0].savings_percent == 0
