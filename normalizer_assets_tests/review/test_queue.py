"""The review queue: each undecided question once."""

from collections.abc import Callable
from datetime import date

import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets.review.queue import Filters, ReviewError, Waiting
from normalizer_assets_tests.scene import Scene, invented

pytestmark = pytest.mark.slow

InQueue = Callable[..., list[Waiting]]
Named = Callable[[str], Waiting]


def test_rows_in_review_wait_with_their_evidence(in_queue: InQueue) -> None:
    rows = in_queue()
    assert {one.row["sku"] for one in rows} == {"S0", "S1", "S2"}
    confidences = [one.row["confidence"] for one in rows]
    assert confidences == sorted(confidences)
    assert all(one.row["evidence"]["brand"] for one in rows)


def test_a_question_waits_once_however_many_days_repeat_it(held: Scene, in_queue: InQueue) -> None:
    later = Partition(date(2024, 10, 6), held.partition.retailer)
    held.land(invented(3), later)
    held.submit(later)
    held.collect(later)
    rows = in_queue()
    assert [one.listings for one in rows] == [2, 2, 2]
    assert {one.row["day"] for one in rows} == {later.day}


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (Filters(retailer="nobody"), 0),
        (Filters(day=date(2020, 1, 1)), 0),
        (Filters(category_group="notebooks"), 1),
        (Filters(status="accepted"), 0),
        (Filters(sample=2), 2),
    ],
)
def test_filters_limit_what_is_shown(in_queue: InQueue, filters: Filters, count: int) -> None:
    assert len(in_queue(filters)) == count


def test_a_row_is_found_by_sku_key_or_the_beginning_of_one(named: Named) -> None:
    one = named("S1")
    assert named(one.question_key) == named(one.question_key[:12]) == one


@pytest.mark.parametrize("name", ["S9", "a", ""])
def test_what_names_no_row_is_an_error_that_says_where_to_look(named: Named, name: str) -> None:
    with pytest.raises(ReviewError, match="review list"):
        named(name)
