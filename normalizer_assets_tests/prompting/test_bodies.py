import json
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.config import ModelConfig, TemplateName, Tier, TierConfig, load_config
from normalizer_assets.prompting.bodies import (
    batch_lines,
    body_json,
    request_bodies,
    request_body,
)
from normalizer_assets.prompting.reply_schemas import reply_schema
from normalizer_assets.prompting.templates import TEMPLATES, render

CONFIG = load_config({})
REASONING = ModelConfig(
    input_usd=0.25,
    output_usd=2,
    efforts=("minimal", "low"),
    reasoning_effort="minimal",
    reasoning_allowance=1500,
)
PLAIN = ModelConfig(
    input_usd=0.15, output_usd=0.6, temperature=True, max_tokens_parameter="max_tokens"
)
TIER = TierConfig(model="m", answer_tokens=250, temperature=0.1, system='Di "JSON", ñ.')

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def body(model: ModelConfig, prompt: str = "hola") -> dict[str, Any]:
    return request_body("m", model, TIER, prompt)


def test_a_reasoning_model_gets_its_allowance_and_no_temperature() -> None:
    assert body(REASONING) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": 'Di "JSON", ñ.'},
            {"role": "user", "content": "hola"},
        ],
        "max_completion_tokens": 1750,
        "reasoning_effort": "minimal",
        "response_format": {"type": "json_object"},
    }


def test_a_plain_model_gets_temperature_and_max_tokens() -> None:
    sent = body(PLAIN)
    assert sent["temperature"] == 0.1
    assert sent["max_tokens"] == 250
    assert not {"max_completion_tokens", "reasoning_effort"} & sent.keys()


def test_flex_is_asked_for_by_name_and_changes_nothing_else() -> None:
    flex = request_body("m", REASONING, TIER, "hola", flex=True)
    assert flex == body(REASONING) | {"service_tier": "flex"}
    [text] = request_bodies("m", REASONING, TIER, pl.Series(["hola"]), flex=True)
    assert json.loads(text) == flex


def test_several_listings_have_room_for_as_many_answers() -> None:
    sent = request_body("m", REASONING, TIER, "hola", listings=10)
    assert sent["max_completion_tokens"] == 10 * 250 + 1500
    [text] = request_bodies("m", REASONING, TIER, pl.Series(["hola"]), listings=10)
    assert json.loads(text) == sent


def test_a_strict_schema_is_sent_as_it_is() -> None:
    tier = TIER.model_copy(update={"response_format": "json_schema"})
    schema = reply_schema("BATCH")
    sent = request_body("m", REASONING, tier, "hola", schema=schema)
    assert sent["response_format"] == {"type": "json_schema", "json_schema": schema}
    [text] = request_bodies("m", REASONING, tier, pl.Series(["hola"]), schema=schema)
    assert json.loads(text) == sent


def test_plain_text_answers_send_no_response_format() -> None:
    tier = TIER.model_copy(update={"response_format": "text"})
    assert "response_format" not in request_body("m", PLAIN, tier, "hola")


@pytest.mark.parametrize(
    ("tier", "templates"),
    [
        ("mini", ["MINIMAL", "BATCH", "STANDARD"]),
        ("full", ["DETAILED"]),
        ("legacy", ["FALLBACK"]),
    ],
)
def test_the_messages_say_json_as_json_object_demands(
    tier: Tier, templates: list[TemplateName]
) -> None:
    listing = pl.DataFrame({"name": ["x"], "category": ["y"], "price": [1], "sku": ["z"]})
    for template in templates:
        prompt = render(template, listing, "Jumbo")[0]
        sent = request_body("m", CONFIG.model_of(tier), CONFIG.tiers[tier], prompt)
        assert sent["response_format"] == {"type": "json_object"}
        assert any("json" in message["content"].lower() for message in sent["messages"])


@settings(max_examples=100)
@given(
    prompts=st.lists(texts, min_size=1, max_size=5),
    system=texts,
    model=st.sampled_from([REASONING, PLAIN]),
    response_format=st.sampled_from(["json_object", "text"]),
)
def test_the_vectorised_bodies_equal_json_dumps(
    prompts: list[str],
    system: str,
    model: ModelConfig,
    response_format: Literal["json_object", "text"],
) -> None:
    tier = TierConfig(
        model="m",
        answer_tokens=9,
        temperature=0.2,
        system=system,
        response_format=response_format,
    )
    bodies = request_bodies("m", model, tier, pl.Series(prompts, dtype=pl.String))
    assert bodies.to_list() == [
        body_json(request_body("m", model, tier, prompt)) for prompt in prompts
    ]


@settings(max_examples=100)
@given(name=texts, custom_id=texts, template=st.sampled_from(list(TEMPLATES)))
def test_a_batch_line_round_trips_the_name(
    name: str, custom_id: str, template: TemplateName
) -> None:
    listing = pl.DataFrame({"name": [f"x{name}"], "category": ["c"], "price": [1], "sku": ["s"]})
    prompts = render(template, listing, "Jumbo")
    line = batch_lines(
        pl.Series([custom_id], dtype=pl.String), request_bodies("m", PLAIN, TIER, prompts)
    )[0]
    assert "\n" not in line
    assert json.loads(line) == {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": request_body("m", PLAIN, TIER, prompts[0]),
    }


def test_no_prompts_give_no_lines() -> None:
    none = pl.Series([], dtype=pl.String)
    assert batch_lines(none, request_bodies("m", PLAIN, TIER, none)).to_list() == []


def test_a_missing_prompt_is_refused_instead_of_lost() -> None:
    with pytest.raises(ValueError, match="1 of 2 prompts are null"):
        request_bodies("m", PLAIN, TIER, pl.Series(["a", None]))


def test_lines_need_one_id_for_each_body() -> None:
    with pytest.raises(ValueError, match="1 custom ids for 2 bodies"):
        batch_lines(pl.Series(["a"]), pl.Series(["{}", "{}"]))
