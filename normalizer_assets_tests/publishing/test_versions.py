"""Versions stand as they were written; the last green one is published."""

import dataclasses
import json
from datetime import date
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.answers.verdicts import Gate, GateVerdict
from normalizer_assets.batching import life
from normalizer_assets.batching.errors import LostTurnError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import review_decisions
from normalizer_assets.publishing.products import build_products
from normalizer_assets.publishing.versions import (
    earlier_measures,
    is_published,
    newest_rows,
    record_verdict,
    write_version,
)
from normalizer_assets_tests.batching.listings import land, partition_row
from normalizer_assets_tests.publishing.test_products import CONFIG, answers, routed


@pytest.fixture
def landed(work: PartitionWork) -> PartitionWork:
    """A partition that has landed, without products."""
    land(work)
    return work


def products(*names: str) -> pl.DataFrame:
    return build_products(routed(*names), answers(), CONFIG)


def judged(*reasons: str, **measures: float | None) -> GateVerdict:
    """A verdict that is red for these reasons, with measures of gates that warn."""
    nothing = pl.DataFrame()
    red = [Gate("share_accepted", False, None, 0, reason, nothing) for reason in reasons]
    found = [Gate(name, True, value, 1, "", nothing) for name, value in measures.items()]
    return GateVerdict((*red, *found))


def ask(work: PartitionWork, sql: str) -> list[Any]:
    with work.engine.connect() as connection:
        return list(connection.execute(sa.text(sql)).scalars())


def published(work: PartitionWork) -> list[str]:
    return ask(work, "select name from normalizer.published_products order by sku")


def is_green(work: PartitionWork) -> bool:
    with work.engine.connect() as connection:
        return is_published(connection, work.partition)


def test_versions_are_numbered_and_equal_content_makes_none(landed: PartitionWork) -> None:
    assert write_version(landed, products("Notebook A"), "run 1").number == 1
    again = write_version(landed, products("Notebook A"), "run 2")
    assert (again.number, again.changed) == (1, False)
    other = write_version(landed, products("Notebook B"), "run 3")
    assert (other.number, other.changed) == (2, True)
    back = write_version(landed, products("Notebook A"), "run 4")
    assert (back.number, back.changed) == (3, True)
    with landed.engine.connect() as connection:
        rows = newest_rows(connection, landed.partition)
    assert rows["name"].to_list() == ["Notebook A"]
    assert ask(landed, "select count(*) from normalizer.product_rows") == [3]


def test_a_row_is_stored_with_what_its_score_was_made_of(landed: PartitionWork) -> None:
    made = products("Notebook A")
    write_version(landed, made, "run 1")
    [stored] = ask(landed, "select contributions from normalizer.product_rows")
    assert stored == json.loads(made["contributions"][0])
    assert ask(landed, "select band from normalizer.product_rows") == made["band"].to_list()


def test_only_a_green_version_is_published(landed: PartitionWork) -> None:
    write_version(landed, products("Notebook A"), "run 1")
    assert not is_green(landed)
    assert published(landed) == []
    record_verdict(landed, judged())
    assert is_green(landed)
    assert published(landed) == ["Notebook A"]
    write_version(landed, products("Notebook B"), "run 2")
    assert not is_green(landed)
    record_verdict(landed, judged("too few", "too many", cost=0.5))
    assert published(landed) == ["Notebook A"]
    row = partition_row(landed)
    assert (row.state, row.blocked_reason) == ("held", "too few; too many")
    record_verdict(landed, judged())
    assert published(landed) == ["Notebook B"]
    assert partition_row(landed).blocked_reason is None


def test_what_was_decided_while_a_version_was_judged_is_collected_again(
    landed: PartitionWork,
) -> None:
    rows = products("Notebook A")
    write_version(landed, rows, "run 1")
    decision = {
        "question_key": rows["question_key"][0], "decision": "accept", "answer": {}, "listing": {},
        "judged": {}, "answered_by": "rules", "confidence": 0.5,
    }  # fmt: skip
    with landed.engine.begin() as connection:
        connection.execute(sa.insert(review_decisions).values(decision))
    record_verdict(landed, judged("too few"))
    assert partition_row(landed).state == "waiting"
    with landed.engine.begin() as connection:
        rejection = decision | {"decision": "reject", "answer": None}
        connection.execute(sa.insert(review_decisions).values(rejection))
    write_version(landed, rows.with_columns(status=pl.lit("accepted")), "run 1")
    record_verdict(landed, judged("too few"))
    assert partition_row(landed).state == "waiting"
    # Once the rows have the decision, a red gate holds as ever.
    write_version(landed, rows.with_columns(status=pl.lit("rejected")), "run 2")
    record_verdict(landed, judged("too few"))
    assert partition_row(landed).state == "held"


def test_a_version_that_cannot_be_written_leaves_nothing(landed: PartitionWork) -> None:
    twice = products("Notebook A", "Notebook B").with_columns(sku=pl.lit("same"))
    with pytest.raises(Exception, match="duplicate key"):
        write_version(landed, twice, "run 1")
    assert ask(landed, "select version from normalizer.product_versions") == []
    assert partition_row(landed).newest_version is None


def test_who_has_lost_its_turn_writes_no_version_and_no_verdict(landed: PartitionWork) -> None:
    write_version(landed, products("Notebook A"), "run 1")
    with life.locked(landed.engine, landed.partition, "another") as hold:
        for write in (
            lambda: write_version(landed, products("Notebook B"), "run 2"),
            lambda: record_verdict(landed, judged()),
        ):
            with pytest.raises(LostTurnError):
                write()
        current = dataclasses.replace(landed, epoch=hold.epoch)
        record_verdict(current, judged())
    assert published(landed) == ["Notebook A"]


def test_what_failed_is_kept_with_the_version_that_was_judged(landed: PartitionWork) -> None:
    write_version(landed, products("Notebook A"), "run 1")
    record_verdict(landed, judged("too few", cost=0.1))
    found = ask(landed, "select failed_gates from normalizer.product_versions")
    assert found == [{"share_accepted": "too few"}]


# --- measures of earlier days ---------------------------------------------------------


def on(work: PartitionWork, day: date, retailer: str = "lider") -> PartitionWork:
    """Lands another partition."""
    other = dataclasses.replace(work, partition=Partition(day, retailer))
    land(other)
    return other


def judge(work: PartitionWork, name: str, verdict: GateVerdict) -> None:
    """Writes a version and its verdict."""
    day, retailer = pl.lit(work.partition.day), pl.lit(work.partition.retailer)
    write_version(work, products(name).with_columns(day=day, retailer=retailer), "run")
    record_verdict(work, verdict)


def earlier(work: PartitionWork, days: int = 7) -> list[Any]:
    with work.engine.connect() as connection:
        return list(earlier_measures(connection, work.partition, days))


def test_earlier_days_are_those_published_of_the_retailer_newest_first(
    landed: PartitionWork,
) -> None:
    for day in (26, 27, 28, 29):
        verdict = judged(cost=day, brand_missing=None)
        judge(on(landed, date(2024, 9, day)), "Notebook A", verdict)
    judge(on(landed, date(2024, 10, 2)), "Notebook A", judged(cost=0))
    judge(on(landed, date(2024, 9, 30), "jumbo"), "Notebook A", judged(cost=0))
    judge(on(landed, date(2024, 9, 30)), "Notebook A", judged("too few", cost=0))
    expected = [{"cost": day, "brand_missing": None} for day in (29, 28, 27, 26)]
    assert earlier(landed) == expected
    assert earlier(landed, days=2) == expected[:2]
    assert earlier(on(landed, date(2024, 9, 26))) == []


def test_a_held_day_counts_with_its_last_green_version_and_an_old_one_not_at_all(
    landed: PartitionWork,
) -> None:
    yesterday = on(landed, date(2024, 9, 30))
    judge(yesterday, "Notebook A", judged(cost=1))
    judge(yesterday, "Notebook B", judged("too few", cost=2))
    assert earlier(landed) == [{"cost": 1}]
    with landed.engine.begin() as connection:  # as it was judged before measures were kept
        connection.execute(sa.text("update normalizer.product_versions set measures = null"))
    assert earlier(landed) == []
