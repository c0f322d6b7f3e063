from decimal import Decimal

import polars as pl
import pytest

from normalizer_assets.config import ModelConfig, Tier
from normalizer_assets.pricing.savings import compare, savings_percent

MODELS: dict[Tier, ModelConfig] = {
    "mini": ModelConfig(input_usd=0.25, output_usd=2),
    "full": ModelConfig(input_usd=1.25, output_usd=10),
}
LISTINGS = pl.DataFrame(
    {
        "tier": ["mini", "mini", "full", "full"],
        "prompt_tokens": [100_000, 100_000, 400_000, 400_000],
        "answer_tokens": [50_000, 50_000, 100_000, 100_000],
        "full_prompt_tokens": [400_000] * 4,
        "full_answer_tokens": [100_000] * 4,
        "cached": [True, False, True, False],
    }
)


def test_the_four_ways_in_order() -> None:
    ways = compare(LISTINGS, MODELS, reasoning_share=0)
    assert [(way.name, way.usd, way.savings_percent) for way in ways] == [
        ("individual", Decimal("6.0"), 0.0),
        ("batch", Decimal("3.0"), 50.0),
        ("batch + routing", Decimal("1.625"), pytest.approx(72.9167, abs=1e-4)),
        ("batch + routing + cache", Decimal("0.8125"), pytest.approx(86.4583, abs=1e-4)),
    ]


def test_no_listings_save_nothing() -> None:
    ways = compare(LISTINGS.clear(), MODELS, reasoning_share=0)
    assert {(way.usd, way.savings_percent) for way in ways} == {(Decimal(0), 0.0)}


def test_paying_more_is_a_negative_saving() -> None:
    assert savings_percent(Decimal("1.5"), Decimal(1)) == -50.0
