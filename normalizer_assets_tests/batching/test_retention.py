"""Raw files go when their time is over, and never while somebody may need them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from normalizer_assets.automation.sweep import sweep
from normalizer_assets.batching import call_ledger, inspection, ledger, life, operations, retention
from normalizer_assets.batching.operations import Desk
from normalizer_assets.batching.retention import remove_old_files
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import RetentionConfig
from normalizer_assets.db.tables import PartitionState
from normalizer_assets_tests.batching.listings import (
    land,
    on_a_day_of_its_own,
    plan,
    plan_request,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import (
    ScriptedApi,
    output_line,
    unexecuted_line,
)

REQUESTS_ONLY = RetentionConfig(request_files_days=10, result_files_days=100)
RESULTS_ONLY = RetentionConfig(request_files_days=100, result_files_days=10)
BOTH = RetentionConfig(request_files_days=10, result_files_days=10)
AT_ONCE = RetentionConfig(request_files_days=0, result_files_days=0)


def harvested(
    work: PartitionWork, api: ScriptedApi, state: PartitionState = "published", days: float = 20
) -> str:
    """Leaves a batch that was harvested some days ago; returns its id."""
    routed = routed_listings(4, prefix=f"{work.partition.key} ")
    [batch_id] = submit(work, routed)
    *done, left = api.ids(batch_id)
    api.end(batch_id, "expired", [output_line(each) for each in done], [unexecuted_line(left)])
    desk = Desk(work.config, work.engine, work.connect_api)
    operations.settle(
        desk, operations.wait_until_ended(desk, [row_of(work, batch_id)], 5, print)[0]
    )
    with work.engine.begin() as connection:
        life.enter(connection, work.partition, state)
        shard_hash = row_of(work, batch_id).shard_hash
        ago = sa.func.now() - timedelta(days=days)
        ledger.record_batch(connection, shard_hash, harvested_at=ago)
    return batch_id


def row_of(work: PartitionWork, batch_id: str) -> sa.Row[Any]:
    with work.engine.connect() as connection:
        return inspection.find(connection, batch_id)


def remove(work: PartitionWork, config: RetentionConfig) -> int:
    return remove_old_files(work.engine, work.storage, config)


def kept(work: PartitionWork, *folders: str) -> list[str]:
    """Returns the names of the files that are kept."""
    found = [work.storage / folder for folder in folders or ("requests", "results")]
    return sorted(file.name for folder in found if folder.exists() for file in folder.iterdir())


def test_files_go_when_their_time_is_over(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    batch_id = harvested(scripted_work, api)
    everything = kept(scripted_work)
    assert len(everything) == 3
    partial = scripted_work.storage / "results" / f"{batch_id}.output.jsonl.partial"
    partial.write_bytes(b"of a process that died")
    assert remove(scripted_work, RetentionConfig()) == 0
    assert remove(scripted_work, BOTH) == 4
    assert kept(scripted_work) == []
    assert row_of(scripted_work, batch_id).files_removed_at is not None
    assert remove(scripted_work, BOTH) == 0


def test_request_and_result_files_have_times_of_their_own(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    works = [on_a_day_of_its_own(scripted_work) for _ in range(2)]
    harvested(works[0], api)
    assert remove(scripted_work, REQUESTS_ONLY) == 1
    assert kept(scripted_work) == ["batch_1.error.jsonl", "batch_1.output.jsonl"]
    # Who shortens a time later gets the rest removed as well.
    assert remove(scripted_work, AT_ONCE) == 2
    harvested(works[1], api)
    assert remove(scripted_work, RESULTS_ONLY) == 2
    assert kept(scripted_work) == [row_of(scripted_work, "batch_2").file_name]
    assert remove(scripted_work, AT_ONCE) == 1


@pytest.mark.parametrize(
    "state", ["landed", "submitted", "waiting", "collecting", "held", "failed"]
)
def test_nothing_of_an_unpublished_partition_goes(
    scripted_work: PartitionWork, api: ScriptedApi, state: PartitionState
) -> None:
    harvested(scripted_work, api, state)
    assert remove(scripted_work, AT_ONCE) == 0
    assert len(kept(scripted_work)) == 3


def test_a_shared_batch_stays_until_all_of_its_partitions_are_published(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    harvested(scripted_work, api)
    other = on_a_day_of_its_own(scripted_work)
    land(other, state="waiting")
    with scripted_work.engine.begin() as connection:
        connection.execute(
            sa.text(
                "update normalizer.batch_requests set day = :day where request_id = "
                "(select min(request_id) from normalizer.batch_requests)"
            ),
            {"day": other.partition.day},
        )
    assert remove(scripted_work, AT_ONCE) == 0
    with scripted_work.engine.begin() as connection:
        life.enter(connection, other.partition, "published")
    assert remove(scripted_work, AT_ONCE) == 3


def test_what_is_not_harvested_never_goes(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    submit(scripted_work, routed_listings(4))
    planned = on_a_day_of_its_own(scripted_work)
    land(planned)
    plan(planned, routed_listings(4, prefix="other "))
    api.end("batch_1", output=[output_line(each) for each in api.ids("batch_1")])
    with scripted_work.engine.begin() as connection:
        for partition in (scripted_work.partition, planned.partition):
            life.enter(connection, partition, "published")
    assert remove(scripted_work, AT_ONCE) == 0
    assert len(kept(scripted_work)) == 2


def test_a_stray_file_is_left_alone(scripted_work: PartitionWork) -> None:
    folder = scripted_work.storage / "requests"
    folder.mkdir(parents=True)
    (folder / "of_another_database.jsonl").write_bytes(b"{}")
    assert remove(scripted_work, AT_ONCE) == 0
    assert kept(scripted_work) == ["of_another_database.jsonl"]


def test_a_look_removes_a_bounded_number_the_oldest_first(
    scripted_work: PartitionWork, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    works = [on_a_day_of_its_own(scripted_work) for _ in range(3)]
    for days, work in zip((30, 50, 40), works, strict=True):
        harvested(work, api, days=days)
    assert remove(scripted_work, BOTH) == 2 + 4
    assert kept(scripted_work, "results") == ["batch_1.error.jsonl", "batch_1.output.jsonl"]
    assert remove(scripted_work, BOTH) == 1 + 2
    assert kept(scripted_work) == []


def test_leftovers_of_embedding_calls_go_once_they_are_settled(work: PartitionWork) -> None:
    land(work)
    ended = plan_request(work, "q0", "embedding")
    under_way = plan_request(work, "q1", "embedding")
    folder = work.storage / "embeddings"
    folder.mkdir(parents=True)
    for request_id in (ended, under_way, 4_000_000_000):
        for kind in ("asked", "reply"):
            (folder / f"{request_id}.{kind}.json").write_bytes(b"{}")
    (folder / f"{ended}.reply.json.partial").write_bytes(b"{")
    (folder / "README").write_bytes(b"somebody's own")
    with work.engine.begin() as connection:
        ago = sa.func.now() - timedelta(days=20)
        lost = {"state": "outcome_unknown", "settled_at": ago, "cost_usd": Decimal(0)}
        call_ledger.settle_request(connection, ended, lost)
        call_ledger.settle_request(connection, under_way, {"state": "received", "settled_at": ago})
    assert remove(work, REQUESTS_ONLY) == 1
    assert not (folder / f"{ended}.asked.json").exists()
    assert remove(work, BOTH) == 2
    assert not any(name.startswith(f"{ended}.") for name in kept(work, "embeddings"))
    assert len(kept(work, "embeddings")) == 5


def test_a_sweep_removes_old_files_and_goes_on_where_it_cannot(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    harvested(scripted_work, api)
    config = scripted_work.config.model_copy(update={"retention": BOTH})

    def look() -> list[str]:
        return sweep(
            scripted_work.engine, scripted_work.connect_api, config, lambda _: False, only=set()
        ).failures

    folder = scripted_work.storage / "requests"
    folder.rename(folder.with_name("elsewhere"))
    folder.write_bytes(b"a file where a folder belongs")
    assert look()[0].startswith("old files could not be removed, the next look tries again: ")
    folder.unlink()
    folder.with_name("elsewhere").rename(folder)
    assert look() == []
    assert kept(scripted_work) == []
