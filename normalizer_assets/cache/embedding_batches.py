"""Many texts become vectors through batches: half the price, within a day.

Belongs here: planning such batches, and reading the vectors that they bring. Does not belong
here: vectors of a call (``vectors``), sending and settling batches (``batching``), for whom
vectors are bought (``warming``).

They are batches like others: on the ledger before they leave, created once, settled by whoever
harvests them, the sensor too. Their vectors stay in the result file until they are kept in one
transaction with the note that the files may go.
"""

import json
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import budget, ledger, polling, submission
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.harvest import harvest
from normalizer_assets.batching.retention import request_file, result_files
from normalizer_assets.batching.shards import cut_shards
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import vectors
from normalizer_assets.db.tables import TERMINAL_BATCH_STATES, batches
from normalizer_assets.pricing.costs import Usage, cost_usd
from normalizer_assets.prompting.bodies import EMBEDDINGS, body_json
from normalizer_assets.prompting.tokens import count_tokens

INPUTS_PER_BATCH = 50_000
"""Texts in all lines of a batch (facts/openai_batch.md, section 1)."""


def embed_in_batches(work: PartitionWork, texts: pl.Series) -> int:
    """Sees that many texts get vectors; called again, it goes on where it stopped.

    Args:
        work: Who pays; the same partition as long as its batches are under way.
        texts: Any; those that have a vector, or wait for one, are not asked again.

    Returns:
        How many texts wait for a batch. What has no vector when none does are few texts, or
        what a batch could not embed: calls are for them.

    Raises:
        BlockedError: Over budget, no room at the API, a create whose reply was lost, or the API
            refused a batch as a whole.
        ConfigurationError: No usable key, or the cache holds vectors of another length.
        openai.OpenAIError: The API cannot be reached.
    """
    ended = _collect(work)
    least = work.config.embedding.batch_min_texts
    missing, awaited = vectors.missing_texts(work, texts)
    if least is not None and missing.height >= least and not ended:
        _plan(work, missing)
        awaited += missing.height
    with work.engine.connect() as connection:
        unsent = ledger.unsent_batches(connection, work.partition)
    if unsent:
        submission.send(work)
    return awaited


def _collect(work: PartitionWork) -> int:
    """Keeps the vectors of the batches that have ended; returns how many batches these are."""
    with work.engine.connect() as connection:
        if not ledger.embedding_batches(connection, vectors.UNREAD):
            return 0
    polling.poll(work.engine, work.client)
    with work.engine.connect() as connection:
        ended = ledger.embedding_batches(
            connection, vectors.UNREAD, batches.c.state.in_(TERMINAL_BATCH_STATES)
        )
    refusals = []
    for row in ended:
        if row.harvested_at is None:
            found = harvest(work.config, work.engine, work.client, work.storage, row)
            refusals += [found.refusal] if found and found.refusal else []
        _read(work, row)
    if refusals:
        raise BlockedError("configuration", f"the API refused a batch of texts: {refusals[0]}")
    return len(ended)


def _plan(work: PartitionWork, missing: pl.DataFrame) -> None:
    """Reserves money and writes batches to the ledger, in one transaction."""
    settings, model = work.config.embedding, work.config.models[work.config.embedding.model]
    parts = list(vectors.cut_calls(missing, settings))
    tokens = [int(count_tokens(part["text"]).sum()) for part in parts]
    costs = [cost_usd(Usage(input_tokens=count), model, batch=True) for count in tokens]
    requests = pl.DataFrame(
        {
            "line": range(len(parts)),
            "sku": [f"texts {number}" for number in range(len(parts))],
            "llm_model": [settings.model] * len(parts),
            "prompt_tokens": tokens,
            "body": [body_json(vectors.request_body(part, settings)) for part in parts],
            "estimated_usd": costs,
            "bound_usd": costs,
        }
    ).with_columns(
        pl.lit(None, dtype=pl.String).alias(name)
        for name in ("question_key", "tier", "prompt_version")
    )
    lines = max(INPUTS_PER_BATCH // settings.inputs_per_call, 1)
    limits = work.config.batching.model_copy(update={"preferred_lines": lines})
    with work.engine.connect() as connection:
        number = len(ledger.batches_of(connection, work.partition))
        refusals = ledger.refusals_for_room(connection, work.partition)
    salt = f"{work.partition.key}#{number}"
    shards = [
        (shard, submission.keep_request_file(work, shard))
        for shard in cut_shards(requests, limits, work.config.models, salt, refusals, EMBEDDINGS)
    ]
    with work.begin() as connection:
        budget.reserve(connection, work.partition, work.config.budget, sum(costs, Decimal(0)))
        for shard, name in shards:
            # No round of the partition: it has no deadline that this would move.
            ledger.plan_batch(connection, work.partition, shard, name, 0, step="embedding")


def _read(work: PartitionWork, row: sa.Row[Any]) -> None:
    """Keeps the vectors of a harvested batch; a line without usable ones is left out."""
    files = {"asked": request_file(work.storage, row), **result_files(work.storage, row)}
    with work.begin() as connection:
        if "output" in files and files["output"].exists():
            asked = vectors.texts_of_batch(work.storage, row)
            with files["output"].open("rb") as lines:
                for line in lines:
                    try:
                        record = json.loads(line)
                        part = asked[record["custom_id"]]
                        body = record["response"]["body"]
                        found = vectors.vectors_in(body, part, work.config.embedding)
                    except vectors.UNUSABLE:
                        continue
                    vectors.keep(connection, found)
        ledger.record_batch(connection, row.shard_hash, files_removed_at=sa.func.now())
    for file in files.values():
        file.unlink(missing_ok=True)
