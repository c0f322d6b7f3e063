import json
from collections.abc import Mapping
from typing import Any

import pytest

from normalizer_assets.answers.parsing import parse_completion, parse_content
from normalizer_assets.config import NormalizerConfig, PackName, TemplateName, load_config
from normalizer_assets.prompting.reply_schemas import reply_schema
from normalizer_assets.standin.answers import Answerer, Question
from normalizer_assets.standin.errors import ApiError
from normalizer_assets.standin.schemas import check_schema, in_shape

NAMES = (
    "iPhone 15 Pro Max 256GB Negro",
    "Arroz Grado 1",
    "Perfume Chanel No 5 EDP 100ml Mujer",
    "Notebook ASUS ROG Strix G16 Intel Core i9-13980HX RTX 4070 32GB DDR5 1TB",
    "Leche Soprole Entera 1 L",
)


@pytest.fixture(scope="module")
def config() -> NormalizerConfig:
    return load_config({})


def differences(value: Any, schema: Mapping[str, Any], place: str = "") -> list[str]:
    """Returns where a value is not what a strict schema of ours demands."""
    kinds = {"object": dict, "array": list, "string": str, "number": float, "integer": int}
    kinds["null"] = type(None)
    allowed = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if type(value) not in [kinds[kind] for kind in allowed]:
        return [f"{place} is {value!r}"]
    if isinstance(value, list):
        return [found for item in value for found in differences(item, schema["items"], place)]
    if not isinstance(value, dict):
        return []
    if list(value) != list(schema["properties"]):
        return [f"{place} has {list(value)}"]
    return [
        found
        for key, nested in schema["properties"].items()
        for found in differences(value[key], nested, f"{place}.{key}")
    ]


@pytest.mark.parametrize("template", ["BATCH", "STANDARD", "DETAILED", "FALLBACK"])
def test_an_answer_has_the_shape_of_its_schema_and_says_the_same(
    template: TemplateName, config: NormalizerConfig
) -> None:
    answerer = Answerer(0, 0.5, config)
    schema = reply_schema(template)["schema"]
    questions = [Question(template, name, None, 1990) for name in NAMES]
    for question, answer in zip(questions, answerer.answers(questions), strict=True):
        content = answerer.content([question], [answer], schema)
        assert differences(json.loads(content), schema) == []
        free = parse_content(answerer.content([question], [answer]))
        strict = parse_content(content)
        assert (strict.brand, strict.model) == (free.brand, free.model)
        assert strict.attributes == free.attributes
        assert strict.model_confidence == free.model_confidence


@pytest.mark.parametrize("template", ["PACKED_SIMPLE", "PACKED_DETAILED"])
def test_answers_to_several_listings_are_numbered_entries(
    template: PackName, config: NormalizerConfig
) -> None:
    answerer = Answerer(0, 0.0, config)
    schema = reply_schema(template)["schema"]
    questions = [Question(template, name, None, 1990) for name in NAMES]
    answers: list[dict[str, Any] | None] = [*answerer.answers(questions)]
    answers[1] = None
    content = answerer.content(questions, answers, schema)
    assert differences(json.loads(content), schema) == []
    assert [entry["i"] for entry in json.loads(content)["p"]] == [1, 3, 4, 5]
    message = {"message": {"content": content}, "finish_reason": "stop"}
    parts = parse_completion({"choices": [message]}, "c", len(NAMES)).parts
    assert [part.state for part in parts] == ["ok", "invalid", "ok", "ok", "ok"]
    assert parts[0].answer is not None
    assert parts[0].answer.brand == "APPLE"
    assert parts[0].answer.attributes["capacity"] == "256GB"


def test_a_key_that_nobody_knows_is_null() -> None:
    schema = {"type": "object", "properties": {"b": {}, "voltage": {}}}
    answer = {"brand": "LG", "attributes": {}, "confidence": 0.5}
    assert in_shape({1: answer}, schema) == {"b": "LG", "voltage": None}


def test_a_nested_schema_is_checked_too() -> None:
    form = {"type": "json_schema", "json_schema": reply_schema("PACKED_SIMPLE")}
    assert check_schema(form) == reply_schema("PACKED_SIMPLE")["schema"]
    broken = json.loads(json.dumps(form))
    broken["json_schema"]["schema"]["properties"]["p"]["items"]["required"] = ["i"]
    with pytest.raises(ApiError, match=r"context=\('properties', 'p', 'items'\).*Missing 'b'"):
        check_schema(broken)
