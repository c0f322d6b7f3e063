import dataclasses
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import questions
from normalizer_assets.batching.outdated import outdated_questions
from normalizer_assets.batching.stored_answers import answers_for
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import answers, batch_requests
from normalizer_assets.prompting.templates import prompt_version
from normalizer_assets_tests.batching.listings import (
    answer_question,
    asked_questions,
    claim,
    land,
    on_a_day_of_its_own,
    reject,
    routed_listings,
)

ONE = routed_listings(1)


@pytest.fixture
def answered(work: PartitionWork) -> PartitionWork:
    """A partition whose one question has an answer."""
    land(work)
    claim(work, "q0")
    answer_question(work)
    return work


def given_by(work: PartitionWork, llm_model: str, version: str) -> PartitionWork:
    """Says who gave the answer, and to which prompt."""
    with work.engine.begin() as connection:
        connection.execute(sa.update(answers).values(llm_model=llm_model))
        connection.execute(sa.update(batch_requests).values(prompt_version=version))
    return work


def asks_again(work: PartitionWork, routed: pl.DataFrame = ONE) -> list[str]:
    with work.engine.connect() as connection:
        found = outdated_questions(connection, work.config, work.partition, routed)
    assert all(answer.unpaid for answer in found.values())
    return list(found)


def at_tier(work: PartitionWork, **values: Any) -> PartitionWork:
    """Returns the work with other settings of mini."""
    mini = work.config.tiers["mini"].model_copy(update=values)
    tiers = work.config.tiers | {"mini": mini}
    return dataclasses.replace(work, config=work.config.model_copy(update={"tiers": tiers}))


@pytest.mark.parametrize(
    ("llm_model", "version"),
    [
        ("gpt-5-mini", prompt_version("BATCH")),
        ("gpt-5-mini-2025-08-07", prompt_version("MINIMAL")),
        ("gpt-6-luna", prompt_version("BATCH")),
        ("gpt-5", prompt_version("DETAILED")),
        ("gpt-5", f"{prompt_version('DETAILED')}+examples"),
        ("gpt-4o-mini", prompt_version("FALLBACK")),
    ],
)
def test_an_answer_that_a_tier_of_now_gave_is_of_now(
    answered: PartitionWork, llm_model: str, version: str
) -> None:
    assert asks_again(given_by(answered, llm_model, version)) == []


@pytest.mark.parametrize(
    ("llm_model", "version"),
    [
        ("gpt-5-mini", "BATCH@00000000"),
        ("gpt-5-nano", prompt_version("BATCH")),
        ("gpt-4o-mini", prompt_version("BATCH")),
        ("gpt-5-mini", f"{prompt_version('BATCH')}+schema@00000000"),
    ],
)
def test_an_answer_of_another_model_or_prompt_is_outdated(
    answered: PartitionWork, llm_model: str, version: str
) -> None:
    assert asks_again(given_by(answered, llm_model, version)) == ["q0"]


def test_a_new_model_or_a_new_schema_makes_answers_outdated(answered: PartitionWork) -> None:
    work = given_by(answered, "gpt-5-mini", prompt_version("BATCH"))
    assert asks_again(at_tier(work, model="gpt-5-nano")) == ["q0"]
    assert asks_again(at_tier(work, response_format="json_schema")) == ["q0"]


def test_what_has_no_answer_is_not_outdated(answered: PartitionWork) -> None:
    work = given_by(answered, "gpt-5-mini", "BATCH@00000000")
    assert asks_again(work, routed_listings(2)) == ["q0"]
    reject(work, "q0")
    assert asks_again(work, routed_listings(1, prefix="other")) == []


@pytest.mark.parametrize("template", ["PACKED_SIMPLE", "BATCH", "MINIMAL"])
def test_where_a_tier_packs_answers_in_packs_and_alone_are_of_now(
    answered: PartitionWork, template: Any
) -> None:
    work = given_by(answered, "gpt-5-mini", prompt_version(template))
    assert asks_again(at_tier(work, listings_per_request=10)) == []
    assert asks_again(work) == (["q0"] if template == "PACKED_SIMPLE" else [])


def test_what_somebody_has_bought_anew_is_taken_over_and_not_paid_again(
    answered: PartitionWork,
) -> None:
    work = given_by(answered, "gpt-5-mini", "BATCH@00000000")
    other = on_a_day_of_its_own(work)
    land(other)
    claim(other, "q0", force=True)
    newer = answer_question(other)
    with work.engine.begin() as connection:
        mine = sa.update(batch_requests).where(batch_requests.c.request_id == newer)
        connection.execute(mine.values(prompt_version=prompt_version("BATCH")))
        (found,) = outdated_questions(connection, work.config, work.partition, ONE).values()
    assert not found.unpaid
    with work.begin() as connection:
        wanted = pl.Series(["q0"])
        since = {"q0": found.answered_at}
        questions.claim(connection, work.partition, wanted, force=True, since=since)
        served = answers_for(connection, work.partition, ["q0"])
    assert asked_questions(work) == {"q0": "answered"}
    assert served["request_id"].to_list() == [newer]
    with work.engine.connect() as connection:
        assert outdated_questions(connection, work.config, work.partition, ONE) == {}
