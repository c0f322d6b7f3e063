import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import call_ledger, life
from normalizer_assets.batching.calls import call, patient_client
from normalizer_assets.batching.errors import BlockedError, LostTurnError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork, turn
from normalizer_assets.config import PollingConfig
from normalizer_assets.db.tables import Blocker, PartitionState, partitions, quarantined_listings
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    claim,
    land,
    on_a_day_of_its_own,
    partition_row,
    plan_request,
    requests_of,
)

HOLD = """
import sys, time
import sqlalchemy as sa
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
engine = sa.create_engine(sys.argv[1])
with life.locked(engine, Partition.from_key(sys.argv[2]), "run 1a2b3c4d") as hold:
    print(hold.holder, flush=True)
    time.sleep(60)
"""
PATIENT = PollingConfig(attempts=3, backoff_seconds=60)
EAGER = PollingConfig(attempts=3, backoff_seconds=0)
OTHER = Partition(date(2024, 10, 1), "jumbo")


# --- landing --------------------------------------------------------------------------


def test_landing_records_counts_and_replaces_the_quarantine(
    engine: sa.Engine, partition: Partition
) -> None:
    for reasons in (["no name", "no price"], ["no name"]):
        with engine.begin() as connection:
            life.record_landing(
                connection,
                partition,
                snapshot="abc",
                raw_count=10,
                collapsed_count=3,
                quarantined=pl.DataFrame(
                    {
                        "row_number": list(range(len(reasons))),
                        "reason": reasons,
                        "raw": ['{"name": "ñ"}'] * len(reasons),
                    }
                ),
            )
    with engine.connect() as connection:
        row = life.read(connection, partition)
        kept = connection.execute(sa.select(quarantined_listings)).all()
    assert row is not None
    assert (row.state, row.raw_snapshot, row.raw_count) == ("landed", "abc", 10)
    assert (row.quarantined_count, row.collapsed_count) == (1, 3)
    assert [(entry.reason, entry.raw) for entry in kept] == [("no name", {"name": "ñ"})]


def test_the_same_snapshot_keeps_the_state_except_where_a_person_asks_again(
    work: PartitionWork,
) -> None:
    for state in get_args(PartitionState):
        other = on_a_day_of_its_own(work)
        land(other, "one", state)
        land(other, "one")
        expected = "landed" if state in ("held", "failed") else state
        assert partition_row(other).state == expected, state


def test_another_snapshot_starts_anew_from_every_state(work: PartitionWork) -> None:
    for state in get_args(PartitionState):
        other = on_a_day_of_its_own(work)
        land(other, "one", state)
        with other.begin() as connection:
            life.record(connection, other.partition, round=2)
        land(other, "two")
        row = partition_row(other)
        assert (row.state, row.round) == ("landed", 1), state


def test_a_partition_that_never_landed_is_not_there(
    engine: sa.Engine, partition: Partition
) -> None:
    with engine.connect() as connection:
        assert life.read(connection, partition) is None
    with life.locked(engine, partition, "me"), engine.connect() as connection:
        # Its lock needs a row to count its turns in, which nobody else sees.
        assert connection.execute(sa.select(partitions.c.epoch)).scalars().all() == [1]
        assert life.read(connection, partition) is None
    with engine.connect() as connection:
        assert connection.execute(sa.select(partitions)).all() == []


# --- launches -------------------------------------------------------------------------


def test_every_launch_has_a_run_key_of_its_own(work: PartitionWork) -> None:
    land(work, state="waiting")
    keys = []
    for job in ("collect", "submit", "collect"):
        launch = life.launch(work.engine, work.partition, job, EAGER)
        assert launch is not None
        assert (launch.partition, launch.job) == (work.partition, job)
        keys.append(launch.run_key)
    assert keys == ["2024-10-01|lider:1", "2024-10-01|lider:submit:1", "2024-10-01|lider:2"]


def test_two_sensors_at_once_number_differently(work: PartitionWork) -> None:
    land(work, state="waiting")
    patient = PollingConfig(attempts=20, backoff_seconds=0)
    with ThreadPoolExecutor(4) as pool:
        launches = list(
            pool.map(
                lambda _: life.launch(work.engine, work.partition, "collect", patient), range(12)
            )
        )
    assert len({launch.run_key for launch in launches if launch}) == 12


def test_the_pause_before_the_next_attempt_doubles(work: PartitionWork) -> None:
    land(work, state="waiting")
    for pause in (60, 120, 240):
        started = datetime.now(UTC)
        life.launch(work.engine, work.partition, "collect", PATIENT)
        planned = partition_row(work).next_attempt_at - started
        assert timedelta(seconds=pause) <= planned < timedelta(seconds=pause + 5)


def use_up(work: PartitionWork) -> None:
    """Lets every attempt of the partition fail."""
    while life.launch(work.engine, work.partition, "collect", EAGER):
        pass


def test_after_the_attempts_the_partition_is_failed_and_says_why(work: PartitionWork) -> None:
    land(work, state="waiting")
    for _ in range(3):
        assert life.launch(work.engine, work.partition, "collect", EAGER) is not None
    assert life.launch(work.engine, work.partition, "collect", EAGER) is None
    row = partition_row(work)
    assert row.state == "failed"
    assert "collect failed 3 times" in row.blocked_reason
    assert "materialise the partition again" in row.blocked_reason


def test_a_partition_whose_attempts_are_used_up_keeps_no_question_from_others(
    work: PartitionWork,
) -> None:
    first, second = on_a_day_of_its_own(work), on_a_day_of_its_own(work)
    for one in (first, second):
        land(one)
        claim(one, "asked", "idle")
    request_id = plan_request(first, "asked")
    with first.begin() as connection:
        call_ledger.record_sent(connection, request_id)
    use_up(first)
    claim(second, "asked", "idle")
    # What may have been paid stays with who asked it.
    assert asked_questions(second) == {"asked": "waits", "idle": "asks"}


def test_materialising_a_failed_partition_gives_it_all_attempts_again(
    work: PartitionWork,
) -> None:
    land(work, state="waiting")
    use_up(work)
    land(work)
    row = partition_row(work)
    assert (row.state, row.attempts, row.blocked_reason) == ("landed", 0, None)
    launch = life.launch(work.engine, work.partition, "collect", EAGER)
    assert launch is not None
    assert launch.run_key == "2024-10-01|lider:4"


@pytest.mark.parametrize("state", ["waiting", "published", "held"])
def test_a_good_end_forgets_the_attempts(work: PartitionWork, state: PartitionState) -> None:
    land(work, state="waiting")
    life.launch(work.engine, work.partition, "collect", PATIENT)
    with work.begin() as connection:
        life.enter(connection, work.partition, "collecting")
    assert partition_row(work).attempts == 1
    with work.begin() as connection:
        life.enter(connection, work.partition, state)
    row = partition_row(work)
    assert (row.attempts, row.next_attempt_at) == (0, None)


def test_an_attempt_that_found_the_partition_taken_is_returned(work: PartitionWork) -> None:
    land(work, state="waiting")
    for number in range(1, 7):
        launch = life.launch(work.engine, work.partition, "collect", EAGER)
        assert launch is not None
        assert launch.run_key.endswith(f":{number}")
        life.return_attempt(work.engine, work.partition)
    life.return_attempt(work.engine, work.partition)
    assert partition_row(work).attempts == 0


def test_a_failed_partition_says_why(work: PartitionWork) -> None:
    land(work, state="collecting")
    with work.begin() as connection:
        life.enter(connection, work.partition, "failed", "the API refused it")
    row = partition_row(work)
    assert (row.state, row.blocked_reason) == ("failed", "the API refused it")


# --- blocked --------------------------------------------------------------------------


@pytest.mark.parametrize("by", get_args(Blocker))
def test_what_blocks_a_partition_is_said_and_uses_up_no_attempt(
    work: PartitionWork, by: Blocker
) -> None:
    land(work)
    blocked = BlockedError(by, "why, and what to do", Decimal("1.5") if by == "budget" else None)
    for _ in range(5):
        assert life.launch(work.engine, work.partition, "submit", EAGER) is not None
        with work.begin() as connection:
            life.block(connection, work.partition, blocked, pause_seconds=30)
        row = partition_row(work)
        assert (row.state, row.attempts) == ("landed", 0)
        assert (row.blocked_by, row.blocked_reason) == (by, "why, and what to do")
        assert row.blocked_usd == blocked.usd
        pause = row.next_attempt_at - datetime.now(UTC)
        assert timedelta(seconds=25) < pause <= timedelta(seconds=30)


@pytest.mark.parametrize("state", get_args(PartitionState))
def test_going_on_takes_the_blocker_away(work: PartitionWork, state: PartitionState) -> None:
    land(work)
    with work.begin() as connection:
        life.block(connection, work.partition, BlockedError("budget", "no", Decimal(1)), 0)
        life.enter(connection, work.partition, state)
    row = partition_row(work)
    assert (row.blocked_by, row.blocked_reason, row.blocked_usd) == (None, None, None)


def test_landing_again_takes_the_blocker_away_and_keeps_the_attempts(
    work: PartitionWork,
) -> None:
    """A run that the sensor launches lands again: forgotten attempts would never end."""
    land(work)
    for _ in range(2):
        life.launch(work.engine, work.partition, "submit", PATIENT)
    with work.begin() as connection:
        life.block(connection, work.partition, BlockedError("key", "no"), pause_seconds=60)
    pause = partition_row(work).next_attempt_at
    land(work)
    row = partition_row(work)
    assert (row.blocked_by, row.blocked_reason, row.blocked_usd) == (None, None, None)
    assert (row.attempts, row.next_attempt_at) == (1, pause)
    land(work, "another snapshot")
    row = partition_row(work)
    assert (row.attempts, row.next_attempt_at) == (0, None)


# --- the lock -------------------------------------------------------------------------


def test_a_lock_of_another_process_names_its_holder_and_ends_with_it(
    engine: sa.Engine, partition: Partition
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore", "-c", HOLD, url, partition.key],
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "None"
        with engine.connect() as connection:
            assert life.holder_of(connection, partition) == "normalizer run 1a2b3c4d"
        started = time.monotonic()
        with life.locked(engine, partition, "me", wait_seconds=0.2) as hold:
            assert hold.holder == "normalizer run 1a2b3c4d"
        assert time.monotonic() - started < 2
        with life.locked(engine, OTHER, "me", wait_seconds=0) as hold:
            assert hold.holder is None
        os.kill(holder.pid, signal.SIGKILL)
    with life.locked(engine, partition, "me", wait_seconds=5) as hold:
        assert hold.holder is None


def test_the_lock_is_free_again_after_an_error(engine: sa.Engine, partition: Partition) -> None:
    with pytest.raises(RuntimeError, match="step"), life.locked(engine, partition, "me"):
        raise RuntimeError("a step failed")
    with engine.connect() as connection:
        assert life.holder_of(connection, partition) is None


def test_who_waits_gets_the_lock_when_it_is_free(engine: sa.Engine, partition: Partition) -> None:
    def wait() -> str | None:
        with life.locked(engine, partition, "second", wait_seconds=10) as hold:
            return hold.holder

    with ThreadPoolExecutor(1) as pool:
        with life.locked(engine, partition, "first") as hold:
            assert hold.holder is None
            waiting = pool.submit(wait)
            time.sleep(0.1)
        assert waiting.result() is None


def test_a_long_name_of_a_holder_is_cut_where_postgres_cuts(
    engine: sa.Engine, partition: Partition
) -> None:
    with life.locked(engine, partition, "x" * 200), engine.connect() as connection:
        assert life.holder_of(connection, partition) == ("normalizer " + "x" * 200)[:63]


# --- turns ----------------------------------------------------------------------------


def take(
    work: PartitionWork, name: str = "me", wait_seconds: float = 5
) -> AbstractContextManager[tuple[PartitionWork, str | None]]:
    """Takes the partition's turn."""
    return turn(work.config, work.engine, work.partition, lambda: work.client, name, wait_seconds)


def break_lock(engine: sa.Engine, name: str = "me") -> None:
    """Cuts the connection that holds a lock, as a network does."""
    with engine.begin() as connection:
        ended = connection.execute(
            sa.text(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                "where datname = current_database() and application_name = :name"
            ),
            {"name": f"normalizer {name}"},
        ).scalar()
    assert ended == 1


def test_every_turn_has_the_next_number(work: PartitionWork) -> None:
    land(work)
    numbers = []
    for _ in range(3):
        with take(work) as (taken, _):
            numbers.append(taken.epoch)
    assert numbers == [1, 2, 3]
    assert partition_row(work).epoch == 3


def test_who_does_not_get_the_lock_raises_no_number(work: PartitionWork) -> None:
    land(work)
    with take(work, "first") as (first, _):
        with take(work, "second", wait_seconds=0) as (_, holder):
            assert holder == "normalizer first"
        with first.begin() as connection:
            life.enter(connection, work.partition, "submitted")
    assert partition_row(work).epoch == 1


def test_a_process_that_lost_its_turn_writes_nothing_more(work: PartitionWork) -> None:
    land(work)
    with take(work, "first") as (first, _):
        break_lock(work.engine, "first")
        with take(work, "second") as (second, holder):
            assert holder is None
            assert second.epoch == first.epoch + 1
            with pytest.raises(LostTurnError, match=r"turn 2, this was turn 1.*nothing is lost"):
                claim(first, "q0")
            claim(second, "q0")
            # Ending the first one's turn does not take the lock from the second.
    assert asked_questions(work) == {"q0": "asks"}
    with work.engine.connect() as connection:
        assert life.holder_of(connection, work.partition) is None


def test_a_broken_lock_that_nobody_took_does_no_harm(work: PartitionWork) -> None:
    land(work)
    with take(work) as (taken, _):
        break_lock(work.engine)
        claim(taken, "q0")
    assert asked_questions(work) == {"q0": "asks"}


def test_the_end_of_a_lost_turn_leaves_the_next_one_its_lock(work: PartitionWork) -> None:
    land(work)
    first = take(work, "first")
    first.__enter__()
    break_lock(work.engine, "first")
    with take(work, "second"):
        first.__exit__(None, None, None)
        with work.engine.connect() as connection:
            assert life.holder_of(connection, work.partition) == "normalizer second"


def test_who_takes_over_waits_for_the_last_transaction_of_the_turn_before(
    work: PartitionWork,
) -> None:
    land(work)
    started, order = threading.Event(), []

    def take_over() -> None:
        started.set()
        with take(work, "second"):
            order.append("second")

    with take(work, "first") as (first, _), ThreadPoolExecutor(1) as pool:
        with first.begin() as connection:
            break_lock(work.engine, "first")
            taking = pool.submit(take_over)
            started.wait()
            time.sleep(0.3)
            life.enter(connection, work.partition, "submitted")
            order.append("first")
        taking.result(timeout=10)
    assert order == ["first", "second"]
    assert partition_row(work).state == "submitted"


def test_a_reply_that_was_paid_is_kept_by_who_has_lost_its_turn(work: PartitionWork) -> None:
    land(work)
    with take(work, "first") as (first, _):
        claim(first, "q0")
        request_id = plan_request(first, "q0")

        def lose_the_turn(_: object) -> str:
            break_lock(work.engine, "first")
            with take(work, "second"):
                return '{"paid": true}'

        reply = call(first, patient_client(first), request_id, lose_the_turn)
        assert reply.state == "received"
        with pytest.raises(LostTurnError):
            plan_request(first, "q1")
    [request] = requests_of(work)
    assert (request.state, request.raw) == ("received", '{"paid": true}')


def test_a_request_of_a_lost_turn_does_not_leave(work: PartitionWork) -> None:
    land(work)
    with take(work, "first") as (first, _):
        request_id = plan_request(first, "q0")
        break_lock(work.engine, "first")
        with take(work, "second"), pytest.raises(LostTurnError):
            call(first, patient_client(first), request_id, lambda _: pytest.fail("it left"))
    assert [request.state for request in requests_of(work)] == ["planned"]
