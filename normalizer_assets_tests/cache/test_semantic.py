"""What the semantic tier serves and leaves alone, from landing to row."""

import dataclasses
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets import pipeline
from normalizer_assets.batching import stored_answers
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import entries, semantic, vectors
from normalizer_assets.db.tables import (
    Decision,
    batch_requests,
    cache_entries,
    partition_questions,
)
from normalizer_assets.review.decisions import Verdict
from normalizer_assets.review.decisions import decide as decide_about
from normalizer_assets.review.queue import find
from normalizer_assets_tests.batching.listings import land
from normalizer_assets_tests.batching.settings import configured
from normalizer_assets_tests.cache.courses import (
    LARGER_PHONE,
    PHONE,
    SAME_PHONE,
    count,
    day_of,
    hits,
    listings,
    normalised,
    paid_calls,
)

pytestmark = pytest.mark.slow

# --- hits -----------------------------------------------------------------------------


def test_the_same_product_in_other_words_is_answered_without_a_call(known: PartitionWork) -> None:
    paid = paid_calls(known)
    [row] = normalised(day_of(known, 2), SAME_PHONE)
    assert (row["answered_by"], row["cache_tier"], row["route"]) == ("cache", "semantic", "cache")
    assert (row["cost_usd"], row["batch_id"], row["custom_id"]) == (0, None, None)
    assert json.loads(row["attributes"])["capacity"] == "128GB"
    assert row["llm_model"]
    assert paid_calls(known) == paid
    [hit] = hits(known)
    assert (hit.state, hit.forgiven) == ("served", [])
    assert hit.similarity > 0.7


def test_a_variant_is_asked(known: PartitionWork) -> None:
    [row] = normalised(day_of(known, 2), LARGER_PHONE)
    assert (row["answered_by"], row["cache_tier"]) == ("individual", None)
    assert json.loads(row["attributes"])["capacity"] == "256GB"
    assert hits(known) == []


def test_the_same_words_with_another_ean_are_asked(known: PartitionWork) -> None:
    normalised(
        day_of(known, 2), {"name": "Celular Motorola Moto G84 256GB Azul", "ean": "7802920000015"}
    )
    other = {"name": "Smartphone Motorola Moto G84 256GB Azul", "ean": "7802920000022"}
    [row] = normalised(day_of(known, 3), other)
    assert row["answered_by"] == "individual"
    [row] = normalised(day_of(known, 4), other | {"name": "Motorola Moto G84 256GB Azul"})
    assert row["cache_tier"] == "semantic"


def test_a_repeated_partition_says_the_same(known: PartitionWork) -> None:
    later = day_of(known, 2)
    first = normalised(later, SAME_PHONE, LARGER_PHONE)
    paid = paid_calls(known)
    assert normalised(later, SAME_PHONE, LARGER_PHONE) == first
    assert paid_calls(known) == paid
    assert len(hits(known)) == 1


def test_later_days_are_answered_without_another_lookup(known: PartitionWork) -> None:
    normalised(day_of(known, 2), SAME_PHONE)
    embedded = count(known, batch_requests)
    [row] = normalised(day_of(known, 3), SAME_PHONE)
    assert (row["answered_by"], row["cache_tier"]) == ("cache", "semantic")
    assert count(known, batch_requests) == embedded


def test_what_was_served_by_likeness_becomes_no_entry(known: PartitionWork) -> None:
    normalised(day_of(known, 2), SAME_PHONE)
    assert count(known, cache_entries) == 1


def test_a_text_is_embedded_once_whether_it_hits_or_not(known: PartitionWork) -> None:
    embedded = count(known, batch_requests, batch_requests.c.step == "embedding")
    normalised(day_of(known, 2), LARGER_PHONE)
    # For the lookup; its entry takes the same vector.
    assert count(known, batch_requests, batch_requests.c.step == "embedding") == embedded + 1
    assert count(known, cache_entries) == 2


def test_an_empty_cache_embeds_nothing_before_it_asks(unaudited: PartitionWork) -> None:
    land(unaudited)
    routed = pipeline.route(unaudited, listings(unaudited, PHONE))
    pipeline.submit(unaudited, routed)
    assert count(unaudited, batch_requests) == 0


def test_switched_off_it_looks_nothing_up(known: PartitionWork) -> None:
    without = configured(day_of(known, 2), cache={"semantic": False})
    [row] = normalised(without, SAME_PHONE)
    assert row["answered_by"] == "individual"


def test_only_accepted_answers_serve(unaudited: PartitionWork) -> None:
    strict = configured(unaudited, confidence={"threshold": 1.0})
    [row] = normalised(strict, PHONE)
    assert row["status"] == "review"
    [row] = normalised(day_of(strict, 2), SAME_PHONE)
    assert row["answered_by"] == "individual"


def test_a_correction_of_the_like_question_is_what_serves(known: PartitionWork) -> None:
    normalised(day_of(known, 2), SAME_PHONE)
    [hit] = hits(known)
    answer = {"brand": "SAMSUNG", "model": "Galaxy A35 5G", "attributes": {"color": "negro"}}
    decide(known, hit.entry_key, "correct", answer)
    [row] = normalised(day_of(known, 3), SAME_PHONE)
    assert (row["answered_by"], row["cache_tier"]) == ("cache", "semantic")
    assert row["model"] == "Galaxy A35 5G"


def decide(
    work: PartitionWork, question_key: str, decision: str, answer: dict[str, Any] | None = None
) -> None:
    with work.engine.begin() as connection:
        connection.execute(
            sa.text(
                "insert into normalizer.review_decisions (question_key, decision, answer, listing,"
                " judged, answered_by, confidence) values (:key, :decision, "
                "cast(:answer as jsonb), '{}', '{}', 'cache', 0.9)"
            ),
            {
                "key": question_key,
                "decision": decision,
                "answer": None if answer is None else json.dumps(answer),
            },
        )
        if decision == "reject":
            stored_answers.reject(connection, [question_key])


def test_what_a_person_rejects_is_asked_of_a_model(known: PartitionWork) -> None:
    normalised(day_of(known, 2), SAME_PHONE)
    [hit] = hits(known)
    decide(known, hit.question_key, "reject")
    [hit] = hits(known)
    assert hit.state == "disagreed"
    [row] = normalised(day_of(known, 3), SAME_PHONE)
    assert (row["answered_by"], row["cache_tier"]) == ("individual", None)


@pytest.mark.parametrize("decision", ["reject", "correct"])
def test_an_entry_whose_own_answer_a_person_does_not_let_stand_is_gone(
    known: PartitionWork, decision: Decision
) -> None:
    normalised(day_of(known, 2), SAME_PHONE)
    [hit] = hits(known)
    with known.engine.connect() as connection:
        about = find(connection, hit.entry_key)
    answer = about.answer() | {"model": "Galaxy A35 5G"}
    decide_about(
        known.engine, [Verdict(about, decision, answer if decision == "correct" else None)]
    )
    assert count(known, cache_entries) == 0
    [row] = normalised(day_of(known, 3), SAME_PHONE)
    if decision == "reject":
        assert [hit.state for hit in hits(known)] == ["withdrawn"]
        assert (row["answered_by"], row["cache_tier"]) == ("individual", None)
    else:
        # What it answered has the person's answer now, and so has its new entry.
        assert (row["cache_tier"], row["model"]) == ("semantic", "Galaxy A35 5G")
        normalised(day_of(known, 4), PHONE)
        with known.engine.connect() as connection:
            models = set(connection.execute(sa.select(cache_entries.c.model)).scalars())
        assert models == {"Galaxy A35 5G"}


# --- near misses ----------------------------------------------------------------------


def test_a_near_miss_is_an_example_of_the_detailed_prompt(known: PartitionWork) -> None:
    later = configured(day_of(known, 2), cache={"examples": 2})
    land(later)
    routed = pipeline.route(later, listings(later, LARGER_PHONE)).with_columns(
        tier=pl.lit("full"), band=pl.lit("complex")
    )
    pipeline.submit(later, routed)
    shown = semantic.with_examples(later, routed)
    assert "Galaxy A35" in shown["examples"][0]
    [body] = build_requests(later.config, shown, "individual")["body"]
    assert PHONE in body
    without = build_requests(known.config, routed, "individual")
    assert PHONE not in without["body"][0]
    version = build_requests(later.config, shown, "individual")["prompt_version"][0]
    assert version == f"{without['prompt_version'][0]}+examples"


def test_an_estimate_counts_examples_that_are_not_looked_up_yet(known: PartitionWork) -> None:
    routed = pipeline.route(known, listings(known, PHONE)).with_columns(
        tier=pl.lit("full"), band=pl.lit("complex")
    )
    shown = configured(known, cache={"examples": 2}).config
    plain = build_requests(known.config, routed, "batch")
    dearer = build_requests(shown, routed, "batch")
    assert dearer["estimated_usd"][0] > plain["estimated_usd"][0]
    assert dearer["body"].to_list() == plain["body"].to_list()


# --- leaving --------------------------------------------------------------------------


def test_an_expired_entry_serves_no_new_question_and_what_it_answered_stays(
    known: PartitionWork,
) -> None:
    normalised(day_of(known, 2), SAME_PHONE)
    with known.engine.begin() as connection:
        connection.execute(
            sa.text("update normalizer.cache_entries set created_at = now() - interval '2 years'")
        )
    [row] = normalised(day_of(known, 3), "Galaxy A35 5G 128GB Negro Samsung Smartphone")
    assert row["cache_tier"] == "exact"
    [row] = normalised(day_of(known, 4), "Samsung Galaxy A35 5G 128GB Negro")
    assert row["answered_by"] == "individual"
    [row] = normalised(day_of(known, 5), SAME_PHONE)
    assert row["cache_tier"] == "semantic"


@pytest.mark.parametrize(
    "chosen",
    [
        {"group": "smartphones"},
        {"retailer": "paris"},
        {"before": date(2024, 10, 2)},
    ],
)
def test_an_invalidated_entry_takes_back_what_it_answered(
    known: PartitionWork, chosen: dict[str, Any]
) -> None:
    later = day_of(known, 2)
    normalised(later, SAME_PHONE)
    with known.engine.begin() as connection:
        gone = entries.forget(connection, entries.condition_of(**chosen))
    assert gone == entries.Forgotten(entries=1, questions=1)
    [row] = normalised(later, SAME_PHONE)
    assert row["answered_by"] == "individual"
    assert count(known, partition_questions, partition_questions.c.state != "answered") == 0


def test_entries_leave_by_the_model_that_answered(known: PartitionWork) -> None:
    with known.engine.begin() as connection:
        [llm_model] = connection.execute(sa.select(cache_entries.c.llm_model)).scalars()
        assert llm_model
        other = entries.forget(connection, entries.condition_of(llm_model=f"{llm_model}-2"))
        gone = entries.forget(connection, entries.condition_of(llm_model=llm_model))
    assert (other.entries, gone.entries) == (0, 1)


def test_everything_is_not_invalidated_by_saying_nothing() -> None:
    with pytest.raises(ValueError, match="say which entries"):
        entries.condition_of()


# --- failures -------------------------------------------------------------------------


def breaking(work: PartitionWork, statement: str) -> PartitionWork:
    with work.engine.begin() as connection:
        connection.execute(sa.text(statement))
    return work


@pytest.mark.parametrize(
    "broken",
    [
        lambda work: configured(work, budget={"day_usd": 0.0004}),
        lambda work: configured(work, embedding={"model": "gpt-5-mini"}),
        lambda work: configured(work, embedding={"dimensions": 512}),
        lambda work: breaking(work, "drop table normalizer.embedded_texts cascade"),
    ],
    ids=["no money", "no embedding model", "another length", "no table"],
)
def test_a_lookup_that_fails_is_a_miss(
    known: PartitionWork, broken: Callable[[PartitionWork], PartitionWork]
) -> None:
    later = broken(day_of(known, 2))
    land(later)
    routed = pipeline.route(later, listings(later, SAME_PHONE))
    assert pipeline.submit(later, routed).alike == 0
    assert hits(known) == []
    collected = pipeline.collect(dataclasses.replace(later, config=known.config), routed)
    assert collected.chain.individual == 1


# --- the index ------------------------------------------------------------------------


@pytest.mark.parametrize("dimensions", [1536, 1400])
def test_lookups_use_the_index_by_similarity(work: PartitionWork, dimensions: int) -> None:
    with work.engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                insert into normalizer.cache_entries
                    (question_key, category_group, name, answer_contract, embedding_model,
                     text_hash, embedding)
                select 'n' || n, 'beverages', 'Jugo ' || n, 1, 'text-embedding-3-small',
                       md5(n::text)::uuid,
                       (array_fill(0, array[n]) || array[1]
                        || array_fill(0, array[1535 - n]))::halfvec
                from generate_series(1, 1399) n
                """
            )
        )
        vectors.resize(connection, dimensions)
        connection.execute(sa.text("analyze normalizer.cache_entries"))
        [text_hash] = connection.execute(
            sa.text("select text_hash from normalizer.cache_entries where question_key = 'n7'")
        ).scalars()
        values = {
            "keys": ["q"],
            "hashes": [str(text_hash)],
            "breadth": 100,
            "neighbours": 5,
            "farthest": 0.3,
            "contract": 1,
            "seconds": 9e6,
            "model": "text-embedding-3-small",
        }
        statement = semantic.nearest_statement(dimensions)
        plan = "\n".join(connection.execute(sa.text(f"explain {statement}"), values).scalars())
        [found] = connection.execute(statement, values)
    assert "Index Scan using cache_entries_by_similarity" in plan
    assert found[1] == "n7"
    assert found[6] == pytest.approx(1.0)
