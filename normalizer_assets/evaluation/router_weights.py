"""The router's weights, fitted on outcomes: which tier answered which listing rightly.

Belongs here: reading outcomes, the fit, and what routers are worth on outcomes that were held
back from it. Does not belong here: thresholds (``router_thresholds``), who says what is right.

A listing is worth escalating where mini is wrong **and** full is right. Where both are wrong it
is difficult, and full is money for nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from normalizer_assets.config import NormalizerConfig, RouterConfig, RouterWeights
from normalizer_assets.evaluation.gold import (
    LabelledListing,
    is_held_back,
    listings_of,
    read_lines,
)
from normalizer_assets.evaluation.router_thresholds import mini_usd
from normalizer_assets.evaluation.router_traffic import RouterError, route_shops, with_shops
from normalizer_assets.routing.routes import DECIMALS, weighted_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FACTORS = tuple(RouterWeights.model_fields)

FEWEST_OUTCOMES = 200
FEWEST_HELPED = 20
"""Listings where full helps: from fewer no weights are fitted."""

PENALTY = 1.0
"""Inverse strength of the penalty, as scikit-learn's C: factors lie in 0..1."""

SHARES = tuple(number / 20 for number in range(21))
"""Shares of full at which routers are compared."""


class Outcome(LabelledListing):
    """A listing that both tiers were asked about.

    Attributes:
        mini_right: Whether the answer of mini was right.
        full_right: Whether that of full was.
    """

    mini_right: bool
    full_right: bool


def read_outcomes(path: Path) -> list[Outcome]:
    """Reads outcomes, one JSON object a line.

    Raises:
        GoldError: A line is none.
    """
    return read_lines(path, Outcome, '{"name": ..., "mini_right": true, "full_right": true}')


def route_outcomes(outcomes: Sequence[Outcome], config: NormalizerConfig) -> pl.DataFrame:
    """Routes the listings of outcomes.

    Returns:
        Columns of ``routing.route_listings``, retailer, retailer_name, sku, mini_right,
        full_right (Boolean) and held_back (Boolean: half of all product families; a listing
        without one is of the family of its question).

    Raises:
        RouterError: There are too few.
    """
    own = pl.DataFrame(
        [
            (one.retailer or "", one.sku, one.family, one.mini_right, one.full_right)
            for one in outcomes
        ],
        schema={
            "retailer": pl.String,
            "sku": pl.String,
            "family": pl.String,
            "mini_right": pl.Boolean,
            "full_right": pl.Boolean,
        },
        orient="row",
    )
    listings = pl.concat([listings_of(outcomes, config), own], how="horizontal").with_columns(
        price=pl.when(pl.col("price") > 0).then(pl.col("price").round().cast(pl.Int64))
    )
    if nameless := listings.select(pl.arg_where(pl.col("name").is_null())).to_series().to_list():
        raise RouterError(f"outcome {nameless[0] + 1} has no name; leave it out")
    routed = route_shops(with_shops(listings, config), config)
    held_back = pl.coalesce("family", "canonical_key").map_elements(
        is_held_back, return_dtype=pl.Boolean
    )
    routed = routed.with_columns(held_back=held_back)
    helped = int(routed.select(_HELPED.sum()).item())
    if routed.height < FEWEST_OUTCOMES or helped < FEWEST_HELPED:
        raise RouterError(
            f"{routed.height} outcomes, and in {helped} of them mini is wrong and full is right; "
            f"weights are fitted from {FEWEST_OUTCOMES} and {FEWEST_HELPED} on: label more "
            f"listings, or leave --outcomes out and keep the weights"
        )
    for half in routed.partition_by("held_back", include_key=False):
        if half.height == routed.height or half.select(_HELPED.n_unique()).item() == 1:
            raise RouterError(
                "half of all product families are held back, and one half has no listing where "
                "full helps, or no other; label listings of more families"
            )
    return routed


_HELPED = ~pl.col("mini_right") & pl.col("full_right")


def fit_weights(fitted: pl.DataFrame) -> RouterWeights:
    """Fits weights by logistic regression for P(mini wrong and full right).

    None is negative, because the score is a weighted mean: a factor that speaks against full
    has no say.

    Args:
        fitted: From ``route_outcomes``, without what is held back.

    Returns:
        Weights that sum to 1.

    Raises:
        RouterError: No factor says where full helps.
    """
    weights = _fit(_factors(fitted), _helped(fitted))
    if not weights.any():
        raise RouterError(
            "no factor is larger where full helps, so there is nothing to weigh; leave --outcomes "
            "out and keep the weights"
        )
    return RouterWeights(
        **{name: round(float(weight), 4) for name, weight in zip(FACTORS, weights, strict=True)}
    )


def _factors(routed: pl.DataFrame) -> "Floats":
    return routed.select(f"factor_{name}" for name in FACTORS).to_numpy()


def _helped(routed: pl.DataFrame) -> "NDArray[np.bool_]":
    return routed.select(_HELPED).to_series().to_numpy()


def _fit(factors: "Floats", helped: "NDArray[np.bool_]", without: int | None = None) -> "Floats":
    """Returns weights that sum to 1, or zeros; ``without`` is a factor that has none."""
    from scipy.optimize import minimize
    from scipy.special import expit

    # So that a factor which is the same everywhere has exactly no weight.
    factors = factors - factors.mean(axis=0)

    def loss(parameters: "Floats") -> tuple[float, "Floats"]:
        weights, intercept = parameters[:-1], parameters[-1]
        logits = factors @ weights + intercept
        value = np.logaddexp(0, np.where(helped, -logits, logits)).sum()
        too_sure = expit(logits) - helped
        gradient = np.append(factors.T @ too_sure + weights / PENALTY, too_sure.sum())
        return float(value + weights @ weights / (2 * PENALTY)), gradient

    bounds = [(0.0, 0.0 if place == without else None) for place in range(len(FACTORS))]
    start = np.zeros(len(FACTORS) + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)])
    weights: Floats = found.x[:-1]
    return np.zeros(len(FACTORS)) if np.allclose(weights, 0) else weights / weights.sum()


# --- what routers are worth -------------------------------------------------------------


def evaluate(
    routed: pl.DataFrame, present: RouterConfig, calibrated: RouterConfig
) -> dict[str, Any]:
    """Compares routers on the outcomes that were held back.

    For each share of full the listings with the highest scores are taken to it; of equal
    scores some are taken at random, and figures are expected values, exactly. What stays at
    mini costs the prompt that the calibrated router gives it, for all routers.

    Args:
        routed: From ``route_outcomes``, with the columns of ``router_traffic.with_costs``.
        present: The router of today.
        calibrated: That with fitted weights.

    Returns:
        Counts; ``right`` (share of listings answered rightly) and ``usd_per_1000`` (batch) of
        ``all_mini``, ``all_full``, the two ``routers`` at their thresholds, and of each router
        in ``curve``; ``apgr``, the mean over ``SHARES`` of what part of the way from all_mini
        to all_full is gone (RouteLLM, arXiv 2406.18665), ``None`` where full is no better than
        mini; ``apgr_without``, the same of weights that were fitted without a factor.
    """
    fitted, held_back = (
        routed.filter(pl.col("held_back") == half).with_columns(
            score=weighted_score(calibrated.weights)
        )
        for half in (False, True)
    )
    outcomes = _Outcomes(
        *(
            held_back.select(figure.cast(pl.Float64)).to_series().to_numpy()
            for figure in (
                pl.col("mini_right"),
                pl.col("full_right"),
                mini_usd(calibrated.medium_from),
                pl.col("usd_complex"),
            )
        )
    )
    routers = {
        name: held_back.select(score.cast(pl.Float64)).to_series().to_numpy()
        for name, score in (
            ("fitted", pl.col("score")),
            ("present", weighted_score(present.weights)),
            ("random", pl.zeros(pl.len())),
            ("length", pl.col("name").str.len_chars()),
            ("oracle", pl.col("full_right").cast(pl.Int8) - pl.col("mini_right").cast(pl.Int8)),
        )
    }
    curves = {name: outcomes.curve(score) for name, score in routers.items()}
    factors, helped = _factors(fitted), _helped(fitted)
    without = {
        name: np.round(_factors(held_back) @ _fit(factors, helped, place), DECIMALS)
        for place, name in enumerate(FACTORS)
    }
    return {
        "outcomes": routed.height,
        "fitted_on": fitted.height,
        "held_back": held_back.height,
        "full_helps": {"fitted_on": int(helped.sum()), "held_back": int(_helped(held_back).sum())},
        "all_mini": outcomes.at(np.zeros(held_back.height, dtype=bool)),
        "all_full": outcomes.at(np.ones(held_back.height, dtype=bool)),
        "routers": {
            "present": outcomes.at(routers["present"] >= present.complex_from),
            "calibrated": outcomes.at(routers["fitted"] >= calibrated.complex_from),
        },
        "apgr": {name: outcomes.apgr(score) for name, score in routers.items()},
        "apgr_without": {name: outcomes.apgr(score) for name, score in without.items()},
        "curve": [
            {"full_share": share, **{name: curve[place] for name, curve in curves.items()}}
            for place, share in enumerate(SHARES)
        ],
    }


class _Outcomes(NamedTuple):
    """What listings bring and cost at mini and at full, one number a listing."""

    mini_right: "Floats"
    full_right: "Floats"
    mini_usd: "Floats"
    full_usd: "Floats"

    def at(self, full: "NDArray[np.bool_]") -> dict[str, float]:
        """Returns the figures where these listings are at full and the others at mini."""
        return {
            "full_share": round(float(full.mean()), 4),
            "right": round(float(np.where(full, self.full_right, self.mini_right).mean()), 4),
            "usd_per_1000": round(
                1000 * float(np.where(full, self.full_usd, self.mini_usd).mean()), 6
            ),
        }

    def curve(self, score: "Floats") -> list[dict[str, float]]:
        """Returns the figures at each of ``SHARES``."""
        right = _at_shares(score, self.mini_right, self.full_right)
        usd = 1000 * _at_shares(score, self.mini_usd, self.full_usd)
        return [
            {"right": round(float(one), 4), "usd_per_1000": round(float(cost), 6)}
            for one, cost in zip(right, usd, strict=True)
        ]

    def apgr(self, score: "Floats") -> float | None:
        lowest, highest = self.mini_right.mean(), self.full_right.mean()
        if highest <= lowest:
            return None
        right = _at_shares(score, self.mini_right, self.full_right)
        return round(float(((right - lowest) / (highest - lowest)).mean()), 4)


def _at_shares(score: "Floats", at_mini: "Floats", at_full: "Floats") -> "Floats":
    """Returns the mean of a figure with each of ``SHARES`` of the highest scores at full.

    Taking some of equal scores at random changes the expected sum along a straight line.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])) + 1, len(score))
    gained = np.append(0.0, np.cumsum((at_full - at_mini)[order]))
    taken = np.append(0, ends)
    found: Floats = at_mini.sum() + np.interp(np.array(SHARES) * len(score), taken, gained[taken])
    return found / len(score)


def notes(report: dict[str, Any]) -> list[str]:
    """Says what speaks against fitted weights; ``report`` is from ``evaluate``."""
    apgr = report["apgr"]
    if apgr["fitted"] is None:
        return ["full is right no more often than mini on what was held back: weights say nothing"]
    better = [name for name in ("present", "random", "length") if apgr[name] >= apgr["fitted"]]
    if not better:
        return []
    return [f"the fitted weights are no better on what was held back than {', '.join(better)}"]
