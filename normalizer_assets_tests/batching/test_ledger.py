from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import ledger, life, questions
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import batch_requests, batches
from normalizer_assets_tests.batching.listings import (
    land,
    on_a_day_of_its_own,
    partition_row,
    plan,
    plan_request,
    planned_ids,
    requests_of,
    routed_listings,
    sent,
)


def test_a_plan_writes_every_request_before_anything_leaves(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    planned = plan(scripted_work, routed_listings(5))
    rows = requests_of(scripted_work)
    assert [row.question_key for row in rows] == [f"q{n}" for n in range(5)]
    assert {(row.state, row.step, row.round) for row in rows} == {("planned", "batch", 1)}
    assert {row.llm_model for row in rows} == {"gpt-5-mini"}
    assert sum(row.estimated_usd for row in rows) == planned["estimated_usd"].sum() > 0
    assert all(row.cost_usd is None and row.settled_at is None for row in rows)
    assert all(row.bound_usd >= row.estimated_usd for row in rows)
    with scripted_work.engine.connect() as connection:
        [batch] = ledger.unsent_batches(connection, scripted_work.partition)
        assert ledger.open_batches(connection) == []
    assert (batch.state, batch.line_count, batch.batch_id) == ("planned", 5, None)
    assert batch.estimated_usd == planned["estimated_usd"].sum()
    assert batch.prompt_tokens == planned["prompt_tokens"].sum()
    file = scripted_work.storage / "requests" / batch.file_name
    assert file.stat().st_size == batch.byte_count


def test_asking_twice_asks_once(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(5))
    assert plan(scripted_work, routed_listings(5)).is_empty()
    assert len(requests_of(scripted_work)) == 5


def test_a_batch_that_was_created_has_all_its_requests_sent(scripted_work: PartitionWork) -> None:
    work = scripted_work
    land(work)
    shard_hash, _ = sent(work)
    assert {(row.state, row.attempts) for row in requests_of(work)} == {("sent", 1)}
    with work.engine.connect() as connection:
        assert ledger.unsent_batches(connection, work.partition) == []
        [batch] = ledger.open_batches(connection)
        [under_way] = ledger.batches_under_way(connection, work.partition)
        assert ledger.partitions_in(connection, shard_hash) == [work.partition]
    assert batch == under_way
    assert (batch.batch_id, batch.state) == (f"batch {shard_hash}", "validating")
    assert batch.submitted_at is not None
    assert batch.missed_at is None


def test_a_batch_id_belongs_to_one_batch(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    shard_hash, _ = sent(scripted_work)
    plan(scripted_work, routed_listings(4, prefix="other"))
    other, _ = planned_ids(scripted_work)
    with pytest.raises(sa.exc.IntegrityError), scripted_work.begin() as connection:
        ledger.record_created(connection, other, f"batch {shard_hash}")
    with scripted_work.engine.connect() as connection:
        ids = set(connection.execute(sa.select(batches.c.batch_id)).scalars())
    assert ids == {f"batch {shard_hash}", None}


def test_batches_come_in_the_order_of_planning(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    shards = [sent(scripted_work, 1, prefix)[0] for prefix in "zab"]
    with scripted_work.engine.connect() as connection:
        rows = ledger.batches_of(connection, scripted_work.partition)
    assert [row.shard_hash for row in rows] == shards


# --- the deadline ---------------------------------------------------------------------


def test_only_the_first_round_moves_the_deadline(scripted_work: PartitionWork) -> None:
    work = scripted_work
    land(work)
    shard_hash, _ = sent(work)
    early, late = datetime.now(UTC), datetime.now(UTC) + timedelta(hours=26)
    for moment in (early, late):
        with work.begin() as connection:
            ledger.set_deadline(connection, shard_hash, moment)
        assert partition_row(work).deadline_at == moment
    with work.begin() as connection:
        connection.execute(sa.update(batch_requests).values(round=2))
        ledger.set_deadline(connection, shard_hash, early)
    assert partition_row(work).deadline_at == late


def test_a_deadline_is_the_partitions_own(scripted_work: PartitionWork) -> None:
    first, second = on_a_day_of_its_own(scripted_work), on_a_day_of_its_own(scripted_work)
    land(first)
    land(second)
    shard_hash, _ = sent(first)
    with first.begin() as connection:
        ledger.set_deadline(connection, shard_hash, datetime.now(UTC))
    assert partition_row(second).deadline_at is None


@pytest.mark.parametrize(
    ("state", "overdue"),
    [
        ("planned", True),
        ("uploaded", True),
        ("creating", False),  # it may exist: it has to be found first
        ("validating", True),
        ("in_progress", True),
        ("finalizing", True),
        ("cancelling", False),
        ("completed", False),
        ("failed", False),
        ("expired", False),
        ("cancelled", False),
    ],
)
def test_what_is_cancelled_at_the_deadline(
    scripted_work: PartitionWork, state: str, overdue: bool
) -> None:
    work = scripted_work
    land(work)
    plan(work, routed_listings(4))
    shard_hash, _ = planned_ids(work)
    for hours, expected in ((None, False), (1, False), (-1, overdue)):
        moment = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
        with work.begin() as connection:
            ledger.record_batch(connection, shard_hash, state=state)
            life.record(connection, work.partition, deadline_at=moment)
            found = ledger.overdue_batches(connection, work.partition)
        assert [row.shard_hash for row in found] == [shard_hash] * expected
    with work.begin() as connection:
        ledger.record_batch(connection, shard_hash, cancel_requested_at=sa.func.now())
        assert ledger.overdue_batches(connection, work.partition) == []


# --- room -----------------------------------------------------------------------------


def test_the_queue_of_a_model_holds_the_tokens_of_its_open_batches(
    scripted_work: PartitionWork,
) -> None:
    work = scripted_work
    land(work)
    first, _ = sent(work, 4, "a")
    sent(work, 4, "b")
    plan(work, routed_listings(4, prefix="unsent"))
    with work.begin() as connection:
        one, two, _ = ledger.batches_of(connection, work.partition)
        assert ledger.enqueued(connection, "gpt-5-mini") == (
            one.prompt_tokens + two.prompt_tokens,
            None,
        )
        assert ledger.enqueued(connection, "gpt-5") == (0, None)
        ledger.record_batch(connection, first, state="completed", terminal_at=datetime.now(UTC))
        assert ledger.enqueued(connection, "gpt-5-mini") == (two.prompt_tokens, None)


def test_the_last_refusal_for_lack_of_room_is_remembered(scripted_work: PartitionWork) -> None:
    work = scripted_work
    land(work)
    shard_hash, _ = sent(work)
    moment = datetime.now(UTC)
    for code, refused in (("invalid_json_line", None), ("token_limit_exceeded", moment)):
        with work.begin() as connection:
            ledger.record_batch(
                connection,
                shard_hash,
                state="failed",
                errors={"data": [{"code": code}]},
                terminal_at=moment,
            )
            assert ledger.enqueued(connection, "gpt-5-mini") == (0, refused)


def test_creations_are_counted_since_a_moment(scripted_work: PartitionWork) -> None:
    work = scripted_work
    land(work)
    before = datetime.now(UTC) - timedelta(minutes=1)
    sent(work, 1, "a")
    sent(work, 1, "b")
    plan(work, routed_listings(1, prefix="unsent"))
    with work.engine.connect() as connection:
        assert ledger.creations_since(connection, before) == 2
        assert ledger.creations_since(connection, before + timedelta(hours=1)) == 0


def test_a_batch_is_due_for_its_partitions_and_for_those_that_wait(
    scripted_work: PartitionWork,
) -> None:
    asker, waiter = on_a_day_of_its_own(scripted_work), on_a_day_of_its_own(scripted_work)
    land(asker)
    land(waiter)
    shard_hash, _ = sent(asker, 1)
    nothing, awaited = pl.Series([], dtype=pl.String), pl.Series(["q0"])
    with asker.begin() as connection:
        assert ledger.due_for_harvest(connection, asker.partition, nothing) == []
        ledger.record_batch(connection, shard_hash, state="expired")
        for work, waited_for in ((asker, nothing), (waiter, awaited)):
            [due] = ledger.due_for_harvest(connection, work.partition, waited_for)
            assert due.shard_hash == shard_hash
        assert ledger.due_for_harvest(connection, waiter.partition, nothing) == []
        ledger.record_batch(connection, shard_hash, harvested_at=sa.func.now())
        assert ledger.due_for_harvest(connection, asker.partition, nothing) == []


def test_a_withdrawn_batch_frees_its_money_and_its_questions(scripted_work: PartitionWork) -> None:
    work = scripted_work
    land(work)
    plan(work, routed_listings(4))
    shard_hash, _ = planned_ids(work)
    with work.begin() as connection:
        ledger.withdraw_batch(connection, shard_hash, "the deadline passed")
        assert ledger.batches_under_way(connection, work.partition) == []
        assert ledger.due_for_harvest(connection, work.partition, pl.Series(["q0"])) == []
        to_ask = questions.to_ask(connection, work.partition)
    assert sorted(to_ask["question_key"]) == ["q0", "q1", "q2", "q3"]
    assert set(to_ask["rounds"]) == {0}
    rows = requests_of(work)
    assert {(row.state, row.reason) for row in rows} == {("not_executed", "the deadline passed")}
    assert {row.cost_usd for row in rows} == {Decimal(0)}


def test_records_come_in_the_order_of_asking_without_embeddings(
    scripted_work: PartitionWork,
) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(4))
    plan_request(scripted_work, "q9", "legacy")
    plan_request(scripted_work, "q9", "embedding")
    with scripted_work.engine.connect() as connection:
        records = ledger.records_of(connection, scripted_work.partition)
    assert records["step"].to_list() == ["batch"] * 4 + ["legacy"]
    assert records["sku"].to_list() == [f"sku {n}" for n in range(4)] + [None]
