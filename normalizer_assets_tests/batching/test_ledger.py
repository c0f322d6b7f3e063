from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normalizer_assets.batching import ledger, life, questions
from normalizer_assets.batching.harvest import SETTLED_SCHEMA
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import Step, answers, batch_requests, batches
from normalizer_assets_tests.batching.listings import (
    answer_question,
    asked_questions,
    claim,
    land,
    on_a_day_of_its_own,
    partition_row,
    plan,
    plan_request,
    requests_of,
    routed_listings,
)

FINAL_STATES = ("ok", "http_error", "unavailable", "expired", "refused", "truncated", "invalid")
COST = Decimal("0.000032500")


def settled(states: dict[str, str]) -> pl.DataFrame:
    """Returns settled lines; those that are ok have an answer."""
    empty: dict[str, Any] = dict.fromkeys(SETTLED_SCHEMA)
    rows = [
        empty
        | {"custom_id": custom_id, "state": state, "raw": "{}", "cost_usd": COST}
        | ({"brand": "ACME", "attributes": '{"capacity": "1L"}'} if state == "ok" else {})
        for custom_id, state in states.items()
    ]
    return pl.DataFrame(rows, schema=SETTLED_SCHEMA, orient="row")


def planned_ids(work: PartitionWork) -> tuple[str, list[str]]:
    """Returns the shard of the partition's newest batch, and its custom ids in order."""
    with work.engine.connect() as connection:
        batch = ledger.batches_of(connection, work.partition)[-1]
        ids = connection.execute(
            sa.select(batch_requests.c.custom_id)
            .where(batch_requests.c.shard_hash == batch.shard_hash)
            .order_by(batch_requests.c.request_id)
        )
        return batch.shard_hash, list(ids.scalars())


def sent(work: PartitionWork, count: int = 4, prefix: str = "q") -> tuple[str, list[str]]:
    """Plans a batch of ``count`` questions that is created; returns its shard and ids."""
    plan(work, routed_listings(count, prefix=prefix))
    shard_hash, ids = planned_ids(work)
    with work.begin() as connection:
        ledger.record_created(connection, shard_hash, f"batch {shard_hash}")
    return shard_hash, ids


# --- planning a batch -----------------------------------------------------------------


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


# --- settling lines -------------------------------------------------------------------


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    states=st.lists(st.none() | st.sampled_from(FINAL_STATES), min_size=4, max_size=12),
    missing=st.sampled_from(["missing", "not_executed"]),
    at_once=st.integers(1, 12),
)
def test_every_request_ends_in_exactly_one_state(
    scripted_work: PartitionWork, states: list[str | None], missing: str, at_once: int
) -> None:
    work = on_a_day_of_its_own(scripted_work)
    prefix = work.partition.key
    land(work)
    shard_hash, ids = sent(work, len(states), prefix)
    named = {
        custom_id: state for custom_id, state in zip(ids, states, strict=True) if state is not None
    }
    with work.begin() as connection:
        for part in settled(named).iter_slices(at_once):
            ledger.settle_lines(connection, shard_hash, part)
        assert ledger.settle_missing(connection, shard_hash, missing) == states.count(None)
        stored = connection.execute(sa.select(answers).where(work.partition.of(answers))).all()
        cost = ledger.cost_of(connection, work.partition)
        assert ledger.placed_usd(connection, shard_hash) == cost
    rows = requests_of(work)
    assert [row.state for row in rows] == [state or missing for state in states]
    assert all(row.settled_at is not None for row in rows)
    answered = {f"{prefix}{n}" for n, state in enumerate(states) if state == "ok"}
    assert {row.question_key for row in stored} == answered
    assert asked_questions(work) == {
        f"{prefix}{n}": "answered" if state == "ok" else "asks" for n, state in enumerate(states)
    }
    assert cost == COST * len(named)


def test_a_line_that_comes_again_with_an_answer_is_better(scripted_work: PartitionWork) -> None:
    work = scripted_work
    land(work)
    shard_hash, ids = sent(work)
    for state in ("http_error", "ok", "ok"):
        with work.begin() as connection:
            ledger.settle_lines(connection, shard_hash, settled({ids[0]: state}))
    assert asked_questions(work)["q0"] == "answered"
    with work.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(answers)).scalar() == 1


def test_lines_of_a_partition_that_is_not_here_any_more_are_settled(
    scripted_work: PartitionWork,
) -> None:
    """A question whose listing is gone keeps its answer for others."""
    work = scripted_work
    land(work)
    shard_hash, ids = sent(work, 1)
    with work.begin() as connection:
        connection.execute(sa.text("delete from normalizer.partition_questions"))
        ledger.settle_lines(connection, shard_hash, settled({ids[0]: "ok"}))
    other = on_a_day_of_its_own(work)
    land(other)
    claim(other, "q0")
    assert asked_questions(other) == {}


def test_a_batch_of_two_partitions_is_settled_for_both(scripted_work: PartitionWork) -> None:
    first, second = on_a_day_of_its_own(scripted_work), on_a_day_of_its_own(scripted_work)
    land(first)
    land(second)
    shard_hash, ids = sent(first)
    claim(second, "q9")
    with second.begin() as connection:
        connection.execute(
            sa.update(batch_requests)
            .where(batch_requests.c.custom_id == ids[3])
            .values(day=second.partition.day, question_key="q9")
        )
        assert ledger.partitions_in(connection, shard_hash) == sorted(
            [first.partition, second.partition]
        )
        lines = settled(dict.fromkeys(ids, "ok"))
        ledger.settle_lines(connection, shard_hash, lines)
    assert asked_questions(second) == {"q9": "answered"}
    assert asked_questions(first)["q0"] == "answered"
    with first.engine.connect() as connection:
        for one, count in ((first, 3), (second, 1)):
            assert ledger.cost_of(connection, one.partition) == count * COST


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


def test_lines_that_a_parameter_ended_were_never_executed(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    shard_hash, ids = sent(scripted_work)
    lines = settled({ids[0]: "http_error", ids[1]: "http_error", ids[2]: "ok"})
    with scripted_work.begin() as connection:
        ledger.settle_lines(connection, shard_hash, lines)
        ledger.mark_not_executed(connection, shard_hash)
    states = [row.state for row in requests_of(scripted_work)]
    assert states == ["not_executed", "not_executed", "ok", "sent"]


# --- what missing lines cost ----------------------------------------------------------


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(usd=st.decimals("0", "9", places=9), missing=st.integers(0, 5))
def test_what_is_booked_on_missing_lines_adds_up_exactly(
    scripted_work: PartitionWork, usd: Decimal, missing: int
) -> None:
    work = on_a_day_of_its_own(scripted_work)
    land(work)
    shard_hash, ids = sent(work, 6, work.partition.key)
    with work.begin() as connection:
        ledger.settle_lines(
            connection, shard_hash, settled(dict.fromkeys(ids[missing:], "invalid"))
        )
        ledger.settle_missing(connection, shard_hash, "missing")
        assert len(ledger.missing_ids(connection, shard_hash)) == missing
        ledger.book_missing(connection, shard_hash, usd)
        placed = ledger.placed_usd(connection, shard_hash)
    assert placed == COST * (6 - missing) + (usd if missing else 0)
    assert all(row.cost_usd >= 0 for row in requests_of(work))


def test_what_nobody_knows_counts_with_its_bound(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    shard_hash, _ = sent(scripted_work)
    with scripted_work.begin() as connection:
        ledger.settle_missing(connection, shard_hash, "missing")
        ledger.book_missing(connection, shard_hash, None)
    assert all(row.cost_usd == row.bound_usd for row in requests_of(scripted_work))


# --- batches that end otherwise -------------------------------------------------------


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


def test_a_released_batch_that_ends_after_all_is_harvested_at_its_cost(
    scripted_work: PartitionWork,
) -> None:
    work = scripted_work
    land(work)
    shard_hash, ids = sent(work)
    with work.begin() as connection:
        assert ledger.give_up_batch(connection, shard_hash) == 4
        assert ledger.batches_under_way(connection, work.partition) == []
        assert [row.shard_hash for row in ledger.open_batches(connection)] == [shard_hash]
        assert questions.to_ask(connection, work.partition).height == 4
    assert all(row.cost_usd == row.bound_usd for row in requests_of(work))
    with work.begin() as connection:
        ledger.settle_lines(connection, shard_hash, settled({ids[0]: "ok"}))
        ledger.settle_missing(connection, shard_hash, "missing")
        assert ledger.cost_of(connection, work.partition) == COST
    assert asked_questions(work)["q0"] == "answered"


# --- single requests ------------------------------------------------------------------


def test_a_single_request_is_in_the_ledger_before_it_leaves(work: PartitionWork) -> None:
    land(work)
    request_id = plan_request(work)
    [row] = requests_of(work)
    assert (row.request_id, row.state, row.cost_usd) == (request_id, "planned", None)
    with work.begin() as connection:
        ledger.record_sent(connection, request_id)
    [row] = requests_of(work)
    assert (row.state, row.attempts, row.settled_at) == ("sent", 1, None)


def test_requests_that_are_planned_together_get_their_ids_in_order(work: PartitionWork) -> None:
    land(work)
    common = {"llm_model": "m", "body_hash": "x", "estimated_usd": 0, "bound_usd": 0}
    wanted = [common | {"custom_id": f"c{n}", "question_key": f"q{n}"} for n in range(50)]
    with work.begin() as connection:
        ids = ledger.plan_requests(connection, work.partition, "individual", wanted)
        assert ledger.plan_requests(connection, work.partition, "individual", []) == []
    by_id = {row.request_id: row.custom_id for row in requests_of(work)}
    assert [by_id[request_id] for request_id in ids] == [f"c{n}" for n in range(50)]


def test_an_answer_is_stored_once_and_ends_its_question(work: PartitionWork) -> None:
    land(work)
    claim(work, "q0")
    request_id = answer_question(work)
    with work.begin() as connection:
        ledger.store_answer(
            connection,
            work.partition,
            request_id,
            {
                "question_key": "q0",
                "answered_by": "individual",
                "llm_model": "m",
                "brand": "again",
                "attributes": {},
            },
        )
        stored = connection.execute(sa.select(answers)).all()
        assert ledger.cost_of(connection, work.partition) == Decimal("0.0005")
    assert [row.brand for row in stored] == ["ACME"]
    assert asked_questions(work) == {"q0": "answered"}


def test_what_a_dead_process_left_is_settled_by_how_far_it_came(work: PartitionWork) -> None:
    land(work)
    never_left, on_its_way, read_it = (plan_request(work, f"q{n}") for n in range(3))
    with work.begin() as connection:
        ledger.record_sent(connection, on_its_way)
        ledger.record_sent(connection, read_it)
        ledger.settle_request(connection, read_it, {"state": "received", "raw": "{}"})
    for _ in range(2):
        with work.begin() as connection:
            received = ledger.abandon(connection, work.partition)
        assert [row.request_id for row in received] == [read_it]
    left, lost, kept = requests_of(work)
    assert (left.request_id, left.state, left.cost_usd) == (never_left, "not_executed", 0)
    assert (lost.state, lost.cost_usd) == ("outcome_unknown", lost.bound_usd)
    assert (kept.state, kept.raw, kept.cost_usd) == ("received", "{}", None)


def test_only_the_partitions_own_synchronous_requests_are_abandoned(
    scripted_work: PartitionWork,
) -> None:
    first, second = on_a_day_of_its_own(scripted_work), on_a_day_of_its_own(scripted_work)
    for one in (first, second):
        land(one)
        plan_request(one, "x")
    sent(first)
    with second.begin() as connection:
        ledger.abandon(connection, second.partition)
    assert {row.state for row in requests_of(first)} == {"planned", "sent"}
    assert [row.state for row in requests_of(second)] == ["not_executed"]


# --- tries ----------------------------------------------------------------------------


def tries(work: PartitionWork) -> dict[tuple[str, str], list[str]]:
    with work.engine.connect() as connection:
        return ledger.tries(connection, work.partition)


def end(work: PartitionWork, request_id: int, state: str) -> None:
    with work.begin() as connection:
        ledger.settle_request(connection, request_id, {"state": state, "cost_usd": 0})


def test_a_canary_is_an_individual_call_and_what_never_left_is_no_try(
    work: PartitionWork,
) -> None:
    land(work)
    claim(work, "q0")
    ends: tuple[tuple[Step, str], ...] = (
        ("canary", "invalid"),
        ("individual", "outcome_unknown"),
        ("individual", "not_executed"),
        ("legacy", "refused"),
    )
    for step, state in ends:
        end(work, plan_request(work, "q0", step), state)
    found = tries(work)
    assert sorted(found.pop(("q0", "individual"))) == ["invalid", "outcome_unknown"]
    assert found == {("q0", "legacy"): ["refused"]}


def test_a_forced_question_has_all_its_tries_again(work: PartitionWork) -> None:
    land(work)
    claim(work, "q0")
    end(work, plan_request(work), "invalid")
    with work.begin() as connection:
        questions.close(connection, work.partition, ["q0"], "rules")
    claim(work, "q0", force=True)
    assert tries(work) == {}
    end(work, plan_request(work), "invalid")
    assert tries(work) == {("q0", "individual"): ["invalid"]}


def test_tries_are_the_partitions_own(work: PartitionWork) -> None:
    first, second = on_a_day_of_its_own(work), on_a_day_of_its_own(work)
    for one in (first, second):
        land(one)
        claim(one, "q0")
    end(first, plan_request(first), "invalid")
    assert tries(second) == {}


def test_whether_a_step_was_ever_answered(work: PartitionWork) -> None:
    land(work)
    end(work, plan_request(work, "q0", "individual"), "ok")
    end(work, plan_request(work, "q0", "legacy"), "invalid")
    with work.engine.connect() as connection:
        assert ledger.answered(connection, work.partition, "individual")
        assert not ledger.answered(connection, work.partition, "legacy")
        other = Partition(work.partition.day, "jumbo")
        assert not ledger.answered(connection, other, "individual")


def test_lost_replies_are_counted_by_body(work: PartitionWork) -> None:
    land(work)
    for state in ("outcome_unknown", "outcome_unknown", "ok"):
        end(work, plan_request(work, "q0", "embedding", body_hash="same"), state)
    with work.engine.connect() as connection:
        assert ledger.lost_replies(connection, "embedding", "same") == 2
        assert ledger.lost_replies(connection, "embedding", "other") == 0
        assert ledger.lost_replies(connection, "individual", "same") == 0


# --- reading --------------------------------------------------------------------------


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
