"""The category group of a listing, from its raw category and its name.

Belongs here: the order in which mapping, category and name are asked. Does not
belong here: the words (``category_words``).
"""

from collections.abc import Mapping
from functools import cache

import polars as pl

from normalizer_assets.config import CategoryGroup
from normalizer_assets.intake.category_words import (
    ACCESSORY_WORDS,
    BROAD_CATEGORY_WORDS,
    PET_SHELVES,
    PRODUCT_WORDS,
)
from normalizer_assets.intake.text import fold

_LAST_LEVEL = r"([^>/|»]+)[>/|»\s]*$"
_NUMBERED_LINE = (
    r"\b(galaxy [asmz]|galaxy watch|moto [ge]|poco [xfmc]|redmi|iphone|oppo a|honor x|vivo y|"
    r"realme c)([0-9])"
)
_COMPANION = r" (?:con|c|incluye|incluido|incluida|mas|gratis|regalo|y|e) (?:\w+ )?"


def category_group(
    category: pl.Expr, name: pl.Expr, mapping: Mapping[str, CategoryGroup]
) -> pl.Expr:
    """Finds the category group; a missing category is allowed (DESIGN.md, "Words").

    Asked in this order, the first that answers counts:

    1. ``mapping``: the whole raw category, then its last level ("Tecnología > Celulares"),
       case, accents and punctuation ignored;
    2. a name that says accessory ("Carcasa para iPhone 15") is ``other``, although its
       category may say phones;
    3. a shelf for pets: its "snacks" are none for people;
    4. the words of the category's last level, then of the whole category; where they
       say ``other`` ("Accesorios PC", "Lámparas > Escritorio") the name is asked first;
    5. the words of the name: the one that stands first is its head noun ("Cereal con
       leche" is groceries);
    6. broad shelves of the category ("Despensa");
    7. ``other``.

    Args:
        category: Raw category, String or null.
        name: Listing name, String.
        mapping: Raw category -> category group, from the configuration.

    Returns:
        String expression, never null, one of ``CATEGORY_GROUPS``.
    """
    whole = fold(category)
    last = fold(category.str.extract(_LAST_LEVEL, 1))
    # "Moto G35" is a "moto g".
    words = (
        fold(name)
        .str.replace_all(r" *\+ *", " con ")
        .str.replace_all(_NUMBERED_LINE, "$1 $2")
        .str.replace_all(r"\be\.d\.([ptc])\b", "ed$1")
        .str.replace_all(r"\be\.d\.([ptc])\b", "ed$1")
        .str.replace_all(r"\be\.d\.([ptc])\b", "ed$1")
    )
    products, broad = _product_groups(), _broad_groups()
    by_name = _first_group(words, products)
    by_category = pl.coalesce(_first_group(last, products), _first_group(whole, products))
    return pl.coalesce(
        _mapped(whole, mapping),
        _mapped(last, mapping),
        pl.when(_is_accessory(words)).then(pl.lit("other")),
        pl.when(_is_for_pets(whole)).then(
            pl.when(by_name == "other").then(by_name).otherwise(pl.lit("pet_food"))
        ),
        pl.when(by_category == "other").then(by_name).otherwise(by_category),
        by_name,
        _first_group(whole, broad),
        pl.lit("other"),
    )


def _mapped(category: pl.Expr, mapping: Mapping[str, CategoryGroup]) -> pl.Expr:
    entries = pl.DataFrame(
        {"raw": list(mapping), "group": list(mapping.values())},
        schema={"raw": pl.String, "group": pl.String},
    )
    # Two spellings of one category are one once folded; the first entry counts.
    entries = entries.with_columns(fold(pl.col("raw"))).unique("raw", keep="first")
    return category.replace_strict(
        entries["raw"], entries["group"], default=None, return_dtype=pl.String
    )


def _is_accessory(words: pl.Expr) -> pl.Expr:
    phrases = sorted(_inflected(ACCESSORY_WORDS))
    either = f"(?:{'|'.join(phrases)})\\b"
    alone = words.str.replace_all(_COMPANION + either, " ")
    alone = alone.str.replace_all(rf" {either} (?:incluid[oa]|de regalo|gratis)", " ")
    return _padded(alone).str.contains_any([f" {phrase} " for phrase in phrases])


def _is_for_pets(category: pl.Expr) -> pl.Expr:
    phrases = sorted(_inflected(PET_SHELVES))
    return _padded(category.str.replace_all("[>/|»,&]", " ")).str.contains_any(
        [f" {phrase} " for phrase in phrases]
    )


def _first_group(words: pl.Expr, groups: Mapping[str, str]) -> pl.Expr:
    """Returns the group of the phrase that stands first, the longest if several do.

    Args:
        words: Folded text.
        groups: Phrase -> group, longer phrases first: of those that begin at the same
            word, the first one listed is found.
    """
    first = (
        _padded(words)
        .str.extract_many([f" {phrase} " for phrase in groups], leftmost=True)
        .list.first()
        .str.strip_chars()
    )
    return first.replace_strict(
        pl.Series(list(groups)), pl.Series(list(groups.values())), default=None
    )


def _padded(words: pl.Expr) -> pl.Expr:
    """Puts a space around every phrase, so that "te" is not found in "tela"."""
    single = words.str.replace_all(r"[\s+]+", " ").str.strip_chars()
    return pl.concat_str(pl.lit(" "), single, pl.lit(" "))


@cache
def _product_groups() -> dict[str, str]:
    return _longest_first(PRODUCT_WORDS)


@cache
def _broad_groups() -> dict[str, str]:
    return _longest_first(BROAD_CATEGORY_WORDS)


def _longest_first(words: Mapping[CategoryGroup, str]) -> dict[str, str]:
    groups = {phrase: group for group, text in words.items() for phrase in _inflected(text)}
    return dict(sorted(groups.items(), key=lambda entry: len(entry[0]), reverse=True))


def _inflected(text: str) -> set[str]:
    """Returns the phrases of a word list with the plurals of first and last word."""
    phrases = set()
    for phrase in text.split(","):
        first, *middle = phrase.split()
        last = [middle.pop()] if middle else []
        for head in _numbers(first):
            for tail in _numbers(last[0]) if last else [""]:
                phrases.add(" ".join([head, *middle, tail]).strip())
    return phrases


def _numbers(word: str) -> list[str]:
    """Returns the word and its plurals, Spanish and English."""
    if len(word) == 1 or not word.isalpha():
        return [word]
    return [word, f"{word}s", *([] if word[-1] in "aeiou" else [f"{word}es"])]
