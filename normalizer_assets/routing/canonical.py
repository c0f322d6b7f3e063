"""The two keys: canonical text of a listing, and the question it stands for.

Belongs here: putting the grammar's tokens into one order, so that two listings of
the same product have one key (DESIGN.md, "Two keys"). Does not belong here: how a
quantity or a noise word is recognised (``grammar``), or what is done with keys.

A key forgets order, so it must never forget what order told: quantities are typed
tokens ("2 x 500 g" is ``2un 500g``, "500 x 2 g" is ``500un 2g``), "sin azúcar" is
one word, and the parts of a bundle ("A + B") are ordered each for itself.
"""

import hashlib
from collections.abc import Sequence

import polars as pl

from normalizer_assets.grammar.brands import stated_words
from normalizer_assets.grammar.colours import COLOUR_WORDS
from normalizer_assets.grammar.noise import STOP_WORDS, without_noise
from normalizer_assets.grammar.products import FLAVOUR_WORDS
from normalizer_assets.grammar.quantities import (
    COUNT_UNITS,
    NUMBER,
    UNITS,
    in_base_units,
    measured_folded,
)
from normalizer_assets.grammar.text import any_of, fold

_COUNT_TOKEN = rf"(?-u:\b)[0-9]+(?:{'|'.join(COUNT_UNITS)})(?-u:\b)"
_CONTAINERS_COUNTED = r" ([0-9]+)(lata|botella)s "
_COUNT = rf" [0-9]+(?:{'|'.join(COUNT_UNITS)}) "
_MEANT_FOR = (
    *("hombre", "hombres", "mujer", "mujeres", "dama", "damas", "varon", "varones", "unisex"),
    *("nino", "ninos", "nina", "ninas", "bebe", "bebes", "adulto", "adultos", "junior"),
    *("perro", "perros", "gato", "gatos", "cachorro", "cachorros", "gatito", "gatitos"),
    *("mascota", "mascotas", "ave", "aves", "peces", "caballo", "caballos"),
    *("cabello", "pelo", "piel", "pieles", "rostro", "cara", "cuerpo", "manos", "pies", "unas"),
    *("ojos", "labios", "ropa", "loza", "bano", "cocina", "piso", "pisos", "vidrios", "muebles"),
    *("hornear", "batir", "untar", "cocinar", "freir", "asar", "asado", "parrilla", "ensalada"),
    *("hogar", "interior", "exterior", "exteriores", "interiores", "viaje", "oficina", "gamers"),
)
"""Persons, animals, parts of the body and uses: what is for them is no part of them."""
_ARTICLES = "(?:(?:de|la|el|los|las) )*"
_TOLD_OF_PARTS = (*COLOUR_WORDS, *FLAVOUR_WORDS)
_PARTS = (
    "suela|planta|tapa|correa|mango|borde|bordes|cordon|cordones|forro|base|marco|pata|patas|"
    "asiento|respaldo|esfera|bisel|capucha|cuello|manga|mangas|estampado|logo|letras|rayas|lente"
)
_FILLINGS = "relleno|rellena|rellenas|cubierto|cubierta|banado|banada|salsa|cobertura|trozos|chips"
_ENDS = (
    "hdmi|mini_hdmi|micro_hdmi|micro_usb|mini_usb|scart|m.2|av|"
    "vga|dvi|displayport|dp|usb|usb a|usb c|tipo c|micro usb|lightning|"
    "jack|rca|rj45|ethernet|auxiliar|optico|coaxial|sata|ide|xlr|plug"
)
_COLOURS = {word for phrase in COLOUR_WORDS for word in phrase.split()}
"""Sorting has taken the words of "azul marino" apart."""
_STOPPED = rf" (?:{any_of(STOP_WORDS)} )+"
_JOINS: tuple[tuple[str, str], ...] = (
    # What multiplies nothing ("350cc 2x", "Xiaomi 12X") must not find something by sorting.
    (r"(?-u:\b)([0-9]+)x(?-u:\b)", "${1}_x"),
    (r"(?-u:\b)x([0-9]+)(?-u:\b)", "x_$1"),
    (r" (?:libre de|cero|zero|0%|0) (azucar|lactosa|gluten|sal|alcohol|sodio) ", " sin $1 "),
    # What comes with a thing is told apart from the thing, down to its colour or flavour:
    # "chocolate con salsa de frambuesa", "negra con planta blanca".
    (rf"(?-u:\b)con {_ARTICLES}([\p{{L}}]{{3,}}) (?:de )?({any_of(_TOLD_OF_PARTS)})(?-u:\b)",
     "con_${1}_$2"),
    (rf"(?-u:\b)({_PARTS}) ({any_of(COLOUR_WORDS)})(?-u:\b)", "${1}_$2"),
    (rf"(?-u:\b)({_FILLINGS}) (?:de |con )?({any_of(FLAVOUR_WORDS)})(?-u:\b)", "${1}_$2"),
    (r"(?-u:\b)(mini|micro) (hdmi|usb|displayport)(?-u:\b)", "${1}_$2"),
    (rf"(?-u:\b)({_ENDS}) (?:a|to|hacia) ({_ENDS})(?-u:\b)", "${1}_a_$2"),
    (rf"(?-u:\b)(entrada|salida) ({_ENDS})(?-u:\b)", "${1}_$2"),
    # "Vaso para juguera" is no juguera; "shampoo para hombre" is "shampoo hombre".
    (rf"(?-u:\b)para {_ARTICLES}({any_of(_MEANT_FOR)})(?-u:\b)", "$1"),
    (rf"(?-u:\b)(con|sin|para) {_ARTICLES}([\p{{L}}][\p{{L}}\p{{N}}]*)", "${1}_$2"),
    # Of an adaptor, order alone tells which end is which.
    (r"([^ ,;+_]+) (macho|hembra) ", "${1}_$2 "),
    (r" (macho|hembra) ", " _$1 "),
    # Cream cheese is no crema de queso.
    (r" queso crema ", " queso_crema "),
    # A zero that negates nothing sorts behind every word that it could negate.
    (r"(?-u:\b)cero(?-u:\b)", "zero"),
    (r"([\p{L}\p{N}])\+([\p{L}\p{N}])", "$1 $2"),
    (r"([\p{L}\p{N}])\+ ", "$1 plus "),
)  # fmt: skip


def canonical_name(name: pl.Expr, brand: pl.Expr, noise_words: Sequence[str] = ()) -> pl.Expr:
    """One text for all spellings of a listing's name.

    Case, accents (also that of the ñ), punctuation, units, noise words and word
    order are forgotten. Words come first, numbers after a comma, the parts of a
    bundle between semicolons: the signs keep a second pass from reading a number
    and a word that only sorting made neighbours as one quantity.

    Args:
        name: String expression as landed.
        brand: The row's own brand field (String, may be null); its words go in
            front of the name that does not carry them.
        noise_words: Words that never tell products apart, beside the built-in ones.

    Returns:
        String expression. Canonical text of canonical text is itself. A name without
        any word or number keeps its folded text. Rechunk a frame of many chunks first:
        Polars compiles every pattern anew for each chunk.
    """
    name_, brand_, text = pl.field("name"), pl.field("brand"), pl.field("text")
    # Words are a set: the brand in front of a name that carries it changes nothing. In
    # front of a bundle it is a part of its own, because it may be any part's brand.
    between = pl.when(name_.str.contains(r" \+|;")).then(pl.lit(" ; ")).otherwise(pl.lit(" , "))
    whole = pl.coalesce(pl.concat_str(brand_, between, name_), name_)
    # A field of a struct is computed once; an expression that is used twice is
    # computed twice outside lazy frames, and these chains would multiply.
    return (
        pl.struct(fold(name).alias("name"), stated_words(brand).alias("brand"))
        .struct.with_fields(whole.alias("text"))
        .struct.with_fields(without_noise(text, noise_words).alias("text"))
        .struct.with_fields(_joined(in_base_units(measured_folded(text))).alias("text"))
        .struct.with_fields(
            pl.when(text.str.contains(_COUNT))
            .then(text.str.replace_all(r"(?: pack)+ ", " "))
            .otherwise(text)
            .alias("text")
        )
        # "12 latas de 350 ml" is "lata 12x350": where it is the only count, what it counts
        # is a word like others.
        .struct.with_fields(
            pl.when(text.str.count_matches(_COUNT_TOKEN) == 1)
            .then(text.str.replace(_CONTAINERS_COUNTED, " ${1}un $2 "))
            .otherwise(text)
            .alias("text")
        )
        .struct.with_fields(_with_colours_in_order(text).alias("text"))
        .struct.with_fields(_in_order(text, noise_words).alias("text"))
        .struct.with_fields(pl.when(text == "").then(name_).otherwise(text).alias("text"))
        .struct.field("text")
        .alias("canonical_name")
    )


def canonical_key(
    name: pl.Expr, brand: pl.Expr, category_group: pl.Expr, noise_words: Sequence[str] = ()
) -> pl.Expr:
    """Canonical name and category group: price, SKU and shop are not in it.

    Args:
        name: String expression as landed.
        brand: The row's own brand field (String, may be null).
        category_group: String expression, one of ``CATEGORY_GROUPS``.
        noise_words: As for ``canonical_name``.

    Returns:
        String expression such as ``"coca cola original, 2000ml|beverages"``.
    """
    return pl.concat_str(canonical_name(name, brand, noise_words), pl.lit("|"), category_group)


def variant_stem(canonical_key: pl.Expr) -> pl.Expr:
    """A canonical key without quantities and colours: what variants of one product share.

    Args:
        canonical_key: String expression from ``canonical_key``.

    Returns:
        String expression; "galaxy a35, 128gb 5g|smartphones" and its 256 GB have one.
    """
    # Doubled spaces let neighbours be found that would share one.
    spaced = pl.concat_str(
        pl.lit(" "), canonical_key.str.replace_all(r"[ ,;|]", "  $0  "), pl.lit(" ")
    )
    return (
        spaced.str.replace_all(rf" (?:{NUMBER}x)*{NUMBER}(?:{'|'.join(UNITS)}) ", " ")
        .str.replace_all(rf" {any_of(_COLOURS)} ", " ")
        # Without numbers the comma before them is gone, too.
        .str.replace_all(r"[ ,]+", " ")
        .str.strip_chars(" ")
    )


def question_keys(canonical_key: pl.Series, answer_contract_version: int) -> pl.Series:
    """Hashes under which answers are stored.

    Args:
        canonical_key: String series from ``canonical_key``.
        answer_contract_version: One number for all templates; raising it makes
            every question new.

    Returns:
        String series of SHA-256 in hex, same height and order.
    """
    suffix = f"|{answer_contract_version}".encode()
    return pl.Series(
        "question_key",
        [hashlib.sha256(key.encode() + suffix).hexdigest() for key in canonical_key],
        dtype=pl.String,
    )


_IN_ORDER = ("un", "", "v", "mm", "in", "cm")
"""Units of which several in one name are not sorted; the empty one is a bare number."""


def _joined(text: pl.Expr) -> pl.Expr:
    for pattern, replacement in _JOINS:
        text = text.str.replace_all(pattern, replacement)
    return text.str.replace_all(_STOPPED, " ")


def _with_colours_in_order(text: pl.Expr) -> pl.Expr:
    """Several colours as one word: which part has which, their order alone tells."""
    # Doubled spaces let neighbours be found that would share one.
    spaced = text.str.replace_all(" ", "  ", literal=True)
    colour = rf" {any_of(COLOUR_WORDS)} "
    joined = spaced.str.extract_all(colour).list.eval(pl.element().str.strip_chars(" "))
    joined = joined.list.join("_").str.replace_all(" +", "_")
    without = spaced.str.replace_all(colour, " ")
    return (
        pl.when(spaced.str.count_matches(colour) > 1)
        .then(pl.concat_str(without, pl.lit(" "), joined, pl.lit(" ")).str.replace_all(" +", " "))
        .otherwise(text)
    )


def _in_order(text: pl.Expr, noise_words: Sequence[str]) -> pl.Expr:
    """The parts of a bundle, each in its own order and without what sorting made noise."""
    return (
        text.str.replace_all("+", ";", literal=True)
        .str.split(";")
        .list.eval(_ordered(pl.element()))
        .list.eval(without_noise(pl.element(), noise_words))
        .list.eval(pl.element().str.replace_all(r" +", " ").str.strip_chars(" ,"))
        .list.unique()
        .list.sort()
        .list.join("; ")
        .str.strip_chars(" ;")
    )


def _ordered(segment: pl.Expr) -> pl.Expr:
    """Words sorted, then numbers sorted; several counts keep the order of numbers.

    In "2 x 500 g 3 x 200 g" order alone tells which count goes with which content, in "6
    vasos 4 platos" what there are six of, and in "12V a 220V" which end is which.
    """
    word = segment.str.extract_all(r" [^0-9 ][^ ]*").list.unique().list.sort()
    number = segment.str.extract_all(r" [0-9][^ ]*")
    several = pl.any_horizontal(
        number.list.eval(pl.element().str.contains(f"^ [0-9.]+{unit}$")).list.sum() > 1
        for unit in _IN_ORDER
    )
    numbers = pl.when(several).then(number).otherwise(number.list.unique().list.sort())
    return (
        pl.concat_list(word.list.join("") + pl.lit(","), numbers.list.join(""))
        .list.join("")
        .str.strip_chars(" ,")
    )
