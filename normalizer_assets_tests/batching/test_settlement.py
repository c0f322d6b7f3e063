from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normalizer_assets.batching import ledger, questions, settlement
from normalizer_assets.batching.settlement import SETTLED_SCHEMA
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import answers, batch_requests
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    claim,
    land,
    on_a_day_of_its_own,
    requests_of,
    sent,
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


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
            settlement.settle_lines(connection, shard_hash, part)
        assert settlement.settle_missing(connection, shard_hash, missing) == states.count(None)
        stored = connection.execute(sa.select(answers).where(work.partition.of(answers))).all()
        cost = ledger.cost_of(connection, work.partition)
        assert ledger.cost_of_batch(connection, shard_hash) == cost
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
            settlement.settle_lines(connection, shard_hash, settled({ids[0]: state}))
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
        settlement.settle_lines(connection, shard_hash, settled({ids[0]: "ok"}))
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
        settlement.settle_lines(connection, shard_hash, lines)
    assert asked_questions(second) == {"q9": "answered"}
    assert asked_questions(first)["q0"] == "answered"
    with first.engine.connect() as connection:
        for one, count in ((first, 3), (second, 1)):
            assert ledger.cost_of(connection, one.partition) == count * COST


def test_lines_that_a_parameter_ended_were_never_executed(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    shard_hash, ids = sent(scripted_work)
    lines = settled({ids[0]: "http_error", ids[1]: "http_error", ids[2]: "ok"})
    with scripted_work.begin() as connection:
        settlement.settle_lines(connection, shard_hash, lines)
        settlement.mark_not_executed(connection, shard_hash)
    states = [row.state for row in requests_of(scripted_work)]
    assert states == ["not_executed", "not_executed", "ok", "sent"]


# --- what missing lines cost ----------------------------------------------------------


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(usd=st.decimals("0", "9", places=9), missing=st.integers(0, 5))
def test_what_is_booked_on_missing_lines_adds_up_exactly(
    scripted_work: PartitionWork, usd: Decimal, missing: int
) -> None:
    work = on_a_day_of_its_own(scripted_work)
    land(work)
    shard_hash, ids = sent(work, 6, work.partition.key)
    with work.begin() as connection:
        settlement.settle_lines(
            connection, shard_hash, settled(dict.fromkeys(ids[missing:], "invalid"))
        )
        settlement.settle_missing(connection, shard_hash, "missing")
        assert len(settlement.missing_ids(connection, shard_hash)) == missing
        settlement.book_missing(connection, shard_hash, usd)
        placed = ledger.cost_of_batch(connection, shard_hash)
    assert placed == COST * (6 - missing) + (usd if missing else 0)
    assert all(row.cost_usd >= 0 for row in requests_of(work))


def test_what_nobody_knows_counts_with_its_bound(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    shard_hash, _ = sent(scripted_work)
    with scripted_work.begin() as connection:
        settlement.settle_missing(connection, shard_hash, "missing")
        settlement.book_missing(connection, shard_hash, None)
    assert all(row.cost_usd == row.bound_usd for row in requests_of(scripted_work))


# --- batches that end otherwise -------------------------------------------------------


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
        settlement.settle_lines(connection, shard_hash, settled({ids[0]: "ok"}))
        settlement.settle_missing(connection, shard_hash, "missing")
        assert ledger.cost_of(connection, work.partition) == COST
    assert asked_questions(work)["q0"] == "answered"
