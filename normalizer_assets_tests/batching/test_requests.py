"""Template, model, estimate and body of each request follow from tier, band and step."""

import json
import re
from decimal import Decimal
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.batching.requests import REQUEST_SCHEMA, build_requests
from normalizer_assets.config import Band, NormalizerConfig, Tier, load_config
from normalizer_assets.db.tables import Step
from normalizer_assets.pricing.costs import Usage, cost_usd, exact
from normalizer_assets.pricing.estimates import STRICT_ANSWER_TOKENS, TYPICAL_ANSWER_TOKENS
from normalizer_assets.prompting.reply_schemas import reply_schema, schema_text
from normalizer_assets.prompting.tokens import count_prompt_tokens, count_tokens
from normalizer_assets_tests.batching.listings import routed_listings

CONFIG = load_config({})
STEPS: tuple[Step, ...] = ("canary", "batch", "individual", "legacy")
ASKED_IN_BATCHES: tuple[Tier, ...] = ("mini", "full")


def with_model(**changes: Any) -> NormalizerConfig:
    """Returns the configuration with changes to the mini tier's model."""
    name = CONFIG.tiers["mini"].model
    model = CONFIG.models[name].model_copy(update=changes)
    return CONFIG.model_copy(update={"models": CONFIG.models | {name: model}})


def with_tiers(**changes: Any) -> NormalizerConfig:
    """Returns the configuration with changes to the tiers mini and full."""
    changed = {tier: CONFIG.tiers[tier].model_copy(update=changes) for tier in ASKED_IN_BATCHES}
    return CONFIG.model_copy(update={"tiers": CONFIG.tiers | changed})


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


# --- several listings in one line -----------------------------------------------------


@settings(max_examples=60)
@given(
    rows=LISTINGS,
    together=st.integers(1, 7),
    response_format=st.sampled_from(["json_object", "json_schema"]),
)
def test_every_listing_is_asked_in_exactly_one_line_and_shares_sum_up(
    rows: list[dict[str, Any]], together: int, response_format: str
) -> None:
    listings = pl.DataFrame(
        [row | {"question_key": str(number)} for number, row in enumerate(rows)],
        schema_overrides={"category": pl.String, "price": pl.Int64},
    )
    if not rows:
        listings = routed_listings(0)
    config = with_tiers(listings_per_request=together, response_format=response_format)
    requests = build_requests(config, listings, "batch")
    assert requests.schema == pl.Schema(REQUEST_SCHEMA)
    assert sorted(requests["question_key"]) == sorted(listings["question_key"])
    # Lines are numbered from 0, and those of one follow one another.
    assert requests["line"].rle_id().to_list() == requests["line"].to_list()
    for group in requests.partition_by("line"):
        row = group.row(0, named=True)
        settings_, model = config.tiers[row["tier"]], config.models[row["llm_model"]]
        assert group.height <= together
        for column in ("tier", "llm_model", "prompt_version", "body"):
            assert group[column].n_unique() == 1
        body = json.loads(row["body"])
        system, user = (message["content"] for message in body["messages"])
        cap = body[model.max_tokens_parameter]
        assert cap == settings_.answer_tokens * group.height + model.reasoning_allowance
        schema = body["response_format"].get("json_schema")
        tokens = int(count_prompt_tokens([user], system)[0])
        if schema is not None:
            tokens += int(count_tokens([schema_text(schema)])[0])
        shares = group["prompt_tokens"].to_list()
        assert sum(shares) == tokens
        assert max(shares) - min(shares) <= 1
        most = Usage(tokens, 0, cap)
        paid = cost_usd(most, model, batch=True)
        # Each share is rounded to what a money column holds.
        bound = sum(group["bound_usd"], Decimal(0))
        assert abs(bound - paid) <= group.height * Decimal("0.000000001")
        assert (group["estimated_usd"] <= group["bound_usd"]).all()
        if group.height > 1:
            lines = user.splitlines()[-group.height :]
            numbers = [line.split("|")[0] for line in lines]
            assert numbers == [str(number + 1) for number in range(group.height)]


def test_lines_are_few_and_of_even_size() -> None:
    sizes = {
        count: build_requests(with_tiers(listings_per_request=10), routed_listings(count), "batch")
        .group_by("line", maintain_order=True)
        .len()["len"]
        .to_list()
        for count in (1, 9, 10, 11, 25)
    }
    assert sizes == {1: [1], 9: [9], 10: [10], 11: [6, 5], 25: [9, 8, 8]}


def test_a_listing_that_is_left_alone_is_asked_as_if_nothing_was_packed() -> None:
    config = with_tiers(listings_per_request=2)
    requests = build_requests(config, routed_listings(3), "batch")
    templates = requests["prompt_version"].str.replace("@.*", "").to_list()
    assert templates == ["PACKED_SIMPLE", "PACKED_SIMPLE", "BATCH"]
    [alone] = build_requests(CONFIG, routed_listings(3)[2:], "batch")["body"]
    assert requests["body"][2] == alone


def test_bands_and_shops_of_a_tier_share_lines_and_tiers_do_not() -> None:
    mixed = pl.concat(
        [
            routed_listings(2, prefix="a"),
            routed_listings(2, prefix="b", tier="full"),
            routed_listings(2, prefix="c", retailer="jumbo").with_columns(band=pl.lit("medium")),
        ]
    )
    requests = build_requests(with_tiers(listings_per_request=10), mixed, "batch")
    together = [group["question_key"].to_list() for group in requests.partition_by("line")]
    assert together == [["a0", "a1", "c0", "c1"], ["b0", "b1"]]
    versions = requests["prompt_version"].str.replace("@.*", "").unique(maintain_order=True)
    assert versions.to_list() == ["PACKED_SIMPLE", "PACKED_DETAILED"]


@pytest.mark.parametrize("step", ["canary", "individual", "legacy"])
def test_calls_are_never_packed(step: Step) -> None:
    packed = with_tiers(listings_per_request=10)
    assert build_requests(packed, routed_listings(5), step).equals(
        build_requests(CONFIG, routed_listings(5), step)
    )


def test_the_reasoning_of_a_line_is_expected_once() -> None:
    model = CONFIG.models[CONFIG.tiers["mini"].model].model_copy(update={"reasoning_estimate": 11})
    packed = with_tiers(listings_per_request=4)
    models = CONFIG.models | {CONFIG.tiers["mini"].model: model}
    config = packed.model_copy(update={"models": models})
    requests = build_requests(config, routed_listings(4), "batch")
    typical = TYPICAL_ANSWER_TOKENS["PACKED_SIMPLE"]
    assert requests["answer_tokens"].to_list() == [typical + share for share in (3, 3, 3, 2)]


def test_packs_show_no_examples() -> None:
    listings = routed_listings(4, tier="full").with_columns(examples=pl.lit("\n\nparecidos"))
    cache = CONFIG.cache.model_copy(update={"examples": 2})
    packed = with_tiers(listings_per_request=4).model_copy(update={"cache": cache})
    requests = build_requests(packed, listings, "batch")
    assert "parecidos" not in requests["body"][0]
    assert "examples" not in requests["prompt_version"][0]
    assert requests.drop("body").equals(
        build_requests(packed, listings.drop("examples"), "batch").drop("body")
    )


# --- strict schemas -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "together", "template"),
    [
        ("mini", 1, "BATCH"),
        ("full", 1, "DETAILED"),
        ("mini", 2, "PACKED_SIMPLE"),
        ("full", 2, "PACKED_DETAILED"),
    ],
)
def test_a_strict_schema_is_sent_counted_and_part_of_the_version(
    tier: str, together: int, template: Any
) -> None:
    listings = routed_listings(2, tier=tier)
    free = build_requests(with_tiers(listings_per_request=together), listings, "batch")
    config = with_tiers(listings_per_request=together, response_format="json_schema")
    strict = build_requests(config, listings, "batch")
    schema = reply_schema(template)
    for body, plain in zip(bodies(strict), bodies(free), strict=True):
        assert body["response_format"] == {"type": "json_schema", "json_schema": schema}
        # The prompt stays what it is.
        assert body["messages"] == plain["messages"]
    more = int(count_tokens([schema_text(schema)])[0]) * 2 // together
    assert sum(strict["prompt_tokens"]) - sum(free["prompt_tokens"]) == more
    other = STRICT_ANSWER_TOKENS[template] - TYPICAL_ANSWER_TOKENS[template]
    assert (strict["answer_tokens"] - free["answer_tokens"]).to_list() == [other, other]
    for version, without in zip(strict["prompt_version"], free["prompt_version"], strict=True):
        assert re.fullmatch(rf"{template}@[0-9a-f]{{8}}\+schema@[0-9a-f]{{8}}", version)
        assert version.startswith(without)


def test_every_step_of_a_tier_has_its_schema() -> None:
    config = with_tiers(response_format="json_schema")
    for step in ("canary", "batch", "individual"):
        [body] = bodies(build_requests(config, routed_listings(1), step))
        assert body["response_format"]["type"] == "json_schema"
    [body] = bodies(build_requests(config, routed_listings(1), "legacy"))
    assert body["response_format"] == {"type": "json_object"}
