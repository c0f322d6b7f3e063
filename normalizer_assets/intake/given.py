"""Products that are given as dicts, instead of landing in a file.

Belongs here: what counts as a product, its text in the snapshot, and the same cleaning as
for landed rows. Does not belong here: the cleaning (``listings``), what is done with it.
"""

import json
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from normalizer_assets.config import NormalizerConfig, RetailerConfig, SourceConfig
from normalizer_assets.intake.landing import keep_snapshot
from normalizer_assets.intake.listings import clean_listings
from normalizer_assets.intake.partition import PartitionIntake
from normalizer_assets.intake.reading import ROW_NUMBER, read_rows
from normalizer_assets.intake.text import clean_text

FIELDS = ("name", "category", "price", "sku", "brand", "ean", "url", "unit_price", "retailer")
"""What is read of a product; its other keys are left alone."""

SUFFIX = "ndjson"

_SOURCE = SourceConfig(path="the given products")


def as_ndjson(products: Iterable[Mapping[str, Any]]) -> bytes:
    """Writes products as the lines of a snapshot.

    Args:
        products: Dicts with ``name`` and any other of ``FIELDS``; ``None`` and NaN, as a
            data frame writes a missing value, count as missing.

    Returns:
        One JSON object a line, in the order given.

    Raises:
        ValueError: Something is no product; the message names its index.
    """
    return b"".join(_line(index, product) for index, product in enumerate(products))


def _line(index: int, product: object) -> bytes:
    if not isinstance(product, Mapping):
        raise ValueError(  # noqa: TRY004 - one error for all that is no product
            f"products[{index}] is no dict but {type(product).__name__} ({str(product)[:80]!r})"
        )
    cells = {field: product.get(field) for field in FIELDS}
    name = cells["name"]
    if not isinstance(name, str) or not name.strip():
        raise ValueError(
            f"products[{index}] has no name: `name` must be a text that is not empty, "
            f"not {name!r}; its keys are {', '.join(map(repr, product)) or 'none'}"
        )
    return json.dumps(cells, default=_plain).encode() + b"\n"


def _plain(value: object) -> object:
    """Makes JSON of a value that is none: a number must stay one, because text has signs."""
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) or (isinstance(value, Decimal) and value.is_finite()):
        return float(value)
    return str(value)


def take_in_given(
    config: NormalizerConfig, content: bytes, retailer: str, day: date
) -> PartitionIntake:
    """Takes in the listings of a snapshot of given products.

    Args:
        config: Limits, shops, storage.
        content: From ``as_ndjson``, at least one line.
        retailer: Stands for the shop in the partition's name and its tables.
        day: The partition's day.

    Returns:
        The intake; all its rows may be quarantined. Its listings carry ``retailer_name``
        too: the display name of the product's own shop, given as name or as slug, for the
        prompt only; null where the product has none.
    """
    rows = read_rows(content, _SOURCE, SUFFIX)
    intake = clean_listings(
        rows, _SOURCE, config.intake, retailer, day, "the given products", may_hold_none=True
    )
    shops = rows.select(
        ROW_NUMBER, retailer_name=_display_name(clean_text(pl.col("retailer")), config.retailers)
    )
    named = intake.listings.join(shops, on=ROW_NUMBER, how="left", maintain_order="left")
    return PartitionIntake(
        origin="the given products",
        snapshot=keep_snapshot(content, SUFFIX, config.paths.storage),
        intake=replace(intake, listings=named),
    )


def _display_name(shop: pl.Expr, retailers: Mapping[str, RetailerConfig]) -> pl.Expr:
    """Returns the configured name of a shop; one that is not configured keeps its text."""
    names = {
        key.casefold(): retailer.name
        for slug, retailer in retailers.items()
        for key in (slug, retailer.name)
    }
    return shop.str.to_lowercase().replace_strict(names, default=shop)
