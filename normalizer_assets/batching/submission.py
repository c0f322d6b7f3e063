"""From open questions to created batches: plan first, then send, then return.

Belongs here: what a submission plans, in which order it leaves, and finding a batch again
after a crash. Does not belong here: waiting (``polling``), results (``harvest``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa
from upath import UPath

from normalizer_assets.batching import ledger, life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.shards import cut_shards
from normalizer_assets.batching.work import PartitionWork

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch

SHARD_METADATA = "normalizer_shard"
"""Key of the batch's metadata under which its shard hash is found again."""


@dataclass(frozen=True)
class Plan:
    """What a submission wrote to the ledger.

    Attributes:
        asked: Questions the partition asks that it had not asked before.
        in_batches: Requests planned in batches.
        individually: Questions left for individual calls.
        estimated_usd: Estimate of the planned batches.
    """

    asked: int
    in_batches: int
    individually: int
    estimated_usd: Decimal


def plan(work: PartitionWork, requests: pl.DataFrame, individual_usd: Decimal) -> Plan:
    """Writes questions, batches and requests to the ledger in one transaction.

    Asking again is harmless: a question that the partition already asked is left out,
    unless its batch was never executed.

    Args:
        work: The partition; its config says up to how many questions go individually.
        requests: One row a question that has no stored answer, with the columns of
            ``requests.REQUEST_SCHEMA``.
        individual_usd: What asking every listing individually at full would cost; kept to
            tell later what was saved.

    Returns:
        Counts and estimate.
    """
    partition, limits = work.partition, work.config.batching
    with work.engine.begin() as connection:
        already = ledger.questions_of(connection, partition)
        new = requests.join(already, on="question_key", how="anti")
        ledger.open_questions(connection, partition, new["question_key"])
        unsent = ledger.unsent_questions(connection, partition)
        pending = requests.filter(pl.col("question_key").is_in(list(unsent)))
        planned: list[pl.DataFrame] = []
        if pending.height > limits.min_products:
            moment = datetime.now(UTC)
            number = len(ledger.batches_of(connection, partition))
            for shard in cut_shards(pending, limits, salt=f"{partition.key}#{number}"):
                name = shard.file_name(moment)
                # The file first: a ledger row whose file is missing could never be sent,
                # a file without a row is only a few bytes too many.
                _write(work.storage / "requests" / name, shard.content)
                ledger.plan_batch(connection, partition, shard, name)
                planned.append(shard.requests)
        life.enter(connection, partition, "submitted")
        life.record_individual_cost(connection, partition, individual_usd)
    lines = pl.concat(planned) if planned else pending.clear()
    return Plan(
        asked=new.height,
        in_batches=lines.height,
        individually=pending.height - lines.height,
        estimated_usd=Decimal(lines["estimated_usd"].sum() or 0),
    )


def send(work: PartitionWork) -> list[str]:
    """Uploads and creates every planned batch of the partition.

    A batch that a dead process created, but did not record, is found by its metadata and
    adopted instead of bought twice.

    Returns:
        Ids of the batches that are now known, in order.

    Raises:
        openai.OpenAIError: The API refused or could not be reached; the rest stays
            planned, and sending again goes on where it stopped.
    """
    with work.engine.connect() as connection:
        unsent = ledger.unsent_batches(connection, work.partition)
    # Without an uploaded file no create can have left.
    in_doubt = {row.shard_hash for row in unsent if row.input_file_id is not None}
    adoptable = _existing(work.client, in_doubt) if in_doubt else {}
    created = []
    for row in unsent:
        batch = adoptable.get(row.shard_hash) or _create(work, row)
        with work.engine.begin() as connection:
            ledger.record_created(connection, row.shard_hash, batch.id)
        created.append(batch.id)
    with work.engine.begin() as connection:
        life.enter(connection, work.partition, "waiting")
    return created


def _create(work: PartitionWork, row: sa.Row[Any]) -> "Batch":
    file_id = row.input_file_id
    if file_id is None:
        content = (work.storage / "requests" / row.file_name).read_bytes()
        file_id = work.client.files.create(file=(row.file_name, content), purpose="batch").id
        with work.engine.begin() as connection:
            ledger.record_batch(connection, row.shard_hash, input_file_id=file_id, state="uploaded")
    # No retry by the SDK: it sends no idempotency key, so a repeated create after a lost
    # reply buys the batch twice (facts/openai_batch.md, 1, "Idempotency").
    return work.client.with_options(max_retries=0).batches.create(
        input_file_id=file_id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={SHARD_METADATA: row.shard_hash, "partition": work.partition.key},
    )


def _existing(client: "OpenAI", shard_hashes: set[str]) -> dict[str, "Batch"]:
    """Finds batches of these shards in the API's list."""
    return {
        batch.metadata[SHARD_METADATA]: batch
        for batch in client.batches.list(limit=100)
        if batch.metadata and batch.metadata.get(SHARD_METADATA) in shard_hashes
    }


def _write(path: UPath, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def pending_summary(connection: sa.Connection, partition: Partition) -> str:
    """Says in words which batches the partition waits for."""
    return "; ".join(describe(ledger.batches_under_way(connection, partition)))


def describe(rows: Iterable[sa.Row[Any]]) -> list[str]:
    """Puts batches into words, such as ``batch_1 in_progress 12/150``."""
    return [
        f"{row.batch_id or row.file_name} {row.state} "
        f"{row.completed_count + row.failed_count}/{row.line_count}"
        for row in rows
    ]
