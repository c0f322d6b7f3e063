from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.config import ModelConfig
from normalizer_assets.pricing.costs import Usage, cost_usd, usage_from_response

GPT5 = ModelConfig(input_usd=1.25, cached_input_usd=0.125, output_usd=10)

prices = st.decimals(0, 200, places=3).map(float)
models = st.builds(ModelConfig, input_usd=prices, cached_input_usd=prices, output_usd=prices)
usages = st.builds(
    lambda fresh, cached, output: Usage(fresh + cached, cached, output),
    *[st.integers(0, 10**9)] * 3,
)


def test_a_million_tokens_each_cost_the_listed_price() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert cost_usd(usage, GPT5, batch=False) == Decimal("11.25")
    assert cost_usd(usage, GPT5, batch=True) == Decimal("5.625")


def test_flex_has_its_own_factor_and_a_batch_is_never_flex() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    model = GPT5.model_copy(update={"flex_factor": 0.4, "batch_factor": 0.5})
    assert cost_usd(usage, model, batch=False, flex=True) == Decimal("4.5")
    assert cost_usd(usage, model, batch=True, flex=True) == Decimal("5.625")
    assert cost_usd(usage, model, batch=False, flex=False) == Decimal("11.25")


def test_cached_tokens_cost_their_own_price() -> None:
    usage = Usage(input_tokens=1000, cached_tokens=400)
    assert cost_usd(usage, GPT5, batch=False) == Decimal("0.00080")


def test_without_a_cached_price_there_is_no_discount() -> None:
    model = ModelConfig(input_usd=1.0)
    assert cost_usd(Usage(input_tokens=10, cached_tokens=10), model, batch=False) == cost_usd(
        Usage(input_tokens=10), model, batch=False
    )


def test_reasoning_is_inside_the_output_and_not_paid_twice() -> None:
    quiet, thinking = Usage(output_tokens=100), Usage(output_tokens=100, reasoning_tokens=90)
    assert cost_usd(quiet, GPT5, batch=False) == cost_usd(thinking, GPT5, batch=False)


def test_chat_usage_is_read() -> None:
    usage = {
        "prompt_tokens": 50,
        "completion_tokens": 30,
        "total_tokens": 80,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 10},
    }
    assert usage_from_response({"usage": usage}) == Usage(50, 20, 30, 10)


def test_the_usage_of_a_whole_batch_is_read() -> None:
    usage = {
        "input_tokens": 50,
        "input_tokens_details": {"cached_tokens": 20},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 10},
    }
    assert usage_from_response({"usage": usage}) == Usage(50, 20, 30, 10)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"usage": None},
        {"usage": "many"},
        {"usage": {"prompt_tokens": None, "completion_tokens": -3}},
        {"usage": {"prompt_tokens": True, "completion_tokens": "7"}},
        {"usage": {"prompt_tokens_details": None, "completion_tokens_details": 3}},
    ],
)
def test_missing_usage_is_zero(body: dict[str, Any]) -> None:
    assert usage_from_response(body) == Usage()


@settings(max_examples=100)
@given(usage=usages, model=models)
def test_a_cost_is_never_negative_and_a_batch_is_half_of_it(
    usage: Usage, model: ModelConfig
) -> None:
    individual = cost_usd(usage, model, batch=False)
    assert individual >= 0
    assert cost_usd(usage, model, batch=True) * 2 == individual


@settings(max_examples=100)
@given(first=usages, second=usages, model=models)
def test_costs_add_up_exactly(first: Usage, second: Usage, model: ModelConfig) -> None:
    both = Usage(
        first.input_tokens + second.input_tokens,
        first.cached_tokens + second.cached_tokens,
        first.output_tokens + second.output_tokens,
    )
    assert cost_usd(both, model, batch=True) == cost_usd(first, model, batch=True) + cost_usd(
        second, model, batch=True
    )
