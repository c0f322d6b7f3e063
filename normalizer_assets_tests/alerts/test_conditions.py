"""What needs a hand: each condition is told once, ends, and may come back."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
import sqlalchemy as sa

from normalizer_assets.alerts.channels import Channel
from normalizer_assets.alerts.conditions import Condition, conditions, in_words
from normalizer_assets.alerts.delivery import GONE_FOR, listed, look
from normalizer_assets.batching import call_ledger, ledger, life
from normalizer_assets.batching.canary import RED
from normalizer_assets.batching.collection import BATCHES_REFUSED
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import AlertKind
from normalizer_assets.db.tables import Blocker, PartitionState, batch_requests, semantic_hits
from normalizer_assets_tests.batching.listings import (
    batch_rows,
    claim,
    land,
    on_a_day_of_its_own,
    partition_row,
    plan,
    plan_request,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.settings import configured, with_model

Step = Callable[[PartitionWork], PartitionWork | None]
"""Changes the world; returns the work where its settings change."""

NOW = datetime.now(UTC)
RUN = "`normalizer run --day 2024-10-01 --retailer lider --wait`"


@dataclass(frozen=True)
class Course:
    """How a condition begins and ends.

    Attributes:
        kind: Its kind.
        subject: What it is about.
        says: What stands in the message.
        begin: Brings it about, and again.
        end: Ends it.
        later: When it is looked at, after now.
    """

    kind: AlertKind
    subject: str
    says: tuple[str, ...]
    begin: Step
    end: Step
    later: timedelta = timedelta(0)


# --- scripted states ------------------------------------------------------------------


def in_state(state: PartitionState, reason: str | None = None) -> Step:
    def step(work: PartitionWork) -> None:
        if partition_row(work) is None:
            land(work)
            plan_request(work)
            with work.begin() as connection:
                request = connection.execute(sa.select(batch_requests.c.request_id)).scalar_one()
                paid = {"state": "ok", "cost_usd": Decimal("0.0125")}
                call_ledger.settle_request(connection, request, paid)
        with work.begin() as connection:
            life.enter(connection, work.partition, state, reason)

    return step


def blocked(by: Blocker, usd: str | None = None, **budget: float) -> Step:
    def step(work: PartitionWork) -> PartitionWork:
        in_state("submitted")(work)
        reason = BlockedError(by, f"the words of {by}", Decimal(usd) if usd else None)
        with work.begin() as connection:
            life.block(connection, work.partition, reason, pause_seconds=0)
        return configured(work, budget=budget)

    return step


def sent(work: PartitionWork) -> None:
    if partition_row(work) is None:
        submit(work, routed_listings(4))
    with work.begin() as connection:
        life.enter(connection, work.partition, "waiting")


def batch(state: str, **values: object) -> Step:
    """Lets a batch be like that; a time is so long ago."""

    def step(work: PartitionWork) -> None:
        sent(work)
        given = {
            name: NOW - value if isinstance(value, timedelta) else value
            for name, value in values.items()
        }
        with work.begin() as connection:
            [row] = batch_rows(work)
            ledger.record_batch(connection, row.shard_hash, state=state, **given)

    return step


def doubted(work: PartitionWork) -> None:
    if partition_row(work) is None:
        land(work)
        plan(work, routed_listings(4))
    with work.begin() as connection:
        [row] = batch_rows(work)
        hour_ago = NOW - timedelta(hours=1)
        ledger.record_batch(
            connection, row.shard_hash, batch_id=None, state="creating", missed_at=hour_ago
        )


def found(work: PartitionWork) -> None:
    with work.begin() as connection:
        ledger.record_created(connection, batch_rows(work)[0].shard_hash, "batch_1")


def spent(usd: str) -> Step:
    def step(work: PartitionWork) -> PartitionWork:
        land(work)
        with work.engine.begin() as connection:
            connection.execute(sa.delete(batch_requests))
        plan_request(work, estimated_usd=Decimal(usd))
        return configured(work, budget={"day_usd": 200.0})

    return step


def shut_down(model: str, day: date | None) -> Step:
    return lambda work: with_model(work, model, shutdown=day)


def disagreed(count: int, ago: timedelta = timedelta(0)) -> Step:
    def step(work: PartitionWork) -> None:
        with work.engine.begin() as connection:
            connection.execute(sa.delete(semantic_hits))
            for number in range(count):
                connection.execute(
                    sa.insert(semantic_hits).values(
                        question_key=f"{number}0123456789abcdef",
                        entry_key="entry",
                        category_group="dairy",
                        similarity=0.9314,
                        forgiven=["entera"],
                        state="disagreed",
                        retailer="lider",
                        day=date(2024, 10, 1),
                        settled_at=NOW - ago,
                    )
                )

    return step


KEY = "2024-10-01|lider"
BLOCKERS: tuple[tuple[Blocker, str], ...] = (
    ("key", "correct OPENAI_API_KEY"),
    ("quota", "raise the quota"),
    ("configuration", "correct the setting"),
)
PUBLISHED = in_state("published")
COURSES = [
    Course(
        "partition_failed",
        KEY,
        ("collect failed 3 times: no disk", "Cost so far: 0.012500 USD", RUN),
        in_state("failed", "collect failed 3 times: no disk"),
        in_state("waiting"),
    ),
    Course(
        "batch_failed",
        KEY,
        ("batch_9: line 3 is odd", "Cost so far: 0.012500 USD", RUN),
        in_state("failed", f"{BATCHES_REFUSED} 1 batch(es): batch_9: line 3 is odd"),
        in_state("landed"),
    ),
    Course(
        "gate_red",
        KEY,
        ("share_accepted 0.52", "0.0125", "`normalizer review list --day 2024-10-01", RUN),
        in_state("held", "share_accepted 0.52, wanted 0.7"),
        PUBLISHED,
    ),
    Course(
        "canary_red",
        KEY,
        ("3 of 20 replies are valid", "Cost so far: 0.012500 USD", "correct the prompt", RUN),
        in_state("held", f"{RED}: 3 of 20 replies are valid"),
        in_state("landed"),
    ),
    *(
        Course(
            "partition_blocked",
            f"{KEY} ({by})",
            (f"the words of {by}", f"Partitions: {KEY}", "Cost so far: 0.012500 USD", remedy),
            blocked(by),
            in_state("waiting"),
        )
        for by, remedy in BLOCKERS
    ),
    Course(
        "partition_blocked",
        f"{KEY} (budget)",
        ("the words of budget", "raise `budget.partition_usd`"),
        blocked("budget", "20", partition_usd=10.0, day_usd=100.0),
        in_state("waiting"),
    ),
    Course(
        "budget_over",
        "today",
        (
            "1 partition(s) wait for money: their next requests are estimated at 20.000000 USD",
            f"of 10.0 USD 9.987500 USD are left; nothing was sent\nPartitions: {KEY}\n",
            "Cost so far: 0.012500 USD\nTo do: raise `budget.day_usd`",
        ),
        blocked("budget", "20", partition_usd=100.0, day_usd=10.0),
        in_state("waiting"),
    ),
    Course(
        "budget_near",
        "today",
        ("160.000000 of 200.0 USD are spent or reserved (80%)", "raise `budget.day_usd`"),
        spent("160"),
        spent("159.99"),
    ),
    Course(
        "deadline_missed",
        KEY,
        ("its deadline was ", "it still waits for batch_1 validating 0/4", "batches list --open"),
        sent,
        PUBLISHED,
        later=timedelta(hours=27),
    ),
    Course(
        "batch_stalled",
        "batch_1",
        (
            "no progress for 6 h (in_progress); 0 of 4 lines are done",
            f"Partitions: {KEY}",
            "Cost so far: 0.000000 USD",
            "`normalizer batches cancel batch_1`",
        ),
        batch("in_progress", progressed_at=timedelta(hours=7)),
        batch("in_progress", progressed_at=timedelta(0)),
    ),
    Course(
        "batch_stalled",
        "batch_1",
        ("finalizing for 60 minutes",),
        batch("finalizing", progressed_at=timedelta(minutes=61)),
        batch("completed", terminal_at=timedelta(0)),
    ),
    Course(
        "batch_stuck",
        "batch_1",
        ("cancelling 1 h after its cancel", "`normalizer batches resubmit batch_1`"),
        batch("cancelling", cancel_requested_at=timedelta(hours=2), released_at=None),
        batch("cancelling", released_at=timedelta(0)),
    ),
    Course(
        "batch_in_doubt",
        "a file",
        ("it may be running", f"Partitions: {KEY}", "`normalizer batches adopt ID`", RUN),
        doubted,
        found,
    ),
    Course(
        "model_shutdown",
        "gpt-5 within 30 days",
        ("gpt-6.1-sol answers from the day before", "`tiers.full.model`"),
        shut_down("gpt-5", NOW.date() + timedelta(days=30)),
        shut_down("gpt-5", NOW.date() + timedelta(days=31)),
    ),
    Course(
        "model_shutdown",
        "gpt-5 within 7 days",
        ("gpt-6.1-sol answers from the day before",),
        shut_down("gpt-5", NOW.date() + timedelta(days=7)),
        shut_down("gpt-5", None),
    ),
    Course(
        "model_shutdown",
        "text-embedding-3-small within 1 day",
        ("nothing takes its place", "`embedding.model`"),
        shut_down("text-embedding-3-small", NOW.date() + timedelta(days=1)),
        shut_down("text-embedding-3-small", None),
    ),
    Course(
        "model_replaced",
        "tiers.mini: gpt-6-luna",
        ("gpt-6-luna answers in the place of gpt-5-mini", "`tiers.mini.model`"),
        batch("in_progress", llm_model="gpt-6-luna"),
        batch("in_progress", llm_model="gpt-5-mini"),
    ),
    Course(
        "cache_disagreement",
        "dairy 00123456789a",
        (
            "similarity 0.931; forgiven: entera",
            f"Partitions: {KEY}",
            "Cost so far: 0.000000 USD",
            "`normalizer review show 00123456789a`",
        ),
        disagreed(1),
        disagreed(1, ago=timedelta(hours=25)),
    ),
    Course(
        "cache_group_closed",
        "dairy",
        ("3 or more hits were wrong within 365 days", "`normalizer cache stats`"),
        disagreed(3, ago=timedelta(days=2)),
        disagreed(2, ago=timedelta(days=2)),
    ),
]


@pytest.mark.parametrize("course", COURSES, ids=lambda course: f"{course.kind} {course.subject}")
def test_a_condition_is_told_once_ends_and_comes_back(
    course: Course, quiet_work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    work, moment = quiet_work, NOW + course.later

    def play(step: Step, *pauses: timedelta) -> list[str]:
        nonlocal work, moment
        work = step(work) or work
        told.clear()
        for pause in pauses:
            moment += pause
            assert look(work.engine, work.config, [channel], now=moment).problems == []
        return list(told)

    at_once, for_good = (timedelta(0), timedelta(seconds=1)), (timedelta(0), GONE_FOR)
    [message] = play(course.begin, *at_once)
    subject = {
        "today": f"{today(work)} in Santiago",
        "a file": batch_rows(work)[0].file_name if course.subject == "a file" else "",
    }.get(course.subject, course.subject)
    assert message.splitlines()[0] == f"{course.kind.replace('_', ' ')}: {subject}"
    for words in course.says:
        assert words in message
    assert play(course.end, *for_good) == []
    with work.engine.connect() as connection:
        assert listed(connection) == []
        assert len(listed(connection, ended=True)) == 1
    assert play(course.begin, *at_once) == [message]


def today(work: PartitionWork) -> date:
    with work.engine.connect() as connection:
        statement = "select (now() at time zone 'America/Santiago')::date"
        day: date = connection.execute(sa.text(statement)).scalar_one()
        return day


def kinds(work: PartitionWork, now: datetime = NOW) -> list[tuple[str, str]]:
    with work.engine.connect() as connection:
        return [(one.kind, one.subject) for one in conditions(connection, work.config, now)]


def test_every_kind_has_a_course_but_what_the_database_does_not_know() -> None:
    assert {course.kind for course in COURSES} == set(get_args(AlertKind)) - {"run_failed"}


# --- what needs nobody ----------------------------------------------------------------


@pytest.mark.parametrize("by", ["room", "doubt", "stuck"])
def test_what_passes_or_is_told_of_the_batch_is_not_told_of_the_partition(
    quiet_work: PartitionWork, by: Blocker
) -> None:
    blocked(by)(quiet_work)
    assert kinds(quiet_work) == []


def test_what_a_person_rolled_back_needs_nobody(quiet_work: PartitionWork) -> None:
    in_state("held", f"{life.ROLLED_BACK} from version 2 to version 1")(quiet_work)
    assert kinds(quiet_work) == []


def test_products_of_the_facade_are_told_to_its_caller(quiet_work: PartitionWork) -> None:
    work = dataclasses.replace(quiet_work, partition=Partition(date(2024, 10, 1), "direct-1a2b"))
    in_state("failed", "why")(work)
    assert kinds(work) == []


def test_a_partition_that_waited_for_money_which_is_there_now_is_about_to_go_on(
    quiet_work: PartitionWork,
) -> None:
    work = blocked("budget", "20", partition_usd=30.0, day_usd=30.0)(quiet_work)
    assert work is not None
    assert kinds(work) == []


def test_without_a_budget_nothing_is_near_it(quiet_work: PartitionWork) -> None:
    assert kinds(configured(quiet_work, budget={"day_usd": 0.0})) == []


def test_a_deadline_of_an_earlier_life_is_not_missed(quiet_work: PartitionWork) -> None:
    sent(quiet_work)
    with quiet_work.begin() as connection:
        week_ago = NOW - timedelta(days=7)
        life.record(connection, quiet_work.partition, deadline_at=week_ago)
    assert kinds(quiet_work) == []


def test_who_waits_for_another_past_its_deadline_names_it(quiet_work: PartitionWork) -> None:
    asker = on_a_day_of_its_own(quiet_work)
    land(asker)
    claim(asker, "q0")
    land(quiet_work, state="waiting")
    claim(quiet_work, "q0")
    with quiet_work.begin() as connection:
        life.record(connection, quiet_work.partition, deadline_at=NOW)
    with quiet_work.engine.connect() as connection:
        [late] = conditions(connection, quiet_work.config, NOW)
    assert (late.kind, late.subject) == ("deadline_missed", KEY)
    assert late.cause.endswith(f"it still waits for 1 questions that {asker.partition.key} asks")
    assert late.remedy == (f"`normalizer run --day {asker.partition.day} --retailer lider --wait`")


def test_a_reply_that_was_just_lost_is_looked_for_by_itself(quiet_work: PartitionWork) -> None:
    doubted(quiet_work)
    hour_ago = NOW - timedelta(hours=1)
    assert kinds(quiet_work, hour_ago + timedelta(minutes=15, seconds=59)) == []
    assert len(kinds(quiet_work, hour_ago + timedelta(minutes=16))) == 1


def test_a_batch_whose_creator_died_before_any_look_is_in_doubt_too(
    quiet_work: PartitionWork,
) -> None:
    doubted(quiet_work)
    with quiet_work.begin() as connection:
        ledger.record_batch(connection, batch_rows(quiet_work)[0].shard_hash, missed_at=None)
    assert kinds(quiet_work, NOW + timedelta(minutes=14)) == []
    assert [kind for kind, _ in kinds(quiet_work, NOW + timedelta(minutes=30))] == [
        "batch_in_doubt"
    ]


# --- models ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "expected"), [(31, None), (30, 30), (8, 30), (7, 7), (2, 7), (1, 1), (0, 1), (-3, 1)]
)
def test_a_shutdown_is_told_three_times(
    quiet_work: PartitionWork, days: int, expected: int | None
) -> None:
    day = NOW.date() + timedelta(days=days)
    work = with_model(quiet_work, "gpt-5", shutdown=day)
    found = [subject for kind, subject in kinds(work) if kind == "model_shutdown"]
    assert found == (
        [] if expected is None else [f"gpt-5 within {expected} day{'s' if expected > 1 else ''}"]
    )


def test_a_model_that_nobody_asks_may_go(quiet_work: PartitionWork) -> None:
    assert kinds(with_model(quiet_work, "gpt-5.2", shutdown=NOW.date())) == []


def test_from_the_day_before_its_shutdown_a_models_successor_is_named(
    quiet_work: PartitionWork,
) -> None:
    work = with_model(quiet_work, "gpt-5", shutdown=NOW.date() + timedelta(days=1))
    with work.engine.connect() as connection:
        [_, replaced] = conditions(connection, work.config, NOW)
    assert (replaced.kind, replaced.subject) == ("model_replaced", "tiers.full: gpt-6.1-sol")
    assert replaced.cause == (
        f"gpt-6.1-sol answers in the place of gpt-5: gpt-5 is shut down on "
        f"{NOW.date() + timedelta(days=1)}"
    )
    assert "`tiers.full.model`" in replaced.remedy
    fails = with_model(work, "gpt-5", when_gone="fail")
    assert kinds(fails) == [("model_shutdown", "gpt-5 within 1 day")]


def test_a_successor_that_was_asked_in_a_batch_is_named(quiet_work: PartitionWork) -> None:
    sent(quiet_work)
    replaced = ("model_replaced", "tiers.mini: gpt-6-luna")
    assert kinds(quiet_work) == []
    with quiet_work.begin() as connection:
        ledger.record_batch(
            connection, batch_rows(quiet_work)[0].shard_hash, llm_model="gpt-6-luna"
        )
    assert kinds(quiet_work) == [replaced]
    assert kinds(quiet_work, NOW + timedelta(days=2, hours=1))[1:] == []
    # Named by a person, it is nobody's successor any more.
    mini = quiet_work.config.tiers["mini"].model_copy(update={"model": "gpt-6-luna"})
    tiers = quiet_work.config.tiers | {"mini": mini}
    with quiet_work.engine.connect() as connection:
        named = quiet_work.config.model_copy(update={"tiers": tiers})
        assert conditions(connection, named, NOW) == []


# --- words ----------------------------------------------------------------------------


def worded(work: PartitionWork, url: str = "", **values: object) -> list[str]:
    known: dict[str, object] = {
        "kind": "gate_red",
        "subject": KEY,
        "cause": "why",
        "remedy": "this",
        "partitions": (Partition(date(2024, 10, 1), "lider"),),
        "page": "assets/x",
    }
    with work.engine.connect() as connection:
        condition = Condition(**(known | values))  # type: ignore[arg-type]
        return in_words(connection, condition, url).splitlines()


def test_a_message_has_title_cause_cost_and_remedy(quiet_work: PartitionWork) -> None:
    expected = [f"gate red: {KEY}", "why", "Cost so far: 0.000000 USD", "To do: this"]
    assert worded(quiet_work) == expected
    linked = [*expected, "https://dagster.example/assets/x"]
    assert worded(quiet_work, "https://dagster.example/") == linked


def test_long_causes_are_cut_and_many_partitions_counted(quiet_work: PartitionWork) -> None:
    days = [Partition(date(2024, 10, day), "lider") for day in range(1, 9)]
    lines = worded(quiet_work, cause="word\n" * 1000, partitions=tuple(days), subject="batch_1")
    assert lines[1] == f"{('word ' * 1000)[:1500]}..."
    assert lines[2] == f"Partitions: {', '.join(day.key for day in days[:5])} and 3 more"
