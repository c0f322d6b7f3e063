"""Decisions of people about answers.

Belongs here: writing them, what they set in motion, how often models agree with them, and
the labels that they make. Does not belong here: which rows wait (``queue``), how a decision
changes a row (``publishing.products``).

A decision belongs to the question: it counts for every listing, shop and day that asks it
(DESIGN.md, "A partition's life").
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from normalizer_assets.answers.schemas import UnusableAnswer, normalise
from normalizer_assets.batching import life, stored_answers
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.stored_answers import newest_decisions
from normalizer_assets.cache import entries
from normalizer_assets.db.tables import Decision, review_decisions
from normalizer_assets.review.queue import ReviewError, Waiting


@dataclass(frozen=True)
class Verdict:
    """What a person says of one question.

    Attributes:
        about: The question, as it was shown.
        decision: accept, correct or reject.
        answer: The right answer, where it was corrected.
        note: Why, in the person's words.
    """

    about: Waiting
    decision: Decision
    answer: dict[str, Any] | None = None
    note: str | None = None


def corrected(
    about: Waiting, changes: dict[str, Any], attributes: dict[str, str | None]
) -> dict[str, Any]:
    """Returns the answer that is shown, with a person's changes, in canonical values.

    Args:
        about: The question.
        changes: brand, model or normalized_name -> new value, empty for none.
        attributes: Attribute -> new value, ``None`` to remove it.

    Raises:
        ReviewError: A value cannot be one, or nothing is changed.
    """
    shown = about.answer()
    _check(changes | attributes)
    pairs = {
        name: value
        for name, value in (shown["attributes"] | attributes).items()
        if value is not None
    }
    given = shown | {name: value or None for name, value in changes.items()} | {"attributes": pairs}
    try:
        answer = normalise({name: given[name] for name in ("brand", "model", "attributes")})
    except UnusableAnswer as error:
        raise ReviewError(str(error)) from None
    result = given | {"brand": answer.brand, "model": answer.model, "attributes": answer.attributes}
    if result == shown:
        raise ReviewError("nothing is changed; if the answer is right as it is, accept it")
    if "normalized_name" not in changes:
        # It was composed of the old values: the next version composes it anew.
        result["normalized_name"] = None
    return result


LONGEST_VALUE = 200
_WRITTEN = {
    "volume_ml": (r"[0-9]+(?:\.[0-9]+)?", "digits, of one unit, such as 1500"),
    "weight_g": (r"[0-9]+(?:\.[0-9]+)?", "digits, of one unit, such as 500"),
    "pack_count": (r"[0-9]+", "digits, such as 6"),
}
"""Attributes that other parts reckon with -> pattern, and how to write them."""


def _check(values: Mapping[str, str | None]) -> None:
    """Refuses what no answer may say.

    Raises:
        ReviewError: A value is too long, or no number where one belongs.
    """
    for name, value in values.items():
        if value is None:
            continue
        if len(value) > LONGEST_VALUE:
            raise ReviewError(f"{name} has {len(value)} signs; at most {LONGEST_VALUE}")
        pattern, how = _WRITTEN.get(name, ("", ""))
        if pattern and not re.fullmatch(pattern, value.strip()):
            raise ReviewError(f"{name}={value} is no number; write {how}")


def decide(engine: sa.Engine, verdicts: Sequence[Verdict]) -> list[Partition]:
    """Writes decisions in one transaction.

    Returns:
        The held partitions that are collected again because of them.
    """
    keys = [verdict.about.question_key for verdict in verdicts]
    with engine.begin() as connection:
        for verdict in verdicts:
            connection.execute(sa.insert(review_decisions).values(_row(verdict)))
        rejected, corrected = (
            [one.about.question_key for one in verdicts if one.decision == decision]
            for decision in ("reject", "correct")
        )
        stored_answers.reject(connection, rejected)
        entries.heed_decisions(connection, rejected, corrected)
        return life.make_due(connection, keys)


def _row(verdict: Verdict) -> dict[str, Any]:
    about = verdict.about
    judged = about.answer() | {"status": about.row["status"], "evidence": about.row["evidence"]}
    answers = {"accept": about.answer(), "correct": verdict.answer, "reject": None}
    return {
        "question_key": about.question_key,
        "decision": verdict.decision,
        "answer": answers[verdict.decision],
        "note": verdict.note,
        "listing": about.listing(),
        "judged": judged,
        "answered_by": about.row["answered_by"],
        "llm_model": about.row["llm_model"],
        "confidence": about.row["confidence"],
    }


def agreement(connection: sa.Connection) -> list[dict[str, Any]]:
    """Counts for each model how often people accepted what it answered.

    Rows that were in review are the doubtful ones; what a model is worth is seen on accepted
    rows that were drawn by chance (``Filters.sample``), so the two are counted apart.

    Returns:
        ``llm_model`` ("rules" where none answered), ``status`` at the decision, ``decided``,
        ``accepted``, ``corrected``, ``rejected``, ``agreement`` (0..1).
    """
    model = sa.func.coalesce(newest_decisions.c.llm_model, "rules")
    status = newest_decisions.c.judged["status"].astext
    counted = {
        word: sa.func.count().filter(newest_decisions.c.decision == decision)
        for word, decision in (
            ("accepted", "accept"), ("corrected", "correct"), ("rejected", "reject"),
        )
    }  # fmt: skip
    rows = connection.execute(
        sa.select(
            model.label("llm_model"),
            status.label("status"),
            sa.func.count().label("decided"),
            *(column.label(word) for word, column in counted.items()),
        )
        .where(newest_decisions.c.answered_by != "human")
        .group_by(model, status)
        .order_by(model, status)
    )
    return [dict(row) | {"agreement": row["accepted"] / row["decided"]} for row in rows.mappings()]


def labels(connection: sa.Connection) -> Iterator[str]:
    """Returns decisions as lines of a labelled set (evaluation/labels/README.md).

    A rejected answer has no right one, so it labels nothing.
    """
    rows = connection.execute(
        sa.select(newest_decisions)
        .where(newest_decisions.c.decision != "reject")
        .order_by(newest_decisions.c.decision_id)
    )
    for row in rows:
        listing, judged = row.listing, row.judged
        answer = {field: judged[field] for field in ("brand", "model", "attributes")}
        line = {
            "sku": listing["sku"],
            "retailer": listing["retailer"],
            "name": listing["name"],
            "brand": listing["listing_brand"],
            "category": listing["category"],
            "price": listing["price"],
            "gold": {field: row.answer[field] for field in ("brand", "model", "attributes")},
            "answers": [{"llm_model": row.llm_model or "rules", "answer": answer}],
        }
        yield json.dumps(line, ensure_ascii=False)
