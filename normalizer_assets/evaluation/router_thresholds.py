"""Where the router's bands begin, chosen on one's own traffic.

Belongs here: thresholds as quantiles of the scores, for a share of the tier full or for a
cost, and the distribution before and after. Does not belong here: the traffic
(``router_traffic``), the weights (``router_weights``), writing what was chosen.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from normalizer_assets.config import RouterConfig, RouterWeights
from normalizer_assets.evaluation.router_traffic import TIER_OF, RouterError
from normalizer_assets.routing.routes import DECIMALS, band_of, weighted_score

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Target:
    """What the thresholds are to reach; one of the first two is given.

    Attributes:
        full_share: Share (0..1) of the listings at full, at most.
        usd_per_1000: Batch USD of 1,000 listings, none of them known, at most.
        simple_share: Share of the listings in the band simple, at most; ``None`` for that of
            today.
    """

    full_share: float | None = None
    usd_per_1000: float | None = None
    simple_share: float | None = None


def calibrate(
    traffic: pl.DataFrame, present: RouterConfig, weights: RouterWeights, target: Target
) -> RouterConfig:
    """Chooses thresholds.

    Args:
        traffic: Columns of ``router_traffic.with_costs``, at least one row.
        present: The router of today.
        weights: Those to score with.
        target: What to reach. Of scores that are equal all or none are at full, so the share
            of full is the largest that is not above the target.

    Returns:
        ``present`` with weights, medium_from and complex_from, and without the full_shares that
        other thresholds reached. A medium_from that would lie above complex_from is lowered to
        it.

    Raises:
        RouterError: No thresholds reach the target.
    """
    scored = traffic.with_columns(score=weighted_score(weights)).sort("score")
    scores = scored["score"].to_numpy()
    simple_share = target.simple_share
    if simple_share is None and weights != present.weights:
        before = traffic.select(weighted_score(present.weights)).to_series().to_numpy()
        simple_share = float(np.mean(before < present.medium_from))
    medium_from = (
        present.medium_from if simple_share is None else medium_from_share(scores, simple_share)
    )
    if target.usd_per_1000 is None:
        complex_from = complex_from_share(scores, target.full_share or 0.0)
    else:
        complex_from = complex_from_cost(scored, medium_from, target.usd_per_1000)
    return present.model_copy(
        update={
            "weights": weights,
            "medium_from": min(medium_from, complex_from),
            "complex_from": complex_from,
            "full_shares": {},
        }
    )


def complex_from_share(scores: "NDArray[np.float64]", share: float) -> float:
    """Returns the lowest threshold that at most this share of the scores reach.

    Raises:
        RouterError: More than that have the score 1, and no threshold is above it.
    """
    thresholds, below = _cuts(scores)
    # Counted, not subtracted: 1 - 84 / 100 is above 0.16.
    reach = (len(scores) - below) / len(scores)
    if reach[-1] > share:
        raise RouterError(
            f"{reach[-1]:.1%} of the listings have the score 1, more than the share of "
            f"{share:.1%} that was asked for; ask for more, or change the weights"
        )
    return float(thresholds[reach <= share][0])


def medium_from_share(scores: "NDArray[np.float64]", share: float) -> float:
    """Returns the highest threshold that at most this share of the scores are below."""
    thresholds, below = _cuts(scores)
    return float(thresholds[below / len(scores) <= share][-1])


def complex_from_cost(scored: pl.DataFrame, medium_from: float, usd_per_1000: float) -> float:
    """Returns the lowest threshold at which 1,000 listings cost at most so much.

    Args:
        scored: As ``calibrate`` takes it, ordered by score.
        medium_from: Where the band medium begins.
        usd_per_1000: Batch USD.

    Raises:
        RouterError: Even without the tier full they cost more.
    """
    thresholds, below = _cuts(scored["score"].to_numpy())
    at_mini, at_full = (
        np.append(0.0, scored.select(usd.cum_sum()).to_series().to_numpy())
        for usd in (mini_usd(medium_from), pl.col("usd_complex"))
    )
    # As it is shown: a sum of many costs is off by a little, and what is just enough was refused.
    costs = (1000 * (at_mini[below] + at_full[-1] - at_full[below]) / scored.height).round(6)
    if not (costs <= usd_per_1000).any():
        raise RouterError(
            f"1,000 of these listings cost at least {costs.min():.6f} USD, not "
            f"{usd_per_1000:g}; allow more, raise --simple-share, or name a cheaper model for "
            f"the tier mini (`tiers.mini.model`)"
        )
    return float(thresholds[costs <= usd_per_1000][0])


def mini_usd(medium_from: float) -> pl.Expr:
    """What listings cost at mini: simple ones take a shorter prompt."""
    return pl.when(pl.col("score") < medium_from).then("usd_simple").otherwise("usd_medium")


def _cuts(scores: "NDArray[np.float64]") -> tuple["NDArray[np.float64]", "NDArray[np.int64]"]:
    """Returns every threshold that parts scores differently, and how many are below each.

    The thresholds ascend; the last one lies above all scores, unless one of them is 1.
    """
    thresholds, counts = np.unique(scores, return_counts=True)
    below = np.append(0, np.cumsum(counts))
    above = round(float(thresholds[-1]) + 10**-DECIMALS, DECIMALS)
    if above > 1:
        return thresholds, below[:-1]
    return np.append(thresholds, above), below


def distribution(traffic: pl.DataFrame, router: RouterConfig) -> dict[str, Any]:
    """Says how a router divides traffic.

    Args:
        traffic: Columns of ``router_traffic.with_costs``, at least one row.
        router: Weights and thresholds.

    Returns:
        ``medium_from``, ``complex_from``, ``score_deciles`` (lowest score, nine deciles,
        highest), ``listings``, the shares ``simple``, ``medium``, ``complex``, ``mini`` and
        ``full`` (0..1), ``usd_per_1000`` (batch USD, none of the listings known), and the
        same from ``listings`` on in ``by_group`` and, of listings that name one, in
        ``by_retailer``.
    """
    banded = traffic.with_columns(score=weighted_score(router.weights)).with_columns(
        band=band_of(router),
        usd=pl.when(pl.col("score") >= router.complex_from)
        .then("usd_complex")
        .otherwise(mini_usd(router.medium_from)),
    )
    in_band = {band: pl.col("band") == band for band in TIER_OF}
    figures = {
        "listings": pl.len(),
        **{band: inside.mean().round(4) for band, inside in in_band.items()},
        "mini": (~in_band["complex"]).mean().round(4),
        "full": in_band["complex"].mean().round(4),
        "usd_per_1000": (1000 * pl.col("usd").mean()).round(6),
    }

    def by(column: str) -> dict[str, Any]:
        grouped = banded.filter(pl.col(column) != "").group_by(column).agg(**figures).sort(column)
        return {row.pop(column): row for row in grouped.to_dicts()}

    return {
        "medium_from": router.medium_from,
        "complex_from": router.complex_from,
        "score_deciles": [
            round(float(one), DECIMALS)
            for one in np.quantile(banded["score"].to_numpy(), np.linspace(0, 1, 11))
        ],
        **banded.select(**figures).to_dicts()[0],
        "by_group": by("category_group"),
        "by_retailer": by("retailer"),
    }


def notes(calibrated: RouterConfig) -> list[str]:
    """Says what a person should know of a router before it is written."""
    found = []
    if calibrated.medium_from == calibrated.complex_from:
        found.append("`medium_from` is `complex_from`: there is no room for the band medium")
    if not calibrated.full_shares:
        found.append(
            "no retailer's own share of full is written: it is taken of landed partitions, and of "
            "--listings whose column retailer names it. Each retailer is compared with its earlier "
            "days (route_shares)"
        )
    return found
