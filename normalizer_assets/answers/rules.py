"""Basic rules: a listing read without a model, last step of the fallback chain.

Belongs here: how the readings of a listing become an answer (DESIGN.md, "Labelling"). Does
not belong here: reading attributes and models (``attributes``, ``models``), recognising
quantities, colours, brands and parts (``grammar``), and how far an answer is to be trusted
(``evidence``).

Nothing is invented: what neither name nor brand field states is absent.
"""

import polars as pl

from normalizer_assets.answers.attributes import ATTRIBUTES, attributes, colour_words
from normalizer_assets.answers.models import CUT, FEW, read_models
from normalizer_assets.answers.unit_prices import size_by_price, with_lost_comma
from normalizer_assets.config import GrammarConfig
from normalizer_assets.grammar import brands, electronics
from normalizer_assets.grammar.colours import colours, colours_of_things
from normalizer_assets.grammar.quantities import in_base_units, measured_folded
from normalizer_assets.grammar.text import fold, fold_word, plain, spelled, words

_DECIDING = (
    "type",
    "flavor",
    "processor",
    "graphics",
    "ram",
    "capacity",
    "size",
    "gender",
    "color",
)

_WRITTEN_OTHERWISE = (
    ("_", " "),
    (r"(?i)\be\.d\.([ptc])\b\.?", "ED$1"),
    # Memory that is lent from the storage ("8GB (+8GB Ext.)") is none of its own.
    (r"(?i)\(\+ ?[0-9]+ ?GB[^)]*\)", " "),
    # A plus in brackets adds no product: "(Wi-Fi + Cellular)".
    (r"\(([^()+]*)\+ ([^()]*)\)", "($1 $2)"),
    # A generation in brackets belongs to the line before it: "Echo Dot (5ta generación)".
    (r"(?i)\(([0-9]{1,2}[a-z]|[0-9]{1,2}(?:[a-z]{1,3}|°)\.? gen[^)]*|gen ?[0-9])\)", " $1 "),
    (r"(?i)\b([0-9]+ ?(?:gb|gigas)) de ram\b", "$1 ram"),
    (r"(?i)\b([0-9]{1,2}) de ram\b", "${1}GB ram"),
)
"""What the grammar would misread, rewritten before everything else."""

_MAKERS_OF_LINES = {maker.upper(): fold_word(maker).replace("'", "") for maker in brands.LINES}
"""Brand as it is answered -> its spelling."""
_BUILT_IN = GrammarConfig()


def read_listings(listings: pl.DataFrame, grammar: GrammarConfig = _BUILT_IN) -> pl.DataFrame:
    """Answers of the basic rules, row for row.

    Args:
        listings: Columns ``name``, ``brand`` and ``category_group`` (all String; nulls
            allowed); ``category`` is not read. Where there are ``price`` (CLP) and
            ``unit_price`` (as the shop writes it), they restore a lost decimal comma.
        grammar: A user's own brands and noise words.

    Returns:
        Same height and order, columns ``brand``, ``model``, ``attributes`` (JSON text,
        keys sorted, absent keys left out), ``normalized_name`` (never null) and
        ``category_suggestion`` (always null: rules do not doubt the category).
    """
    own = tuple(sorted((brand, tuple(more)) for brand, more in grammar.brands.items()))
    known = brands.gazetteer(own, brands.learned_brands(listings))
    group = pl.col("category_group")
    name = pl.col("name").cast(pl.String).fill_null("")
    for pattern, replacement in _WRITTEN_OTHERWISE:
        name = name.str.replace_all(pattern, replacement)
    if {"price", "unit_price"} <= {*listings.columns}:
        name = with_lost_comma(name, size_by_price(pl.col("price"), pl.col("unit_price")))
    read = (
        listings.select(
            name,
            pl.col("brand").cast(pl.String),
            pl.col("category_group").cast(pl.String).fill_null("other"),
        )
        .rechunk()
        # Column by column: what two columns are made of would be computed for each of them.
        .with_columns(
            plain(pl.col("name")).alias("plain"),
            fold(pl.col("name")).alias("folded"),
            brands.stated_words(pl.col("brand")).alias("own"),
        )
        .with_columns(
            words(pl.col("folded")).alias("words"),
            measured_folded(pl.col("folded")).alias("measured"),
            pl.when(pl.col("own").is_not_null())
            .then(brands.as_answered(pl.col("brand")))
            .alias("stated"),
            pl.concat_str(
                pl.lit(" "),
                pl.col("plain")
                .str.replace_all(r"[0-9]+(?:[.,][0-9]+)? ?°", "|")
                .str.replace_all(r"[^\x20-\x7D]|[\^`{}]", " ")
                .str.replace_all("'", "")
                .str.replace_all(r"[.!]* *& *|[.!]+ ", " "),
                pl.lit(" "),
            ).alias("unbranded"),
        )
    )
    if read.height <= FEW:
        known = known.within(read["words"])
    read = (
        read.with_columns(
            pl.col("measured").alias("whole"),
            # What a bundle adds ("+ Carcasa") and what a concentrate yields is not the product.
            pl.col("measured")
            .str.replace_all(r" [+] ([0-9]+(?:gb|tb|mb)) ", " $1 ")
            .str.replace(r" [+;] .*$", " ")
            .str.replace(r" (?:para preparar|rinde|equivale a) .*$", " ")
            .alias("measured"),
            brands.spelling_in(pl.col("words"), group, known).alias("spelling"),
        )
        .with_columns(
            in_base_units(pl.col("measured")).alias("base"),
            pl.coalesce(
                "stated",
                pl.col("spelling").replace_strict(
                    known.spellings, default=None, return_dtype=pl.String
                ),
            ).alias("brand"),
            electronics.memory(pl.col("measured")).alias("memory"),
            colour_words().alias("colour_words"),
        )
        # Steps of their own: inside the attributes they took five times as long.
        .with_columns(
            colours(pl.col("colour_words")).alias("colours"),
            colours_of_things(pl.col("colour_words")).alias("colours_of_things"),
        )
        .with_columns(*attributes(group))
    )
    read = _without(_without(read, _own()), _named(known))
    read = read.with_columns(read_models(read, spelled(grammar.noise_words)))
    return read.select(
        "brand",
        "model",
        _json(ATTRIBUTES).alias("attributes"),
        _normalized_name().alias("normalized_name"),
        pl.lit(None, dtype=pl.String).alias("category_suggestion"),
    )


def _own() -> pl.Expr:
    """The row's own brand as the name may write it: in full, or else abbreviated."""
    own = pl.col("own")
    in_full = pl.col("words").str.contains(
        pl.concat_str(pl.lit(" "), own, pl.lit(" ")), literal=True
    )
    return pl.when(in_full).then(own).otherwise(own.replace(brands.ABBREVIATIONS))


def _named(known: brands.Gazetteer) -> pl.Expr:
    """The brand that the name states, to be cut out of it; null where it stays.

    A line stays, but its maker behind it goes ("Zucaritas Kelloggs"). Another brand of the
    maker that the row states stays, too: "Leche NIDO" by Nestlé. A part of the row's brand
    goes: "BOSS Bottled Night" of Hugo Boss.
    """
    spelling, own = pl.col("spelling"), pl.col("own")
    part_of_own = pl.concat_str(pl.lit(" "), own, pl.lit(" ")).str.contains(
        pl.concat_str(pl.lit(" "), spelling, pl.lit(" ")), literal=True
    )
    answered = spelling.replace_strict(known.spellings, default=None) == pl.col("brand")
    return (
        pl.when(spelling == own)
        .then(None)
        .when(spelling.is_in(known.lines))
        .then(pl.col("brand").replace_strict(_MAKERS_OF_LINES, default=None))
        .when(answered | part_of_own)
        .then(spelling)
    )


def _without(read: pl.DataFrame, brand: pl.Expr) -> pl.DataFrame:
    """``unbranded`` with ``CUT`` between bars in place of a brand.

    It is cut out by its place in a text of the same length, because Polars takes no pattern
    of each row's own. Column by column: written into each other they took four times as long.
    """
    text = pl.col("unbranded")
    return (
        read.with_columns(
            cut=brand, aligned=text.str.to_lowercase().str.replace_all(r"[^a-z0-9+%_]", " ")
        )
        .with_columns(
            start=pl.col("aligned").str.find(
                pl.concat_str(pl.lit(" "), "cut", pl.lit(" ")), literal=True
            )
        )
        .with_columns(
            unbranded=pl.when(pl.col("start").is_not_null())
            .then(
                pl.concat_str(
                    text.str.slice(0, pl.col("start")),
                    pl.lit(f" |{CUT}| "),
                    text.str.slice(pl.col("start") + pl.col("cut").str.len_bytes() + 1),
                )
            )
            .otherwise(text)
        )
    )


def _json(keys: tuple[str, ...]) -> pl.Expr:
    """JSON object text of the given String columns, nulls left out."""
    return (
        pl.struct(keys)
        .struct.json_encode()
        # No value holds such a text: its quotation marks would be escaped.
        .str.replace_all(r'"[a-z_]+":null,?', "")
        .str.replace(",}", "}", literal=True)
    )


def _normalized_name() -> pl.Expr:
    """Brand, model and what tells variants apart; without a model the name, tidied."""
    said = pl.col("model").str.to_lowercase()
    deciding = [pl.when(said.ne_missing(pl.col(key))).then(pl.col(key)) for key in _DECIDING]
    content = pl.when(pl.col("capacity").is_null()).then(
        pl.coalesce(pl.col("volume_ml") + "ml", pl.col("weight_g") + "g")
    )
    pack = pl.when(pl.col("pack_count").is_not_null()).then(pl.col("pack_count") + "un")
    return (
        pl.when(pl.col("model").is_not_null())
        .then(
            pl.concat_str(
                "brand", "model", *deciding, content, pack, separator=" ", ignore_nulls=True
            )
        )
        .otherwise(pl.col("name").str.replace_all(r"\s+", " ").str.strip_chars())
    )
