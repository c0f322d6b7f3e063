"""Answers are served again: the partition's own, else the newest; never of another source."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import stored_answers
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
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


def test_a_verdict_stays_with_the_answer(work: PartitionWork) -> None:
    one = bought(work, "q0", "q1")
    answers = found(work, one.partition, "q0")
    verdicts = answers.select("request_id").with_columns(
        confidence=pl.lit(0.91), status=pl.lit("accepted"), reasons=pl.lit("")
    )
    with one.begin() as connection:
        stored_answers.record_verdicts(connection, verdicts)
    replay = found(work, READER, "q0", "q1").sort("question_key")
    assert replay.select("confidence", "status", "reasons").rows() == [
        (0.91, "accepted", ""),
        (None, None, None),
    ]


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
