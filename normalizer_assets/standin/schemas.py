"""Strict schemas: what is refused in one, and answers in its shape.

Belongs here: reading ``response_format.json_schema``. Does not belong here: what an answer
says (answers.py), the schemas that the project sends (prompting/reply_schemas.py).
"""

import re
from collections.abc import Mapping
from typing import Any

from normalizer_assets.answers.schemas import ATTRIBUTE_NAMES, FIELD_NAMES
from normalizer_assets.standin.errors import ApiError, missing_parameter

SCHEMA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_schema(form: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schema of a ``response_format``.

    Raises:
        ApiError: The real API would refuse it (facts/openai_batch.md section 2).
    """
    given = form.get("json_schema")
    if not isinstance(given, dict):
        raise missing_parameter("response_format.json_schema")
    for name in ("name", "schema"):
        if name not in given:
            raise missing_parameter(f"response_format.json_schema.{name}")
    if not SCHEMA_NAME.fullmatch(str(given["name"])):
        raise ApiError(
            f"Invalid 'response_format.json_schema.name': string does not match pattern. Expected "
            f"a string that matches the pattern '^[a-zA-Z0-9_-]+$'. Got {given['name']!r}.",
            param="response_format.json_schema.name",
            code="invalid_value",
        )
    schema: dict[str, Any] = given["schema"]
    if given.get("strict"):
        _check_strict(schema, given["name"], ())
    return schema


def _check_strict(schema: Mapping[str, Any], name: str, context: tuple[str, ...]) -> None:
    properties = schema.get("properties", {})
    missing = [key for key in properties if key not in schema.get("required", ())]
    problem = None
    if missing:
        problem = (
            "'required' is required to be supplied and to be an array including every key in "
            f"properties. Missing '{missing[0]}'."
        )
    elif schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        problem = "'additionalProperties' is required to be supplied and to be false."
    if problem is not None:
        raise ApiError(
            f"Invalid schema for response_format '{name}': In context={context!r}, {problem}",
            param="response_format",
        )
    for key, nested in properties.items():
        _check_strict(nested, name, (*context, "properties", key))
    if isinstance(schema.get("items"), dict):
        _check_strict(schema["items"], name, (*context, "items"))


def in_shape(answers: Mapping[int, Mapping[str, Any]], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Writes answers as a strict schema demands.

    Args:
        answers: Number of a listing -> the fields of its answer.
        schema: Of one answer, or of an object with a list of numbered ones. Its keys are told
            by the names that the project's parser knows for fields and attributes.
    """
    for key, listed in schema["properties"].items():
        if "i" in listed.get("items", {}).get("properties", {}):
            return {key: [_in_shape(n, one, listed["items"]) for n, one in answers.items()]}
    [(number, answer)] = answers.items()
    return _in_shape(number, answer, schema)


def _in_shape(number: int, answer: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {name: str(value) for name, value in answer["attributes"].items()}
    values: dict[str, Any] = {"i": number}
    for key, property_ in schema["properties"].items():
        match FIELD_NAMES.get(key):
            case "attributes":
                values[key] = {
                    name: attributes.pop(ATTRIBUTE_NAMES.get(name, name), None)
                    for name in property_["properties"]
                }
            case "further":
                pair = property_["items"]["properties"]
                values[key] = [dict(zip(pair, one, strict=True)) for one in attributes.items()]
            case "model_confidence":
                values[key] = answer["confidence"]
            case str(field):
                values[key] = answer[field]
    return {key: values.get(key) for key in schema["properties"]}
