"""The ledger: what was asked, its state, its answer, its cost.

Belongs here: every read and write of ``partition_questions``, ``batches``,
``batch_requests`` and ``answers``. Does not belong here: calling the API
(``submission``, ``polling``, ``harvest``, ``answers.chain``), partition states (``life``).

A paid request has a row here before it leaves, and its raw reply is stored before it is
parsed for use (DESIGN.md, "Paying").
"""

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.shards import Shard
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import (
    TERMINAL_BATCH_STATES,
    Step,
    answer_sources,
    answers,
    batch_requests,
    batches,
    partition_questions,
)

SETTLED_TYPES = {
    "custom_id": "text",
    "state": "text",
    "reason": "text",
    "raw": "text",
    "input_tokens": "integer",
    "cached_tokens": "integer",
    "output_tokens": "integer",
    "reasoning_tokens": "integer",
    "cost_usd": "numeric",
    "llm_model": "text",
    "brand": "text",
    "model": "text",
    "attributes": "jsonb",
    "normalized_name": "text",
    "category_suggestion": "text",
    "model_confidence": "double precision",
}
"""A settled request, with its answer's fields where the state is ``ok``."""

ANSWER_FIELDS = (
    "brand",
    "model",
    "attributes",
    "normalized_name",
    "category_suggestion",
    "model_confidence",
)


def body_hash(body: str) -> str:
    """Identifies one request for crash recovery, nothing else."""
    return hashlib.sha256(body.encode()).hexdigest()


# --- questions ----------------------------------------------------------------------


def questions_of(connection: sa.Connection, partition: Partition) -> pl.DataFrame:
    """Returns what the partition asked: question_key, state (open, answered, rules)."""
    rows = connection.execute(
        sa.select(partition_questions.c.question_key, partition_questions.c.state).where(
            partition.of(partition_questions)
        )
    )
    return pl.DataFrame(
        [tuple(row) for row in rows],
        schema={"question_key": pl.String, "state": pl.String},
        orient="row",
    )


def known_questions(connection: sa.Connection, question_keys: Sequence[str]) -> set[str]:
    """Returns those of the questions that have a usable answer, whoever bought it."""
    rows = connection.execute(
        sa.select(answers.c.question_key)
        .distinct()
        .where(
            answers.c.question_key == sa.any_(sa.literal(list(question_keys), sa.ARRAY(sa.Text))),
            answers.c.status.is_distinct_from("rejected"),
        )
    )
    return set(rows.scalars())


def open_questions(
    connection: sa.Connection, partition: Partition, question_keys: pl.Series
) -> None:
    """Records that the partition asks these questions."""
    bulk.insert(
        connection,
        partition_questions,
        pl.DataFrame({"question_key": question_keys}).with_columns(
            retailer=pl.lit(partition.retailer), day=pl.lit(partition.day), state=pl.lit("open")
        ),
    )


def close_questions(
    connection: sa.Connection, partition: Partition, question_keys: Sequence[str], state: str
) -> None:
    """Records how the partition's questions ended: ``answered`` or ``rules``."""
    connection.execute(
        sa.update(partition_questions)
        .where(
            partition.of(partition_questions),
            partition_questions.c.question_key.in_(question_keys),
        )
        .values(state=state)
    )


def unsent_questions(connection: sa.Connection, partition: Partition) -> set[str]:
    """Returns open questions of the partition that no living request asks."""
    asked = (
        sa.select(sa.literal(1))
        .where(
            partition.of(batch_requests),
            batch_requests.c.question_key == partition_questions.c.question_key,
            batch_requests.c.step == "batch",
            batch_requests.c.state != "not_executed",
        )
        .exists()
    )
    rows = connection.execute(
        sa.select(partition_questions.c.question_key).where(
            partition.of(partition_questions), partition_questions.c.state == "open", ~asked
        )
    )
    return set(rows.scalars())


# --- batches ------------------------------------------------------------------------


def plan_batch(
    connection: sa.Connection,
    partition: Partition,
    shard: Shard,
    file_name: str,
) -> None:
    """Writes a batch and its requests before anything leaves.

    ``shard.requests`` has the columns custom_id, sku, question_key, tier, llm_model,
    prompt_version, body and estimated_usd.
    """
    connection.execute(
        sa.insert(batches).values(
            shard_hash=shard.shard_hash,
            llm_model=shard.llm_model,
            state="planned",
            file_name=file_name,
            line_count=shard.requests.height,
            byte_count=len(shard.content),
            estimated_usd=shard.requests["estimated_usd"].sum(),
            # now() is the same for all batches of a transaction, which then have no order.
            planned_at=sa.func.clock_timestamp(),
        )
    )
    bulk.insert(
        connection,
        batch_requests,
        shard.requests.select(
            "custom_id",
            "sku",
            "question_key",
            "tier",
            "llm_model",
            "prompt_version",
            "estimated_usd",
            pl.lit(shard.shard_hash).alias("shard_hash"),
            pl.lit(partition.retailer).alias("retailer"),
            pl.lit(partition.day).alias("day"),
            pl.lit("batch").alias("step"),
            pl.lit("planned").alias("state"),
            pl.Series("body_hash", [body_hash(body) for body in shard.requests["body"]]),
        ),
    )


def batches_of(
    connection: sa.Connection, partition: Partition, *conditions: sa.ColumnElement[bool]
) -> Sequence[sa.Row[Any]]:
    """Returns the batches that carry requests of the partition, in order of planning."""
    carries = (
        sa.select(sa.literal(1))
        .where(
            batch_requests.c.shard_hash == batches.c.shard_hash,
            partition.of(batch_requests),
        )
        .exists()
    )
    return connection.execute(
        sa.select(batches).where(carries, *conditions).order_by(batches.c.planned_at)
    ).all()


def unsent_batches(connection: sa.Connection, partition: Partition) -> Sequence[sa.Row[Any]]:
    """Returns the partition's batches that the API has not confirmed yet."""
    return batches_of(connection, partition, batches.c.batch_id.is_(None))


def open_batches(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Returns all batches that exist and are not terminal."""
    return connection.execute(
        sa.select(batches).where(
            batches.c.batch_id.is_not(None), batches.c.state.not_in(TERMINAL_BATCH_STATES)
        )
    ).all()


def batches_under_way(connection: sa.Connection, partition: Partition) -> Sequence[sa.Row[Any]]:
    """Returns the partition's batches that are planned or not terminal."""
    return batches_of(connection, partition, batches.c.state.not_in(TERMINAL_BATCH_STATES))


def custom_ids_of(connection: sa.Connection, shard_hash: str) -> set[str]:
    """Returns the custom ids of a batch."""
    rows = connection.execute(
        sa.select(batch_requests.c.custom_id).where(batch_requests.c.shard_hash == shard_hash)
    )
    return set(rows.scalars())


def partitions_in(connection: sa.Connection, shard_hash: str) -> list[Partition]:
    """Returns the partitions that have requests in a batch."""
    rows = connection.execute(
        sa.select(batch_requests.c.day, batch_requests.c.retailer)
        .distinct()
        .where(batch_requests.c.shard_hash == shard_hash)
    )
    return sorted(Partition(day, retailer) for day, retailer in rows)


def record_batch(connection: sa.Connection, shard_hash: str, **values: object) -> None:
    """Updates columns of one batch."""
    connection.execute(
        sa.update(batches).where(batches.c.shard_hash == shard_hash).values(**values)
    )


def record_created(connection: sa.Connection, shard_hash: str, batch_id: str) -> None:
    """Records that the batch exists; all its requests have left.

    Its state is the first one, whatever it is by now: an adopted batch may be finished, and
    only a look (``polling``) records a terminal state together with its files.
    """
    record_batch(
        connection,
        shard_hash,
        batch_id=batch_id,
        state="validating",
        submitted_at=sa.func.now(),
    )
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.shard_hash == shard_hash, batch_requests.c.state == "planned")
        .values(state="sent", attempts=1)
    )


def settle_batch(
    connection: sa.Connection, shard_hash: str, settled: pl.DataFrame, missing_state: str
) -> None:
    """Gives every request of a batch its one final state, and stores the answers.

    Args:
        connection: In a transaction that holds the batch's lock.
        shard_hash: The batch.
        settled: Columns of ``SETTLED_TYPES``, one row a custom id of the batch.
        missing_state: What becomes of requests that ``settled`` does not name.
    """
    bulk.stage(connection, "settled", settled, SETTLED_TYPES)
    connection.execute(
        sa.text(
            """
            update normalizer.batch_requests request set
                state = settled.state, reason = settled.reason, raw = settled.raw,
                input_tokens = settled.input_tokens, cached_tokens = settled.cached_tokens,
                output_tokens = settled.output_tokens,
                reasoning_tokens = settled.reasoning_tokens,
                cost_usd = settled.cost_usd,
                llm_model = coalesce(settled.llm_model, request.llm_model),
                settled_at = now()
            from settled
            where request.shard_hash = :shard_hash and request.custom_id = settled.custom_id
            """
        ),
        {"shard_hash": shard_hash},
    )
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.shard_hash == shard_hash, batch_requests.c.settled_at.is_(None))
        .values(state=missing_state, settled_at=sa.func.now(), cost_usd=0)
    )
    fields = ", ".join(ANSWER_FIELDS)
    connection.execute(
        sa.text(
            f"""
            insert into normalizer.answers
                (request_id, question_key, retailer, day, answered_by, llm_model, {fields})
            select request.request_id, request.question_key, request.retailer, request.day,
                   request.step, request.llm_model,
                   {", ".join(f"settled.{field}" for field in ANSWER_FIELDS)}
            from normalizer.batch_requests request
            join settled using (custom_id)
            where request.shard_hash = :shard_hash and request.state = 'ok'
            """
        ),
        {"shard_hash": shard_hash},
    )
    connection.execute(
        sa.text(
            """
            update normalizer.partition_questions question set state = 'answered'
            from normalizer.batch_requests request
            where request.shard_hash = :shard_hash and request.state = 'ok'
              and (question.retailer, question.day, question.question_key)
                = (request.retailer, request.day, request.question_key)
            """
        ),
        {"shard_hash": shard_hash},
    )


# --- single requests ----------------------------------------------------------------


def plan_request(
    connection: sa.Connection,
    partition: Partition,
    step: Step,
    values: dict[str, Any],
) -> int:
    """Writes one synchronous request before it leaves, and returns its id.

    Args:
        connection: Committed by the caller before the request is sent.
        partition: Whose request.
        step: ``individual``, ``legacy`` or ``embedding``.
        values: custom_id, llm_model, body_hash, estimated_usd and what else is known.
    """
    request_id: int = connection.execute(
        sa.insert(batch_requests)
        .values(
            retailer=partition.retailer,
            day=partition.day,
            step=step,
            state="sent",
            attempts=1,
            **values,
        )
        .returning(batch_requests.c.request_id)
    ).scalar_one()
    return request_id


def settle_request(connection: sa.Connection, request_id: int, values: dict[str, Any]) -> None:
    """Records the end of a synchronous request: state, reason, raw, tokens, cost."""
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.request_id == request_id)
        .values(settled_at=sa.func.now(), **values)
    )


def store_answer(
    connection: sa.Connection, partition: Partition, request_id: int, answer: dict[str, Any]
) -> None:
    """Stores a synchronous request's answer and closes its question."""
    connection.execute(
        sa.insert(answers).values(
            request_id=request_id, retailer=partition.retailer, day=partition.day, **answer
        )
    )
    close_questions(connection, partition, [answer["question_key"]], "answered")


def abandoned_requests(connection: sa.Connection, partition: Partition) -> int:
    """Marks synchronous requests whose caller died; returns how many there were.

    Their reply is lost and cannot be looked up, so they may have been billed: their cost
    is counted as the estimate, which is a bound.
    """
    result = connection.execute(
        sa.update(batch_requests)
        .where(
            partition.of(batch_requests),
            batch_requests.c.step != "batch",
            batch_requests.c.state == "sent",
        )
        .values(
            state="outcome_unknown",
            reason="the process died before the reply was stored",
            cost_usd=batch_requests.c.estimated_usd,
            settled_at=sa.func.now(),
        )
    )
    return result.rowcount


def tries(connection: sa.Connection, partition: Partition) -> dict[tuple[str, str], list[str]]:
    """Returns the states of settled synchronous requests by (question key, step)."""
    rows = connection.execute(
        sa.select(
            batch_requests.c.question_key,
            batch_requests.c.step,
            sa.func.array_agg(batch_requests.c.state),
        )
        .where(
            partition.of(batch_requests),
            batch_requests.c.step.in_(("individual", "legacy")),
            batch_requests.c.state != "not_executed",
        )
        .group_by(batch_requests.c.question_key, batch_requests.c.step)
    )
    return {(key, step): states for key, step, states in rows}


# --- reading answers ------------------------------------------------------------------


def answers_for(
    connection: sa.Connection, partition: Partition, question_keys: Sequence[str]
) -> pl.DataFrame:
    """Returns one stored answer a question: the partition's own, else the oldest.

    Returns:
        Columns question_key, own (whether bought for this partition), answered_by,
        llm_model, the answer's fields, confidence, status, reasons (null where not judged
        yet), prompt_version, cost_usd, batch_id, custom_id, sku, request_id.
    """
    own = sa.and_(partition.of(answers))
    statement = (
        sa.select(
            answers.c.question_key,
            own.label("own"),
            answers.c.answered_by,
            answers.c.llm_model,
            answers.c.brand,
            answers.c.model,
            answers.c.attributes.cast(sa.Text).label("attributes"),
            answers.c.normalized_name,
            answers.c.category_suggestion,
            answers.c.model_confidence,
            answers.c.confidence,
            answers.c.status,
            answers.c.reasons,
            batch_requests.c.prompt_version,
            batch_requests.c.cost_usd,
            batches.c.batch_id,
            batch_requests.c.custom_id,
            batch_requests.c.sku.label("asked_sku"),
            answers.c.request_id,
        )
        .ext(distinct_on(answers.c.question_key))
        .select_from(answers.join(batch_requests).outerjoin(batches))
        .where(
            answers.c.question_key == sa.any_(sa.literal(list(question_keys), sa.ARRAY(sa.Text))),
            sa.or_(own, answers.c.status.is_distinct_from("rejected")),
        )
        .order_by(answers.c.question_key, own.desc(), answers.c.answered_at)
    )
    rows = connection.execute(statement)
    return pl.DataFrame(
        [tuple(row) for row in rows],
        schema={
            "question_key": pl.String,
            "own": pl.Boolean,
            "answered_by": pl.String,
            "llm_model": pl.String,
            "brand": pl.String,
            "model": pl.String,
            "attributes": pl.String,
            "normalized_name": pl.String,
            "category_suggestion": pl.String,
            "model_confidence": pl.Float64,
            "confidence": pl.Float64,
            "status": pl.String,
            "reasons": pl.String,
            "prompt_version": pl.String,
            "cost_usd": pl.Decimal(18, 9),
            "batch_id": pl.String,
            "custom_id": pl.String,
            "asked_sku": pl.String,
            "request_id": pl.Int64,
        },
        orient="row",
    )


def record_verdicts(connection: sa.Connection, verdicts: pl.DataFrame) -> None:
    """Stores the verdict on answers, so that a replay has it too.

    Args:
        connection: In a transaction.
        verdicts: Columns request_id, confidence, status, reasons.
    """
    bulk.stage(
        connection,
        "verdicts",
        verdicts.select("request_id", "confidence", "status", "reasons"),
        {
            "request_id": "bigint",
            "confidence": "double precision",
            "status": "text",
            "reasons": "text",
        },
    )
    connection.execute(
        sa.text(
            """
            update normalizer.answers set
                confidence = verdicts.confidence, status = verdicts.status,
                reasons = verdicts.reasons
            from verdicts where answers.request_id = verdicts.request_id
            """
        )
    )


def records_of(connection: sa.Connection, partition: Partition) -> pl.DataFrame:
    """Returns every request of the partition with its state, in the order of asking."""
    rows = connection.execute(
        sa.select(
            batch_requests.c.custom_id,
            batch_requests.c.sku,
            batch_requests.c.question_key,
            batch_requests.c.step,
            batch_requests.c.llm_model,
            batch_requests.c.state,
            batch_requests.c.reason,
            batch_requests.c.raw,
        )
        .where(partition.of(batch_requests), batch_requests.c.step != "embedding")
        .order_by(batch_requests.c.request_id)
    )
    columns = ("custom_id", "sku", "question_key", "step", "llm_model", "state", "reason", "raw")
    return pl.DataFrame(
        [tuple(row) for row in rows], schema=dict.fromkeys(columns, pl.String), orient="row"
    )


def cost_of(connection: sa.Connection, partition: Partition) -> Decimal:
    """Returns what the partition has cost so far, in USD."""
    cost: Decimal = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(batch_requests.c.cost_usd), 0)).where(
            partition.of(batch_requests)
        )
    ).scalar_one()
    return cost


# --- whose answers these are ----------------------------------------------------------


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
