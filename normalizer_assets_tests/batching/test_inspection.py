"""Finding batches by what a person types, and what is shown of them."""

from typing import Any

import pytest
import sqlalchemy as sa

from normalizer_assets.batching import inspection, ledger, operations, polling
from normalizer_assets.batching.collection import collect
from normalizer_assets.batching.errors import NotReady, OperationError
from normalizer_assets.batching.operations import Desk
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets_tests.batching.listings import (
    batch_rows,
    on_a_day_of_its_own,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import ScriptedApi, output_line

FOUR = routed_listings(4)


@pytest.fixture
def desk(scripted_work: PartitionWork) -> Desk:
    """An operator's desk on the database of ``scripted_work``."""
    return Desk(scripted_work.config, scripted_work.engine, scripted_work.connect_api)


def find(work: PartitionWork, name: str) -> sa.Row[Any]:
    with work.engine.connect() as connection:
        return inspection.find(connection, name)


def test_a_batch_is_found_by_id_hash_file_or_their_beginning(scripted_work: PartitionWork) -> None:
    submit(scripted_work, FOUR)
    [row] = batch_rows(scripted_work)
    for name in ("batch_1", "batch", row.shard_hash, row.shard_hash[:8], row.file_name):
        assert find(scripted_work, name).shard_hash == row.shard_hash


def test_a_whole_id_wins_over_those_that_it_begins(scripted_work: PartitionWork) -> None:
    work = scripted_work
    for number in range(2):
        submit(on_a_day_of_its_own(work), routed_listings(4, prefix=f"{number} "))
    first, second = batch_rows(work)
    with work.engine.begin() as connection:
        ledger.record_batch(connection, second.shard_hash, batch_id="batch_10")
    assert find(work, "batch_1").shard_hash == first.shard_hash
    with pytest.raises(OperationError, match="'batch' is the beginning of 2 batches: batch_10, ba"):
        find(work, "batch")


@pytest.mark.parametrize("name", ["nonsense", "", "%", "_"])
def test_an_unknown_name_is_said_with_what_to_do(scripted_work: PartitionWork, name: str) -> None:
    submit(scripted_work, FOUR)
    with pytest.raises(OperationError, match=r"no batch '.*`normalizer batches list`"):
        find(scripted_work, name)


def test_the_list_can_be_narrowed(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    works = [on_a_day_of_its_own(scripted_work) for _ in range(3)]
    for number, work in enumerate(works):
        submit(work, routed_listings(4, prefix=f"{number} "))
    api.end("batch_1", output=[output_line(each) for each in api.ids("batch_1")])
    polling.poll(scripted_work.engine, scripted_work.client)

    def ids(**only: Any) -> list[str]:
        with scripted_work.engine.connect() as connection:
            return [each["batch_id"] for each in inspection.listed(connection, **only)]

    assert ids() == ["batch_1", "batch_2", "batch_3"]
    assert ids(last=2) == ["batch_2", "batch_3"]
    assert ids(day=works[1].partition.day) == ["batch_2"]
    assert ids(retailer="jumbo") == []
    assert ids(only_open=True) == ["batch_1", "batch_2", "batch_3"]  # not harvested yet
    with pytest.raises(NotReady):  # three questions have no answer
        collect(works[1], FOUR)
    row = find(scripted_work, "batch_1")
    operations.settle(desk, row)
    assert ids(only_open=True) == ["batch_2", "batch_3"]


def test_everything_about_a_batch(
    scripted_work: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    submit(scripted_work, FOUR)
    ids = api.ids("batch_1")
    usage = {"input_tokens": 400, "output_tokens": 100, "total_tokens": 500}
    failures = {"object": "list", "data": [{"code": "odd", "message": "strange", "line": 3}]}
    api.end("batch_1", output=[output_line(each) for each in ids], usage=usage)
    api.batches["batch_1"]["errors"] = failures
    polling.poll(scripted_work.engine, scripted_work.client)
    with scripted_work.engine.connect() as connection:
        before = inspection.in_full(connection, desk.config, find(scripted_work, "batch_1"))
    assert before["reconciliation"] is None
    assert before["requests"] == {"sent": 4}
    assert list(before["files"]) == ["request"]
    operations.settle(desk, find(scripted_work, "batch_1"))
    with scripted_work.engine.connect() as connection:
        figures = inspection.in_full(connection, desk.config, find(scripted_work, "batch_1"))
    assert figures["state"] == "completed"
    assert (figures["done"], figures["total"], figures["round"]) == (4, 4, 1)
    assert figures["partitions"] == [scripted_work.partition.key]
    assert figures["requests"] == {"ok": 4}
    assert list(figures["files"]) == ["request", "output"]
    assert figures["errors"] == "odd: strange (line 3)"
    money = figures["reconciliation"]
    # 20 output tokens more than the lines have, at gpt-5-mini's batch price.
    assert money["unplaced_usd"] == pytest.approx(money["usage_usd"] - money["lines_usd"])
    assert money["unplaced_usd"] == pytest.approx(20 * 1.0 / 1e6)
    assert figures["cost_usd"] == money["lines_usd"]
    assert figures["harvested_at"] > figures["terminal_at"] > figures["submitted_at"]
