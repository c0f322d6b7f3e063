"""When a run is due: every state, every batch, every question, every blocker."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
import sqlalchemy as sa

from normalizer_assets.batching import call_ledger, due, ledger, life, questions, settlement
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import NormalizerConfig, PollingConfig
from normalizer_assets.db.tables import (
    TERMINAL_BATCH_STATES,
    BatchState,
    Blocker,
    PartitionState,
    batch_requests,
    batches,
    partitions,
)
from normalizer_assets_tests.batching.listings import (
    answer_question,
    claim,
    land,
    on_a_day_of_its_own,
    plan,
    plan_request,
    routed_listings,
)

UNDER_WAY: tuple[BatchState, ...] = (
    "planned", "uploaded", "creating", "validating", "in_progress", "finalizing", "cancelling",
)  # fmt: skip
ENDED: tuple[PartitionState, ...] = ("published", "held", "failed")
PAST, FUTURE = -timedelta(hours=1), timedelta(hours=1)


@dataclass
class Given:
    """What a partition looks like.

    Attributes:
        state: Its state.
        batches: States of its batches, each with a question of its own.
        harvested: Whether the terminal ones were harvested, without an answer.
        own: Open questions that no request asks.
        deadline: From now, where there is one.
        round: Its round.
        blocked: What blocks it.
        snapshot: Whether it has landed.
    """

    state: PartitionState
    batches: tuple[BatchState, ...] = ()
    harvested: bool = False
    own: int = 0
    deadline: timedelta | None = None
    round: int = 1
    blocked: Blocker | None = None
    snapshot: bool = True
    cancelled: bool = field(default=False)


def arrange(work: PartitionWork, given: Given) -> None:
    """Makes the partition look so."""
    land(work)
    prefix = work.partition.key
    for number, state in enumerate(given.batches):
        plan(work, routed_listings(1, prefix=f"{prefix} {number} "))
        with work.begin() as connection:
            row = ledger.batches_of(connection, work.partition)[-1]
            if state not in ("planned", "uploaded", "creating"):
                ledger.record_created(connection, row.shard_hash, f"{prefix} {number}")
            values: dict[str, Any] = {"state": state}
            if given.cancelled:
                values["cancel_requested_at"] = sa.func.now()
            if given.harvested and state in TERMINAL_BATCH_STATES:
                settlement.settle_missing(connection, row.shard_hash, "missing")
                values["harvested_at"] = sa.func.now()
            ledger.record_batch(connection, row.shard_hash, **values)
    claim(work, *(f"{prefix} own {number}" for number in range(given.own)))
    moment = None if given.deadline is None else datetime.now(UTC) + given.deadline
    with work.begin() as connection:
        life.enter(connection, work.partition, given.state)
        life.record(
            connection,
            work.partition,
            round=given.round,
            deadline_at=moment,
            blocked_by=given.blocked,
            **({} if given.snapshot else {"raw_snapshot": None}),
        )


def job_of(work: PartitionWork, config: NormalizerConfig | None = None) -> str | None:
    """Returns the job that is due for the partition."""
    with work.engine.connect() as connection:
        return dict(due.due(connection, config or work.config)).get(work.partition)


# --- one partition alone --------------------------------------------------------------

ALONE: list[tuple[Given, str | None]] = [
    (Given("landed"), None),
    # A process died between the claim and the plan.
    (Given("landed", own=1), "submit"),
    (Given("landed", blocked="key"), "submit"),
    # It died between planning and sending, or before it said that all was sent.
    *((Given("submitted", (state,)), "submit") for state in get_args(BatchState)),
    (Given("submitted"), "submit"),
    (Given("submitted", own=1), "submit"),
    (Given("submitted", ("in_progress", "planned")), "submit"),
    # Time in the backlog of the first round does not count; the second round has a deadline.
    (Given("submitted", ("planned",), deadline=PAST), "submit"),
    (Given("submitted", ("planned",), deadline=PAST, round=2), "collect"),
    (Given("submitted", ("planned",), deadline=FUTURE, round=2), "submit"),
    *((Given("waiting", (state,)), None) for state in UNDER_WAY),
    *((Given("waiting", (state,)), "collect") for state in TERMINAL_BATCH_STATES),
    *((Given("collecting", (state,)), None) for state in UNDER_WAY),
    *((Given("collecting", (state,)), "collect") for state in TERMINAL_BATCH_STATES),
    (Given("waiting"), "collect"),
    (Given("waiting", own=3), "collect"),
    (Given("collecting"), "collect"),
    (Given("waiting", ("completed", "in_progress")), None),
    (Given("waiting", ("completed", "failed")), "collect"),
    # Its own questions wait for the end of all of its batches.
    (Given("waiting", ("in_progress",), own=3), None),
    (Given("waiting", ("completed",), harvested=True), "collect"),
    # The deadline: open batches are cancelled, once.
    *(
        (Given("waiting", (state,), deadline=PAST), "collect")
        for state in ("validating", "in_progress", "finalizing")
    ),
    (Given("waiting", ("in_progress",), deadline=FUTURE), None),
    (Given("waiting", ("in_progress",), deadline=PAST, cancelled=True), None),
    (Given("waiting", ("cancelling",), deadline=PAST), None),
    *((Given(state, own=1, deadline=PAST), None) for state in ENDED),
    *((Given(state, ("completed",)), None) for state in ENDED),
    # A row that was made by its lock alone.
    *((Given(state, snapshot=False), None) for state in get_args(PartitionState)),
]  # fmt: skip


def test_what_is_due_for_a_partition_alone(work: PartitionWork) -> None:
    cases = [(given, job, on_a_day_of_its_own(work)) for given, job in ALONE]
    for given, _, one in cases:
        arrange(one, given)
    with work.engine.connect() as connection:
        found = due.due(connection, work.config)
    # Every partition is on a later day than the one before: what is due comes oldest first.
    assert [partition for partition, _ in found] == sorted(partition for partition, _ in found)
    jobs = dict(found)
    wrong = [
        (given, f"expected {job}, not {jobs.get(one.partition)}")
        for given, job, one in cases
        if jobs.get(one.partition) != job
    ]
    assert wrong == []


def test_a_batch_that_a_person_released_is_not_waited_for(work: PartitionWork) -> None:
    arrange(work, Given("waiting", ("cancelling",), cancelled=True, deadline=PAST))
    assert job_of(work) is None
    with work.begin() as connection:
        [row] = ledger.batches_of(connection, work.partition)
        ledger.give_up_batch(connection, row.shard_hash)
    assert job_of(work) == "collect"


# --- pauses and attempts --------------------------------------------------------------


def test_an_attempt_is_followed_by_a_pause(work: PartitionWork) -> None:
    arrange(work, Given("waiting", own=1))
    life.launch(work.engine, work.partition, "collect", PollingConfig(backoff_seconds=60))
    assert job_of(work) is None
    pass_time(work, seconds=61)
    assert job_of(work) == "collect"


def test_after_the_last_attempt_nothing_is_due(work: PartitionWork) -> None:
    arrange(work, Given("waiting", own=1))
    eager = PollingConfig(attempts=2, backoff_seconds=0)
    for _ in range(2):
        assert job_of(work) == "collect"
        assert life.launch(work.engine, work.partition, "collect", eager) is not None
    assert job_of(work) == "collect"
    assert life.launch(work.engine, work.partition, "collect", eager) is None
    assert job_of(work) is None


def pass_time(work: PartitionWork, seconds: float) -> None:
    """Lets the partition's pause be nearer to its end."""
    with work.begin() as connection:
        later = partitions.c.next_attempt_at - timedelta(seconds=seconds)
        life.record(connection, work.partition, next_attempt_at=later)


# --- waiting for others ---------------------------------------------------------------

Two = tuple[PartitionWork, PartitionWork]


@pytest.fixture
def two(work: PartitionWork) -> Two:
    """An asker whose question q0 is in a batch, and a partition that waits for it."""
    asker, waiter = on_a_day_of_its_own(work), on_a_day_of_its_own(work)
    land(asker)
    plan(asker, routed_listings(1))
    with asker.begin() as connection:
        [row] = ledger.batches_of(connection, asker.partition)
        ledger.record_created(connection, row.shard_hash, "batch_1")
        life.enter(connection, asker.partition, "waiting")
    land(waiter, state="waiting")
    claim(waiter, "q0")
    return asker, waiter


def put_batch(work: PartitionWork, **values: object) -> None:
    with work.begin() as connection:
        [row] = ledger.batches_of(connection, work.partition)
        ledger.record_batch(connection, row.shard_hash, **values)


@pytest.mark.parametrize("state", get_args(BatchState))
def test_a_waiter_is_due_when_the_batch_of_its_question_is_terminal(
    two: Two, state: BatchState
) -> None:
    asker, waiter = two
    put_batch(asker, state=state)
    expected = "collect" if state in TERMINAL_BATCH_STATES else None
    assert job_of(waiter) == expected


def test_a_waiter_is_due_for_the_harvest_of_an_asker_that_ended(two: Two) -> None:
    asker, waiter = two
    put_batch(asker, state="completed")
    with asker.begin() as connection:
        life.enter(connection, asker.partition, "held")
    assert job_of(asker) is None
    assert job_of(waiter) == "collect"


def test_a_waiter_waits_while_the_asker_asks_individually(two: Two) -> None:
    asker, waiter = two
    put_batch(asker, state="completed", harvested_at=sa.func.now())
    with asker.begin() as connection:
        [row] = ledger.batches_of(connection, asker.partition)
        settlement.settle_missing(connection, row.shard_hash, "expired")
    assert job_of(asker) == "collect"
    assert job_of(waiter) is None


def test_a_waiter_is_due_when_its_question_has_an_answer(two: Two) -> None:
    asker, waiter = two
    answer_question(asker, "q0")
    assert job_of(waiter) == "collect"


def test_a_waiter_is_due_when_its_question_is_free(two: Two) -> None:
    asker, waiter = two
    put_batch(asker, state="failed", harvested_at=sa.func.now())
    with asker.begin() as connection:
        [row] = ledger.batches_of(connection, asker.partition)
        settlement.settle_missing(connection, row.shard_hash, "not_executed")
    assert job_of(waiter) is None
    with asker.begin() as connection:
        questions.let_go(connection, asker.partition)
    assert job_of(waiter) == "collect"


def test_a_waiter_is_due_when_the_asker_fell_back_to_rules(two: Two) -> None:
    asker, waiter = two
    with asker.begin() as connection:
        questions.close(connection, asker.partition, ["q0"], "rules")
    assert job_of(waiter) == "collect"


def test_a_waiter_is_not_due_at_its_own_deadline(two: Two) -> None:
    _, waiter = two
    with waiter.begin() as connection:
        life.record(connection, waiter.partition, deadline_at=datetime.now(UTC) + PAST)
    assert job_of(waiter) is None


def test_a_waiter_with_a_batch_of_its_own_is_served_before_that_ends(two: Two) -> None:
    asker, waiter = two
    plan(waiter, routed_listings(1, prefix="other"))
    with waiter.begin() as connection:
        [row] = ledger.batches_of(connection, waiter.partition)
        ledger.record_created(connection, row.shard_hash, "batch_2")
        life.enter(connection, waiter.partition, "waiting")
    assert job_of(waiter) is None
    put_batch(asker, state="completed")
    assert job_of(waiter) == "collect"


# --- a batch of two partitions --------------------------------------------------------


def test_a_shared_batch_is_cancelled_at_the_latest_deadline(two: Two) -> None:
    first, second = two
    with second.begin() as connection:
        [row] = ledger.batches_of(connection, first.partition)
        connection.execute(
            sa.insert(batch_requests).values(
                shard_hash=row.shard_hash,
                custom_id="of the second",
                retailer=second.partition.retailer,
                day=second.partition.day,
                question_key="q9",
                step="batch",
                llm_model="gpt-5-mini",
                body_hash="x",
                state="sent",
                estimated_usd=0,
                bound_usd=0,
            )
        )

    def deadlines(of_first: timedelta, of_second: timedelta | None) -> None:
        now = datetime.now(UTC)
        for one, left in ((first, of_first), (second, of_second)):
            moment = None if left is None else now + left
            with one.begin() as connection:
                life.record(connection, one.partition, deadline_at=moment)

    deadlines(PAST, FUTURE)
    assert job_of(first) is None
    deadlines(PAST, None)
    assert job_of(first) is None
    deadlines(PAST, PAST)
    assert job_of(first) == "collect"
    assert job_of(second) == "collect"


# --- blocked --------------------------------------------------------------------------


def block(work: PartitionWork, by: Blocker, usd: str | None = None, pause: float = 0) -> None:
    blocked = BlockedError(by, "why", Decimal(usd) if usd else None)
    with work.begin() as connection:
        life.block(connection, work.partition, blocked, pause)


@pytest.mark.parametrize("by", ["configuration", "key", "quota", "doubt", "stuck"])
def test_what_cannot_be_looked_at_is_tried_again_after_a_pause(
    work: PartitionWork, by: Blocker
) -> None:
    arrange(work, Given("landed", own=1))
    block(work, by, pause=60)
    assert job_of(work) is None
    pass_time(work, seconds=61)
    assert job_of(work) == "submit"


def with_budget(work: PartitionWork, partition_usd: float, day_usd: float) -> NormalizerConfig:
    budget = work.config.budget.model_copy(
        update={"partition_usd": partition_usd, "day_usd": day_usd}
    )
    return work.config.model_copy(update={"budget": budget})


@pytest.mark.parametrize(
    ("partition_usd", "day_usd", "job"),
    [(1, 1, None), (1, 9, None), (9, 1, None), (2.5, 2.5, "submit"), (9, 9, "submit")],
)
def test_a_budget_blocks_until_there_is_room_for_what_is_needed(
    work: PartitionWork, partition_usd: float, day_usd: float, job: str | None
) -> None:
    arrange(work, Given("submitted"))
    plan_request(work, "spent", estimated_usd=Decimal("0.5"))
    block(work, "budget", "2")
    assert job_of(work, with_budget(work, partition_usd, day_usd)) == job


def test_money_that_others_give_back_lets_a_partition_go_on(work: PartitionWork) -> None:
    other = on_a_day_of_its_own(work)
    for one in (work, other):
        arrange(one, Given("submitted"))
    request_id = plan_request(other, "expensive", estimated_usd=Decimal(8))
    block(work, "budget", "3")
    tight = with_budget(work, partition_usd=10, day_usd=10)
    assert job_of(work, tight) is None
    with other.begin() as connection:
        call_ledger.settle_request(connection, request_id, {"state": "expired", "cost_usd": 0})
    assert job_of(work, tight) == "submit"


def test_a_blocked_waiter_is_served_when_somebody_else_has_the_answer(two: Two) -> None:
    asker, waiter = two
    block(waiter, "budget", "1000")
    assert job_of(waiter) is None
    answer_question(asker, "q0")
    assert job_of(waiter) == "collect"


def test_a_batch_waits_for_room_among_the_enqueued_tokens(work: PartitionWork) -> None:
    arrange(work, Given("submitted", ("planned",)))
    block(work, "room")
    other = on_a_day_of_its_own(work)
    arrange(other, Given("waiting", ("in_progress",)))
    limit = work.config.models["gpt-5-mini"].enqueued_tokens
    put_batch(other, prompt_tokens=limit)
    assert job_of(work) is None
    put_batch(other, prompt_tokens=1)
    assert job_of(work) == "submit"
    put_batch(other, prompt_tokens=limit, state="completed")
    assert job_of(work) == "submit"


def test_one_batch_that_there_is_room_for_is_enough_to_go_on(work: PartitionWork) -> None:
    arrange(work, Given("submitted", ("planned", "planned")))
    block(work, "room")
    with work.begin() as connection:
        first, second = ledger.unsent_batches(connection, work.partition)
        ledger.record_batch(connection, first.shard_hash, prompt_tokens=4_000_000)
        ledger.record_batch(connection, second.shard_hash, prompt_tokens=2_000_000)
    other = on_a_day_of_its_own(work)
    arrange(other, Given("waiting", ("in_progress",)))
    put_batch(other, prompt_tokens=2_000_000)
    assert job_of(work) == "submit"
    put_batch(other, prompt_tokens=4_000_000)
    assert job_of(work) is None


def test_after_a_refusal_for_lack_of_room_there_is_a_pause(work: PartitionWork) -> None:
    arrange(work, Given("submitted", ("planned",)))
    block(work, "room")
    other = on_a_day_of_its_own(work)
    arrange(other, Given("waiting", ("failed",)))
    full = {"data": [{"code": "token_limit_exceeded"}]}
    now = datetime.now(UTC)
    put_batch(other, errors=full, terminal_at=now)
    assert job_of(work) is None
    put_batch(other, terminal_at=now - timedelta(seconds=work.config.batching.backlog_seconds))
    assert job_of(work) == "submit"


def test_creations_of_an_hour_are_limited(work: PartitionWork) -> None:
    arrange(work, Given("submitted", ("planned",)))
    block(work, "room")
    arrange(on_a_day_of_its_own(work), Given("published", ("completed", "completed")))
    batching = work.config.batching.model_copy(update={"creations_per_hour": 2})
    two_an_hour = work.config.model_copy(update={"batching": batching})
    assert job_of(work, two_an_hour) is None
    with work.engine.begin() as connection:
        connection.execute(
            sa.update(batches)
            .where(batches.c.submitted_at.is_not(None))
            .values(submitted_at=batches.c.submitted_at - timedelta(minutes=61))
        )
    assert job_of(work, two_an_hour) == "submit"


def test_room_that_no_batch_needs_any_more_blocks_nothing(work: PartitionWork) -> None:
    arrange(work, Given("submitted"))
    block(work, "room")
    assert job_of(work) == "submit"


def test_partitions_of_a_day_come_by_retailer(work: PartitionWork) -> None:
    for retailer in ("paris", "jumbo", "lider"):
        one = on_a_day_of_its_own(work)
        with work.engine.begin() as connection:
            connection.execute(
                sa.insert(partitions).values(
                    retailer=retailer, day=work.partition.day, state="waiting", raw_snapshot="x"
                )
            )
        assert one.partition.day < work.partition.day
    with work.engine.connect() as connection:
        found = due.due(connection, work.config)
    assert found == [
        (Partition(work.partition.day, retailer), "collect")
        for retailer in ("jumbo", "lider", "paris")
    ]
