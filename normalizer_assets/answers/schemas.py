"""What an answer is, and how the values that models return become comparable.

Belongs here: the schema of one answer, the names that models give its fields, and
the canonical form of each value (DESIGN.md, "Labelling"). Does not belong here:
finding JSON in a reply (``parsing``), or judging whether a value is right for a
listing (``evidence``).
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict

from normalizer_assets.grammar.brands import NO_BRAND
from normalizer_assets.grammar.colours import COLOURS
from normalizer_assets.grammar.quantities import UNITS
from normalizer_assets.grammar.text import fold_word

MAX_NESTING = 2
"""Levels of objects inside ``attributes`` that are flattened; deeper ones are refused."""


EXACT_INTEGERS = 1e15
"""Below it a float holds every integer, so 256.0 may be written as 256."""

SMALLEST_STORAGE_GB = 64
"""From this size on a "memoria" is storage; hardly any product has more RAM."""

THOUSANDS_DIGITS = 3


class UnusableAnswer(ValueError):  # noqa: N818 - the word used in DESIGN.md for its cause
    """A reply that holds no answer; the message is the reason, for people."""


class Answer(BaseModel):
    """One listing's normalised fields. Build it with ``normalise``.

    Attributes:
        brand: Upper case, ``None`` where the model gave none.
        model: Product line without the brand.
        attributes: Our keys (``capacity``, ``color``, ...) and any further ones the
            model gave -> canonical value; absent ones are left out.
        normalized_name: Clean name.
        category_suggestion: Category, where the model proposed one.
        model_confidence: The model's own number, 0 to 1. No gate (DESIGN.md).
        other: Keys that no field knows, kept apart as they came, JSON values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    brand: str | None = None
    model: str | None = None
    attributes: dict[str, str] = {}
    normalized_name: str | None = None
    category_suggestion: str | None = None
    model_confidence: float | None = None
    other: dict[str, Any] = {}

    def columns(self) -> dict[str, str | None]:
        """Returns the ANSWER columns: attributes as JSON text with sorted keys."""
        return {
            "brand": self.brand,
            "model": self.model,
            "attributes": json.dumps(self.attributes, ensure_ascii=False, sort_keys=True),
            "normalized_name": self.normalized_name,
            "category_suggestion": self.category_suggestion,
        }


def normalise(payload: Mapping[str, Any]) -> Answer:
    """Turns what a model returned into an answer; repeating it changes nothing.

    Understands the key sets of all five templates (issue 2, "The prompts"), those of our
    strict schemas (``prompting.reply_schemas``), Spanish names, and an object wrapped in one
    more (``{"Out": {...}}``).

    Args:
        payload: The parsed JSON object.

    Returns:
        The answer in canonical values.

    Raises:
        UnusableAnswer: A field has a type that cannot be its value, two keys give one
            field different values, or none of brand, model and attributes is there.
    """
    payload = _unwrapped(payload)
    given: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for name, value in payload.items():
        field = FIELD_NAMES.get(_name(name))
        if field is None:
            other[str(clean(name))] = _storable(value)
            continue
        read = READERS_OF_FIELDS[field](field, value)
        if given.get(field) and read and given[field] != read:
            raise UnusableAnswer(f"two keys give {field} different values")
        given[field] = given.get(field) or read
    if not given.keys() & {"brand", "model", "attributes"}:
        raise UnusableAnswer("none of the keys brand, model and attributes is there")
    further = given.pop("further", None) or {}
    given["attributes"] = dict(sorted((further | (given.get("attributes") or {})).items()))
    given["other"] = other | (given.get("other") or {})
    if given.get("brand") and given.get("model"):
        given["model"] = _without_brand(given["model"], given["brand"])
    return Answer(**given)


# --- text -------------------------------------------------------------------------

_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean(text: str) -> str:
    """Returns ``text`` on one line, in NFC, without what no database stores.

    A model may return a null character or half a surrogate pair; Postgres refuses the
    first and UTF-8 the second, and one such value would fail a whole partition.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = _UNSTORABLE.sub("", unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFC", " ".join(text.split()))


@lru_cache(maxsize=4096)
def _name(name: str) -> str:
    """Returns a key of a model as a plain word: "Tamaño (cm)" -> ``tamano_cm``."""
    return re.sub(r"[^a-z0-9]+", "_", fold_word(clean(name))).strip("_")


ABSENT = frozenset(
    (
        *("", "-", "--", "?", "null", "none", "nil", "nan", "n/a", "na", "n.a", "n/d", "nd"),
        *("s/i", "s/n", "undefined", "unknown", "not specified", "not applicable"),
        *("no especificado", "no especificada", "sin especificar", "no aplica", "no disponible"),
        *("no detectado", "no detectada", "no identificado", "no identificada", "ninguno"),
        *("ninguna", "desconocido", "desconocida", "no indicado", "no indicada", "vacio"),
        *("no mencionado", "no mencionada", "no informado", "no informada"),
        # What the templates write where a value belongs; weak models echo it.
        *("si aplica", "si detectado", "marca detectada", "modelo especifico"),
        *("tamano/dimension", "marca normalizada en mayusculas", "modelo especifico sin marca"),
        *("capacidad de almacenamiento", "color normalizado", "memoria ram si aplica"),
        *("tamano o diagonal de pantalla", "tipo de red (5g, 4g, wifi)"),
        *("volumen para perfumes/liquidos", "tipo de pantalla (oled, lcd, etc)"),
        *("nombre limpio y consistente", "categoria si difiere de la actual"),
    )
)
"""Folded texts with which models say that there is no value."""


def _text(value: Any) -> str | None:
    """Returns a scalar as clean text; ``None`` for what says that there is no value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = int(value) if value.is_integer() and abs(value) < EXACT_INTEGERS else value
    text = clean(str(value))
    return None if fold_word(text).strip(" .") in ABSENT else text


def _storable(value: Any) -> Any:
    """Returns a JSON value whose texts a database can store."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {clean(name): _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def _without_brand(model: str, brand: str) -> str | None:
    """Returns the model without its maker in front; models repeat it though told not to."""
    words, maker = model.split(), fold_word(brand).split()
    while fold_word(" ".join(words[: len(maker)])).split() == maker:
        words = words[len(maker) :]
    return " ".join(words) or None


# --- fields -----------------------------------------------------------------------


def _unwrapped(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Opens ``{"Out": {...}}``: the templates name the object, and models copy it."""
    if len(payload) == 1:
        (name, value) = next(iter(payload.items()))
        if isinstance(value, Mapping) and _name(name) not in FIELD_NAMES:
            return value
    return payload


def _read_text(field: str, value: Any) -> str | None:
    if isinstance(value, Mapping | list | bool):
        raise UnusableAnswer(f"{field} is {_kind(value)}, not text")
    return _text(value)


def _read_brand(field: str, value: Any) -> str | None:
    text = _read_text(field, value)
    return clean(text.upper()) if text and _name(text).replace("_", " ") not in NO_BRAND else None


def _read_confidence(field: str, value: Any) -> float | None:
    """Reads 0.95, 95, "95%" and "0,95"; what is no share of one is no confidence."""
    del field
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    percent = isinstance(value, str) and value.strip().endswith("%")
    try:
        number = float(value.strip(" %").replace(",", ".") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    number = number / 100 if percent or number > 1 else number
    return number if 0 <= number <= 1 else None


def _read_attributes(field: str, value: Any) -> dict[str, str]:
    """Reads an object, a list of pairs or of small objects, or nothing at all."""
    if not isinstance(value, Mapping | list):
        if _text(value) is not None:
            raise UnusableAnswer(f"{field} is {_kind(value)}, not an object")
        return {}
    attributes: dict[str, str] = {}
    for name, leaf in _leaves(_pairs(field, value), depth=0):
        text = _text(leaf)
        if text is None:
            continue
        key = _attribute_key(_name(name), text)
        # The first of two names for one key stays: they come in the template's order.
        if key and key not in attributes and key not in FIELD_NAMES:
            attributes[key] = canonical_value(key, text)
    return dict(sorted(attributes.items()))


def _read_further(field: str, value: Any) -> dict[str, str]:
    """Reads attributes that have no key of their own; anything but a list is none of ours."""
    return _read_attributes(field, value) if isinstance(value, list) else {}


def _pairs(field: str, value: Mapping[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
        return
    for item in value:
        match item:
            case [str(name), leaf]:
                yield name, leaf
            case (
                {"name": str(name), "value": leaf}
                | {"key": str(name), "value": leaf}
                | {"k": str(name), "v": leaf}
            ):
                yield name, leaf
            case dict():
                yield from item.items()
            case _:
                raise UnusableAnswer(f"{field} is a list of {_kind(item)}, not of pairs")


def _leaves(pairs: Iterator[tuple[str, Any]], depth: int) -> Iterator[tuple[str, Any]]:
    """Flattens ``{"dimensions": {"width": 3}}`` to ``dimensions_width``; joins lists."""
    for name, value in pairs:
        if isinstance(value, Mapping):
            if depth == MAX_NESTING:
                raise UnusableAnswer(f"attributes.{_name(name)} is nested too deeply")
            inner = ((f"{name}_{below}", leaf) for below, leaf in value.items())
            yield from _leaves(inner, depth + 1)
        elif isinstance(value, list):
            texts = [text for item in value if (text := _scalar(name, item)) is not None]
            yield name, ", ".join(texts)
        else:
            yield name, value


def _scalar(name: str, value: Any) -> str | None:
    if isinstance(value, Mapping | list):
        raise UnusableAnswer(f"attributes.{_name(name)} is a list of {_kind(value)}, not of values")
    return _text(value)


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", dict: "an object", list: "a list", str: "text"}
    return kinds.get(type(value), "nothing" if value is None else "a number")


FIELD_NAMES: Mapping[str, str] = {
    name: field
    for field, names in {
        "brand": "b brand marca",
        "model": "m model modelo",
        "attributes": "a attrs attributes atributos",
        "further": "x more_attributes",
        "normalized_name": "normalized_name normalised_name nombre_normalizado",
        "category_suggestion": "category_suggestion categoria_sugerida sugerencia_categoria",
        "model_confidence": "cf conf confidence model_confidence confianza",
        "other": "other",
    }.items()
    for name in names.split()
}
"""What models call a field -> the field."""


def _read_other(field: str, value: Any) -> dict[str, Any]:
    return _storable(value) if isinstance(value, Mapping) else {field: _storable(value)}


READERS_OF_FIELDS: Mapping[str, Callable[[str, Any], Any]] = {
    "brand": _read_brand,
    "model": _read_text,
    "attributes": _read_attributes,
    "further": _read_further,
    "normalized_name": _read_text,
    "category_suggestion": _read_text,
    "model_confidence": _read_confidence,
    "other": _read_other,
}


# --- attributes -------------------------------------------------------------------

ATTRIBUTE_NAMES: Mapping[str, str] = {
    name: key
    for key, names in {
        "capacity": "c cap capacity capacidad almacenamiento storage memoria_interna"
        " capacidad_de_almacenamiento capacidad_almacenamiento contenido contenido_neto",
        "color": "cl col color colour",
        "size": "s size tamano talla pulgadas diagonal tamano_pantalla tamano_de_pantalla"
        " screen_size dimension",
        "ram": "ram memoria_ram ram_memory",
        "network": "network red conectividad tipo_de_red",
        "volume_ml": "volume_ml volumen_ml volumen volume ml",
        "weight_g": "weight_g peso_g peso weight peso_neto gramos",
        "pack_count": "pack_count pack unidades cantidad units unidades_por_pack",
        "screen_type": "screen_type tipo_de_pantalla tipo_pantalla panel",
        "processor": "processor procesador cpu",
        "graphics": "graphics tarjeta_grafica tarjeta_de_video graficos gpu tarjeta_video",
        "gender": "gender genero sexo",
        "type": "type tipo concentracion",
        "flavor": "flavor flavour sabor",
    }.items()
    for name in names.split()
}
"""What models call an attribute (as a plain word) -> our key."""

WRITTEN_UNITS = {
    "tb": "TB", "gb": "GB", "mb": "MB", "l": "L", "ml": "ml", "cl": "ml", "kg": "kg", "g": "g",
}  # fmt: skip
"""Unit of the grammar -> the unit as answers write it."""

_UNIT_OF = {spelling: unit for unit in WRITTEN_UNITS for spelling in UNITS[unit]}
_BASE = {"l": ("ml", 1000), "cl": ("ml", 10), "ml": ("ml", 1), "kg": ("g", 1000), "g": ("g", 1)}
_SMALL_UNITS = ("ml", "g", "mb", "gb")
_NUMBER = r"\d{1,9}(?:[.,]\d{1,9})*"
_BARE_NUMBER = re.compile(_NUMBER)
_QUANTITY = re.compile(
    rf"(?<![\w.,])({_NUMBER})\s*({'|'.join(sorted(_UNIT_OF, key=len, reverse=True))})(?!\w)\.?",
    re.IGNORECASE,
)
_INCHES = re.compile(
    rf"(\d{{1,3}}(?:[.,]\d{{1,2}})?)\s*-?\s*(?:{'|'.join(UNITS['in'])}|\"|”|″|'')?\.?",
    re.IGNORECASE,
)
_COLOUR_OF = {
    spelling.replace("_", " "): colour
    for colour, spellings in COLOURS.items()
    for spelling in spellings.split()
}
_COLOUR = re.compile(rf"\b({'|'.join(sorted(_COLOUR_OF, key=len, reverse=True))})\b")


@lru_cache(maxsize=65_536)
def canonical_value(key: str, text: str) -> str:
    """Returns the canonical form of one attribute's value.

    Args:
        key: One of our attribute keys, or any other name.
        text: A clean, non-empty value as a model wrote it.

    Returns:
        The value by the conventions of DESIGN.md, "Labelling"; a value that cannot be
        read so stays as it is, because evidence, not the schema, judges it.
    """
    reader = VALUE_READERS.get(key)
    return reader(text) if reader else text


def _number(text: str, *, thousands: bool) -> Decimal:
    """Reads a number with either decimal sign.

    Args:
        text: Digits with points and commas.
        thousands: Whether one sign before exactly three digits groups thousands, as
            in "1.500 ml"; false for units in which 1.500 is one and a half.
    """
    signs = re.findall("[.,]", text)
    if signs and (len(set(signs)) == 1 and len(signs) > 1):
        return Decimal(re.sub("[.,]", "", text))
    whole, _, fraction = text.replace(",", ".").rpartition(".")
    if not whole:
        return Decimal(fraction)
    if (
        len(signs) == 1
        and len(fraction) == THOUSANDS_DIGITS
        and thousands
        and not whole.startswith("0")
    ):
        return Decimal(whole + fraction)
    return Decimal(f"{whole.replace('.', '')}.{fraction}")


def _digits(number: Decimal, decimals: int = 2) -> str:
    """Writes a number with a decimal point and no closing zeros.

    Two decimals at most where three would read as thousands the next time.
    """
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".")


def _quantity(match: re.Match[str]) -> str:
    """Returns one quantity as answers write it."""
    unit = _UNIT_OF[match[2].lower()]
    thousands = unit in _SMALL_UNITS
    number = _number(match[1], thousands=thousands) * (10 if unit == "cl" else 1)
    return f"{_digits(number, 2 if thousands else 3)}{WRITTEN_UNITS[unit]}"


def _read_quantities(text: str) -> str:
    return _QUANTITY.sub(_quantity, text)


def _read_capacity(text: str) -> str:
    """Reads the one quantity of a text: "256 GB SSD" -> "256GB"."""
    found = list(_QUANTITY.finditer(text))
    if len(found) == 1 and found[0].start() == 0:
        return _quantity(found[0])
    return _read_quantities(text)


def _read_base_unit(base: str) -> Callable[[str], str]:
    """Returns a reader of bare digits in ``base`` (ml or g): "1,5 L" -> "1500"."""

    def read(text: str) -> str:
        if _BARE_NUMBER.fullmatch(text):
            return _digits(_number(text, thousands=True))
        match = _QUANTITY.fullmatch(text)
        unit, factor = _BASE.get(_UNIT_OF[match[2].lower()], ("", 0)) if match else ("", 0)
        if match is None or unit != base:
            return text
        return _digits(_number(match[1], thousands=factor == 1) * factor)

    return read


def _read_pack_count(text: str) -> str:
    numbers = re.findall(r"\d+", text)
    return str(int(numbers[0])) if len(numbers) == 1 else text


def _read_size(text: str) -> str:
    match = _INCHES.fullmatch(text)
    return _digits(_number(match[1], thousands=False)) if match else text


def _read_network(text: str) -> str:
    text = re.sub(r"\bwi-?\s?fi\b", "WiFi", text, flags=re.IGNORECASE)
    return re.sub(r"\b([2-6])g\b", r"\1G", text, flags=re.IGNORECASE)


def _read_colour(text: str) -> str:
    """Reads the one base colour: "Titanium Black" -> "negro", "Azul-Marino" as it is."""
    found = [_COLOUR_OF[name] for name in _COLOUR.findall(_name(text).replace("_", " "))]
    others = [colour for colour in found if colour != "titanio"]
    return (others or found or [text.lower()])[0]


def _read_word(words: Mapping[str, str]) -> Callable[[str], str]:
    """Returns a reader that maps known words, folded, and leaves others."""
    return lambda text: words.get(fold_word(text), text)


def _spellings(canonical: Mapping[str, str]) -> Mapping[str, str]:
    return {fold_word(word): name for name, words in canonical.items() for word in words.split("|")}


SCREEN_TYPES = ("OLED", "QLED", "AMOLED", "IPS", "LCD", "LED", "VA", "TN")

VALUE_READERS: Mapping[str, Callable[[str], str]] = {
    "capacity": _read_capacity,
    "ram": _read_quantities,
    "volume_ml": _read_base_unit("ml"),
    "weight_g": _read_base_unit("g"),
    "pack_count": _read_pack_count,
    "size": _read_size,
    "network": _read_network,
    "screen_type": _read_word({fold_word(word): word for word in SCREEN_TYPES}),
    "gender": _read_word(
        _spellings(
            {
                "hombre": "hombre|hombres|masculino|male|men|man|varon|caballero",
                "mujer": "mujer|mujeres|femenino|female|women|woman|dama|damas",
                "unisex": "unisex",
                "niño": "niño|niños|boy|boys",
                "niña": "niña|niñas|girl|girls",
            }
        )
    ),
    "type": _read_word(
        _spellings({"EDP": "edp|eau de parfum", "EDT": "edt|eau de toilette", "Parfum": "parfum"})
    ),
    "color": _read_colour,
    "flavor": str.lower,
}


def _attribute_key(name: str, text: str) -> str:
    """Returns our key for a model's name; the value tells where the name alone cannot.

    In Chile "memoria" is a phone's storage and a notebook's RAM, and "pantalla" is
    followed by inches or by a technology.
    """
    if name == "memoria":
        match = _QUANTITY.search(text)
        number = _number(match[1], thousands=False) if match else 0
        terabytes = match and _UNIT_OF[match[2].lower()] == "tb"
        storage = terabytes or number >= SMALLEST_STORAGE_GB
        return "capacity" if storage else "ram"
    if name == "pantalla":
        return "size" if _INCHES.fullmatch(text) else "screen_type"
    return ATTRIBUTE_NAMES.get(name, name)
