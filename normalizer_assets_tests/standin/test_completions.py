from typing import Any

import pytest

from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.standin.answers import Answerer
from normalizer_assets.standin.completions import check, respond
from normalizer_assets.standin.errors import ApiError
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
