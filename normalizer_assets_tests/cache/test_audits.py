"""Hits that are asked all the same, and what a wrong one changes."""

import uuid

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets import pipeline
from normalizer_assets.batching import questions
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import audits
from normalizer_assets.db.tables import answers, cache_entries, semantic_hits
from normalizer_assets_tests.batching.listings import land
from normalizer_assets_tests.batching.settings import configured
from normalizer_assets_tests.cache.courses import (
    PHONE,
    SAME_PHONE,
    count,
    day_of,
    hits,
    listings,
    normalised,
)

pytestmark = pytest.mark.slow


def audited(work: PartitionWork, day: int = 2) -> PartitionWork:
    return configured(day_of(work, day), cache={"audit_share": 1.0})


def test_an_audited_hit_is_asked_all_the_same_and_agrees(known: PartitionWork) -> None:
    [row] = normalised(audited(known), SAME_PHONE)
    assert row["answered_by"] == "individual"
    [hit] = hits(known)
    assert hit.state == "agreed"
    assert count(known, cache_entries) == 2


def test_an_audit_is_settled_by_whoever_buys_the_answer(known: PartitionWork) -> None:
    finder = audited(known)
    land(finder)
    pipeline.submit(finder, pipeline.route(finder, listings(finder, SAME_PHONE)))
    assert [hit.state for hit in hits(known)] == ["audited"]
    with finder.begin() as connection:
        questions.release(connection, finder.partition, [hits(known)[0].question_key])
    normalised(day_of(known, 3), SAME_PHONE)
    assert [hit.state for hit in hits(known)] == ["agreed"]


@pytest.fixture
def wrong(known: PartitionWork) -> PartitionWork:
    """The cache's answer to ``PHONE`` is that of another phone."""
    with known.engine.begin() as connection:
        connection.execute(sa.update(answers).values(model="Galaxy S24 Ultra"))
    return known


def test_a_disagreement_evicts_the_entry_and_what_it_answered(wrong: PartitionWork) -> None:
    normalised(day_of(wrong, 2), "Samsung Galaxy A35 5G 128GB Negro")
    normalised(audited(wrong, 3), SAME_PHONE)
    assert {hit.state for hit in hits(wrong)} == {"disagreed", "withdrawn"}
    with wrong.engine.connect() as connection:
        names = set(connection.execute(sa.select(cache_entries.c.name)).scalars())
    assert names == {SAME_PHONE}
    # Whoever was answered by it asks when it next comes.
    served = "Samsung Galaxy A35 5G 128GB Negro"
    switched_off = configured(day_of(wrong, 4), cache={"semantic": False})
    [row] = normalised(switched_off, served)
    assert row["answered_by"] == "individual"


def test_what_a_wrong_hit_had_forgiven_tells_apart_from_then_on(wrong: PartitionWork) -> None:
    cache = {"harmless_words": {"smartphones": ("edicion",)}, "audit_share": 1.0}
    forgiving = configured(day_of(wrong, 2), cache=cache)
    normalised(forgiving, f"{PHONE} Edicion")
    [hit] = hits(wrong)
    assert (hit.state, hit.forgiven) == ("disagreed", ["edicion"])
    with wrong.engine.connect() as connection:
        lexicon = audits.current_lexicon(connection, forgiving.config)
    assert lexicon.telling == {"smartphones": frozenset({"edicion"})}
    normalised(configured(day_of(forgiving, 3), cache={"audit_share": 0.0}), SAME_PHONE)
    assert [hit.state for hit in hits(wrong)] == ["disagreed"]


def test_too_many_wrong_hits_close_the_group(known: PartitionWork) -> None:
    with known.engine.begin() as connection:
        for number in range(known.config.cache.max_disagreements):
            connection.execute(
                sa.insert(semantic_hits).values(
                    question_key=f"{number}",
                    entry_key="x",
                    category_group="smartphones",
                    similarity=1.0,
                    forgiven=[],
                    state="disagreed",
                    retailer="lider",
                    day=known.partition.day,
                    settled_at=sa.func.now(),
                )
            )
    [row] = normalised(day_of(known, 2), SAME_PHONE)
    assert row["answered_by"] == "individual"


def test_audits_are_drawn_alike_whoever_looks_and_as_often_as_asked() -> None:
    keys = pl.Series([uuid.uuid5(uuid.NAMESPACE_URL, str(n)).hex for n in range(20_000)])
    drawn = audits.is_audited(keys, 0.01)
    assert drawn.equals(audits.is_audited(keys, 0.01))
    assert 150 < drawn.sum() < 250
    assert not audits.is_audited(keys, 0.0).any()
    assert audits.is_audited(keys, 1.0).all()
