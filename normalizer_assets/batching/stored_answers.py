"""Stored answers: what was bought, or decided by a person, and may be served again.

Belongs here: every read and write of ``answers`` and ``answer_sources``, and what decisions
mean for them. Does not belong here: the requests that bought them (``ledger``), who asks
(``questions``), making decisions (``review``).
"""

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from normalizer_assets.batching.partition import Partition
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import (
    answer_sources,
    answers,
    batch_requests,
    batches,
    partition_questions,
    partitions,
    product_rows,
    review_decisions,
    semantic_hits,
)

ANSWER_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "brand": pl.String,
    "model": pl.String,
    "attributes": pl.String,
    "normalized_name": pl.String,
    "category_suggestion": pl.String,
    "model_confidence": pl.Float64,
}
"""What an answer says; ``attributes`` is a JSON object."""

VERDICT: dict[str, pl.DataType | type[pl.DataType]] = {
    "confidence": pl.Float64,
    "status": pl.String,
    "reasons": pl.String,
}
"""What is said of an answer."""

newest_decisions = (
    sa.select(review_decisions)
    .ext(distinct_on(review_decisions.c.question_key))
    .order_by(review_decisions.c.question_key, review_decisions.c.decision_id.desc())
    .subquery("newest_decision")
)
"""Of several decisions about a question the newest counts."""


def known_questions(connection: sa.Connection, question_keys: Sequence[str]) -> set[str]:
    """Returns those of the questions that have a usable answer, a model's or a person's."""
    keys = sa.literal(list(question_keys), sa.ARRAY(sa.Text))
    bought = sa.select(answers.c.question_key).where(
        answers.c.question_key == sa.any_(keys), answers.c.status.is_distinct_from("rejected")
    )
    decided = sa.select(newest_decisions.c.question_key).where(
        newest_decisions.c.question_key == sa.any_(keys),
        newest_decisions.c.decision != "reject",
    )
    alike = sa.select(semantic_hits.c.question_key).where(
        semantic_hits.c.question_key == sa.any_(keys), semantic_hits.c.state == "served"
    )
    return set(connection.execute(sa.union(bought, decided, alike)).scalars())


def new_mini_answers(connection: sa.Connection, partition: Partition) -> list[str]:
    """Returns questions that mini answered for the partition, and full was not asked since.

    Only answers that no version of the partition rests on yet: what was judged once, and was
    left as it is, is left so when the partition is repeated.
    """
    rows = connection.execute(
        sa.text(
            """
            select distinct answer.question_key
            from normalizer.answers answer
            join normalizer.batch_requests request using (request_id)
            where (answer.retailer, answer.day) = (:retailer, :day) and request.tier = 'mini'
              and answer.status is distinct from 'rejected'
              and answer.answered_at > coalesce(
                  (select max(created_at) from normalizer.product_versions version
                   where (version.retailer, version.day) = (:retailer, :day)), '-infinity')
              and not exists (
                  select from normalizer.batch_requests again
                  where again.question_key = answer.question_key and again.tier = 'full'
                    and again.state <> 'not_executed' and again.planned_at > request.planned_at)
            """
        ),
        {"retailer": partition.retailer, "day": partition.day},
    )
    return list(rows.scalars())


def rejected_questions(connection: sa.Connection, question_keys: Sequence[str]) -> set[str]:
    """Returns those of the questions whose answer a person rejected last."""
    keys = sa.literal(list(question_keys), sa.ARRAY(sa.Text))
    rows = connection.execute(
        sa.select(newest_decisions.c.question_key).where(
            newest_decisions.c.question_key == sa.any_(keys),
            newest_decisions.c.decision == "reject",
        )
    )
    return set(rows.scalars())


DECISION_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "question_key": pl.String,
    "decision": pl.String,
    **{column: pl.String for column in ANSWER_SCHEMA if column != "model_confidence"},
}


def decisions_for(connection: sa.Connection, question_keys: Sequence[str]) -> pl.DataFrame:
    """Returns what people decided last about questions.

    Returns:
        Columns question_key, decision (accept, correct, reject), and the answer's fields,
        null where it was rejected.
    """
    keys = sa.literal(list(question_keys), sa.ARRAY(sa.Text))
    answer = newest_decisions.c.answer
    fields = [answer[name].astext for name in list(DECISION_SCHEMA)[2:]]
    rows = connection.execute(
        sa.select(newest_decisions.c.question_key, newest_decisions.c.decision, *fields).where(
            newest_decisions.c.question_key == sa.any_(keys)
        )
    )
    return pl.DataFrame([tuple(row) for row in rows], schema=DECISION_SCHEMA, orient="row")


def reject(connection: sa.Connection, question_keys: Sequence[str]) -> None:
    """Takes the stored answers of questions out of use: they are asked again."""
    connection.execute(
        sa.update(answers)
        .where(answers.c.question_key.in_(question_keys))
        .values(status="rejected")
    )
    # What a person rejects was no right hit.
    connection.execute(
        sa.update(semantic_hits)
        .where(semantic_hits.c.question_key.in_(question_keys), semantic_hits.c.state == "served")
        .values(state="disagreed", settled_at=sa.func.now())
    )


def answers_for(
    connection: sa.Connection, partition: Partition, question_keys: Sequence[str]
) -> pl.DataFrame:
    """Returns one stored answer a question: the partition's own, and of several the newest.

    Of others' answers that comes first on which the partition's newest version rests: what
    they pay for later, such as a second opinion, changes no partition that is repeated.

    A question without one has the answer to a like question, where the cache found one.

    Returns:
        Columns question_key, own (whether bought for this partition), alike (whether to
        another question), answered_by, llm_model, the answer's fields, status (null where not
        judged yet), prompt_version, asked_tier, cost_usd, batch_id, custom_id, asked_sku,
        answered_at, request_id (null where alike: the verdict on a row is none on another's
        answer).
    """
    direct = _answers_to(connection, partition, question_keys)
    left = set(question_keys) - set(direct["question_key"])
    hits = served_by_likeness(connection, sorted(left))
    if hits.is_empty():
        return direct
    entry_keys = hits["entry_key"].unique().to_list()
    # A person's answer to the like question is better than the one that was bought.
    decided = decisions_for(connection, entry_keys).filter(pl.col("decision") != "reject")
    found = hits.join(
        _answers_to(connection, partition, entry_keys).rename({"question_key": "entry_key"}),
        on="entry_key",
        how="left",
    ).join(
        decided.rename({"question_key": "entry_key"}), on="entry_key", how="left", suffix="_decided"
    )
    by_person = pl.col("decision").is_not_null()
    alike = found.filter(by_person | pl.col("answered_by").is_not_null()).with_columns(
        *(
            pl.when(by_person).then(f"{column}_decided").otherwise(column).alias(column)
            for column in decided.columns[2:]
        ),
        own=pl.lit(value=False),
        alike=pl.lit(value=True),
        # A known product has no answer that was bought.
        answered_by=pl.col("answered_by").fill_null("human"),
        # Nothing was bought for this row, whoever bought the answer.
        **{column: pl.lit(None, dtype=direct.schema[column]) for column in _OF_THE_REQUEST},
    )
    return pl.concat([direct, alike.select(direct.columns)])


def served_by_likeness(connection: sa.Connection, question_keys: Sequence[str]) -> pl.DataFrame:
    """Returns question_key and entry_key of questions that the answer to a like one serves."""
    rows = connection.execute(
        sa.select(semantic_hits.c.question_key, semantic_hits.c.entry_key).where(
            semantic_hits.c.question_key
            == sa.any_(sa.literal(list(question_keys), sa.ARRAY(sa.Text))),
            semantic_hits.c.state == "served",
        )
    )
    return pl.DataFrame(
        [tuple(row) for row in rows],
        schema={"question_key": pl.String, "entry_key": pl.String},
        orient="row",
    )


_OF_THE_REQUEST = ("status", "asked_tier", "batch_id", "custom_id", "asked_sku", "request_id")


def _answers_to(
    connection: sa.Connection, partition: Partition, question_keys: Sequence[str]
) -> pl.DataFrame:
    own = sa.and_(partition.of(answers))
    rests_on = (
        sa.select(product_rows.c.request_id)
        .distinct()
        .join(
            partitions,
            sa.and_(
                partition.of(partitions), partitions.c.newest_version == product_rows.c.version
            ),
        )
        .where(partition.of(product_rows), product_rows.c.request_id.is_not(None))
        .subquery("rests_on")
    )
    asks = sa.and_(
        partition.of(partition_questions),
        partition_questions.c.question_key == answers.c.question_key,
    )
    # What the partition asks again, or takes over from others, replaces its own old answer.
    counts = sa.func.coalesce(answers.c.answered_at > partition_questions.c.newer_than, sa.true())
    statement = (
        sa.select(
            answers.c.question_key,
            own.label("own"),
            sa.false().label("alike"),
            answers.c.answered_by,
            answers.c.llm_model,
            answers.c.brand,
            answers.c.model,
            answers.c.attributes.cast(sa.Text).label("attributes"),
            answers.c.normalized_name,
            answers.c.category_suggestion,
            answers.c.model_confidence,
            answers.c.status,
            batch_requests.c.prompt_version,
            batch_requests.c.tier.label("asked_tier"),
            batch_requests.c.cost_usd,
            batches.c.batch_id,
            batch_requests.c.custom_id,
            batch_requests.c.sku.label("asked_sku"),
            answers.c.request_id,
            answers.c.answered_at,
        )
        .ext(distinct_on(answers.c.question_key))
        .select_from(
            answers.join(batch_requests)
            .outerjoin(batches)
            .outerjoin(rests_on, rests_on.c.request_id == answers.c.request_id)
            .outerjoin(partition_questions, asks)
        )
        .where(
            answers.c.question_key == sa.any_(sa.literal(list(question_keys), sa.ARRAY(sa.Text))),
            sa.or_(own, answers.c.status.is_distinct_from("rejected")),
        )
        .order_by(
            answers.c.question_key,
            counts.desc(),
            own.desc(),
            sa.and_(~own, rests_on.c.request_id.is_not(None)).desc(),
            answers.c.answered_at.desc(),
            answers.c.request_id.desc(),
        )
    )
    rows = connection.execute(statement)
    return pl.DataFrame(
        [tuple(row) for row in rows],
        schema={
            "question_key": pl.String,
            "own": pl.Boolean,
            "alike": pl.Boolean,
            "answered_by": pl.String,
            "llm_model": pl.String,
            **ANSWER_SCHEMA,
            "status": pl.String,
            "prompt_version": pl.String,
            "asked_tier": pl.String,
            "cost_usd": pl.Decimal(18, 9),
            "batch_id": pl.String,
            "custom_id": pl.String,
            "asked_sku": pl.String,
            "request_id": pl.Int64,
            "answered_at": pl.Datetime(time_zone="UTC"),
        },
        orient="row",
    )


def prompts_of(
    connection: sa.Connection, question_keys: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Returns question, model and prompt version of every usable answer that was bought."""
    rows = connection.execute(
        sa.select(answers.c.question_key, answers.c.llm_model, batch_requests.c.prompt_version)
        .select_from(answers.join(batch_requests))
        .where(
            answers.c.question_key == sa.any_(sa.literal(list(question_keys), sa.ARRAY(sa.Text))),
            answers.c.status.is_distinct_from("rejected"),
            batch_requests.c.prompt_version.is_not(None),
        )
        .distinct()
    )
    return [tuple(row) for row in rows]


def said_of(
    connection: sa.Connection, partition: Partition, question_keys: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Returns the usable answer to each question, a person's before one that was bought.

    Returns:
        Question key -> brand, model, attributes (dict), normalized_name.
    """
    decided = decisions_for(connection, question_keys).filter(pl.col("decision") != "reject")
    said: dict[str, dict[str, Any]] = {}
    for answers_ in (_answers_to(connection, partition, question_keys), decided):
        for row in answers_.iter_rows(named=True):
            attributes = json.loads(row["attributes"] or "{}")
            said[row["question_key"]] = {
                "brand": row["brand"],
                "model": row["model"],
                "attributes": attributes,
                "normalized_name": row["normalized_name"],
            }
    return said


def settle_verdicts(
    connection: sa.Connection, products: pl.DataFrame, yardstick: str
) -> pl.DataFrame:
    """Gives every row the verdict on its answer: that of whoever judged it first.

    A verdict depends on the listing's price too, and listings of one question may differ
    in it. Each judged by its own, a partition that is served by another's answer had
    another verdict before that one was judged than after: materialising it again made a
    new version of an unchanged partition.

    Args:
        connection: In a transaction.
        products: As ``publishing.products.build_products`` returns them.
        yardstick: What they were judged with; a verdict of another one is replaced.

    Returns:
        ``products`` with confidence, status and reasons as they are stored now. Rows
        without a ``request_id`` are as they were.
    """
    judged = products.filter(pl.col("request_id").is_not_null()).unique(
        "request_id", keep="first", maintain_order=True
    )
    bulk.stage(connection, "verdicts", judged.select("request_id", *VERDICT))
    of_verdicts = answers.c.request_id.in_(sa.text("select request_id from verdicts"))
    # In one order, so that two partitions with the same questions cannot deadlock.
    connection.execute(
        sa.select(answers.c.request_id)
        .where(of_verdicts)
        .order_by(answers.c.request_id)
        .with_for_update()
    )
    connection.execute(
        sa.text(
            """
            update normalizer.answers set
                confidence = verdicts.confidence, status = verdicts.status,
                reasons = verdicts.reasons, judged_with = :yardstick
            from verdicts
            where answers.request_id = verdicts.request_id
                and answers.status is distinct from 'rejected'
                and answers.judged_with is distinct from :yardstick
            """
        ),
        {"yardstick": yardstick},
    )
    stored = connection.execute(
        sa.select(answers.c.request_id, *(answers.c[column] for column in VERDICT)).where(
            of_verdicts, answers.c.status != "rejected"
        )
    )
    return products.update(
        pl.DataFrame(
            [tuple(row) for row in stored],
            schema={"request_id": pl.Int64, **VERDICT},
            orient="row",
        ),
        on="request_id",
    )


def bind_answer_source(engine: sa.Engine, source: str) -> None:
    """Ties the database to the one kind of server that answers into it.

    A stored answer is served again whenever its question returns. Answers of the
    stand-in, which come from our own rules, must never be served to somebody who pays
    for a language model, nor the other way round.

    Raises:
        ValueError: The database holds answers of another source.
    """
    with engine.begin() as connection:
        # Two first uses at once would otherwise both find the table empty.
        connection.execute(sa.text("lock normalizer.answer_sources in exclusive mode"))
        connection.execute(
            sa.text(
                """
                insert into normalizer.answer_sources (source)
                select :source where not exists (select from normalizer.answer_sources)
                """
            ),
            {"source": source},
        )
        bound = connection.execute(sa.select(answer_sources.c.source)).scalar_one()
    if bound != source:
        raise ValueError(
            f"this database holds answers of {bound!r}, and OPENAI_BASE_URL leads to "
            f"{source!r}; their answers must not mix: point NORMALIZER_DATABASE_URL at "
            f"another database, or NORMALIZER__PATHS__DATA at another folder"
        )
