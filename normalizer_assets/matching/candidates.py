"""Pairs of listings that are worth comparing: few, and nearly all that could be one product.

Belongs here: finding pairs without comparing everything with everything. Does not belong
here: whether a pair is one product (``proof``).

The guard forgives words, never digits, and few words at that. So two listings of one product
have the same digits in their canonical names, and share one of their rarest words.
"""

import polars as pl

from normalizer_assets.cache.lexicon import stem
from normalizer_assets.matching.listings import maker_words, with_sides

RAREST = 3
"""Words of a listing by which others find it."""
LARGEST_BLOCK = 100
"""Listings with the same digits and the same word, or the same EAN; where there are more, it
tells nothing. It keeps the number of pairs proportional to the number of listings."""


def candidate_pairs(listings: pl.DataFrame) -> pl.DataFrame:
    """Finds the pairs to compare.

    Args:
        listings: As ``listings.read_listings`` returns them.

    Returns:
        Columns a and b (UInt32, a < b), each pair once, sorted. Two of one shop are a pair
        only by their EAN: whether they are one product matters where both are like a third.
    """
    read = listings.select(
        "listing",
        "retailer",
        "code",
        "tokens",
        maker=pl.when(pl.col("maker").is_not_null()).then(maker_words()),
    )
    named = with_sides(_within(_blocks(read.drop_nulls("maker"))), read).filter(
        pl.col("retailer_a") != pl.col("retailer_b"),
        (pl.col("code_a") == pl.col("code_b")).fill_null(value=True),
        # One maker, however spelled; or one names the other's: Coca-Cola, and its Sprite.
        (pl.col("maker_a").list.join("") == pl.col("maker_b").list.join(""))
        | (pl.col("maker_a").list.set_difference("tokens_b").list.len() == 0)
        | (pl.col("maker_b").list.set_difference("tokens_a").list.len() == 0),
    )
    coded = _within(_small(read.select("listing", block="code").drop_nulls()))
    return pl.concat([named.select("a", "b"), coded]).unique().sort("a", "b")


def _blocks(read: pl.DataFrame) -> pl.DataFrame:
    """Returns listing and block (digits and a word), at most ``RAREST`` a listing."""
    digits = pl.col("tokens").list.join(" ").str.extract_all("[0-9]+")
    return (
        read.select(
            "listing", digits=digits.list.unique().list.sort().list.join(" "), word="tokens"
        )
        .explode("word", empty_as_null=True, keep_nulls=True)
        .with_columns(stem(pl.col("word")))
        .unique(["listing", "word"])
        .with_columns(
            block=pl.concat_str("digits", "word", separator="|"),
            frequency=pl.len().over("word"),
        )
        .pipe(_small)
        .sort("frequency", "word")
        .group_by("listing")
        .head(RAREST)
        .select("listing", "block")
    )


def _small(blocks: pl.DataFrame) -> pl.DataFrame:
    """Returns the blocks in which there are pairs, and not too many."""
    return blocks.filter(pl.len().over("block").is_between(2, LARGEST_BLOCK))


def _within(blocks: pl.DataFrame) -> pl.DataFrame:
    """Returns the pairs of listings that share a block, each once."""
    return (
        blocks.join(blocks, on="block")
        .select(a="listing", b="listing_right")
        .filter(pl.col("a") < pl.col("b"))
        .unique()
    )
