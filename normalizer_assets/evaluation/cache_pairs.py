"""Pairs of listings that a cache must tell apart, and pairs that it should not.

Belongs here: making them from the shipped labelled listings by one change each. Does not
belong here: judging pairs (``cache.guard``), scoring (``evaluation.cache``).

A change is of one kind, and its two names differ in nothing else, so a hit on a variant is
a false one whatever the rest says. The listings are this project's own.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle
from typing import NamedTuple

from normalizer_assets.evaluation.gold import GoldListing, shipped_gold

Change = Callable[[str, int], str | None]
"""Makes another name of a name and a running number; ``None`` where it does not apply."""


class Pair(NamedTuple):
    """Two listings of one category and brand field.

    Attributes:
        name_a: As landed.
        name_b: The same, changed.
        category: Raw category of both.
        brand_a: Row's own brand field.
        brand_b: The other's.
        kind: What was changed.
        same: Whether both are one product.
    """

    name_a: str
    name_b: str
    category: str | None
    brand_a: str | None
    brand_b: str | None
    kind: str
    same: bool


# --- variants: never the same product ---------------------------------------------------


def _swapped(pattern: str, *values: str) -> Change:
    """Replaces what a pattern finds by the first of some values, in turn, that differs."""

    def change(name: str, number: int) -> str | None:
        found = re.search(pattern, name, re.IGNORECASE)
        if found is None:
            return None
        ordered = values[number % len(values) :] + values[: number % len(values)]
        others = [one for one in ordered if _amount(one) != _amount(found[0])]
        return name[: found.start()] + others[0] + name[found.end() :]

    return change


_FACTORS = {
    **dict.fromkeys(("l", "lt", "lts", "litro", "litros"), (1000.0, "ml")),
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos"), (1000.0, "g")),
    **dict.fromkeys(("gr", "grs"), (1.0, "g")),
    "cc": (1.0, "ml"),
    "tb": (1024.0, "gb"),
}


def _amount(text: str) -> tuple[float, str] | str:
    """What a quantity says however it is written; another text as it stands."""
    found = re.match(r"(\d+(?:[.,]\d+)?)(.*)", text)
    if found is None:
        return {"dama": "mujer", _bare("varón"): "hombre"}.get(_bare(text), _bare(text))
    unit = _bare(found[2])
    factor, base = _FACTORS.get(unit, (1.0, unit))
    return float(found[1].replace(",", ".")) * factor, base


def _where_absent(pattern: str, change: Change) -> Change:
    """A change only of names that say nothing of the kind yet."""
    return lambda name, number: (
        None if re.search(pattern, name, re.IGNORECASE) else change(name, number)
    )


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _added(*words: str) -> Change:
    """Adds a word that the name lacks."""

    def change(name: str, number: int) -> str | None:
        word = words[number % len(words)]
        return (
            None if re.search(rf"\b{re.escape(word)}\b", name, re.IGNORECASE) else f"{name} {word}"
        )

    return change


def _counted(pattern: str, *steps: int) -> Change:
    """Changes the number in a pattern's first group by a step."""

    def change(name: str, number: int) -> str | None:
        found = re.search(pattern, name, re.IGNORECASE)
        if found is None:
            return None
        other = int(found[1]) + steps[number % len(steps)]
        return name[: found.start(1)] + str(other) + name[found.end(1) :] if other > 1 else None

    return change


def _either(*changes: Change) -> Change:
    """The first change that applies, beginning with another one each time."""

    def change(name: str, number: int) -> str | None:
        turned = changes[number % len(changes) :] + changes[: number % len(changes)]
        return next((made for one in turned if (made := one(name, number)) is not None), None)

    return change


_COLOURS = (
    "negro", "blanco", "azul", "azul marino", "rojo", "verde", "gris", "rosado", "plateado",
    "dorado", "oro rosa", "celeste", "grafito", "beige", "morado", "turquesa",
)  # fmt: skip
_FLAVOURS = (
    "chocolate", "vainilla", "frutilla", "limón", "naranja", "durazno", "manjar", "coco", "menta",
    "plátano", "frambuesa", "piña",
)  # fmt: skip
_SCENTS = ("lavanda", "floral", "cítrico", "brisa marina", "manzanilla", "coco", "aloe vera")

VARIANTS: dict[str, Change] = {
    "storage": _swapped(
        r"\b(?:64|128|256|512) ?GB\b|\b[1248] ?TB\b",
        "64GB",
        "128GB",
        "256 GB",
        "512GB",
        "1TB",
        "2 TB",
    ),
    "ram": _either(
        _swapped(
            r"\b\d{1,2} ?GB (?:de )?RAM\b", "4GB RAM", "6GB RAM", "8 GB RAM", "12GB RAM", "16GB RAM"
        ),
        _swapped(r"\b(?:2|3|4|6|8|12|16)/(?=\d{2,3} ?GB)", "4/", "6/", "8/", "12/", "16/"),
        _swapped(r"\b(?:4|6|8|12|16|32) ?GB\b", "4GB", "6GB", "8GB", "12GB", "16GB", "24GB"),
    ),
    "volume": _swapped(
        r"\b\d+(?:[.,]\d+)? ?(?:ml|cc|lts?|litros?|l)\b",
        "250 ml",
        "355 cc",
        "500ml",
        "1 L",
        "1,5 lt",
        "2 litros",
    ),
    "weight": _swapped(
        r"\b\d+(?:[.,]\d+)? ?(?:grs?|kgs?|kilos?|g)\b",
        "90 g",
        "126 gr",
        "250g",
        "500 grs",
        "1 kg",
        "1,5 kilos",
    ),
    "pack": _either(
        _counted(r"\bpack (?:de |x ?)?(\d{1,2})\b", 1, 2, 6),
        _counted(r"\b(\d{1,2}) ?x ?\d", 1, 2, 4),
        _counted(r"\b(\d{1,3}) ?(?:un|unidades|unid|u|rollos|bolsitas|cápsulas|latas)\b", 1, 4, 10),
        _where_absent(
            r"pack|display|caja|docena|\bx ?\d|\d ?x\b|"
            r"\d ?(?:un|u\b|rol|bol|cáp|cap|lat|bot|hoj|comp)",
            _added("pack 2", "6 un", "x12", "six pack", "tripack"),
        ),
    ),
    "colour": _swapped(rf"\b(?:{'|'.join(_COLOURS)})\b", *_COLOURS),
    "size": _either(
        _swapped(
            r"\b\d{2}(?:[.,]\d)?(?:\"|''| pulgadas)", '32"', '43"', "50 pulgadas", '55"', '65"'
        ),
        _swapped(
            r"\btalla (?:\d{1,2}|XS|S|M|L|XL|XXL)\b",
            "talla S",
            "talla M",
            "talla XL",
            "talla 38",
            "talla 42",
        ),
    ),
    # "Smart+" has its plus already.
    "suffix": _where_absent(
        r"\+",
        _either(
            *(
                _added(word)
                for word in (
                    "Pro",
                    "Max",
                    "Plus",
                    "Ultra",
                    "FE",
                    "Lite",
                    "Mini",
                    "Neo",
                    "Slim",
                    "SE",
                )
            )
        ),
    ),
    "generation": _either(
        _counted(
            r"\b(?:iPhone|Galaxy [A-Z]|Redmi Note|Moto [A-Z]|Note|Gen|Series|Serie) ?(\d{1,2})\b",
            1,
            2,
        ),
        _counted(r"\b[A-Z][a-z]+ (\d{1,2})\b(?! ?(?:GB|TB|ml|cc|L|g|kg|un|x))", 1, 2),
    ),
    "flavour": _either(
        _swapped(rf"\b(?:{'|'.join(_FLAVOURS)})\b", *_FLAVOURS),
        _where_absent("|".join(_FLAVOURS), _added(*(f"sabor {flavour}" for flavour in _FLAVOURS))),
    ),
    "scent": _either(_swapped(rf"\b(?:{'|'.join(_SCENTS)})\b", *_SCENTS), _added(*_SCENTS)),
    "gender": _swapped(
        r"\b(?:hombre|mujer|niñ[oa]|unisex|varón|dama)\b",
        "hombre",
        "mujer",
        "niño",
        "niña",
        "unisex",
    ),
    "sugar": _where_absent(
        "az[uú]car|zero|light|diet|cero",
        _added("sin azúcar", "zero", "light", "0% azúcar", "endulzado con stevia"),
    ),
    "lactose": _where_absent("lactos", _added("sin lactosa", "deslactosada", "0% lactosa")),
    "shade": _either(
        _counted(r"\b(?:tono|n°|nro) ?(\d{1,3})\b", 1, 10),
        _added("tono 120", "N°5", "tono 7.1", "nude", "Classic Ivory", "rubio ceniza"),
    ),
    "dose": _either(
        _swapped(r"\b\d+ ?mg\b", "100 mg", "250mg", "500 mg", "850 mg", "1000mg"),
        _added("500 mg", "1 g", "20 mg/ml"),
    ),
    "voltage": _either(
        _swapped(r"\b(?:110|220|12|18|20) ?V\b", "12V", "18V", "20 V", "110V"),
        _where_absent(r"\d ?V\b", _added("110V", "12 V")),
    ),
    "refurbished": _where_absent(
        "reacond|refurb|seminuev|usad|open",
        _added("reacondicionado", "refurbished", "seminuevo", "open box", "usado"),
    ),
    "accessory-for": lambda name, number: (
        ("Carcasa para ", "Funda ", "Cargador para ", "Repuesto ", "Filtro para ")[number % 5]
        + name
    ),
}
"""Kind of variant -> its change. "brand" is made by putting another brand in its place."""


# --- rewordings: the same product ---------------------------------------------------------

SHORTEST_MOVED = 4
_NOISE = (
    "envío gratis",
    "OFERTA",
    "nuevo sellado",
    "despacho gratis",
    "garantía oficial",
    "stock disponible",
)
_PLAIN = str.maketrans("áéíóúüñÁÉÍÓÚÜÑ", "aeiouunAEIOUUN")


def _reordered(name: str, number: int) -> str | None:
    """Puts the last word that nothing belongs to in front."""
    words = name.split()
    movable = [
        place
        for place, word in enumerate(words)
        if len(word) >= SHORTEST_MOVED
        and word.isalpha()
        and word[0].isupper()
        and 0 < place < len(words) - 1
        and not any(
            re.search(r"\d|\b(?:de|con|sin|para|y|la|el)\b", words[near])
            for near in (place - 1, place + 1)
        )
    ]
    if not movable or re.search(r"[+;,|]", name):
        return None
    place = movable[number % len(movable)]
    return " ".join([words[place], *words[:place], *words[place + 1 :]])


def _respelled(pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> Change:
    def change(name: str, _number: int) -> str | None:
        made = re.sub(pattern, replacement, name, count=1, flags=re.IGNORECASE)
        return None if made == name else made

    return change


def _thousandfold(unit: str) -> Callable[[re.Match[str]], str]:
    def write(found: re.Match[str]) -> str:
        return f"{round(float(found[1].replace(',', '.')) * 1000)} {unit}"

    return write


REWORDINGS: dict[str, Change] = {
    "word order": _reordered,
    "units": _either(
        _respelled(r"\b(\d+(?:[.,]\d+)?) ?(?:lts?|litros?|l)\b", _thousandfold("ml")),
        _respelled(r"\b(\d+(?:[.,]\d+)?) ?(?:kgs?|kilos?)\b", _thousandfold("gr")),
        _respelled(r"\b(\d+) ?ml\b", r"\1 cc"),
        _respelled(r"\b(\d+) ?(?:grs?|g)\b", r"\1 gramos"),
        _respelled(r"\b(\d+) ?GB\b", r"\1 gb"),
    ),
    "accents": lambda name, _: None if name.translate(_PLAIN) == name else name.translate(_PLAIN),
    "case": lambda name, number: (
        name.upper() if number % 2 and name.upper() != name else name.lower()
    ),
    "punctuation": lambda name, number: (
        None
        if len(name.split()) <= len(("brand", "line")) or re.search(r"[+;,|()]", name)
        else name.replace(" ", (" - ", ", ")[number % 2], 1)
    ),
    "decimal sign": _either(
        _respelled(r"(\d),(\d+ ?(?:l|lts?|kg|\"))", r"\1.\2"),
        _respelled(r"(\d)\.(\d+ ?(?:l|lts?|kg|\"))", r"\1,\2"),
    ),
    "pack notation": _either(
        _respelled(
            r"(?<!tetra )\bpack (?:de )?(\d{1,2})\b"
            r"(?! ?(?:un|x|lt|botellas|latas|potes|discos|pares|rollos|cajas))",
            r"\1 unidades",
        ),
        _respelled(r"(?<!x )\b(\d{1,3}) ?(?:un|unid|unidades)\b", r"x \1 un"),
        _respelled(r"\b(\d{1,2})x(\d+) ?(cc|ml|g|gr)\b", r"\1 un de \2 \3"),
    ),
    "noise words": lambda name, number: f"{name} {_NOISE[number % len(_NOISE)]}",
}
"""Kind of rewording -> its change; all of them should be hits."""


def variant_pairs(per_kind: int) -> Iterator[Pair]:
    """Makes pairs of different products, ``per_kind`` of each kind, where so many can be made."""
    yield from _pairs(VARIANTS, per_kind, same=False)
    listings = [one for one in _listings() if one.gold.brand and _carries(one.name, one.gold.brand)]
    others = cycle(["Acme", "Mademsa", "Nestlé", "Samsung", "Genérico", "Colun", "Xiaomi", "Puma"])
    for one, other in zip(listings[:per_kind], others, strict=False):
        name = re.sub(re.escape(str(one.gold.brand)), other, one.name, count=1, flags=re.IGNORECASE)
        if _bare(name) != _bare(one.name):
            yield Pair(one.name, name, one.category, None, None, "brand", same=False)


def same_pairs(per_kind: int) -> Iterator[Pair]:
    """Makes pairs of one product in other words, ``per_kind`` of each kind."""
    yield from _pairs(REWORDINGS, per_kind, same=True)


def _pairs(changes: dict[str, Change], per_kind: int, *, same: bool) -> Iterator[Pair]:
    for kind, change in changes.items():
        made = 0
        for number, one in enumerate(_listings()):
            name = change(one.name, number)
            if name is not None and name != one.name and made < per_kind:
                made += 1
                yield Pair(one.name, name, one.category, one.brand, one.brand, kind, same)


def _carries(name: str, brand: str) -> bool:
    return brand.casefold() in name.casefold()


@cache
def _listings() -> list[GoldListing]:
    """The shipped listings, those of all category groups mixed."""
    listings = [*shipped_gold("rules"), *shipped_gold("calibration")]
    return sorted(listings, key=lambda one: (one.sku or "")[::-1])
