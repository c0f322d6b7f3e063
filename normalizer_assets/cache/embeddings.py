"""Accepted answers become entries of the semantic cache.

Belongs here: which answers are embedded, calling the embedding model, storing vectors.
Does not belong here: looking entries up and refusing them.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from upath import UPath

from normalizer_assets.batching import budget, call_ledger, ledger
from normalizer_assets.batching.calls import REPEATS_AFTER_LOST_REPLY, call, patient_client
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import EmbeddingConfig
from normalizer_assets.db.bulk import driver_connection
from normalizer_assets.pricing.costs import Usage, cost_usd, usage_from_response
from normalizer_assets.prompting.tokens import count_tokens
from normalizer_assets.routing.canonical import canonical_key, variant_stem

if TYPE_CHECKING:
    from openai import OpenAI

PENDING_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "question_key": pl.String,
    "request_id": pl.Int64,
    "category_group": pl.String,
    "text": pl.String,
    "stem": pl.String,
    "brand": pl.String,
    "model": pl.String,
}


_FOUND_SCHEMA = {name: kind for name, kind in PENDING_SCHEMA.items() if name != "stem"} | {
    "name": pl.String,
    "listing_brand": pl.String,
}


@dataclass(frozen=True)
class Embedded:
    """What one run added to the cache.

    Attributes:
        entries: New entries.
        tokens: Tokens that were embedded.
        cost_usd: What that cost.
        left: Answers left for the next run: their call had no usable reply, or there was
            no money.
    """

    entries: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    left: int = 0


def pending_entries(
    connection: sa.Connection, partition: Partition, noise_words: Sequence[str] = ()
) -> pl.DataFrame:
    """Returns the partition's accepted answers that have no entry yet.

    Answers that were bought for this partition, and people's corrections: an answer from the
    cache is in the cache, and rows of the basic rules must never become truth.

    Returns:
        Columns question_key, request_id (null for a correction), category_group, text (the
        listing's name, with the answer's brand in front where the name lacks it), stem (what
        variants of the product share), brand, model.
    """
    rows = connection.execute(
        sa.text(
            """
            select distinct on (product.question_key)
                product.question_key,
                case when product.answered_by <> 'human' then answer.request_id end,
                product.category_group,
                case when position(lower(coalesce(product.brand, '')) in lower(product.name)) > 0
                     then product.name else product.brand || ' ' || product.name end,
                product.brand, product.model, product.name, product.listing_brand
            from normalizer.product_rows product
            join normalizer.partitions
              on partitions.retailer = product.retailer and partitions.day = product.day
             and partitions.published_version = product.version
            left join normalizer.answers answer
              on answer.question_key = product.question_key
             and answer.retailer = product.retailer and answer.day = product.day
            where product.retailer = :retailer and product.day = :day
              and product.status = 'accepted'
              and (product.answered_by = 'human'
                   or product.answered_by in ('batch', 'individual', 'legacy')
                      and answer.request_id is not null)
              and not exists (select from normalizer.cache_entries entry
                              where entry.question_key = product.question_key)
            order by product.question_key
            """
        ),
        {"retailer": partition.retailer, "day": partition.day},
    )
    found = pl.DataFrame([tuple(row) for row in rows], schema=_FOUND_SCHEMA, orient="row")
    key = canonical_key(
        pl.col("name"), pl.col("listing_brand"), pl.col("category_group"), noise_words
    )
    return found.with_columns(stem=variant_stem(key)).select(*PENDING_SCHEMA)


def embed_pending(work: PartitionWork) -> Embedded:
    """Embeds what is pending and stores it, call by call.

    Every call is in the ledger before it leaves, and its reply in a file before it is
    read, so a crash pays for nothing twice but a reply that never arrived.

    Raises:
        BlockedError: A wrong key or a used-up quota; what is stored stays.
        openai.OpenAIError: The API cannot be reached; the rest is left for the next run.
    """
    _resume(work)
    with work.engine.connect() as connection:
        pending = pending_entries(connection, work.partition, work.config.grammar.noise_words)
    if pending.is_empty():
        return Embedded()
    settings, client = work.config.embedding, patient_client(work)
    with ThreadPoolExecutor(settings.concurrency) as pool:
        calls = list(
            pool.map(lambda part: _embed_call(work, client, part), _calls(pending, settings))
        )
    return Embedded(
        entries=sum(call.entries for call in calls),
        tokens=sum(call.tokens for call in calls),
        cost_usd=sum((call.cost_usd for call in calls), Decimal(0)),
        left=sum(call.left for call in calls),
    )


def _resume(work: PartitionWork) -> None:
    """Stores vectors that a dead process paid for, and settles what it lost."""
    with work.begin() as connection:
        for request_id in call_ledger.sent_ids(connection, work.partition, "embedding"):
            reply = _file(work, request_id, "reply")
            if reply.exists():  # it died between keeping the reply and recording it
                values = {"state": "received", "raw": reply.name, "settled_at": None}
                call_ledger.settle_request(connection, request_id, values)
        received = call_ledger.abandon(connection, work.partition, ("embedding",))
    for row in received:
        _read(work, row.request_id)


def _calls(pending: pl.DataFrame, limits: EmbeddingConfig) -> Iterator[pl.DataFrame]:
    """Cuts texts into calls within the limits on inputs and tokens."""
    tokens = count_tokens(pending["text"]).cast(pl.Int64)
    # A call is full by tokens when the running sum crosses a multiple of the limit; half
    # the limit leaves room for the text that crosses it.
    by_tokens = tokens.cum_sum() // max(limits.tokens_per_call // 2, 1)
    for _, part in pending.group_by(by_tokens, maintain_order=True):
        yield from part.iter_slices(limits.inputs_per_call)


def _embed_call(work: PartitionWork, client: "OpenAI", part: pl.DataFrame) -> Embedded:
    """Embeds the texts of one call and stores their vectors."""
    left = Embedded(left=part.height)
    request_id = _plan(work, part)
    if request_id is None:
        return left
    # What was asked is kept beside the reply: after a crash the reply alone names nobody.
    _write(_file(work, request_id, "asked"), part.write_ndjson().encode())

    def post(client: "OpenAI") -> str:
        settings = work.config.embedding
        text: str = client.embeddings.with_raw_response.create(
            model=settings.model,
            input=part["text"].to_list(),
            dimensions=settings.dimensions,
            encoding_format="base64",
        ).text
        file = _file(work, request_id, "reply")
        _write(file, text.encode())
        return file.name

    reply = call(work, client, request_id, post)
    if reply.fatal is not None:
        raise reply.fatal
    if reply.state != "received":
        return left
    return _read(work, request_id) or left


def _plan(work: PartitionWork, part: pl.DataFrame) -> int | None:
    """Reserves money and writes the call to the ledger; ``None`` where it must not leave."""
    settings = work.config.embedding
    usage = Usage(input_tokens=int(count_tokens(part["text"]).sum()))
    cost = cost_usd(usage, work.config.models[settings.model], batch=False)
    hashed = ledger.body_hash("\n".join(part["text"]))
    request = {
        "custom_id": f"embedding_{hashed[:16]}",
        "llm_model": settings.model,
        "body_hash": hashed,
        "estimated_usd": cost,
        "bound_usd": cost,
    }
    try:
        with work.begin() as connection:
            if call_ledger.lost_replies(connection, "embedding", hashed) > REPEATS_AFTER_LOST_REPLY:
                return None
            budget.reserve(connection, work.partition, work.config.budget, cost)
            return call_ledger.plan_requests(connection, work.partition, "embedding", [request])[0]
    except BlockedError:
        return None


def _read(work: PartitionWork, request_id: int) -> Embedded | None:
    """Reads a kept reply: vectors, cost and state, in one transaction.

    Returns:
        ``None`` where it cannot be used.
    """
    try:
        asked = _file(work, request_id, "asked").read_bytes()
        body = json.loads(_file(work, request_id, "reply").read_bytes())
        part = pl.read_ndjson(asked, schema=PENDING_SCHEMA)
        vectors = {item["index"]: _vector(work, item["embedding"]) for item in body["data"]}
        rows = [(*row, vectors[index]) for index, row in enumerate(part.iter_rows())]
    except (ValueError, KeyError, TypeError, RecursionError, FileNotFoundError) as error:
        values = {
            "state": "outcome_unknown",
            "reason": f"the reply has no vector for each text: {error!r}",
            "cost_usd": call_ledger.BOUND,
        }
        with work.begin() as connection:
            call_ledger.settle_request(connection, request_id, values)
        return None
    usage = usage_from_response(body)
    cost = cost_usd(usage, work.config.models[work.config.embedding.model], batch=False)
    with work.begin() as connection:
        entries = _store(connection, rows, work.config.embedding.model)
        call_ledger.settle_request(
            connection,
            request_id,
            {"state": "ok", "input_tokens": usage.input_tokens, "cost_usd": cost},
        )
    for kind in ("asked", "reply"):
        _file(work, request_id, kind).unlink(missing_ok=True)
    return Embedded(entries=entries, tokens=usage.input_tokens, cost_usd=cost)


def _vector(work: PartitionWork, text: str) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Decodes a vector.

    Raises:
        ValueError: It has another length, or a number that the table cannot hold.
    """
    vector = np.frombuffer(base64.b64decode(text), dtype="<f4")
    if vector.size != work.config.embedding.dimensions:
        raise ValueError(f"a vector of {vector.size} numbers")
    if not (np.abs(vector) <= np.finfo(np.float16).max).all():
        raise ValueError("a vector with a number out of range")
    return vector


def _store(connection: sa.Connection, rows: list[tuple[Any, ...]], model: str) -> int:
    """Stores vectors; returns how many questions had none before.

    Args:
        connection: In a transaction.
        rows: question_key, request_id, category_group, text, vector.
        model: The embedding model.
    """
    from pgvector import HalfVector
    from pgvector.psycopg import register_vector

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
            "copy embedded (question_key, request_id, category_group, text, stem, brand, model, "
            "embedding_model, embedding) from stdin with (format binary)"
        ) as copy,
    ):
        # Binary vectors: as text, 1,536 numbers a row take longer than the index.
        copy.set_types(["text", "int8", *["text"] * 6, "halfvec"])
        for *row, vector in rows:
            copy.write_row((*row, model, HalfVector(vector)))
    # Another partition may have embedded the same question since this one looked. In
    # the order of keys two of them cannot deadlock.
    inserted = connection.execute(
        sa.text(
            "insert into normalizer.cache_entries select * from embedded "
            "order by question_key on conflict do nothing"
        )
    )
    return inserted.rowcount


def _file(work: PartitionWork, request_id: int, kind: str) -> UPath:
    return work.storage / "embeddings" / f"{request_id}.{kind}.json"


def _write(path: UPath, content: bytes) -> None:
    """Writes a file so that a reader sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.rename(path)
