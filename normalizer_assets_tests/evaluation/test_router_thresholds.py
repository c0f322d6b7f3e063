"""Thresholds are quantiles of the scores, never beyond what was asked for."""

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from normalizer_assets.config import RouterWeights, load_config
from normalizer_assets.evaluation.router_thresholds import (
    Target,
    calibrate,
    complex_from_share,
    distribution,
    medium_from_share,
    notes,
)
from normalizer_assets.evaluation.router_traffic import RouterError
from normalizer_assets.evaluation.router_weights import FACTORS

ROUTER = load_config({}).router
CATEGORY_ONLY = RouterWeights(length=0, technical_terms=0, category=1, price=0, variants=0)
ROUTER_OF_CATEGORY = ROUTER.model_copy(update={"weights": CATEGORY_ONLY})

# Few values, so that there are ties; four decimals, as scores have.
scores = st.lists(st.integers(0, 9_999) | st.sampled_from([0, 2_500, 5_000]), min_size=1).map(
    lambda values: [value / 10_000 for value in values]
)
shares = st.floats(0, 1)


def traffic(
    values: list[float], costs: tuple[float, float, float] = (1.0, 2.0, 10.0), retailer: str = ""
) -> pl.DataFrame:
    """Listings whose category factor is their score; costs are USD of 1,000 in each band."""
    return pl.DataFrame({"factor_category": values}).with_columns(
        *(pl.lit(0.0).alias(f"factor_{name}") for name in FACTORS if name != "category"),
        *(
            pl.lit(cost / 1000).alias(f"usd_{band}")
            for band, cost in zip(("simple", "medium", "complex"), costs, strict=True)
        ),
        category_group=pl.when(pl.col("factor_category") < 0.5)
        .then(pl.lit("dairy"))
        .otherwise(pl.lit("notebooks")),
        retailer=pl.lit(retailer),
    )


def reached(values: list[float], threshold: float) -> float:
    return float(np.mean(np.array(values) >= threshold))


def test_a_threshold_is_the_quantile_of_the_scores() -> None:
    hundred = np.arange(100) / 100
    assert complex_from_share(hundred, 0.16) == 0.84
    assert medium_from_share(hundred, 0.80) == 0.80
    assert complex_from_share(hundred, 1.0) == 0.0
    # Just above the highest score: none is at full.
    assert complex_from_share(hundred, 0.0) == 0.9901
    assert medium_from_share(hundred, 1.0) == 0.9901
    assert medium_from_share(hundred, 0.0) == 0.0


def test_of_equal_scores_all_or_none_are_at_full() -> None:
    tied = np.array([0.1, 0.5, 0.5, 0.5, 0.9])
    assert complex_from_share(tied, 0.79) == 0.9
    assert complex_from_share(tied, 0.80) == 0.5
    assert medium_from_share(tied, 0.79) == 0.5
    assert medium_from_share(tied, 0.80) == 0.9


def test_scores_of_one_that_are_too_many_are_refused() -> None:
    with pytest.raises(RouterError, match=r"50.0% of the listings have the score 1"):
        complex_from_share(np.array([1.0, 0.2]), 0.4)
    assert complex_from_share(np.array([1.0, 0.2]), 0.5) == 1.0


@given(values=scores, share=shares)
def test_the_share_of_full_is_the_largest_one_not_above_the_target(
    values: list[float], share: float
) -> None:
    threshold = complex_from_share(np.array(values), share)
    assert 0 <= threshold <= 1
    assert reached(values, threshold) <= share
    lower = [value for value in values if value < threshold]
    assert not lower or reached(values, max(lower)) > share


@given(values=scores, share=shares)
def test_the_share_of_simple_is_the_largest_one_not_above_the_target(
    values: list[float], share: float
) -> None:
    threshold = medium_from_share(np.array(values), share)
    assert 1 - reached(values, threshold) <= share + 1e-12
    higher = [value for value in values if value > threshold]
    assert not higher or 1 - reached(values, min(higher)) > share - 1e-12


@given(values=scores, first=shares, second=shares)
def test_a_larger_share_never_raises_the_threshold(
    values: list[float], first: float, second: float
) -> None:
    low, high = sorted((first, second))
    assert complex_from_share(np.array(values), high) <= complex_from_share(np.array(values), low)


@settings(max_examples=60)
@given(
    values=scores,
    full_share=shares,
    simple_share=st.none() | shares,
    weights=st.sampled_from([CATEGORY_ONLY, ROUTER.weights]),
)
def test_thresholds_are_in_order_and_do_not_depend_on_the_order_of_listings(
    values: list[float], full_share: float, simple_share: float | None, weights: RouterWeights
) -> None:
    target = Target(full_share=full_share, simple_share=simple_share)
    found = calibrate(traffic(values), ROUTER_OF_CATEGORY, weights, target)
    assert 0 <= found.medium_from <= found.complex_from <= 1
    assert found.weights == weights
    after = distribution(traffic(values), found)
    assert after["full"] == after["complex"] <= full_share + 1e-4  # it is rounded
    assert after["mini"] + after["full"] == pytest.approx(1, abs=2e-4)
    assert found == calibrate(traffic(values[::-1]), ROUTER_OF_CATEGORY, weights, target)


@settings(max_examples=60)
@given(values=scores, usd=st.floats(1.0, 12.0), simple_share=st.none() | shares)
@example(values=[0.0] * 18, usd=2.0, simple_share=0.0)
def test_the_cost_is_met_with_as_many_at_full_as_it_allows(
    values: list[float], usd: float, simple_share: float | None
) -> None:
    target = Target(usd_per_1000=usd, simple_share=simple_share)
    listings = traffic(values)
    try:
        found = calibrate(listings, ROUTER_OF_CATEGORY, CATEGORY_ONLY, target)
    except RouterError as error:
        assert usd < 2, "all at mini cost 2 USD at most"
        assert "raise --simple-share" in str(error)  # noqa: PT017 - most examples raise none
        return
    after = distribution(listings, found)
    assert after["usd_per_1000"] <= usd + 1e-6
    # The next listings at full as well would cost too much.
    if lower := [value for value in values if value < found.complex_from]:
        more = found.model_copy(update={"complex_from": max(lower)})
        assert distribution(listings, more)["usd_per_1000"] > usd - 1e-6


def test_without_a_share_of_simple_the_threshold_of_medium_stays_where_it_is() -> None:
    hundred = [number / 100 for number in range(100)]
    found = calibrate(traffic(hundred), ROUTER_OF_CATEGORY, CATEGORY_ONLY, Target(full_share=0.16))
    assert (found.medium_from, found.complex_from) == (0.3, 0.84)
    found = calibrate(traffic(hundred), ROUTER_OF_CATEGORY, CATEGORY_ONLY, Target(full_share=0.9))
    assert (found.medium_from, found.complex_from) == (0.1, 0.1)


def test_new_weights_leave_as_many_simple_as_the_old_ones() -> None:
    hundred = traffic([number / 100 for number in range(100)]).with_columns(
        factor_length=(100 - pl.int_range(pl.len())) / 200
    )
    weights = RouterWeights(length=1, technical_terms=0, category=0, price=0, variants=0)
    found = calibrate(hundred, ROUTER_OF_CATEGORY, weights, Target(full_share=0.16))
    assert distribution(hundred, ROUTER_OF_CATEGORY)["simple"] == 0.3
    assert distribution(hundred, found)["simple"] == 0.3
    assert distribution(hundred, found)["full"] == 0.16


def test_the_distribution_says_shares_and_cost_of_all_and_of_each_group() -> None:
    listings = traffic([0.1, 0.2, 0.4, 0.8], retailer="lider")
    found = distribution(listings, ROUTER_OF_CATEGORY)
    assert (found["listings"], found["simple"], found["medium"]) == (4, 0.5, 0.25)
    assert (found["complex"], found["mini"], found["full"]) == (0.25, 0.75, 0.25)
    assert found["usd_per_1000"] == pytest.approx((1 + 1 + 2 + 10) / 4)
    assert (found["score_deciles"][0], found["score_deciles"][5]) == (0.1, 0.3)
    assert (len(found["score_deciles"]), found["score_deciles"][10]) == (11, 0.8)
    dairy, notebooks = found["by_group"]["dairy"], found["by_group"]["notebooks"]
    assert (dairy["listings"], dairy["full"], notebooks["full"]) == (3, 0.0, 1.0)
    assert notebooks["usd_per_1000"] == pytest.approx(10)
    assert list(found["by_retailer"]) == ["lider"]
    assert distribution(traffic([0.1]), ROUTER_OF_CATEGORY)["by_retailer"] == {}


def test_the_shares_of_retailers_are_forgotten_with_the_thresholds_that_made_them() -> None:
    before = ROUTER_OF_CATEGORY.model_copy(update={"full_shares": {"jumbo": 0.5}})
    found = calibrate(traffic([0.1, 0.9]), before, CATEGORY_ONLY, Target(full_share=0.5))
    assert found.full_shares == {}


def test_bands_and_retailers_that_are_left_out_are_told() -> None:
    known = ROUTER_OF_CATEGORY.model_copy(update={"full_shares": {"jumbo": 0.16}})
    assert notes(known) == []
    [note] = notes(ROUTER_OF_CATEGORY)
    assert "no retailer's own share of full is written" in note
    assert "compared with its earlier days" in note
    level = known.model_copy(update={"medium_from": 0.5})
    assert "no room for the band medium" in notes(level)[0]
