"""Learning from labelled pairs which words never tell products of a group apart.

Belongs here: what counts as proof. Does not belong here: reading pairs
(``evaluation.cache``), what the guard does with words (``guard``).
"""

import polars as pl

from normalizer_assets.cache.guard import differences
from normalizer_assets.cache.lexicon import BUILT_IN, Lexicon

LEAST_PAIRS = 5
"""A word must have made no difference in so many pairs. From two pairs each of 581, "hombre" was
learned for perfumes and "super" for phones."""


def learn_words(
    pairs: pl.DataFrame, known: Lexicon = BUILT_IN, least: int = LEAST_PAIRS
) -> dict[str, list[str]]:
    """Finds words that same products differ in and other products never.

    A word is proven harmless in a category group by pairs of same products of which one has
    it alone, and refuted by one pair of different products of which one has it alone. Words
    with digits are never learned: they are sizes and codes.

    Args:
        pairs: As ``guard.judge_pairs`` takes them, with same (Boolean).
        known: Words that the guard knows already.
        least: So many pairs of same products prove a word.

    Returns:
        Category group -> words in alphabetical order.
    """
    told = pairs.unique(maintain_order=True)
    told = told.with_columns(word=differences(told, known)).filter(
        pl.col("group_a") == pl.col("group_b")
    )
    found = (
        told.explode("word", empty_as_null=True, keep_nulls=True)
        .filter(pl.col("word").str.contains(r"^[a-z]{3,}$"))
        .group_by(group="group_a", word="word")
        .agg(proofs=pl.col("same").sum(), refutations=(~pl.col("same")).sum())
        .filter((pl.col("proofs") >= least) & (pl.col("refutations") == 0))
        .sort("group", "word")
    )
    learned: dict[str, list[str]] = {}
    for group, word in found.select("group", "word").iter_rows():
        learned.setdefault(group, []).append(word)
    return learned
