"""How long right answers are, in the shape that each template asks for.

Belongs here: right answers, written as a model would write them, and their tokens. Does not
belong here: the lengths that estimates use (``pricing.estimates``; a test compares), prices.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from normalizer_assets.config import Band, NormalizerConfig, PackName, TemplateName
from normalizer_assets.evaluation.gold import listings_of, shipped_gold
from normalizer_assets.prompting.reply_schemas import reply_schema
from normalizer_assets.prompting.tokens import count_tokens
from normalizer_assets.routing.routes import score_listings
from normalizer_assets.standin.schemas import in_shape

SPECIFICATION: tuple[tuple[Band, Mapping[str, Any]], ...] = (
    (
        "complex",
        {
            "brand": "APPLE",
            "model": "iPhone 15 Pro Max",
            "attributes": {"capacity": "256GB", "color": "negro", "size": "6.7"},
            "normalized_name": "APPLE iPhone 15 Pro Max 256GB negro",
            "category_suggestion": "smartphones",
        },
    ),
    (
        "simple",
        {
            "brand": "COCA-COLA",
            "model": "Original",
            "attributes": {"capacity": "2L", "flavor": "original"},
            "normalized_name": "COCA-COLA Original 2L",
            "category_suggestion": "bebidas",
        },
    ),
    (
        "complex",
        {
            "brand": "ASUS",
            "model": "ROG Strix G16",
            "attributes": {
                "capacity": "1TB",
                "ram": "32GB DDR5",
                "processor": "Intel Core i9-13980HX",
                "graphics": "RTX 4070",
            },
            "normalized_name": "ASUS ROG Strix G16 i9-13980HX RTX 4070 32GB DDR5 1TB",
            "category_suggestion": "notebooks",
        },
    ),
    (
        "medium",
        {
            "brand": "CHANEL",
            "model": "No 5",
            "attributes": {"volume_ml": "100", "type": "EDP", "gender": "mujer"},
            "normalized_name": "CHANEL No 5 EDP 100ml mujer",
            "category_suggestion": "perfumes",
        },
    ),
)
"""The specification's four right answers (issue 2), with the band that their listings have."""

BANDS: Mapping[TemplateName | PackName, tuple[Band, ...]] = {
    "MINIMAL": ("simple",),
    "BATCH": ("simple",),
    "STANDARD": ("medium",),
    "DETAILED": ("complex",),
    "FALLBACK": ("simple", "medium", "complex"),
    "PACKED_SIMPLE": ("simple", "medium"),
    "PACKED_DETAILED": ("complex",),
}
"""Which listings a template is for."""

_SHORT = {"capacity": "c", "color": "cl", "size": "s"}


def right_answers(config: NormalizerConfig) -> list[tuple[Band, Mapping[str, Any]]]:
    """Returns right answers to listings: the specification's, and those of the shipped labels.

    Returns:
        Band of the listing, and brand, model, attributes, normalized_name and
        category_suggestion as they were written by hand.
    """
    gold = [one for part in ("rules", "calibration", "test") for one in shipped_gold(part)]
    bands: pl.Series = score_listings(listings_of(gold, config), config.router)["band"]
    labelled = [
        (band, one.answer)
        for band, listing in zip(bands, gold, strict=True)
        for one in listing.answers
        if one.kind == "right" or one.wrong_fields == []
    ]
    return [*SPECIFICATION, *labelled]


def reply_text(template: TemplateName | PackName, answer: Mapping[str, Any]) -> str:
    """Writes an answer as the template's prompt shows it.

    STANDARD and DETAILED are indented, as their prompts are; the others are compact. An answer
    in a pack stands behind its number.
    """
    brand, model = answer.get("brand"), answer.get("model")
    attributes = answer.get("attributes") or {}
    short = {_SHORT.get(name, name): value for name, value in attributes.items()}
    given = {"brand": brand, "model": model, "attributes": attributes}
    named = {
        "normalized_name": answer.get("normalized_name"),
        "category_suggestion": answer.get("category_suggestion"),
    }
    compact = {"b": brand, "m": model, "a": short, "cf": 0.95}
    shapes: dict[TemplateName | PackName, Mapping[str, Any]] = {
        "MINIMAL": {"brand": brand, "model": model, "attrs": short, "conf": 0.95},
        "BATCH": compact,
        "DETAILED": given | named | {"confidence": 0.95},
        "PACKED_SIMPLE": compact,
        "PACKED_DETAILED": given | named | {"confidence": 0.95},
    }
    shape = shapes.get(template, given | {"confidence": 0.95})
    if template in ("STANDARD", "DETAILED"):
        return json.dumps(shape, ensure_ascii=False, indent=2)
    text = json.dumps(shape, ensure_ascii=False, separators=(",", ":"))
    return f'"17":{text},' if template.startswith("PACKED") else text


def strict_reply_text(template: TemplateName | PackName, answer: Mapping[str, Any]) -> str:
    """Writes an answer in the shape of the template's strict schema, compact.

    An answer in a pack is one entry of its list.
    """
    fields = ("brand", "model", "normalized_name", "category_suggestion")
    whole = {field: answer.get(field) for field in fields}
    whole |= {"attributes": answer.get("attributes") or {}, "confidence": 0.95}
    shape = in_shape({17: whole}, reply_schema(template)["schema"])
    packed = template.startswith("PACKED")
    text = json.dumps(shape["p"][0] if packed else shape, ensure_ascii=False, separators=(",", ":"))
    return f"{text}," if packed else text


def answer_tokens(
    template: TemplateName | PackName,
    answers: list[tuple[Band, Mapping[str, Any]]],
    write: Callable[[TemplateName | PackName, Mapping[str, Any]], str] = reply_text,
) -> pl.Series:
    """Counts the tokens of the answers to a template's listings, one by one."""
    texts = [write(template, answer) for band, answer in answers if band in BANDS[template]]
    return count_tokens(texts)
