import dataclasses
import json
import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from normalizer_assets.batching import life
from normalizer_assets.batching.calls import Reply, call, patient_client
from normalizer_assets.batching.errors import BlockedError, LostTurnError
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets_tests.batching.listings import land, plan_request, requests_of
from normalizer_assets_tests.batching.scripted_api import (
    CHAT,
    DROPPED,
    LOST,
    WEB_PAGE,
    ScriptedApi,
    completion,
    error,
)
from normalizer_assets_tests.batching.scripted_api import Reply as Scripted
from normalizer_assets_tests.batching.settings import one_by_one

CUT = Scripted(body=b'{"half', headers={"content-length": "5000"})
RATE_LIMIT = error(429, "Rate limit reached", "rate_limit_exceeded")


def post(client: OpenAI) -> str:
    text: str = client.chat.completions.with_raw_response.create(
        model="gpt-5-mini", messages=[{"role": "user", "content": "x"}]
    ).text
    return text


@pytest.fixture
def asking(scripted_work: PartitionWork) -> PartitionWork:
    """A partition with one planned request."""
    land(scripted_work)
    plan_request(scripted_work)
    return one_by_one(scripted_work)


def send(work: PartitionWork) -> Reply:
    [row] = requests_of(work)
    return call(work, patient_client(work), row.request_id, post)


def row_of(work: PartitionWork) -> Any:
    [row] = requests_of(work)
    return row


def test_a_reply_is_stored_before_anybody_reads_it(asking: PartitionWork, api: ScriptedApi) -> None:
    before: list[str] = []
    api.before[CHAT] = lambda: before.append(row_of(asking).state)
    reply = send(asking)
    assert before == ["sent"]
    row = row_of(asking)
    assert (row.state, row.raw, row.cost_usd, row.attempts) == ("received", reply.raw, None, 1)
    assert json.loads(row.raw) == completion()


def test_the_api_is_told_the_ledgers_number_of_a_call(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    send(asking)
    assert api.request_ids[-1] == str(row_of(asking).request_id)


@pytest.mark.parametrize(
    "trouble",
    [
        RATE_LIMIT,
        error(408, "Timeout"),
        error(409, "Conflict"),
        error(500, "The server had an error"),
        error(503, "Overloaded"),
    ],
)
def test_what_the_api_did_not_do_is_tried_again_for_nothing(
    asking: PartitionWork, api: ScriptedApi, trouble: Scripted
) -> None:
    api.then(CHAT, trouble, trouble)
    assert send(asking).state == "received"
    assert api.count(CHAT) == 3


def test_what_does_not_pass_is_unavailable_after_the_last_try(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, *[RATE_LIMIT] * 5)
    reply = send(asking)
    assert (reply.state, reply.fatal, api.count(CHAT)) == ("unavailable", None, 3)
    row = row_of(asking)
    assert (row.state, row.cost_usd) == ("unavailable", 0)
    assert "Rate limit reached" in row.reason


@pytest.mark.parametrize(
    ("header", "at_least"), [("0.3", 0.3), ("not a number", 0), ("-5", 0), ("nan", 0)]
)
def test_the_api_says_how_long_to_wait(
    asking: PartitionWork, api: ScriptedApi, header: str, at_least: float
) -> None:
    api.then(CHAT, error(429, "Rate limit reached", retry_after=header))
    started = time.monotonic()
    assert send(asking).state == "received"
    assert at_least <= time.monotonic() - started < at_least + 2


@pytest.mark.parametrize("trouble", [LOST, DROPPED, CUT, error(502, "Bad Gateway"), error(504, "")])
def test_after_a_lost_reply_nobody_knows_and_nothing_is_repeated(
    asking: PartitionWork, api: ScriptedApi, trouble: Scripted
) -> None:
    api.then(CHAT, trouble)
    assert send(asking).state == "outcome_unknown"
    assert api.count(CHAT) == 1
    row = row_of(asking)
    assert (row.state, row.cost_usd) == ("outcome_unknown", row.bound_usd)
    assert row.bound_usd > row.estimated_usd


def test_a_reply_that_takes_too_long_is_lost(asking: PartitionWork, api: ScriptedApi) -> None:
    api.before[CHAT] = lambda: time.sleep(0.5)
    assert send(one_by_one(asking, timeout_seconds=0.1)).state == "outcome_unknown"


def test_a_page_that_is_no_json_is_stored_like_a_reply(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, WEB_PAGE)
    assert send(asking).state == "received"
    assert row_of(asking).raw == "<html>Please log in</html>"


def test_a_byte_that_postgres_cannot_hold_loses_no_reply(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, Scripted(body=b"half a repl\x00y"))
    send(asking)
    assert row_of(asking).raw == "half a reply"


@pytest.mark.parametrize(
    ("param", "code", "parameter"),
    [
        ("temperature", "unsupported_value", "temperature"),
        ("messages[1].content", "invalid", None),
        (None, "model_not_found", "model"),
        (None, None, None),
    ],
)
def test_a_refused_parameter_is_named_unless_it_is_the_products_text(
    asking: PartitionWork,
    api: ScriptedApi,
    param: str | None,
    code: str | None,
    parameter: str | None,
) -> None:
    api.then(CHAT, error(400, "Unsupported value", code, param))
    reply = send(asking)
    assert (reply.state, reply.parameter) == ("http_error", parameter)
    assert row_of(asking).cost_usd == 0


@pytest.mark.parametrize(
    ("trouble", "by"),
    [
        (error(401, "Incorrect API key provided", "invalid_api_key"), "key"),
        (error(403, "Country not supported", "unsupported_country"), "key"),
        (error(429, "You exceeded your current quota", "insufficient_quota"), "quota"),
    ],
)
def test_a_refusal_of_everything_stops_and_is_not_tried_again(
    asking: PartitionWork, api: ScriptedApi, trouble: Scripted, by: str
) -> None:
    api.then(CHAT, trouble)
    reply = send(asking)
    assert isinstance(reply.fatal, BlockedError)
    assert reply.fatal.by == by
    assert api.count(CHAT) == 1
    assert (row_of(asking).state, row_of(asking).cost_usd) == ("not_executed", 0)


def test_an_api_that_cannot_be_reached_stops_and_costs_nothing(asking: PartitionWork) -> None:
    nobody = OpenAI(api_key="key", base_url="http://127.0.0.1:9/v1")
    reply = send(dataclasses.replace(asking, connect_api=lambda: nobody))
    assert isinstance(reply.fatal, openai.APIConnectionError)
    assert (row_of(asking).state, row_of(asking).cost_usd) == ("not_executed", 0)


def test_a_paid_reply_is_kept_by_who_lost_the_turn_meanwhile(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    def taken() -> None:
        with life.locked(asking.engine, asking.partition, "another process"):
            pass

    api.before[CHAT] = taken
    assert send(asking).state == "received"
    assert json.loads(row_of(asking).raw) == completion()


def test_who_lost_the_turn_before_sends_nothing(asking: PartitionWork, api: ScriptedApi) -> None:
    with life.locked(asking.engine, asking.partition, "another process"):
        pass
    with pytest.raises(LostTurnError):
        send(asking)
    assert api.count(CHAT) == 0
    assert row_of(asking).state == "planned"
