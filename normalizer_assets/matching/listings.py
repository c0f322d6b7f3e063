"""What matching reads of a listing.

Belongs here: which columns, and what they say of brand, EAN and words. Does not belong here:
comparing two listings (``candidates``, ``proof``).
"""

from collections.abc import Sequence

import polars as pl

from normalizer_assets.cache.lexicon import stem
from normalizer_assets.grammar.brands import stated_brand
from normalizer_assets.grammar.text import fold, words
from normalizer_assets.routing.canonical import canonical_name

LISTING_SCHEMA: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("retailer", "sku", "name", "category_group"), pl.String),
    "price": pl.Int64,
    **dict.fromkeys(("brand", "model", "attributes", "normalized_name"), pl.String),
    **dict.fromkeys(("listing_brand", "ean", "question_key", "evidence", "answered_by"), pl.String),
}
"""As ``product_rows`` has them; attributes and evidence are JSON text."""

_SHOPS_OWN = "^(?:2[0-9]{7}|[24][0-9]{11}|2[0-9]{12})$"
"""Numbers that GS1 leaves to each shop, for weighed goods above all; leading zeros are gone."""


def read_listings(listings: pl.DataFrame, noise_words: Sequence[str] = ()) -> pl.DataFrame:
    """Adds what is compared.

    Args:
        listings: ``LISTING_SCHEMA``.
        noise_words: Words that never tell products apart, beside the built-in ones.

    Returns:
        ``listings``, sorted by retailer and sku, with:

        * listing: UInt32, counts the rows.
        * maker: The brand where it is known: the row's own field says it, or a person, or the
          answer and the listing bears it out.
        * code: The EAN without leading zeros (a UPC is one, too); null where there is none,
          and for numbers that are a shop's own.
        * tokens: Words, quantities and codes of the canonical name, in a list.
        * said: Stems of the words beside brand and quantities.
    """
    borne_out = pl.col("evidence").str.json_path_match("$.brand") == "supported"
    known = borne_out | (pl.col("answered_by") == "human")
    code = pl.col("ean").str.replace_all(r"\D", "").str.strip_chars_start("0")
    name = canonical_name(pl.col("name"), pl.col("maker"), noise_words)
    return (
        listings.sort("retailer", "sku")
        .rechunk()
        .with_row_index("listing")
        .with_columns(
            maker=pl.coalesce(stated_brand(pl.col("listing_brand")), pl.when(known).then("brand")),
            code=pl.when((code != "") & ~code.str.contains(_SHOPS_OWN)).then(code),
        )
        .with_columns(tokens=name.str.extract_all("[^ ,;]+"))
        .with_columns(
            said=pl.col("tokens")
            .list.set_difference(maker_words())
            .list.filter(pl.element().str.contains("^[^0-9]"))
            .list.eval(stem(pl.element()))
        )
    )


def maker_words() -> pl.Expr:
    """The words of the column maker, in a list; none where the brand is not known."""
    return words(fold(pl.col("maker").fill_null(""))).str.extract_all("[^ ]+")


def with_sides(pairs: pl.DataFrame, listings: pl.DataFrame) -> pl.DataFrame:
    """Adds to pairs (a, b) what is known of each side, as ``..._a`` and ``..._b``."""
    for side in "ab":
        named = {name: f"{name}_{side}" for name in listings.columns if name != "listing"}
        pairs = pairs.join(
            listings.rename(named), left_on=side, right_on="listing", maintain_order="left"
        )
    return pairs
