import json
import math
from decimal import Decimal
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.config import ModelConfig, TemplateName, Tier
from normalizer_assets.pricing.estimates import TYPICAL_ANSWER_TOKENS, estimate
from normalizer_assets.prompting.tokens import count_tokens

MODELS: dict[Tier, ModelConfig] = {
    "mini": ModelConfig(input_usd=0.25, output_usd=2, reasoning_allowance=1500),
    "full": ModelConfig(input_usd=1.25, output_usd=10, reasoning_allowance=1500),
    "legacy": ModelConfig(input_usd=0.15, output_usd=0.6),
}

# The specification's four right answers, with the group they belong to.
RIGHT_ANSWERS: list[dict[str, Any]] = [
    {
        "brand": "APPLE",
        "model": "iPhone 15 Pro Max",
        "attributes": {"capacity": "256GB", "color": "negro", "size": "6.7"},
        "normalized_name": "APPLE iPhone 15 Pro Max 256GB negro",
        "category_suggestion": "smartphones",
    },
    {
        "brand": "COCA-COLA",
        "model": "Original",
        "attributes": {"capacity": "2L", "flavor": "original"},
        "normalized_name": "COCA-COLA Original 2L",
        "category_suggestion": "bebidas",
    },
    {
        "brand": "ASUS",
        "model": "ROG Strix G16",
        "attributes": {
            "capacity": "1TB",
            "ram": "32GB DDR5",
            "processor": "Intel Core i9-13980HX",
            "graphics": "RTX 4070",
        },
        "normalized_name": "ASUS ROG Strix G16 i9-13980HX RTX 4070 32GB DDR5 1TB",
        "category_suggestion": "notebooks",
    },
    {
        "brand": "CHANEL",
        "model": "No 5",
        "attributes": {"volume_ml": "100", "type": "EDP", "gender": "mujer"},
        "normalized_name": "CHANEL No 5 EDP 100ml mujer",
        "category_suggestion": "perfumes",
    },
]


def answer_text(template: TemplateName, answer: dict[str, Any]) -> str:
    brand, model, attributes = answer["brand"], answer["model"], answer["attributes"]
    if template == "BATCH":
        short = {"capacity": "c", "color": "cl", "size": "s"}
        shortened = {short.get(key, key): value for key, value in attributes.items()}
        shaped = {"b": brand, "m": model, "a": shortened, "cf": 0.95}
    elif template == "MINIMAL":
        short = {"capacity": "cap"}
        shortened = {short.get(key, key): value for key, value in attributes.items()}
        shaped = {"brand": brand, "model": model, "attrs": shortened, "conf": 0.95}
    elif template == "DETAILED":
        shaped = answer | {"confidence": 0.95}
    else:
        shaped = {"brand": brand, "model": model, "attributes": attributes, "confidence": 0.95}
    if template in ("STANDARD", "DETAILED"):
        return json.dumps(shaped, ensure_ascii=False, indent=2)
    return json.dumps(shaped, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("template", get_args(TemplateName))
def test_typical_answers_are_counted_on_the_right_answers(template: TemplateName) -> None:
    counts = count_tokens([answer_text(template, answer) for answer in RIGHT_ANSWERS])
    assert math.ceil(counts.sum() / len(counts)) == TYPICAL_ANSWER_TOKENS[template]


def requests(*rows: tuple[str, int, int]) -> pl.DataFrame:
    schema = {"tier": pl.String, "prompt_tokens": pl.UInt32, "answer_tokens": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_tiers_are_priced_by_their_models() -> None:
    planned = estimate(
        requests(("mini", 600_000, 0), ("full", 1_000_000, 100_000), ("mini", 400_000, 500_000)),
        MODELS,
        reasoning_share=0,
    )
    full, mini = planned.tiers
    assert (full.tier, full.requests, full.individual_usd) == ("full", 1, Decimal("2.25"))
    assert (mini.tier, mini.requests, mini.batch_usd) == ("mini", 2, Decimal("0.625"))
    assert planned.individual_usd == Decimal("3.50")
    assert planned.batch_usd == Decimal("1.75")


def test_reasoning_adds_a_share_of_each_allowance() -> None:
    planned = estimate(
        requests(("mini", 0, 100), ("mini", 0, 100), ("legacy", 0, 100)),
        MODELS,
        reasoning_share=0.5,
    )
    legacy, mini = planned.tiers
    assert mini.output_tokens == 200 + 2 * 750
    assert legacy.output_tokens == 100


def test_nothing_asked_costs_nothing() -> None:
    assert estimate(requests(), MODELS, reasoning_share=1).individual_usd == 0


def test_many_requests_do_not_overflow() -> None:
    planned = estimate(requests(*[("mini", 2**31, 2**31)] * 4), MODELS, reasoning_share=0)
    assert planned.tiers[0].input_tokens == 2**33


def test_a_tier_without_a_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no model for the tier"):
        estimate(requests(("huge", 1, 1)), MODELS, reasoning_share=0)


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reasoning_share is 1\.5"):
        estimate(requests(), MODELS, reasoning_share=1.5)


@settings(max_examples=50)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["mini", "full", "legacy"]),
            st.integers(0, 10**6),
            st.integers(0, 10**6),
        ),
        max_size=8,
    ),
    share=st.floats(0, 1),
)
def test_an_estimate_is_never_negative_and_a_batch_is_half_of_it(
    rows: list[tuple[str, int, int]], share: float
) -> None:
    planned = estimate(requests(*rows), MODELS, reasoning_share=share)
    assert planned.individual_usd >= 0
    assert planned.batch_usd * 2 == planned.individual_usd
    assert sum(tier.requests for tier in planned.tiers) == len(rows)
