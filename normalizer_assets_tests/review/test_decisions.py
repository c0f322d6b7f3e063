"""What becomes of a decision."""

import json
from collections.abc import Callable
from datetime import date

import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets.review.decisions import Verdict, agreement, corrected, decide, labels
from normalizer_assets.review.queue import ANSWER_FIELDS, ReviewError, Waiting
from normalizer_assets_tests.scene import Scene, invented

InQueue = Callable[..., list[Waiting]]
Named = Callable[[str], Waiting]

PRODUCT = "select * from normalizer.normalized_products where sku = :sku order by day desc limit 1"


def accept_all(held: Scene, rows: list[Waiting]) -> list[Partition]:
    return decide(held.engine, [Verdict(one, "accept") for one in rows])


@pytest.mark.slow
def test_accepting_publishes_a_held_partition_without_a_paid_answer(
    held: Scene, in_queue: InQueue
) -> None:
    bought = held.bought()
    assert accept_all(held, in_queue()) == [held.partition]
    assert in_queue() == []
    held.daemon()
    assert held.row().state == "published"
    (row,) = held.rows(PRODUCT, sku="S0")
    assert (row.status, row.confidence, row.reasons) == ("accepted", 1, "accepted by a person")
    assert row.answered_by == "individual"
    assert held.bought() == bought


@pytest.mark.slow
def test_a_correction_replaces_the_answer_wherever_the_question_is_asked(
    held: Scene, in_queue: InQueue, named: Named
) -> None:
    about = named("S2")
    answer = corrected(about, {"model": "IdeaPad Slim 2"}, {"ram": "32 gb", "processor": None})
    emptied = named("S1")
    nothing = corrected(emptied, {"brand": "", "model": ""}, {})
    accept_all(held, [one for one in in_queue() if one not in (about, emptied)])
    decide(held.engine, [Verdict(about, "correct", answer, "seen on the box")])
    decide(held.engine, [Verdict(emptied, "correct", nothing)])
    held.daemon()
    (row,) = held.rows(PRODUCT, sku="S1")
    assert row.name == "Leche Entera Soprole Serie 1 1 L"
    assert (row.brand, row.model, row.normalized_name) == (None, None, row.name)
    (row,) = held.rows(PRODUCT, sku="S2")
    assert (row.model, row.answered_by, row.llm_model) == ("IdeaPad Slim 2", "human", None)
    assert row.attributes["ram"] == "32GB"
    assert "processor" not in row.attributes
    assert "Slim 2" in row.normalized_name
    assert held.scalar("select count(*) from normalizer.cache_entries where request_id is null")

    bought = held.bought()
    later = Partition(date(2024, 10, 6), held.partition.retailer)
    held.land(invented(3), later)
    held.submit(later)
    held.daemon()
    (row,) = held.rows(PRODUCT, sku="S2")
    assert (row.day, row.answered_by, row.route) == (later.day, "human", "cache")
    assert held.row(later).state == "published"
    assert held.bought() == bought


@pytest.mark.slow
def test_a_rejected_row_leaves_the_share_and_the_next_partition_asks_again_at_full(
    held: Scene, in_queue: InQueue, named: Named
) -> None:
    about = named("S0")
    assert about.row["llm_model"] != held.config.tiers["full"].model
    accept_all(held, [one for one in in_queue() if one != about])
    decide(held.engine, [Verdict(about, "reject")])
    held.daemon()
    assert held.row().state == "published"
    (row,) = held.rows(PRODUCT, sku="S0")
    assert (row.status, row.reasons) == ("rejected", "rejected by a person")

    later = Partition(date(2024, 10, 6), held.partition.retailer)
    held.land(invented(3), later)
    held.submit(later)
    held.collect(later)
    (row,) = held.rows(PRODUCT, sku="S0")
    assert (row.day, row.route, row.status) == (later.day, "full", "review")
    assert [one.row["sku"] for one in in_queue()] == ["S0"]


def test_a_red_canary_is_not_opened_by_a_decision(held: Scene, in_queue: InQueue) -> None:
    rows = in_queue()
    held.execute("update normalizer.partition_questions set state = 'open', waits = true")
    assert accept_all(held, rows) == []
    assert held.row().state == "held"


def test_of_several_decisions_the_newest_counts(
    held: Scene, in_queue: InQueue, named: Named
) -> None:
    about = named("S1")
    answer = corrected(about, {"brand": "colun"}, {})
    decide(held.engine, [Verdict(about, "correct", answer)])
    # Decided, it does not wait, and who names it can still mend a slip.
    assert about not in in_queue()
    accept_all(held, [*in_queue(), named("S1")])
    held.daemon()
    (row,) = held.rows(PRODUCT, sku="S1")
    assert (row.brand, row.answered_by) == (about.row["brand"], "individual")


def test_a_correction_that_changes_nothing_is_refused(named: Named) -> None:
    about = named("S1")
    with pytest.raises(ReviewError, match="nothing is changed"):
        corrected(about, {"brand": about.row["brand"].lower()}, {})


@pytest.mark.parametrize(
    ("changes", "attributes", "message"),
    [
        ({}, {"weight_g": "lots"}, "weight_g=lots is no number; write digits"),
        ({}, {"volume_ml": "tres"}, "volume_ml=tres is no number"),
        ({}, {"pack_count": "2.5"}, "pack_count=2.5 is no number"),
        ({"brand": "B" * 500}, {}, "brand has 500 signs; at most 200"),
    ],
)
def test_a_correction_that_no_answer_may_say_is_refused(
    changes: dict[str, str], attributes: dict[str, str | None], message: str
) -> None:
    row = dict.fromkeys(ANSWER_FIELDS) | {"attributes": {}}
    with pytest.raises(ReviewError, match=message):
        corrected(Waiting("key", 1, row), changes, attributes)


def test_models_are_compared_with_people(held: Scene, named: Named) -> None:
    wrong, right = named("S1"), named("S0")
    assert wrong.row["llm_model"] == right.row["llm_model"]
    decide(
        held.engine,
        [Verdict(right, "accept"), Verdict(wrong, "correct", corrected(wrong, {"brand": "X"}, {}))],
    )
    with held.engine.connect() as connection:
        (found,) = agreement(connection)
    assert found == {
        "llm_model": wrong.row["llm_model"],
        "status": "review",
        "decided": 2,
        "accepted": 1,
        "corrected": 1,
        "rejected": 0,
        "agreement": 0.5,
    }


def test_decisions_become_labels(held: Scene, named: Named) -> None:
    right, wrong, gone = named("S0"), named("S1"), named("S2")
    answer = corrected(wrong, {"brand": "Colun"}, {})
    decide(
        held.engine,
        [Verdict(right, "accept"), Verdict(wrong, "correct", answer), Verdict(gone, "reject")],
    )
    with held.engine.connect() as connection:
        first, second = map(json.loads, labels(connection))
    assert first["gold"]["brand"] == right.row["brand"]
    assert second["name"] == wrong.row["name"]
    assert second["gold"]["brand"] == "COLUN"
    assert second["answers"][0]["answer"]["brand"] == wrong.row["brand"]
