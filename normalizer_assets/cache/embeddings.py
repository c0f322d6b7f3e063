"""Accepted answers become entries of the semantic cache.

Belongs here: which answers are embedded, calling the embedding model, storing vectors.
Does not belong here: looking entries up and refusing them.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import ledger
from normalizer_assets.batching.chain import never_left
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import EmbeddingConfig
from normalizer_assets.db.bulk import driver_connection
from normalizer_assets.pricing.costs import Usage, cost_usd
from normalizer_assets.prompting.tokens import count_tokens

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import CreateEmbeddingResponse

PENDING_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "question_key": pl.String,
    "request_id": pl.Int64,
    "category_group": pl.String,
    "text": pl.String,
}


@dataclass(frozen=True)
class Embedded:
    """What one run added to the cache."""

    entries: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def pending_entries(connection: sa.Connection, partition: Partition) -> pl.DataFrame:
    """Returns the partition's accepted model answers that have no entry yet.

    Only answers bought for this partition: an answer from the cache is in the cache, and
    rows of the basic rules must never become truth.

    Returns:
        Columns question_key, request_id, category_group, text (the listing's name, with
        the answer's brand in front where the name lacks it).
    """
    rows = connection.execute(
        sa.text(
            """
            select distinct on (product.question_key)
                product.question_key, answer.request_id, product.category_group,
                case when position(lower(coalesce(product.brand, '')) in lower(product.name)) > 0
                     then product.name else product.brand || ' ' || product.name end
            from normalizer.product_rows product
            join normalizer.partitions
              on partitions.retailer = product.retailer and partitions.day = product.day
             and partitions.published_version = product.version
            join normalizer.answers answer
              on answer.question_key = product.question_key
             and answer.retailer = product.retailer and answer.day = product.day
            where product.retailer = :retailer and product.day = :day
              and product.status = 'accepted'
              and product.answered_by in ('batch', 'individual', 'legacy')
              and not exists (select from normalizer.cache_entries entry
                              where entry.question_key = product.question_key)
            order by product.question_key
            """
        ),
        {"retailer": partition.retailer, "day": partition.day},
    )
    return pl.DataFrame([tuple(row) for row in rows], schema=PENDING_SCHEMA, orient="row")


def embed_pending(work: PartitionWork) -> Embedded:
    """Embeds what is pending and stores it, call by call.

    Every call is in the ledger before it leaves, and stored when it is back, so a crash
    pays for one call twice at most.

    Raises:
        openai.OpenAIError: The API refused or could not be reached; what is stored stays,
            the rest is left for the next run.
    """
    with work.engine.begin() as connection:
        ledger.abandoned_requests(connection, work.partition)
        pending = pending_entries(connection, work.partition)
    if pending.is_empty():
        return Embedded()
    settings, client = work.config.embedding, work.client
    with ThreadPoolExecutor(settings.concurrency) as pool:
        calls = list(
            pool.map(lambda part: _embed_call(work, client, part), _calls(pending, settings))
        )
    return Embedded(
        entries=sum(call.entries for call in calls),
        tokens=sum(call.tokens for call in calls),
        cost_usd=sum((call.cost_usd for call in calls), Decimal(0)),
    )


def _embed_call(work: PartitionWork, client: "OpenAI", part: pl.DataFrame) -> Embedded:
    """Embeds the texts of one call and stores their vectors."""
    response = _embed(work, client, part)
    model = work.config.models[work.config.embedding.model]
    usage = Usage(input_tokens=response.usage.prompt_tokens)
    return Embedded(
        entries=_store(work, part, response),
        tokens=usage.input_tokens,
        cost_usd=cost_usd(usage, model, batch=False),
    )


def _calls(pending: pl.DataFrame, limits: EmbeddingConfig) -> Iterator[pl.DataFrame]:
    """Cuts texts into calls within the limits on inputs and tokens."""
    tokens = count_tokens(pending["text"]).cast(pl.Int64)
    # A call is full by tokens when the running sum crosses a multiple of the limit; half
    # the limit leaves room for the text that crosses it.
    by_tokens = tokens.cum_sum() // max(limits.tokens_per_call // 2, 1)
    for _, part in pending.group_by(by_tokens, maintain_order=True):
        yield from part.iter_slices(limits.inputs_per_call)


def _embed(work: PartitionWork, client: "OpenAI", part: pl.DataFrame) -> "CreateEmbeddingResponse":
    settings = work.config.embedding
    tokens = int(count_tokens(part["text"]).sum())
    usage = Usage(input_tokens=tokens)
    bound = cost_usd(usage, work.config.models[settings.model], batch=False)
    body_hash = ledger.body_hash("\n".join(part["text"]))
    with work.engine.begin() as connection:
        request_id = ledger.plan_request(
            connection,
            work.partition,
            "embedding",
            {
                "custom_id": f"embedding_{body_hash[:16]}",
                "llm_model": settings.model,
                "body_hash": body_hash,
                "estimated_usd": bound,
            },
        )
    return _settled(work, client, request_id, part["text"].to_list(), bound)


def _settled(
    work: PartitionWork, client: "OpenAI", request_id: int, texts: list[str], bound: Decimal
) -> "CreateEmbeddingResponse":
    import openai

    settings = work.config.embedding
    # What neither answers nor refuses may have been billed.
    values: dict[str, Any] = {
        "state": "outcome_unknown",
        "reason": "no reply that can be read",
        "cost_usd": bound,
    }
    try:
        response = client.embeddings.create(
            model=settings.model, input=texts, dimensions=settings.dimensions
        )
    except openai.APIStatusError as error:
        values = {"state": "http_error", "reason": str(error), "cost_usd": 0}
        raise
    except openai.APIConnectionError as error:
        if never_left(error):
            values = {"state": "not_executed", "reason": f"no connection: {error}", "cost_usd": 0}
        raise
    else:
        usage = Usage(input_tokens=response.usage.prompt_tokens)
        values = {
            "state": "ok",
            "input_tokens": usage.input_tokens,
            "cost_usd": cost_usd(usage, work.config.models[settings.model], batch=False),
        }
        return response
    finally:
        with work.engine.begin() as connection:
            ledger.settle_request(connection, request_id, values)


def _store(work: PartitionWork, part: pl.DataFrame, response: "CreateEmbeddingResponse") -> int:
    """Stores the vectors of one call; returns how many questions had none before."""
    from pgvector import HalfVector
    from pgvector.psycopg import register_vector

    vectors = {item.index: item.embedding for item in response.data}
    with work.engine.begin() as connection:
        driver = driver_connection(connection)
        register_vector(driver)
        connection.execute(
            sa.text(
                "create temporary table embedded (like normalizer.cache_entries including "
                "defaults) on commit drop"
            )
        )
        with (
            driver.cursor() as cursor,
            cursor.copy(
                "copy embedded (question_key, request_id, category_group, text, "
                "embedding_model, embedding) from stdin with (format binary)"
            ) as copy,
        ):
            # Binary vectors: as text, 1,536 numbers a row take longer than the index.
            copy.set_types(["text", "int8", "text", "text", "text", "halfvec"])
            for index, row in enumerate(part.iter_rows()):
                copy.write_row((*row, work.config.embedding.model, HalfVector(vectors[index])))
        # Another partition may have embedded the same question since this one looked. In
        # the order of keys two of them cannot deadlock.
        inserted = connection.execute(
            sa.text(
                "insert into normalizer.cache_entries select * from embedded "
                "order by question_key on conflict do nothing"
            )
        )
    return inserted.rowcount
