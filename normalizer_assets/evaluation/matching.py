"""How often the matcher takes two products for one, on labelled pairs.

Belongs here: asking the matcher about pairs, counting. Does not belong here: reading and
making pairs (``cache``, ``cache_pairs``), what the matcher compares (``matching``).
"""

from typing import Any

import polars as pl

from normalizer_assets.answers import rules
from normalizer_assets.cache.lexicon import lexicon
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.evaluation.cache import evaluate_cache, with_groups
from normalizer_assets.matching.listings import LISTING_SCHEMA, read_listings
from normalizer_assets.matching.proof import Proof, proven_pairs


def merged(pairs: pl.DataFrame, config: NormalizerConfig) -> pl.Series:
    """Says which pairs the matcher proves to be one product.

    Each pair is asked by itself, as listings of two shops without EANs, which the basic rules
    answered and somebody accepted.

    Args:
        pairs: As ``cache.read_pairs`` returns them.
        config: Category groups and words.

    Returns:
        Row for row (Boolean).
    """
    cleaned = with_groups(pairs, config).with_row_index("pair")
    asked = pl.concat(
        cleaned.select(
            pair=pl.col("pair").cast(pl.Int64),
            retailer=pl.lit(side),
            sku=pl.col("pair").cast(pl.String),
            name=f"name_{side}",
            brand=f"brand_{side}",
            category_group=f"group_{side}",
        )
        for side in "ab"
    )
    answered = rules.read_listings(asked, config.grammar)
    listings = asked.with_columns(
        answered.select("brand", "model", "attributes", "normalized_name"),
        listing_brand=asked["brand"],
        evidence=pl.lit('{"brand": "supported"}'),
    )
    known = lexicon(config)
    read = read_listings(
        listings.with_columns(
            pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in LISTING_SCHEMA.items()
            if name not in listings.columns
        ),
        known.noise_words,
    )
    one, other = (
        read.filter(pl.col("retailer") == side).select("pair", **{side: "listing"}) for side in "ab"
    )
    both = one.join(other, on="pair")
    proven = proven_pairs(both.select("a", "b"), read, Proof(known)).join(both, on=["a", "b"])
    return cleaned["pair"].is_in(proven["pair"].implode()).alias("merged")


def evaluate_matching(pairs: pl.DataFrame, found: pl.Series) -> dict[str, Any]:
    """Counts what is merged.

    Args:
        pairs: As ``cache.read_pairs`` returns them.
        found: As ``merged`` returns it.

    Returns:
        ``pairs``, ``same``, ``merged_same``, ``false_merges``, ``false_merges_at_most`` (upper
        bound of the 95 % interval of their share among different products; ``None`` without
        any), and ``by_kind`` with pairs and merged of each.
    """
    counts = evaluate_cache(pairs, pl.DataFrame({"hit": found}))
    return {
        "pairs": counts["pairs"],
        "same": counts["same"],
        "merged_same": counts["hits_on_same"],
        "false_merges": counts["false_hits"],
        "false_merges_at_most": counts["false_hits_at_most"],
        "by_kind": {
            kind: {"pairs": one["pairs"], "merged": one["hits"]}
            for kind, one in counts["by_kind"].items()
        },
    }
