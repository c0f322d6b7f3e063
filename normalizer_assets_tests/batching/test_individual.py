import dataclasses
import json
from decimal import Decimal
from typing import Any

import openai
import polars as pl
import pytest
import sqlalchemy as sa
from openai import OpenAI

from normalizer_assets.batching import ledger
from normalizer_assets.batching.errors import BatchFailedError, BlockedError
from normalizer_assets.batching.individual import Asked, ask, resume
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import ConfigurationError
from normalizer_assets.db.tables import answers
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    requests_of,
    routed_listings,
)
from normalizer_assets_tests.batching.scripted_api import (
    CHAT,
    CUT,
    DROPPED,
    LOST,
    MINI_USD,
    NO_QUOTA,
    ODD,
    WEB_PAGE,
    WRONG_KEY,
    Reply,
    ScriptedApi,
    completion,
    error,
)
from normalizer_assets_tests.batching.settings import configured, one_by_one, with_model

BUSY = error(429, "No flex capacity", "resource_unavailable", retry_after_ms="1")


def requests(work: PartitionWork, count: int) -> pl.DataFrame:
    return build_requests(work.config, routed_listings(count), "individual")


def ask_first(work: PartitionWork, count: int = 1, **lost: int) -> Asked:
    return ask(work, "individual", requests(work, count), lost)


def states(work: PartitionWork) -> list[str]:
    return [row.state for row in requests_of(work)]


def results(asked: Asked) -> list[str]:
    return [result.state for result in asked.results]


def limit_of(body: dict[str, Any]) -> int:
    return int(body["max_completion_tokens"])


def test_each_question_is_asked_once_and_answered(asking: PartitionWork) -> None:
    progress: list[tuple[int, int]] = []
    asked = ask(
        asking,
        "individual",
        requests(asking, 3),
        {},
        lambda done, total: progress.append((done, total)),
    )
    assert results(asked) == ["ok"] * 3
    assert progress == [(1, 3), (2, 3), (3, 3)]
    row = requests_of(asking)[0]
    assert row.custom_id == f"individual_{ledger.body_hash(asking.partition.key)[:6]}_0_sku-0"
    assert (row.llm_model, row.tier, row.cost_usd) == ("some-model-2026-01-01", "mini", MINI_USD)
    assert (row.input_tokens, row.output_tokens) == (100, 20)
    assert row.prompt_version.startswith("MINIMAL@")
    assert row.body_hash == ledger.body_hash(requests(asking, 1)["body"][0])
    with asking.engine.connect() as connection:
        stored = connection.execute(sa.select(answers)).all()
    assert {(answer.answered_by, answer.brand) for answer in stored} == {("individual", "ACME")}


def test_everything_is_in_the_ledger_before_the_first_call_leaves(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    seen: list[list[str]] = []
    api.before[CHAT] = lambda: seen.append(states(asking))
    ask_first(asking, 3)
    assert seen[0] == ["sent", "planned", "planned"]


# --- lost replies ---------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [LOST, DROPPED, WEB_PAGE, error(502, "Bad Gateway")])
def test_a_lost_reply_is_asked_for_once_more_and_counted(
    asking: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CHAT, trouble)
    assert results(ask_first(asking)) == ["ok"]
    assert states(asking) == ["outcome_unknown", "ok"]
    lost, repeated = requests_of(asking)
    assert lost.cost_usd == lost.bound_usd
    assert lost.body_hash == repeated.body_hash


@pytest.mark.parametrize("trouble", [LOST, WEB_PAGE, error(502, "Bad Gateway")])
def test_a_second_lost_reply_is_the_last(
    asking: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CHAT, trouble, trouble, trouble)
    assert results(ask_first(asking)) == ["outcome_unknown"]
    assert api.count(CHAT) == 2


def test_a_reply_that_was_lost_before_a_restart_counts(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, LOST, LOST)
    assert results(ask_first(asking, q0=1)) == ["outcome_unknown"]
    assert api.count(CHAT) == 1


# --- cut answers ----------------------------------------------------------------------


def test_a_cut_answer_is_asked_for_with_a_larger_limit(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, CUT)
    assert results(ask_first(asking)) == ["ok"]
    first, second = api.bodies(CHAT)
    assert limit_of(second) == 2 * limit_of(first)
    assert first | {"max_completion_tokens": limit_of(second)} == second
    cut, whole = requests_of(asking)
    assert (cut.state, whole.state) == ("truncated", "ok")
    assert whole.body_hash != cut.body_hash
    more = Decimal(limit_of(first)) * 2 / 1_000_000
    assert whole.bound_usd == cut.bound_usd + more


def test_an_answer_that_stays_cut_is_not_asked_for_a_third_time(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, CUT, CUT, CUT)
    assert results(ask_first(asking)) == ["truncated"]
    assert api.count(CHAT) == 2
    assert sum(row.cost_usd for row in requests_of(asking)) == 2 * MINI_USD


# --- flex -----------------------------------------------------------------------------


def test_a_flex_call_costs_what_the_api_says_it_was_served_as(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    work = with_model(asking, "gpt-5-mini", flex=True)
    api.then(CHAT, Reply(body=completion() | {"service_tier": "flex"}))
    ask_first(work, 2)
    assert [body["service_tier"] for body in api.bodies(CHAT)] == ["flex", "flex"]
    assert [row.cost_usd for row in requests_of(work)] == [MINI_USD / 2, MINI_USD]


def test_without_room_for_flex_the_full_price_is_paid(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    work = with_model(asking, "gpt-5-mini", flex=True)
    api.then(CHAT, *[BUSY] * 3)
    assert results(ask_first(work)) == ["ok"]
    assert [body.get("service_tier") for body in api.bodies(CHAT)] == ["flex"] * 3 + [None]
    assert [(row.state, row.cost_usd) for row in requests_of(work)] == [
        ("unavailable", 0),
        ("ok", MINI_USD),
    ]


def test_the_full_price_call_is_not_tried_for_ever(asking: PartitionWork, api: ScriptedApi) -> None:
    work = with_model(asking, "gpt-5-mini", flex=True)
    api.then(CHAT, *[BUSY] * 20)
    assert results(ask_first(work)) == ["unavailable"]
    assert api.count(CHAT) == 6


# --- what stops everything ------------------------------------------------------------


@pytest.mark.parametrize(("trouble", "by"), [(WRONG_KEY, "key"), (NO_QUOTA, "quota")])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_refusal_of_everything_stops_at_once_and_loses_nothing(
    asking: PartitionWork, api: ScriptedApi, trouble: Reply, by: str, concurrency: int
) -> None:
    work = one_by_one(asking, concurrency=concurrency)
    api.then(CHAT, Reply(body=completion()), *[trouble] * 30)
    with pytest.raises(BlockedError) as stopped:
        ask_first(work, 20)
    assert stopped.value.by == by
    assert api.count(CHAT) <= 1 + concurrency
    assert sorted(asked_questions(work).values()) == ["answered"] + ["asks"] * 19
    assert set(states(work)) == {"ok", "not_executed"}
    assert sum(row.cost_usd for row in requests_of(work)) == MINI_USD


def test_a_parameter_that_is_refused_again_and_again_stops_everything_and_is_named(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, *[ODD] * 20)
    with pytest.raises(BatchFailedError, match="the API refuses the parameter `temperature`"):
        ask_first(asking, 20)
    assert api.count(CHAT) == 3
    # Nothing was done: once the model table is corrected, all of them are asked anew.
    assert set(states(asking)) == {"not_executed"}
    assert set(asked_questions(asking).values()) == {"asks"}


def test_a_parameter_refused_for_a_single_odd_question_stops_nothing(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, ODD, None)
    assert results(ask_first(asking, 3)) == ["http_error", "ok", "ok"]


def test_a_parameter_refused_to_the_only_questions_stops_them(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, ODD, ODD)
    with pytest.raises(BatchFailedError, match="`temperature`"):
        ask_first(asking, 2)
    assert set(states(asking)) == {"not_executed"}


def test_an_api_that_cannot_be_reached_answers_nothing_and_costs_nothing(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    unreachable = OpenAI(api_key="key", base_url="http://127.0.0.1:9/v1")
    away = dataclasses.replace(asking, connect_api=lambda: unreachable)
    with pytest.raises(openai.APIConnectionError):
        ask_first(away, 3)
    assert {(row.state, row.cost_usd) for row in requests_of(asking)} == {("not_executed", 0)}
    assert results(ask_first(asking, 3)) == ["ok"] * 3
    assert api.count(CHAT) == 3


def test_without_a_key_nothing_is_recorded(asking: PartitionWork) -> None:
    keyless = dataclasses.replace(asking, connect_api=lambda: connect_api(asking.engine, {}))
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
        ask_first(keyless)
    assert requests_of(asking) == []


# --- budget ---------------------------------------------------------------------------


def test_only_what_the_budget_reaches_for_is_asked(asking: PartitionWork, api: ScriptedApi) -> None:
    each = requests(asking, 1)["estimated_usd"][0]
    poor = configured(asking, budget={"partition_usd": float(each * Decimal("2.5"))})
    asked = ask_first(poor, 5)
    assert api.count(CHAT) == 2
    assert results(asked) == ["ok"] * 2
    assert asked.over_budget == ["q2", "q3", "q4"]
    assert asked.limit is not None
    assert (asked.limit.by, asked.limit.usd) == ("budget", 3 * each)
    assert "raise `budget.partition_usd`" in asked.limit.reason


def test_a_repeat_needs_money_too(asking: PartitionWork, api: ScriptedApi) -> None:
    each = requests(asking, 1)["estimated_usd"][0]
    poor = configured(asking, budget={"day_usd": float(each * Decimal("1.1"))})
    api.then(CHAT, LOST)
    assert results(ask_first(poor)) == ["outcome_unknown"]
    assert api.count(CHAT) == 1


# --- after a restart ------------------------------------------------------------------


def died(work: PartitionWork, state: str, raw: str | None = None) -> None:
    """Leaves the request of ``q0`` as a killed process does."""
    ask_first(work)
    with work.engine.begin() as connection:
        connection.execute(sa.text("delete from normalizer.answers"))
        connection.execute(
            sa.text("update normalizer.partition_questions set state = 'open'"),
        )
        connection.execute(
            sa.text(
                "update normalizer.batch_requests set state = :state, raw = :raw, cost_usd = null, "
                "settled_at = null, llm_model = 'gpt-5-mini'"
            ),
            {"state": state, "raw": raw},
        )


def test_a_stored_reply_is_read_after_a_restart_without_a_call(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    died(asking, "received", json.dumps(completion()))
    resume(asking)
    assert api.count(CHAT) == 1
    assert [(row.state, row.cost_usd) for row in requests_of(asking)] == [("ok", MINI_USD)]
    assert asked_questions(asking)["q0"] == "answered"
    resume(asking)
    assert len(requests_of(asking)) == 1


@pytest.mark.parametrize(
    "raw",
    [
        "<html>",
        "[" * 100_000,
        "9" * 5_000,
        "[]",
        json.dumps(completion() | {"model": "a\x00b"}),
        json.dumps(completion() | {"model": "a\ud800b"}),
    ],
)
def test_any_stored_reply_can_be_read(asking: PartitionWork, raw: str) -> None:
    died(asking, "received", raw)
    resume(asking)
    [row] = requests_of(asking)
    assert row.state in ("outcome_unknown", "invalid", "ok")
    assert row.cost_usd is not None


def test_a_call_whose_caller_died_may_have_been_paid(asking: PartitionWork) -> None:
    died(asking, "sent")
    resume(asking)
    [row] = requests_of(asking)
    assert (row.state, row.cost_usd) == ("outcome_unknown", row.bound_usd)


def test_a_call_that_was_only_planned_never_left(asking: PartitionWork) -> None:
    died(asking, "planned")
    resume(asking)
    [row] = requests_of(asking)
    assert (row.state, row.cost_usd) == ("not_executed", 0)
