"""From five factors to a score, a band and a tier.

Belongs here: weighing the factors, the bands, the tier and the reasons. Does not
belong here: the factors themselves (factors.py), what is already answered
(the cache decides that before a route is used), thresholds (config).
"""

import polars as pl

from normalizer_assets.config import RouterConfig, RouterWeights
from normalizer_assets.routing import factors

REASONS_SHOWN = 2
"""How many of the largest contributions a row's reasons name."""

DECIMALS = 4
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
        Float64, 0..1), ``contributions`` (struct: factor -> its share of the score; their
        sum is the score up to rounding), ``band`` (simple, medium, complex), ``tier``
        (mini, full) and
        ``reasons`` ("category 0.30, technical terms 0.22: complex": the largest shares
        of the score).
    """
    factor = {
        "length": factors.length(router.length_saturation),
        "technical_terms": factors.technical_terms(router.technical_terms, router.terms_saturation),
        "category": factors.category(router.category_complexity),
        "price": factors.price(),
        "variants": factors.variants(router.variants_saturation),
    }
    # Lazily, because a name is then folded once for all factors. Not the score: lazily a sum
    # is taken in another order, and its last digit decides where it is rounded.
    scored = listings.lazy().with_columns(**{f"factor_{n}": one for n, one in factor.items()})
    contribution = _contributions(router.weights)
    shares = [share.round(DECIMALS).alias(name) for name, share in contribution.items()]
    return (
        scored.collect()
        .with_columns(score=weighted_score(router.weights), contributions=pl.struct(shares))
        .with_columns(band=band_of(router))
        .with_columns(
            tier=pl.when(pl.col("band") == "complex")
            .then(pl.lit("full"))
            .otherwise(pl.lit("mini")),
            reasons=_reasons(contribution),
        )
    )


def weighted_score(weights: RouterWeights) -> pl.Expr:
    """The score of listings whose five factors are columns: their weighted mean, 0..1."""
    # The weights' own rounding may lift a sum of ones above 1.
    return pl.sum_horizontal(_contributions(weights).values()).round(DECIMALS).clip(0.0, 1.0)


def band_of(router: RouterConfig) -> pl.Expr:
    """The band of listings whose score is a column."""
    return (
        pl.when(pl.col("score") >= router.complex_from)
        .then(pl.lit("complex"))
        .when(pl.col("score") >= router.medium_from)
        .then(pl.lit("medium"))
        .otherwise(pl.lit("simple"))
    )


def _contributions(weights: RouterWeights) -> dict[str, pl.Expr]:
    given: dict[str, float] = weights.model_dump()
    total = sum(given.values())
    return {name: pl.col(f"factor_{name}") * (weight / total) for name, weight in given.items()}


def _reasons(contribution: dict[str, pl.Expr]) -> pl.Expr:
    """Names the largest contributions, largest first, and the band they led to."""
    # Whole numbers that order by hundredths, then by name: a hundred thousand lists of texts
    # take six times as long to sort.
    names = sorted(contribution)
    ranked = [
        (contribution[name] * 100).round().cast(pl.Int32) * len(names) + place
        for place, name in enumerate(names)
    ]
    texts = {
        hundredths * len(names) + place: f"{name.replace('_', ' ')} {hundredths / 100:.2f}"
        for place, name in enumerate(names)
        for hundredths in range(101)
    }
    named = []
    for _ in range(REASONS_SHOWN):
        largest = pl.max_horizontal(ranked)
        named.append(largest.replace_strict(texts, return_dtype=pl.String))
        ranked = [pl.when(one < largest).then(one) for one in ranked]
    return pl.concat_str(pl.concat_str(named, separator=", "), pl.lit(": "), pl.col("band"))
