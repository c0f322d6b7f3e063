from decimal import Decimal

import sqlalchemy as sa

from normalizer_assets.batching import call_ledger, ledger, questions
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import Step, answers
from normalizer_assets_tests.batching.listings import (
    answer_question,
    asked_questions,
    claim,
    land,
    on_a_day_of_its_own,
    plan_request,
    requests_of,
    sent,
)


def test_a_single_request_is_in_the_ledger_before_it_leaves(work: PartitionWork) -> None:
    land(work)
    request_id = plan_request(work)
    [row] = requests_of(work)
    assert (row.request_id, row.state, row.cost_usd) == (request_id, "planned", None)
    with work.begin() as connection:
        call_ledger.record_sent(connection, request_id)
    [row] = requests_of(work)
    assert (row.state, row.attempts, row.settled_at) == ("sent", 1, None)


def test_requests_that_are_planned_together_get_their_ids_in_order(work: PartitionWork) -> None:
    land(work)
    common = {"llm_model": "m", "body_hash": "x", "estimated_usd": 0, "bound_usd": 0}
    wanted = [common | {"custom_id": f"c{n}", "question_key": f"q{n}"} for n in range(50)]
    with work.begin() as connection:
        ids = call_ledger.plan_requests(connection, work.partition, "individual", wanted)
        assert call_ledger.plan_requests(connection, work.partition, "individual", []) == []
    by_id = {row.request_id: row.custom_id for row in requests_of(work)}
    assert [by_id[request_id] for request_id in ids] == [f"c{n}" for n in range(50)]


def test_an_answer_is_stored_once_and_ends_its_question(work: PartitionWork) -> None:
    land(work)
    claim(work, "q0")
    request_id = answer_question(work)
    with work.begin() as connection:
        call_ledger.store_answer(
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
        call_ledger.record_sent(connection, on_its_way)
        call_ledger.record_sent(connection, read_it)
        call_ledger.settle_request(connection, read_it, {"state": "received", "raw": "{}"})
    for _ in range(2):
        with work.begin() as connection:
            received = call_ledger.abandon(connection, work.partition)
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
        call_ledger.abandon(connection, second.partition)
    assert {row.state for row in requests_of(first)} == {"planned", "sent"}
    assert [row.state for row in requests_of(second)] == ["not_executed"]


# --- tries ----------------------------------------------------------------------------


def tries(work: PartitionWork) -> dict[tuple[str, str], list[str]]:
    with work.engine.connect() as connection:
        return call_ledger.tries(connection, work.partition)


def end(work: PartitionWork, request_id: int, state: str) -> None:
    with work.begin() as connection:
        call_ledger.settle_request(connection, request_id, {"state": state, "cost_usd": 0})


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
        assert call_ledger.answered(connection, work.partition, "individual")
        assert not call_ledger.answered(connection, work.partition, "legacy")
        other = Partition(work.partition.day, "jumbo")
        assert not call_ledger.answered(connection, other, "individual")


def test_lost_replies_are_counted_by_body(work: PartitionWork) -> None:
    land(work)
    for state in ("outcome_unknown", "outcome_unknown", "ok"):
        end(work, plan_request(work, "q0", "embedding", body_hash="same"), state)
    with work.engine.connect() as connection:
        assert call_ledger.lost_replies(connection, "embedding", "same") == 2
        assert call_ledger.lost_replies(connection, "embedding", "other") == 0
        assert call_ledger.lost_replies(connection, "individual", "same") == 0
