from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from normalizer_assets.answers.parsing import ParsedLine, parse_completion
from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.prompting.reply_schemas import reply_schema, schema_text
from normalizer_assets.prompting.templates import PACKED
from normalizer_assets.prompting.tokens import count_tokens
from normalizer_assets.standin.answers import Answerer
from normalizer_assets.standin.completions import ChatRequest, check, respond
from normalizer_assets.standin.errors import ApiError
from normalizer_assets.standin.failures import Failure, failure_of
from normalizer_assets.standin.faults import LineKind
from normalizer_assets.standin.settings import StandinSettings

PROMPT = "P:iPhone 15 Pro Max 256GB Negro|C:Celulares|$:1299990\nOut:{b,m,a:{c,cl,s},cf}"
FAULTLESS = StandinSettings(disagreement=0, failing_lines=0)


@pytest.fixture(scope="module")
def config() -> NormalizerConfig:
    return load_config({})


def request(**change: Any) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": "JSON only."},
        {"role": "user", "content": PROMPT},
    ]
    body = {"model": "gpt-5-mini", "messages": messages} | change
    return {key: value for key, value in body.items() if value is not None}


@pytest.mark.parametrize(
    ("change", "message", "code"),
    [
        ({"model": None}, "you must provide a model parameter", None),
        ({"model": "gpt-9"}, "The model `gpt-9` does not exist", "model_not_found"),
        ({"model": "text-embedding-3-small"}, "This is not a chat model", None),
        (
            {"messages": None},
            "Missing required parameter: 'messages'.",
            "missing_required_parameter",
        ),
        ({"messages": []}, "Invalid 'messages': empty array", "empty_array"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "Invalid value: 'boss'", None),
        ({"messages": [{"role": "user"}]}, r"Invalid type for 'messages\[0\].content'", None),
        (
            {"temperature": 0.5},
            r"'temperature' does not support 0.5 with this model. Only the default \(1\) value",
            "unsupported_value",
        ),
        (
            {"model": "gpt-6-luna", "temperature": 0.5, "reasoning_effort": "none"},
            "Unsupported parameter: 'temperature' is not supported with this model.",
            None,
        ),
        (
            {"max_tokens": 250},
            "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
        ),
        ({"max_completion_tokens": 0}, "Expected a value >= 1", "integer_below_min_value"),
        ({"max_completion_tokens": "9"}, "Invalid type for 'max_completion_tokens'", None),
        ({"top_p": 0.5}, "'top_p' is not supported with this model", "unsupported_parameter"),
        (
            {"reasoning_effort": "none"},
            "'reasoning_effort' does not support 'none'",
            "unsupported_value",
        ),
        (
            {"model": "gpt-6-luna", "reasoning_effort": "minimal"},
            "'reasoning_effort' does not support 'minimal'",
            "unsupported_value",
        ),
        (
            {"model": "gpt-6.1-sol", "reasoning_effort": "none"},
            "does not support 'none' with this model. Supported values are: 'low', 'medium'",
            "unsupported_value",
        ),
        ({"model": "gpt-4o-mini", "reasoning_effort": "low"}, "Unrecognized request", None),
        ({"temprature": 1}, "Unknown parameter: 'temprature'.", "unknown_parameter"),
        ({"stream": True}, "does not stream", "unsupported_value"),
        ({"response_format": {"type": "yaml"}}, "Invalid value: 'yaml'", "invalid_value"),
        (
            {
                "messages": [{"role": "user", "content": "Normaliza"}],
                "response_format": {"type": "json_object"},
            },
            "'messages' must contain the word 'json' in some form",
            None,
        ),
    ],
)
def test_it_refuses_what_the_real_api_refuses(
    change: dict[str, Any], message: str, code: str | None, config: NormalizerConfig
) -> None:
    with pytest.raises(ApiError, match=message) as caught:
        check(request(**change), config.models)
    assert code is None or caught.value.code == code


def test_a_body_that_is_no_object_is_refused(config: NormalizerConfig) -> None:
    with pytest.raises(ApiError, match="could not parse the JSON body"):
        check([], config.models)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 1},
        {"model": "gpt-4o-mini", "temperature": 0.1, "max_tokens": 250},
        {"model": "gpt-6-luna", "reasoning_effort": "none"},
        {"response_format": {"type": "json_object"}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]},
    ],
)
def test_it_accepts_what_the_real_api_accepts(
    change: dict[str, Any], config: NormalizerConfig
) -> None:
    accepted = check(request(**change), config.models)
    assert accepted.question is not None
    assert accepted.question.name == "iPhone 15 Pro Max 256GB Negro"


def complete(config: NormalizerConfig, **change: Any) -> dict[str, Any]:
    accepted = check(request(**change), config.models)
    answerer = Answerer(FAULTLESS.seed, FAULTLESS.disagreement, config)
    [reply] = respond([accepted], answerer, FAULTLESS, in_batch=False)
    assert reply.body is not None
    return reply.body


def test_reasoning_uses_up_a_small_limit_and_is_billed(config: NormalizerConfig) -> None:
    body = complete(config, max_completion_tokens=250)  # default effort: medium
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["choices"][0]["message"]["content"] == ""
    assert body["usage"]["completion_tokens"] == 250
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 250


def test_the_lowest_effort_leaves_the_limit_to_the_answer(config: NormalizerConfig) -> None:
    body = complete(config, max_completion_tokens=250, reasoning_effort="minimal")
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_an_answer_longer_than_the_limit_is_cut(config: NormalizerConfig) -> None:
    whole = complete(config, reasoning_effort="minimal")["choices"][0]["message"]["content"]
    body = complete(config, reasoning_effort="minimal", max_completion_tokens=5)
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 5
    assert whole.startswith(body["choices"][0]["message"]["content"])


def test_every_reply_says_that_no_language_model_answered(config: NormalizerConfig) -> None:
    body = complete(config)
    assert body["model"] == "gpt-5-mini-standin"
    assert body["system_fingerprint"] == "standin"


def test_another_prompt_gets_a_reply_that_holds_no_answer(config: NormalizerConfig) -> None:
    body = complete(config, messages=[{"role": "user", "content": "¿Qué hora es?"}])
    assert "five prompts" in body["choices"][0]["message"]["content"]


# --- several listings, and strict schemas ---------------------------------------------

FAILING = StandinSettings(disagreement=0, failing_lines=0.2)


def name_that(fails: Failure | None) -> str:
    """Returns the first name that fails so in a batch, and not individually."""

    def fits(name: str) -> bool:
        failures = [
            failure_of(name, "mini", in_batch=in_batch, seed=FAILING.seed, failing_lines=0.2)
            for in_batch in (True, False)
        ]
        return failures == [fails, None]

    return next(name for n in range(1000) if fits(name := f"Galaxy A{n} 128GB"))


def packed(config: NormalizerConfig, *names: str, **change: Any) -> ChatRequest:
    lines = "\n".join(f"{n}|{name}|Celulares|" for n, name in enumerate(names, 1))
    prompt = PACKED["PACKED_SIMPLE"] + lines
    messages = [{"role": "user", "content": prompt}]
    return check(request(messages=messages, reasoning_effort="minimal", **change), config.models)


def replied(config: NormalizerConfig, accepted: ChatRequest, **settings: Any) -> ParsedLine:
    answerer = Answerer(FAILING.seed, 0, config)
    [reply] = respond([accepted], answerer, FAILING.model_copy(update=settings), in_batch=True)
    return parse_completion(reply.body, "c", len(accepted.questions))


def test_a_pack_is_answered_as_a_whole(config: NormalizerConfig) -> None:
    accepted = packed(config, "Galaxy A1 128GB", "iPhone 15 256GB")
    assert [question.name for question in accepted.questions] == [
        "Galaxy A1 128GB",
        "iPhone 15 256GB",
    ]
    line = replied(config, accepted, failing_lines=0)
    assert [part.answer and part.answer.brand for part in line.parts] == ["SAMSUNG", "APPLE"]


def test_a_listing_that_fails_is_left_out_of_its_pack_alone(config: NormalizerConfig) -> None:
    good = name_that(fails=None)
    for failure in ("refusal", "wrong_types", "server_error"):
        line = replied(config, packed(config, good, name_that(failure), good))
        assert [part.state for part in line.parts] == ["ok", "invalid", "ok"]


def test_the_first_listings_failure_is_that_of_its_line(config: NormalizerConfig) -> None:
    good = name_that(fails=None)
    assert replied(config, packed(config, name_that("refusal"), good)).state == "refused"
    cut = replied(config, packed(config, name_that("cut"), *[good] * 3))
    assert [cut.parts[0].state, cut.parts[-1].state] == ["ok", "truncated"]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("invalid_json", "invalid"),
        ("truncated", "truncated"),
        ("refusal", "refused"),
        ("content_filter", "refused"),
        ("body_error", "http_error"),
    ],
)
def test_a_fault_spoils_a_packed_line_as_any_other(
    config: NormalizerConfig, fault: LineKind, state: str
) -> None:
    accepted = packed(config, "Galaxy A1 128GB", "Galaxy A2 128GB", max_completion_tokens=500)
    line = replied(config, replace(accepted, fault=fault), failing_lines=0)
    assert line.state == state
    assert {part.state for part in line.parts} <= {state}


def strict(template: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": reply_schema(template)}


def test_the_tokens_of_a_schema_are_billed(config: NormalizerConfig) -> None:
    plain = check(request(), config.models)
    schema = check(request(response_format=strict("BATCH")), config.models)
    more = int(count_tokens([schema_text(reply_schema("BATCH"))])[0])
    assert schema.prompt_tokens - plain.prompt_tokens == more


def _without(*keys: str) -> Callable[[dict[str, Any]], Any]:
    return lambda schema: {key: value for key, value in schema.items() if key not in keys}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: None, "Missing required parameter: 'response_format.json_schema'."),
        (_without("name"), "Missing required parameter: 'response_format.json_schema.name'."),
        (_without("schema"), "Missing required parameter: 'response_format.json_schema.schema'."),
        (lambda schema: schema | {"name": "a b"}, "string does not match pattern"),
        (
            lambda schema: (
                schema | {"schema": schema["schema"] | {"required": ["b", "m", "a", "x"]}}
            ),
            r"Invalid schema for response_format 'product': In context=\(\), 'required' .*'cf'\.",
        ),
        (
            lambda schema: schema | {"schema": _without("additionalProperties")(schema["schema"])},
            "'additionalProperties' is required to be supplied and to be false",
        ),
    ],
)
def test_a_schema_that_the_real_api_refuses_is_refused(
    config: NormalizerConfig, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    form = {"type": "json_schema", "json_schema": change(reply_schema("BATCH"))}
    with pytest.raises(ApiError, match=message):
        check(request(response_format=form), config.models)


def test_without_strict_a_schema_is_free(config: NormalizerConfig) -> None:
    schema = reply_schema("BATCH") | {"strict": False}
    schema["schema"] = _without("required")(schema["schema"])
    form = {"type": "json_schema", "json_schema": schema}
    assert check(request(response_format=form), config.models).schema == schema["schema"]
