"""Of all partitions with the same question one asks; claims survive every order of events."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normalizer_assets.batching import call_ledger, ledger, questions, settlement
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets_tests.batching.listings import (
    answer_question,
    asked_questions,
    claim,
    land,
    on_a_day_of_its_own,
    plan,
    plan_request,
    reject,
    routed_listings,
)

Two = tuple[PartitionWork, PartitionWork]


@pytest.fixture
def two(work: PartitionWork) -> Two:
    """Two partitions that have landed."""
    both = on_a_day_of_its_own(work), on_a_day_of_its_own(work)
    for one in both:
        land(one)
    return both


def let_go(work: PartitionWork) -> None:
    with work.begin() as connection:
        questions.let_go(connection, work.partition)


def to_ask(work: PartitionWork) -> dict[str, tuple[int, str | None]]:
    """Returns question -> (rounds, how its last batch line ended)."""
    with work.engine.connect() as connection:
        rows = questions.to_ask(connection, work.partition).sort("question_key")
    return {key: (rounds, line) for key, rounds, line in rows.iter_rows()}


def settle(work: PartitionWork, request_id: int, state: str) -> None:
    with work.begin() as connection:
        call_ledger.settle_request(connection, request_id, {"state": state, "cost_usd": 0})


def settle_lines(work: PartitionWork, state: str) -> None:
    """Ends every line of the partition's batches without an answer."""
    with work.begin() as connection:
        for batch in ledger.batches_of(connection, work.partition):
            ledger.record_created(connection, batch.shard_hash, f"batch {batch.shard_hash}")
            settlement.settle_missing(connection, batch.shard_hash, state)
            ledger.record_batch(connection, batch.shard_hash, state="completed")


# --- one asks, the others wait --------------------------------------------------------


def test_the_second_partition_waits_for_the_first(two: Two) -> None:
    first, second = two
    claim(first, "q0", "q1")
    claim(second, "q1", "q2")
    assert asked_questions(first) == {"q0": "asks", "q1": "asks"}
    assert asked_questions(second) == {"q1": "waits", "q2": "asks"}
    with second.engine.connect() as connection:
        assert questions.waited_for(connection, second.partition) == {first.partition.key: 1}
        assert questions.waited_for(connection, first.partition) == {}


def test_claiming_again_changes_nothing(two: Two) -> None:
    first, second = two
    for _ in range(2):
        claim(first, "q0")
        claim(second, "q0", "q1")
    assert asked_questions(first) == {"q0": "asks"}
    assert asked_questions(second) == {"q0": "waits", "q1": "asks"}


def test_a_question_with_an_answer_is_not_asked_by_anybody_else(two: Two) -> None:
    first, second = two
    claim(first, "q0", "q1")
    answer_question(first, "q0")
    claim(second, "q0", "q1")
    assert asked_questions(first) == {"q0": "answered", "q1": "asks"}
    assert asked_questions(second) == {"q1": "waits"}


def test_a_rejected_answer_serves_nobody_and_the_next_partition_asks_again(two: Two) -> None:
    first, second = two
    claim(first, "q0")
    answer_question(first, "q0")
    reject(first, "q0")
    claim(first, "q0")
    claim(second, "q0")
    assert asked_questions(first) == {"q0": "answered"}
    assert asked_questions(second) == {"q0": "asks"}


def test_rules_stay_rules_when_the_partition_is_repeated_and_others_ask_again(two: Two) -> None:
    first, second = two
    claim(first, "q0")
    with first.begin() as connection:
        questions.close(connection, first.partition, ["q0"], "rules")
    claim(first, "q0")
    assert asked_questions(first) == {"q0": "rules"}
    claim(second, "q0")
    assert asked_questions(second) == {"q0": "asks"}
    answer_question(second, "q0")
    claim(first, "q0")
    assert asked_questions(first) == {"q0": "rules"}


def test_nothing_wanted_claims_nothing(two: Two) -> None:
    claim(two[0])
    assert asked_questions(two[0]) == {}


# --- what a waiter gets ---------------------------------------------------------------


def test_a_waiter_is_served_when_it_looks_again(two: Two) -> None:
    first, second = two
    claim(first, "q0")
    claim(second, "q0")
    answer_question(first, "q0")
    assert asked_questions(second) == {"q0": "waits"}
    claim(second, "q0")
    assert asked_questions(second) == {"q0": "answered"}


def test_who_lets_go_hands_the_question_to_whoever_claims_first(two: Two) -> None:
    first, second = two
    claim(first, "q0", "q1")
    claim(second, "q0", "q1")
    let_go(first)
    assert asked_questions(first) == {"q0": "waits", "q1": "waits"}
    with second.engine.connect() as connection:
        assert questions.waited_for(connection, second.partition) == {"nobody": 2}
    claim(second, "q0")
    assert asked_questions(second) == {"q0": "asks", "q1": "waits"}
    # The returning owner is a waiter, but for what nobody has taken meanwhile.
    claim(first, "q0", "q1")
    assert asked_questions(first) == {"q0": "waits", "q1": "asks"}


@pytest.mark.parametrize("state", ["planned", "sent", "received"])
def test_a_question_whose_request_is_on_its_way_is_not_let_go(two: Two, state: str) -> None:
    first, second = two
    claim(first, "q0", "q1")
    settle(first, plan_request(first, "q0"), state)
    let_go(first)
    assert asked_questions(first) == {"q0": "asks", "q1": "waits"}
    claim(second, "q0", "q1")
    assert asked_questions(second) == {"q0": "waits", "q1": "asks"}


def test_lines_of_a_planned_batch_are_not_let_go(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(4))
    let_go(scripted_work)
    assert set(asked_questions(scripted_work).values()) == {"asks"}


@pytest.mark.parametrize("state", ["http_error", "not_executed", "outcome_unknown", "invalid"])
def test_a_question_whose_requests_have_ended_is_let_go(two: Two, state: str) -> None:
    claim(two[0], "q0")
    settle(two[0], plan_request(two[0], "q0"), state)
    let_go(two[0])
    assert asked_questions(two[0]) == {"q0": "waits"}


# --- force ----------------------------------------------------------------------------


def test_force_asks_what_is_answered_and_only_a_newer_answer_serves(two: Two) -> None:
    first, second = two
    claim(first, "q0")
    answer_question(first, "q0")
    claim(second, "q0", force=True)
    assert asked_questions(second) == {"q0": "asks"}
    claim(second, "q0")
    assert asked_questions(second) == {"q0": "asks"}
    answer_question(second, "q0")
    assert asked_questions(second) == {"q0": "answered"}


def test_force_asks_ones_own_answers_and_rules_again(two: Two) -> None:
    work, _ = two
    claim(work, "q0", "q1")
    answer_question(work, "q0")
    with work.begin() as connection:
        questions.close(connection, work.partition, ["q1"], "rules")
    claim(work, "q0", "q1", force=True)
    assert asked_questions(work) == {"q0": "asks", "q1": "asks"}
    claim(work, "q0", "q1", force=True)
    assert asked_questions(work) == {"q0": "asks", "q1": "asks"}


def test_a_forced_question_forgets_the_rounds_before(scripted_work: PartitionWork) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(4))
    settle_lines(scripted_work, "expired")
    assert to_ask(scripted_work)["q0"] == (1, "expired")
    with scripted_work.begin() as connection:
        questions.close(connection, scripted_work.partition, ["q0", "q1", "q2", "q3"], "rules")
    claim(scripted_work, "q0", force=True)
    assert to_ask(scripted_work) == {"q0": (0, None)}


def test_force_leaves_a_request_on_its_way_alone(two: Two) -> None:
    work, _ = two
    claim(work, "q0")
    settle(work, plan_request(work, "q0"), "sent")
    claim(work, "q0", force=True)
    assert asked_questions(work) == {"q0": "asks"}
    assert to_ask(work) == {}


def test_two_forces_at_once_pay_once(two: Two) -> None:
    first, second = two
    claim(first, "q0")
    answer_question(first, "q0")
    claim(first, "q0", force=True)
    claim(second, "q0", force=True)
    assert asked_questions(second) == {"q0": "waits"}
    answer_question(first, "q0")
    claim(second, "q0")
    assert asked_questions(second) == {"q0": "answered"}


# --- listings that are gone -----------------------------------------------------------


def test_questions_of_listings_that_are_gone_are_dropped_unless_they_were_asked(
    two: Two,
) -> None:
    first, second = two
    claim(first, "asked", "answered", "gone", "kept", "lost")
    settle(first, plan_request(first, "asked"), "sent")
    answer_question(first, "answered")
    settle(first, plan_request(first, "lost"), "outcome_unknown")
    with first.begin() as connection:
        questions.forget_others(connection, first.partition, pl.Series(["kept", "kept"]))
    assert asked_questions(first) == {"asked": "asks", "answered": "answered", "kept": "asks"}
    claim(second, "gone", "kept")
    assert asked_questions(second) == {"gone": "asks", "kept": "waits"}


def test_a_partition_that_claims_and_forgets_and_one_that_claims_do_not_deadlock(
    two: Two,
) -> None:
    first, second = two
    claim(first, "z")
    nothing = pl.Series([], dtype=pl.String)

    def claim_and_forget() -> None:
        for _ in range(20):
            with first.begin() as connection:
                questions.claim(connection, first.partition, pl.Series(["a", "z"]))
                questions.forget_others(connection, first.partition, pl.Series(["a"]))

    def claim_both() -> None:
        for _ in range(20):
            claim(second, "a", "z")
            with second.begin() as connection:
                questions.forget_others(connection, second.partition, nothing)

    at_once(claim_and_forget, claim_both)
    claim(first, "a")
    claim(second, "a", "z")
    assert asked_questions(first) == {"a": "asks"}
    assert asked_questions(second) == {"a": "waits", "z": "asks"}


# --- at the same moment ---------------------------------------------------------------


def at_once(*actions: Callable[[], None]) -> None:
    """Runs actions in threads of their own; an error of one of them is raised."""
    with ThreadPoolExecutor(len(actions)) as pool:
        for done in [pool.submit(action) for action in actions]:
            done.result(timeout=30)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orders=st.lists(st.permutations([f"k{n}" for n in range(30)]), min_size=2, max_size=4),
    shares=st.lists(st.integers(1, 30), min_size=4, max_size=4),
)
def test_of_partitions_that_claim_at_the_same_moment_exactly_one_asks(
    work: PartitionWork, orders: list[list[str]], shares: list[int]
) -> None:
    works = [on_a_day_of_its_own(work) for _ in orders]
    for one in works:
        land(one)
    wanted = [order[:share] for order, share in zip(orders, shares, strict=False)]
    together = threading.Barrier(len(works))

    def run(one: PartitionWork, keys: Sequence[str]) -> None:
        together.wait()
        claim(one, *keys)

    at_once(*map(partial, itertools.repeat(run), works, wanted))
    asked = [asked_questions(one) for one in works]
    for states_of_one, keys in zip(asked, wanted, strict=True):
        assert set(states_of_one) == set(keys)
    for key in {key for keys in wanted for key in keys}:
        states = [of_one[key] for of_one in asked if key in of_one]
        assert sorted(states) == ["asks"] + ["waits"] * (len(states) - 1)
    with work.begin() as connection:  # the next example asks the same questions
        connection.execute(sa.text("delete from normalizer.partition_questions"))


def test_partitions_that_let_go_and_claim_at_the_same_moment_leave_one_asking(two: Two) -> None:
    keys = [f"k{n}" for n in range(50)]

    def worry(work: PartitionWork, order: list[str]) -> None:
        for _ in range(10):
            claim(work, *order)
            let_go(work)
        claim(work, *order)

    at_once(lambda: worry(two[0], keys), lambda: worry(two[1], keys[::-1]))
    first, second = map(asked_questions, two)
    assert all({first[key], second[key]} == {"asks", "waits"} for key in keys)


def until_it_waits(work: PartitionWork, done: "Future[None]") -> None:
    """Returns when the claim that is to be done waits for another transaction."""
    with work.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(sa.text(WAITING)).scalar():
            assert not done.done()
            time.sleep(0.01)


WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""


def test_an_answer_that_arrives_while_a_claim_waits_is_used(two: Two) -> None:
    first, second = two
    claim(first, "z")
    with ThreadPoolExecutor(1) as pool:
        with first.begin() as connection:
            questions.claim(connection, first.partition, pl.Series(["a"]))
            done = pool.submit(claim, second, "a", "z")
            until_it_waits(second, done)
            answer_question(first, "z")
        done.result(timeout=10)
    assert asked_questions(second) == {"a": "waits", "z": "answered"}


def test_a_claim_that_is_rolled_back_leaves_the_question_to_who_waited(two: Two) -> None:
    first, second = two
    transaction = first.engine.connect()
    questions.claim(transaction, first.partition, pl.Series(["q0"]))
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(claim, second, "q0")
        until_it_waits(second, done)
        transaction.close()
        done.result(timeout=10)
    assert asked_questions(first) == {}
    assert asked_questions(second) == {"q0": "asks"}


# --- what is left to ask --------------------------------------------------------------


def test_what_is_left_to_ask_knows_its_rounds_and_how_its_line_ended(
    scripted_work: PartitionWork,
) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(4))
    assert to_ask(scripted_work) == {}
    settle_lines(scripted_work, "not_executed")
    # Never executed: no round is used up.
    assert to_ask(scripted_work) == dict.fromkeys(("q0", "q1", "q2", "q3"), (0, None))
    plan(scripted_work, routed_listings(4))
    settle_lines(scripted_work, "expired")
    assert to_ask(scripted_work) == dict.fromkeys(("q0", "q1", "q2", "q3"), (1, "expired"))
    plan(scripted_work, routed_listings(4))
    settle_lines(scripted_work, "truncated")
    answer_question(scripted_work, "q3")
    claim(scripted_work, "q4")
    assert to_ask(scripted_work) == {
        **dict.fromkeys(("q0", "q1", "q2"), (2, "truncated")),
        "q4": (0, None),
    }


def test_who_waits_has_nothing_to_ask(two: Two) -> None:
    first, second = two
    claim(first, "q0")
    claim(second, "q0")
    assert to_ask(second) == {}
    assert to_ask(first) == {"q0": (0, None)}


def test_individual_calls_are_no_rounds(two: Two) -> None:
    claim(two[0], "q0")
    settle(two[0], plan_request(two[0], "q0", estimated_usd=Decimal("0.1")), "invalid")
    assert to_ask(two[0]) == {"q0": (0, None)}
