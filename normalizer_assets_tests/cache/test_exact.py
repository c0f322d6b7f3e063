import dataclasses
from datetime import date
from typing import cast

import pytest
import sqlalchemy as sa

from normalizer_assets.batching.collection import collect
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.exact import with_routes
from normalizer_assets.db.tables import answers
from normalizer_assets_tests.batching.listings import routed_listings, submit


@pytest.fixture
def bought(scripted_work: PartitionWork) -> PartitionWork:
    """A partition with answers to ``q0`` and ``q1``."""
    submit(scripted_work, routed_listings(2))
    collect(scripted_work, routed_listings(2))
    return scripted_work


def routes(work: PartitionWork, tier: str = "mini") -> list[str]:
    with work.engine.connect() as connection:
        routed = with_routes(connection, work.partition, routed_listings(3, tier=tier))
    return cast("list[str]", routed["route"].to_list())


def next_day(work: PartitionWork) -> PartitionWork:
    return dataclasses.replace(work, partition=Partition(date(2024, 10, 2), "jumbo"))


def test_nothing_known_asks_the_tier(work: PartitionWork) -> None:
    assert routes(work) == ["mini"] * 3
    assert routes(work, "full") == ["full"] * 3


def test_another_partitions_answers_serve_whatever_the_tier(bought: PartitionWork) -> None:
    assert routes(next_day(bought)) == ["cache", "cache", "mini"]
    assert routes(next_day(bought), "full") == ["cache", "cache", "full"]


def test_what_a_partition_bought_itself_keeps_its_tier(bought: PartitionWork) -> None:
    assert routes(bought) == ["mini"] * 3


def test_a_rejected_answer_does_not_serve(bought: PartitionWork) -> None:
    with bought.engine.begin() as connection:
        connection.execute(
            sa.update(answers).where(answers.c.question_key == "q0").values(status="rejected")
        )
    assert routes(next_day(bought)) == ["mini", "cache", "mini"]


def test_an_answer_in_review_serves_with_its_verdict(bought: PartitionWork) -> None:
    with bought.engine.begin() as connection:
        connection.execute(sa.update(answers).values(status="review"))
    assert routes(next_day(bought)) == ["cache", "cache", "mini"]


def test_what_another_partition_only_asks_is_asked_by_its_tier(
    scripted_work: PartitionWork,
) -> None:
    submit(scripted_work, routed_listings(2))
    assert routes(next_day(scripted_work)) == ["mini"] * 3


def test_what_a_partition_waited_for_keeps_its_tier(bought: PartitionWork) -> None:
    waiter = next_day(bought)
    submit(waiter, routed_listings(3))
    assert routes(waiter) == ["cache", "cache", "mini"]


def test_no_listings_are_no_question(work: PartitionWork) -> None:
    with work.engine.connect() as connection:
        routed = with_routes(connection, work.partition, routed_listings(0))
    assert routed.is_empty()
    assert "route" in routed.columns
