import json
from typing import Any, get_args

import pytest

from normalizer_assets.answers.schemas import normalise
from normalizer_assets.batching.preflight import schema_problems
from normalizer_assets.config import PackName, TemplateName
from normalizer_assets.prompting.reply_schemas import reply_schema, schema_text, schema_version
from normalizer_assets.prompting.templates import CLAUSES, PACKED

ALL: list[TemplateName | PackName] = [*get_args(TemplateName), *get_args(PackName)]


def keys(template: TemplateName | PackName) -> list[str]:
    """Returns the keys of one answer, those of its attributes behind a point."""
    schema = reply_schema(template)["schema"]
    if template in PACKED:
        assert list(schema["properties"]) == ["p"]
        schema = schema["properties"]["p"]["items"]
    named = []
    for key, value in schema["properties"].items():
        named += [key, *(f"{key}.{inner}" for inner in value.get("properties", ()))]
    return named


@pytest.mark.parametrize("template", ALL)
def test_the_api_takes_every_schema(template: TemplateName | PackName) -> None:
    reply = reply_schema(template)
    assert list(schema_problems(reply["schema"])) == []
    assert reply["strict"] is True
    assert reply["name"] == ("products" if template in PACKED else "product")


@pytest.mark.parametrize("template", ["MINIMAL", "BATCH", "STANDARD", "FALLBACK"])
def test_mini_and_legacy_answer_with_compact_keys(template: TemplateName) -> None:
    assert keys(template) == ["b", "m", "a", "a.c", "a.cl", "a.s", "x", "cf"]


def test_full_answers_with_all_fields_of_its_prompt_and_room_for_more() -> None:
    named = keys("DETAILED")
    prompt = "".join(CLAUSES["DETAILED"])
    wanted = json.loads(prompt[prompt.index("{\n") : prompt.rindex("}") + 1])
    assert set(named) == {
        *wanted,
        *(f"attributes.{name}" for name in wanted["attributes"]),
        "more_attributes",
    }


@pytest.mark.parametrize(
    ("packed", "alone"), [("PACKED_SIMPLE", "BATCH"), ("PACKED_DETAILED", "DETAILED")]
)
def test_packed_answers_say_their_number_first(packed: PackName, alone: TemplateName) -> None:
    assert keys(packed) == ["i", *keys(alone)]


@pytest.mark.parametrize("template", ["BATCH", "DETAILED"])
def test_the_parser_knows_every_key(template: TemplateName) -> None:
    def filled(schema: dict[str, Any]) -> Any:
        match schema["type"]:
            case "object":
                return {key: filled(value) for key, value in schema["properties"].items()}
            case "array":
                return [filled(schema["items"])]
            case "number":
                return 0.5
        return "Voltaje"

    answer = normalise(filled(reply_schema(template)["schema"]))
    assert answer.other == {}
    assert answer.attributes["voltaje"] == "Voltaje"
    assert (answer.brand, answer.model, answer.model_confidence) == ("VOLTAJE", None, 0.5)


def test_the_version_follows_the_schema_alone() -> None:
    versions = {schema_version(reply_schema(template)) for template in ALL}
    assert len(versions) == 4
    assert schema_version(reply_schema("BATCH")) == schema_version(reply_schema("STANDARD"))
    assert schema_version({"schema": 1}) == "schema@67d6291b"


def test_a_schema_is_written_without_blanks() -> None:
    text = schema_text(reply_schema("BATCH"))
    assert " " not in text
    assert json.loads(text) == reply_schema("BATCH")
