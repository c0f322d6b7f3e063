"""Basic rules: a listing read without a model, last step of the fallback chain.

Belongs here: which attributes a category group has and how the grammar's readings
become an answer (DESIGN.md, "Labelling"). Does not belong here: recognising
quantities, colours, brands and parts (``grammar``), and how far an answer is to be
trusted (``answers/evidence.py``).

Nothing is invented: what neither name nor brand field states is absent.
"""

import polars as pl

from normalizer_assets.config import GrammarConfig
from normalizer_assets.grammar import brands, electronics
from normalizer_assets.grammar.codes import code_of, without_code
from normalizer_assets.grammar.colours import COLOUR_WORDS, colours
from normalizer_assets.grammar.noise import NOISE_WORDS
from normalizer_assets.grammar.products import (
    CONCENTRATIONS,
    DEVICE_WORDS,
    FLAVOUR_WORDS,
    FLAVOURS,
    GENDERS,
    GOODS_WORDS,
    MILK_FATS,
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
_COLOURED = (*_TECHNOLOGY, *_WORN, *_HOUSEHOLD, "toys", "cosmetics", "other")
_CODED = (*_TECHNOLOGY, *_HOUSEHOLD)
_LINED = ("smartphones", "notebooks", "tablets")

ATTRIBUTES = (
    "capacity", "color", "flavor", "gender", "graphics", "lactose", "network", "pack_count",
    "processor", "ram", "refurbished", "screen_type", "size", "storage_type", "sugar", "type",
    "volume_ml", "weight_g",
)  # fmt: skip
"""Keys of the attributes that rules can fill, in the order of the JSON text."""

_COUNTS = "|".join(COUNT_UNITS)
_TELEVISION_INCHES = (
    r" (2[0-9]|3[29]|4[0-9]|50|55|58|60|65|70|75|77|82|83|85|86|9[0-9]|1[01][0-9]) "
)
_GARMENT_SIZE = (
    (
        r" (?:talla|talle|size|t|us|eu|numero|nro) (?:us |eu |cl )?"
        r"([0-9]{1,2}(?:\.5)?|xxs|xs|s|m|l|xl|xxl|xxxl|[2-5]xl|unica|g|p|rn|xg|xxg) "
    ),
    r" (xxs|xs|s|m|l|xl|xxl|xxxl|[2-5]xl) $",
)
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
_DEVICE_WORDS = rf"(?i-u:\b{any_of((*DEVICE_WORDS, *NOISE_WORDS, *electronics.SCREEN_WORDS))}\b)"
_DEVICE_PARTS = r"(?i-u:\b(?:(?:lp)?ddr[0-9]x?|[345]g|lte|wi-?fi(?: ?[0-9]e?)?|[0-9]{2,3}hz)\b)"
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
    r"vasos|cuerpos|bandejas|litros/min)\b)"
)
_GOODS_WORDS = rf"(?i-u:\b{any_of((*GOODS_WORDS, *FLAVOUR_WORDS, *NOISE_WORDS))}\b|\bsin [a-z]+\b)"


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
            # What a bundle adds ("+ Carcasa") does not describe the product.
            pl.col("measured").str.replace(r" [+;] .*$", " ").alias("measured"),
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
        .with_columns(
            pl.when(pl.col("brand") == "APPLE")
            .then(pl.col("barred").str.replace_all(electronics.APPLE_CHIP, "|"))
            .otherwise(pl.col("barred"))
            .alias("barred")
        )
        .with_columns(_model(group).alias("model"))
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
    contents = group.is_in((*_FOOD, *_CARE))
    single = memory.field("single")
    ram_alone = group == "notebooks"
    storage = pl.coalesce(memory.field("capacity"), pl.when(~ram_alone).then(single))
    inches = text.str.extract(r" ([0-9]{1,3}(?:\.[0-9]+)?)in ")
    values = {
        "capacity": pl.when(group.is_in(_COMPUTING))
        .then(storage)
        .when(group.is_in(_FOOD))
        .then(_written(_content(text, "ml|cl|l|g|kg"))),
        "color": pl.when(
            group.is_in(_COLOURED)
            & ~((group == "other") & text.str.contains(r"[0-9](?:ml|l|g|kg) "))
        ).then(_colour(text, group)),
        "flavor": pl.when(group.is_in(_FOOD)).then(
            _first_of(FLAVOURS, text.str.slice(1).str.replace(r"^[^ ]+", ""))
        ),
        "gender": pl.when(group.is_in((*_WORN, "perfumes", "personal_care"))).then(
            _first_of(GENDERS, text)
        ),
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
        "screen_type": pl.when(group.is_in(_SCREENED)).then(electronics.screen_type(text)),
        "size": pl.when(group.is_in((*_WORN, "toys")))
        .then(_garment_size(text))
        .when(group == "baby")
        .then(text.str.extract(_DIAPER_SIZE).str.to_uppercase())
        .when(group == "televisions")
        .then(pl.coalesce(inches, text.str.extract(_TELEVISION_INCHES)))
        .when(group.is_in(_SCREENED))
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


def _colour(name: pl.Expr, group: pl.Expr) -> pl.Expr:
    """A garment's first colour; a device's last, because colours close its name."""
    found = colours(name)
    return pl.when(group.is_in(_WORN)).then(found.list.first()).otherwise(found.list.last())


def _garment_size(text: pl.Expr) -> pl.Expr:
    return pl.coalesce(text.str.extract(pattern) for pattern in _GARMENT_SIZE).str.to_uppercase()


def _barred(group: pl.Expr, noise_words: tuple[str, ...]) -> pl.Expr:
    """The name with a bar for everything that is no model: quantities, parts, product words."""
    # "KD-55X80L" is no 80 litres: a code keeps its hyphen apart from the patterns.
    device = pl.col("unbranded").str.replace_all(r"([A-Za-z0-9])-([0-9])", "${1}_$2")
    device = device.str.replace_all(r" -|- ", " | ").str.replace_all(DEVICE_QUANTITY_PATTERN, "|")
    goods = pl.col("unbranded").str.replace_all(QUANTITY_PATTERN, "|")
    if noise_words:
        noise = rf"(?i-u:\b{any_of(noise_words)}\b)"
        device, goods = (text.str.replace_all(noise, "|") for text in (device, goods))
    device = device.str.replace_all(_COUNTED, "|")
    for pattern in (electronics.PROCESSOR, electronics.GRAPHICS, _DEVICE_WORDS, _DEVICE_PARTS):
        device = device.str.replace_all(pattern, "|")
    device = device.str.replace_all(_BESIDE, "|")
    television = device.str.replace_all(_YEAR, "|").str.replace_all(_TELEVISION_INCHES, "|")
    return (
        pl.when(group == "televisions")
        .then(television)
        .when(group.is_in(_CODED))
        .then(device)
        .otherwise(goods.str.replace_all(_GOODS_WORDS, "|"))
        .str.replace_all(_SPLITS, "|")
        .str.replace_all("_", "-", literal=True)
    )


def _model(group: pl.Expr) -> pl.Expr:
    """The first run of words between bars; a device without one is called by its code."""
    barred = pl.col("barred")
    colourless = barred.str.replace_all(_COLOURS_AT_BAR, "|").str.replace_all(_COLOURS_FIRST, "|")
    run = _first_run(pl.when(group.is_in(_COLOURED)).then(colourless).otherwise(barred))
    # "Xiaomi 12 (256 GB)": a line may be a number alone.
    number = pl.col("unbranded").str.extract(r"^\W*([0-9]{1,2})(?:\W*$|\W*[(|])")
    code = code_of(barred.str.replace_all("|", " ", literal=True))
    line = without_code(run)
    tells = line.str.contains(_NUMBERED)
    has_code = line != run
    return pl.coalesce(
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


def _unbranded(known: brands.Gazetteer) -> pl.Expr:
    """ASCII text of the name with a bar in place of its brand; lines stay.

    The brand is cut out by its place in a text of the same length, because Polars
    takes no pattern of each row's own.
    """
    text = pl.col("ascii")
    aligned = text.str.to_lowercase().str.replace_all(r"[^a-z0-9+.%]", " ")
    own = words(fold(pl.col("stated"))).str.strip_chars(" ")
    named = pl.when(~pl.col("spelling").is_in(known.lines)).then(pl.col("spelling"))
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


def _first_run(barred: pl.Expr) -> pl.Expr:
    """The first part between bars that says something, without small words around it."""
    runs = barred.str.split("|").list.eval(
        pl.element()
        .str.replace_all(r" +", " ")
        .str.replace(_SMALL_WORDS_BEFORE, "")
        .str.replace(_SMALL_WORDS_BEHIND, "")
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
