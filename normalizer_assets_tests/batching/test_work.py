import contextlib
import dataclasses
from typing import Any

import pytest
import sqlalchemy as sa

from normalizer_assets.batching import life
from normalizer_assets.batching.errors import LostTurnError
from normalizer_assets.batching.work import PartitionWork, turn
from normalizer_assets_tests.batching.listings import land, partition_row
from normalizer_assets_tests.batching.scripted_api import ScriptedApi


def test_the_api_is_asked_for_when_it_is_needed_and_once(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    assert api.asked == []
    assert scripted_work.client is scripted_work.client
    assert api.count("GET /models") == 1


def test_a_transaction_that_fails_writes_nothing(work: PartitionWork) -> None:
    land(work)

    def fail() -> None:
        with work.begin() as connection:
            life.enter(connection, work.partition, "held")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert partition_row(work).state == "landed"


def test_who_lost_the_turn_begins_no_transaction(work: PartitionWork) -> None:
    land(work)
    with life.locked(work.engine, work.partition, "another process") as hold:
        assert hold.epoch == work.epoch + 1
    with (
        pytest.raises(LostTurnError, match=r"another process has taken 2024-10-01\|lider"),
        work.begin() as connection,
    ):
        life.enter(connection, work.partition, "held")
    assert partition_row(work).state == "landed"
    with dataclasses.replace(work, epoch=hold.epoch).begin() as connection:
        life.enter(connection, work.partition, "held")
    assert partition_row(work).state == "held"


def test_a_turn_is_not_lost_within_a_transaction(work: PartitionWork) -> None:
    land(work)
    with work.begin(), work.engine.connect() as other:
        other.execute(sa.text("set lock_timeout = '100ms'"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            other.execute(sa.text("update normalizer.partitions set epoch = epoch + 1"))


def test_a_turn_is_one_process_at_a_time_and_names_who_has_it(work: PartitionWork) -> None:
    land(work)

    def at_once(holder: str) -> contextlib.AbstractContextManager[Any]:
        return turn(
            work.config, work.engine, work.partition, lambda: work.client, holder, wait_seconds=0
        )

    with at_once("run 1") as (mine, taken_by):
        assert taken_by is None
        with at_once("run 2") as (_, holder):
            assert holder == "normalizer run 1"
        with mine.begin():
            pass
    with at_once("run 3") as (later, _):
        assert later.epoch == mine.epoch + 1
