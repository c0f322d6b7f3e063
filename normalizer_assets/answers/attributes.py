"""The attributes that a listing states, read without a model.

Belongs here: which attributes a category group has, and in which words a name states them
(DESIGN.md, "Labelling"). Does not belong here: recognising quantities, colours and parts
(``grammar``), brand and model (``rules``, ``models``).

Nothing is invented: what the name does not state is null.
"""

import polars as pl

from normalizer_assets.answers.groups import (
    CARE,
    COLOURED,
    COMPUTING,
    DEVICES,
    FOOD,
    SCREENED,
    WORN,
)
from normalizer_assets.answers.pack_counts import pack_count
from normalizer_assets.grammar import electronics
from normalizer_assets.grammar.colours import COLOUR_WORDS
from normalizer_assets.grammar.products import (
    CONCENTRATIONS,
    FLAVOURS,
    GENDERS,
    MILK_FATS,
    PET_FLAVOURS,
)
from normalizer_assets.grammar.text import any_of, words

ATTRIBUTES = (
    "capacity", "color", "flavor", "gender", "graphics", "lactose", "network", "pack_count",
    "processor", "ram", "refurbished", "screen_type", "size", "storage_type", "sugar", "type",
    "volume_ml", "weight_g",
)  # fmt: skip
"""Keys of the attributes that rules can fill, in the order of the JSON text."""

_THINGS = (*DEVICES, *WORN, "toys", "baby", "other")
"""Where "café" and "crema" are colours."""

POINTED_INCHES = r" (1[0-9]\.[0-9]|[23][0-9]\.[0-9]) "
"""A number with a point in the name of a screen or a notebook, without a unit."""
BARE_INCHES = (
    r" ([23][0-9]\.[0-9]|19|2[0-9]|3[249]|4[0-9]|5[058]|6[05]|7[057]|8[2356]|9[0-9]|1[01][0-9]) "
)
"""Diagonals of televisions and monitors, without a unit."""
_TABLET_INCHES = r" ([789]\.[0-9]{1,2}|1[0-4]\.[0-9]{1,2}) "
APPLE_INCHES = r"(?i)\b((?:macbook|ipad) (?:air|pro)) (1[1-7])\b"
"""The number behind a line that is sold in two sizes ("MacBook Pro 14")."""
_PHONE_INCHES = r" (?:amoled|oled|lcd|ips|pantalla) ([4-7]\.[0-9]{1,2}) "
SHOE_NUMBER = r"(?:1[6-9]|[23][0-9]|4[0-8])(?:[.,]5)?"
_LETTERED_SIZE = r"xxs|xs|s|m|l|xl|xxl|xxxl|[2-5]xl|unica|estandar|g|p|rn|xg|xxg"
_GARMENT_SIZE = (
    (
        r"(?i)\b(?:talla|talle|size|numero|nro|n°)\.? ?:? ?"
        r"((?:(?:us|eur?|cl|uk|cn) ?)?[0-9]{1,2}(?:[.,]5)?(?: ?[-/] ?[0-9]{1,2})?"
        r"(?: (?:anos|meses|us|eur?|uk))?\b)"
    ),
    rf"(?i)\b(?:talla|talle|size)\.? ?:? ?((?:{_LETTERED_SIZE})(?:/(?:{_LETTERED_SIZE}))?)\b",
    r"(?i)\b((?:us|eur?|uk) ?[0-9]{1,2}(?:[.,]5)?)\b",
    r"(?i)\b([0-9]{1,2}(?:[.,]5)? (?:us|eur?|uk))\b",
    r"(?i)\b([0-9]{1,2}(?: ?- ?[0-9]{1,2})? (?:anos|meses))\b",
    r"(?i)\b([0-9]{1,2} ?- ?[0-9]{1,2} ?m)\b",
    r"\b([0-9]{1,2}M)\b",
    r"(?i)\b(w[0-9]{2} ?l[0-9]{2})\b",
    r"(?i)\b([234][0-9][x/][234][0-9])\b",
    r"\b([CJ][0-9]{1,2})\b",
    r"\b(M[0-9]{1,2}/W[0-9]{1,2}|[0-9]{1,2}(?:\.5)?Y|[0-9]{2,3}[A-DF])\b",
    r"\b([678] [1357]/[48])\b",
    rf"(?i)[ (|,]((?:{_LETTERED_SIZE})(?:/(?:{_LETTERED_SIZE}))?)\W*$",
    r"(?i)\bt ?[-./]? ?([0-9]{1,2}(?:[.,]5)?)\b",
    rf"(?i)\bt[-./] ?({_LETTERED_SIZE})\b",
    r"# ?([0-9]{2})\b",
    r" (X{0,3}[SL]|M|[2-5]XL) ",
)
"""Ways in which a garment's size is written, in ``plain`` text, the surest first."""
_SHOE_NUMBERS = rf"({SHOE_NUMBER}(?: ?[-/] ?{SHOE_NUMBER})?)"
_SHOE_SIZE = (
    rf"(?i) {_SHOE_NUMBERS}(?: (?:unisex|hombre|mujer|nino|nina))?\W*$",
    rf"(?i) (?:unisex|hombre|mujer|nino|nina|{any_of(COLOUR_WORDS)}) {_SHOE_NUMBERS}\b",
    rf"(?i) {_SHOE_NUMBERS} (?:{any_of(COLOUR_WORDS)})\b",
)
"""A shoe's number without a word before it: the last of its name, or beside its colour."""
_BABY_FOOD = r" (?:leche|formula|colado|picado|compota|papilla|cereal|nan|nido|similac|enfamil) "
_CARE_TOOL = r" (?:cepillos?|termometro|tensiometro|nebulizador|masajeador|balanza) "
_WEIGHED = r" [0-9.]+(?:ml|l|kg) | (?:[0-9.]*[0-9]{2,}|[016-9])g "
"""No garment or thing, but its content; 4g and 5g are networks."""
_NETWORK = r" [2-5](?:\.4)?g "
"""A router's 4G is no weight."""
_NO_COLOUR = (
    r" black (?:[a-z+] ?|and |amp )?decker | white and color |"
    r" (?:wd|western digital) (?:purple|blue|black|red|green|gold) "
)
_BOTH = r" (?:nino y nina|nina y nino|hombre y mujer|mujer y hombre) "
_DIAPER_SIZE = r" (?:talla )?(rn|p|m|g|xg|xxg|xxxg) "
_COLOUR_PAIR = rf" ({any_of(COLOUR_WORDS)})(?: pastel)? (?:/|y) (?:{any_of(COLOUR_WORDS)}) "
_CLEANING_TOOL = r" (?:panos?|mopas?|bolsas?|guantes?|baldes?|escobas?|esponjas?|ceras?|velas?) "


def attributes(group: pl.Expr) -> list[pl.Expr]:
    """One column for each of ``ATTRIBUTES``, null where the listing does not state it.

    Args:
        group: Category group. The expressions read the columns ``plain`` (``text.plain`` of
            the name), ``measured`` and ``base`` (its quantities as written and in base units,
            without what a bundle adds), ``whole`` (``measured`` with it), ``memory``
            (``electronics.memory``), ``colours`` and ``colours_of_things`` (those among
            ``colour_words``) and ``brand``.
    """
    text, base = pl.col("measured"), pl.col("base")
    memory = pl.col("memory").struct
    eaten = group.is_in(FOOD) | ((group == "baby") & text.str.contains(_BABY_FOOD))
    # A tablet's grams are its dose.
    dosed = (group == "pharmacy") & text.str.contains(r" [0-9]+(?:comprimidos|capsulas|tabletas) ")
    contents = group.is_in((*FOOD, *CARE)) & ~dosed
    single = memory.field("single")
    ram_alone = group == "notebooks"
    storage = pl.coalesce(memory.field("capacity"), pl.when(~ram_alone).then(single))
    garment = _garment_size(group)
    inches = text.str.extract(r" ([0-9]{1,3}(?:\.[0-9]+)?)in ")
    values = {
        "capacity": pl.when(group.is_in(COMPUTING))
        .then(storage)
        .when(eaten)
        .then(_written(_content(text, "ml|cl|l|g|kg"))),
        "color": pl.when(
            (
                (group.is_in(COLOURED) & ~eaten)
                | ((group == "cleaning") & text.str.contains(_CLEANING_TOOL))
                | (group.is_in(("personal_care", "pharmacy")) & text.str.contains(_CARE_TOOL))
            )
            & ~(group.is_in(("other", "baby")) & text.str.contains(_WEIGHED))
        ).then(_colour(group)),
        "flavor": pl.when(group == "pet_food")
        .then(_first_of(FLAVOURS | PET_FLAVOURS, text))
        .when(group.is_in(FOOD))
        .then(_first_of(FLAVOURS, text.str.slice(1).str.replace(r"^(?:agua de )?[^ ]+", ""))),
        "gender": pl.when(group.is_in((*WORN, "baby")) & text.str.contains(_BOTH))
        .then(pl.lit("unisex"))
        .when(group == "baby")
        # "Fórmula infantil" is for girls as well.
        .then(_first_of(GENDERS, text.str.replace_all(" infantil ", " ")))
        .when(group.is_in((*WORN, "personal_care")))
        .then(_first_of(GENDERS, text))
        .when(group == "perfumes")
        # "Good Girl" is for women.
        .then(_first_of(GENDERS, text.str.replace_all(" (?:girl|boy)s? ", " "))),
        "graphics": pl.when(group == "notebooks").then(electronics.graphics(pl.col("plain"))),
        "lactose": pl.when(group == "dairy").then(
            _stated(text, r" (?:sin|libre de|0%?) lactosa ", "sin")
        ),
        "network": pl.when(group.is_in(("smartphones", "tablets"))).then(electronics.network(text)),
        "pack_count": pack_count(group),
        "processor": pl.when(group.is_in(("notebooks", "smartphones", "tablets", "consoles"))).then(
            pl.coalesce(
                electronics.processor(pl.col("plain")),
                pl.when(pl.col("brand") == "APPLE").then(electronics.apple_chip(pl.col("plain"))),
            )
        ),
        "ram": pl.when(group.is_in(COMPUTING)).then(
            pl.coalesce(memory.field("ram"), pl.when(ram_alone).then(single))
        ),
        "refurbished": pl.when(group.is_in(DEVICES)).then(
            _stated(text, r" (?:reacondicionad[oa]|refurbished|seminuev[oa]|renewed) ", "sí")
        ),
        "screen_type": pl.when(group.is_in((*SCREENED, "consoles"))).then(
            pl.coalesce(
                electronics.screen_type(text),
                # Elsewhere "va" is a verb.
                pl.when(group == "monitors").then(
                    text.str.extract(r" (va|tn) ").str.to_uppercase()
                ),
            )
        ),
        "size": pl.when(group.is_in(WORN))
        .then(garment)
        .when(group == "other")
        .then(pl.coalesce(garment, text.str.extract(r" aro ([0-9]{2}(?:\.5)?)(?:in)? "), inches))
        .when(group == "toys")
        # A toy's years are its player's.
        .then(
            pl.coalesce(
                pl.when(~garment.str.contains("años|meses")).then(garment),
                inches,
            )
        )
        .when(group == "baby")
        .then(
            pl.coalesce(
                text.str.extract(_DIAPER_SIZE).str.to_uppercase(),
                pl.col("plain").str.extract(r"(?:^| )([0-9]{1,2}M)\b"),
            )
        )
        .when((group == "personal_care") & text.str.contains(" panal(?:es)? "))
        .then(text.str.extract(_DIAPER_SIZE).str.to_uppercase())
        .when(group.is_in(("televisions", "monitors")))
        .then(pl.coalesce(inches, text.str.extract(BARE_INCHES)))
        .when(group == "notebooks")
        .then(
            pl.coalesce(inches, text.str.extract(POINTED_INCHES), text.str.extract(APPLE_INCHES, 2))
        )
        .when(group == "tablets")
        .then(
            pl.coalesce(inches, text.str.extract(_TABLET_INCHES), text.str.extract(APPLE_INCHES, 2))
        )
        .when(group == "smartphones")
        .then(pl.coalesce(inches, text.str.extract(_PHONE_INCHES)))
        .when(group.is_in(DEVICES))
        .then(inches),
        "storage_type": pl.when(group.is_in(("notebooks", "storage"))).then(
            text.str.extract(r" (ssd|hdd|emmc) ").str.to_uppercase()
        ),
        "sugar": pl.when(group.is_in(FOOD)).then(
            _stated(text, r" (?:sin|cero|zero|libre de) azucar(?:es)? ", "sin")
        ),
        "type": pl.when(group == "perfumes")
        .then(_first_of(CONCENTRATIONS, text))
        .when(group == "dairy")
        .then(_first_of(MILK_FATS, text)),
        "volume_ml": pl.when(contents).then(_number(_content(base, "ml"))),
        "weight_g": pl.when(contents).then(
            _number(
                _content(
                    pl.when(group == "other")
                    .then(base.str.replace_all(_NETWORK, "  "))
                    .otherwise(base),
                    "g",
                )
            )
        ),
    }
    return [values[key].alias(key) for key in ATTRIBUTES]


def _content(text: pl.Expr, units: str) -> pl.Expr:
    """The last quantity in one of some units: names end with the content of one unit.

    A drained weight counts only where no other is stated.
    """
    last = rf"^.* ([0-9]+(?:\.[0-9]+)?(?:{units})) "
    # "Té 0 g azúcar" states no content.
    text = text.str.replace_all(r" 0[0.]*(?:ml|cl|l|g|kg) ", " ")
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
    return content.str.extract(r"^([0-9.]*[1-9][0-9.]*)")


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


def colour_words() -> pl.Expr:
    """Words of the name that may be colours.

    Of colours with a stroke between them ("naranja/negro") the first one is left.
    """
    name = words(pl.col("plain").str.to_lowercase().str.replace(r" [+;] [^0-9].*$", " "), keep="/")
    return name.str.replace_all(_NO_COLOUR, " ").str.replace_all(_COLOUR_PAIR, " $1 ")


def _colour(group: pl.Expr) -> pl.Expr:
    """A garment's first colour; a device's last, because colours close its name."""
    found = (
        pl.when((pl.col("colours").list.len() == 0) & group.is_in(_THINGS))
        .then("colours_of_things")
        .otherwise("colours")
    )
    return pl.when(group.is_in(WORN)).then(found.list.first()).otherwise(found.list.last())


def _garment_size(group: pl.Expr) -> pl.Expr:
    """The size as it is written: "M", "42", "US 7.5", "6 años"."""
    text = pl.col("plain")
    # What only worn things are sized by: a ball has its "talla 4", a phone case no "L".
    stated = [text.str.extract(pattern) for pattern in _GARMENT_SIZE]
    worn = pl.coalesce(
        *stated,
        *(pl.when(group.is_in(WORN)).then(text.str.extract(pattern)) for pattern in _SHOE_SIZE),
    )
    said = pl.when(group == "other").then(pl.coalesce(stated[:2])).otherwise(worn)
    return (
        said.str.to_uppercase()
        .str.replace_all(r"\s*([-/])\s*", "$1")
        .str.replace("ANOS", "años")
        .str.replace("MESES", "meses")
        .str.replace("UNICA", "única")
    )
