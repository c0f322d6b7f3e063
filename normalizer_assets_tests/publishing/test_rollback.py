"""The version before is shown again, step by step, and nothing brings the bad one back unasked."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import life
from normalizer_assets.batching.due import due
from normalizer_assets.batching.errors import LostTurnError, OperationError
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.vectors import text_hashes
from normalizer_assets.db.tables import cache_entries, semantic_hits
from normalizer_assets.publishing.products import build_products
from normalizer_assets.publishing.rollback import Rollback, find_rollback, roll_back
from normalizer_assets.publishing.versions import is_published, record_verdict, write_version
from normalizer_assets_tests.batching.listings import claim, land, partition_row, plan_request
from normalizer_assets_tests.publishing.test_products import answer, answers, routed
from normalizer_assets_tests.publishing.test_versions import (
    ask,
    judged,
    landed,
    products,
    published,
)

pytestmark = pytest.mark.slow

__all__ = ["landed"]


def publish(work: PartitionWork, *names: str, green: bool = True) -> None:
    """Writes a version of these products and judges it."""
    write_version(work, products(*names), f"run {names}")
    record_verdict(work, judged(cost=0.5) if green else judged("too few"))


def planned(work: PartitionWork) -> Rollback:
    with work.engine.connect() as connection:
        return find_rollback(connection, work.partition)


def back(work: PartitionWork) -> None:
    roll_back(work.engine, planned(work), work.epoch)


def jobs_due(work: PartitionWork) -> list[str]:
    with work.engine.connect() as connection:
        return [job for partition, job in due(connection, work.config)]


def test_the_last_green_version_before_the_published_one_is_shown_again(
    landed: PartitionWork,
) -> None:
    publish(landed, "Notebook A")
    publish(landed, "Notebook B", green=False)
    publish(landed, "Notebook C")
    publish(landed, "Notebook D")
    back(landed)
    assert published(landed) == ["Notebook C"]
    # From there one further, over the red one; then there is none.
    taken_back = "select version from normalizer.product_versions where rolled_back_at is not null"
    assert ask(landed, taken_back) == [4]
    back(landed)
    assert published(landed) == ["Notebook A"]
    with pytest.raises(OperationError, match="shows version 1, and before it there is no green"):
        planned(landed)
    assert published(landed) == ["Notebook A"]


def test_what_was_said_of_the_newest_version_stays_and_so_do_its_rows(
    landed: PartitionWork,
) -> None:
    publish(landed, "Notebook A")
    publish(landed, "Notebook B")
    said = (
        "select (version, verdict, verdict_reasons, measures)::text "
        "from normalizer.product_versions order by 1"
    )
    before = ask(landed, said)
    back(landed)
    assert ask(landed, said) == before
    assert ask(landed, "select name from normalizer.normalized_products") == ["Notebook B"]
    row = partition_row(landed)
    assert (row.newest_version, row.published_version, row.state) == (2, 1, "held")
    assert row.blocked_reason.startswith("rolled back from version 2 to version 1")
    assert row.normalized_count == 1
    with landed.engine.connect() as connection:
        assert not is_published(connection, landed.partition)


def test_a_version_that_was_rolled_back_is_not_gone_back_to_unless_it_was_published_anew(
    landed: PartitionWork,
) -> None:
    publish(landed, "Notebook A")
    publish(landed, "Notebook B")
    back(landed)
    publish(landed, "Notebook C")
    assert planned(landed).earlier.number == 1
    back(landed)
    assert published(landed) == ["Notebook A"]
    # Judged green again, the newest version counts as any other.
    record_verdict(landed, judged())
    publish(landed, "Notebook D")
    assert planned(landed).earlier.number == 3


def test_it_says_what_changes_before_it_does(landed: PartitionWork) -> None:
    publish(landed, "Notebook A", "Notebook B", "Notebook C")
    changed = products("Notebook A", "Notebook X", "Notebook C", "Notebook D").with_columns(
        price=pl.when(pl.col("sku") == "2").then(2000).otherwise("price").cast(pl.Int64)
    )
    write_version(landed, changed.filter(pl.col("sku") != "0"), "run 2")
    record_verdict(landed, judged())
    found = planned(landed)
    assert (found.shown.number, found.shown.rows) == (2, 3)
    assert (found.earlier.number, found.earlier.rows) == (1, 3)
    assert (found.returning, found.leaving, found.differing) == (1, 1, 2)
    assert found.columns == {"name": 1, "normalized_name": 1, "price": 1}
    assert published(landed) == ["Notebook X", "Notebook C", "Notebook D"]


def test_a_partition_without_an_earlier_version_says_which_it_lacks(
    work: PartitionWork,
) -> None:
    with pytest.raises(OperationError, match=r"2024-10-01\|lider has never landed"):
        planned(work)
    land(work)
    publish(work, "Notebook A", green=False)
    with pytest.raises(OperationError, match=r"no version of 2024-10-01\|lider was ever"):
        planned(work)


@pytest.mark.parametrize("state", ["landed", "submitted", "waiting", "collecting", "failed"])
def test_whatever_was_under_way_nothing_is_due_afterwards(
    landed: PartitionWork, state: Any
) -> None:
    publish(landed, "Notebook A")
    publish(landed, "Notebook B")
    claim(landed, "q0", "q1")
    with landed.begin() as connection:
        life.enter(connection, landed.partition, state)
        life.record(connection, landed.partition, blocked_by="budget", blocked_usd=Decimal(1))
    plan_request(landed, "q0")
    back(landed)
    assert jobs_due(landed) == []
    # What it had planned and never sent, others may ask.
    open_ones = "select waits from normalizer.partition_questions where state = 'open'"
    assert ask(landed, open_ones) == [True, True]
    assert ask(landed, "select state from normalizer.batch_requests") == ["not_executed"]


def test_a_decision_does_not_bring_it_back_and_a_landing_does(landed: PartitionWork) -> None:
    publish(landed, "Notebook A")
    publish(landed, "Notebook B")
    back(landed)
    keys = products("Notebook B")["question_key"].to_list()
    with landed.engine.begin() as connection:
        assert life.make_due(connection, keys) == []
    assert partition_row(landed).state == "held"
    # A person's run lands it again. The same rows are the same version, and published.
    land(landed)
    assert partition_row(landed).state == "landed"
    publish(landed, "Notebook B")
    assert published(landed) == ["Notebook B"]
    assert partition_row(landed).published_version == 2
    # Held by its gate after that, a decision counts as ever.
    publish(landed, "Notebook C", green=False)
    with landed.engine.begin() as connection:
        keys = products("Notebook C")["question_key"].to_list()
        assert life.make_due(connection, keys) == [landed.partition]


def test_who_lost_its_turn_or_saw_another_version_changes_nothing(landed: PartitionWork) -> None:
    publish(landed, "Notebook A")
    publish(landed, "Notebook B")
    seen = planned(landed)
    publish(landed, "Notebook C")
    with pytest.raises(OperationError, match="version 3 is published now, not version 2"):
        roll_back(landed.engine, seen, landed.epoch)
    seen = planned(landed)
    with (
        life.locked(landed.engine, landed.partition, "another"),
        pytest.raises(LostTurnError),
    ):
        roll_back(landed.engine, seen, landed.epoch)
    assert published(landed) == ["Notebook C"]


# --- the cache ------------------------------------------------------------------------

NAMES = ("Notebook Acme 1 8GB", "Notebook Acme 2 8GB", "Notebook Acme 3 8GB")


def bought(work: PartitionWork, *brands: str, by: str = "batch") -> pl.DataFrame:
    """Products that a model answered, all accepted; an answer says its brand."""
    listings = routed(*NAMES[: len(brands)])
    given = [
        answer(key, brand=brand, answered_by=by, request_id=None)
        for key, brand in zip(listings["question_key"], brands, strict=True)
    ]
    rows = build_products(listings, answers(*given), work.config)
    return rows.with_columns(status=pl.lit("accepted"))


def enter(work: PartitionWork, keys: list[str], *, day: date) -> None:
    """Puts entries into the cache; each has answered one like question."""
    name = pl.Series(["x"])
    with work.engine.begin() as connection:
        for key in keys:
            connection.execute(
                sa.insert(cache_entries).values(
                    question_key=key, category_group="notebooks",
                    name=key, retailer="lider", day=day, answer_contract=1,
                    embedding_model="m", text_hash=text_hashes(name, work.config.embedding)[0],
                    embedding=[1.0] * 1536,
                )
            )  # fmt: skip
            connection.execute(
                sa.insert(semantic_hits).values(
                    question_key=f"like {key}", entry_key=key, category_group="notebooks",
                    similarity=0.9, forgiven=[], state="served", retailer="jumbo", day=day,
                )
            )  # fmt: skip


def test_entries_of_answers_that_only_the_version_rolled_back_has_leave(
    landed: PartitionWork,
) -> None:
    same, other, new = products(*NAMES)["question_key"]
    for brands in (("ACME", "ACME"), ("ACME", "ZETA", "ZETA")):
        write_version(landed, bought(landed, *brands), "run")
        record_verdict(landed, judged())
    enter(landed, [same, other, new], day=landed.partition.day)
    enter(landed, ["bought for another day"], day=date(2024, 9, 1))
    found = planned(landed)
    assert found.entries == 2
    assert roll_back(landed.engine, found, landed.epoch).questions == 2
    assert set(ask(landed, "select question_key from normalizer.cache_entries")) == {
        same, "bought for another day",
    }  # fmt: skip
    withdrawn = "select entry_key from normalizer.semantic_hits where state = 'withdrawn'"
    assert set(ask(landed, withdrawn)) == {other, new}


def test_entries_of_what_a_person_said_and_of_replayed_answers_stay(
    landed: PartitionWork,
) -> None:
    for brand, by in (("ACME", "human"), ("ZETA", "human"), ("GAMA", "cache")):
        rows = bought(landed, brand).with_columns(answered_by=pl.lit(by))
        write_version(landed, rows, "run")
        record_verdict(landed, judged())
    enter(landed, rows["question_key"].to_list(), day=landed.partition.day)
    for _ in range(2):
        assert planned(landed).entries == 0
        back(landed)
    assert ask(landed, "select count(*) from normalizer.cache_entries") == [1]


def test_the_change_can_be_written_as_json(landed: PartitionWork) -> None:
    publish(landed, "Notebook A")
    publish(landed, "Notebook B")
    figures = json.loads(json.dumps(planned(landed).figures()))
    assert figures["partition"] == "2024-10-01|lider"
    assert figures["shown"]["version"] == 2
    assert figures["earlier"]["verdict"] == "green"
    assert figures["differing"] == 1
