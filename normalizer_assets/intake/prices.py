"""Reading the price cells of scraped listings.

Belongs here: what a price cell says, as a number. Does not belong here: whether
that price is acceptable (``listings``) or plausible for a product (``answers``).
"""

from typing import Literal

import polars as pl

DecimalSign = Literal[",", "."]

# Grouped in threes by one and the same sign, else digits with at most one fraction.
# The \b keeps "1.1990" from being read as 1.199 and 0.
_NUMBER = (
    r"(?:\d{1,3}(?:\.\d{3})+\b(?:,\d+)?"
    r"|\d{1,3}(?:,\d{3})+\b(?:\.\d+)?"
    r"|\d{1,3}(?: \d{3})+\b(?:[.,]\d+)?"
    r"|\d+(?:[.,]\d+)?)"
)
_WITH_CURRENCY = r"(?:\$|\bs/\.?|\bclp)\s*" + _NUMBER
_PERCENTAGE = r"-?\s*\d+(?:[.,]\d+)?\s*%"
_NEGATIVE = r"^[^\d\p{L}-]*-\s*(?:\$|s/\.?|clp)?\s*\d|^\(\s*\$?\s*\d[\d.,]*\s*\)$"
_PER_UNIT = r"(?:\bx|\bpor|/|\bc/)\s*(?:u|un|und|unid|unidad|kg|kilo|g|lt|l|litro)\b\.?"
_PRICE_WORDS = (
    r"\b(?:clp|pesos?|precio|valor|desde|hasta|oferta|normal|internet|ahora|antes|aprox|iva"
    r"|incluido|a|y|o)\b"
)
_MOST_BARE_NUMBERS = 2


def read_price(text: pl.Expr, decimal_sign: DecimalSign = ",") -> pl.Expr:
    """Reads a price cell, whatever the shop's way of writing it.

    * Thousands may be grouped by ``.``, ``,`` or a space. A single sign followed by
      exactly three digits groups thousands, because a price in CLP has no
      thousandths; only where ``decimal_sign`` is ``"."`` is a single dot always the
      fraction (``976.984``, as programs print computed prices).
    * A range, or an offer beside the normal price, gives the lowest price above zero.
    * Where some numbers carry a currency sign, only these are prices; percentages are
      none. A cell with other words and no currency sign holds no price.

    Args:
        text: String column.
        decimal_sign: Sign before the fraction, from the source's configuration.

    Returns:
        Float64 expression: negative where the cell says so, 0 where it says 0, null
        where it says no price ("Agotado").
    """
    cell = (
        text.str.to_lowercase()
        .str.replace_all(r"[\s\p{Z}]+", " ")
        .str.replace_all(r"[−–—]", "-")
        .str.replace_all(_PERCENTAGE, " ")
        .str.replace_all(r"(\d)(\p{L})", "$1 $2")
        .str.strip_chars()
    )
    bare = cell.str.replace_all(_PER_UNIT, " ").str.replace_all(_PRICE_WORDS, " ")
    with_currency = cell.str.extract_all(_WITH_CURRENCY)
    without = bare.str.extract_all(_NUMBER)
    is_bare = bare.str.contains(r"^[\d\s.,:$*()-]*$") & (without.list.len() <= _MOST_BARE_NUMBERS)
    numbers = (
        pl.when(with_currency.list.len() > 0)
        .then(with_currency)
        .when(is_bare)
        .then(without)
        .list.eval(_number(pl.element(), decimal_sign))
    )
    above_zero = numbers.list.eval(pl.element().filter(pl.element() > 0)).list.min()
    value = pl.coalesce(above_zero, numbers.list.min())
    return pl.when(cell.str.contains(_NEGATIVE)).then(-value).otherwise(value)


def _number(text: pl.Expr, decimal_sign: DecimalSign) -> pl.Expr:
    """Turns one matched number, perhaps behind a currency sign, into Float64."""
    digits = text.str.replace(r"^\D+", "").str.replace_all(" ", "", literal=True)
    dots = r"^\d{1,3}(?:\.\d{3})+(?:,\d+)?$"
    if decimal_sign == ".":
        dots = r"^\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d+)?|\.\d{3},\d+)$"
    return (
        pl.when(digits.str.contains(dots))
        .then(digits.str.replace_all(".", "", literal=True))
        .when(digits.str.contains(r"^\d{1,3}(?:,\d{3})+(?:\.\d+)?$"))
        .then(digits.str.replace_all(",", "", literal=True))
        .otherwise(digits)
        .str.replace(",", ".", literal=True)
        .cast(pl.Float64, strict=False)
    )
