"""Weights are fitted for benefit, on one half of the families, and judged on the other."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.config import RouterWeights, load_config
from normalizer_assets.evaluation.gold import GoldError
from normalizer_assets.evaluation.router_traffic import RouterError
from normalizer_assets.evaluation.router_weights import (
    FACTORS,
    SHARES,
    Outcome,
    evaluate,
    fit_weights,
    notes,
    read_outcomes,
    route_outcomes,
)

CONFIG = load_config({})
ROUTER = CONFIG.router
ROWS = 600


def judged(decides: str, seed: int = 7, *, difficult: str | None = None) -> pl.DataFrame:
    """Outcomes in which full helps where one factor is large, and mostly only there.

    Where the factor ``difficult`` is large both tiers are wrong.
    """
    random = np.random.default_rng(seed)
    factors = {f"factor_{name}": random.random(ROWS) for name in FACTORS}
    noise = random.random(ROWS)
    frame = pl.DataFrame(factors).with_columns(
        noise=noise,
        name=pl.Series(["x" * int(10 + 90 * one) for one in factors["factor_length"]]),
        held_back=pl.Series(random.random(ROWS) < 0.5),
        usd_simple=pl.lit(0.0001),
        usd_medium=pl.lit(0.0002),
        usd_complex=pl.lit(0.001),
    )
    hard = pl.lit(value=False) if difficult is None else pl.col(f"factor_{difficult}") > 0.6
    needs_full = (pl.col(f"factor_{decides}") > 0.7) & (pl.col("noise") < 0.9)
    return frame.with_columns(mini_right=~needs_full & ~hard, full_right=~hard)


def half(frame: pl.DataFrame, *, held_back: bool) -> pl.DataFrame:
    return frame.filter(pl.col("held_back") == held_back)


@pytest.mark.parametrize("decides", FACTORS)
def test_the_factor_that_decides_has_the_largest_weight_and_pays_on_what_was_held_back(
    decides: str,
) -> None:
    frame = judged(decides)
    weights = fit_weights(half(frame, held_back=False))
    found = weights.model_dump()
    assert max(found, key=lambda name: found[name]) == decides
    assert found[decides] > 0.6
    assert sum(found.values()) == pytest.approx(1, abs=0.001)
    report = evaluate(frame, ROUTER, ROUTER.model_copy(update={"weights": weights}))
    apgr = report["apgr"]
    assert apgr["oracle"] >= apgr["fitted"] > apgr["random"] == 0.5
    assert apgr["fitted"] > apgr["present"]
    assert apgr["fitted"] > apgr["length"] + (0 if decides != "length" else -0.01)
    without = report["apgr_without"]
    assert min(without, key=lambda name: without[name]) == decides
    # The larger part of the gain is gone with it.
    assert without[decides] - 0.5 < (apgr["fitted"] - 0.5) / 2


def test_what_is_merely_difficult_is_not_escalated() -> None:
    frame = judged("variants", difficult="technical_terms")
    weights = fit_weights(half(frame, held_back=False))
    assert weights.technical_terms == 0
    assert weights.variants > 0.6


def test_the_fit_is_deterministic_and_uses_no_row_that_is_held_back() -> None:
    frame = judged("category")
    weights = fit_weights(half(frame, held_back=False))
    assert fit_weights(half(frame, held_back=False)) == weights
    assert fit_weights(half(frame.sample(ROWS, shuffle=True, seed=1), held_back=False)) == weights
    one, other = frame.filter(~pl.col("held_back")), judged("price").filter("held_back")
    assert fit_weights(half(pl.concat([one, other]), held_back=False)) == weights


def test_factors_that_speak_against_full_leave_nothing_to_weigh() -> None:
    frame = judged("length").with_columns(
        (1 - pl.col("factor_length")).alias("factor_length"),
        *(pl.lit(0.3).alias(f"factor_{name}") for name in FACTORS if name != "length"),
    )
    with pytest.raises(RouterError, match="no factor is larger where full helps"):
        fit_weights(frame)


def test_figures_are_those_of_what_was_held_back() -> None:
    frame = pl.DataFrame(
        {
            "name": ["a", "bb", "ccc", "dddd"],
            "factor_category": [0.1, 0.2, 0.8, 0.9],
            "mini_right": [True, True, False, False],
            "full_right": [True, False, True, False],
            "usd_simple": [0.001] * 4,
            "usd_medium": [0.002] * 4,
            "usd_complex": [0.01] * 4,
        }
    ).with_columns(
        *(pl.lit(0.0).alias(f"factor_{name}") for name in FACTORS if name != "category"),
        held_back=pl.lit(value=True),
    )
    # One listing more is right at full than at mini, so that there is a way to go.
    helped = frame[2].with_columns(name=pl.lit("eeeee"), factor_category=pl.lit(1.0))
    weights = RouterWeights(length=0, technical_terms=0, category=1, price=0, variants=0)
    router = ROUTER.model_copy(
        update={"weights": weights, "medium_from": 0.15, "complex_from": 0.95}
    )
    fitted_half = judged("category").head(100).with_columns(held_back=pl.lit(value=False))
    both = pl.concat([frame, helped, fitted_half.select(frame.columns)])
    report = evaluate(both, ROUTER, router)
    assert (report["outcomes"], report["fitted_on"], report["held_back"]) == (105, 100, 5)
    assert report["full_helps"]["held_back"] == 2
    assert report["all_mini"] == {"full_share": 0, "right": 0.4, "usd_per_1000": 1.8}
    assert report["all_full"] == {"full_share": 1, "right": 0.6, "usd_per_1000": 10}
    assert report["routers"]["calibrated"] == {
        "full_share": 0.2, "right": 0.6, "usd_per_1000": 3.4,
    }  # fmt: skip
    curve = {point["full_share"]: point for point in report["curve"]}
    assert list(curve) == list(SHARES)
    assert curve[0.4]["fitted"] == {"right": 0.6, "usd_per_1000": 5.0}
    # Half of the way from all at mini to all at full.
    assert curve[0.5]["random"] == {"right": 0.5, "usd_per_1000": 5.9}
    # The two that full helps first; then two that it does not change; last the one that it harms.
    assert [curve[share]["oracle"]["right"] for share in (0.4, 0.8, 1.0)] == [0.8, 0.8, 0.6]
    for point in (curve[0.0], curve[1.0]):
        assert len({point[name]["right"] for name in report["apgr"]}) == 1


def test_where_full_is_no_better_there_is_no_way_to_go() -> None:
    frame = judged("length").with_columns(
        mini_right=pl.col("held_back") | pl.col("mini_right"), full_right=pl.lit(value=True)
    )
    report = evaluate(frame, ROUTER, ROUTER)
    assert set(report["apgr"].values()) == {None}
    assert "weights say nothing" in notes(report)[0]


@given(
    fitted=st.floats(0, 1), present=st.floats(0, 1), length=st.floats(0, 1)
)  # fmt: skip
def test_whatever_is_as_good_as_the_fit_is_named(
    fitted: float, present: float, length: float
) -> None:
    apgr = {"fitted": fitted, "present": present, "random": 0.5, "length": length, "oracle": 1.0}
    found = "".join(notes({"apgr": apgr}))
    assert [name in found for name in ("present", "random", "length")] == [
        present >= fitted, fitted <= 0.5, length >= fitted,
    ]  # fmt: skip


# --- reading outcomes -----------------------------------------------------------------


def outcomes(count: int, helped: int, **changes: Any) -> list[Outcome]:
    return [
        Outcome.model_validate(
            {
                "name": f"Leche Colun {number} L",
                "category": "Leches",
                "price": 1000 + number,
                "family": f"family {number}",
                "mini_right": number >= helped,
                "full_right": True,
                **changes,
            }
        )
        for number in range(count)
    ]


def test_outcomes_are_routed_as_listings_are_and_keep_their_labels() -> None:
    lines = outcomes(150, 30, retailer="Lider") + outcomes(60, 0, retailer="jumbo", price=0)
    routed = route_outcomes(lines, CONFIG)
    assert routed.height == 210
    assert set(routed["category_group"]) == {"dairy"}
    assert (routed["mini_right"].sum(), routed["full_right"].sum()) == (180, 210)
    assert routed.filter(pl.col("price").is_null()).height == 60
    assert 70 < routed["held_back"].sum() < 140
    # A family is in one half, whatever its listings are called.
    one_family = route_outcomes(
        [*lines, *outcomes(9, 0, family="one", name="Té"), *outcomes(9, 0, family="ONE")], CONFIG
    )
    assert (
        one_family.filter(pl.col("family").str.to_lowercase() == "one")["held_back"].n_unique() == 1
    )


def test_without_a_family_the_same_question_is_in_one_half() -> None:
    lines = outcomes(220, 40, family=None)
    again = [one.model_copy(update={"name": one.name.upper()}) for one in lines]
    routed = route_outcomes([*lines, *again], CONFIG)
    assert (
        routed.group_by("canonical_key").agg(pl.col("held_back").n_unique())["held_back"].max() == 1
    )
    assert routed["held_back"].n_unique() == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (outcomes(199, 40), "199 outcomes, and in 40 of them"),
        (outcomes(300, 19), "in 19 of them mini is wrong and full is right"),
        (outcomes(300, 40, full_right=False), "in 0 of them"),
        (outcomes(300, 40, family="one"), "of more families"),
        (outcomes(300, 40, name=" "), "outcome 1 has no name"),
    ],
)
def test_too_few_outcomes_are_refused(lines: list[Outcome], message: str) -> None:
    with pytest.raises(RouterError, match=message):
        route_outcomes(lines, CONFIG)


def test_a_line_that_is_no_outcome_is_named(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.ndjson"
    good = '{"name": "Té", "mini_right": true, "full_right": false, "note": "ignored"}\n'
    file.write_text(good, encoding="utf-8")
    [one] = read_outcomes(file)
    assert (one.name, one.mini_right, one.full_right, one.family) == ("Té", True, False, None)
    file.write_text(good + '{"name": "Té", "mini_right": true}\n', encoding="utf-8")
    with pytest.raises(GoldError, match=r'line 2: full_right: .* looks like \{"name": ..., "mini'):
        read_outcomes(file)
