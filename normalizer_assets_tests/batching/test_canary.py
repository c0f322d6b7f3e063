import polars as pl
import pytest

from normalizer_assets.batching import submission
from normalizer_assets.batching.errors import BlockedError, HeldError
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    land,
    requests_of,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import (
    CHAT,
    DOWN,
    DROPPED,
    LOST,
    USELESS,
    Reply,
    ScriptedApi,
    completion,
    error,
)
from normalizer_assets_tests.batching.settings import configured, one_by_one, with_model

TEN = routed_listings(10)


@pytest.fixture
def guarded(scripted_work: PartitionWork) -> PartitionWork:
    """A partition whose batches have a canary of four; its calls go one by one."""
    canary = {"size": 4, "min_products": 5, "min_share_valid": 0.75}
    plain = with_model(one_by_one(scripted_work), "gpt-5-mini", flex=False)
    return configured(plain, canary=canary)


def steps(work: PartitionWork) -> list[tuple[str, str]]:
    return [(row.step, row.state) for row in requests_of(work)]


def answers_of(work: PartitionWork) -> list[str]:
    return [key for key, state in asked_questions(work).items() if state == "answered"]


def test_a_green_canary_answers_its_questions_and_the_rest_goes_in_batches(
    guarded: PartitionWork, api: ScriptedApi
) -> None:
    land(guarded)
    sent = submission.submit(guarded, TEN)
    assert (sent.canary, sent.in_batches, sent.individually) == (4, 6, 0)
    assert steps(guarded) == [("canary", "ok")] * 4 + [("batch", "sent")] * 6
    assert answers_of(guarded) == ["q0", "q1", "q2", "q3"]
    assert len(api.ids("batch_1")) == 6


def test_a_question_that_the_canary_did_not_answer_goes_with_the_batch(
    guarded: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, None, USELESS)
    submit(guarded, TEN)
    assert len(answers_of(guarded)) == 3
    assert len(api.ids("batch_1")) == 7


@pytest.mark.parametrize("count", [4, 5])
def test_a_small_submission_has_no_canary(
    guarded: PartitionWork, api: ScriptedApi, count: int
) -> None:
    submit(guarded, routed_listings(count))
    assert api.count(CHAT) == 0
    assert len(api.ids("batch_1")) == count


def test_a_red_canary_sends_nothing_more_and_shows_the_worst_three(
    guarded: PartitionWork, api: ScriptedApi
) -> None:
    content = "word " * 500
    api.then(
        CHAT,
        USELESS,
        Reply(body=completion(content)),
        Reply(body=completion(None, "content_filter")),
        error(422, "Unprocessable"),
    )
    with pytest.raises(HeldError) as red:
        submit(guarded, TEN)
    said = str(red.value)
    assert "0 of 4 replies are valid, 75% are wanted (`canary.min_share_valid`)" in said
    assert "no JSON object <-" in said
    assert "I cannot say" in said
    assert "stopped by the content filter" in said
    assert "Unprocessable" not in said
    assert len(said) < 1500
    assert (len(api.batches), len(api.files)) == (0, 0)
    assert {row.step for row in requests_of(guarded)} == {"canary"}
    assert answers_of(guarded) == []


def test_after_a_red_canary_another_one_asks_other_questions(
    guarded: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, *[USELESS] * 4)
    with pytest.raises(HeldError):
        submit(guarded, TEN)
    submit(guarded, TEN)
    hashes = [row.body_hash for row in requests_of(guarded) if row.step == "canary"]
    assert len(hashes) == len(set(hashes)) == api.count(CHAT) == 8
    assert answers_of(guarded) == ["q4", "q5", "q6", "q7"]


def test_a_refused_parameter_shows_in_the_canary_and_costs_nothing(
    guarded: PartitionWork, api: ScriptedApi
) -> None:
    refusal = error(400, "Unsupported value", "unsupported_value", "reasoning_effort")
    api.then(CHAT, *[refusal] * 4)
    with pytest.raises(Exception, match="`reasoning_effort`"):
        submit(guarded, TEN)
    assert sum(row.cost_usd for row in requests_of(guarded)) == 0
    assert api.batches == {}


def test_an_outage_says_nothing_about_the_requests(
    guarded: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, *[DOWN] * 12)
    with pytest.raises(RuntimeError, match="the API answered none of 4 canary requests"):
        submit(guarded, TEN)
    assert api.batches == {}
    submit(guarded, TEN)
    assert len(api.batches) == 1


def test_calls_lost_on_the_way_are_neutral(guarded: PartitionWork, api: ScriptedApi) -> None:
    api.then(CHAT, None, *[DOWN] * 3, *[LOST] * 2, None)
    submit(guarded, TEN)
    told = [state for step, state in steps(guarded) if step == "canary"]
    assert told == ["ok", "unavailable", "outcome_unknown", "ok", "outcome_unknown"]
    assert len(api.batches) == 1


@pytest.mark.parametrize("trouble", [LOST, DROPPED])
def test_no_call_is_repeated_more_than_once_however_often_the_canary_is(
    guarded: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CHAT, *[trouble] * 100)
    for _ in range(3):  # four, four and two questions
        with pytest.raises(RuntimeError, match="the API answered none of"):
            submit(guarded, TEN)
    hashes = [row.body_hash for row in requests_of(guarded) if row.state != "not_executed"]
    assert max(map(hashes.count, hashes)) == 2
    assert api.batches == {}


def test_a_canary_that_was_stopped_pays_none_of_its_questions_again(
    guarded: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, USELESS, None, error(401, "Incorrect API key provided", "invalid_api_key"))
    with pytest.raises(BlockedError):
        submit(guarded, TEN)
    assert steps(guarded)[2:] == [("canary", "not_executed")] * 2
    submit(guarded, TEN)
    rows = [row for row in requests_of(guarded) if row.step == "canary"]
    paid = [row.body_hash for row in rows if row.state in ("ok", "invalid")]
    assert len(paid) == len(set(paid)) == 6


def test_the_budget_is_checked_for_everything_before_the_canary(
    guarded: PartitionWork, api: ScriptedApi
) -> None:
    poor = configured(guarded, budget={"partition_usd": estimate(guarded) * 0.99})
    with pytest.raises(BlockedError, match=r"raise `budget.partition_usd`") as blocked:
        submit(poor, TEN)
    assert blocked.value.by == "budget"
    assert api.count(CHAT) == 0
    assert requests_of(poor) == []
    submit(configured(guarded, budget={"partition_usd": estimate(guarded) * 1.01}), TEN)
    assert len(api.batches) == 1


def estimate(work: PartitionWork) -> float:
    canary = build_requests(work.config, TEN.head(4), "individual")
    rest = build_requests(work.config, TEN.slice(4), "batch")
    return float(pl.concat([canary, rest])["estimated_usd"].sum())
