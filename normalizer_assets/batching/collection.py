"""Collecting a partition: look, harvest, and end every question that is left.

Belongs here: the order of these steps and what a partition waits for. Does not belong
here: each step (``polling``, ``harvest``, ``chain``).
"""

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from normalizer_assets.answers.parsing import error_record
from normalizer_assets.batching import ledger, life
from normalizer_assets.batching.chain import ChainResult, Progress, answer_open_questions
from normalizer_assets.batching.harvest import Harvest, harvest_due, json_text
from normalizer_assets.batching.polling import poll
from normalizer_assets.batching.submission import pending_summary
from normalizer_assets.batching.work import PartitionWork


class NotReady(Exception):  # noqa: N818 - no error: the partition waits
    """A batch of the partition is still under way; the message says which."""


class BatchFailedError(RuntimeError):
    """The API refused a whole batch; the message is the API's reason, and what to do."""


@dataclass(frozen=True)
class Collected:
    """What collecting a partition gave.

    Attributes:
        records: One row a request: custom_id, sku, question_key, step, llm_model, state,
            reason, record (the reply as it came, or for a request without a usable answer
            ``{"error": ..., "confidence": 0.0, "_custom_id": ...}``).
        harvests: Batches harvested now.
        chain: Questions ended by the chain now.
        cost_usd: What the partition has cost so far.
    """

    records: pl.DataFrame
    harvests: list[Harvest]
    chain: ChainResult
    cost_usd: Decimal


def collect(
    work: PartitionWork, routed: pl.DataFrame, progress: Progress | None = None
) -> Collected:
    """Harvests the partition's terminal batches and ends its open questions.

    Args:
        work: The partition.
        routed: The routed_products frame.
        progress: Called with (questions ended, questions in all) during the chain.

    Raises:
        NotReady: A batch is still under way; the partition is waiting again.
        BatchFailedError: The API refused a batch; its requests were never executed, and
            materialising the partition again sends them anew.
    """
    with work.engine.begin() as connection:
        life.enter(connection, work.partition, "collecting")
        under_way = ledger.batches_under_way(connection, work.partition)
    if under_way:
        poll(work.engine, work.client)
    harvests = harvest_due(work)
    failed = [harvest for harvest in harvests if harvest.state == "failed"]
    if failed:
        reason = "; ".join(f"{harvest.batch_id}: {harvest.errors}" for harvest in failed)
        message = (
            f"the API refused {len(failed)} batch(es): {reason}; nothing of them was executed "
            f"or billed: correct the cause and materialise the partition again"
        )
        life.fail(work.engine, work.partition, message)
        raise BatchFailedError(message)
    with work.engine.begin() as connection:
        waiting_for = pending_summary(connection, work.partition)
        if waiting_for:
            unsent = ledger.unsent_batches(connection, work.partition)
            life.enter(connection, work.partition, "submitted" if unsent else "waiting")
        questions = ledger.questions_of(connection, work.partition)
        never_sent = ledger.unsent_questions(connection, work.partition)
    if waiting_for:
        # Raised outside of the transaction, which it would take back.
        raise NotReady(waiting_for)
    open_keys = questions.filter(pl.col("state") == "open")["question_key"]
    left = routed.filter(pl.col("question_key").is_in(open_keys.to_list())).unique(
        "question_key", keep="first", maintain_order=True
    )
    _refuse_single_calls_for_a_batch(work, never_sent.intersection(left["question_key"]))
    ended = answer_open_questions(work, left, progress) if left.height else ChainResult()
    with work.engine.connect() as connection:
        records = ledger.records_of(connection, work.partition)
        cost = ledger.cost_of(connection, work.partition)
    return Collected(_with_error_records(records), harvests, ended, cost)


def _refuse_single_calls_for_a_batch(work: PartitionWork, never_sent: set[str]) -> None:
    """Fails the partition where questions are left that only a batch may ask.

    They are those of a refused batch, collected again before it was planned anew: asked
    one by one they would cost twice as much and take hours.
    """
    if len(never_sent) > work.config.batching.min_products:
        message = (
            f"{len(never_sent)} questions were never sent, too many for individual calls: "
            f"materialise the partition again, from raw_products on"
        )
        life.fail(work.engine, work.partition, message)
        raise BatchFailedError(message)


def _with_error_records(requests: pl.DataFrame) -> pl.DataFrame:
    """Puts the error record in the place of replies that cannot be used."""
    records = [
        raw if state == "ok" else json_text(error_record(custom_id, reason or state))
        for custom_id, state, reason, raw in requests.select(
            "custom_id", "state", "reason", "raw"
        ).iter_rows()
    ]
    return requests.drop("raw").with_columns(pl.Series("record", records, dtype=pl.String))
