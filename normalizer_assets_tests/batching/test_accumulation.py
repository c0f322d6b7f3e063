"""Small partitions of a day in one batch: who waits, who leaves, what happens in between."""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from normalizer_assets.batching import accumulation, ledger, life, submission
from normalizer_assets.batching.collection import Collected, collect
from normalizer_assets.batching.due import due
from normalizer_assets.batching.errors import (
    BatchFailedError,
    BlockedError,
    LostTurnError,
    OperationError,
)
from normalizer_assets.batching.inspection import listed
from normalizer_assets.batching.operations import Desk, adopt, cancel, resubmit, settle
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.polling import poll
from normalizer_assets.batching.submission import SHARD_METADATA, Submitted
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.db.tables import batches
from normalizer_assets.pipeline import step
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    batch_rows,
    land,
    partition_row,
    requests_of,
    routed_listings,
)
from normalizer_assets_tests.batching.scripted_api import (
    CREATE,
    DROPPED,
    LOST,
    ScriptedApi,
    output_line,
    refused_line,
)
from normalizer_assets_tests.batching.settings import configured

SANTIAGO = ZoneInfo("America/Santiago")
ENOUGH = 10


@pytest.fixture
def lider(scripted_work: PartitionWork) -> PartitionWork:
    """A small partition where ten questions of a day make a batch."""
    return configured(scripted_work, batching={"accumulate": True, "accumulate_products": ENOUGH})


@pytest.fixture
def desk(lider: PartitionWork) -> Desk:
    """An operator's desk."""
    return Desk(lider.config, lider.engine, lambda: lider.client)


def beside(work: PartitionWork, retailer: str, day: date | None = None) -> PartitionWork:
    """Returns the work on another shop."""
    return dataclasses.replace(work, partition=Partition(day or work.partition.day, retailer))


def listings_of(work: PartitionWork, count: int, tier: str = "mini") -> pl.DataFrame:
    return routed_listings(count, prefix=f"{work.partition.key} {tier} ", tier=tier)


def submitted(work: PartitionWork, routed: pl.DataFrame | int) -> Submitted | None:
    """Submits as a run does; ``None`` where the partition was blocked."""
    if isinstance(routed, int):
        routed = listings_of(work, routed)
    if partition_row(work) is None:
        land(work)
    with step(work) as ended:
        sent = submission.submit(work, routed)
    return None if ended.stop else sent


def sent(work: PartitionWork) -> list[str] | None:
    """Sends as a run does that found nothing new."""
    with step(work) as ended:
        ids = submission.send(work)
    return None if ended.stop else ids


def collected(work: PartitionWork, routed: pl.DataFrame) -> Collected | None:
    found = []
    with step(work):
        found.append(collect(work, routed))
    return found[0] if found else None


def due_jobs(work: PartitionWork) -> dict[str, str]:
    with work.engine.connect() as connection:
        return {partition.retailer: job for partition, job in due(connection, work.config)}


def standing(*works: PartitionWork) -> list[tuple[str, str | None]]:
    rows = map(partition_row, works)
    return [(row.state, row.blocked_by) for row in rows]


def let_the_hour_come(work: PartitionWork) -> None:
    with work.engine.begin() as connection:
        connection.execute(
            sa.update(batches)
            .where(batches.c.gathers_until.is_not(None))
            .values(gathers_until=sa.func.now())
        )


def lines_by_batch(api: ScriptedApi) -> list[int]:
    return [len(api.lines(batch_id)) for batch_id in api.batches]


def check_bought_once(api: ScriptedApi, works: Iterable[PartitionWork]) -> None:
    """Every planned line is in exactly one batch, and every batch is in the ledger."""
    works = list(works)
    lines = [custom_id for batch_id in api.batches for custom_id in api.ids(batch_id)]
    requests = [row for work in works for row in requests_of(work) if row.state == "sent"]
    assert sorted(lines) == sorted(row.custom_id for row in requests)
    assert {row.batch_id for row in batch_rows(works[0]) if row.batch_id} == set(api.batches)


# --- waiting and leaving --------------------------------------------------------------


def test_small_partitions_of_a_day_leave_in_one_batch(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo, paris = beside(lider, "jumbo"), beside(lider, "paris")
    assert submitted(lider, 4) is None
    assert submitted(jumbo, 1) is None
    assert not api.batches
    assert standing(lider, jumbo) == [("submitted", "company")] * 2
    reserved = sum((row.estimated_usd for row in batch_rows(lider)), Decimal(0))
    last = submitted(paris, 5)
    assert last is not None
    assert last.batch_ids == ["batch_1"]
    assert lines_by_batch(api) == [10]
    # Without a run of their own.
    assert standing(lider, jumbo, paris) == [("waiting", None)] * 3
    [batch] = batch_rows(lider)
    assert (batch.state, batch.line_count, batch.gathers_until) == ("validating", 10, None)
    estimates = [row.estimated_usd for work in (lider, jumbo, paris) for row in requests_of(work)]
    assert batch.estimated_usd == sum(estimates) > reserved > 0
    deadlines = {partition_row(work).deadline_at for work in (lider, jumbo, paris)}
    assert len(deadlines) == 1
    assert deadlines.pop() > datetime.now(UTC) + timedelta(hours=25)
    check_bought_once(api, (lider, jumbo, paris))
    [kept] = (lider.storage / "requests").iterdir()
    assert kept.name == batch.file_name
    assert kept.read_bytes() == api.files["file-1"]
    assert len(kept.read_bytes()) == batch.byte_count
    shown = api.batches["batch_1"]["metadata"]
    assert shown["partition"] == "2024-10-01|jumbo, 2024-10-01|lider, 2024-10-01|paris"


def test_each_partition_says_how_much_company_all_of_them_lack(lider: PartitionWork) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    assert partition_row(lider).blocked_reason.startswith(
        "waits for company: 4 of 10 questions of 2024-10-01, until 20"
    )
    assert partition_row(lider).blocked_reason.endswith(" 06:00 in Santiago")
    submitted(jumbo, 3)
    reasons = {partition_row(work).blocked_reason for work in (lider, jumbo)}
    assert [reason[:24] for reason in reasons] == ["waits for company: 7 of "]


def test_waiting_uses_up_no_attempt_and_is_not_due(lider: PartitionWork) -> None:
    submitted(lider, 4)
    for _ in range(5):
        assert due_jobs(lider) == {}
        launch = life.launch(lider.engine, lider.partition, "submit", lider.config.polling)
        assert launch is not None
        assert sent(lider) is None
    assert partition_row(lider).attempts == 0
    assert partition_row(lider).state == "submitted"


def test_at_the_hour_what_there_is_leaves_even_a_single_question(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 1)
    submitted(jumbo, 2)
    let_the_hour_come(lider)
    assert due_jobs(lider) == {"lider": "submit", "jumbo": "submit"}
    assert sent(jumbo) == ["batch_1"]
    assert lines_by_batch(api) == [3]
    assert standing(lider, jumbo) == [("waiting", None)] * 2
    assert due_jobs(lider) == {}


def test_a_partition_that_is_alone_at_the_hour_sends_what_it_had_planned(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    submitted(lider, 2)
    [planned] = batch_rows(lider)
    let_the_hour_come(lider)
    assert sent(lider) == ["batch_1"]
    [batch] = batch_rows(lider)
    assert (batch.shard_hash, batch.file_name) == (planned.shard_hash, planned.file_name)
    assert lines_by_batch(api) == [2]


def test_off_nothing_gathers(lider: PartitionWork) -> None:
    off = configured(lider, batching={"accumulate": False})
    few = submitted(off, 3)
    many = submitted(beside(off, "jumbo"), 4)
    assert few is not None
    assert (few.in_batches, few.individually) == (0, 3)
    assert many is not None
    assert many.batch_ids == ["batch_1"]
    assert [row.gathers_until for row in batch_rows(off)] == [None]


def test_switched_off_while_they_gather_they_leave(lider: PartitionWork, api: ScriptedApi) -> None:
    submitted(lider, 4)
    off = configured(lider, batching={"accumulate": False})
    assert due_jobs(off) == {"lider": "submit"}
    assert sent(off) == ["batch_1"]
    assert lines_by_batch(api) == [4]


def test_a_partition_with_enough_questions_waits_for_nobody(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    submitted(beside(lider, "jumbo"), 9)
    large = submitted(lider, 10)
    assert large is not None
    assert lines_by_batch(api) == [10]
    assert standing(beside(lider, "jumbo")) == [("submitted", "company")]


def test_days_gather_apart(lider: PartitionWork, api: ScriptedApi) -> None:
    later = beside(lider, "lider", date(2024, 10, 2))
    submitted(lider, 6)
    submitted(later, 6)
    assert not api.batches
    assert standing(lider, later) == [("submitted", "company")] * 2


def test_there_is_one_batch_a_model(lider: PartitionWork, api: ScriptedApi) -> None:
    jumbo = beside(lider, "jumbo")
    both = [pl.concat([listings_of(one, 3), listings_of(one, 5, "full").tail(2)]) for one in
            (lider, jumbo)]  # fmt: skip
    both = [routed.with_columns(pl.col("sku") + pl.col("tier")) for routed in both]
    submitted(lider, both[0])
    assert submitted(jumbo, both[1]) is not None
    models = [{line["body"]["model"] for line in api.lines(batch_id)} for batch_id in api.batches]
    assert sorted(map(sorted, models)) == [["gpt-5"], ["gpt-5-mini"]]
    assert sorted(lines_by_batch(api)) == [4, 6]
    assert standing(lider, jumbo) == [("waiting", None)] * 2
    check_bought_once(api, (lider, jumbo))


def test_products_of_a_direct_call_wait_for_nobody(lider: PartitionWork, api: ScriptedApi) -> None:
    direct = beside(lider, "direct-0123456789ab")
    few = submitted(direct, 3)
    assert few is not None
    assert few.individually == 3
    assert submitted(direct, listings_of(direct, 7)) is not None
    assert lines_by_batch(api) == [7]


def test_submitting_again_plans_only_what_is_new(lider: PartitionWork, api: ScriptedApi) -> None:
    submitted(lider, 4)
    submitted(lider, 4)
    assert [row.line_count for row in batch_rows(lider)] == [4]
    land(lider, "another file")
    submitted(lider, 6)
    assert [row.line_count for row in batch_rows(lider)] == [4, 2]
    assert submitted(beside(lider, "jumbo"), 4) is not None
    assert lines_by_batch(api) == [10]
    check_bought_once(api, (lider, beside(lider, "jumbo")))


def test_a_forced_partition_that_gathers_asks_nothing_twice(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    routed = listings_of(lider, 4)
    submitted(lider, routed)
    with step(lider):
        submission.submit(lider, routed, again=dict.fromkeys(routed["question_key"]))
    let_the_hour_come(lider)
    sent(lider)
    assert lines_by_batch(api) == [4]


def test_what_the_queue_had_no_room_for_does_not_gather_again(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    submitted(lider, 4)
    let_the_hour_come(lider)
    sent(lider)
    full = {"data": [{"code": "token_limit_exceeded", "message": "full"}]}
    api.end("batch_1", "failed")
    api.batches["batch_1"]["errors"] = full
    poll(lider.engine, lider.client)
    pause = configured(lider, batching={"backlog_seconds": 0})
    assert collected(pause, listings_of(lider, 4)) is None
    assert lines_by_batch(api) == [4, 4]


# --- limits ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A gathering batch, as far as joining looks at it."""

    shard_hash: str
    llm_model: str
    line_count: int
    byte_count: int
    prompt_tokens: int


_hashes = itertools.count()
PARTS = st.lists(
    st.builds(
        Part,
        shard_hash=st.integers(0, 2**24).map(lambda number: f"{number % 40:06x}{next(_hashes)}"),
        llm_model=st.sampled_from(("gpt-5", "gpt-5-mini")),
        line_count=st.integers(1, 12),
        byte_count=st.integers(1, 600),
        prompt_tokens=st.integers(1, 60),
    ),
    max_size=30,
)


def limited(config: NormalizerConfig) -> NormalizerConfig:
    limits = config.batching.model_copy(
        update={"preferred_lines": 12, "max_bytes": 1000, "enqueued_share": 1.0}
    )
    mini = config.models["gpt-5-mini"].model_copy(update={"enqueued_tokens": 100})
    return config.model_copy(
        update={"batching": limits, "models": config.models | {"gpt-5-mini": mini}}
    )


@given(parts=PARTS)
def test_joined_batches_keep_the_limits_and_lose_nothing(parts: list[Any]) -> None:
    config = limited(load_config())
    groups = list(accumulation.together(parts, config))
    for model in ("gpt-5", "gpt-5-mini"):
        mine = [part for group in groups if group[0].llm_model == model for part in group]
        assert mine == [part for part in parts if part.llm_model == model]
    for group in groups:
        assert len({part.llm_model for part in group}) == 1
        if len(group) == 1:
            continue
        assert sum(part.line_count for part in group) <= 12
        assert sum(part.byte_count for part in group) <= 1000
        if group[0].llm_model == "gpt-5-mini":
            assert sum(part.prompt_tokens for part in group) <= 100
        assert len({part.shard_hash[:6] for part in group}) == len(group)


def test_what_does_not_fit_leaves_in_another_batch(lider: PartitionWork, api: ScriptedApi) -> None:
    narrow = configured(lider, batching={"preferred_lines": 7})
    jumbo, paris = beside(narrow, "jumbo"), beside(narrow, "paris")
    submitted(narrow, 4)
    submitted(jumbo, 3)
    submitted(paris, 3)
    # Each is sent by whoever is in it.
    assert lines_by_batch(api) == [3]
    assert due_jobs(narrow) == {"jumbo": "submit", "lider": "submit"}
    assert sent(jumbo) == ["batch_2"]
    assert lines_by_batch(api) == [3, 7]
    check_bought_once(api, (narrow, jumbo, paris))


def test_without_room_at_the_api_the_whole_batch_waits_for_it(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    roomy = configured(lider, batching={"creations_per_hour": 1})
    jumbo = beside(roomy, "jumbo")
    assert submitted(beside(roomy, "paris"), 10) is not None
    submitted(roomy, 4)
    assert submitted(jumbo, 6) is None
    assert standing(jumbo) == [("submitted", "room")]
    assert due_jobs(roomy) == {}
    wider = configured(lider, batching={"creations_per_hour": 9})
    assert due_jobs(wider) == {"jumbo": "submit", "lider": "submit"}
    assert sent(wider) == ["batch_2"]
    assert lines_by_batch(api) == [10, 10]


@given(
    hour=st.integers(0, 23),
    now=st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds it
)
def test_the_hour_is_the_next_one_in_santiago(hour: int, now: datetime) -> None:
    until = accumulation.next_hour(hour, now)
    assert now < until <= now + timedelta(hours=25)
    here = until.astimezone(SANTIAGO)
    # On the night when the clock goes forward there is no midnight.
    assert (here.hour, here.minute) == (hour, 0) or (hour, here.hour) == (0, 1)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2024-10-01 05:59:59", "2024-10-01 06:00"),
        ("2024-10-01 06:00:00", "2024-10-02 06:00"),
        ("2024-10-01 23:30:00", "2024-10-02 06:00"),
        ("2024-12-31 12:00:00", "2025-01-01 06:00"),
    ],
)
def test_examples_of_the_next_hour(now: str, until: str) -> None:
    here = datetime.fromisoformat(now).replace(tzinfo=SANTIAGO)
    found = accumulation.next_hour(6, here).astimezone(SANTIAGO)
    assert f"{found:%Y-%m-%d %H:%M}" == until


# --- at the same time, and killed -----------------------------------------------------


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Calls all at the same moment; returns what they gave or raised."""
    barrier = Barrier(len(work))

    def wait_and_call(one: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return one()
        except BlockedError as error:
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return [done.result() for done in [pool.submit(wait_and_call, one) for one in work]]


@pytest.mark.parametrize("slow", [False, True])
def test_all_partitions_send_at_once_and_one_batch_is_bought(
    lider: PartitionWork, api: ScriptedApi, *, slow: bool
) -> None:
    works = [beside(lider, name) for name in ("lider", "jumbo", "paris", "ripley")]
    for work in works:
        submitted(work, 2)
    let_the_hour_come(lider)
    if slow:
        api.before[CREATE] = api.before["POST /files"] = partial(time.sleep, 0.2)
    found = at_once(*(partial(submission.send, work) for work in works))
    assert api.count(CREATE) == api.count("POST /files") == 1
    assert [ids for ids in found if ids == ["batch_1"]] == [["batch_1"]]
    for work in works:
        assert sent(work) is not None
    assert standing(*works) == [("waiting", None)] * 4
    check_bought_once(api, works)


def test_partitions_that_are_submitted_at_once_lose_no_question(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    works = [beside(lider, name) for name in ("lider", "jumbo", "paris", "ripley")]
    for work in works:
        land(work)
    at_once(*(partial(submitted, work, 3) for work in works))
    let_the_hour_come(lider)
    for work in works:
        sent(work)
    assert standing(*works) == [("waiting", None)] * 4
    assert sum(lines_by_batch(api)) == 12
    check_bought_once(api, works)


def test_killed_between_joining_and_uploading_any_partition_goes_on(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    let_the_hour_come(lider)
    assert accumulation.join(jumbo) is None
    assert due_jobs(lider) == {"lider": "submit", "jumbo": "submit"}
    assert sent(lider) == ["batch_1"]
    assert lines_by_batch(api) == [8]
    assert sent(jumbo) == []
    check_bought_once(api, (lider, jumbo))


def test_a_join_that_dies_leaves_everything_as_it_was(
    lider: PartitionWork, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    let_the_hour_come(lider)
    before = batch_rows(lider)
    storage = lider.storage / "requests"
    full = sorted(path.name for path in storage.iterdir())
    write = UPath.write_bytes

    def torn(path: UPath, content: bytes) -> int:
        write(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(storage), "write_bytes", torn)
    with pytest.raises(OSError, match="No space left"):
        submission.send(lider)
    monkeypatch.undo()
    assert batch_rows(lider) == before
    assert set(full) < {path.name for path in storage.iterdir()}
    assert sent(jumbo) == ["batch_1"]
    assert lines_by_batch(api) == [8]
    check_bought_once(api, (lider, jumbo))


@pytest.mark.parametrize("created", [True, False])
def test_a_lost_reply_is_looked_for_by_whichever_partition_comes(
    lider: PartitionWork, api: ScriptedApi, *, created: bool
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    api.then(CREATE, LOST if created else DROPPED)
    sure = created and submitted(jumbo, 6) is not None
    if not created:
        # Cut off without a reply: nobody knows whether it exists.
        assert submitted(jumbo, 6) is None
        assert standing(lider, jumbo) == [("submitted", "company"), ("submitted", "doubt")]
        assert due_jobs(lider) == {"lider": "submit"}
        assert sent(lider) is None
        with lider.engine.begin() as connection:
            connection.execute(
                sa.update(batches).values(missed_at=datetime(2024, 1, 1, tzinfo=UTC))
            )
        sure = sent(lider) == ["batch_1"]
    assert sure
    assert api.count("POST /files") == len(api.batches) == 1
    assert sent(jumbo) is not None
    assert standing(lider, jumbo) == [("waiting", None)] * 2
    check_bought_once(api, (lider, jumbo))


def test_a_process_without_its_locks_does_not_create_what_another_one_creates(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    let_the_hour_come(lider)
    accumulation.join(lider)
    [row] = batch_rows(lider)

    def by_the_other() -> None:
        api.before.clear()
        # As if the first one's connections were gone, and its locks with them.
        with lider.engine.connect() as connection:
            connection.execute(
                sa.text(
                    "select pg_terminate_backend(pid, 2000) from pg_locks "
                    "where locktype = 'advisory' and pid <> pg_backend_pid()"
                )
            )
        assert sent(jumbo) == ["batch_1"]

    api.before["POST /files"] = by_the_other
    with pytest.raises(LostTurnError, match=f"goes on with batch {row.shard_hash}"):
        submission.send(lider)
    assert api.count(CREATE) == 1
    check_bought_once(api, (lider, jumbo))


def test_a_lost_file_of_one_partition_is_no_matter_of_the_others(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo, paris = beside(lider, "jumbo"), beside(lider, "paris")
    submitted(lider, 2)
    [lost] = batch_rows(lider)
    (lider.storage / "requests" / lost.file_name).unlink()
    submitted(jumbo, 4)
    assert submitted(paris, 4) is not None
    assert lines_by_batch(api) == [8]
    with pytest.raises(FileNotFoundError):
        submission.send(lider)


# --- one partition of several ---------------------------------------------------------


def test_a_partition_that_stops_while_it_gathers_takes_only_its_own_away(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    with lider.begin() as connection:
        life.enter(connection, lider.partition, "held", "rolled back")
        ledger.stand_down(connection, lider.partition)
    let_the_hour_come(lider)
    assert sent(jumbo) == ["batch_1"]
    assert lines_by_batch(api) == [4]
    assert {row.state for row in requests_of(lider)} == {"not_executed"}
    assert partition_row(lider).state == "held"


def test_a_partition_that_stops_before_the_joined_batch_left_lets_the_others_plan_anew(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    let_the_hour_come(lider)
    accumulation.join(lider)
    with lider.begin() as connection:
        life.enter(connection, lider.partition, "held", "a gate")
        ledger.stand_down(connection, lider.partition)
    assert {row.state for row in requests_of(jumbo)} == {"not_executed"}
    assert set(asked_questions(jumbo).values()) == {"asks"}
    assert due_jobs(lider) == {"jumbo": "submit"}
    submitted(jumbo, 4)
    let_the_hour_come(lider)
    assert sent(jumbo) == ["batch_1"]
    assert lines_by_batch(api) == [4]


def test_what_is_being_sent_is_not_withdrawn(lider: PartitionWork, api: ScriptedApi) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    let_the_hour_come(lider)

    def stop_the_other() -> None:
        with jumbo.begin() as connection:
            ledger.stand_down(connection, jumbo.partition)

    api.before[CREATE] = api.before["POST /files"] = stop_the_other
    assert sent(lider) == ["batch_1"]
    assert {row.state for row in requests_of(jumbo)} == {"sent"}
    assert set(asked_questions(jumbo).values()) == {"asks"}


def test_who_waits_for_a_question_that_gathers_does_not_take_it_over(
    lider: PartitionWork,
) -> None:
    impatient = configured(lider, polling={"interval_seconds": 0.0})
    routed = listings_of(lider, 4)
    submitted(impatient, routed)
    later = beside(impatient, "jumbo", date(2024, 10, 2))
    submitted(later, routed)
    assert set(asked_questions(later).values()) == {"waits"}
    assert due_jobs(later) == {}
    assert collected(later, routed) is None
    assert set(asked_questions(lider).values()) == {"asks"}
    let_the_hour_come(lider)
    # Past its hour it is like any other that rests.
    assert due_jobs(later) == {"jumbo": "collect", "lider": "submit"}


def end(api: ScriptedApi, batch_id: str = "batch_1") -> None:
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])


def test_each_partition_collects_its_own_lines_and_costs(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 6)
    end(api)
    poll(lider.engine, lider.client)
    assert due_jobs(lider) == {"jumbo": "collect", "lider": "collect"}
    mine = collected(lider, listings_of(lider, 4))
    theirs = collected(jumbo, listings_of(jumbo, 6))
    assert mine is not None
    assert theirs is not None
    assert (mine.records.height, theirs.records.height) == (4, 6)
    assert mine.cost_usd * 6 == theirs.cost_usd * 4
    [batch] = batch_rows(lider)
    with lider.engine.connect() as connection:
        assert ledger.cost_of_batch(connection, batch.shard_hash) == mine.cost_usd + theirs.cost_usd
    assert api.count("POST /chat/completions") == 0
    assert api.count("GET /files/file-2/content") == 1


def test_the_second_round_is_each_partitions_own(lider: PartitionWork, api: ScriptedApi) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 5)
    submitted(jumbo, 5)
    api.end("batch_1", "expired", output=[])
    poll(lider.engine, lider.client)
    for work in (lider, jumbo):
        # In neither file: asked individually, not again in a batch with others.
        assert collected(work, listings_of(work, 5)) is not None
    assert len(api.batches) == 1
    assert api.count("POST /chat/completions") == 10


def test_every_partition_is_told_why_its_batch_was_refused(
    lider: PartitionWork, api: ScriptedApi
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 6)
    ids = api.ids("batch_1")
    api.end("batch_1", errors=[refused_line(each, param="reasoning_effort") for each in ids])
    poll(lider.engine, lider.client)
    for work, count in ((lider, 4), (jumbo, 6)):
        with pytest.raises(BatchFailedError, match="reasoning_effort"):
            collected(work, listings_of(work, count))
        assert partition_row(work).state == "failed"
    # Told once: who corrected the cause starts anew.
    for work, count in ((lider, 4), (jumbo, 6)):
        land(work)
        submitted(work, count)
    assert lines_by_batch(api) == [10, 10]


# --- a person at the desk -------------------------------------------------------------


def test_a_gathering_batch_is_listed_cancelled_and_not_resubmitted(
    lider: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    with lider.engine.connect() as connection:
        shown = listed(connection, retailer="lider", only_open=True)
    assert [row["state"] for row in shown] == ["planned"]
    assert datetime.fromisoformat(shown[0]["gathers_until"]) > datetime.now(UTC)
    with pytest.raises(OperationError, match=r"once it has company, until 20.* 06:00 in Santiago"):
        resubmit(desk, shown[0]["file"], agreed=True)
    withdrawn = cancel(desk, shown[0]["file"])
    assert "was never sent and is withdrawn" in settle(desk, withdrawn)
    let_the_hour_come(lider)
    assert sent(jumbo) == ["batch_1"]
    assert lines_by_batch(api) == [4]
    assert set(asked_questions(lider).values()) == {"waits"}
    again = dataclasses.replace(lider, epoch=partition_row(lider).epoch)
    submitted(again, 4)
    assert set(asked_questions(lider).values()) == {"asks"}


def test_a_batch_that_is_joined_meanwhile_is_not_cancelled(
    lider: PartitionWork, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    [mine, _] = batch_rows(lider)
    let_the_hour_come(lider)
    locked = life.locked

    def late(*given: Any, **named: Any) -> Any:
        accumulation.join(jumbo)
        return locked(*given, **named)

    monkeypatch.setattr(life, "locked", late)
    with pytest.raises(OperationError, match="in a batch with others"):
        cancel(desk, mine.file_name)


def test_cancelling_the_batch_of_several_gives_each_partition_what_was_done(
    lider: PartitionWork, api: ScriptedApi, desk: Desk
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 6)
    cancel(desk, "batch_1")
    done = api.ids("batch_1")[:5]
    api.end("batch_1", "cancelled", output=[output_line(each) for each in done])
    poll(lider.engine, lider.client)
    for work, count in ((lider, 4), (jumbo, 6)):
        assert collected(work, listings_of(work, count)) is not None
    assert api.count("POST /chat/completions") == 5


def test_a_joined_batch_that_only_the_api_knows_is_adopted_for_all_its_partitions(
    lider: PartitionWork, desk: Desk
) -> None:
    jumbo = beside(lider, "jumbo")
    submitted(lider, 4)
    submitted(jumbo, 4)
    let_the_hour_come(lider)
    accumulation.join(lider)
    [joined] = batch_rows(lider)
    file_id = lider.client.files.create(file=("x.jsonl", b"{}"), purpose="batch").id
    lider.client.batches.create(
        input_file_id=file_id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={SHARD_METADATA: joined.shard_hash},
    )
    assert "is adopted" in adopt(desk, "batch_1")
    assert standing(lider, jumbo) == [("waiting", None)] * 2
    assert {row.state for work in (lider, jumbo) for row in requests_of(work)} == {"sent"}
