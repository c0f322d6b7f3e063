import dataclasses
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import stored_answers
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import entries, report
from normalizer_assets.cache.entries import OWN
from normalizer_assets.cache.warming import Entered, Known, warm_from_known
from normalizer_assets.db.tables import cache_entries, embedded_texts, review_decisions
from normalizer_assets.evaluation.synthetic import one_listing
from normalizer_assets_tests.cache.courses import PHONE, SAME_PHONE, count


@pytest.fixture
def own(work: PartitionWork) -> PartitionWork:
    """Work in the cache's own name."""
    return dataclasses.replace(work, partition=dataclasses.replace(work.partition, retailer=OWN))


def answer(model: str) -> dict[str, Any]:
    return {"brand": "SAMSUNG", "model": model, "attributes": {"capacity": "128GB"}}


def warm(work: PartitionWork, *products: tuple[str, str]) -> Entered:
    """Enters phones, each a name and a model."""
    listings = pl.concat([one_listing(name, "smartphones") for name, _ in products])
    return warm_from_known(work, Known(listings, [answer(model) for _, model in products]))


def served(work: PartitionWork, name: str) -> tuple[str | None, str | None]:
    """Returns the tier that answers and the model that it says."""
    found = report.explain(work, one_listing(name, "smartphones"))
    return found["tier"], found["answer"] and found["answer"]["model"]


def forget(work: PartitionWork) -> entries.Forgotten:
    with work.engine.begin() as connection:
        return entries.forget(connection, entries.condition_of(group="smartphones"), known_too=True)


def test_a_known_product_that_is_forgotten_answers_nothing(own: PartitionWork) -> None:
    warm(own, (PHONE, "Galaxy A35"))
    assert served(own, PHONE) == ("exact", "Galaxy A35")
    assert forget(own).entries == 1
    assert served(own, PHONE) == (None, None)
    warm(own, (PHONE, "Galaxy A35"))
    assert served(own, SAME_PHONE) == ("semantic", "Galaxy A35")


def test_what_a_person_decided_outlives_the_entry(own: PartitionWork) -> None:
    warm(own, (PHONE, "Galaxy A35"))
    decide(own, "correct", answer("Galaxy A35 Enterprise"))
    forget(own)
    assert served(own, PHONE) == ("exact", "Galaxy A35 Enterprise")


def test_a_changed_line_is_taken_over(own: PartitionWork) -> None:
    warm(own, (PHONE, "Galaxy A53"))
    again = warm(own, (PHONE, "Galaxy A35"))
    assert (again.changed, again.left_out) == (1, {})
    assert again.embedded.tokens == 0
    assert served(own, PHONE) == ("exact", "Galaxy A35")
    assert served(own, SAME_PHONE) == ("semantic", "Galaxy A35")
    with own.engine.connect() as connection:
        assert connection.execute(sa.select(cache_entries.c.model)).scalars().all() == [
            "Galaxy A35"
        ]
    assert count(own, embedded_texts) == 1  # of SAME_PHONE, which was only looked up
    assert warm(own, (PHONE, "Galaxy A35")).changed == 0
    assert count(own, review_decisions) == 2


@pytest.mark.parametrize("decision", ["correct", "reject"])
def test_a_line_against_what_a_person_decided_is_told(own: PartitionWork, decision: str) -> None:
    warm(own, (PHONE, "Galaxy A53"))
    decide(own, decision, answer("Galaxy A35") if decision == "correct" else None)
    again = warm(own, ("Samsung Galaxy A05 64GB", "Galaxy A05"), (PHONE, "Galaxy A54"))
    assert again.changed == 0
    assert list(again.left_out) == [1]
    assert "a person" in again.left_out[1]
    assert served(own, PHONE)[1] == ("Galaxy A35" if decision == "correct" else None)


def test_a_line_that_contradicts_an_earlier_one_is_told(own: PartitionWork) -> None:
    entered = warm(own, (PHONE, "Galaxy A35"), (PHONE, "Galaxy A35"), (PHONE, "Galaxy A53"))
    assert list(entered.left_out) == [2]
    assert "product 1" in entered.left_out[2]
    assert served(own, PHONE) == ("exact", "Galaxy A35")


def decide(work: PartitionWork, decision: str, said: dict[str, Any] | None) -> None:
    """Decides on ``PHONE`` as a person does in the review."""
    with work.engine.begin() as connection:
        key = connection.execute(sa.select(cache_entries.c.question_key)).scalar_one()
        connection.execute(
            sa.insert(review_decisions).values(
                question_key=key,
                decision=decision,
                answer=said,
                listing={"retailer": "paris"},
                judged={"status": "review"},
                answered_by="batch",
                confidence=0.5,
            )
        )
        rejected, corrected = ([key], []) if decision == "reject" else ([], [key])
        stored_answers.reject(connection, rejected)
        entries.heed_decisions(connection, rejected, corrected)
