r"""The model in a listing's name: what is left without all that is no product line.

Belongs here: what a name says beside its model, by kind of product, and which of the rest is
the model (DESIGN.md, "Labelling"). Does not belong here: the words themselves
(``grammar.products``), codes (``grammar.codes``), and the attributes (``attributes``).

The name is rewritten step by step: whatever is no model becomes a bar, and of the runs of
words between bars the one directly behind the brand, or else the first, is the model.
"Smart TV | The Frame | 50\" | QLED" has one such run.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import polars as pl

from normalizer_assets.answers.attributes import (
    APPLE_INCHES,
    BARE_INCHES,
    POINTED_INCHES,
    SHOE_NUMBER,
)
from normalizer_assets.answers.groups import COLOURED, DEVICES, FOOD, HOUSEHOLD, WORN
from normalizer_assets.grammar import electronics
from normalizer_assets.grammar.codes import code_of, without_code, without_notebook_code
from normalizer_assets.grammar.colours import COLOUR_WORDS
from normalizer_assets.grammar.noise import NOISE_WORDS
from normalizer_assets.grammar.products import (
    CARE_TAILS,
    CARE_VARIANTS,
    DEVICE_WORDS,
    FLAVOUR_WORDS,
    GOODS_WORDS,
    LIFE_STAGES,
    LINE_OPENERS,
    PERFUME_WORDS,
    PET_FLAVOURS,
    SHADE_WORDS,
    SOFT_GOODS_WORDS,
    SOFT_WORDS,
    WORDED_LINES,
)
from normalizer_assets.grammar.quantities import DEVICE_QUANTITY_PATTERN, QUANTITY_PATTERN
from normalizer_assets.grammar.text import any_of

Step = tuple[str, str] | frozenset[str]
"""A pattern and what stands in its place, or words to bar."""

BAR = "|"
LONGEST_MODEL = 100
"""Signs; what is longer is a description."""
FEW = 64
"""Names up to which only those words and brands are looked for that they can hold."""
JOINT = "_"
"""Holds words of a line together until its model is chosen; to patterns they are one word."""
CUT = "~"
"""Stands between bars where the brand was cut out."""

# --- what is no model -------------------------------------------------------------

_QUANTITY_OF_DEVICES: Step = (DEVICE_QUANTITY_PATTERN, BAR)
_QUANTITY_OF_GOODS: Step = (QUANTITY_PATTERN, BAR)
# "KD-55X80L" is no 80 litres: a code keeps its hyphen apart from the patterns.
_KEPT_HYPHEN: Step = (r"([A-Za-z0-9])-([0-9])", "${1}__$2")
_KEPT_HYPHEN_OF_NAMES: Step = (r"([a-z])-([A-Z])", "${1}__$2")
"""The "Gel" of "Gel-Kayano" is no product word."""
_KEPT_HYPHEN_OF_CODES: Step = (r"([A-Za-z])-([0-9])", "${1}__$2")


_WITHOUT = r"\bsin [a-z]+\b"


@lru_cache(maxsize=32)
def _any_word(words: frozenset[str]) -> str:
    """The pattern of words; a phrase such as "sin gluten" goes before the word "sin"."""
    barred = [rf"\b{any_of(words)}\b"] if words else []
    return f"(?i-u:{'|'.join([_WITHOUT, *barred])})"


_DEVICE_WORDS = frozenset({*DEVICE_WORDS, *NOISE_WORDS, *electronics.SCREEN_WORDS} - {*SOFT_WORDS})
_DEVICE_PARTS: Step = (
    (
        r"(?i-u:\b(?:(?:lp)?ddr[0-9]x?|[345]g|lte|wi-?fi(?: ?[0-9]e?)?|[0-9]{2,3}hz|[0-9]+v max|"
        r"usb(?:[ -]?c)?(?: ?[0-9](?:\.[0-9])?)?|a[cx][0-9]{3,4}|"
        r"[257]\.[124](?: canales)?|[0-9]+ ?hp|[0-9.]+ ?(?:rpm|mb/s|kcal(?:/h)?|m2|ah)|ip[0-9]{2}|"
        r"[0-9]{1,2} ?[+/] ?[0-9]{2,3}(?: ?gb)?)\b)"
    ),
    BAR,
)
_LAMP_PARTS: Step = (r"(?i-u:\b(?:e(?:14|26|27|40)|gu ?(?:10|5\.3)|g[49]|mr16|t[58])\b)", BAR)
_CUT_QUANTITY: Step = (r"(?-u:\b)(?:[0-9]+ )?[0-9]+ ?/ *\|", BAR)
"""What is left of "12/8 Kg" and "1 1/2 kilo"."""
_MEMORY_PAIR: Step = (
    r"(?i-u:\b[0-9]{1,2} ?(?:gb)? ?[-+/] ?(?:64|128|256|512)(?: ?gb)?\b)",
    BAR,
)
_COUNTED_THINGS = (
    "quem(?:ador(?:es)?)?", "platos", "cubiertos", "puntadas", "panes", "peldanos", "piezas",
    "puertas", "cajones", "rebanadas", "velocidades", "funciones", "programas", "leds?", "luces",
    "psi", "bar", "rpm", "tazas", "canales", "botones", "personas", "elementos", "boquillas",
    "burbujas", "hoyos", "ton", "ohm", "kw", "pa", "resortes", "estantes", "repisas", "ruedas",
    "asientos", "focos", "sombras", "niveles", "en 1", "vasos", "cuerpos", "bandejas", "zonas",
    "hp", "baterias", "posiciones", "litros/min",
)  # fmt: skip
_COUNTED: Step = (rf"(?i-u:\b[0-9]+(?:[.,][0-9]+)? (?:{'|'.join(_COUNTED_THINGS)})\b)", BAR)
_BESIDE: Step = (r"(?i-u: (?:con|para|sin|incluye|c/|p/) )", BAR)
"""What follows is beside the product, or for it: "AirPods Pro con estuche"."""
_FITS: Step = (
    (
        r"(?i-u:\b(?:para|compatible con|for) (?:iphone|ipad|macbook|airpods|galaxy|apple|samsung|"
        r"xiaomi|redmi|huawei|motorola|moto|playstation|ps[345]|xbox|nintendo|notebook|celular)\b)"
        r"[^|]*"
    ),
    BAR,
)
"""What an accessory fits, to the end of its name."""
_PLATFORM = (
    r"(?:(?:nintendo )?switch(?: 2)?|ps[345]|playstation(?: [345])?|xbox(?: series [xs]| one)?)"
)
_PLATFORMS = (rf"(?i-u:\b{_PLATFORM}\b)", BAR)
"""What a game runs on: no part of its title."""
_SUBTITLE: Step = (": ", f":{JOINT}")
"""Part of a game's title: "Zelda: Tears of the Kingdom"."""
_TOLD_SIZE = r"(?i)\b(?:talla|us|eur?|uk|t[./-]) ?[0-9]"
_GAME = r"(?i-u:^ *\|? *(?:(?:video)?juego|joystick|volante|par joy_con)\b)"

_DESCRIBING = (
    r"\b[a-z]{3,}(?:ad[oa]s?|id[oa]s?|antes?|entes?|dor(?:es|as?)?|iv[oa]s?|os[oa]s?|ic[oa]s?|"
    r"ales|ables?|ibles?|mente|ul[oa]s?)\b"
)
"""Words that end as Spanish adjectives do; names of lines hardly ever end so."""
_GOODS_PARTS: Step = (
    (
        r"(?i-u:\b(?:(?:fps|spf|factor) ?[0-9]+\+?|x ?[0-9]+(?:un[a-z]*)?|[0-9]+ ?x|[0-9]+ ?gl|"
        r"[0-9]+ ?- ?[0-9]+ ?(?:m|kg|meses|anos)?|[cs]/ ?(?:u|[a-z]{2,})|[dt]/h|x{1,3}[lsg]|"
        r"ip[0-9]{2}|n [0-9]{1,2}|[0-9]+ (?:colores|anos)|"
        r"(?:etapa|talla) [a-z]{1,3}|talla [0-9]+|[0-9]+ ?(?:pk|pack|hp)|[0-9.,]+k|t[0-9]{2}|"
        r"w[0-9]{2} ?l[0-9]{2}|(?:19|20)[0-9]{2}|[0-9a-z]*[0-9]{5,}[0-9a-z-]*)\b)"
    ),
    BAR,
)
_PERCENT: Step = (r"(?i-u:[0-9]+(?:[.,][0-9]+)? ?%(?: alc)?)", BAR)
_INGREDIENT: Step = (
    (
        r"(?i-u:\b(acid|[ab]ha|niacinamide|zinc|retin[ao]l|solution|squalane|urea) "
        r"([0-9]{1,2}(?:\.[0-9])?)%)"
    ),
    f"${{1}}{JOINT}${{2}}{JOINT}%",
)
"""Names of cosmetics are made of them: "Niacinamide 10% + Zinc 1%"."""
_PLUS: Step = (rf"([A-Za-z{JOINT}%]) \+ ([A-Za-z])", f"${{1}}{JOINT}+{JOINT}$2")
_GOODS_WORDS = frozenset({*GOODS_WORDS, *NOISE_WORDS} - {*SOFT_GOODS_WORDS})
_SPARED = frozenset({*CARE_VARIANTS, *CARE_TAILS, *LIFE_STAGES})
_COMMON_GOODS_WORDS = _GOODS_WORDS - _SPARED


def _goods_words(
    spared: frozenset[str] = frozenset(), more: frozenset[str] = frozenset()
) -> tuple[Step, ...]:
    """Bars words of goods but some, and some more; the many they share are one pattern.

    A pattern of so many words takes 20 ms to prepare.
    """
    return ((_GOODS_WORDS & _SPARED | more) - spared, _COMMON_GOODS_WORDS)


_ALL_GOODS_WORDS = _goods_words()
_CARE_WORDS = _goods_words(frozenset({*CARE_VARIANTS, *CARE_TAILS}))
_PET_FLAVOUR_WORDS = {
    spelling.replace("_", " ") for row in PET_FLAVOURS.values() for spelling in row.split()
}
_DESCRIPTIONS: Step = (rf"(?i-u:{_DESCRIBING})", BAR)
"""A step of its own: in one pattern with the words it took ten times as long."""


def _opening(words: frozenset[str]) -> tuple[Step, ...]:
    """Holds up to two words directly behind the brand, which other words would bar."""
    held = rf"(?i-u:(\|{CUT}\| +(?:[a-z]+{JOINT})?) *({any_of(words)})\b)"
    return ((held, f"${{1}}${{2}}{JOINT}"),) * 2


_OPENERS = _opening(LINE_OPENERS)
_FOOD_OPENERS = _opening(LINE_OPENERS - {*SOFT_GOODS_WORDS})

_CUTS = (
    "high|mid|low|rise|slim|skinny|taper(?:ed)?|straight|regular|relaxed|loose|flare|bootcut|"
    "original|wide|leg|fit|athletic|super"
)
_FIT: tuple[Step, ...] = (
    (
        rf"(?i-u:\b([0-9]{{3}}(?:{JOINT}[a-z]+)*) ({_CUTS})\b)",
        f"${{1}}{JOINT}$2",
    ),
) * 3
"""How jeans with a number are cut: "501 Original Fit"."""

_FROM_COLOUR_ON: Step = (
    rf"(?i-u:([a-z0-9]) (?:{any_of(SHADE_WORDS)} )?{any_of(COLOUR_WORDS)}\b)[^|]*",
    f"$1 {BAR}",
)
"""What is worn has its colour behind its model, and its size behind the colour."""

_BUS_GENERATION: Step = (
    r"(?i-u:\b(?:pcie|nvme|m\.?2|ssd|sata)(?: nvme)? gen ?[0-9](?:\.[0-9])?(?: ?x ?[0-9])?\b)",
    BAR,
)
_GENERATION: Step = (r"(?i-u:([a-z0-9+]) (gen) ([0-9])\b)", f"${{1}}{JOINT}${{2}}{JOINT}$3")
"""The "Gen 4" of "ThinkPad L14 Gen 4" belongs to the line, that of "NVMe Gen 4" does not."""
_SUFFIXES = (
    "active", "premium", "classic", "power_control", "full_control", "smart_control", "kids",
    "sport", "open", "flex", "deluxe", "lite", "prime", "turbo",
)  # fmt: skip
_SUFFIXED: Step = (
    rf"(?i-u:([a-z]{{2,}} ?[0-9]{{1,3}}|\b[a-z] ?[0-9]{{1,3}}) ((?:{'|'.join(_SUFFIXES)})\b))",
    f"${{1}}{JOINT}$2",
)
"""Behind a line's number such a word tells the variant: "Redmi Watch 5 Active"."""

_ADDED: Step = (r" \+ *[A-Za-z].*$", BAR)
"""What a bundle adds: "Mini LED C845 + Soundbar S522W"."""

# "Infinix Smart 9", "Exo Smart T56": before a number the word is a line's.
_SMART_NUMBER: Step = (r"(?i-u:\b(smart) ([a-z]?[0-9]{1,3})\b)", f"${{1}}{JOINT}$2")

_HOUSEHOLD: tuple[Step, ...] = (
    *_OPENERS,
    _ADDED,
    _SMART_NUMBER,
    _KEPT_HYPHEN,
    _KEPT_HYPHEN_OF_NAMES,
    (r" -|- ", f" {BAR} "),
    _QUANTITY_OF_DEVICES,
    _CUT_QUANTITY,
    _COUNTED,
    _BUS_GENERATION,
    _GENERATION,
    _SUFFIXED,
    (rf"(?i-u:\b{any_of(COLOUR_WORDS)}/[a-z]+\b)", BAR),
    (r" [A-Ca-c]\+\++", BAR),
    _DEVICE_WORDS,
    _DEVICE_PARTS,
    _BESIDE,
)
_DEVICE: tuple[Step, ...] = (
    (electronics.PROCESSOR, BAR),
    (electronics.GRAPHICS, BAR),
    _MEMORY_PAIR,
    *_HOUSEHOLD,
)
"""Where an "i5" is a processor; a vacuum cleaner's is its generation ("Roomba i5")."""
# "Etapa 3 850 g" has lost no comma; the mark is a space again in the end.
_STAGE: Step = (r"(?i-u:\b(etapa|nivel|fase|tipo) ?([0-9])\b)", "${1}_$2")
_COMPLEMENT: Step = (
    (
        r"(?i-u:(^|[a-z0-9 |])\| *(?:de|del|en|con|para|al?|sin|y|e|o) (?:(?:la|el|los|las) )?"
        r"[a-z]+\b)"
    ),
    f"${{1}}{BAR}",
)
"""What a preposition ties to a word that is no line: the "Dormir" of "Saco de Dormir"."""
_ADDED_TO_GOODS: Step = (r" \+ *[0-9]+ [A-Za-z].*$", BAR)
"""The same, counted: "Pisco 645 ml + 2 vasos"; a plus alone belongs to "Matte + Poreless"."""
_GOODS: tuple[Step, ...] = (
    _ADDED_TO_GOODS,
    _FITS,
    _STAGE,
    _KEPT_HYPHEN_OF_CODES,
    _KEPT_HYPHEN_OF_NAMES,
    _QUANTITY_OF_GOODS,
    _CUT_QUANTITY,
    _GOODS_PARTS,
    _PERCENT,
)

_WAYS: dict[str, tuple[Step, ...]] = {
    "screens": (
        *_DEVICE,
        (r"(?i-u:\bevo\b)", BAR),
        (r"(?-u:\b)20[12][0-9](?-u:\b)", BAR),
        (BARE_INCHES, BAR),
    ),
    "notebooks": (*_DEVICE, (POINTED_INCHES, BAR)),
    "games": (_SUBTITLE, *_DEVICE, _PLATFORMS),
    # "Spider-Man 2 PS5": what a title ends with is its platform.
    "consoles": (
        _SUBTITLE,
        *_DEVICE,
        (rf"(?i-u:\b{_PLATFORM}(?:/(?:{_PLATFORM}|pc|movil|android))+)", BAR),
        (rf"([A-Za-z0-9]) {_PLATFORMS[0]} *(\||$|{any_of(COLOUR_WORDS)})", f"$1 {BAR}$2"),
    ),
    "lighting": (*_HOUSEHOLD, _LAMP_PARTS),
    "household": _HOUSEHOLD,
    # Western Digital names its disks by colours.
    "storage": (
        (rf"(?i-u:(\|{CUT}\|) (red|blue|black|purple|green|gold)\b)", f"$1 ${{2}}{JOINT}"),
        *_DEVICE,
    ),
    "devices": _DEVICE,
    "perfumes": (
        _FITS,
        _QUANTITY_OF_GOODS,
        # "Le Male Le Parfum" is a line; the mark hides it from the words.
        (r"(?i-u:\b(le) (parfum)\b)", "${1}_$2"),
        frozenset(PERFUME_WORDS),
    ),
    "clothing": (
        *_OPENERS,
        *_FIT,
        *_GOODS,
        *_ALL_GOODS_WORDS,
        _DESCRIPTIONS,
        _FROM_COLOUR_ON,
        (r"/ *\|", BAR),
    ),
    "footwear": (
        *_OPENERS,
        _FITS,
        _KEPT_HYPHEN_OF_CODES,
        _KEPT_HYPHEN_OF_NAMES,
        _QUANTITY_OF_GOODS,
        *_ALL_GOODS_WORDS,
        _DESCRIPTIONS,
        _FROM_COLOUR_ON,
        (rf" {SHOE_NUMBER}[ |]*$", BAR),
        (r"/ *\|", BAR),
    ),
    "cosmetics": (
        *_OPENERS,
        _INGREDIENT,
        *_GOODS,
        *_CARE_WORDS,
        _PLUS,
        # A shade has a number, and its name behind it: "Fit Me 120 Classic Ivory".
        (r" [0-9]{2,3}(?:\.[0-9]+)? [^|]*", BAR),
    ),
    "care": (*_OPENERS, *_GOODS, *_CARE_WORDS, _PLUS, _COMPLEMENT),
    "baby": (
        *_OPENERS,
        *_GOODS,
        *_ALL_GOODS_WORDS,
        _DESCRIPTIONS,
        (r"(?-u:\b(?:RN|X{0,3}G|[PM])\b)", BAR),
    ),
    "food": (
        *_FOOD_OPENERS,
        *_GOODS,
        *_goods_words(more=frozenset(FLAVOUR_WORDS)),
        _DESCRIPTIONS,
        _COMPLEMENT,
    ),
    "pet food": (
        *_OPENERS,
        *_GOODS,
        *_goods_words(frozenset(LIFE_STAGES), frozenset({*FLAVOUR_WORDS, *_PET_FLAVOUR_WORDS})),
    ),
    # A watch's "Series 7 41mm" has lost no comma.
    "other": (
        *_OPENERS,
        _ADDED,
        _FITS,
        _KEPT_HYPHEN_OF_CODES,
        _KEPT_HYPHEN_OF_NAMES,
        _QUANTITY_OF_DEVICES,
        _COUNTED,
        _GENERATION,
        _SUFFIXED,
        _GOODS_PARTS,
        _PERCENT,
        *_ALL_GOODS_WORDS,
        _DESCRIPTIONS,
        _DEVICE_WORDS,
        _DEVICE_PARTS,
        _LAMP_PARTS,
        _COMPLEMENT,
    ),
    "goods": (
        *_OPENERS,
        *_GOODS,
        _BESIDE,
        *_ALL_GOODS_WORDS,
        _DESCRIPTIONS,
        (r"/ *\|", BAR),
        _COMPLEMENT,
    ),
}
"""How the names of some groups are barred, step by step."""

_WAY_OF_GROUP = {
    **dict.fromkeys(DEVICES, "devices"),
    **dict.fromkeys(HOUSEHOLD, "household"),
    "storage": "storage",
    **dict.fromkeys(("televisions", "monitors"), "screens"),
    "consoles": "consoles",
    **dict.fromkeys(FOOD, "food"),
    "personal_care": "care",
    "pet_food": "pet food",
} | {
    group: group
    for group in (
        "notebooks", "perfumes", "cosmetics", "footwear", "clothing", "baby", "lighting", "other",
    )
}  # fmt: skip


_WORDED_LINES = {
    f" {line.replace(' ', '  ')} ": f" {line.replace(' ', JOINT)} " for line in WORDED_LINES
}
"""Before the steps: inside such a line no word is barred."""


# --- which of the rest is the model -----------------------------------------------

_SPLITS = r"(?:[|()\[\]{},;]|: | [-/+]|[-/] )+"
# Single letters only in lower case: "iPhone X" and "Vitamina A" end in a name.
_SMALL_WORDS = (
    r"(?:(?i-u:de|del|la|el|los|las|con|sin|para|por|en|un|una|of|and|with|by)|[yaoexcun])"
)
_SMALL_WORDS_BEFORE = rf"^ *(?:{_SMALL_WORDS}(?-u:\b)[ .]*)+"
_SMALL_WORDS_BEHIND = rf"(?: {_SMALL_WORDS}(?-u:\b)[ .]*)+$"
_SOFT_WORDS_BEFORE = rf"^(?:[ |]*(?i-u:\b{any_of(SOFT_WORDS)}\b))+"
_SOFT_WORDS_BEHIND = rf"(?:(?i-u:\b{any_of(SOFT_WORDS)}\b) *)+$"
_SOFT_GOODS_WORDS_BEHIND = rf"(?i-u:(?:^| ){any_of(SOFT_GOODS_WORDS)}\b *)+$"
_SOFT = (_SOFT_WORDS_BEFORE, _SOFT_GOODS_WORDS_BEHIND)
_SOFT_CARE = (
    rf"^(?:[ |]*(?i-u:\b{any_of(CARE_TAILS)}\b))+",
    rf"(?i-u:(?:^| ){any_of({*SOFT_GOODS_WORDS} - {*CARE_VARIANTS})}\b *)+$",
)
"""Words that are no part of a line where it begins with them, and where it ends with them."""
_NUMBERED = r"[0-9]|(?-u:\b)(?:II|III|IV|V|VI|VII|VIII|IX|X)(?-u:\b)"
"""A line that tells its generation, and so needs no code."""
_COLOURS_AT_BAR = (
    rf"(?i-u:(?: |\||^)(?:{any_of(SHADE_WORDS)} )?(?:{any_of(COLOUR_WORDS)} *)+"
    r"(?:[a-z]+ *)?(?:\||$))"
)
_COLOURS_FIRST = rf"(?i-u:(?:\||^) *(?:{any_of(COLOUR_WORDS)} +)+)"
_LINED = ("smartphones", "tablets")
_SAYS = r"[A-Za-z]{2}|[A-Za-z][ .]?[0-9]|[0-9][A-Za-z]"


def read_models(listings: pl.DataFrame, noise_words: tuple[str, ...] = ()) -> pl.Series:
    """Returns the model that each name states, null where it states none.

    Args:
        listings: Columns ``unbranded`` (the name in ASCII, ``CUT`` in place of its brand),
            ``plain`` (``text.plain`` of the name), ``brand`` and ``category_group``.
        noise_words: A user's own words that are no model, folded.

    Returns:
        String series ``model``, row for row.
    """
    noise = (frozenset(noise_words),) if noise_words else ()
    way = pl.col("category_group").replace_strict(_WAY_OF_GROUP, default="goods")
    # "Air Zoom Pegasus 40, US 7.5": where the size is told, another number is the line's.
    sized = (pl.col("category_group") == "footwear") & pl.col("plain").str.contains(_TOLD_SIZE)
    game = (pl.col("category_group") == "consoles") & pl.col("unbranded").str.contains(_GAME)
    # Names of one way at a time: Polars would run every way over every name, and compile
    # the patterns of all for a single one, which took 0.18 s.
    parts = (
        listings.select("unbranded", "plain", "brand", "category_group")
        .with_row_index()
        .with_columns(
            way=pl.when(game)
            .then(pl.lit("games"))
            .when(sized)
            .then(pl.lit("clothing"))
            .otherwise(way)
        )
        .partition_by("way", as_dict=True, include_key=False)
    )

    def chosen(key: str, part: pl.DataFrame) -> pl.DataFrame:
        # Column by column: written into each other, the parts that the model is chosen from
        # took longer to plan than to compute.
        return (
            part.with_columns(barred=_barred((*noise, *_WAYS[key]), part["unbranded"]))
            .with_columns(
                run=_run(key),
                code=code_of(pl.col("barred").str.replace_all(BAR, " ", literal=True)),
            )
            .with_columns(line=without_code(pl.col("run")))
            .with_columns(
                model=_model()
                .str.replace_all(rf"{JOINT}+%", "%")
                .str.replace_all(rf"[{JOINT} ]+", " ")
            )
            .select("index", _with_apple_chip(pl.col("model")))
        )

    # Side by side, because each step of one way runs on one core. Polars keeps the last patterns
    # that it prepared: ways that share some are neighbours.
    ways = sorted(_WAYS.keys() & {str(key) for (key,) in parts}, key=[*_WAYS].index)
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        read = [*pool.map(chosen, ways, [parts[(way,)] for way in ways])]
    if not read:
        return pl.Series("model", [], pl.String)
    return pl.concat(read).sort("index")["model"]


def _barred(steps: tuple[Step, ...], names: pl.Series) -> pl.Expr:
    """The name with a bar for everything that is no model.

    Of a few names only the words that they have are looked for: the pattern of all takes
    10 ms to prepare.
    """
    few = str(names.str.join().item()).lower() if names.len() <= FEW else None
    text = (
        # Doubled, because two lines side by side would need the one space between them.
        pl.col("unbranded")
        .str.replace_all(" ", "  ", literal=True)
        .str.replace_many(_WORDED_LINES, ascii_case_insensitive=True)
        .str.replace_all("  ", " ", literal=True)
    )
    for step in steps:
        match step:
            case frozenset():
                text = text.str.replace_all(
                    _any_word(step if few is None else _within(step, few)), BAR
                )
            case pattern, replacement:
                text = text.str.replace_all(pattern, replacement)
    return (
        # Only what stands directly behind the brand is told apart.
        text.str.replace_all(rf"{CUT}\|([ :,;.-]*(?:\||$))", "$1")
        .str.replace_all(_SPLITS, BAR)
        .str.replace_all("__", "-", literal=True)
    )


def _within(words: frozenset[str], text: str) -> frozenset[str]:
    """Those of some words and phrases that can stand in a text."""
    return frozenset(phrase for phrase in words if all(word in text for word in phrase.split()))


def _run(way: str) -> pl.Expr:
    """The run of words directly behind the brand, or else the first one between bars.

    "Alicate Pico de Loro Knipex Cobra": what is between a product and its brand is mostly a
    word that the vocabulary lacks.
    """
    barred = pl.col("barred")
    if way == "perfumes":
        # An article belongs to a perfume's line ("La Nuit Trésor").
        return _first_run(barred, small_words_before="")
    text = barred
    if way not in ("food", "pet food", "care"):
        colourless = text.str.replace_all(_COLOURS_AT_BAR, BAR).str.replace_all(_COLOURS_FIRST, BAR)
        text = pl.when(pl.col("category_group").is_in(COLOURED)).then(colourless).otherwise(text)
    soft = _SOFT_CARE if way in ("care", "cosmetics") else _SOFT
    first = _first_run(text, soft=soft)
    if way in ("consoles", "games"):
        # A game has its platform there: "Tears of the Kingdom - Nintendo Switch".
        return first
    return pl.coalesce(_first_run(text.str.extract(rf"{CUT}\|([^|{CUT}]*)"), soft=soft), first)


def _model() -> pl.Expr:
    """The run of words, without its code where it has a name; else what the way knows."""
    group, barred = pl.col("category_group"), pl.col("barred")
    behind = barred.str.extract(rf"{CUT}\| *([0-9]{{3,4}}) *(?:\||$)")
    run, line, code = pl.col("run"), pl.col("line"), pl.col("code")
    # "Xiaomi 12 (256 GB)", "Dremel 4000": a line may be a number alone.
    number = pl.col("unbranded").str.extract(r"^\W*([0-9]{1,2})(?:\W*$|\W*[(|])")
    long_number = barred.str.extract(r"(?:^|\|) *([0-9]{3,4}) *(?:\||$)")
    # "Heineken 0.0" and "Havana Club 7 Años" have no other name.
    strength = pl.col("unbranded").str.extract(r"\b(0[.,]0)\b")
    age = pl.col("plain").str.extract(r"(?i)\b([0-9]{1,2}) anos\b") + " Años"
    unnumbered = (
        group.is_in((*HOUSEHOLD, "televisions", "monitors"))
        & (line == run)
        & ~run.str.contains("[0-9]")
        & code.is_not_null()
    )
    return pl.coalesce(
        pl.when(group.is_in((*HOUSEHOLD, *WORN, "storage", "other"))).then(behind),
        pl.when(group == "notebooks").then(without_notebook_code(line)),
        pl.when(group.is_in(_LINED)).then(line),
        pl.when(group.is_in(DEVICES) & line.str.contains(_NUMBERED)).then(line),
        # A line without a number is told apart by its code: "NeoChef MS2336GIH".
        pl.when(unnumbered).then(pl.concat_str(line, pl.lit(" "), code)),
        run,
        pl.when(group == "smartphones").then(number),
        pl.when(group.is_in((*HOUSEHOLD, *WORN))).then(long_number),
        pl.when(group == "beverages").then(pl.coalesce(strength, age)),
        pl.when(group.is_in(DEVICES)).then(code),
    )


def _first_run(
    barred: pl.Expr,
    small_words_before: str = _SMALL_WORDS_BEFORE,
    soft: tuple[str, str] = _SOFT,
) -> pl.Expr:
    """The first part between bars that says something, without small words around it."""
    runs = barred.str.split(BAR).list.eval(
        pl.element()
        .str.replace_all(r" +", " ")
        .str.replace(small_words_before, "")
        .str.replace(_SMALL_WORDS_BEHIND, "")
        .str.replace(soft[0], "")
        .str.replace(_SOFT_WORDS_BEHIND, "")
        .str.replace(soft[1], "")
        .str.strip_chars(' .-!*:_"')
    )
    says = pl.element().str.contains(_SAYS) & (pl.element().str.len_chars() <= LONGEST_MODEL)
    return runs.list.filter(says).list.first()


def _with_apple_chip(model: pl.Expr) -> pl.Expr:
    """A MacBook's or iPad's generation is its chip, wherever the name has it."""
    line = (
        model.str.replace(electronics.APPLE_CHIP, "")
        .str.strip_chars(" ")
        .str.replace(APPLE_INCHES, "$1")
    )
    chip = electronics.apple_chip(pl.col("plain"))
    return (
        pl.when(
            (pl.col("brand") == "APPLE") & pl.col("category_group").is_in(("notebooks", "tablets"))
        )
        # Of nothing and nothing it makes an empty text.
        .then(pl.concat_str(line, chip, separator=" ", ignore_nulls=True).replace("", None))
        .otherwise(model)
    )
