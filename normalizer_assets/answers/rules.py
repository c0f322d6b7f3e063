"""Basic rules: a listing read without a model, last step of the fallback chain.

Belongs here: which attributes a category group has and how the grammar's readings
become an answer (DESIGN.md, "Labelling"). Does not belong here: recognising
quantities, colours, brands and parts (``grammar``), and how far an answer is to be
trusted (``answers/evidence.py``).

Nothing is invented: what neither name nor brand field states is absent.
"""

from collections.abc import Iterable

import polars as pl

from normalizer_assets.config import GrammarConfig
from normalizer_assets.grammar import brands, electronics
from normalizer_assets.grammar.codes import code_of, without_code, without_notebook_code
from normalizer_assets.grammar.colours import COLOUR_WORDS, colours, colours_of_things
from normalizer_assets.grammar.noise import NOISE_WORDS
from normalizer_assets.grammar.products import (
    CARE_VARIANTS,
    CONCENTRATIONS,
    DEVICE_WORDS,
    FLAVOUR_WORDS,
    FLAVOURS,
    GENDERS,
    GOODS_WORDS,
    LIFE_STAGES,
    MILK_FATS,
    PERFUME_WORDS,
    PET_FLAVOURS,
    SOFT_GOODS_WORDS,
    SOFT_WORDS,
)
from normalizer_assets.grammar.quantities import (
    COUNT_UNITS,
    DEVICE_QUANTITY_PATTERN,
    QUANTITY_PATTERN,
    in_base_units,
    measured,
)
from normalizer_assets.grammar.text import any_of, fold, plain, spelled, words

_FOOD = ("beverages", "groceries", "dairy", "pet_food")
_CARE = ("cleaning", "personal_care", "perfumes", "cosmetics", "pharmacy", "baby", "other")
_SCREENED = ("smartphones", "notebooks", "tablets", "televisions", "monitors")
_COMPUTING = ("smartphones", "notebooks", "tablets", "storage", "consoles")
_TECHNOLOGY = (*_SCREENED, "storage", "consoles", "headphones")
_WORN = ("clothing", "footwear")
_HOUSEHOLD = ("appliances", "small_appliances", "tools", "lighting")
_COLOURED = (*_TECHNOLOGY, *_WORN, *_HOUSEHOLD, "toys", "cosmetics", "baby", "other")
_THINGS = (*_TECHNOLOGY, *_WORN, "lighting", "toys", "cosmetics", "baby", "other")
_CODED = (*_TECHNOLOGY, *_HOUSEHOLD)
_LINED = ("smartphones", "notebooks", "tablets")

ATTRIBUTES = (
    "capacity", "color", "flavor", "gender", "graphics", "lactose", "network", "pack_count",
    "processor", "ram", "refurbished", "screen_type", "size", "storage_type", "sugar", "type",
    "volume_ml", "weight_g",
)  # fmt: skip
"""Keys of the attributes that rules can fill, in the order of the JSON text."""

_COUNTS = "|".join(COUNT_UNITS)
_POINTED_INCHES = r" (1[0-9]\.[0-9]|[23][0-9]\.[0-9]) "
"""A number with a point in the name of a screen or a notebook, without a unit."""
_BARE_INCHES = r" ([23][0-9]\.[0-9]|19|2[0-9]|3[249]|4[0-9]|50|55|58|60|65|70|75|77|82|83|85|86|9[0-9]|1[01][0-9]) "
_LETTERED_SIZE = r"xxs|xs|s|m|l|xl|xxl|xxxl|[2-5]xl|unica|estandar|g|p|rn|xg|xxg"
_SHOE_NUMBER = r"(?:1[6-9]|[23][0-9]|4[0-8])(?:[.,]5)?"
_GARMENT_SIZE = (
    r"(?i)\b(?:talla|talle|size|numero|nro|n°|t)\.? ?:? ?"
    rf"((?:(?:us|eu|cl|uk|cn) ?)?[0-9]{{1,2}}(?:[.,]5)?(?: ?[-/] ?[0-9]{{1,2}})?(?: (?:anos|meses))?\b)",
    rf"(?i)\b(?:talla|talle|size)\.? ?:? ?({_LETTERED_SIZE})\b",
    r"(?i)\b((?:us|eu|uk) ?[0-9]{1,2}(?:[.,]5)?)\b",
    r"(?i)\b([0-9]{1,2}(?: ?- ?[0-9]{1,2})? (?:anos|meses))\b",
    r"(?i)\b([234][0-9]x[234][0-9])\b",
    rf"(?i) ({_LETTERED_SIZE})\W*$",
)
"""Ways in which a garment's size is written, in ``plain`` text, the surest first."""
_SHOE_NUMBERS = rf"({_SHOE_NUMBER}(?: ?[-/] ?{_SHOE_NUMBER})?)"
_SHOE_SIZE = (
    rf"(?i) {_SHOE_NUMBERS}(?: (?:unisex|hombre|mujer|nino|nina))?\W*$",
    rf"(?i) (?:unisex|hombre|mujer|nino|nina|{any_of(COLOUR_WORDS)}) {_SHOE_NUMBERS}\b",
)
"""A shoe's number without a word before it: the last of its name, or behind its colour."""
_BABY_FOOD = r" (?:leche|formula|colado|picado|compota|papilla|cereal|nan|nido|similac|enfamil) "
_BOTH = r" (?:nino y nina|nina y nino|hombre y mujer|mujer y hombre) "
_DIAPER_SIZE = r" (?:talla )?(rn|p|m|g|xg|xxg|xxxg) "
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

_SPLITS = r"(?:[|()\[\]{},;]| [-/+]|[-/] )+"
# Single letters only in lower case: "iPhone X" and "Vitamina A" end in a name.
_SMALL_WORDS = r"(?:(?i-u:de|del|la|el|los|las|con|sin|para|por|en|un|una|of|and|with)|[yaoexcun])"
_SMALL_WORDS_BEFORE = rf"^ *(?:{_SMALL_WORDS}(?-u:\b)[ .]*)+"
_SMALL_WORDS_BEHIND = rf"(?: {_SMALL_WORDS}(?-u:\b)[ .]*)+$"
_HARD_DEVICE_WORDS = {*DEVICE_WORDS, *NOISE_WORDS, *electronics.SCREEN_WORDS} - {*SOFT_WORDS}
_DEVICE_WORDS = rf"(?i-u:\b{any_of(_HARD_DEVICE_WORDS)}\b)"
_SOFT_WORDS_BEFORE = rf"^(?:[ |]*(?i-u:\b{any_of(SOFT_WORDS)}\b))+"
_SOFT_WORDS_BEHIND = rf"(?:(?i-u:\b{any_of(SOFT_WORDS)}\b) *)+$"
_DEVICE_PARTS = (
    r"(?i-u:\b(?:(?:lp)?ddr[0-9]x?|[345]g|lte|wi-?fi(?: ?[0-9]e?)?|[0-9]{2,3}hz|[0-9]+v max|"
    r"usb(?:[ -]c)?(?: [0-9](?:\.[0-9])?)?|[0-9.]+ ?(?:rpm|mb/s)|ip[0-9]{2}|"
    r"e(?:14|26|27|40)|gu ?(?:10|5\.3)|g(?:4|9)|mr16|t[58]|[0-9]{1,2} ?[+/] ?[0-9]{2,3}(?: ?gb)?)\b)"
)
_COLOUR_PAIR = rf" ({any_of(COLOUR_WORDS)}) / (?:{any_of(COLOUR_WORDS)}) "
_BESIDE = r"(?i-u: (?:con|para|sin|incluye|c/|p/) )"
"""What follows is beside the product, or for it: "AirPods Pro con estuche"."""
_YEAR = r"(?-u:\b)20[12][0-9](?-u:\b)"
_NUMBERED = r"[0-9]|(?-u:\b)(?:II|III|IV|V|VI|VII|VIII|IX|X)(?-u:\b)"
"""A line that tells its generation, and so needs no code."""
_COLOURS_AT_BAR = rf"(?i-u:(?: |\||^)(?:{any_of(COLOUR_WORDS)} *)+(?:[a-z]+ *)?(?:\||$))"
_COLOURS_FIRST = rf"(?i-u:(?:\||^) *(?:{any_of(COLOUR_WORDS)} +)+)"
_COUNTED = (
    r"(?i-u:\b[0-9]+ (?:quemador(?:es)?|platos|cubiertos|puntadas|panes|peldanos|piezas|puertas|"
    r"velocidades|funciones|programas|leds?|luces|psi|bar|rpm|tazas|canales|botones|niveles|en 1|"
    r"vasos|cuerpos|bandejas|zonas|hp|baterias|niveles|posiciones|litros/min)\b)"
)
_GOODS_PARTS = (
    r"(?i-u:\b(?:(?:fps|spf|factor) ?[0-9]+\+?|x ?[0-9]+|[0-9]+ ?- ?[0-9]+ ?(?:m|kg|meses|anos)?|"
    r"[cs]/ ?[a-z]+|[dt]/h|x{1,3}[lsg]|ip[0-9]{2}|n [0-9]{1,2}|[0-9]+ (?:colores|anos)|(?:etapa|talla) (?:[a-z]{1,3}|[0-9]))\b)"
)
_PERFUME_WORDS = rf"(?i-u:\b{any_of(PERFUME_WORDS)}\b)"
_PLATFORMS = r"(?i-u:\b(?:(?:nintendo )?switch(?: 2)?|ps[345]|playstation [345]|xbox(?: series [xs]| one)?)\b)"
"""What a game runs on: no part of its title."""
_FITS = (
    r"(?i-u:\b(?:para|compatible con|for) (?:iphone|ipad|macbook|airpods|galaxy|apple|samsung|"
    r"xiaomi|redmi|huawei|motorola|moto|playstation|ps[345]|xbox|nintendo|notebook|celular)\b)[^|]*"
)
"""What an accessory fits, to the end of its name."""
_GAME = r"(?i-u:^ *\|? *(?:video)?juego\b)"
_DESCRIBING = (
    r"[a-z]{3,}(?:ad[oa]s?|id[oa]s?|antes?|entes?|dor(?:es|as?)?|iv[oa]s?|os[oa]s?|ic[oa]s?|ales|"
    r"ables?|ibles?|mente|ul[oa]s?)"
)
"""Words that end as Spanish adjectives do; names of lines hardly ever end so."""
_PET_FLAVOUR_WORDS = [
    spelling.replace("_", " ") for row in PET_FLAVOURS.values() for spelling in row.split()
]
_HARD_GOODS_WORDS = {*GOODS_WORDS, *NOISE_WORDS} - {*SOFT_GOODS_WORDS}


def _described_by(words: Iterable[str]) -> str:
    """Pattern of goods words; a phrase such as "sin gluten" goes before the word "sin"."""
    return rf"(?i-u:\bsin [a-z]+\b|\b{any_of(words)}\b|\b{_DESCRIBING}\b)"


_CARE_WORDS = rf"(?i-u:\bsin [a-z]+\b|\b{any_of(_HARD_GOODS_WORDS - {*CARE_VARIANTS})}\b)"
_GOODS_WORDS = _described_by(_HARD_GOODS_WORDS)
_FOOD_WORDS = _described_by({*_HARD_GOODS_WORDS, *FLAVOUR_WORDS})
_PET_WORDS = _described_by(
    {*_HARD_GOODS_WORDS, *FLAVOUR_WORDS, *_PET_FLAVOUR_WORDS} - {*LIFE_STAGES}
)
_SOFT_GOODS_WORDS_BEHIND = rf"(?i-u:(?:^| ){any_of(SOFT_GOODS_WORDS)}\b *)+$"
_PERFUME_LINE = r"(?i-u:\ble parfum\b)"


_BUILT_IN = GrammarConfig()


def read_listings(listings: pl.DataFrame, grammar: GrammarConfig = _BUILT_IN) -> pl.DataFrame:
    """Answers of the basic rules, row for row.

    Args:
        listings: Columns ``name``, ``brand`` and ``category_group`` (all String; nulls
            allowed); ``category`` is not read.
        grammar: A user's own brands and noise words.

    Returns:
        Same height and order, columns ``brand``, ``model``, ``attributes`` (JSON text,
        keys sorted, absent keys left out), ``normalized_name`` (never null) and
        ``category_suggestion`` (always null: rules do not doubt the category).
    """
    known = brands.gazetteer(
        tuple(sorted((brand, tuple(more)) for brand, more in grammar.brands.items()))
    )
    group = pl.col("category_group")
    read = (
        listings.select(
            pl.col("name").cast(pl.String).fill_null(""),
            pl.col("brand").cast(pl.String),
            pl.col("category_group").cast(pl.String).fill_null("other"),
        )
        .rechunk()
        .with_columns(
            plain(pl.col("name")).alias("plain"),
            words(fold(pl.col("name"))).alias("words"),
            measured(pl.col("name")).alias("measured"),
            brands.stated_brand(pl.col("brand")).alias("stated"),
            pl.concat_str(
                pl.lit(" "),
                plain(pl.col("name"))
                .str.replace_all(r"[0-9]+(?:[.,][0-9]+)? ?°", "|")
                .str.replace_all(r"[^\x20-\x7E]", " ")
                .str.replace_all("'", "")
                .str.replace_all(r"[.!]* *& *|[.!]+ ", " "),
                pl.lit(" "),
            ).alias("ascii"),
        )
        .with_columns(
            # What a bundle adds ("+ Carcasa") and what a concentrate yields is not the product.
            pl.col("measured")
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
        )
        .with_columns(_attributes(group))
        .with_columns(_unbranded(known).alias("unbranded"))
        .with_columns(_barred(group, spelled(grammar.noise_words)).alias("barred"))
        .with_columns(_model(group).alias("model"))
        .with_columns(_with_apple_chip(group).alias("model"))
    )
    return read.select(
        "brand",
        "model",
        _json(ATTRIBUTES).alias("attributes"),
        _normalized_name().alias("normalized_name"),
        pl.lit(None, dtype=pl.String).alias("category_suggestion"),
    )


def _attributes(group: pl.Expr) -> list[pl.Expr]:
    """One column for each of ``ATTRIBUTES``, null where the listing does not state it."""
    text, base = pl.col("measured"), pl.col("base")
    memory = pl.col("memory").struct
    eaten = group.is_in(_FOOD) | ((group == "baby") & text.str.contains(_BABY_FOOD))
    # A tablet's grams are its dose.
    dosed = (group == "pharmacy") & text.str.contains(r" [0-9]+(?:comprimidos|capsulas|tabletas) ")
    contents = group.is_in((*_FOOD, *_CARE)) & ~dosed
    single = memory.field("single")
    ram_alone = group == "notebooks"
    storage = pl.coalesce(memory.field("capacity"), pl.when(~ram_alone).then(single))
    inches = text.str.extract(r" ([0-9]{1,3}(?:\.[0-9]+)?)in ")
    values = {
        "capacity": pl.when(group.is_in(_COMPUTING))
        .then(storage)
        .when(eaten)
        .then(_written(_content(text, "ml|cl|l|g|kg"))),
        "color": pl.when(
            group.is_in(_COLOURED)
            & ~((group == "other") & text.str.contains(r"[0-9](?:ml|l|g|kg) "))
        ).then(_colour(_coloured_words(), group)),
        "flavor": pl.when(group == "pet_food")
        .then(_first_of(FLAVOURS | PET_FLAVOURS, text))
        .when(group.is_in(_FOOD))
        .then(_first_of(FLAVOURS, text.str.slice(1).str.replace(r"^(?:agua de )?[^ ]+", ""))),
        "gender": pl.when(group.is_in((*_WORN, "baby")) & text.str.contains(_BOTH))
        .then(pl.lit("unisex"))
        .when(group.is_in((*_WORN, "baby", "personal_care")))
        .then(_first_of(GENDERS, text))
        .when(group == "perfumes")
        # "Good Girl" is for women.
        .then(_first_of(GENDERS, text.str.replace_all(" (?:girl|boy)s? ", " "))),
        "graphics": pl.when(group == "notebooks").then(electronics.graphics(pl.col("plain"))),
        "lactose": pl.when(group == "dairy").then(
            _stated(text, r" (?:sin|libre de|0%?) lactosa ", "sin")
        ),
        "network": pl.when(group.is_in(("smartphones", "tablets"))).then(electronics.network(text)),
        "pack_count": pl.when(~group.is_in((*_TECHNOLOGY, "appliances", "toys", "tools"))).then(
            text.str.extract(rf" ([1-9][0-9]*)(?:{_COUNTS}) ").replace("1", None)
        ),
        "processor": pl.when(group.is_in(("notebooks", "smartphones", "tablets"))).then(
            pl.coalesce(
                electronics.processor(pl.col("plain")),
                pl.when(pl.col("brand") == "APPLE").then(electronics.apple_chip(pl.col("plain"))),
            )
        ),
        "ram": pl.when(group.is_in(_COMPUTING)).then(
            pl.coalesce(memory.field("ram"), pl.when(ram_alone).then(single))
        ),
        "refurbished": pl.when(group.is_in(_CODED)).then(
            _stated(text, r" (?:reacondicionad[oa]|refurbished|seminuev[oa]|renewed) ", "sí")
        ),
        "screen_type": pl.when(group.is_in(_SCREENED)).then(
            pl.coalesce(
                electronics.screen_type(text),
                # Elsewhere "va" is a verb.
                pl.when((group == "monitors") & text.str.contains(" va ")).then(pl.lit("VA")),
            )
        ),
        "size": pl.when(group.is_in((*_WORN, "toys", "other")))
        .then(_garment_size(group))
        .when(group == "baby")
        .then(text.str.extract(_DIAPER_SIZE).str.to_uppercase())
        .when(group.is_in(("televisions", "monitors")))
        .then(pl.coalesce(inches, text.str.extract(_BARE_INCHES)))
        .when(group == "notebooks")
        .then(pl.coalesce(inches, text.str.extract(_POINTED_INCHES)))
        .when(group.is_in((*_TECHNOLOGY, *_HOUSEHOLD)))
        .then(inches),
        "storage_type": pl.when(group.is_in(("notebooks", "storage"))).then(
            text.str.extract(r" (ssd|hdd|emmc) ").str.to_uppercase()
        ),
        "sugar": pl.when(group.is_in(_FOOD)).then(
            _stated(text, r" (?:sin|cero|zero|libre de) azucar(?:es)? ", "sin")
        ),
        "type": pl.when(group == "perfumes")
        .then(_first_of(CONCENTRATIONS, text))
        .when(group == "dairy")
        .then(_first_of(MILK_FATS, text)),
        "volume_ml": pl.when(contents).then(_number(_content(base, "ml"))),
        "weight_g": pl.when(contents).then(_number(_content(base, "g"))),
    }
    return [values[key].alias(key) for key in ATTRIBUTES]


def _content(text: pl.Expr, units: str) -> pl.Expr:
    """The last quantity in one of some units: names end with the content of one unit.

    A drained weight counts only where no other is stated.
    """
    last = rf"^.* ([0-9]+(?:\.[0-9]+)?(?:{units})) "
    return pl.coalesce(
        text.str.replace_all(r" [0-9.]+g (?:peso )?drenad[oa]s? ", " ").str.extract(last),
        text.str.extract(last),
    )


def _written(content: pl.Expr) -> pl.Expr:
    """``2.0l`` as ``2L``, ``1.50kg`` as ``1.5kg``."""
    return (
        content.str.replace(r"(\.[0-9]*?)0+([a-z])", "$1$2")
        .str.replace(r"\.([a-z])", "$1")
        .str.replace(r"([0-9])l$", "${1}L")
    )


def _number(content: pl.Expr) -> pl.Expr:
    return content.str.extract(r"^([0-9.]+)")


def _first_of(spellings: dict[str, str], name: pl.Expr) -> pl.Expr:
    """The value whose spelling stands first in a text."""
    value_of = {
        f" {spelling.replace('_', ' ')} ": value
        for value, row in spellings.items()
        for spelling in row.split()
    }
    return (
        name.str.extract_many(sorted(value_of, key=lambda s: -len(s)), leftmost=True)
        .list.first()
        .replace_strict(value_of, default=None, return_dtype=pl.String)
    )


def _stated(name: pl.Expr, pattern: str, value: str) -> pl.Expr:
    return pl.when(name.str.contains(pattern)).then(pl.lit(value))


def _coloured_words() -> pl.Expr:
    """Words of the name in which a stroke between two colours is still seen."""
    return words(pl.col("plain").str.to_lowercase().str.replace(r" [+;] .*$", " "), keep="/")


def _colour(name: pl.Expr, group: pl.Expr) -> pl.Expr:
    """A garment's first colour; a device's last, because colours close its name.

    Of colours with a stroke between them ("naranja/negro") the first counts.
    """
    name = name.str.replace_all(_COLOUR_PAIR, " $1 ")
    plain_found = colours(name)
    found = (
        pl.when((plain_found.list.len() == 0) & group.is_in(_THINGS))
        .then(colours_of_things(name))
        .otherwise(plain_found)
    )
    return pl.when(group.is_in(_WORN)).then(found.list.first()).otherwise(found.list.last())


def _garment_size(group: pl.Expr) -> pl.Expr:
    """The size as it is written: "M", "42", "US 7.5", "6 años"."""
    text = pl.col("plain")
    # What only worn things are sized by: a ball has its "talla 4", a phone case no "L".
    stated = [text.str.extract(pattern) for pattern in _GARMENT_SIZE]
    worn = pl.coalesce(
        *stated,
        *(pl.when(group.is_in(_WORN)).then(text.str.extract(pattern)) for pattern in _SHOE_SIZE),
    )
    said = pl.when(group == "other").then(pl.coalesce(stated[:2])).otherwise(worn)
    return (
        said.str.to_uppercase()
        .str.replace_all(r"\s*([-/])\s*", "$1")
        .str.replace("ANOS", "años")
        .str.replace("MESES", "meses")
        .str.replace("UNICA", "única")
    )


def _barred(group: pl.Expr, noise_words: tuple[str, ...]) -> pl.Expr:
    """The name with a bar for everything that is no model: quantities, parts, product words."""
    device = pl.col("unbranded")
    for pattern in (electronics.PROCESSOR, electronics.GRAPHICS):
        device = device.str.replace_all(pattern, "|")
    # "KD-55X80L" is no 80 litres: a code keeps its hyphen apart from the patterns.
    device = device.str.replace_all(r"([A-Za-z0-9])-([0-9])", "${1}_$2")
    device = device.str.replace_all(r" -|- ", " | ").str.replace_all(DEVICE_QUANTITY_PATTERN, "|")
    # "F-91W" has no watts.
    fitting = (
        pl.col("unbranded")
        .str.replace(_FITS, "|")
        .str.replace_all(r"([A-Za-z])-([0-9])", "${1}_$2")
    )
    goods = (
        pl.when(group == "other")
        .then(
            # A watch's "Series 7 41mm" has lost no comma.
            fitting.str.replace_all(DEVICE_QUANTITY_PATTERN, "|")
        )
        .otherwise(fitting.str.replace_all(QUANTITY_PATTERN, "|"))
    )
    if noise_words:
        noise = rf"(?i-u:\b{any_of(noise_words)}\b)"
        device, goods = (text.str.replace_all(noise, "|") for text in (device, goods))
    described = goods.str.replace_all(_GOODS_PARTS, "|")
    device = device.str.replace_all(_COUNTED, "|")
    for pattern in (_DEVICE_WORDS, _DEVICE_PARTS, _BESIDE):
        device = device.str.replace_all(pattern, "|")
    game = device.str.replace_all(_PLATFORMS, "|")
    screen = device.str.replace_all(_YEAR, "|").str.replace_all(_BARE_INCHES, "|")
    return (
        pl.when(group.is_in(("televisions", "monitors")))
        .then(screen)
        .when(group == "notebooks")
        .then(device.str.replace_all(_POINTED_INCHES, "|"))
        .when((group == "consoles") & pl.col("unbranded").str.contains(_GAME))
        .then(game)
        .when(group.is_in(_CODED))
        .then(device)
        .when(group == "perfumes")
        .then(
            # "Le Male Le Parfum" is a line; the mark hides it from the pattern.
            goods.str.replace_all(_PERFUME_LINE, "Le_Parfum").str.replace_all(_PERFUME_WORDS, "|")
        )
        .when(group == "other")
        .then(described.str.replace_all(_GOODS_WORDS, "|").str.replace_all(_DEVICE_WORDS, "|"))
        .when(group == "footwear")
        .then(
            goods.str.replace_all(_GOODS_WORDS, "|")
            .str.replace_all(rf" {_SHOE_NUMBER} *(\||$)", "|$1")
            .str.replace_all(r"/ *\|", "|")
        )
        .when(group.is_in(("personal_care", "cosmetics")))
        .then(described.str.replace_all(_CARE_WORDS, "|"))
        .when(group == "baby")
        .then(
            described.str.replace_all(_GOODS_WORDS, "|").str.replace_all(
                r"(?-u:\b(?:RN|X{0,3}G|[PM])\b)", "|"
            )
        )
        .when(group.is_in(_FOOD))
        .then(
            pl.when(group == "pet_food")
            .then(described.str.replace_all(_PET_WORDS, "|"))
            .otherwise(described.str.replace_all(_FOOD_WORDS, "|"))
        )
        .otherwise(described.str.replace_all(_GOODS_WORDS, "|"))
        .str.replace_all(_SPLITS, "|")
        .str.replace_all("Le_Parfum", "Le Parfum", literal=True)
        .str.replace_all("_", "-", literal=True)
    )


def _model(group: pl.Expr) -> pl.Expr:
    """The first run of words between bars; a device without one is called by its code."""
    barred = pl.col("barred")
    colourless = barred.str.replace_all(_COLOURS_AT_BAR, "|").str.replace_all(_COLOURS_FIRST, "|")
    run = (
        pl.when(group == "perfumes")
        .then(
            # An article belongs to a perfume's line ("La Nuit Trésor").
            _first_run(barred, small_words_before="")
        )
        .otherwise(_first_run(pl.when(group.is_in(_COLOURED)).then(colourless).otherwise(barred)))
    )
    # "Xiaomi 12 (256 GB)": a line may be a number alone.
    number = pl.col("unbranded").str.extract(r"^\W*([0-9]{1,2})(?:\W*$|\W*[(|])")
    code = code_of(barred.str.replace_all("|", " ", literal=True))
    line = without_code(run)
    tells = line.str.contains(_NUMBERED)
    has_code = line != run
    return pl.coalesce(
        pl.when(group == "notebooks").then(without_notebook_code(line)),
        pl.when(group.is_in(_LINED)).then(line),
        # A line without a number is told apart by its code: "NeoChef MS2336GIH".
        pl.when(group.is_in(_CODED) & tells).then(line),
        pl.when(
            group.is_in(_CODED) & ~has_code & ~run.str.contains("[0-9]") & code.is_not_null()
        ).then(pl.concat_str(line, pl.lit(" "), code)),
        run,
        pl.when(group == "smartphones").then(number),
        pl.when(group.is_in(_CODED)).then(code),
    )


def _with_apple_chip(group: pl.Expr) -> pl.Expr:
    """A MacBook's or iPad's generation is its chip, wherever the name has it."""
    line = pl.col("model").str.replace(electronics.APPLE_CHIP, "").str.strip_chars(" ")
    chip = electronics.apple_chip(pl.col("plain"))
    return (
        pl.when((pl.col("brand") == "APPLE") & group.is_in(("notebooks", "tablets")))
        .then(pl.concat_str(line, chip, separator=" ", ignore_nulls=True))
        .otherwise("model")
    )


def _unbranded(known: brands.Gazetteer) -> pl.Expr:
    """ASCII text of the name with a bar in place of its brand; lines stay.

    The brand is cut out by its place in a text of the same length, because Polars
    takes no pattern of each row's own.
    """
    text = pl.col("ascii")
    aligned = text.str.to_lowercase().str.replace_all(r"[^a-z0-9+.%]", " ")
    own = words(fold(pl.col("stated"))).str.strip_chars(" ")
    # "Leche NIDO" by Nestlé: a maker's other brand is a line, and stays.
    named = pl.when(
        ~pl.col("spelling").is_in(known.lines)
        & (pl.col("spelling").replace_strict(known.spellings, default=None) == pl.col("brand"))
    ).then(pl.col("spelling"))
    place_of_own, place_of_named = (
        aligned.str.find(pl.concat_str(pl.lit(" "), brand, pl.lit(" ")), literal=True)
        for brand in (own, named)
    )
    start = pl.coalesce(place_of_own, place_of_named)
    brand = pl.when(place_of_own.is_not_null()).then(own).otherwise(named)
    cut = pl.concat_str(
        text.str.slice(0, start), pl.lit(" | "), text.str.slice(start + brand.str.len_chars() + 1)
    )
    return pl.when(start.is_not_null()).then(cut).otherwise(text)


def _first_run(barred: pl.Expr, small_words_before: str = _SMALL_WORDS_BEFORE) -> pl.Expr:
    """The first part between bars that says something, without small words around it."""
    runs = barred.str.split("|").list.eval(
        pl.element()
        .str.replace_all(r" +", " ")
        .str.replace(small_words_before, "")
        .str.replace(_SMALL_WORDS_BEHIND, "")
        .str.replace(_SOFT_WORDS_BEFORE, "")
        .str.replace(_SOFT_WORDS_BEHIND, "")
        .str.replace(_SOFT_GOODS_WORDS_BEHIND, "")
        .str.strip_chars(" .-!*:_")
    )
    says = r"[A-Za-z]{2}|[A-Za-z][0-9]|[0-9][A-Za-z]"
    return runs.list.filter(pl.element().str.contains(says)).list.first()


def _json(keys: tuple[str, ...]) -> pl.Expr:
    """JSON object text of the given String columns, nulls left out."""
    members = [
        pl.concat_str(
            pl.lit(f'"{key}":'),
            pl.struct(pl.col(key).alias("v")).struct.json_encode().str.slice(5).str.head(-1),
        )
        for key in keys
    ]
    present = [
        pl.when(pl.col(key).is_not_null()).then(member)
        for key, member in zip(keys, members, strict=True)
    ]
    return pl.concat_str(
        pl.lit("{"), pl.concat_str(present, separator=",", ignore_nulls=True), pl.lit("}")
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
