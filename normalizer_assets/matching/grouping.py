"""From proven pairs to products: which listings are put together.

Belongs here: grouping that never puts two together which are not proven to be one product.
Does not belong here: the proof (``proof``), prices (``prices``).

Being proven the same is not transitive: A may be like B, and B like C, while A and C differ
("Dove Reconstrucción 400 ml" is like the shampoo and like the conditioner). So two listings
are one product only if they are like each other and like the same others. In the classes that
this makes each is proven against each, in whatever order the rows come; where likeness does
not close, all who disagree stay alone. Nothing is merged on doubt.
"""

import hashlib

import polars as pl

from normalizer_assets.matching.candidates import candidate_pairs
from normalizer_assets.matching.listings import read_listings
from normalizer_assets.matching.proof import Proof, proven_pairs

ID_CHARACTERS = 16


def match_products(
    listings: pl.DataFrame,
    proof: Proof = Proof(),  # noqa: B008 - frozen
) -> pl.DataFrame:
    """Says of a day's listings which are one product.

    Args:
        listings: ``LISTING_SCHEMA``, of all shops; a retailer's skus are unique.
        proof: By what they are judged.

    Returns:
        As ``read_listings`` returns them, with product_id (String): a hash of the EAN; without
        one, of the alphabetically first question that the product's listings ask. Where that
        is another product's, too, of the first listing's shop and sku. So a product keeps its
        id from day to day as long as it has its EAN or that listing's wording.
    """
    read = read_listings(listings, proof.lexicon.noise_words)
    alike = _closed(candidate_pairs(read), read, proof)
    return read.with_columns(product=_classes(alike, read)).pipe(_with_ids)


def _closed(pairs: pl.DataFrame, listings: pl.DataFrame, proof: Proof) -> pl.DataFrame:
    """Returns the proven pairs, of all that are like a third as well."""
    judged = pairs
    proven = proven_pairs(pairs, listings, proof)
    while not (pairs := _like_a_third(proven).join(judged, on=["a", "b"], how="anti")).is_empty():
        judged = pl.concat([judged, pairs])
        proven = pl.concat([proven, proven_pairs(pairs, listings, proof)])
    return proven


def _both_ways(pairs: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([pairs, pairs.select(a="b", b="a")])


def _like_a_third(proven: pl.DataFrame) -> pl.DataFrame:
    like = _both_ways(proven)
    return (
        like.join(like, on="b")
        .select("a", b="a_right")
        .filter(pl.col("a") < pl.col("b"))
        .unique()
        .sort("a", "b")
    )


def _classes(alike: pl.DataFrame, listings: pl.DataFrame) -> pl.Series:
    """Returns for each listing its class: equal for those that are like the same listings."""
    itself = listings.select(a="listing", b="listing")
    return (
        pl.concat([_both_ways(alike), itself])
        .group_by("a")
        .agg(pl.col("b").sort())
        .sort("a")
        .select(pl.col("b").cast(pl.List(pl.String)).list.join(" ").rank("dense"))
        .to_series()
    )


def _with_ids(listings: pl.DataFrame) -> pl.DataFrame:
    """Puts product_id in the place of product."""
    keys = {
        "by_code": pl.format("ean {}", "code"),
        "by_question": pl.format("question {}", "question_key"),
        "by_sku": pl.format("sku {}|{}", "retailer", "sku"),
    }
    # A key that listings of two products have names neither.
    named = listings.with_columns(
        pl.when(pl.col("product").n_unique().over(key) == 1).then(key).alias(name)
        for name, key in keys.items()
    ).with_columns(key=pl.coalesce(pl.col(name).min().over("product") for name in keys))
    hashes = {
        key: hashlib.sha256(key.encode()).hexdigest()[:ID_CHARACTERS]
        for key in named["key"].unique()
    }
    ids = pl.col("key").replace_strict(hashes, return_dtype=pl.String)
    return named.with_columns(product_id=ids).drop("key", "product", *keys)
