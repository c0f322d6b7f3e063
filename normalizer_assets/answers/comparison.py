"""When two answers, or two values of a field, say the same.

Belongs here: comparing values (DESIGN.md, "Labelling"), for scores and audits alike. Does
not belong here: bringing values into canonical form (``schemas``), what a listing supports
(``evidence``).
"""

from collections.abc import Mapping
from typing import Any

from normalizer_assets.answers.evidence import DECISIVE_ATTRIBUTES
from normalizer_assets.answers.schemas import canonical_value
from normalizer_assets.grammar.text import fold_word

DECISIVE_FIELDS = ("brand", "model", *DECISIVE_ATTRIBUTES)
"""Fields that are scored; further keys are welcome."""

_UNITS_IN_SMALL = {"kg": ("g", 1000), "l": ("ml", 1000), "tb": ("gb", 1024)}


def answer_fields(answer: Mapping[str, Any]) -> dict[str, str]:
    """Returns an answer (brand, model, attributes) as field -> value, absent ones left out."""
    named = {"brand": answer["brand"], "model": answer["model"], **answer["attributes"]}
    return {field: str(value) for field, value in named.items() if value not in (None, "")}


def contradictions(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Returns the decisive fields that both answers state and that say something else.

    A field that only one of them states is no contradiction: an answer may be less complete.
    Neither is a model line that the other names with more words, as long as no word of it
    is another ("Galaxy A35" and "Galaxy A35 5G").
    """
    first, second = answer_fields(one), answer_fields(other)
    return [
        field
        for field in DECISIVE_FIELDS
        if field in first
        and field in second
        and not same(field, first[field], second[field])
        and not (field == "model" and _extends(first[field], second[field]))
    ]


def same(field: str, value: str, gold: str) -> bool:
    """Whether two values of a field say the same.

    Text is compared without case, accents and punctuation; quantities by what they
    measure ("2L" is "2000ml"); of a RAM only its size counts ("32GB DDR5").
    """
    if field in ("brand", "model"):
        return _bare(value) == _bare(gold)
    return _comparable(field, value) == _comparable(field, gold)


def _extends(one: str, other: str) -> bool:
    first, second = set(fold_word(one).split()), set(fold_word(other).split())
    return first <= second or second <= first


def _bare(text: str) -> str:
    return "".join(sign for sign in fold_word(text) if sign.isalnum() or sign == "+")


def _comparable(field: str, value: str) -> str:
    text = fold_word(canonical_value(field, value)).strip()
    if field == "ram":
        text = text.partition(" ")[0]
    if field == "capacity":
        number, unit = text.rstrip("abcdefghijklmnopqrstuvwxyz"), text.lstrip("0123456789.")
        if unit in _UNITS_IN_SMALL and number.strip("."):
            small, factor = _UNITS_IN_SMALL[unit]
            return f"{float(number) * factor:g}{small}"
    return _bare(text) if field not in ("size", "capacity") else text
