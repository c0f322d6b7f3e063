import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import ledger, life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import PollingConfig
from normalizer_assets.db.tables import (
    PartitionState,
    batch_requests,
    batches,
    partitions,
    quarantined_listings,
)
from normalizer_assets_tests.batching.listings import (
    land,
    on_a_day_of_its_own,
    partition_row,
    plan,
    routed_listings,
)

HOLD = """
import sys, time
import sqlalchemy as sa
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
engine = sa.create_engine(sys.argv[1])
with life.locked(engine, Partition.from_key(sys.argv[2]), "run 1a2b3c4d") as other:
    print(other, flush=True)
    time.sleep(60)
"""
PATIENT = PollingConfig(attempts=3, backoff_seconds=60)
EAGER = PollingConfig(attempts=3, backoff_seconds=0)
OTHER = Partition(date(2024, 10, 1), "jumbo")

Situation = Literal["nothing", "open question", "planned", "in_progress", "completed", "failed"]


def arrange(work: PartitionWork, state: PartitionState, situation: Situation) -> None:
    """Puts a partition of four questions into a state, its one batch into another."""
    land(work)
    if situation == "open question":
        with work.engine.begin() as connection:
            ledger.open_questions(connection, work.partition, pl.Series(["q0"]))
    elif situation != "nothing":
        plan(work, routed_listings(4))
        with work.engine.begin() as connection:
            connection.execute(
                sa.update(batches)
                .where(
                    batches.c.shard_hash.in_(
                        sa.select(batch_requests.c.shard_hash).where(
                            work.partition.of(batch_requests)
                        )
                    )
                )
                .values(state=situation)
            )
    with work.engine.begin() as connection:
        life.enter(connection, work.partition, state)


def due(work: PartitionWork) -> list[tuple[Partition, str]]:
    with work.engine.connect() as connection:
        return life.due(connection)


# --- landing --------------------------------------------------------------------------


def test_landing_records_counts_and_replaces_the_quarantine(
    engine: sa.Engine, partition: Partition
) -> None:
    for reasons in (["no name", "no price"], ["no name"]):
        life.record_landing(
            engine,
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
        land(other, "two")
        assert partition_row(other).state == "landed", state


def test_a_partition_that_never_landed_has_no_row(engine: sa.Engine, partition: Partition) -> None:
    with engine.connect() as connection:
        assert life.read(connection, partition) is None


# --- what is due ----------------------------------------------------------------------


DUE: list[tuple[PartitionState, Situation, str | None]] = [
    ("landed", "nothing", None),
    ("landed", "open question", "submit"),
    # A process died between planning and sending, or before it said that all was sent.
    ("submitted", "nothing", "submit"),
    ("submitted", "open question", "submit"),
    ("submitted", "planned", "submit"),
    ("submitted", "in_progress", "submit"),
    ("submitted", "completed", "submit"),
    ("waiting", "nothing", "collect"),
    ("waiting", "open question", "collect"),
    ("waiting", "in_progress", None),
    ("waiting", "completed", "collect"),
    ("waiting", "failed", "collect"),
    # A process died while collecting.
    ("collecting", "nothing", "collect"),
    ("collecting", "in_progress", None),
    ("collecting", "completed", "collect"),
]
ENDED: tuple[PartitionState, ...] = ("published", "held", "failed")
SITUATIONS: tuple[Situation, ...] = get_args(Situation)


def test_what_is_due_in_every_state(scripted_work: PartitionWork) -> None:
    # A work of its own a case: every partition is on a later day than the one before.
    cases = [(*case, on_a_day_of_its_own(scripted_work)) for case in DUE]
    for state, situation, _, work in cases:
        arrange(work, state, situation)
    assert due(scripted_work) == [
        (work.partition, job) for _, _, job, work in cases if job is not None
    ]


def test_nothing_is_due_after_the_end(scripted_work: PartitionWork) -> None:
    for state in ENDED:
        for situation in SITUATIONS:
            arrange(on_a_day_of_its_own(scripted_work), state, situation)
    assert due(scripted_work) == []


def test_what_is_due_comes_oldest_first(work: PartitionWork) -> None:
    days = [date(2024, 10, 2), date(2024, 9, 30), date(2024, 10, 1)]
    with work.engine.begin() as connection:
        for day in days:
            connection.execute(
                sa.insert(partitions).values(retailer="lider", day=day, state="waiting")
            )
    assert [partition.day for partition, _ in due(work)] == sorted(days)


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
        assert due(work) == []


def test_after_the_attempts_the_partition_is_failed_and_says_why(work: PartitionWork) -> None:
    land(work, state="waiting")
    for _ in range(3):
        assert life.launch(work.engine, work.partition, "collect", EAGER) is not None
    assert due(work) == [(work.partition, "collect")]
    assert life.launch(work.engine, work.partition, "collect", EAGER) is None
    row = partition_row(work)
    assert row.state == "failed"
    assert "collect failed 3 times" in row.blocked_reason
    assert "materialise the partition again" in row.blocked_reason
    assert due(work) == []


def test_materialising_a_failed_partition_gives_it_all_attempts_again(
    work: PartitionWork,
) -> None:
    land(work, state="waiting")
    while life.launch(work.engine, work.partition, "collect", EAGER):
        pass
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
    with work.engine.begin() as connection:
        life.enter(connection, work.partition, "collecting")
    assert partition_row(work).attempts == 1
    with work.engine.begin() as connection:
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
    life.fail(work.engine, work.partition, "the API refused it")
    row = partition_row(work)
    assert (row.state, row.blocked_reason) == ("failed", "the API refused it")


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
        with life.locked(engine, partition, "me", wait_seconds=0.2) as other:
            assert other == "normalizer run 1a2b3c4d"
        assert time.monotonic() - started < 2
        with life.locked(engine, OTHER, "me", wait_seconds=0) as other:
            assert other is None
        os.kill(holder.pid, signal.SIGKILL)
    with life.locked(engine, partition, "me", wait_seconds=5) as other:
        assert other is None


def test_the_lock_is_free_again_after_an_error(engine: sa.Engine, partition: Partition) -> None:
    with pytest.raises(RuntimeError, match="step"), life.locked(engine, partition, "me"):
        raise RuntimeError("a step failed")
    with engine.connect() as connection:
        assert life.holder_of(connection, partition) is None


def test_who_waits_gets_the_lock_when_it_is_free(engine: sa.Engine, partition: Partition) -> None:
    def wait() -> str | None:
        with life.locked(engine, partition, "second", wait_seconds=10) as other:
            return other

    with ThreadPoolExecutor(1) as pool:
        with life.locked(engine, partition, "first") as other:
            assert other is None
            waiting = pool.submit(wait)
            time.sleep(0.1)
        assert waiting.result() is None


def test_a_long_name_of_a_holder_is_cut_where_postgres_cuts(
    engine: sa.Engine, partition: Partition
) -> None:
    with life.locked(engine, partition, "x" * 200), engine.connect() as connection:
        assert life.holder_of(connection, partition) == ("normalizer " + "x" * 200)[:63]
