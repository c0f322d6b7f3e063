"""Listings to routed listings: keys, factors, score, tier.

Belongs here: putting the pure parts of this package together. Does not belong here:
looking up what is already answered; that needs the ledger.
"""

import polars as pl

from normalizer_assets.config import ANSWER_CONTRACT_VERSION, NormalizerConfig
from normalizer_assets.routing.canonical import canonical_name, question_keys
from normalizer_assets.routing.routes import score_listings


def route_listings(listings: pl.DataFrame, config: NormalizerConfig) -> pl.DataFrame:
    """Adds keys, factors, score, band and tier to a partition's listings.

    Returns:
        ``listings`` with canonical_key, question_key, the five factors, score,
        contributions, band, tier and route_reasons.
    """
    name = canonical_name(pl.col("name"), pl.col("brand"), config.grammar.noise_words)
    # Polars compiles the patterns of a key anew for every chunk of a frame.
    keyed = listings.rechunk().with_columns(
        canonical_key=pl.concat_str(name, "category_group", separator="|")
    )
    keys = question_keys(keyed["canonical_key"], ANSWER_CONTRACT_VERSION)
    return score_listings(keyed.with_columns(question_key=keys), config.router).rename(
        {"reasons": "route_reasons"}
    )
