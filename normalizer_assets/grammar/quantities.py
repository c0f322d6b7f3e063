"""Typed quantities: numbers with their units, packs, dimensions.

Belongs here: the table of units (the only one) and the rewriting of a text in
which every quantity becomes one token: ``2l``, ``350ml``, ``6un``, ``256gb``,
``6.7in``. Does not belong here: what a quantity means for a product (that 17 kg of
a washer are no content: ``answers/rules.py``).

The rewriting is text to text, so that names, keys, rules and evidence all read
the same tokens, and Polars runs it as a fixed chain of regular expressions.
"""

import polars as pl

from normalizer_assets.grammar.text import any_of, fold, words

# Unit as it is written in a token -> its spellings in folded text.
UNITS: dict[str, tuple[str, ...]] = {
    "ml": ("ml", "mls", "cc", "c c", "cm3", "mililitro", "mililitros"),
    "cl": ("cl", "centilitros"),
    "l": ("l", "lt", "lts", "ltr", "ltrs", "litro", "litros"),
    "kg": ("kg", "kgs", "kilo", "kilos", "kilogramo", "kilogramos"),
    "g": ("g", "gr", "grs", "gm", "gms", "gramo", "gramos"),
    "mg": ("mg", "mgs", "miligramos"),
    "mcg": ("mcg", "ug", "microgramos"),
    "oz": ("oz", "onza", "onzas"),
    "lb": ("lb", "lbs", "libras"),
    "tb": ("tb", "terabyte", "terabytes", "teras"),
    "gb": ("gb", "gigabyte", "gigabytes", "gigas"),
    "mb": ("mb", "megabytes"),
    "in": ("pulgada", "pulgadas", "pulg", "pulgs", "plg", "inch", "inches"),
    "mm": ("mm", "milimetros"),
    "cm": ("cm", "cms", "centimetros"),
    "m": ("m", "mt", "mts", "mtrs", "metro", "metros"),
    "w": ("w", "watt", "watts", "vatios"),
    "v": ("v", "volt", "volts", "voltios"),
    "mah": ("mah",),
    "hz": ("hz", "hertz"),
    "mhz": ("mhz",),
    "ghz": ("ghz",),
    "btu": ("btu", "btus"),
    "lm": ("lm", "lumen", "lumenes"),
    "mp": ("mp", "mpx", "megapixeles"),
    "ui": ("ui", "iu"),
    "un": (
        "un", "uns", "und", "unds", "unid", "unids", "unidad", "unidades", "ud", "uds", "u", "pcs",
    ),
    "rollos": ("rollo", "rollos", "rls", "rll"),
    "capsulas": ("capsula", "capsulas", "caps", "cap"),
    "comprimidos": ("comprimido", "comprimidos", "comp", "comps", "compr", "comprim"),
    "tabletas": ("tableta", "tabletas"),
    "sobres": ("sobre", "sobres", "sob", "sobrecitos", "sachet", "sachets", "pouch", "pouches"),
    "bolsitas": ("bolsita", "bolsitas", "saquito", "saquitos", "bols", "bls"),
    "paquetes": ("paquetes",),
    "potes": ("potes",),
    "tarros": ("tarros",),
    "cajas": ("cajas",),
    "bandejas": ("bandejas",),
    "barras": ("barras", "barritas"),
    "cartuchos": ("cartuchos",),
    "ampollas": ("ampollas",),
    "parches": ("parches",),
    "pastillas": ("pastillas",),
    "grageas": ("grageas",),
    "panuelos": ("panuelos",),
    "bolsas": ("bolsas",),
    "tampones": ("tampones",),
    "discos": ("discos",),
    "pilas": ("pilas",),
    "mascarillas": ("mascarillas",),
    # No singular: "Gran Reserva 2019 botella" are no 2019 bottles.
    "latas": ("latas",),
    "botellas": ("botellas", "bot"),
    "panales": ("panal", "panales"),
    "toallitas": ("toallita", "toallitas", "toallas humedas", "toallas"),
    "pares": ("par", "pares", "prs"),
    "huevos": ("huevo", "huevos"),
    "piezas": ("pieza", "piezas", "pza", "pzas", "pzs"),
}  # fmt: skip

COUNT_UNITS = (
    "un", "rollos", "capsulas", "comprimidos", "tabletas", "sobres", "bolsitas", "latas",
    "botellas", "panales", "toallitas", "pares", "huevos", "paquetes", "potes", "tarros", "cajas",
    "bandejas",
    "barras", "cartuchos", "ampollas", "parches", "pastillas", "grageas", "panuelos", "bolsas",
    "tampones", "discos", "pilas", "mascarillas",
)  # fmt: skip
"""Units whose number says how many there are in the pack."""

NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_B = r"(?-u:\b)"  # Rust's Unicode \b leaves the fast automaton on non-ASCII text
_UNIT = "(?:" + "|".join(UNITS) + ")"
_CONTENT = "(?:ml|cl|l|kg|g|mg|oz|lb|un)"
_SPELLINGS = any_of(spelling for spellings in UNITS.values() for spelling in spellings)


def _stated(number: str) -> str:
    packs = "(?:multi|(?:six|duo|twin|trio|triple) )?pack"
    return (
        rf"(?i-u:\b(?:{packs} (?:de |x ?)?)?(?:[0-9.,]+ ?(?:un)?x ?)*{number}"
        rf" ?(?:-?{_SPELLINGS}(?:x[0-9]{{1,2}}(?:un?)?)?\b|\"|'')"
        rf"|\b{packs} (?:de |x ?)?[0-9]+\b|\bx [0-9]+ *$)"
    )


QUANTITY_PATTERN = _stated(r"(?:[0-9] +)?[0-9]+(?:[.,][0-9]+)?")
"""A quantity in unfolded ASCII text, for those who cut quantities out of it."""
DEVICE_QUANTITY_PATTERN = _stated(r"(?:(?:[0-9]+ )?[0-9]/[0-9]|[0-9]+(?:[.,][0-9]+)?)")
"""The same in the name of a device: the 3 of "BRAVIA 3 55 pulgadas" is no lost comma."""
_COUNTED = any_of(spelling for unit in COUNT_UNITS for spelling in UNITS[unit])
_MARK = "\u2025"  # stands between a number and a spelling until the spelling is looked up

# Before punctuation goes: signs that belong to numbers.
_SIGNS: tuple[tuple[str, str], ...] = (
    # A number in quotation marks is a name, no size in inches: Santa Rita "120".
    (r'(^| )"([0-9]+)"( |,|$)', "$1$2$3"),
    (r"(?-u:\b)wi-fi(?-u:\b)", "wifi"),
    (r"([0-9a-z])\*([0-9])", "${1} x$2"),
    (r"([0-9]),([0-9])", "$1.$2"),
    # "1.500 ml" is 1500 ml: three digits after the point of a small unit are thousands.
    (rf"{_B}([1-9][0-9]{{0,2}})\.([0-9]{{3}}) ?((?:ml|cc|g|gr|grs|un|und|mg|mah|btu|lm){_B})",
     "$1$2 $3"),
    (rf"{_B}([0-9])[ -]1/2{_B}", "$1.5"),
    (rf"{_B}([0-9])[ -]1/4{_B}", "$1.25"),
    (rf"{_B}([0-9])[ -]3/4{_B}", "$1.75"),
    (rf"{_B}1/2{_B}", "0.5"),
    (rf"{_B}1/4{_B}", "0.25"),
    (rf"{_B}3/4{_B}", "0.75"),
    (r'([0-9])(?: ?"|-?in(?-u:\b))', "${1}in "),
    # The number of a noodle or of a perfume is a name: n°5, nº 5, No. 5, nro 5 -> no5.
    (rf"{_B}(?:n ?°|no\.?|nro\.?) ?([0-9]+)([^0-9.]|$)", "no$1$2"),
    # So is the number of a grade or a stage: "Grado 1 1 kg" is no 1.1 kg.
    (rf"{_B}(grado|etapa|tipo|fase|nivel|tono) ?([0-9])([^0-9.]|$)", "$1$2$3"),
    # 8GB+256GB and 8+256GB: the plus joins two quantities, it adds no product.
    (rf"{_B}([0-9]{{1,2}}) ?(?:gb)? ?[+/] ?([0-9]+ ?[gt]b)", "${1}gb $2"),
    (rf"{_B}([0-9]{{1,2}}) ?[-+/] ?(64|128|256|512)( |$)", "${1}gb ${2}gb$3"),
    # "350ccx6", "6unx350cc" and "pack6un"; a code has more digits behind its x ("55LX700").
    (rf"{_B}([0-9.]+ ?(?:ml|cc|l|lts?|kg|g|grs?))x ?([0-9]{{1,2}}(?:un?|und)?){_B}", "$1 x $2"),
    (rf"{_B}([0-9]+ ?un(?:d|id?)?)x ?([0-9])", "$1 x $2"),
    (rf"{_B}(pack|caja|display|bandeja)x?([0-9])", "$1 x $2"),
    # "x30 comp": a letter before the number would make it a code.
    (rf"{_B}x([0-9]+) ?({_COUNTED}){_B}", "x $1 $2"),
    (r"\+([0-9])", "+ $1"),
)  # fmt: skip

_NUMBERS_IN_WORDS = {
    2: "bi duo twin dos", 3: "tri trio triple tres", 4: "cuatri four cuatro", 5: "cinco",
    6: "six seis", 8: "ocho", 10: "diez", 12: "doce twelve",
}  # fmt: skip
_PACKS_IN_WORDS = {
    **{
        spelling.format(word): f" {number}un "
        for number, row in _NUMBERS_IN_WORDS.items()
        for word in row.split()
        for spelling in (" {}pack ", " {} pack ", " pack {} ", " pack de {} ", " pack x {} ")
    },
    " docena ": " 12un ",
    " media docena ": " 6un ",
    " 0.5 docena ": " 6un ",
    **{
        f" {many} six{space}pack ": f" {6 * many}un " for many in range(2, 5) for space in ("", " ")
    },
    **{f" {dozens} docenas ": f" {12 * dozens}un " for dozens in range(2, 11)},
}

# After every quantity is one token: packs and dimensions, between single spaces.
_PACKS: tuple[tuple[str, str], ...] = (
    (r" (?:multi)?pack (?:de |x ?)?([0-9]+) ", " ${1}un "),
    (rf" (?:multi)?pack (?:de |x ?)?([0-9]+(?:{'|'.join(COUNT_UNITS)})) ", " $1 "),
    (r"^ (?:pack )?([2-9]|[1-9][0-9]) ?x ([a-z])", " ${1}un $2"),
    (r" pack ([2-9]|[1-9][0-9]) ?x ", " ${1}un "),
    (r" (caja|display|bandeja) ([2-9]|[1-9][0-9]) ([a-z]{3}|$)", " $1 ${2}un $3"),
    (r" (?:caja|display|bandeja) de ([0-9]+) ", " ${1}un "),
    (r" ([0-9]+) ?(?:pack|pk) ", " ${1}un "),
    (rf" ([0-9.]+)(cm|mm|in|m)? ?x ?([0-9.]+)(?:cm|mm|in|m)? ?x ?({NUMBER}(?:cm|mm|in|m)) ",
     " ${1}x${3}x$4 "),
    (rf" ([0-9.]+)(?:cm|mm|in|m)? ?x ?({NUMBER}(?:cm|mm|in|m)) ", " ${1}x$2 "),
    # "1 x 200 g" is one of 200 g; "6x350cc" are six of 350 ml.
    (rf" 1 ?x ?({NUMBER}{_CONTENT}) ", " $1 "),
    (rf" ([0-9]+)(?:un)? ?x ?({NUMBER}{_CONTENT}) ", " ${1}un $2 "),
    (rf"({NUMBER}{_CONTENT}) x ?([0-9]+)(?:un)? ", "$1 ${2}un "),
    (rf"({NUMBER}(?:cm|mm)|display|caja|estuche|blister) x ?([0-9]+) $", "$1 ${2}un "),
    (rf" x ?({NUMBER}{_CONTENT}) ", " $1 "),
    # "50 x 70" at the end are a cushion's sides.
    (r" ([0-9]+) x ([0-9]+) $", " ${1}x$2 "),
    (r" x ([0-9]+) $", " ${1}un "),
    (rf" ([0-9]+) de ({NUMBER}{_CONTENT}) (c u|cada) ", " ${1}un $2 $3 "),
    (r"([0-9]un) (?:de|x) ([0-9])", "$1 $2"),
    # The lost decimal comma: "Pulpa 1 53 L". Only after a word, because "6 1 L" may
    # be six of one litre, and only for litres and kilos, which have one digit before it.
    (r"([a-z]{2,}) ([0-9]) ([0-9]{1,3}(?:l|kg)) ", "$1 $2.$3 "),
)  # fmt: skip

_SHIFTS: tuple[tuple[str, str], ...] = (
    (rf"{_B}((?:[0-9][0-9.x]*)?[0-9])l ", "${1}kml "),
    (rf"{_B}((?:[0-9][0-9.x]*)?[0-9])cl ", "${1}0ml "),
    (rf" ([0-9]+)k(ml|g){_B}", " ${1}000$2"),
    (rf" ([0-9]+)\.([0-9])k(ml|g){_B}", " $1${2}00$3"),
    (rf" ([0-9]+)\.([0-9]{{2}})k(ml|g){_B}", " $1${2}0$3"),
    (rf" ([0-9]+)\.([0-9]{{3}})[0-9]*k(ml|g){_B}", " $1$2$3"),
    (rf"\.0+({_UNIT}) ", "$1 "),
    (rf"(\.[0-9]*[1-9])0+({_UNIT}) ", "$1$2 "),
    (rf" 0+([1-9][0-9.]*{_UNIT}) ", " $1 "),
)
_STORAGE = {f" {1024 * terabytes}gb ": f" {terabytes}tb " for terabytes in (1, 2, 4, 8, 16)}


def measured(text: pl.Expr) -> pl.Expr:
    """Folded words in which every quantity is one token in the unit it was written in.

    Args:
        text: String expression as landed ("Pack 6 Un. Leche 1,5 Lts").

    Returns:
        String expression between single spaces (" 6un leche 1.5l "). No quantity
        spans a comma or a semicolon; a semicolon stays as a word.
    """
    return measured_folded(fold(text))


def measured_folded(folded: pl.Expr) -> pl.Expr:
    """``measured`` for text that is folded already.

    Args:
        folded: String expression from ``text.fold``.

    Returns:
        As ``measured``.
    """
    signed = folded
    for pattern, replacement in _SIGNS:
        signed = signed.str.replace_all(pattern, replacement)
    joined = (
        words(signed, keep=",;")
        # A code's digits are no number: no quantity begins inside "a54".
        .str.replace_all(
            rf"{_B}((?:[0-9.]+ ?x ?)*)({NUMBER}) ?({_SPELLINGS}){_B}", f"${{1}}${{2}}{_MARK}$3"
        )
        # "1L+500ml" are two quantities, and no spelling ends in a plus.
        .str.replace_all(rf"({_MARK}{_SPELLINGS})\+", "$1 + ")
        .str.replace_many(
            {
                f"{_MARK}{spelling} ": f"{unit} "
                for unit, spellings in UNITS.items()
                for spelling in spellings
            }
        )
    )
    joined = joined.str.replace_many(_PACKS_IN_WORDS, leftmost=True)
    for pattern, replacement in _PACKS:
        joined = joined.str.replace_all(pattern, replacement)
    return joined.str.replace_all(r"(?: ,)+ ", " ")


def in_base_units(measured_text: pl.Expr) -> pl.Expr:
    """The same text with litres as ml, kilos as g and 1024 GB as 1 TB.

    Args:
        measured_text: String expression from ``measured``.

    Returns:
        String expression; equal quantities are equal tokens.
    """
    shifted = measured_text
    for pattern, replacement in _SHIFTS:
        shifted = shifted.str.replace_all(pattern, replacement)
    return shifted.str.replace_many(_STORAGE)


def quantities(text: pl.Expr) -> pl.Expr:
    """Every quantity of a text as a canonical token.

    Args:
        text: String expression as landed.

    Returns:
        List of strings such as ``["6un", "350ml"]``, each once, in text order; packs
        and contents apart; ``["256gb"]``, ``["6.7in"]``; empty where there is none.
    """
    return (
        in_base_units(measured(text))
        .str.extract_all(rf" (?:{NUMBER}x)*{NUMBER}{_UNIT}{_B}")
        .list.eval(pl.element().str.strip_chars(" "))
        .list.unique(maintain_order=True)
    )
