import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import openai
import pytest
import sqlalchemy as sa
from openai.types import Batch

from normalizer_assets.batching import ledger, life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.polling import BatchProgress, alerts, cancel, poll
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import PollingConfig
from normalizer_assets.db.tables import TERMINAL_BATCH_STATES, BatchState, PartitionState, batches
from normalizer_assets_tests.batching.listings import partition_row, routed_listings, submit
from normalizer_assets_tests.batching.scripted_api import DROPPED, Reply, ScriptedApi, error

API_STATES = get_args(Batch.model_fields["status"].annotation)


@pytest.fixture
def batch_id(scripted_work: PartitionWork) -> str:
    """A batch of four requests that was just created."""
    [batch_id] = submit(scripted_work, routed_listings(4))
    return batch_id


def row_of(work: PartitionWork, batch_id: str) -> Any:
    with work.engine.connect() as connection:
        return connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id)).one()


def test_every_state_of_the_api_has_a_place() -> None:
    assert set(get_args(BatchState)) - set(API_STATES) == {"planned", "uploaded", "creating"}
    assert set(API_STATES) <= set(get_args(BatchState))


@pytest.mark.parametrize("state", API_STATES)
def test_every_state_is_recorded_once(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, state: str
) -> None:
    counts = {"total": 4, "completed": 2, "failed": 1}
    api.batches[batch_id] |= {"status": state, "request_counts": counts}
    [change] = poll(scripted_work.engine, scripted_work.client)
    assert (change.batch_id, change.state, change.done, change.total) == (batch_id, state, 3, 4)
    assert change.partitions == (scripted_work.partition,)
    row = row_of(scripted_work, batch_id)
    assert (row.state, row.completed_count, row.failed_count) == (state, 2, 1)
    assert (row.terminal_at is not None) == (state in TERMINAL_BATCH_STATES)
    assert poll(scripted_work.engine, scripted_work.client) == []


@pytest.mark.parametrize("nothing", ["", None])
def test_a_file_that_does_not_exist_is_null(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, nothing: str | None
) -> None:
    api.end(batch_id, output=["{}"], error_file_id=nothing)
    poll(scripted_work.engine, scripted_work.client)
    row = row_of(scripted_work, batch_id)
    assert row.output_file_id in api.files
    assert row.error_file_id is None


def test_errors_and_usage_are_kept(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    problem = {"code": "token_limit_exceeded", "line": None, "message": "Enqueued token limit"}
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 13,
    }
    api.end(batch_id, "failed", errors=None, usage=usage)
    api.batches[batch_id]["errors"] = {"object": "list", "data": [problem]}
    poll(scripted_work.engine, scripted_work.client)
    row = row_of(scripted_work, batch_id)
    assert row.errors["data"][0]["code"] == "token_limit_exceeded"
    assert row.usage == usage


@pytest.mark.parametrize(
    "trouble",
    [error(500, "down", retry_after_ms="1"), DROPPED, error(401, "no", "invalid_api_key")],
)
def test_a_look_that_failed_says_nothing(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, trouble: Any
) -> None:
    before = row_of(scripted_work, batch_id)
    api.end(batch_id, output=["{}"])
    client = scripted_work.client.with_options(max_retries=0)
    api.then("GET /batches", trouble)
    with pytest.raises(openai.OpenAIError):
        poll(scripted_work.engine, client)
    assert row_of(scripted_work, batch_id) == before
    [change] = poll(scripted_work.engine, client)
    assert change.state == "completed"


def test_the_list_is_paged_once_and_only_as_far_as_needed(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    for number in range(150):
        api.batches[f"stranger_{number}"] = {**api.batches[batch_id], "id": f"stranger_{number}"}
    api.batches[batch_id]["status"] = "in_progress"
    before = api.count("GET /batches")
    [change] = poll(scripted_work.engine, scripted_work.client)
    assert change.batch_id == batch_id
    assert api.count("GET /batches") - before == 2
    assert api.count(f"GET /batches/{batch_id}") == 0


def test_a_batch_that_the_list_does_not_show_is_asked_for(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.batches[batch_id]["status"] = "in_progress"
    empty = {"object": "list", "data": [], "has_more": False}
    api.then("GET /batches", dataclasses.replace(error(200, ""), body=empty))
    [change] = poll(scripted_work.engine, scripted_work.client)
    assert (change.batch_id, change.state) == (batch_id, "in_progress")
    assert api.count(f"GET /batches/{batch_id}") == 1


def test_without_open_batches_nobody_is_asked(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id)
    poll(scripted_work.engine, scripted_work.client)
    before = api.count("GET /batches")
    assert poll(scripted_work.engine, scripted_work.client) == []
    assert api.count("GET /batches") == before


def test_batches_of_all_partitions_are_looked_at(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    other = dataclasses.replace(scripted_work, partition=Partition(date(2024, 10, 2), "jumbo"))
    [second] = submit(other, routed_listings(4, retailer="jumbo", prefix="other"))
    for ended in (batch_id, second):
        api.end(ended, output=["{}"])
    changes = poll(scripted_work.engine, scripted_work.client)
    assert {change.partitions for change in changes} == {
        (scripted_work.partition,),
        (other.partition,),
    }
    with scripted_work.engine.connect() as connection:
        assert ledger.open_batches(connection) == []


def test_a_look_at_one_batch_that_fails_leaves_what_the_list_said(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    other = dataclasses.replace(scripted_work, partition=Partition(date(2024, 10, 2), "jumbo"))
    [hidden] = submit(other, routed_listings(4, retailer="jumbo", prefix="other"))
    before = row_of(scripted_work, hidden)
    api.batches[batch_id]["status"] = "in_progress"
    page = {"object": "list", "data": [api.batches[batch_id]], "has_more": False}
    api.then("GET /batches", Reply(body=page))
    api.then(f"GET /batches/{hidden}", error(500, "down"))
    with pytest.raises(openai.OpenAIError):
        poll(scripted_work.engine, scripted_work.client.with_options(max_retries=0))
    assert row_of(scripted_work, batch_id).state == "in_progress"
    assert row_of(scripted_work, hidden) == before


def test_a_batch_that_this_key_does_not_see_hides_no_other(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    other = dataclasses.replace(scripted_work, partition=Partition(date(2024, 10, 2), "jumbo"))
    [second] = submit(other, routed_listings(4, retailer="jumbo", prefix="other"))
    before = row_of(scripted_work, batch_id)
    api.batches[second]["status"] = "in_progress"
    empty = {"object": "list", "data": [], "has_more": False}
    api.then("GET /batches", Reply(body=empty))
    api.then(f"GET /batches/{batch_id}", error(404, "no such batch"))
    [change] = poll(scripted_work.engine, scripted_work.client)
    assert change.batch_id == second
    assert row_of(scripted_work, batch_id) == before


def test_progress_is_remembered_and_only_progress(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    started = row_of(scripted_work, batch_id).progressed_at
    assert poll(scripted_work.engine, scripted_work.client) == []
    assert row_of(scripted_work, batch_id).progressed_at == started
    seen = started
    for done in (1, 2):
        counts = {"total": 4, "completed": done, "failed": 0}
        api.batches[batch_id] |= {"status": "in_progress", "request_counts": counts}
        poll(scripted_work.engine, scripted_work.client)
        row = row_of(scripted_work, batch_id)
        assert row.progressed_at > seen
        assert row.completed_count == done
        seen = row.progressed_at


# --- cancelling -----------------------------------------------------------------------


def test_a_cancel_is_recorded_with_its_moment(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    cancelling = {**api.batches[batch_id], "status": "cancelling"}
    api.then(f"POST /batches/{batch_id}/cancel", Reply(body=cancelling), Reply(body=cancelling))
    cancel(scripted_work.engine, scripted_work.client, row_of(scripted_work, batch_id))
    first = row_of(scripted_work, batch_id)
    assert first.state == "cancelling"
    assert first.cancel_requested_at is not None
    cancel(scripted_work.engine, scripted_work.client, first)
    assert row_of(scripted_work, batch_id).cancel_requested_at == first.cancel_requested_at


def test_a_batch_that_ended_before_its_cancel_is_as_it_is(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=["{}"])
    api.then(f"POST /batches/{batch_id}/cancel", error(409, "it is completed"))
    client = scripted_work.client.with_options(max_retries=0)
    cancel(scripted_work.engine, client, row_of(scripted_work, batch_id))
    row = row_of(scripted_work, batch_id)
    assert row.state == "completed"
    assert row.output_file_id in api.files


def test_a_cancel_that_failed_is_asked_for_again(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    before = row_of(scripted_work, batch_id)
    api.then(f"POST /batches/{batch_id}/cancel", error(500, "down"))
    with pytest.raises(openai.OpenAIError):
        cancel(scripted_work.engine, scripted_work.client.with_options(max_retries=0), before)
    assert row_of(scripted_work, batch_id) == before


# --- standing still -------------------------------------------------------------------

PATIENCE = PollingConfig(stalled_hours=6, finalizing_minutes=60, cancelling_hours=1)


def stand(work: PartitionWork, batch_id: str, state: str, **ago: timedelta) -> None:
    """Lets a batch be in a state, and moments of it lie some time back."""
    now = datetime.now(UTC)
    with work.engine.begin() as connection:
        ledger.record_batch(
            connection,
            row_of(work, batch_id).shard_hash,
            state=state,
            **{name: now - time for name, time in ago.items()},
        )


@pytest.mark.parametrize(
    ("state", "stood", "alert"),
    [
        ("validating", timedelta(hours=5), None),
        ("validating", timedelta(hours=7), "no progress for 6 h (validating)"),
        ("in_progress", timedelta(hours=5.9), None),
        ("in_progress", timedelta(hours=6.1), "no progress for 6 h (in_progress)"),
        ("finalizing", timedelta(minutes=59), None),
        ("finalizing", timedelta(minutes=61), "finalizing for 60 minutes"),
        ("completed", timedelta(hours=99), None),
    ],
)
def test_a_batch_that_stands_still_is_told_about_once(
    scripted_work: PartitionWork, batch_id: str, state: str, stood: timedelta, alert: str | None
) -> None:
    stand(scripted_work, batch_id, state, progressed_at=stood)
    expected = [f"{batch_id}: {alert}"] if alert else []
    assert alerts(scripted_work.engine, PATIENCE) == expected
    assert row_of(scripted_work, batch_id).alert == alert
    assert alerts(scripted_work.engine, PATIENCE) == []
    assert partition_row(scripted_work).blocked_by is None


def test_an_alert_ends_with_progress_and_may_come_again(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    for done in (1, 2):
        stand(scripted_work, batch_id, "in_progress", progressed_at=timedelta(hours=7))
        assert len(alerts(scripted_work.engine, PATIENCE)) == 1
        counts = {"total": 4, "completed": done, "failed": 0}
        api.batches[batch_id] |= {"status": "in_progress", "request_counts": counts}
        poll(scripted_work.engine, scripted_work.client)
        assert row_of(scripted_work, batch_id).alert is None
        assert alerts(scripted_work.engine, PATIENCE) == []


@pytest.mark.parametrize("state", ["in_progress", "finalizing", "cancelling"])
def test_a_batch_that_does_not_end_after_its_cancel_blocks_its_partitions(
    scripted_work: PartitionWork, batch_id: str, state: str
) -> None:
    stand(scripted_work, batch_id, state, cancel_requested_at=timedelta(minutes=59))
    assert alerts(scripted_work.engine, PATIENCE) == []
    stand(scripted_work, batch_id, state, cancel_requested_at=timedelta(minutes=61))
    [told] = alerts(scripted_work.engine, PATIENCE)
    for said in (batch_id, "1 h after its cancel", "may be paid twice", "batches resubmit"):
        assert said in told
    row = partition_row(scripted_work)
    assert (row.state, row.blocked_by) == ("waiting", "stuck")
    assert batch_id in row.blocked_reason
    assert alerts(scripted_work.engine, PATIENCE) == []


def test_a_batch_that_a_person_released_blocks_nobody(
    scripted_work: PartitionWork, batch_id: str
) -> None:
    hours = timedelta(hours=2)
    stand(
        scripted_work, batch_id, "cancelling", cancel_requested_at=hours, released_at=timedelta(0)
    )
    alerts(scripted_work.engine, PATIENCE)
    assert partition_row(scripted_work).blocked_by is None


@pytest.mark.parametrize("state", ["published", "held", "failed"])
def test_a_partition_that_has_ended_keeps_its_own_reason(
    scripted_work: PartitionWork, batch_id: str, state: PartitionState
) -> None:
    with scripted_work.begin() as connection:
        life.enter(connection, scripted_work.partition, state, "its own reason")
    stand(scripted_work, batch_id, "cancelling", cancel_requested_at=timedelta(hours=2))
    assert len(alerts(scripted_work.engine, PATIENCE)) == 1
    row = partition_row(scripted_work)
    assert (row.state, row.blocked_by, row.blocked_reason) == (state, None, "its own reason")


def test_a_batch_is_expected_to_go_on_as_it_did_and_to_end_within_its_window() -> None:
    begun = datetime(2024, 10, 1, 12, tzinfo=UTC)

    def end(done: int, hours: float) -> datetime | None:
        progress = BatchProgress("b", "in_progress", done, 100, begun, ())
        return progress.expected_end(begun + timedelta(hours=hours))

    assert end(0, 1) is None
    assert end(25, 1) == begun + timedelta(hours=4)
    assert end(1, 1) == begun + timedelta(hours=24)
    assert end(100, 3) == begun + timedelta(hours=3)
    assert end(50, 25) == begun + timedelta(hours=25)
