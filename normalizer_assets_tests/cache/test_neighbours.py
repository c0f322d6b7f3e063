"""What the cache knows of variants, and that it says the same of a partition every time."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from pgvector import HalfVector

from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.neighbours import NEIGHBOUR_SCHEMA, neighbours_for
from normalizer_assets.db.tables import answers, cache_entries
from normalizer_assets_tests.batching.listings import answer_question, land
from normalizer_assets_tests.scene import Scene

NOON = datetime(2024, 10, 1, 12, tzinfo=UTC)


@pytest.fixture
def asked(work: PartitionWork) -> PartitionWork:
    """A partition whose questions ``q0`` and ``q1`` were answered at noon."""
    land(work)
    for key in ("q0", "q1"):
        answer_question(work, key)
    with work.engine.begin() as connection:
        connection.execute(sa.update(answers).values(answered_at=NOON))
    return work


def remember(
    work: PartitionWork, question_key: str, stem: str | None, minutes: int, model: str | None = None
) -> None:
    """Puts an entry into the cache, so many minutes after noon."""
    with work.engine.begin() as connection:
        connection.execute(
            sa.insert(cache_entries).values(
                question_key=question_key,
                category_group="dairy",
                name="Leche",
                answer_contract=1,
                text_hash=uuid.uuid4(),
                stem=stem,
                brand="COLUN",
                model=model,
                embedding_model="m",
                embedding=HalfVector([0.0] * 1536),
                created_at=NOON + timedelta(minutes=minutes),
            )
        )


def found(work: PartitionWork, *stems: tuple[str, str | None]) -> list[tuple[Any, ...]]:
    frame = pl.DataFrame(stems, schema={"question_key": pl.String, "stem": pl.String}, orient="row")
    with work.engine.begin() as connection:
        neighbours = neighbours_for(connection, work.partition, frame)
    assert neighbours.schema == pl.Schema(NEIGHBOUR_SCHEMA)
    return neighbours.rows()


def test_an_accepted_variant_is_found_with_its_answer(asked: PartitionWork) -> None:
    remember(asked, "variant", "leche colun", minutes=-5, model="Light")
    remember(asked, "other", "yogurt colun", minutes=-5, model="Batido")
    assert found(asked, ("q0", "leche colun"), ("q1", "queso colun")) == [
        ("q0", True, "COLUN", "Light")
    ]


def test_a_neighbour_without_a_model_is_one(asked: PartitionWork) -> None:
    remember(asked, "variant", "leche colun", minutes=-5)
    assert found(asked, ("q0", "leche colun")) == [("q0", True, "COLUN", None)]


def test_an_entry_of_the_question_itself_is_no_neighbour(asked: PartitionWork) -> None:
    remember(asked, "q0", "leche colun", minutes=-5)
    assert found(asked, ("q0", "leche colun"), ("q1", "leche colun")) == [
        ("q1", True, "COLUN", None)
    ]


def test_what_entered_the_cache_after_the_answer_came_is_no_neighbour(
    asked: PartitionWork,
) -> None:
    remember(asked, "later", "leche colun", minutes=5)
    remember(asked, "at the same time", "leche colun", minutes=0)
    assert found(asked, ("q0", "leche colun")) == []


def test_of_several_neighbours_the_newest_before_the_answer_counts(asked: PartitionWork) -> None:
    for minutes, model in ((-30, "A"), (-10, "B"), (-20, "C"), (10, "D")):
        remember(asked, f"variant {model}", "leche colun", minutes, model)
    assert found(asked, ("q0", "leche colun")) == [("q0", True, "COLUN", "B")]


def test_a_question_that_the_partition_did_not_ask_has_no_neighbour(asked: PartitionWork) -> None:
    remember(asked, "variant", "leche colun", minutes=-5)
    assert found(asked, ("never asked", "leche colun")) == []
    with asked.engine.begin() as connection:
        connection.execute(sa.update(answers).values(retailer="jumbo"))
    assert found(asked, ("q0", "leche colun")) == []


def test_listings_of_one_question_have_one_neighbour(asked: PartitionWork) -> None:
    remember(asked, "variant", "leche colun", minutes=-5)
    assert len(found(asked, ("q0", "leche colun"), ("q0", "leche colun"))) == 1


def test_entries_from_before_there_were_stems_are_no_neighbours(asked: PartitionWork) -> None:
    remember(asked, "old", None, minutes=-5)
    assert found(asked, ("q0", None), ("q1", "leche colun")) == []


def test_no_questions_have_no_neighbours(asked: PartitionWork) -> None:
    assert found(asked) == []


# --- through whole runs ---------------------------------------------------------------


NEXT_DAY = Partition(date(2024, 10, 2), "lider")
ROWS = (
    "select sku, confidence, status, reasons, version from normalizer.product_rows "
    "where day = :day order by version, sku"
)


def variants(*contents: str) -> list[dict[str, object]]:
    """Returns rice, and sugar with the same contents."""
    return [
        {
            "name": f"{name} {content}",
            "category": category,
            "price": 1990,
            "sku": f"{sku}{content.split()[0]}",
        }
        for content in contents
        for sku, name, category in (
            ("rice", "Arroz Zyxquor Tucapel", "Despensa > Arroz"),
            ("sugar", "Azúcar Quaton Iansa", "Despensa > Azúcar"),
        )
    ]


@pytest.mark.slow
def test_variants_of_a_day_confirm_or_doubt_those_of_the_next_and_never_their_own(
    scene: Scene,
) -> None:
    scene.set(GATE__MIN_SHARE_ACCEPTED="0")
    scene.land(variants("1 kg", "500 g"))
    scene.publish()
    day = scene.partition.day
    first = {row.sku: row for row in scene.rows(ROWS, day=day)}
    assert len(first) == 4
    # Each would be another's neighbour now.
    entries = scene.rows("select count(*) as same from normalizer.cache_entries group by stem")
    assert [entry.same for entry in entries] == [2, 2]

    assert scene.run("__ASSET_JOB", selection=["normalized_products"]).success
    assert {row.sku: row for row in scene.rows(ROWS, day=day)} == first

    scene.execute(
        "update normalizer.cache_entries set brand = 'ACUENTA' where stem like '%quaton%'"
    )
    scene.land(variants("2 kg", "1 kg"), NEXT_DAY)
    scene.publish(NEXT_DAY)
    later = {row.sku: row for row in scene.rows(ROWS, day=NEXT_DAY.day)}
    # What is served from the cache keeps its verdict.
    for sku in ("rice1", "sugar1"):
        assert later[sku].confidence == first[sku].confidence
    assert later["rice2"].confidence > first["rice1"].confidence
    assert later["sugar2"].confidence < first["sugar1"].confidence
    assert "the cache has ACUENTA Quaton for a variant of it" in later["sugar2"].reasons

    assert scene.run("__ASSET_JOB", NEXT_DAY, selection=["normalized_products"]).success
    assert {row.sku: row for row in scene.rows(ROWS, day=NEXT_DAY.day)} == later
