"""The size that price and unit price give, and what it tells of a name.

Belongs here: reading a unit price, and restoring a decimal comma that a name lost ("Sazón
340 2 g" at 6990, 20546 a kilo, holds 340.2 g). Does not belong here: commas that are sure
without a price (``grammar.quantities``), and canonical keys, which no price may change.
"""

import polars as pl

_LOST_COMMA = r"(?i)(^|\D)([0-9]{1,3}) ([0-9]{1,3}) ?(kgs?|kilos?|grs?|g|lts?|l|ml|cc)\b"
_UNIT_PRICE = r"(?i)\b(?:x|por|/) ?(kg|kilo|lt|l|litro)\b[^0-9$]*\$? ?([0-9][0-9. ]*)"
_BASE_UNITS = {
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "l", "lt", "lts"), 1000.0),
    **dict.fromkeys(("g", "gr", "grs", "ml", "cc"), 1.0),
}
_TOLERANCE = 0.02
"""Shops round the unit price."""


def size_by_price(price: pl.Expr, unit_price: pl.Expr) -> pl.Expr:
    """Returns g or ml by price and unit price, null where they do not give it.

    Args:
        price: CLP.
        unit_price: As the shop writes it: "Precio x L : $4.853", thousands with point or space.
    """
    per_unit = unit_price.str.extract(_UNIT_PRICE, 2).str.replace_all("[. ]", "")
    size = 1000 * price.cast(pl.Float64) / per_unit.cast(pl.Float64, strict=False)
    return pl.when(size.is_finite() & (size > 0)).then(size)


def with_lost_comma(name: pl.Expr, size: pl.Expr) -> pl.Expr:
    """Returns names with the decimal comma that they lost, where the size proves it.

    Args:
        name: As landed.
        size: g or ml, from ``size_by_price``.
    """
    units = name.str.extract(_LOST_COMMA, 4).str.to_lowercase().replace_strict(
        _BASE_UNITS, default=None, return_dtype=pl.Float64
    )  # fmt: skip
    whole, part = (name.str.extract(_LOST_COMMA, group) for group in (2, 3))
    stated = pl.concat_str(whole, pl.lit("."), part).cast(pl.Float64, strict=False) * units
    proven = ((stated / size - 1).abs() < _TOLERANCE).fill_null(value=False)
    return pl.when(proven).then(name.str.replace(_LOST_COMMA, "${1}${2},${3} ${4}")).otherwise(name)
