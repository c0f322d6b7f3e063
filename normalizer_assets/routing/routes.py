"""From five factors to a score, a band and a tier.

Belongs here: weighing the factors, the bands, the tier and the reasons. Does not
belong here: the factors themselves (factors.py), what is already answered
(the cache decides that before a route is used), thresholds (config).
"""

import polars as pl

from normalizer_assets.config import RouterConfig
from normalizer_assets.routing import factors

REASONS_SHOWN = 2
"""How many of the largest contributions a row's reasons name."""

_DECIMALS = 4
"""The score is rounded before it is compared, so that what is stored is what decided."""


def score_listings(listings: pl.DataFrame, router: RouterConfig) -> pl.DataFrame:
    """Scores listings and routes them to mini or full.

    The score is the mean of the five factors, weighted. Only complex listings go to
    full. The same frame always gives the same routes; because the price factor ranks
    within the frame, pass a whole partition.

    Args:
        listings: Columns ``name`` String, ``category_group`` String, ``price`` numeric.
        router: Weights, saturations, bands.

    Returns:
        ``listings`` with ``factor_length``, ``factor_technical_terms``,
        ``factor_category``, ``factor_price``, ``factor_variants``, ``score`` (all
        Float64, 0..1), ``band`` (simple, medium, complex), ``tier`` (mini, full) and
        ``reasons`` ("category 0.30, technical terms 0.22: complex": the largest shares
        of the score).
    """
    weights: dict[str, float] = router.weights.model_dump()
    total = sum(weights.values())
    factor = {
        "length": factors.length(router.length_saturation),
        "technical_terms": factors.technical_terms(router.technical_terms, router.terms_saturation),
        "category": factors.category(router.category_complexity),
        "price": factors.price(),
        "variants": factors.variants(router.variants_saturation),
    }
    contribution = {
        name: pl.col(f"factor_{name}") * (weight / total) for name, weight in weights.items()
    }
    # The weights' own rounding may lift a sum of ones above 1.
    score = pl.sum_horizontal(contribution.values()).round(_DECIMALS).clip(0.0, 1.0)
    band = (
        pl.when(pl.col("score") >= router.complex_from)
        .then(pl.lit("complex"))
        .when(pl.col("score") >= router.medium_from)
        .then(pl.lit("medium"))
        .otherwise(pl.lit("simple"))
    )
    return (
        listings.with_columns(**{f"factor_{name}": value for name, value in factor.items()})
        .with_columns(score=score)
        .with_columns(band=band)
        .with_columns(
            tier=pl.when(pl.col("band") == "complex")
            .then(pl.lit("full"))
            .otherwise(pl.lit("mini")),
            reasons=_reasons(contribution),
        )
    )


def _reasons(contribution: dict[str, pl.Expr]) -> pl.Expr:
    """Names the largest contributions, largest first, and the band they led to."""
    # "0.30 category" sorts by its number as text, all of them having two decimals.
    texts = [
        pl.concat_str(
            value.round(2).cast(pl.Decimal(4, 2)).cast(pl.String),
            pl.lit(" " + name.replace("_", " ")),
        )
        for name, value in contribution.items()
    ]
    largest = pl.concat_list(texts).list.sort(descending=True).list.head(REASONS_SHOWN)
    named = largest.list.join(", ").str.replace_all(r"(\d\.\d+) ([a-z ]+)", "$2 $1")
    return pl.concat_str(named, pl.lit(": "), pl.col("band"))
