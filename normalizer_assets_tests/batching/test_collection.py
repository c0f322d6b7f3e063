import contextlib
import dataclasses
import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import openai
import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import ledger, life, questions, submission
from normalizer_assets.batching.chain import ChainResult
from normalizer_assets.batching.collection import Collected, collect
from normalizer_assets.batching.due import due
from normalizer_assets.batching.errors import (
    BatchFailedError,
    BlockedError,
    LostTurnError,
    NotReady,
)
from normalizer_assets.batching.polling import poll
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import batches, partitions
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    batch_rows,
    land,
    on_a_day_of_its_own,
    partition_row,
    plan,
    requests_of,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import (
    CHAT,
    CREATE,
    DROPPED,
    LOST,
    NO_BATCHES,
    WEB_PAGE,
    Reply,
    ScriptedApi,
    completion,
    error,
    output_line,
    refused_line,
    unexecuted_line,
)
from normalizer_assets_tests.batching.settings import (
    configured,
    one_by_one,
    with_model,
    with_tiers,
)

FOUR = routed_listings(4)
LINE_USD = Decimal("0.0000325")
"""100 prompt and 20 completion tokens of gpt-5-mini at batch price."""
FULL_QUEUE = {
    "object": "list",
    "data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}],
}
BROKEN_FILE = {
    "object": "list",
    "data": [{"code": "invalid_json_line", "message": "This line is not parseable.", "line": 2}],
}


def states(work: PartitionWork) -> list[str]:
    return list(asked_questions(work).values())


def answered(api: ScriptedApi, batch_id: str) -> None:
    """Ends a batch with an answer in every line."""
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])


def pass_deadline(work: PartitionWork) -> None:
    with work.engine.begin() as connection:
        moment = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(
            sa.update(partitions)
            .where(work.partition.of(partitions))
            .values(deadline_at=moment, next_attempt_at=None)
        )


def due_now(work: PartitionWork) -> list[tuple[str, str]]:
    with work.engine.connect() as connection:
        return [(partition.key, job) for partition, job in due(connection, work.config)]


def rounds(work: PartitionWork) -> list[tuple[str, int, str]]:
    return [(row.step, row.round, row.state) for row in requests_of(work)]


# --- waiting --------------------------------------------------------------------------


def test_while_a_batch_is_under_way_the_partition_waits(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    life.launch(
        scripted_work.engine, scripted_work.partition, "collect", scripted_work.config.polling
    )
    counts = {"total": 4, "completed": 1, "failed": 0}
    api.batches[batch_id] |= {"status": "in_progress", "request_counts": counts}
    with pytest.raises(NotReady, match="batch_1 in_progress 1/4"):
        collect(scripted_work, FOUR)
    row = partition_row(scripted_work)
    assert (row.state, row.attempts, row.next_attempt_at) == ("waiting", 0, None)
    assert api.count(CHAT) == 0
    assert due_now(scripted_work) == []


def test_a_batch_that_was_never_sent_is_submitted_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    with pytest.raises(NotReady, match="planned 0/4"):
        collect(scripted_work, FOUR)
    assert partition_row(scripted_work).state == "submitted"
    assert due_now(scripted_work) == [(scripted_work.partition.key, "submit")]
    assert submission.send(scripted_work) == ["batch_1"]
    assert api.count(CREATE) == 1


@pytest.mark.parametrize("trouble", [error(500, "down", retry_after_ms="1"), DROPPED, WEB_PAGE])
def test_a_look_that_fails_says_nothing_about_a_batch(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    submit(scripted_work, FOUR)
    api.then("GET /batches", *[trouble] * 3)
    with pytest.raises((openai.APIError, RuntimeError)):
        collect(scripted_work, FOUR)
    assert partition_row(scripted_work).state == "collecting"
    api.answer_again()
    with pytest.raises(NotReady):
        collect(scripted_work, FOUR)
    assert api.count(CREATE) == 1


# --- the end of every question --------------------------------------------------------


def test_batch_and_chain_together_end_every_question(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    routed = routed_listings(6)
    work = with_model(one_by_one(scripted_work), "gpt-5-mini", flex=False)
    [batch_id] = submit(work, routed)
    ids = api.ids(batch_id)
    api.end(
        batch_id,
        "expired",
        output=[output_line(ids[0]), output_line(ids[1], completion("", "length"))],
        errors=[refused_line(ids[2]), unexecuted_line(ids[3])],
        usage={"input_tokens": 200, "output_tokens": 40},
    )
    useless = Reply(body=completion("no JSON"))
    api.then(CHAT, useless, *[None] * 4, useless)
    progress: list[tuple[int, int]] = []
    collected = collect(work, routed, lambda done, total: progress.append((done, total)))
    assert collected.chain == ChainResult(individual=4, rules=1)
    assert [harvest.answered for harvest in collected.harvests] == [1]
    assert progress[:5] == [(number, 5) for number in range(1, 6)]
    assert states(work) == ["answered", "rules"] + ["answered"] * 4
    # Two billed batch lines, five individual calls and one legacy call.
    expected = 2 * LINE_USD + 5 * Decimal("0.000065") + Decimal("0.000027")
    assert collected.cost_usd == expected
    check_records(collected, ids)


def check_records(collected: Collected, ids: list[str]) -> None:
    records = {row["custom_id"]: json.loads(row["record"]) for row in collected.records.to_dicts()}
    assert collected.records.height == len(records) == 12
    assert records[ids[0]]["response"]["status_code"] == 200
    for custom_id, said in (
        (ids[1], "cut at the token limit, before any text"),
        (ids[2], "HTTP 400: bad: no such parameter"),
        (ids[3], "not executed: batch_expired: This request could not be executed."),
        (ids[4], "missing"),
    ):
        assert records[custom_id] == {"error": said, "confidence": 0.0, "_custom_id": custom_id}


def test_collecting_again_pays_nothing_and_says_the_same(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    answered(api, batch_id)
    first = collect(scripted_work, FOUR)
    asked = len(api.asked)
    again = collect(scripted_work, FOUR)
    assert len(api.asked) == asked
    assert again.records.equals(first.records)
    assert again.cost_usd == first.cost_usd == 4 * LINE_USD
    assert again.harvests == []


def test_a_small_partition_is_asked_individually_when_collected(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    routed = routed_listings(3)
    assert submit(scripted_work, routed) == []
    assert collect(scripted_work, routed).chain == ChainResult(individual=3)
    assert api.count(CHAT) == 3
    assert api.batches == {}


def test_a_partition_that_asks_nothing_is_collected_without_the_api(
    work: PartitionWork,
) -> None:
    nothing = routed_listings(0)
    submit(work, nothing)
    collected = collect(work, nothing)
    assert collected.records.is_empty()
    assert collected.chain == ChainResult()


def test_several_listings_with_one_question_are_asked_once(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submit(scripted_work, routed_listings(2))
    twice = pl.concat([routed_listings(2), routed_listings(2)])
    assert collect(scripted_work, twice).chain == ChainResult(individual=2)
    assert api.count(CHAT) == 2


def test_a_batch_line_that_was_cut_is_asked_with_a_larger_limit(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    cut, *others = api.ids(batch_id)
    lines = [output_line(cut, completion("", "length")), *map(output_line, others)]
    api.end(batch_id, output=lines)
    assert collect(scripted_work, FOUR).chain == ChainResult(individual=1)
    [body] = api.bodies(CHAT)
    line = api.lines(batch_id)[0]["body"]
    assert body["max_completion_tokens"] == 2 * line["max_completion_tokens"]
    assert partition_row(scripted_work).round == 1


# --- rounds ---------------------------------------------------------------------------


def passing_lines(api: ScriptedApi, batch_id: str) -> tuple[list[str], list[str]]:
    """Returns an answered line and four that failed for reasons that pass."""
    answered_id, *ids = api.ids(batch_id)
    return [output_line(answered_id)], [
        unexecuted_line(ids[0]),
        refused_line(ids[1], 429),
        refused_line(ids[2], 500),
        output_line(ids[3], {}, status=0),
    ]


def test_what_failed_for_passing_reasons_goes_to_a_second_batch_and_never_to_a_third(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    five = routed_listings(5)
    [first] = submit(scripted_work, five)
    output, errors = passing_lines(api, first)
    api.end(first, "expired", output, errors)
    with pytest.raises(NotReady, match="batch_2 validating 0/4"):
        collect(scripted_work, five)
    assert (partition_row(scripted_work).state, partition_row(scripted_work).round) == (
        "waiting",
        2,
    )
    assert api.count(CHAT) == 0
    assert len(api.ids("batch_2")) == 4
    assert not set(api.ids(first)) & set(api.ids("batch_2"))

    expired = [unexecuted_line(custom_id) for custom_id in api.ids("batch_2")]
    api.end("batch_2", "expired", None, expired)
    assert collect(scripted_work, five).chain == ChainResult(individual=4)
    assert api.count(CREATE) == 2
    assert states(scripted_work) == ["answered"] * 5


def test_what_passes_is_asked_individually_where_too_few_are_left_for_a_batch(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    first, *others = api.ids(batch_id)
    api.end(batch_id, "expired", [output_line(first)], [unexecuted_line(name) for name in others])
    assert collect(scripted_work, FOUR).chain == ChainResult(individual=3)
    assert api.count(CREATE) == 1


def test_what_passes_is_asked_individually_where_no_time_is_left_for_a_batch(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    work = configured(
        scripted_work, batching={"deadline_hours": 2.0, "second_round_min_hours": 2.1}
    )
    [batch_id] = submit(work, FOUR)
    api.end(batch_id, "expired", None, [unexecuted_line(name) for name in api.ids(batch_id)])
    assert collect(work, FOUR).chain == ChainResult(individual=4)
    assert api.count(CREATE) == 1


@pytest.mark.parametrize(
    "line", [refused_line, lambda name: output_line(name, completion("no JSON"))]
)
def test_what_does_not_pass_has_no_second_round(
    scripted_work: PartitionWork, api: ScriptedApi, line: object
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    assert callable(line)
    api.end(batch_id, output=[line(custom_id) for custom_id in api.ids(batch_id)])
    assert collect(scripted_work, FOUR).chain == ChainResult(individual=4)
    assert api.count(CREATE) == 1


@pytest.mark.parametrize("found", [True, False])
def test_a_second_round_whose_create_was_lost_ends_even_after_the_deadline(
    scripted_work: PartitionWork, api: ScriptedApi, *, found: bool
) -> None:
    [first] = submit(scripted_work, FOUR)
    api.end(first, "expired", None, [unexecuted_line(name) for name in api.ids(first)])
    api.then(CREATE, LOST if found else DROPPED)
    api.then("GET /batches", None, NO_BATCHES)
    with pytest.raises(BlockedError, match="looked for again"):
        collect(scripted_work, FOUR)
    pass_deadline(scripted_work)
    assert due_now(scripted_work) == [(scripted_work.partition.key, "collect")]
    with contextlib.suppress(NotReady, BlockedError):
        collect(scripted_work, FOUR)
    assert due_now(scripted_work) == ([] if found else [(scripted_work.partition.key, "collect")])
    with scripted_work.engine.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        doubted = batches.c.missed_at.is_not(None)
        connection.execute(sa.update(batches).where(doubted).values(missed_at=long_ago))
    with contextlib.suppress(NotReady, BlockedError):
        collect(scripted_work, FOUR)
    if found:
        with pytest.raises(NotReady, match="batch_2 cancelling"):
            collect(scripted_work, FOUR)
        assert api.batches["batch_2"]["status"] == "cancelling"
        lines = [unexecuted_line(name, "batch_cancelled") for name in api.ids("batch_2")]
        api.end("batch_2", "cancelled", None, lines)
    collect(scripted_work, FOUR)
    assert states(scripted_work) == ["answered"] * 4
    assert api.count(CREATE) == 2


# --- the deadline ---------------------------------------------------------------------


def test_at_the_deadline_the_batch_is_cancelled_and_what_it_did_is_used(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    api.batches[batch_id]["status"] = "in_progress"
    pass_deadline(scripted_work)
    assert due_now(scripted_work) == [(scripted_work.partition.key, "collect")]
    with pytest.raises(NotReady, match="batch_1 cancelling"):
        collect(scripted_work, FOUR)
    assert api.count(CHAT) == 0
    assert due_now(scripted_work) == []

    first, second, *others = api.ids(batch_id)
    lines = [unexecuted_line(name, "batch_cancelled") for name in others]
    api.end(batch_id, "cancelled", [output_line(first), output_line(second)], lines)
    poll(scripted_work.engine, scripted_work.client)
    assert due_now(scripted_work) == [(scripted_work.partition.key, "collect")]
    assert collect(scripted_work, FOUR).chain == ChainResult(individual=2)
    assert api.count(CREATE) == 1
    assert api.count(f"POST /batches/{batch_id}/cancel") == 1
    assert states(scripted_work) == ["answered"] * 4


def test_a_batch_that_ended_just_before_its_cancel_is_harvested(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    pass_deadline(scripted_work)
    api.before[f"POST /batches/{batch_id}/cancel"] = lambda: answered(api, batch_id)
    assert collect(scripted_work, FOUR).chain == ChainResult()
    assert api.count(CHAT) == 0


def test_a_batch_of_two_partitions_goes_on_until_the_later_deadline(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    other = on_a_day_of_its_own(scripted_work)
    land(other, state="waiting")
    with scripted_work.engine.begin() as connection:
        for table in ("batch_requests", "partition_questions"):
            connection.execute(
                sa.text(f"update normalizer.{table} set day = :day where question_key = 'q3'"),
                {"day": other.partition.day},
            )
    pass_deadline(scripted_work)
    with pytest.raises(NotReady, match="validating"):
        collect(scripted_work, FOUR)
    assert api.count(f"POST /batches/{batch_id}/cancel") == 0
    pass_deadline(other)
    with pytest.raises(NotReady, match="cancelling"):
        collect(other, FOUR.tail(1))
    answered(api, batch_id)
    assert len(collect(scripted_work, FOUR.head(3)).harvests) == 1
    assert collect(other, FOUR.tail(1)).harvests == []
    assert states(scripted_work) == ["answered"] * 3
    assert states(other) == ["answered"]


def test_a_batch_that_does_not_end_keeps_its_questions_from_being_asked_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    pass_deadline(scripted_work)
    for _ in range(3):
        with pytest.raises(NotReady, match="cancelling"):
            collect(scripted_work, FOUR)
    assert api.count(CHAT) == 0
    with scripted_work.begin() as connection:
        [row] = ledger.open_batches(connection)
        ledger.give_up_batch(connection, row.shard_hash)
    assert collect(scripted_work, FOUR).chain == ChainResult(individual=4)
    assert api.batches[batch_id]["status"] == "cancelling"


# --- refused batches ------------------------------------------------------------------


def test_a_batch_without_room_is_planned_anew_and_nobody_fails(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    api.end(batch_id, "failed", errors=None)
    api.batches[batch_id]["errors"] = FULL_QUEUE
    with pytest.raises(BlockedError, match="queue for gpt-5-mini was full") as blocked:
        collect(scripted_work, FOUR)
    assert blocked.value.by == "room"
    assert partition_row(scripted_work).state == "submitted"
    assert api.count(CREATE) == 1
    assert states(scripted_work) == ["asks"] * 4

    later = configured(scripted_work, batching={"backlog_seconds": 0.0})
    [second] = submission.send(later)
    answered(api, second)
    collected = collect(later, FOUR)
    assert collected.chain == ChainResult()
    assert rounds(later) == [("batch", 1, "not_executed")] * 4 + [("batch", 1, "ok")] * 4
    assert collected.cost_usd == 4 * LINE_USD


def test_a_batch_may_be_without_room_many_times(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    work = configured(scripted_work, batching={"backlog_seconds": 0.0})
    submit(work, FOUR)
    for number in range(1, 5):
        api.end(f"batch_{number}", "failed")
        api.batches[f"batch_{number}"]["errors"] = FULL_QUEUE
        with pytest.raises(NotReady):
            collect(work, FOUR)
    answered(api, "batch_5")
    assert collect(work, FOUR).chain == ChainResult()


def test_a_refused_batch_fails_the_partition_and_is_sent_anew_when_asked_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    api.end(batch_id, "failed")
    api.batches[batch_id]["errors"] = BROKEN_FILE
    with pytest.raises(BatchFailedError) as failed:
        collect(scripted_work, FOUR)
    assert "batch_1: invalid_json_line: This line is not parseable. (line 2)" in str(failed.value)
    assert "materialise the partition again" in str(failed.value)
    assert api.count(CHAT) == 0

    [second] = submit(scripted_work, FOUR)
    assert second != batch_id
    answered(api, second)
    collected = collect(scripted_work, FOUR)
    assert states(scripted_work) == ["answered"] * 4
    assert collected.records["state"].to_list() == ["not_executed"] * 4 + ["ok"] * 4
    assert collected.cost_usd == 4 * LINE_USD


def test_a_refused_parameter_stops_the_shard_and_is_asked_anew_when_it_is_mended(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    lines = [refused_line(name, param="reasoning_effort") for name in api.ids(batch_id)]
    api.end(batch_id, errors=lines)
    with pytest.raises(BatchFailedError, match="every line was refused for `reasoning_effort`"):
        collect(scripted_work, FOUR)
    assert api.count(CHAT) == 0
    [second] = submit(scripted_work, FOUR)
    answered(api, second)
    assert collect(scripted_work, FOUR).chain == ChainResult()


def test_what_is_left_of_a_refused_batch_may_be_few_enough_for_single_calls(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    api.end(batch_id, "failed")
    with pytest.raises(BatchFailedError):
        collect(scripted_work, FOUR)
    fewer = routed_listings(2)
    assert submit(scripted_work, fewer) == []
    assert collect(scripted_work, fewer).chain == ChainResult(individual=2)


def test_an_adopted_batch_that_is_finished_loses_no_result(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CREATE, LOST)
    api.then("GET /batches", NO_BATCHES)
    with pytest.raises(BlockedError):
        submit(scripted_work, FOUR)
    answered(api, "batch_1")
    assert submission.send(scripted_work) == ["batch_1"]
    collected = collect(scripted_work, FOUR)
    assert collected.records["state"].to_list() == ["ok"] * 4
    assert collected.chain == ChainResult()


# --- several partitions ---------------------------------------------------------------


def test_a_waiting_partition_is_served_by_the_owners_batch_which_it_harvests_itself(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    waiter = on_a_day_of_its_own(scripted_work)
    submit(waiter, FOUR)
    assert states(waiter) == ["waits"] * 4
    with pytest.raises(NotReady, match=rf"4 questions that {waiter_of(scripted_work)} asks"):
        collect(waiter, FOUR)
    answered(api, batch_id)
    poll(waiter.engine, waiter.client)
    assert (waiter.partition.key, "collect") in due_now(waiter)
    collected = collect(waiter, FOUR)
    assert [harvest.batch_id for harvest in collected.harvests] == [batch_id]
    assert collected.cost_usd == 0
    assert collected.records.is_empty()
    assert states(waiter) == states(scripted_work) == ["answered"] * 4
    assert collect(scripted_work, FOUR).harvests == []
    assert api.count(CREATE) == 1


def waiter_of(work: PartitionWork) -> str:
    return work.partition.key.replace("|", r"\|")


def test_a_waiting_partition_pays_for_what_the_owner_let_go(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submit(scripted_work, routed_listings(3))
    waiter = on_a_day_of_its_own(scripted_work)
    submit(waiter, routed_listings(3))
    with pytest.raises(NotReady):
        collect(waiter, routed_listings(3))
    assert api.count(CHAT) == 0
    with scripted_work.begin() as connection:
        questions.let_go(connection, scripted_work.partition)
    assert (waiter.partition.key, "collect") in due_now(waiter)
    assert collect(waiter, routed_listings(3)).chain == ChainResult(individual=3)
    # The owner is served now.
    assert collect(scripted_work, routed_listings(3)).chain == ChainResult()
    assert states(scripted_work) == ["answered"] * 3
    assert api.count(CHAT) == 3


def rest(work: PartitionWork) -> None:
    """Nothing of the partition changed for long."""
    with work.engine.begin() as connection:
        connection.execute(
            sa.update(partitions)
            .where(work.partition.of(partitions))
            .values(updated_at=datetime.now(UTC) - timedelta(hours=1))
        )


def test_who_waits_takes_over_what_a_resting_partition_never_sent(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submit(scripted_work, routed_listings(3))
    waiter = on_a_day_of_its_own(scripted_work)
    submit(waiter, routed_listings(3))
    assert (waiter.partition.key, "collect") not in due_now(waiter)
    rest(scripted_work)
    with life.locked(scripted_work.engine, scripted_work.partition, "its own run"):
        assert (waiter.partition.key, "collect") not in due_now(waiter)
        with pytest.raises(NotReady):
            collect(waiter, routed_listings(3))
    assert (waiter.partition.key, "collect") in due_now(waiter)
    assert collect(waiter, routed_listings(3)).chain == ChainResult(individual=3)
    assert states(scripted_work) == ["waits"] * 3
    # A process of the owner that lost its lock with its connection must not go on asking.
    with pytest.raises(LostTurnError), scripted_work.begin():
        pass
    owner = dataclasses.replace(scripted_work, epoch=partition_row(scripted_work).epoch)
    assert collect(owner, routed_listings(3)).chain == ChainResult()
    assert states(scripted_work) == ["answered"] * 3
    assert api.count(CHAT) == 3


@pytest.mark.parametrize(("state", "taken"), [("planned", True), ("creating", False)])
def test_a_planned_batch_is_taken_over_and_one_that_may_exist_is_not(
    scripted_work: PartitionWork, api: ScriptedApi, state: str, *, taken: bool
) -> None:
    api.then("POST /files", error(500, "down"), error(500, "down"), error(500, "down"))
    with contextlib.suppress(openai.InternalServerError):
        submit(scripted_work, FOUR)
    with scripted_work.engine.begin() as connection:
        connection.execute(sa.update(batches).values(state=state))
    waiter = on_a_day_of_its_own(scripted_work)
    submit(waiter, FOUR)
    rest(scripted_work)
    assert ((waiter.partition.key, "collect") in due_now(waiter)) is taken
    with pytest.raises(NotReady):
        collect(waiter, FOUR)
    assert api.count(CREATE) == taken
    assert states(waiter) == (["asks"] if taken else ["waits"]) * 4


def test_a_partition_that_failed_leaves_its_unsent_questions_to_others(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then("POST /files", error(500, "down"), error(500, "down"), error(500, "down"))
    with contextlib.suppress(openai.InternalServerError):
        submit(scripted_work, FOUR)
    polling = configured(
        scripted_work, polling={"attempts": 1, "backoff_seconds": 0}
    ).config.polling
    while life.launch(scripted_work.engine, scripted_work.partition, "submit", polling):
        pass
    assert partition_row(scripted_work).state == "failed"
    waiter = on_a_day_of_its_own(scripted_work)
    assert len(submit(waiter, FOUR)) == 1
    assert states(waiter) == ["asks"] * 4


def test_the_owner_of_a_refused_batch_is_told_and_not_who_waited_for_it(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    waiter = on_a_day_of_its_own(scripted_work)
    submit(waiter, FOUR)
    api.end(batch_id, "failed")
    api.batches[batch_id]["errors"] = BROKEN_FILE
    poll(waiter.engine, waiter.client)
    with pytest.raises(NotReady):
        collect(waiter, FOUR)
    with pytest.raises(BatchFailedError, match="not parseable"):
        collect(scripted_work, FOUR)
    # Told once: asked for again, the partition sends its questions anew.
    with pytest.raises(NotReady):
        collect(scripted_work, FOUR)
    assert api.count(CREATE) == 2


def test_what_a_waiting_partition_takes_over_goes_to_a_batch_where_it_is_enough(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    waiter = on_a_day_of_its_own(scripted_work)
    submit(waiter, FOUR)
    with scripted_work.begin() as connection:
        [row] = ledger.unsent_batches(connection, scripted_work.partition)
        ledger.withdraw_batch(connection, row.shard_hash, "withdrawn by a person")
        questions.let_go(connection, scripted_work.partition)
    with pytest.raises(NotReady, match="batch_1 validating 0/4"):
        collect(waiter, FOUR)
    answered(api, "batch_1")
    collect(waiter, FOUR)
    assert collect(scripted_work, FOUR).cost_usd == 0
    assert api.count(CREATE) == 1


def test_a_question_that_ended_in_rules_here_is_asked_by_who_waited(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    one = routed_listings(1)
    submit(scripted_work, one)
    waiter = on_a_day_of_its_own(scripted_work)
    submit(waiter, one)
    useless = Reply(body=completion("no JSON"))
    api.then(CHAT, useless, useless)
    assert collect(scripted_work, one).chain == ChainResult(rules=1)
    assert collect(waiter, one).chain == ChainResult(individual=1)
    assert states(scripted_work) == ["rules"]


# --- budget ---------------------------------------------------------------------------


def test_a_second_round_over_budget_sends_nothing_and_goes_on_when_it_is_raised(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [first] = submit(scripted_work, FOUR)
    api.end(first, "expired", None, [unexecuted_line(name) for name in api.ids(first)])
    poor = configured(scripted_work, budget={"partition_usd": 0.0})
    with pytest.raises(BlockedError, match=r"raise `budget.partition_usd`"):
        collect(poor, FOUR)
    assert api.count(CREATE) == 1
    with pytest.raises(NotReady, match="batch_2"):
        collect(scripted_work, FOUR)


def test_against_the_standin_every_question_of_a_partition_ends(work: PartitionWork) -> None:
    routed = routed_listings(150)
    [batch_id] = submit(work, routed)
    deadline = time.monotonic() + 20
    collected = None
    while collected is None and time.monotonic() < deadline:
        with contextlib.suppress(NotReady):
            collected = collect(dataclasses.replace(work), routed)
        time.sleep(0.05)
    assert collected is not None
    assert collected.harvests[0].batch_id == batch_id
    assert set(states(work)) <= {"answered", "rules"}
    assert all(row.settled_at is not None for row in requests_of(work))
    assert collected.records.height >= 150
    assert collected.cost_usd > 0


# --- several listings in one line -----------------------------------------------------

PART = '{"b":"ACME","m":"Uno","a":{"c":"1L"},"cf":0.9}'


def pack_line(custom_id: str, *numbers: int, cut: bool = False) -> str:
    """Returns the line of a pack that answers these numbers, cut within the last."""
    content = "{" + ",".join(f'"{number}":{PART}' for number in numbers)
    body = completion(content[:-9], "length") if cut else completion(content + "}")
    return output_line(custom_id, body)


def asked_individually(api: ScriptedApi) -> list[tuple[str, int]]:
    """Returns the first line and the output limit of each individual prompt."""
    return [
        (body["messages"][1]["content"].splitlines()[0], body["max_completion_tokens"])
        for body in api.bodies(CHAT)
    ]


def test_a_bad_answer_in_a_pack_falls_back_alone(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    routed = routed_listings(6)
    work = with_tiers(one_by_one(scripted_work), listings_per_request=3)
    work = with_model(work, "gpt-5-mini", flex=False)
    [batch_id] = submit(work, routed)
    first, second = api.ids(batch_id)
    api.end(batch_id, output=[pack_line(first, 1, 3), pack_line(second, 1, 2, cut=True)])
    collected = collect(work, routed)
    assert collected.chain == ChainResult(individual=3)
    assert states(work) == ["answered"] * 6
    limit = work.config.tiers["mini"].answer_tokens
    limit += work.config.models["gpt-5-mini"].reasoning_allowance
    # What was cut gets more room, as it does alone.
    assert asked_individually(api) == [
        ("Jugo Acme 1 1L", limit),
        ("Jugo Acme 4 1L", 2 * limit),
        ("Jugo Acme 5 1L", 2 * limit),
    ]
    records = dict(collected.records.select("custom_id", "record").iter_rows())
    assert json.loads(records[f"{first}~1"])["custom_id"] == first
    assert records[f"{first}~3"] == PART
    for custom_id, said in (
        (f"{first}~2", "the reply does not answer this listing"),
        (f"{second}~2", "cut at the token limit"),
    ):
        record = {"error": said, "confidence": 0.0, "_custom_id": custom_id}
        assert json.loads(records[custom_id]) == record
    assert collected.cost_usd == 2 * LINE_USD + 3 * Decimal("0.000065")
    # Nothing is asked or paid again.
    asked = len(api.asked)
    assert collect(work, routed).cost_usd == collected.cost_usd
    assert len(api.asked) == asked


def test_packs_that_expired_go_to_the_second_round_in_packs(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    routed = routed_listings(6)
    work = with_tiers(scripted_work, listings_per_request=2)
    [batch_id] = submit(work, routed)
    first, *others = api.ids(batch_id)
    api.end(batch_id, "expired", [pack_line(first, 1, 2)], [unexecuted_line(one) for one in others])
    with pytest.raises(NotReady, match="batch_2 validating 0/2"):
        collect(work, routed)
    assert [batch.line_count for batch in batch_rows(work)] == [3, 2]
    api.end("batch_2", output=[pack_line(one, 1, 2) for one in api.ids("batch_2")])
    assert collect(work, routed).chain == ChainResult()
    assert states(work) == ["answered"] * 6
    assert rounds(work) == [
        *[("batch", 1, "ok")] * 2,
        *[("batch", 1, "expired")] * 4,
        *[("batch", 2, "ok")] * 4,
    ]


def test_a_batch_of_packs_whose_reply_was_lost_is_found_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    work = with_tiers(scripted_work, listings_per_request=3)
    api.then(CREATE, LOST)
    assert submit(work, FOUR) == ["batch_1"]
    api.end("batch_1", output=[pack_line(one, 1, 2) for one in api.ids("batch_1")])
    assert [harvest.answered for harvest in collect(work, FOUR).harvests] == [4]
    assert len(api.batches) == 1
