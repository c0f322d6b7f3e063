"""Whether two listings are proven to be one product.

Belongs here: what proves it, and which doubts outweigh a proof. Does not belong here: finding
pairs (``candidates``), putting listings together (``grouping``), words (``cache.guard``).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from normalizer_assets.answers.comparison import contradictions
from normalizer_assets.cache.guard import judge_pairs
from normalizer_assets.cache.lexicon import BUILT_IN, Lexicon
from normalizer_assets.matching.listings import with_sides

PAIRS_AT_ONCE = 50_000
QUANTITIES = frozenset({"capacity", "volume_ml", "weight_g", "pack_count"})
"""A shop that writes the EAN of one can on its pack of six sells no dear can."""


@dataclass(frozen=True)
class Proof:
    """By what pairs are judged.

    Attributes:
        lexicon: The guard's words.
        closed_groups: Category groups in which the guard was wrong too often: there only an
            EAN proves anything.
    """

    lexicon: Lexicon = BUILT_IN
    closed_groups: Collection[str] = ()


def proven_pairs(
    pairs: pl.DataFrame,
    listings: pl.DataFrame,
    proof: Proof = Proof(),
) -> pl.DataFrame:
    """Returns those of the pairs that are one product.

    Equal EANs prove it, unless the answers state two quantities. So does the guard, where both
    brands are known and the answers state no two values of an attribute. Where one of them has
    no model, attributes alone prove nothing: the names share a word beside brand and
    quantities, and the shops are two, because a shop that lists "Set decorador" twice has two
    sets. Two known EANs that differ are two products.

    What the answers call brand and model does not count: one may name the line and the other
    its owner, and the guard has seen the words of both.

    Args:
        pairs: Columns a and b.
        listings: As ``listings.read_listings`` returns them.
        proof: By what they are judged.

    Returns:
        Columns a and b.
    """
    parts = [
        _proven(with_sides(part, listings), proof) for part in pairs.iter_slices(PAIRS_AT_ONCE)
    ]
    return pl.concat([pairs.clear(), *parts])


def _proven(both: pl.DataFrame, proof: Proof) -> pl.DataFrame:
    one_code = (pl.col("code_a") == pl.col("code_b")).fill_null(value=False)
    open_group = [
        ~pl.col(f"category_group_{side}").is_in(list(proof.closed_groups)) for side in "ab"
    ]
    compared = both.filter(
        ~one_code,
        *open_group,
        pl.col("maker_a").is_not_null() & pl.col("maker_b").is_not_null(),
        (pl.col("model_a").is_not_null() & pl.col("model_b").is_not_null())
        | (
            (pl.col("said_a").list.set_intersection("said_b").list.len() > 0)
            & (pl.col("retailer_a") != pl.col("retailer_b"))
        ),
    )
    guarded = judge_pairs(
        compared.select(
            name_a="name_a", brand_a="maker_a", group_a="category_group_a", ean_a="code_a",
            name_b="name_b", brand_b="maker_b", group_b="category_group_b", ean_b="code_b",
        ),
        proof.lexicon,
    )  # fmt: skip
    by_name, by_code = compared.filter(guarded["hit"]), both.filter(one_code)
    doubted = [
        *(bool(fields - {"brand", "model"}) for fields in _contradictions(by_name)),
        *(bool(QUANTITIES & fields) for fields in _contradictions(by_code)),
    ]
    found = pl.concat([by_name, by_code]).select("a", "b")
    return found.filter(~pl.Series(doubted, dtype=pl.Boolean))


def _contradictions(both: pl.DataFrame) -> list[set[str]]:
    """Returns of each pair the fields of which its answers state two values."""
    answers = [
        [_answer(*row) for row in both.select(f"brand_{s}", f"model_{s}", f"attributes_{s}").rows()]
        for s in "ab"
    ]
    return [set(contradictions(one, other)) for one, other in zip(*answers, strict=True)]


def _answer(brand: str | None, model: str | None, attributes: str) -> dict[str, Any]:
    return {"brand": brand, "model": model, "attributes": json.loads(attributes)}
