from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from normalizer_assets.batching import call_ledger, ledger
from normalizer_assets.batching.chain import ChainResult, end_questions
from normalizer_assets.batching.errors import BatchFailedError, BlockedError
from normalizer_assets.batching.individual import resume
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import answers
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    claim,
    plan_request,
    requests_of,
    routed_listings,
)
from normalizer_assets_tests.batching.scripted_api import (
    CHAT,
    CUT,
    DOWN,
    LEGACY_USD,
    LOST,
    MINI_USD,
    NO_QUOTA,
    ODD,
    USELESS,
    WRONG_KEY,
    Reply,
    ScriptedApi,
    completion,
    error,
)
from normalizer_assets_tests.batching.settings import configured


def end(work: PartitionWork, count: int = 1, rows: int = 20, **options: Any) -> ChainResult:
    """Ends those of the first questions that are still open."""
    open_ones = [key for key, state in asked_questions(work).items() if state == "asks"]
    listings = routed_listings(count).filter(
        routed_listings(count)["question_key"].is_in(open_ones)
    )
    return end_questions(work, listings, rows=rows, **({"cut": set()} | options))


def tries(work: PartitionWork) -> list[tuple[str, str]]:
    """Returns step and state of every request, in order."""
    return [(row.step, row.state) for row in requests_of(work)]


def cost(work: PartitionWork) -> Decimal:
    with work.engine.connect() as connection:
        return ledger.cost_of(connection, work.partition)


def of_questions(work: PartitionWork, count: int) -> list[str]:
    states = asked_questions(work)
    return [states[f"q{number}"] for number in range(count)]


# --- the order of steps ---------------------------------------------------------------


def test_an_individual_call_answers(asking: PartitionWork) -> None:
    progress: list[tuple[int, int]] = []
    ended = end(asking, 3, progress=lambda done, total: progress.append((done, total)))
    assert ended == ChainResult(individual=3)
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert of_questions(asking, 4) == ["answered"] * 3 + ["asks"]
    assert cost(asking) == 3 * MINI_USD


@pytest.mark.parametrize(
    ("replies", "states", "billed"),
    [
        ([USELESS], ["invalid"], 1),
        ([CUT, CUT], ["truncated", "truncated"], 2),
        ([Reply(body=completion(None, "content_filter"))], ["refused"], 1),
        ([error(422, "Unprocessable")], ["http_error"], 0),
        ([DOWN] * 3, ["unavailable"], 0),
    ],
)
def test_what_cannot_be_used_goes_to_the_legacy_model(
    asking: PartitionWork,
    api: ScriptedApi,
    replies: list[Reply],
    states: list[str],
    billed: int,
) -> None:
    api.then(CHAT, *replies)
    assert end(asking) == ChainResult(legacy=1)
    assert tries(asking) == [*(("individual", state) for state in states), ("legacy", "ok")]
    assert cost(asking) == LEGACY_USD + billed * MINI_USD
    last = api.bodies(CHAT)[-1]
    assert last["model"] == "gpt-4o-mini"
    assert last["messages"][1]["content"].startswith("Normaliza producto retail:")


def test_after_the_legacy_model_come_the_rules(asking: PartitionWork, api: ScriptedApi) -> None:
    api.then(CHAT, USELESS, USELESS)
    assert end(asking) == ChainResult(rules=1)
    assert of_questions(asking, 2) == ["rules", "asks"]
    with asking.engine.connect() as connection:
        assert connection.execute(sa.select(answers)).all() == []


def test_each_question_goes_its_own_way(asking: PartitionWork, api: ScriptedApi) -> None:
    api.then(CHAT, None, USELESS, USELESS, None, USELESS)
    assert end(asking, 3) == ChainResult(individual=1, legacy=1, rules=1)
    assert of_questions(asking, 3) == ["answered", "answered", "rules"]


def test_a_full_listing_is_asked_at_full(asking: PartitionWork, api: ScriptedApi) -> None:
    end_questions(asking, routed_listings(1, tier="full"), set(), 20)
    [body] = api.bodies(CHAT)
    assert body["model"] == "gpt-5"


def test_a_question_whose_line_was_cut_is_asked_with_a_larger_limit(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, CUT, CUT)
    assert end(asking, cut={"q0"}) == ChainResult(legacy=1)
    plain = build_requests(asking.config, routed_listings(1), "individual")["body"][0]
    limits = [body.get("max_completion_tokens") for body in api.bodies(CHAT)[:2]]
    smallest = limits[0] // 2
    assert f'"max_completion_tokens":{smallest}' in plain
    assert limits == [2 * smallest, 4 * smallest]
    hashes = [row.body_hash for row in requests_of(asking)]
    assert len(set(hashes)) == len(hashes)


# --- budget ---------------------------------------------------------------------------


def for_calls(work: PartitionWork, count: int) -> PartitionWork:
    """Returns the work with money for so many calls of the estimated cost."""
    each = build_requests(work.config, routed_listings(1), "individual")["estimated_usd"][0]
    return configured(work, budget={"partition_usd": float(each * count + each / 2)})


def test_few_questions_over_the_limit_end_in_rules(asking: PartitionWork, api: ScriptedApi) -> None:
    poor = for_calls(asking, 2)
    assert end(poor, 3, rows=20) == ChainResult(individual=2, rules=1)
    assert of_questions(poor, 3) == ["answered", "answered", "rules"]
    assert api.count(CHAT) == 2


def test_more_questions_over_the_limit_stay_open_and_go_on_when_it_is_raised(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    poor = for_calls(asking, 2)
    with pytest.raises(BlockedError) as blocked:
        end(poor, 4, rows=20)
    assert blocked.value.by == "budget"
    assert blocked.value.reason.startswith("2 questions are left: over budget")
    assert "raise `budget.partition_usd`" in blocked.value.reason
    assert blocked.value.usd is not None
    assert of_questions(poor, 4) == ["answered"] * 2 + ["asks"] * 2
    assert end(asking, 4, rows=20) == ChainResult(individual=2)
    assert api.count(CHAT) == 4


def test_a_day_without_money_is_told_by_its_own_key(asking: PartitionWork) -> None:
    with pytest.raises(BlockedError, match=r"raise `budget.day_usd`"):
        end(configured(asking, budget={"day_usd": 0.0}), 4)
    assert requests_of(asking) == []


def test_what_was_asked_in_vain_ends_even_if_others_stay_blocked(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    poor = for_calls(asking, 2)
    api.then(CHAT, USELESS, USELESS, USELESS)
    with pytest.raises(BlockedError):
        end(poor, 4, rows=20)
    states = of_questions(poor, 4)
    assert states[2:] == ["asks", "asks"]
    assert set(states[:2]) <= {"rules", "answered"}


# --- what stops everything ------------------------------------------------------------


@pytest.mark.parametrize("trouble", [WRONG_KEY, NO_QUOTA])
def test_a_refusal_of_everything_in_the_middle_loses_nothing(
    asking: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CHAT, None, USELESS, trouble)
    with pytest.raises(BlockedError):
        end(asking, 5)
    assert api.count(CHAT) == 3
    assert of_questions(asking, 5) == ["answered"] + ["asks"] * 4
    assert end(asking, 5) == ChainResult(individual=3, legacy=1)
    assert cost(asking) == 5 * MINI_USD + LEGACY_USD


def test_a_parameter_that_is_refused_stops_the_chain_before_any_rule(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, *[ODD] * 10)
    with pytest.raises(BatchFailedError, match="`temperature`: Error code: 400"):
        end(asking, 5)
    assert api.count(CHAT) == 3
    assert of_questions(asking, 5) == ["asks"] * 5
    api.answer_again()
    assert end(asking, 5) == ChainResult(individual=5)


def test_a_single_odd_line_ends_itself_only(asking: PartitionWork, api: ScriptedApi) -> None:
    api.then(CHAT, None, ODD)
    assert end(asking, 3) == ChainResult(individual=2, legacy=1)


# --- going on after a restart ---------------------------------------------------------


def test_a_restart_does_not_repeat_a_finished_step(asking: PartitionWork, api: ScriptedApi) -> None:
    api.then(CHAT, USELESS, WRONG_KEY)
    with pytest.raises(BlockedError):
        end(asking)
    assert end(asking) == ChainResult(legacy=1)
    assert tries(asking) == [
        ("individual", "invalid"),
        ("legacy", "not_executed"),
        ("legacy", "ok"),
    ]


def test_a_canary_was_the_individual_call(asking: PartitionWork, api: ScriptedApi) -> None:
    request_id = plan_request(asking, "q0", "canary")
    with asking.begin() as connection:
        call_ledger.settle_request(connection, request_id, {"state": "invalid", "cost_usd": 0})
    assert end(asking) == ChainResult(legacy=1)
    assert [body["model"] for body in api.bodies(CHAT)] == ["gpt-4o-mini"]


def test_a_killed_process_had_one_of_the_two_chances(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    request_id = plan_request(asking, "q0")
    with asking.begin() as connection:
        call_ledger.record_sent(connection, request_id)
    resume(asking)
    api.then(CHAT, LOST)
    assert end(asking) == ChainResult(legacy=1)
    assert tries(asking) == [
        ("individual", "outcome_unknown"),
        ("individual", "outcome_unknown"),
        ("legacy", "ok"),
    ]


def test_a_question_that_had_every_chance_ends_in_rules_without_a_call(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, USELESS, USELESS)
    end(asking)
    with asking.engine.begin() as connection:
        connection.execute(sa.text("update normalizer.partition_questions set state = 'open'"))
    assert end(asking) == ChainResult(rules=1)
    assert api.count(CHAT) == 2


def test_a_forced_question_has_all_its_chances_again(
    asking: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, USELESS, USELESS)
    end(asking)
    claim(asking, "q0", force=True)
    assert end(asking) == ChainResult(individual=1)
