"""Strict JSON schemas of replies, for tiers with ``response_format = "json_schema"``.

Belongs here: the shape of a reply as a schema, and its version. Does not belong here: the
wording of prompts (templates.py), reading replies (answers/parsing.py, answers/schemas.py),
what the API refuses in a schema (batching/preflight.py).

A strict schema has fixed keys, all of them required (facts/openai_batch.md section 2). So what
a listing does not state is null, attributes without a key of their own are a list of pairs, and
the answers of a packed reply are a list of entries that say their number.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from normalizer_assets.config import PackName, TemplateName
from normalizer_assets.prompting.templates import PACKED

TEXT = {"type": "string"}
OPTIONAL_TEXT = {"type": ["string", "null"]}
NUMBER = {"type": "number"}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


COMPACT: dict[str, Any] = {
    "b": OPTIONAL_TEXT,
    "m": OPTIONAL_TEXT,
    "a": _object(c=OPTIONAL_TEXT, cl=OPTIONAL_TEXT, s=OPTIONAL_TEXT),
    "x": _list(_object(k=TEXT, v=TEXT)),
    "cf": NUMBER,
}
"""The keys of BATCH, whatever the template: output costs eight times what input does. ``x``
holds further attributes."""

DETAILED: dict[str, Any] = {
    "brand": OPTIONAL_TEXT,
    "model": OPTIONAL_TEXT,
    "attributes": _object(
        capacity=OPTIONAL_TEXT,
        color=OPTIONAL_TEXT,
        size=OPTIONAL_TEXT,
        ram=OPTIONAL_TEXT,
        network=OPTIONAL_TEXT,
        volume_ml=OPTIONAL_TEXT,
        screen_type=OPTIONAL_TEXT,
    ),
    "more_attributes": _list(_object(name=TEXT, value=TEXT)),
    "normalized_name": OPTIONAL_TEXT,
    "confidence": NUMBER,
    "category_suggestion": OPTIONAL_TEXT,
}
"""The keys of the template DETAILED."""


def reply_schema(template: TemplateName | PackName) -> dict[str, Any]:
    """Returns what ``response_format.json_schema`` holds for a template.

    Args:
        template: DETAILED and PACKED_DETAILED ask for all fields, the others for the compact
            ones.
    """
    fields = DETAILED if template in ("DETAILED", "PACKED_DETAILED") else COMPACT
    if template not in PACKED:
        return {"name": "product", "strict": True, "schema": _object(**fields)}
    entry = _object(i={"type": "integer"}, **fields)
    return {"name": "products", "strict": True, "schema": _object(p=_list(entry))}


def schema_text(schema: Mapping[str, Any]) -> str:
    """Returns the compact JSON text of a schema, by which its tokens are counted.

    OpenAI does not say how a schema is counted: this is an estimate, and the usage in the
    response is what is billed.
    """
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def schema_version(schema: Mapping[str, Any]) -> str:
    """Returns ``schema@`` and the hash of the schema."""
    return f"schema@{hashlib.sha256(schema_text(schema).encode()).hexdigest()[:8]}"
