import dataclasses
from datetime import date
from typing import Any, get_args

import openai
import pytest
import sqlalchemy as sa
from openai.types import Batch

from normalizer_assets.batching import ledger
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.polling import poll
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import TERMINAL_BATCH_STATES, BatchState, batches
from normalizer_assets_tests.batching.listings import routed_listings, submit
from normalizer_assets_tests.batching.scripted_api import DROPPED, ScriptedApi, error

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
    assert set(get_args(BatchState)) - set(API_STATES) == {"planned", "uploaded"}
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
    [second] = submit(other, routed_listings(4, retailer="jumbo"))
    for ended in (batch_id, second):
        api.end(ended, output=["{}"])
    changes = poll(scripted_work.engine, scripted_work.client)
    assert {change.partitions for change in changes} == {
        (scripted_work.partition,),
        (other.partition,),
    }
    with scripted_work.engine.connect() as connection:
        assert ledger.open_batches(connection) == []
