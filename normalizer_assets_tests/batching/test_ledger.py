from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normalizer_assets.batching import ledger
from normalizer_assets.batching.harvest import SETTLED_SCHEMA
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import answers, batch_requests, batches
from normalizer_assets_tests.batching.listings import (
    land,
    on_a_day_of_its_own,
    plan,
    routed_listings,
)

FINAL_STATES = ("ok", "http_error", "expired", "refused", "truncated", "invalid")
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
    """Returns the shard of the partition's one batch, and its custom ids in order."""
    with work.engine.connect() as connection:
        [batch] = ledger.batches_of(connection, work.partition)
        ids = connection.execute(
            sa.select(batch_requests.c.custom_id)
            .where(batch_requests.c.shard_hash == batch.shard_hash)
            .order_by(batch_requests.c.request_id)
        )
        return batch.shard_hash, list(ids.scalars())


def answer(work: PartitionWork, count: int = 4) -> None:
    """Plans a batch of ``count`` questions and answers all of them."""
    land(work)
    plan(work, routed_listings(count))
    shard_hash, ids = planned_ids(work)
    with work.engine.begin() as connection:
        ledger.settle_batch(connection, shard_hash, settled(dict.fromkeys(ids, "ok")), "missing")


def requests_of(work: PartitionWork) -> list[Any]:
    with work.engine.connect() as connection:
        return list(
            connection.execute(
                sa.select(batch_requests)
                .where(work.partition.of(batch_requests))
                .order_by(batch_requests.c.request_id)
            )
        )


def question_states(work: PartitionWork) -> dict[str, str]:
    with work.engine.connect() as connection:
        rows = ledger.questions_of(connection, work.partition).iter_rows()
    return {str(key): str(state) for key, state in rows}


def reject(work: PartitionWork, question_key: str) -> None:
    with work.engine.begin() as connection:
        connection.execute(
            sa.update(answers)
            .where(work.partition.of(answers), answers.c.question_key == question_key)
            .values(status="rejected")
        )


# --- asking ---------------------------------------------------------------------------


def test_a_plan_writes_every_request_before_anything_leaves(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    planned = plan(scripted_work, routed_listings(5))
    rows = requests_of(scripted_work)
    assert [row.question_key for row in rows] == [f"q{n}" for n in range(5)]
    assert {row.state for row in rows} == {"planned"}
    assert {row.step for row in rows} == {"batch"}
    assert {row.llm_model for row in rows} == {"gpt-5-mini"}
    assert sum(row.estimated_usd for row in rows) == planned.estimated_usd > 0
    assert all(row.cost_usd is None and row.settled_at is None for row in rows)
    with scripted_work.engine.connect() as connection:
        [batch] = ledger.unsent_batches(connection, scripted_work.partition)
        assert ledger.open_batches(connection) == []
    assert (batch.state, batch.line_count) == ("planned", 5)
    assert batch.estimated_usd == planned.estimated_usd


def test_asking_twice_asks_once(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(5))
    again = plan(scripted_work, routed_listings(5))
    assert (again.asked, again.in_batches, again.individually) == (0, 0, 0)
    assert len(requests_of(scripted_work)) == 5


def test_another_partition_asks_its_own_questions(scripted_work: PartitionWork) -> None:
    first, second = on_a_day_of_its_own(scripted_work), on_a_day_of_its_own(scripted_work)
    for work in (first, second):
        land(work)
        plan(work, routed_listings(4))
    assert (
        question_states(first)
        == question_states(second)
        == dict.fromkeys(("q0", "q1", "q2", "q3"), "open")
    )
    first_shard, _ = planned_ids(first)
    second_shard, _ = planned_ids(second)
    assert first_shard != second_shard
    with scripted_work.engine.connect() as connection:
        assert ledger.partitions_in(connection, first_shard) == [first.partition]


def test_a_batch_that_was_created_has_all_its_requests_sent(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(4))
    shard_hash, _ = planned_ids(scripted_work)
    with scripted_work.engine.begin() as connection:
        ledger.record_created(connection, shard_hash, "batch_1")
    assert {(row.state, row.attempts) for row in requests_of(scripted_work)} == {("sent", 1)}
    with scripted_work.engine.connect() as connection:
        assert ledger.unsent_batches(connection, scripted_work.partition) == []
        [batch] = ledger.open_batches(connection)
        assert ledger.unsent_questions(connection, scripted_work.partition) == set()
    assert (batch.batch_id, batch.state) == ("batch_1", "validating")
    assert batch.submitted_at is not None


# --- settling -------------------------------------------------------------------------


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    states=st.lists(st.none() | st.sampled_from(FINAL_STATES), min_size=4, max_size=12),
    missing=st.sampled_from(["missing", "not_executed"]),
)
def test_every_request_ends_in_exactly_one_state(
    scripted_work: PartitionWork, states: list[str | None], missing: str
) -> None:
    work = on_a_day_of_its_own(scripted_work)
    land(work)
    plan(work, routed_listings(len(states)))
    shard_hash, ids = planned_ids(work)
    named = {
        custom_id: state for custom_id, state in zip(ids, states, strict=True) if state is not None
    }
    with work.engine.begin() as connection:
        ledger.settle_batch(connection, shard_hash, settled(named), missing)
        stored = connection.execute(sa.select(answers).where(work.partition.of(answers))).all()
        cost = ledger.cost_of(connection, work.partition)
    rows = requests_of(work)
    assert [row.state for row in rows] == [state or missing for state in states]
    assert all(row.settled_at is not None for row in rows)
    answered = {f"q{n}" for n, state in enumerate(states) if state == "ok"}
    assert {row.question_key for row in stored} == answered
    assert question_states(work) == {
        f"q{n}": "answered" if state == "ok" else "open" for n, state in enumerate(states)
    }
    assert cost == COST * len(named)
    assert all(row.cost_usd == 0 for row in rows if row.state == missing)


def test_questions_of_a_request_that_never_ran_may_be_sent_anew(
    scripted_work: PartitionWork,
) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(4))
    shard_hash, ids = planned_ids(scripted_work)
    with scripted_work.engine.begin() as connection:
        lines = settled({ids[0]: "ok", ids[1]: "http_error", ids[2]: "not_executed"})
        ledger.settle_batch(connection, shard_hash, lines, "missing")
        assert ledger.unsent_questions(connection, scripted_work.partition) == {"q2"}


# --- single requests ------------------------------------------------------------------


def single_request(work: PartitionWork, question_key: str = "q0", step: Any = "individual") -> int:
    with work.engine.begin() as connection:
        return ledger.plan_request(
            connection,
            work.partition,
            step,
            {
                "custom_id": f"{step}_0",
                "question_key": question_key,
                "llm_model": "gpt-5-mini",
                "body_hash": ledger.body_hash("{}"),
                "estimated_usd": Decimal("0.001"),
            },
        )


def test_a_single_request_is_in_the_ledger_before_it_is_answered(work: PartitionWork) -> None:
    land(work)
    with work.engine.begin() as connection:
        ledger.open_questions(connection, work.partition, pl.Series(["q0"]))
    request_id = single_request(work)
    assert [(row.state, row.cost_usd) for row in requests_of(work)] == [("sent", None)]
    with work.engine.begin() as connection:
        ledger.settle_request(
            connection, request_id, {"state": "ok", "raw": "{}", "cost_usd": Decimal("0.0005")}
        )
        ledger.store_answer(
            connection,
            work.partition,
            request_id,
            {
                "question_key": "q0",
                "answered_by": "individual",
                "llm_model": "gpt-5-mini",
                "attributes": {"color": "azul"},
            },
        )
    assert question_states(work) == {"q0": "answered"}
    with work.engine.connect() as connection:
        [found] = ledger.answers_for(connection, work.partition, ["q0"]).to_dicts()
        assert ledger.cost_of(connection, work.partition) == Decimal("0.0005")
    assert (found["answered_by"], found["own"], found["batch_id"]) == ("individual", True, None)
    assert found["attributes"] == '{"color": "azul"}'


def test_a_request_whose_caller_died_counts_with_its_bound(work: PartitionWork) -> None:
    land(work)
    single_request(work)
    with work.engine.begin() as connection:
        assert ledger.abandoned_requests(connection, work.partition) == 1
        assert ledger.abandoned_requests(connection, work.partition) == 0
        assert ledger.cost_of(connection, work.partition) == Decimal("0.001")
        assert ledger.tries(connection, work.partition) == {
            ("q0", "individual"): ["outcome_unknown"]
        }


def test_requests_of_another_partition_are_not_abandoned(work: PartitionWork) -> None:
    land(work)
    single_request(work)
    with work.engine.begin() as connection:
        other = Partition(work.partition.day, "jumbo")
        assert ledger.abandoned_requests(connection, other) == 0


def test_a_try_that_never_ran_counts_for_nothing(work: PartitionWork) -> None:
    land(work)
    request_id = single_request(work)
    with work.engine.begin() as connection:
        ledger.settle_request(connection, request_id, {"state": "not_executed", "cost_usd": 0})
        assert ledger.tries(connection, work.partition) == {}


# --- reading answers ------------------------------------------------------------------


def test_known_questions_have_a_usable_answer_whoever_bought_it(
    scripted_work: PartitionWork,
) -> None:
    answer(scripted_work)
    reject(scripted_work, "q1")
    with scripted_work.engine.connect() as connection:
        known = ledger.known_questions(connection, ["q0", "q1", "q2", "q9"])
        assert known == {"q0", "q2"}
        assert ledger.known_questions(connection, []) == set()


def test_an_own_answer_comes_before_the_oldest(scripted_work: PartitionWork) -> None:
    oldest, later, reader = (on_a_day_of_its_own(scripted_work) for _ in range(3))
    for work in (oldest, later):
        answer(work)
    with scripted_work.engine.connect() as connection:
        own = ledger.answers_for(connection, later.partition, ["q0"])
        served = ledger.answers_for(connection, reader.partition, ["q0", "q1"])
        bought = connection.execute(sa.select(answers.c.request_id, answers.c.day))
        source = {request_id: day for request_id, day in bought}  # noqa: C416 - rows are no pairs
    assert own["own"].to_list() == [True]
    assert source[own["request_id"][0]] == later.partition.day
    assert served["own"].to_list() == [False, False]
    assert {source[request_id] for request_id in served["request_id"]} == {oldest.partition.day}


def test_a_rejected_answer_is_not_served_to_others(scripted_work: PartitionWork) -> None:
    first, second = on_a_day_of_its_own(scripted_work), on_a_day_of_its_own(scripted_work)
    answer(first)
    reject(first, "q0")
    with scripted_work.engine.connect() as connection:
        assert ledger.answers_for(connection, second.partition, ["q0"]).is_empty()
    answer(second)
    reader = on_a_day_of_its_own(scripted_work)
    with scripted_work.engine.connect() as connection:
        [found] = ledger.answers_for(connection, reader.partition, ["q0"]).to_dicts()
    assert found["status"] is None


def test_a_verdict_stays_with_the_answer(scripted_work: PartitionWork) -> None:
    answer(scripted_work)
    with scripted_work.engine.begin() as connection:
        [found] = ledger.answers_for(connection, scripted_work.partition, ["q0"]).to_dicts()
        verdicts = pl.DataFrame(
            {
                "request_id": [found["request_id"]],
                "confidence": [0.91],
                "status": ["accepted"],
                "reasons": [""],
            }
        )
        ledger.record_verdicts(connection, verdicts)
        replay = ledger.answers_for(connection, Partition(date(2025, 1, 1), "jumbo"), ["q0"])
    assert replay.select("confidence", "status", "reasons").row(0) == (0.91, "accepted", "")


def test_records_come_in_the_order_of_asking_without_embeddings(
    scripted_work: PartitionWork,
) -> None:
    answer(scripted_work)
    single_request(scripted_work, "q9", "legacy")
    single_request(scripted_work, "q9", "embedding")
    with scripted_work.engine.connect() as connection:
        records = ledger.records_of(connection, scripted_work.partition)
    assert records["step"].to_list() == ["batch"] * 4 + ["legacy"]
    assert records["sku"].to_list() == [f"sku {n}" for n in range(4)] + [None]


# --- whose answers --------------------------------------------------------------------


def test_answers_of_two_sources_never_mix(engine: sa.Engine) -> None:
    ledger.bind_answer_source(engine, "standin")
    ledger.bind_answer_source(engine, "standin")
    with pytest.raises(ValueError, match=r"'standin'.*'openai'.*NORMALIZER_DATABASE_URL"):
        ledger.bind_answer_source(engine, "openai")


def test_of_two_first_sources_at_once_one_is_refused(engine: sa.Engine) -> None:
    def bind(source: str) -> str:
        try:
            ledger.bind_answer_source(engine, source)
        except ValueError:
            return "refused"
        return "bound"

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(bind, ["standin", "openai", "standin", "openai"]))
    assert sorted(ends) == ["bound", "bound", "refused", "refused"]


def test_a_batch_id_belongs_to_one_batch(scripted_work: PartitionWork) -> None:
    first, second = on_a_day_of_its_own(scripted_work), on_a_day_of_its_own(scripted_work)
    for work in (first, second):
        land(work)
        plan(work, routed_listings(4))
    with first.engine.begin() as connection:
        ledger.record_created(connection, planned_ids(first)[0], "batch_1")
    with pytest.raises(sa.exc.IntegrityError), first.engine.begin() as connection:
        ledger.record_created(connection, planned_ids(second)[0], "batch_1")
    with first.engine.connect() as connection:
        ids = set(connection.execute(sa.select(batches.c.batch_id)).scalars())
    assert ids == {"batch_1", None}
