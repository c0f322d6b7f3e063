"""Answers are served again: the partition's own, else the newest; never of another source."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import stored_answers
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import answers, partitions, product_rows, product_versions
from normalizer_assets_tests.batching.listings import (
    answer_question,
    claim,
    land,
    on_a_day_of_its_own,
    reject,
)

READER = Partition(date(2025, 1, 1), "jumbo")


def bought(work: PartitionWork, *question_keys: str, force: bool = False) -> PartitionWork:
    """Returns a partition of its own that has bought answers."""
    one = on_a_day_of_its_own(work)
    land(one)
    claim(one, *question_keys, force=force)
    for key in question_keys:
        answer_question(one, key)
    return one


def found(work: PartitionWork, partition: Partition, *question_keys: str) -> pl.DataFrame:
    with work.engine.connect() as connection:
        return stored_answers.answers_for(connection, partition, question_keys)


def bought_by(work: PartitionWork, answers: pl.DataFrame) -> list[Partition]:
    """Returns whose requests bought the answers."""
    with work.engine.connect() as connection:
        rows = connection.execute(
            sa.text("select request_id, day, retailer from normalizer.answers")
        )
        sources = {row.request_id: Partition(row.day, row.retailer) for row in rows}
    return [sources[request_id] for request_id in answers["request_id"]]


def test_known_questions_have_a_usable_answer_whoever_bought_it(work: PartitionWork) -> None:
    one = bought(work, "q0", "q1", "q2")
    reject(one, "q1")
    with work.engine.connect() as connection:
        known = stored_answers.known_questions(connection, ["q0", "q1", "q2", "q9"])
        assert known == {"q0", "q2"}
        assert stored_answers.known_questions(connection, []) == set()


def test_a_question_has_one_answer_an_own_one_before_the_newest(work: PartitionWork) -> None:
    oldest = bought(work, "q0")
    newest = bought(work, "q0", force=True)
    assert bought_by(work, found(work, READER, "q0")) == [newest.partition]
    own = found(work, oldest.partition, "q0")
    assert own["own"].to_list() == [True]
    assert bought_by(work, own) == [oldest.partition]


def test_a_rejected_answer_is_not_served_to_others(work: PartitionWork) -> None:
    first = bought(work, "q0")
    reject(first, "q0")
    assert found(work, READER, "q0").is_empty()
    assert found(work, first.partition, "q0")["status"].to_list() == ["rejected"]
    second = bought(work, "q0")
    [served] = found(work, READER, "q0").to_dicts()
    assert served["status"] is None
    assert bought_by(work, found(work, READER, "q0")) == [second.partition]


def test_an_answer_comes_with_its_request(work: PartitionWork) -> None:
    one = bought(work, "q0")
    [answer] = found(work, one.partition, "q0", "q1").to_dicts()
    assert (answer["answered_by"], answer["brand"]) == ("individual", "ACME")
    assert answer["attributes"] == '{"capacity": "1L"}'
    assert (answer["custom_id"], answer["batch_id"]) == ("individual_q0", None)
    assert str(answer["cost_usd"]) == "0.000500000"


def settled(work: PartitionWork, yardstick: str = "one", **verdict: object) -> dict[str, Any]:
    """Settles a verdict on the answer to q0; returns what the row has then."""
    row = found(work, READER, "q0").select("request_id", "status")
    said = {"confidence": 0.91, "status": "accepted", "reasons": "", **verdict}
    rows = row.with_columns(pl.lit(value).alias(name) for name, value in said.items())
    with work.begin() as connection:
        return stored_answers.settle_verdicts(connection, rows, yardstick).row(0, named=True)


def test_a_verdict_is_that_of_whoever_judged_first(work: PartitionWork) -> None:
    one = bought(work, "q0", "q1")
    assert settled(one)["confidence"] == 0.91
    later = settled(on_a_day_of_its_own(work), confidence=0.2, status="review", reasons="price")
    assert (later["confidence"], later["status"], later["reasons"]) == (0.91, "accepted", "")
    statuses = found(work, READER, "q0", "q1").sort("question_key")["status"]
    assert statuses.to_list() == ["accepted", None]


def test_another_yardstick_judges_anew(work: PartitionWork) -> None:
    one = bought(work, "q0")
    settled(one)
    assert settled(one, "another", confidence=0.2, status="review")["status"] == "review"
    assert found(work, READER, "q0")["status"].to_list() == ["review"]


def test_a_verdict_does_not_undo_a_rejection(work: PartitionWork) -> None:
    one = bought(work, "q0")
    stale = (
        found(work, READER, "q0")
        .select("request_id")
        .with_columns(confidence=pl.lit(0.91), status=pl.lit("accepted"), reasons=pl.lit(""))
    )
    reject(one, "q0")
    with one.begin() as connection:
        assert stored_answers.settle_verdicts(connection, stale, "one").equals(stale)
    assert found(work, one.partition, "q0")["status"].to_list() == ["rejected"]


def test_rows_without_an_answer_are_left_as_they_are(work: PartitionWork) -> None:
    one = bought(work, "q0")
    rows = pl.DataFrame(
        {"request_id": [None], "confidence": [0.5], "status": ["review"], "reasons": ["rules"]},
        schema_overrides={"request_id": pl.Int64},
    )
    with one.begin() as connection:
        assert stored_answers.settle_verdicts(connection, rows, "one").equals(rows)


def test_two_partitions_that_judge_at_once_agree(work: PartitionWork) -> None:
    keys = [f"q{number}" for number in range(40)]
    bought(work, *keys)
    works = [on_a_day_of_its_own(work) for _ in range(4)]
    for one in works:
        land(one)
    answers = found(work, READER, *keys).select("request_id")

    def judge(number: int) -> pl.DataFrame:
        rows = answers.sample(fraction=1, shuffle=True, seed=number).with_columns(
            confidence=pl.lit(number / 10), status=pl.lit("review"), reasons=pl.lit(f"{number}")
        )
        with works[number].begin() as connection:
            return stored_answers.settle_verdicts(connection, rows, "one").sort("request_id")

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(judge, range(4))
    assert first["reasons"].n_unique() == 1
    assert all(other.equals(first) for other in others)


# --- whose answers --------------------------------------------------------------------


def test_answers_of_two_sources_never_mix(engine: sa.Engine) -> None:
    stored_answers.bind_answer_source(engine, "standin")
    stored_answers.bind_answer_source(engine, "standin")
    with pytest.raises(ValueError, match=r"'standin'.*'openai'.*NORMALIZER_DATABASE_URL"):
        stored_answers.bind_answer_source(engine, "openai")


def test_of_two_first_sources_at_once_one_is_refused(engine: sa.Engine) -> None:
    def bind(source: str) -> str:
        try:
            stored_answers.bind_answer_source(engine, source)
        except ValueError:
            return "refused"
        return "bound"

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(bind, ["standin", "openai", "standin", "openai"]))
    assert sorted(ends) == ["bound", "bound", "refused", "refused"]


def test_a_version_keeps_another_partitions_answer_that_it_rests_on(work: PartitionWork) -> None:
    asker = bought(work, "q0")
    reader = on_a_day_of_its_own(work)
    land(reader)
    served = found(work, reader.partition, "q0")
    version = {"retailer": reader.partition.retailer, "day": reader.partition.day, "version": 1}
    row = {
        **version, "sku": "s", "name": "n", "category_group": "other", "attributes": {},
        "normalized_name": "n", "confidence": 1.0, "status": "accepted", "reasons": "",
        "route": "cache", "score": 0.0, "answered_by": "cache", "cost_usd": 0, "run_id": "r",
        "question_key": "q0", "request_id": served["request_id"][0],
    }  # fmt: skip
    with work.engine.begin() as connection:
        written = {"run_id": "r", "content_hash": "h", "row_count": 1, "verdict": "green"}
        connection.execute(sa.insert(product_versions).values(version | written))
        connection.execute(sa.insert(product_rows).values(row))
        connection.execute(
            sa.update(partitions).where(reader.partition.of(partitions)).values(newest_version=1)
        )
    answer_question(asker, "q0")
    assert found(work, reader.partition, "q0")["request_id"].equals(served["request_id"])
    newest = found(work, READER, "q0")["request_id"][0]
    assert newest > served["request_id"][0]
    with work.engine.begin() as connection:
        connection.execute(
            sa.update(answers)
            .where(answers.c.request_id == served["request_id"][0])
            .values(status="rejected")
        )
    assert found(work, reader.partition, "q0")["request_id"][0] == newest
    claim(reader, "q0", force=True)
    own = answer_question(reader, "q0")
    assert found(work, reader.partition, "q0")["request_id"][0] == own
