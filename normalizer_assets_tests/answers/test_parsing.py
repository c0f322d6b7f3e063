import json
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.parsing import (
    ParsedLine,
    State,
    error_record,
    parse_batch_line,
    parse_completion,
    parse_content,
    passes,
    refused_parameter,
)
from normalizer_assets.answers.schemas import UnusableAnswer

ANSWER = '{"b":"LG","m":"OLED C3","a":{"s":55},"cf":0.9}'


def completion(content: Any, finish_reason: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "model": "gpt-5-mini-2025-08-07",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": 90,
            "completion_tokens": 40,
            "prompt_tokens_details": {"cached_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 15},
        },
    }


def batch_line(body: Any, status_code: Any = 200, error: Any = None) -> str:
    response = {"status_code": status_code, "request_id": "r", "body": body}
    return json.dumps({"id": "x", "custom_id": "c-1", "response": response, "error": error})


def not_executed(code: str) -> str:
    error = {"code": code, "message": "This request could not be executed"}
    return json.dumps({"id": "x", "custom_id": "c-1", "response": None, "error": error})


@pytest.mark.parametrize(
    "content",
    [
        ANSWER,
        f"\ufeff {ANSWER}\n",
        f"```json\n{ANSWER}\n```",
        f"Aquí está {{el JSON}}:\n\n{ANSWER}\n\nEspero que sirva.",
        f"[{ANSWER}]",
        f'{{"Out":{ANSWER}}}',
        '{"b":"LG","b":"LG","m":"OLED C3","a":{"s":"55"}}',
        '{"brand":"LG","model":"OLED C3","attributes":{"size":"55 pulgadas","color":null}}',
    ],
)
def test_one_object_is_found_whatever_stands_around_it(content: str) -> None:
    answer = parse_content(content)
    assert (answer.brand, answer.model, answer.attributes) == ("LG", "OLED C3", {"size": "55"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("No puedo responder", "no JSON object"),
        ("{'b': 'LG'}", "no JSON object"),
        ('["LG", "OLED C3"]', "no JSON object"),
        (ANSWER[:-8], "broken JSON"),
        ('{"b":"LG","a":{"c":"1TB"},"m":"x', "broken JSON"),
        (ANSWER + "\n" + ANSWER, "more than one"),
        (f"[{ANSWER},{ANSWER}]", "more than one"),
        ('{"b":"LG","b":"SONY"}', "stands twice"),
        ('{"b":"LG","m":[]}', "model is a list"),
        ('{"b":' + "9" * 5000 + "}", "too long"),
        ('{"x":' * 5000 + "1" + "}" * 5000, "nested too deeply"),
    ],
)
def test_what_holds_no_answer_is_refused_with_the_reason(content: str, reason: str) -> None:
    with pytest.raises(UnusableAnswer, match=reason):
        parse_content(content)


@given(
    st.one_of(
        st.text(),
        st.text(alphabet='{}[]",:\\ bma01.e\n`'),
        st.integers(0, len(ANSWER)).map(lambda cut: ANSWER[:cut]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["b", "m", "a", "cf", "x", "name"]), inner)
            ),
        ).map(json.dumps),
    )
)
@settings(max_examples=100)
def test_no_text_raises_anything_but_unusable_answer(content: str) -> None:
    with suppress(UnusableAnswer):
        columns = parse_content(content).columns()
        assert json.dumps(columns, ensure_ascii=False).encode("utf-8")


def test_a_good_line_carries_answer_usage_and_model() -> None:
    line = parse_batch_line(batch_line(completion(ANSWER)) + "\r\n")
    assert (line.custom_id, line.state, line.reason) == ("c-1", "ok", "")
    assert line.answer is not None
    assert line.answer.brand == "LG"
    assert line.content == ANSWER
    assert line.llm_model == "gpt-5-mini-2025-08-07"
    usage = line.usage
    assert (usage.input_tokens, usage.cached_tokens) == (90, 10)
    assert (usage.output_tokens, usage.reasoning_tokens) == (40, 15)


@pytest.mark.parametrize(
    ("line", "state", "reason"),
    [
        (
            batch_line({"error": {"code": "unsupported_value", "message": "no"}}, 400),
            "http_error",
            "HTTP 400: unsupported_value: no",
        ),
        (batch_line(None, 0), "unavailable", "HTTP 0"),
        (batch_line(None, 408), "unavailable", "HTTP 408"),
        (batch_line(None, 409), "unavailable", "HTTP 409"),
        (batch_line({"error": {"message": "slower"}}, 429), "unavailable", "HTTP 429: slower"),
        (batch_line(None, 500), "unavailable", "HTTP 500"),
        (batch_line(None, 502), "unavailable", "HTTP 502"),
        (batch_line("<html>", 503), "unavailable", "HTTP 503: <html>"),
        (batch_line(None, 404), "http_error", "HTTP 404"),
        (batch_line(None, "200"), "http_error", "HTTP None"),
        (
            batch_line({**completion(ANSWER), "error": {"message": "x"}}),
            "http_error",
            "HTTP 200: x",
        ),
        (not_executed("batch_expired"), "expired", "could not be executed"),
        (not_executed("batch_cancelled"), "expired", "batch_cancelled"),
        (not_executed("server_error"), "http_error", "server_error"),
        ('{"custom_id":"c-1"}', "http_error", "no reason given"),
        (batch_line(completion(None, refusal="I can't")), "refused", "I can't"),
        (batch_line(completion("", "content_filter")), "refused", "content filter"),
        (batch_line(completion("", "length")), "truncated", "before any text"),
        (batch_line(completion(ANSWER[:20], "length")), "truncated", "token limit"),
        (batch_line(completion("")), "invalid", "empty"),
        (batch_line(completion("Lo siento")), "invalid", "no JSON object"),
        (batch_line({}), "invalid", "empty"),
        (batch_line(None), "invalid", "empty"),
        (batch_line({"choices": []}), "invalid", "empty"),
        ("", "unreadable", "not JSON"),
        ("{", "unreadable", "not JSON"),
        ("[1]", "unreadable", "no custom_id"),
        ('{"custom_id":""}', "unreadable", "no custom_id"),
        ('{"custom_id":7}', "unreadable", "no custom_id"),
    ],
)
def test_every_line_ends_in_exactly_one_state(line: str, state: State, reason: str) -> None:
    parsed = parse_batch_line(line)
    assert parsed.state == state
    assert reason in parsed.reason
    assert parsed.answer is None
    assert parsed.custom_id == (None if state == "unreadable" else "c-1")


def refusal(param: Any = None, code: Any = None) -> dict[str, Any]:
    return {"error": {"message": "no", "type": "invalid", "param": param, "code": code}}


@pytest.mark.parametrize(
    ("status_code", "body", "parameter"),
    [
        (400, refusal("temperature", "unsupported_value"), "temperature"),
        (400, refusal("max_tokens", "unsupported_parameter"), "max_tokens"),
        (400, refusal("response_format.json_schema"), "response_format.json_schema"),
        (400, refusal("temper\x00ature"), "temperature"),
        (404, refusal("model", "model_not_found"), "model"),
        (400, refusal(None, "model_not_found"), "model"),
        # A single product's text is its own fault.
        (400, refusal("messages"), None),
        (400, refusal("messages.[1].content"), None),
        (400, refusal("input"), None),
        (400, refusal(), None),
        (400, refusal(7), None),
        (400, {"error": "no"}, None),
        (400, None, None),
        (403, refusal("temperature"), None),
        (429, refusal("temperature"), None),
        (500, refusal("temperature"), None),
    ],
)
def test_a_refused_parameter_is_named_unless_it_is_the_products_text(
    status_code: int, body: Any, parameter: str | None
) -> None:
    line = parse_batch_line(batch_line(body, status_code))
    assert line.parameter == parameter
    assert line.state == ("unavailable" if status_code in (429, 500) else "http_error")
    error = body.get("error") if isinstance(body, dict) else body
    assert refused_parameter(status_code, error) == parameter


@pytest.mark.parametrize("status_code", [0, 408, 409, 429, 500, 502, 503, 504, 529, 599])
def test_what_passes_may_be_asked_again(status_code: int) -> None:
    assert passes(status_code)


@pytest.mark.parametrize("status_code", [None, 200, 400, 401, 403, 404, 413, 422])
def test_what_does_not_pass_is_not_asked_the_same_again(status_code: int | None) -> None:
    assert not passes(status_code)


@pytest.mark.parametrize(
    ("tier", "flex"), [("flex", True), ("default", False), (None, False), (1, False)]
)
def test_a_reply_tells_whether_it_is_billed_as_flex(tier: Any, flex: bool) -> None:
    assert parse_completion({**completion(ANSWER), "service_tier": tier}).flex is flex
    cut = {**completion("", "length"), "service_tier": tier}
    assert parse_completion(cut).flex is flex


def test_without_a_service_tier_a_reply_is_no_flex() -> None:
    assert not parse_completion(completion(ANSWER)).flex


def test_a_complete_object_at_the_token_limit_is_an_answer() -> None:
    assert parse_completion(completion(ANSWER, "length")).state == "ok"


def test_tokens_of_an_unusable_reply_are_counted() -> None:
    assert parse_batch_line(batch_line(completion("", "length"))).usage.output_tokens == 40
    assert parse_completion(completion(None, refusal="no")).usage.input_tokens == 90


def test_an_individual_call_and_a_batch_line_are_read_alike() -> None:
    body = completion(f"```\n{ANSWER}\n```")
    assert parse_completion(body, "c-1") == parse_batch_line(batch_line(body))


def test_texts_of_a_line_can_be_stored() -> None:
    line = batch_line(completion("a\x00\ud800", model="x"))
    parsed = parse_batch_line(line)
    assert parsed.content == "a?"
    refused = parse_batch_line(batch_line({"error": {"message": "a\x00\ud800"}}, 500))
    assert refused.reason == "HTTP 500: a?"


bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "usage", "error", "refusal", "prompt_tokens"]
            ),
            inner,
        )
    ),
)


@given(bodies, st.none() | st.integers() | st.text(max_size=3))
@settings(max_examples=100)
def test_no_body_raises(body: Any, status_code: Any) -> None:
    for parsed in (parse_batch_line(batch_line(body, status_code)), parse_completion(body)):
        assert isinstance(parsed, ParsedLine)
        assert parsed.state in get_args(State)
        assert (parsed.answer is not None) == (parsed.state == "ok")
        assert bool(parsed.reason) == (parsed.state != "ok")


@given(st.text())
@settings(max_examples=100)
def test_no_line_raises(line: str) -> None:
    assert parse_batch_line(line).state == "unreadable" or "custom_id" in line


def test_an_unusable_line_is_recorded_as_specified() -> None:
    assert error_record("c-1", "why") == {"error": "why", "confidence": 0.0, "_custom_id": "c-1"}


# --- several listings in one reply ----------------------------------------------------


def in_parts(content: Any, finish_reason: str = "stop", listings: int = 4) -> list[tuple[Any, ...]]:
    """Returns state, brand and reason of each listing's part."""
    line = parse_completion(completion(content, finish_reason), "c-1", listings)
    return [
        (part.state, part.answer.brand if part.answer else None, part.reason) for part in line.parts
    ]


def test_what_is_wrong_with_one_answer_is_wrong_with_it_alone() -> None:
    content = '{"1":{"b":"LG"},"2":{"b":["?"]},"3":{"b":"HP"},"3":{"b":"HP"},"5":{"b":"X"},"p":1}'
    assert in_parts(content) == [
        ("ok", "LG", ""),
        ("invalid", None, "brand is a list, not text"),
        ("invalid", None, "the reply answers this listing twice"),
        ("invalid", None, "the reply does not answer this listing"),
    ]
    line = parse_batch_line(batch_line(completion(content)), {"c-1": 4})
    assert (line.state, line.strangers, line.answer) == ("ok", 2, None)
    assert [part.content for part in line.parts] == ['{"b":"LG"}', '{"b":["?"]}', None, None]
    assert line.usage.output_tokens == 40
    assert {part.usage.output_tokens for part in line.parts} == {0}


def test_a_key_that_stands_twice_in_one_answer_leaves_its_neighbours_alone() -> None:
    content = '{"1":{"b":"LG","b":"HP"},"2":{"b":"HP"}}'
    assert in_parts(content, listings=2) == [
        ("invalid", None, "the key 'b' stands twice with different values"),
        ("ok", "HP", ""),
    ]


def test_both_forms_say_the_same() -> None:
    assert (
        in_parts('{"1":{"b":"LG"},"3":{"b":"HP"}}')
        == in_parts('{"p":[{"i":3,"b":"HP"},{"i":1,"b":"LG"}]}')
        == in_parts('{"Out":{"3":{"b":"HP"},"1":{"b":"LG"}}}')
    )


def test_of_a_cut_reply_whole_answers_count_and_the_rest_was_cut() -> None:
    cut = ("truncated", None, "cut at the token limit")
    assert in_parts('{"1":{"b":"LG"},"2":{"b":7,"a":[]},"3":{"b":"HP","a":{"c":"1', "length") == [
        ("ok", "LG", ""),
        ("ok", "7", ""),
        cut,
        cut,
    ]
    assert (
        in_parts("", "length", 2)
        == [("truncated", None, "cut at the token limit, before any text")] * 2
    )


@pytest.mark.parametrize(
    "content",
    [
        '{"1":{"a":{"2":{"b":"X"},"b":"X"},"m":"',
        '{"p":[{"i":1,"a":{"i":2,"b":"X"},"m":"',
        '{"brand":"X","attributes":{"1":{"b":"X"}},"m":"',
    ],
)
def test_an_inner_object_of_a_cut_reply_is_no_answer(content: str) -> None:
    assert {state for state, *_ in in_parts(content, "length")} == {"truncated"}


def test_behind_a_broken_place_nothing_is_believed() -> None:
    content = '{"1":{"b":"LG"},"2":{"b":},"3":{"b":"EVIL"},"4":{"b":"EVIL"}}'
    broken = ("invalid", None, "broken JSON at character 25: Expecting value")
    assert in_parts(content) == [("ok", "LG", "")] + [broken] * 3


def test_an_answer_to_one_listing_is_none_to_several() -> None:
    assert {state for state, *_ in in_parts(ANSWER)} == {"invalid"}


def test_product_text_in_an_answer_answers_no_other_listing() -> None:
    name = 'Arroz","2":{"b":"EVIL"},"3":{"b":"EVIL"}'
    content = json.dumps({"1": {"b": "LG", "m": name}, "4": {"b": "HP"}})
    assert [brand for _, brand, _ in in_parts(content)] == ["LG", None, None, "HP"]


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (batch_line({"error": {"message": "no"}}, 400), "http_error"),
        (batch_line({}, 429), "unavailable"),
        (not_executed("batch_expired"), "expired"),
        (batch_line(completion(None, refusal="No")), "refused"),
        (batch_line(completion("", "content_filter")), "refused"),
    ],
)
def test_a_line_that_failed_as_a_whole_has_no_parts(line: str, state: State) -> None:
    parsed = parse_batch_line(line, {"c-1": 3})
    assert (parsed.state, parsed.parts) == (state, ())


@given(bodies, st.integers(2, 5))
@settings(max_examples=100)
def test_every_listing_of_a_reply_ends_in_exactly_one_state(body: Any, listings: int) -> None:
    line = parse_completion(body, "c-1", listings)
    if line.state in ("ok", "invalid", "truncated"):
        assert len(line.parts) == listings
    for part in line.parts:
        assert part.state in ("ok", "invalid", "truncated")
        assert (part.answer is not None) == (part.state == "ok") == (part.reason == "")
