"""Texts become vectors, each paid for once.

Belongs here: calling the embedding model, keeping vectors by the hash of their text, the
length of a vector. Does not belong here: what is embedded, and what vectors are for
(``entries``, ``semantic``), embedding within a day at half the price (``embedding_batches``).
"""

import base64
import hashlib
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
from normalizer_assets.batching.retention import request_file
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import ConfigurationError, EmbeddingConfig
from normalizer_assets.db import bulk
from normalizer_assets.db.bulk import driver_connection
from normalizer_assets.db.tables import batches
from normalizer_assets.pricing.costs import Usage, cost_usd, usage_from_response
from normalizer_assets.prompting.tokens import count_tokens

if TYPE_CHECKING:
    from openai import OpenAI

VECTOR_TABLES = ("cache_entries", "embedded_texts")
_TEXTS: dict[str, type[pl.DataType]] = {"text_hash": pl.String, "text": pl.String}


@dataclass(frozen=True)
class Spent:
    """What embedding took.

    Attributes:
        tokens: Tokens that were embedded.
        cost_usd: What that cost.
        left: Texts without a vector: their call had no usable reply, or there was no money.
    """

    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    left: int = 0


def embedded_text(name: pl.Expr, brand: pl.Expr) -> pl.Expr:
    """The text of a listing that is embedded: its name, with the brand field where it lacks it.

    Args:
        name: String expression as landed.
        brand: The row's own brand field (String, may be null).
    """
    carried = name.str.to_lowercase().str.contains(brand.str.to_lowercase(), literal=True)
    with_brand = pl.concat_str(brand, name, separator=" ")
    return pl.when(carried.fill_null(value=True)).then(name).otherwise(with_brand)


def text_hashes(texts: pl.Series, settings: EmbeddingConfig) -> pl.Series:
    """Returns under what vectors of texts are kept, as the hex of a UUID.

    Another model or another length of vectors makes another hash.
    """
    prefix = f"{settings.model}\n{settings.dimensions}\n".encode()
    return pl.Series(
        "text_hash",
        [hashlib.sha256(prefix + text.encode()).hexdigest()[:32] for text in texts],
        dtype=pl.String,
    )


def embed_texts(work: PartitionWork, texts: pl.Series) -> Spent:
    """Sees that texts have vectors, and pays for those that have none.

    Every call is in the ledger before it leaves, and its reply in a file before it is
    read, so a crash pays for nothing twice but a reply that never arrived.

    Raises:
        BlockedError: A wrong key or a used-up quota; what is stored stays.
        ConfigurationError: No usable key, or the cache holds vectors of another length.
        openai.OpenAIError: The API cannot be reached.
    """
    _resume(work)
    settings = work.config.embedding
    missing, awaited = missing_texts(work, texts)
    if missing.is_empty():
        return Spent(left=awaited)
    client = patient_client(work)
    with ThreadPoolExecutor(settings.concurrency) as pool:
        calls = list(
            pool.map(lambda part: _embed_call(work, client, part), cut_calls(missing, settings))
        )
    return Spent(
        tokens=sum(one.tokens for one in calls),
        cost_usd=sum((one.cost_usd for one in calls), Decimal(0)),
        left=sum(one.left for one in calls) + awaited,
    )


def missing_texts(work: PartitionWork, texts: pl.Series) -> tuple[pl.DataFrame, int]:
    """Returns the texts without a vector that nobody is paying for, and how many are paid for.

    Returns:
        Columns text_hash and text, each text once; and of how many further texts a batch that
        is not read yet brings the vector.

    Raises:
        ConfigurationError: The cache holds vectors of another length.
    """
    settings = work.config.embedding
    frame = pl.DataFrame({"text": texts.unique(maintain_order=True)})
    frame = frame.with_columns(text_hashes(frame["text"], settings))
    with work.engine.begin() as connection:
        fit_dimensions(connection, settings.dimensions)
        bulk.stage(connection, "wanted_texts", frame.select("text_hash"))
        new = set(connection.execute(sa.text(_NEW_TEXTS)).scalars())
        unread = ledger.embedding_batches(connection, UNREAD) if new else []
    awaited = new & {
        text_hash
        for row in unread
        for part in texts_of_batch(work.storage, row).values()
        for text_hash in part["text_hash"]
    }
    missing = frame.filter(pl.col("text_hash").is_in(new - awaited)).select(*_TEXTS)
    return missing, len(awaited)


_NEW_TEXTS = """
select text_hash from wanted_texts wanted
where not exists (select from normalizer.embedded_texts kept
                  where kept.text_hash = wanted.text_hash::uuid)
  and not exists (select from normalizer.cache_entries entry
                  where entry.text_hash = wanted.text_hash::uuid)
"""


UNREAD = batches.c.files_removed_at.is_(None)
"""Says of a batch for vectors that it is under way, or that its vectors are not kept yet: with
these its files go."""


def texts_of_batch(storage: UPath, row: sa.Row[Any]) -> dict[str, pl.DataFrame]:
    """Returns what a batch asks: custom id of a line -> its texts with their hashes, in order.

    Raises:
        FileNotFoundError: The file that was sent is gone.
    """
    asked = {}
    with request_file(storage, row).open("rb") as file:
        for line in map(json.loads, file):
            body = line["body"]
            given = EmbeddingConfig(model=body["model"], dimensions=body["dimensions"])
            texts = pl.Series("text", body["input"], dtype=pl.String)
            part = texts.to_frame().with_columns(text_hashes(texts, given))
            asked[line["custom_id"]] = part.select(*_TEXTS)
    return asked


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


# --- the length of vectors ------------------------------------------------------------


def stored_dimensions(connection: sa.Connection) -> int:
    """Returns the length of the vectors that the tables hold."""
    column = "'normalizer.cache_entries'::regclass and attname = 'embedding'"
    statement = f"select atttypmod from pg_attribute where attrelid = {column}"
    return int(connection.execute(sa.text(statement)).scalar_one())


def fit_dimensions(connection: sa.Connection, dimensions: int) -> None:
    """Gives empty tables the configured length of vectors.

    Raises:
        ConfigurationError: They hold vectors of another length.
    """
    stored = stored_dimensions(connection)
    if stored == dimensions:
        return
    filled = any(
        connection.execute(sa.text(f"select 1 from normalizer.{table} limit 1")).first()
        for table in VECTOR_TABLES
    )
    if filled:
        raise ConfigurationError(
            f"`embedding.dimensions` is {dimensions}, and the cache holds vectors of {stored}; "
            f"set it back, or type `normalizer cache resize`"
        )
    resize(connection, dimensions)


def resize(connection: sa.Connection, dimensions: int) -> int:
    """Gives vectors another length.

    Shorter ones are cut from what is there, as the model's own shorter ones are (OpenAI's
    guide to embeddings, "Reducing embedding dimensions"). Longer ones cannot be made of
    shorter ones: what is there is dropped.

    Returns:
        How many entries are left.
    """
    stored = stored_dimensions(connection)
    # The hash of a text names the length: cut vectors without an entry would never be found.
    emptied = VECTOR_TABLES if dimensions > stored else ("embedded_texts",)
    connection.execute(sa.text("drop index if exists normalizer.cache_entries_by_similarity"))
    for table in VECTOR_TABLES:
        connection.execute(sa.text(f"lock normalizer.{table} in access exclusive mode"))
        if table in emptied:
            connection.execute(sa.text(f"delete from normalizer.{table}"))
        connection.execute(
            sa.text(
                f"alter table normalizer.{table} alter column embedding type "
                f"halfvec({dimensions}) using l2_normalize(subvector(embedding, 1, "
                f"{min(dimensions, stored)})::halfvec)::halfvec({dimensions})"
            )
        )
    index_by_similarity(connection, dimensions)
    return int(
        connection.execute(sa.text("select count(*) from normalizer.cache_entries")).scalar_one()
    )


def index_by_similarity(connection: sa.Connection, dimensions: int) -> None:
    """Builds the index by similarity, for vectors of a length."""
    connection.execute(
        sa.text(
            f"create index cache_entries_by_similarity on normalizer.cache_entries using hnsw "
            f"((binary_quantize(embedding)::bit({dimensions})) bit_hamming_ops) "
            f"with (m = 24, ef_construction = 200)"
        )
    )


# --- one call -------------------------------------------------------------------------


def cut_calls(missing: pl.DataFrame, limits: EmbeddingConfig) -> Iterator[pl.DataFrame]:
    """Cuts texts into calls within the limits on inputs and tokens."""
    tokens = count_tokens(missing["text"]).cast(pl.Int64)
    # A call is full by tokens when the running sum crosses a multiple of the limit; half
    # the limit leaves room for the text that crosses it.
    by_tokens = tokens.cum_sum() // max(limits.tokens_per_call // 2, 1)
    for _, part in missing.group_by(by_tokens, maintain_order=True):
        yield from part.iter_slices(limits.inputs_per_call)


def _embed_call(work: PartitionWork, client: "OpenAI", part: pl.DataFrame) -> Spent:
    """Embeds the texts of one call and keeps their vectors."""
    left = Spent(left=part.height)
    request_id = _plan(work, part)
    if request_id is None:
        return left
    # What was asked is kept beside the reply: after a crash the reply alone names nobody.
    _write(_file(work, request_id, "asked"), part.write_ndjson().encode())

    def post(client: "OpenAI") -> str:
        text: str = client.embeddings.with_raw_response.create(
            **request_body(part, work.config.embedding)
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


def request_body(part: pl.DataFrame, settings: EmbeddingConfig) -> dict[str, Any]:
    """Returns what is asked for the texts of one call."""
    return {
        "model": settings.model,
        "input": part["text"].to_list(),
        "dimensions": settings.dimensions,
        "encoding_format": "base64",
    }


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


def _read(work: PartitionWork, request_id: int) -> Spent | None:
    """Reads a kept reply: vectors, cost and state, in one transaction.

    Returns:
        ``None`` where it cannot be used.
    """
    try:
        asked = _file(work, request_id, "asked").read_bytes()
        body = json.loads(_file(work, request_id, "reply").read_bytes())
        rows = vectors_in(body, pl.read_ndjson(asked, schema=_TEXTS), work.config.embedding)
    except (*UNUSABLE, FileNotFoundError) as error:
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
        keep(connection, rows)
        call_ledger.settle_request(
            connection,
            request_id,
            {"state": "ok", "input_tokens": usage.input_tokens, "cost_usd": cost},
        )
    for kind in ("asked", "reply"):
        _file(work, request_id, kind).unlink(missing_ok=True)
    return Spent(tokens=usage.input_tokens, cost_usd=cost)


UNUSABLE = (ValueError, KeyError, TypeError, RecursionError)
"""What reading a reply raises that has no usable vector for each text."""


def vectors_in(
    body: Any, part: pl.DataFrame, settings: EmbeddingConfig
) -> list[tuple[str, "np.ndarray[Any, np.dtype[np.float32]]"]]:
    """Returns the hash of each text of a call with its vector.

    Args:
        body: The reply.
        part: The texts that were asked, with their text_hash, in order.
        settings: How long a vector is.

    Raises:
        UNUSABLE: It has no usable vector for each of them.
    """
    vectors = {item["index"]: _vector(item["embedding"], settings) for item in body["data"]}
    return [(text_hash, vectors[index]) for index, text_hash in enumerate(part["text_hash"])]


def _vector(text: str, settings: EmbeddingConfig) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Decodes a vector.

    Raises:
        ValueError: It has another length, or a number that the table cannot hold.
    """
    vector = np.frombuffer(base64.b64decode(text), dtype="<f4")
    if vector.size != settings.dimensions:
        raise ValueError(f"a vector of {vector.size} numbers")
    if not (np.abs(vector) <= np.finfo(np.float16).max).all():
        raise ValueError("a vector with a number out of range")
    return vector


def keep(connection: sa.Connection, rows: Sequence[tuple[str, Any]]) -> None:
    """Keeps vectors by the hash of their text; one that is kept already stays."""
    from pgvector import HalfVector
    from pgvector.psycopg import register_vector

    driver = driver_connection(connection)
    register_vector(driver)
    connection.execute(
        sa.text("create temporary table embedded (text_hash text, embedding halfvec)")
    )
    with (
        driver.cursor() as cursor,
        cursor.copy("copy embedded (text_hash, embedding) from stdin with (format binary)") as copy,
    ):
        # Binary vectors: as text, 1,536 numbers a row take longer than the index.
        copy.set_types(["text", "halfvec"])
        for text_hash, vector in rows:
            copy.write_row((text_hash, HalfVector(vector)))
    # In the order of hashes two partitions with the same texts cannot deadlock.
    connection.execute(
        sa.text(
            "insert into normalizer.embedded_texts (text_hash, embedding) "
            "select text_hash::uuid, embedding from embedded order by 1 on conflict do nothing"
        )
    )
    connection.execute(sa.text("drop table embedded"))


def _file(work: PartitionWork, request_id: int, kind: str) -> UPath:
    return work.storage / "embeddings" / f"{request_id}.{kind}.json"


def _write(path: UPath, content: bytes) -> None:
    """Writes a file so that a reader sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.rename(path)
