import dataclasses
import json
import time
from decimal import Decimal
from typing import Any

import openai
import pytest
import sqlalchemy as sa
from openai import OpenAI

from normalizer_assets.batching import ledger
from normalizer_assets.batching.chain import ChainResult, answer_open_questions
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import ConfigurationError, IndividualConfig
from normalizer_assets.db.tables import answers, batch_requests
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets_tests.batching.listings import land, plan, routed_listings
from normalizer_assets_tests.batching.scripted_api import (
    DROPPED,
    LOST,
    Reply,
    ScriptedApi,
    completion,
    error,
)

CHAT = "POST /chat/completions"
MINI_USD = Decimal("0.000065")
"""100 prompt and 20 completion tokens of gpt-5-mini, one by one."""
LEGACY_USD = Decimal("0.000027")
"""The same of gpt-4o-mini."""
USELESS = Reply(body=completion("no JSON"))
WRONG_KEY = error(401, "Incorrect API key provided", "invalid_api_key")
NO_QUOTA = error(429, "You exceeded your current quota", "insufficient_quota")


@pytest.fixture
def open_work(scripted_work: PartitionWork) -> PartitionWork:
    """Three open questions, asked one after the other."""
    work = one_by_one(scripted_work)
    land(work)
    plan(work, routed_listings(3))
    return work


def one_by_one(work: PartitionWork, **settings: Any) -> PartitionWork:
    individual = IndividualConfig(
        **{"concurrency": 1, "attempts": 3, "backoff_seconds": 0.001} | settings
    )
    return dataclasses.replace(
        work, config=work.config.model_copy(update={"individual": individual})
    )


def ask(work: PartitionWork, count: int = 1) -> ChainResult:
    """Ends those of the first questions that are still open."""
    with work.engine.connect() as connection:
        open_ones = ledger.questions_of(connection, work.partition).filter(state="open")
    listings = routed_listings(count).join(open_ones, on="question_key", how="semi")
    return answer_open_questions(work, listings)


def tries(work: PartitionWork) -> list[tuple[str, str]]:
    """Returns step and state of every request, in order."""
    return [(row.step, row.state) for row in requests_of(work)]


def requests_of(work: PartitionWork) -> list[Any]:
    with work.engine.connect() as connection:
        return list(
            connection.execute(sa.select(batch_requests).order_by(batch_requests.c.request_id))
        )


def cost(work: PartitionWork) -> Decimal:
    with work.engine.connect() as connection:
        return ledger.cost_of(connection, work.partition)


def question_states(work: PartitionWork) -> list[str]:
    with work.engine.connect() as connection:
        questions = ledger.questions_of(connection, work.partition).sort("question_key")
    return questions["state"].to_list()


# --- the order of steps ---------------------------------------------------------------


def test_an_individual_call_answers_at_full_price(
    open_work: PartitionWork, api: ScriptedApi
) -> None:
    progress: list[tuple[int, int]] = []
    result = answer_open_questions(
        open_work, routed_listings(3), lambda done, total: progress.append((done, total))
    )
    assert result == ChainResult(individual=3)
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert question_states(open_work) == ["answered"] * 3
    assert cost(open_work) == 3 * MINI_USD
    row = requests_of(open_work)[0]
    assert row.custom_id == f"individual_{ledger.body_hash(open_work.partition.key)[:6]}_0_sku-0"
    assert (row.llm_model, row.tier) == ("some-model-2026-01-01", "mini")
    assert row.prompt_version.startswith("MINIMAL@")
    assert json.loads(row.raw)["choices"]
    assert api.bodies(CHAT)[0]["model"] == "gpt-5-mini"
    with open_work.engine.connect() as connection:
        stored = connection.execute(sa.select(answers)).all()
    assert {(answer.answered_by, answer.brand) for answer in stored} == {("individual", "ACME")}


@pytest.mark.parametrize(
    ("reply", "state", "billed"),
    [
        (USELESS, "invalid", True),
        (Reply(body=completion("", "length")), "truncated", True),
        (Reply(body=completion(None, "content_filter")), "refused", True),
        (error(400, "Unsupported parameter", "unsupported_parameter"), "http_error", False),
        (error(404, "The model does not exist", "model_not_found"), "http_error", False),
    ],
)
def test_what_cannot_be_used_goes_to_the_legacy_model(
    open_work: PartitionWork, api: ScriptedApi, reply: Reply, state: str, *, billed: bool
) -> None:
    api.then(CHAT, reply)
    assert ask(open_work) == ChainResult(legacy=1)
    assert tries(open_work) == [("individual", state), ("legacy", "ok")]
    assert cost(open_work) == LEGACY_USD + (MINI_USD if billed else 0)
    assert api.bodies(CHAT)[1]["model"] == "gpt-4o-mini"
    assert api.bodies(CHAT)[1]["messages"][1]["content"].startswith("Normaliza producto retail:")


def test_after_the_legacy_model_come_the_rules(open_work: PartitionWork, api: ScriptedApi) -> None:
    api.then(CHAT, USELESS, USELESS)
    assert ask(open_work) == ChainResult(rules=1)
    assert question_states(open_work) == ["rules", "open", "open"]
    with open_work.engine.connect() as connection:
        assert connection.execute(sa.select(answers)).all() == []


# --- failures that pass ---------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        error(429, "Rate limit reached", "rate_limit_exceeded"),
        error(500, "The server had an error"),
        error(503, "Overloaded"),
        Reply(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}),
    ],
)
def test_a_failure_that_passes_is_tried_again_for_nothing(
    open_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CHAT, trouble, trouble)
    assert ask(open_work) == ChainResult(individual=1)
    assert tries(open_work) == [("individual", "ok")]
    assert api.count(CHAT) == 3
    assert cost(open_work) == MINI_USD


def test_a_failure_that_does_not_pass_ends_the_step(
    open_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, *[error(500, "The server had an error")] * 3)
    assert ask(open_work) == ChainResult(legacy=1)
    assert tries(open_work) == [("individual", "http_error"), ("legacy", "ok")]
    assert api.count(CHAT) == 4


@pytest.mark.parametrize(
    ("header", "at_least"), [("0.3", 0.3), ("not a number", 0), ("-5", 0), ("nan", 0)]
)
def test_the_api_says_how_long_to_wait(
    open_work: PartitionWork, api: ScriptedApi, header: str, at_least: float
) -> None:
    api.then(CHAT, error(429, "Rate limit reached", None, retry_after=header))
    started = time.monotonic()
    assert ask(open_work) == ChainResult(individual=1)
    assert at_least <= time.monotonic() - started < at_least + 2


# --- lost replies ---------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [LOST, DROPPED, Reply(body=b"not JSON")])
def test_a_lost_reply_is_asked_for_once_more_and_counted(
    open_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CHAT, trouble)
    assert ask(open_work) == ChainResult(individual=1)
    assert tries(open_work) == [("individual", "outcome_unknown"), ("individual", "ok")]
    lost = requests_of(open_work)[0]
    assert lost.cost_usd == lost.estimated_usd > 0
    assert cost(open_work) == lost.estimated_usd + MINI_USD


def test_a_reply_that_is_not_json_is_kept(open_work: PartitionWork, api: ScriptedApi) -> None:
    api.then(CHAT, Reply(body=b"half a repl\x00y"))
    ask(open_work)
    assert requests_of(open_work)[0].raw == "half a reply"


def test_a_second_lost_reply_ends_the_step(open_work: PartitionWork, api: ScriptedApi) -> None:
    api.then(CHAT, LOST, LOST)
    assert ask(open_work) == ChainResult(legacy=1)
    assert [state for _, state in tries(open_work)] == ["outcome_unknown"] * 2 + ["ok"]
    assert api.count(CHAT) == 3


def test_a_reply_that_takes_too_long_is_lost(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    work = one_by_one(scripted_work, timeout_seconds=0.2)
    land(work)
    plan(work, routed_listings(1))
    slow = iter([0.6])
    api.before[CHAT] = lambda: time.sleep(next(slow, 0))
    assert ask(work) == ChainResult(individual=1)
    assert tries(work) == [("individual", "outcome_unknown"), ("individual", "ok")]


def died_while_asking(work: PartitionWork) -> None:
    """Leaves a request as a killed process does."""
    with work.engine.begin() as connection:
        ledger.plan_request(
            connection,
            work.partition,
            "individual",
            {
                "custom_id": "individual_0",
                "question_key": "q0",
                "llm_model": "gpt-5-mini",
                "body_hash": "x",
                "estimated_usd": Decimal("0.001"),
            },
        )


def test_a_killed_process_had_one_of_the_two_chances(
    open_work: PartitionWork, api: ScriptedApi
) -> None:
    died_while_asking(open_work)
    api.then(CHAT, LOST)
    assert ask(open_work) == ChainResult(legacy=1)
    assert tries(open_work) == [
        ("individual", "outcome_unknown"),
        ("individual", "outcome_unknown"),
        ("legacy", "ok"),
    ]


# --- failures that stop everything ----------------------------------------------------


@pytest.mark.parametrize(
    "trouble", [WRONG_KEY, NO_QUOTA, error(403, "Country not supported", "unsupported_country")]
)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_refusal_of_everything_stops_and_loses_nothing(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply, concurrency: int
) -> None:
    work = one_by_one(scripted_work, concurrency=concurrency)
    land(work)
    with work.engine.begin() as connection:
        ledger.open_questions(connection, work.partition, routed_listings(20)["question_key"])
    api.then(CHAT, Reply(body=completion()), *[trouble] * 30)
    with pytest.raises(openai.APIStatusError):
        ask(work, 20)
    assert api.count(CHAT) <= 1 + 2 * concurrency
    assert sorted(question_states(work)) == ["answered"] + ["open"] * 19
    refused = [row for row in requests_of(work) if row.state == "not_executed"]
    assert refused
    assert all(row.cost_usd == 0 for row in refused)
    api.answer_again()
    assert ask(work, 20) == ChainResult(individual=19)
    assert question_states(work) == ["answered"] * 20
    assert cost(work) == 20 * MINI_USD


def test_an_api_that_cannot_be_reached_answers_nothing_and_costs_nothing(
    open_work: PartitionWork, api: ScriptedApi
) -> None:
    unreachable = OpenAI(api_key="key", base_url="http://127.0.0.1:9/v1")
    away = dataclasses.replace(open_work, connect_api=lambda: unreachable)
    with pytest.raises(openai.APIConnectionError):
        ask(away, 3)
    assert question_states(open_work) == ["open"] * 3
    assert cost(open_work) == 0
    assert ask(open_work, 3) == ChainResult(individual=3)
    assert api.count(CHAT) == 3


def test_without_a_key_nothing_is_recorded(open_work: PartitionWork) -> None:
    keyless = dataclasses.replace(open_work, connect_api=lambda: connect_api(open_work.engine, {}))
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
        ask(keyless)
    assert tries(open_work) == []


# --- going on after a restart ---------------------------------------------------------


def test_a_restart_does_not_repeat_a_finished_step(
    open_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, USELESS, WRONG_KEY)
    with pytest.raises(openai.AuthenticationError):
        ask(open_work)
    assert ask(dataclasses.replace(open_work)) == ChainResult(legacy=1)
    assert tries(open_work) == [
        ("individual", "invalid"),
        ("legacy", "not_executed"),
        ("legacy", "ok"),
    ]
    models = [body["model"] for body in api.bodies(CHAT)]
    assert models == ["gpt-5-mini", "gpt-4o-mini", "gpt-4o-mini"]


def test_a_question_that_had_every_chance_ends_in_rules_without_a_call(
    open_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, USELESS, USELESS)
    ask(open_work)
    with open_work.engine.begin() as connection:
        connection.execute(sa.text("update normalizer.partition_questions set state = 'open'"))
    asked = api.count(CHAT)
    assert ask(open_work) == ChainResult(rules=1)
    assert api.count(CHAT) == asked


def test_a_full_listing_is_asked_at_full(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    land(scripted_work)
    routed = routed_listings(1, tier="full")
    plan(scripted_work, routed)
    answer_open_questions(scripted_work, routed)
    [body] = api.bodies(CHAT)
    assert body["model"] == "gpt-5"
