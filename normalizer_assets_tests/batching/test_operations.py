"""What a person may do with a batch, in which state, and what becomes of its partitions."""

import dataclasses
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import openai
import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import ledger, life, operations, polling, submission
from normalizer_assets.batching.collection import collect
from normalizer_assets.batching.due import due
from normalizer_assets.batching.errors import OperationError
from normalizer_assets.batching.operations import Desk
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import PollingConfig
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    batch_rows,
    claim,
    land,
    on_a_day_of_its_own,
    partition_row,
    plan,
    requests_of,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import (
    CREATE,
    NO_BATCHES,
    ScriptedApi,
    completion,
    error,
    output_line,
    unexecuted_line,
)

FOUR = routed_listings(4)


@pytest.fixture
def desk(scripted_work: PartitionWork) -> Desk:
    """An operator's desk on the database of ``scripted_work``."""
    return Desk(scripted_work.config, scripted_work.engine, scripted_work.connect_api)


def at_its_next_turn(work: PartitionWork) -> PartitionWork:
    """Returns the work of who takes the partition after an operation that held its lock."""
    return dataclasses.replace(work, epoch=partition_row(work).epoch)


def record(work: PartitionWork, **values: object) -> sa.Row[Any]:
    """Changes the only batch, as time or a dead process would have."""
    [row] = batch_rows(work)
    with work.engine.begin() as connection:
        ledger.record_batch(connection, row.shard_hash, **values)
    return batch_rows(work)[0]


def cancel(desk: Desk, name: str, seconds: float = 5) -> tuple[str, list[str]]:
    """Does what the command does; returns the last word and what was said meanwhile."""
    said: list[str] = []
    [ended] = operations.wait_until_ended(
        desk, [operations.cancel(desk, name)], seconds, said.append
    )
    return operations.settle(desk, ended), said


def end_when_cancelled(api: ScriptedApi, batch_id: str, done: int) -> None:
    """Lets a cancel end at the second look, after ``done`` lines."""

    def end() -> None:
        ids = api.ids(batch_id)
        api.end(
            batch_id,
            "cancelled",
            [output_line(each) for each in ids[:done]],
            [unexecuted_line(each, "batch_cancelled") for each in ids[done:]],
        )
        api.before.clear()

    api.before[f"POST /batches/{batch_id}/cancel"] = lambda: api.before.update(
        {"GET /batches": end}
    )


def due_jobs(work: PartitionWork) -> list[str]:
    with work.engine.connect() as connection:
        return [job for _, job in due(connection, work.config)]


# --- cancelling -----------------------------------------------------------------------


def test_cancel_harvests_what_was_done(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    end_when_cancelled(api, "batch_1", done=3)
    last_word, said = cancel(desk, "batch_1")
    assert "batch_1 is cancelled and harvested: 3 of 4 requests are answered and kept" in last_word
    assert "1 have none: 1 go to the next round" in last_word
    assert said == ["batch_1 cancelled 4/4"]
    assert [row.state for row in requests_of(scripted_work)] == ["ok", "ok", "ok", "expired"]
    again, said = cancel(desk, "batch_1")
    assert "was harvested before: 3 of 4" in again
    assert said == []
    assert api.count("POST /batches/batch_1/cancel") == 1
    assert due_jobs(scripted_work) == ["collect"]
    collect(scripted_work, FOUR)
    assert set(asked_questions(scripted_work).values()) == {"answered"}
    assert api.count("POST /chat/completions") == 1


def test_what_ended_before_its_cancel_is_harvested(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    api.end("batch_1", output=[output_line(each) for each in api.ids("batch_1")])
    last_word, _ = cancel(desk, "batch_1")
    assert last_word == (
        "batch_1 is completed and harvested: 4 of 4 requests are answered and kept"
    )


def test_a_cancel_that_takes_too_long_is_gone_on_with_by_repeating(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    with pytest.raises(OperationError, match="batch_1 is still cancelling; the sensor goes on"):
        cancel(desk, "batch_1", seconds=0)
    asked_at = batch_rows(scripted_work)[0].cancel_requested_at
    with pytest.raises(OperationError, match="still cancelling"):
        cancel(desk, "batch_1", seconds=0)
    assert batch_rows(scripted_work)[0].cancel_requested_at == asked_at is not None
    assert api.count("POST /batches/batch_1/cancel") == 1
    api.end("batch_1", "cancelled", [output_line(each) for each in api.ids("batch_1")])
    assert "4 of 4 requests" in cancel(desk, "batch_1")[0]


@pytest.mark.slow
def test_a_look_that_fails_while_waiting_is_repeated(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    end_when_cancelled(api, "batch_1", done=4)
    api.then("GET /batches", error(404, "no such list"))
    last_word, said = cancel(desk, "batch_1")
    assert "4 of 4" in last_word
    assert said[0].startswith("the list of batches could not be read, the next look tries again: ")


def test_a_batch_that_was_never_sent_is_withdrawn_and_its_questions_are_asked_anew(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    [planned] = batch_rows(scripted_work)
    last_word, _ = cancel(desk, planned.shard_hash[:10])
    assert f"{planned.file_name} was never sent and is withdrawn" in last_word
    assert "asks its 4 questions again" in last_word
    assert api.count(CREATE) == 0
    assert {row.state for row in requests_of(scripted_work)} == {"not_executed"}
    assert cancel(desk, planned.file_name)[0] == last_word
    # Somebody else may ask them now; if nobody did, its partition does.
    assert set(asked_questions(scripted_work).values()) == {"waits"}
    assert due_jobs(scripted_work) == ["submit"]
    submission.submit(at_its_next_turn(scripted_work), FOUR)
    assert api.count(CREATE) == 1
    assert sorted(asked_questions(scripted_work).values()) == ["asks"] * 4


def test_a_withdrawn_batchs_questions_pass_to_who_waits_for_them(
    scripted_work: PartitionWork, desk: Desk
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    waiter = on_a_day_of_its_own(scripted_work)
    land(waiter, state="waiting")
    claim(waiter, *FOUR["question_key"])
    assert set(asked_questions(waiter).values()) == {"waits"}
    operations.cancel(desk, batch_rows(scripted_work)[0].shard_hash)
    claim(waiter, *FOUR["question_key"])
    assert set(asked_questions(waiter).values()) == {"asks"}


def test_what_is_being_sent_is_not_withdrawn(scripted_work: PartitionWork, desk: Desk) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    [planned] = batch_rows(scripted_work)
    holds, release = threading.Event(), threading.Event()

    def send() -> None:
        with life.locked(scripted_work.engine, scripted_work.partition, "run 12345678", 0) as hold:
            holds.set()
            release.wait(10)
            sender = dataclasses.replace(scripted_work, epoch=hold.epoch)
            submission.send(sender)

    sender = threading.Thread(target=send)
    sender.start()
    holds.wait(10)
    threading.Timer(0.3, release.set).start()
    with pytest.raises(OperationError, match="was validating by the time its partition was free"):
        operations.cancel(desk, planned.shard_hash)
    sender.join()
    assert batch_rows(scripted_work)[0].batch_id == "batch_1"


def test_a_batch_in_doubt_is_not_cancelled(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    row = record(scripted_work, state="creating")
    with pytest.raises(
        OperationError, match=r"may exist.*`normalizer run --day .* --retailer lider --wait`"
    ):
        operations.cancel(desk, row.shard_hash)
    assert api.asked == []


def test_a_failed_batch_is_left_to_its_partitions_collect(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    failures = {"object": "list", "data": [{"code": "odd", "message": "strange"}]}
    api.end("batch_1", "failed")
    api.batches["batch_1"]["errors"] = failures
    last_word, _ = cancel(desk, "batch_1")
    assert last_word == "batch_1 failed, nothing of it was executed: odd: strange"
    assert batch_rows(scripted_work)[0].harvested_at is None


# --- adopting -------------------------------------------------------------------------


def lose(work: PartitionWork) -> None:
    """Sends a batch, then forgets its id, as a process that dies before its commit."""
    submit(work, FOUR)
    record(work, batch_id=None, state="creating", submitted_at=None)
    with work.engine.begin() as connection:
        connection.execute(sa.text("update normalizer.batch_requests set state = 'planned'"))
        life.enter(connection, work.partition, "submitted")


def test_an_adopted_batch_is_gone_on_with(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    lose(scripted_work)
    api.end("batch_1", output=[output_line(each) for each in api.ids("batch_1")])
    said = operations.adopt(desk, "batch_1")
    assert f"of {scripted_work.partition.key} (completed)" in said
    [row] = batch_rows(scripted_work)
    assert (row.batch_id, row.state) == ("batch_1", "completed")
    assert {each.state for each in requests_of(scripted_work)} == {"sent"}
    partition = partition_row(scripted_work)
    assert partition.state == "waiting"
    assert partition.deadline_at > datetime.now(UTC)
    assert due_jobs(scripted_work) == ["collect"]
    assert operations.adopt(desk, "batch_1") == (
        "batch_1 is in the ledger already (completed); nothing to do"
    )
    collect(at_its_next_turn(scripted_work), FOUR)
    assert set(asked_questions(scripted_work).values()) == {"answered"}
    assert api.count(CREATE) == 1


def test_a_batch_without_metadata_is_known_by_its_file(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    lose(scripted_work)
    api.batches["batch_1"]["metadata"] = None
    assert "batch_1 is adopted" in operations.adopt(desk, "batch_1")


def test_only_a_batch_of_ours_is_adopted(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    ours = api.batches["batch_1"]
    api.batches["stranger"] = ours | {"id": "stranger", "metadata": {}, "input_file_id": "file-99"}
    api.batches["twin"] = ours | {"id": "twin"}
    for batch_id, words in (
        ("stranger", "is none of this database's batches"),
        ("twin", "the shard of twin is batch_1 already"),
        ("nowhere", "the API knows no batch 'nowhere'"),
    ):
        with pytest.raises(OperationError, match=words):
            operations.adopt(desk, batch_id)
    [row] = batch_rows(scripted_work)
    assert row.batch_id == "batch_1"


def test_a_shard_that_was_created_anew_meanwhile_is_not_overwritten(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    lose(scripted_work)
    api.batches["twin"] = api.batches["batch_1"] | {"id": "twin"}
    holds, release = threading.Event(), threading.Event()

    def send() -> None:
        with life.locked(scripted_work.engine, scripted_work.partition, "run 12345678", 0):
            holds.set()
            release.wait(10)
            record(scripted_work, batch_id="twin", state="validating")

    sender = threading.Thread(target=send)
    sender.start()
    holds.wait(10)
    threading.Timer(0.3, release.set).start()
    with pytest.raises(OperationError, match="the shard of batch_1 is twin already"):
        operations.adopt(desk, "batch_1")
    sender.join()
    assert batch_rows(scripted_work)[0].batch_id == "twin"


def test_a_withdrawn_shard_is_not_adopted(scripted_work: PartitionWork, desk: Desk) -> None:
    lose(scripted_work)
    with scripted_work.begin() as connection:
        ledger.withdraw_batch(connection, batch_rows(scripted_work)[0].shard_hash, "a test")
    with pytest.raises(OperationError, match=r"was withdrawn.*cancel it at the API"):
        operations.adopt(desk, "batch_1")


# --- releasing ------------------------------------------------------------------------


def stick(work: PartitionWork, api: ScriptedApi) -> None:
    """Leaves a batch in ``cancelling`` for longer than a person has to wait."""
    submit(work, FOUR)
    api.batches["batch_1"]["status"] = "cancelling"
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    record(work, state="cancelling", cancel_requested_at=long_ago)
    polling.alerts(work.engine, work.config.polling)
    assert partition_row(work).blocked_by == "stuck"
    assert due_jobs(work) == []


def test_a_batch_that_does_not_end_is_released_only_with_consent(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    stick(scripted_work, api)
    bound = sum(row.bound_usd for row in requests_of(scripted_work))
    with pytest.raises(
        OperationError,
        match=rf"4 requests may be paid twice, which costs at most {bound:.6f} USD more; add --yes",
    ):
        operations.resubmit(desk, "batch_1", agreed=False)
    assert {row.state for row in requests_of(scripted_work)} == {"sent"}
    said = operations.resubmit(desk, "batch_1", agreed=True)
    assert "batch_1 is given up, 4 requests are released" in said[0]
    assert "is waiting again" in said[-1]
    row = partition_row(scripted_work)
    assert (row.state, row.blocked_by, row.blocked_reason) == ("waiting", None, None)
    assert due_jobs(scripted_work) == ["collect"]
    again = operations.resubmit(desk, "batch_1", agreed=False)
    assert "batch_1 was released before" in again[0]
    assert {row.state for row in requests_of(scripted_work)} == {"outcome_unknown"}
    with scripted_work.engine.connect() as connection:
        assert ledger.cost_of(connection, scripted_work.partition) == bound


def test_a_released_batch_that_ends_after_all_costs_what_it_cost(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    stick(scripted_work, api)
    operations.resubmit(desk, "batch_1", agreed=True)
    api.end("batch_1", "cancelled", [output_line(each) for each in api.ids("batch_1")])
    last_word, _ = cancel(desk, "batch_1")
    assert "4 of 4 requests are answered" in last_word
    with scripted_work.engine.connect() as connection:
        line = completion()["usage"]
        model = scripted_work.config.models["gpt-5-mini"]
        each = (
            line["prompt_tokens"] * model.input_usd + line["completion_tokens"] * model.output_usd
        ) * model.batch_factor
        cost = ledger.cost_of(connection, scripted_work.partition)
    assert float(cost) == pytest.approx(4 * each / 1e6)
    assert operations.resubmit(desk, "batch_1", agreed=False) == [
        "every request of batch_1 has an answer; there is nothing to ask again"
    ]


def test_a_batch_that_ended_meanwhile_is_not_released(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    stick(scripted_work, api)
    api.end("batch_1", "cancelled", [output_line(each) for each in api.ids("batch_1")])
    said = operations.resubmit(desk, "batch_1", agreed=True)
    assert "4 wait for it" in said[0]
    assert batch_rows(scripted_work)[0].released_at is None


def test_what_is_under_way_is_not_released(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    api.batches["batch_1"]["status"] = "in_progress"
    with pytest.raises(OperationError, match=r"batch_1 is in_progress: .*batches cancel batch_1`"):
        operations.resubmit(desk, "batch_1", agreed=True)
    operations.cancel(desk, "batch_1")
    with pytest.raises(OperationError, match=r"its cancel was asked for at .*cancelling_hours"):
        operations.resubmit(desk, "batch_1", agreed=True)
    impatient = desk.config.model_copy(update={"polling": PollingConfig(cancelling_hours=0)})
    assert operations.resubmit(dataclasses.replace(desk, config=impatient), "batch_1", agreed=True)


def test_what_was_never_sent_is_not_released(scripted_work: PartitionWork, desk: Desk) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    with pytest.raises(OperationError, match=r"was never sent \(planned\)"):
        operations.resubmit(desk, batch_rows(scripted_work)[0].file_name, agreed=True)


@pytest.mark.parametrize("state", ["failed", "waiting", "held", "published"])
def test_only_a_failed_partition_is_made_due_again(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk, state: Any
) -> None:
    submit(scripted_work, FOUR)
    end_when_cancelled(api, "batch_1", done=1)
    cancel(desk, "batch_1")
    with scripted_work.engine.begin() as connection:
        life.enter(connection, scripted_work.partition, state, "some reason")
        life.record(connection, scripted_work.partition, attempts=3)
    said = operations.resubmit(desk, "batch_1", agreed=False)
    assert said[0].startswith(
        "3 of 4 requests of batch_1 (cancelled) have no answer: 3 go to the ne"
    )
    row = partition_row(scripted_work)
    if state == "failed":
        assert (row.state, row.attempts, row.blocked_reason) == ("waiting", 0, None)
        assert due_jobs(scripted_work) == ["collect"]
        assert "is waiting again" in said[1]
    else:
        assert (row.state, row.attempts, row.blocked_reason) == (state, 3, "some reason")
        assert f"is {state}: " in said[1]


def test_a_failed_partition_with_unsent_batches_is_submitted_again(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    end_when_cancelled(api, "batch_1", done=0)
    cancel(desk, "batch_1")
    plan(scripted_work, routed_listings(4, prefix="other "))
    with scripted_work.engine.begin() as connection:
        life.enter(connection, scripted_work.partition, "failed", "some reason")
    assert "is submitted again" in operations.resubmit(desk, "batch_1", agreed=False)[1]


def test_an_api_that_cannot_be_asked_changes_nothing(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    stick(scripted_work, api)
    api.then("GET /batches", error(401, "wrong key"))
    before = batch_rows(scripted_work)
    with pytest.raises(openai.AuthenticationError):
        operations.resubmit(desk, "batch_1", agreed=True)
    assert batch_rows(scripted_work) == before


def test_a_batch_that_the_list_hides_is_asked_for_by_id(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    api.then("GET /batches", NO_BATCHES)
    end_when_cancelled(api, "batch_1", done=4)
    assert "4 of 4" in cancel(desk, "batch_1")[0]


def test_nothing_is_lost_by_two_cancels_at_once(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    api.end("batch_1", output=[output_line(each) for each in api.ids("batch_1")])
    said: list[str] = []
    other = Desk(desk.config, desk.engine, desk.connect_api)
    threads = [
        threading.Thread(target=lambda one=one: said.append(cancel(one, "batch_1")[0]))
        for one in (desk, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 2
    assert all("4 of 4 requests are answered" in each for each in said)
    frame = pl.DataFrame({"state": [row.state for row in requests_of(scripted_work)]})
    assert frame["state"].to_list() == ["ok"] * 4
