import contextlib
import dataclasses
import json
import time
from decimal import Decimal

import openai
import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import ledger, life, submission
from normalizer_assets.batching.chain import ChainResult
from normalizer_assets.batching.collection import BatchFailedError, Collected, NotReady, collect
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets_tests.batching.listings import (
    land,
    partition_row,
    plan,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import (
    LOST,
    Reply,
    ScriptedApi,
    completion,
    error,
    output_line,
    refused_line,
    unexecuted_line,
)

CHAT = "POST /chat/completions"
FOUR = routed_listings(4)
REFUSED = {
    "object": "list",
    "data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}],
}


def question_states(work: PartitionWork) -> list[str]:
    with work.engine.connect() as connection:
        questions = ledger.questions_of(connection, work.partition).sort("question_key")
    return questions["state"].to_list()


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
    with scripted_work.engine.connect() as connection:
        assert life.due(connection) == []


def test_a_batch_that_was_never_sent_is_submitted_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    with pytest.raises(NotReady, match="planned 0/4"):
        collect(scripted_work, FOUR)
    assert partition_row(scripted_work).state == "submitted"
    with scripted_work.engine.connect() as connection:
        assert life.due(connection) == [(scripted_work.partition, "submit")]
    assert submission.send(scripted_work) == ["batch_1"]
    assert api.count("POST /batches") == 1


def test_batch_and_chain_together_end_every_question(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    routed = routed_listings(6)
    serial = scripted_work.config.individual.model_copy(update={"concurrency": 1})
    config = scripted_work.config.model_copy(update={"individual": serial})
    work = dataclasses.replace(scripted_work, config=config)
    [batch_id] = submit(work, routed)
    ids = api.ids(batch_id)
    api.end(
        batch_id,
        "expired",
        output=[output_line(ids[0]), output_line(ids[1], completion("", "length"))],
        errors=[refused_line(ids[2]), unexecuted_line(ids[3])],
    )
    useless = Reply(body=completion("no JSON"))
    api.then(CHAT, *[useless] * 2)
    progress: list[tuple[int, int]] = []
    collected = collect(work, routed, lambda done, total: progress.append((done, total)))
    assert collected.chain == ChainResult(individual=4, rules=1)
    assert [harvest.answered for harvest in collected.harvests] == [1]
    assert progress[-1] == (5, 5)
    assert question_states(work) == ["answered", "rules"] + ["answered"] * 4
    # Two billed batch lines, five individual calls and one legacy call.
    expected = 2 * Decimal("0.0000325") + 5 * Decimal("0.000065") + Decimal("0.000027")
    assert collected.cost_usd == expected
    assert partition_row(work).state == "collecting"
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
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])
    first = collect(scripted_work, FOUR)
    asked = len(api.asked)
    again = collect(scripted_work, FOUR)
    assert len(api.asked) == asked
    assert again.records.equals(first.records)
    assert again.cost_usd == first.cost_usd
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


def test_a_refused_batch_fails_the_partition_and_is_sent_anew_when_asked_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    api.end(batch_id, "failed")
    api.batches[batch_id]["errors"] = REFUSED
    with pytest.raises(BatchFailedError, match="token_limit_exceeded: Enqueued token limit"):
        collect(scripted_work, FOUR)
    row = partition_row(scripted_work)
    assert row.state == "failed"
    assert "materialise the partition again" in row.blocked_reason
    assert api.count(CHAT) == 0

    [second] = submit(scripted_work, FOUR)
    assert second != batch_id
    api.end(second, output=[output_line(custom_id) for custom_id in api.ids(second)])
    collected = collect(scripted_work, FOUR)
    assert question_states(scripted_work) == ["answered"] * 4
    assert collected.records["state"].to_list() == ["not_executed"] * 4 + ["ok"] * 4
    assert collected.cost_usd == 4 * Decimal("0.0000325")


def test_a_refused_batch_is_never_asked_line_by_line(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, FOUR)
    api.end(batch_id, "failed")
    api.batches[batch_id]["errors"] = REFUSED
    for _ in range(2):
        # The second time there is nothing left to harvest: the process may have died
        # between settling the batch and saying so.
        with pytest.raises(BatchFailedError, match="materialise the partition again"):
            collect(scripted_work, FOUR)
        assert partition_row(scripted_work).state == "failed"
    assert api.count(CHAT) == 0


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
    api.then("POST /batches", LOST)
    with pytest.raises(openai.APIConnectionError):
        submit(scripted_work, FOUR)
    api.end("batch_1", output=[output_line(custom_id) for custom_id in api.ids("batch_1")])
    assert submission.send(scripted_work) == ["batch_1"]
    collected = collect(scripted_work, FOUR)
    assert collected.records["state"].to_list() == ["ok"] * 4
    assert collected.chain == ChainResult()


def test_a_look_that_fails_leaves_the_partition_to_be_collected_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submit(scripted_work, FOUR)
    api.then("GET /batches", *[error(500, "down", retry_after_ms="1")] * 3)
    with pytest.raises(openai.InternalServerError):
        collect(scripted_work, FOUR)
    assert partition_row(scripted_work).state == "collecting"
    with pytest.raises(NotReady):
        collect(scripted_work, FOUR)


def test_against_the_standin_every_question_of_a_partition_ends(work: PartitionWork) -> None:
    routed = routed_listings(150)
    [batch_id] = submit(work, routed)
    deadline = time.monotonic() + 20
    collected = None
    while collected is None and time.monotonic() < deadline:
        with contextlib.suppress(NotReady):
            collected = collect(work, routed)
        time.sleep(0.05)
    assert collected is not None
    assert collected.harvests[0].batch_id == batch_id
    assert "open" not in question_states(work)
    with work.engine.connect() as connection:
        unsettled = connection.execute(
            sa.text("select count(*) from normalizer.batch_requests where settled_at is null")
        ).scalar()
    assert unsettled == 0
    assert collected.records.height >= 150
    assert collected.cost_usd > 0
