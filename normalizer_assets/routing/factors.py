"""The five factors that make a listing hard to normalise.

Belongs here: one documented expression a factor, each in 0..1, from a listing's name,
category group and price. Does not belong here: weighing them and choosing a tier
(routes.py), reading values out of a name (grammar): a factor only counts.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from normalizer_assets.config import CategoryGroup
from normalizer_assets.grammar.text import fold, fold_word

UNKNOWN = 0.5
"""The factor where nothing is known: a price or group that is missing says neither
simple nor complex."""

_COLOURS = (
    "negr[oa]|blanc[oa]|gris|plat[ae]ad[oa]|plata|dorad[oa]|roj[oa]|azul|celeste|verde|turquesa|"
    "amarill[oa]|naranj[oa]|rosad[oa]|rosa|morad[oa]|violeta|lila|fucsia|burdeo|cafe|marron|beige|"
    "crema|grafito|titanio|transparente|multicolor|"
    "black|white|gr[ae]y|silver|gold|red|blue|green|yellow|orange|pink|purple|brown|navy|graphite|"
    "titanium"
)
_SUFFIXES = (
    "pro|max|plus|ultra|lite|mini|air|neo|prime|edge|fold|flip|slim|se|fe|xs|xl|xxl|xxxl|talla|"
    "light|zero|diet|original|integral|enter[oa]|descremad[oa]|semidescremad[oa]|sin|pack|"
    "edp|edt|parfum|hombre|mujer|unisex|nin[oa]|reacondicionad[oa]"
)
_VARIANT = rf"\w*\d\w*(?:[.,/-]\w*\d\w*)*|\b(?:{_COLOURS}|{_SUFFIXES})\b"


def length(saturation: int) -> pl.Expr:
    """Longer names carry more to sort out.

    Args:
        saturation: Characters from which the factor is 1.
    """
    return _saturated(pl.col("name").str.len_chars(), saturation)


def technical_terms(terms: Iterable[str], saturation: int) -> pl.Expr:
    """Technical words need knowledge to be told apart.

    A term counts as a whole word, without case and accents, and with a number glued
    to its front ("16GB", "144Hz" for ``gb``, ``hz``), except where the term itself
    begins with a digit: "75g" is no "5g".

    Args:
        terms: Words or phrases.
        saturation: Occurrences from which the factor is 1.
    """
    folded = sorted({fold_word(term.strip()) for term in terms} - {""})
    if not folded:
        return pl.lit(0.0)
    with_digit = [pl.escape_regex(term) for term in folded if term[0].isdigit()]
    without = [pl.escape_regex(term) for term in folded if not term[0].isdigit()]
    patterns = [rf"\b(?:{'|'.join(with_digit)})\b"] if with_digit else []
    patterns += [rf"\b\d*(?:{'|'.join(without)})\b"] if without else []
    return _saturated(fold(pl.col("name")).str.count_matches("|".join(patterns)), saturation)


def category(complexity: Mapping[CategoryGroup, float]) -> pl.Expr:
    """Some groups are harder by nature: a notebook has more to tell apart than milk.

    Args:
        complexity: Category group -> factor in 0..1; others are ``UNKNOWN``.
    """
    return pl.col("category_group").replace_strict(
        dict(complexity), default=UNKNOWN, return_dtype=pl.Float64
    )


def price() -> pl.Expr:
    """The dearer within its category group, the more variants and features.

    The listing's mid-rank among the priced listings of its group in the frame (equal
    prices share a rank): 0.5 for the only one of its group, 0.9 for the dearest of
    five. A quantile, because prices of a group span orders of magnitude, and within
    the group, because a dear cheese is no telephone. Score a whole partition at once,
    not parts of it. ``UNKNOWN`` without a price.
    """
    rank = pl.col("price").rank("average").over("category_group")
    count = pl.col("price").count().over("category_group")
    return ((rank - 0.5) / count).fill_null(UNKNOWN)


def variants(saturation: int) -> pl.Expr:
    """Every word that tells variants apart is one more thing to get right.

    Counted are words with a digit (quantities, codes, generations, packs), colours in
    Spanish and English, and suffix words (Pro, Max, Zero, descremada, EDP, talla...).

    Args:
        saturation: Such words from which the factor is 1.
    """
    return _saturated(fold(pl.col("name")).str.count_matches(_VARIANT), saturation)


def _saturated(count: pl.Expr, saturation: int) -> pl.Expr:
    return (count / saturation).clip(0.0, 1.0).fill_null(0.0)
