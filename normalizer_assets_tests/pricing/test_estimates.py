from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.config import ModelConfig
from normalizer_assets.pricing.estimates import (
    allowed_reasoning,
    expected_reasoning,
    no_reasoning,
    requests_usd,
)

MODELS = {
    "mini": ModelConfig(input_usd=0.25, output_usd=2, reasoning_allowance=1500),
    "full": ModelConfig(
        input_usd=1.25, output_usd=10, reasoning_allowance=1500, reasoning_estimate=100
    ),
    "legacy": ModelConfig(input_usd=0.15, output_usd=0.6),
}


def requests(*rows: tuple[str, int, int]) -> pl.DataFrame:
    """Makes requests of (model, prompt tokens, answer tokens), each in a line of its own."""
    schema = {"llm_model": pl.String, "prompt_tokens": pl.UInt32, "answer_tokens": pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row").with_row_index("line")


def test_requests_are_priced_by_their_models() -> None:
    planned = requests(("mini", 600_000, 0), ("full", 1_000_000, 0), ("mini", 400_000, 500_000))
    assert requests_usd(planned, MODELS, batch=False) == Decimal("2.50")
    assert requests_usd(planned, MODELS, batch=True) == Decimal("1.25")


def test_reasoning_replaces_what_the_answers_have_of_it() -> None:
    planned = requests(("full", 0, 300), ("full", 0, 300))

    def output_tokens(usd: Decimal) -> Decimal:
        return usd * 100_000

    costs = [
        requests_usd(planned, MODELS, batch=False, reasoning=reasoning)
        for reasoning in (no_reasoning, expected_reasoning, allowed_reasoning, lambda *_: 7.5)
    ]
    assert [output_tokens(usd) for usd in costs] == [400, 600, 400 + 3000, 400 + 15]


def test_a_line_of_several_listings_has_one_reply() -> None:
    planned = requests(*[("mini", 10, 20)] * 4).with_columns(line=pl.Series([0, 0, 0, 1]))
    with_reasoning = requests_usd(planned, MODELS, batch=False, reasoning=allowed_reasoning)
    more = with_reasoning - requests_usd(planned, MODELS, batch=False, reasoning=no_reasoning)
    assert more == Decimal("0.000002") * 2 * 1500


def test_nothing_asked_costs_nothing() -> None:
    assert requests_usd(requests(), MODELS, batch=False) == 0


def test_many_requests_do_not_overflow() -> None:
    planned = requests(*[("legacy", 2**32 - 1, 0)] * 4)
    assert requests_usd(planned, MODELS, batch=False) == Decimal("0.15") * 4 * (2**32 - 1) / 10**6


@settings(max_examples=50)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["mini", "full", "legacy"]),
            st.integers(0, 10**6),
            st.integers(100, 10**6),
        ),
        max_size=8,
    )
)
def test_more_reasoning_never_costs_less_and_a_batch_half(rows: list[tuple[str, int, int]]) -> None:
    planned = requests(*rows)
    costs = [
        requests_usd(planned, MODELS, batch=False, reasoning=reasoning)
        for reasoning in (no_reasoning, expected_reasoning, allowed_reasoning)
    ]
    assert 0 <= costs[0] <= costs[1] <= costs[2]
    assert requests_usd(planned, MODELS, batch=True) * 2 == costs[1]
