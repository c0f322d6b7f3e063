"""Entries of the semantic cache: which answers become one, where from, and how they leave.

Belongs here: every write of ``cache_entries``, its provenance, expiry and invalidation. Does
not belong here: embedding texts (``vectors``), looking entries up (``semantic``).

Only accepted answers of models and people's corrections become entries: an answer from the
cache is in the cache already, and what the basic rules read must never become truth. An
entry is never updated, because pgvector enters an updated row into the index anew (facts on
semantic caches, 2, "Traps"); what is counted stands in ``semantic_hits``.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import questions
from normalizer_assets.batching.partition import DIRECT, Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.vectors import VECTOR_TABLES, embed_texts, embedded_text, text_hashes
from normalizer_assets.config import ANSWER_CONTRACT_VERSION
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import cache_entries, review_decisions, semantic_hits
from normalizer_assets.routing.canonical import canonical_key, variant_stem

OWN = f"{DIRECT}cache"
"""The retailer under which the cache's own calls and known products stand: no shop's
partition."""

PENDING_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "question_key": pl.String,
    "request_id": pl.Int64,
    "category_group": pl.String,
    "name": pl.String,
    "listing_brand": pl.String,
    "ean": pl.String,
    "brand": pl.String,
    "model": pl.String,
    "llm_model": pl.String,
    "batch_id": pl.String,
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


def pending_entries(connection: sa.Connection, partition: Partition) -> pl.DataFrame:
    """Returns the partition's accepted answers that have no entry yet.

    Answers that were bought for this partition, and people's corrections.

    Returns:
        Columns of ``PENDING_SCHEMA``; request_id is null for a correction.
    """
    rows = connection.execute(
        sa.text(
            """
            select distinct on (product.question_key)
                product.question_key,
                case when product.answered_by <> 'human' then answer.request_id end,
                product.category_group, product.name, product.listing_brand,
                product.ean, product.brand, product.model, product.llm_model, product.batch_id
            from normalizer.product_rows product
            join normalizer.partitions
              on partitions.retailer = product.retailer and partitions.day = product.day
             and partitions.published_version = product.version
            left join normalizer.answers answer
              on answer.question_key = product.question_key
             and answer.retailer = product.retailer and answer.day = product.day
             and answer.status is distinct from 'rejected'
            where product.retailer = :retailer and product.day = :day
              and product.status = 'accepted'
              and (product.answered_by = 'human'
                   or product.answered_by in ('batch', 'individual', 'legacy')
                      and answer.request_id is not null)
              and not exists (select from normalizer.cache_entries entry
                              where entry.question_key = product.question_key)
            order by product.question_key, product.sku
            """
        ),
        {"retailer": partition.retailer, "day": partition.day},
    )
    return pl.DataFrame([tuple(row) for row in rows], schema=PENDING_SCHEMA, orient="row")


def embed_pending(work: PartitionWork) -> Embedded:
    """Embeds what is pending and enters it; what was paid for is entered in any case.

    Raises:
        BlockedError: A wrong key or a used-up quota.
        ConfigurationError: No usable key, or the cache holds vectors of another length.
        openai.OpenAIError: The API cannot be reached; the rest is left for the next run.
    """
    expire(work.engine, work.config.cache.ttl_days)
    with work.engine.connect() as connection:
        pending = pending_entries(connection, work.partition)
    return enter(work, pending) if pending.height else Embedded()


def enter(work: PartitionWork, pending: pl.DataFrame) -> Embedded:
    """Embeds and enters answers.

    Args:
        work: The partition that pays, and that the entries come from.
        pending: Columns of ``PENDING_SCHEMA``.

    Raises:
        BlockedError, ConfigurationError, openai.OpenAIError: As ``embed_pending``.
    """
    key = canonical_key(
        pl.col("name"),
        pl.col("listing_brand"),
        pl.col("category_group"),
        work.config.grammar.noise_words,
    )
    rows = pending.with_columns(
        stem=variant_stem(key), text=embedded_text(pl.col("name"), pl.col("listing_brand"))
    )
    rows = rows.with_columns(text_hashes(rows["text"], work.config.embedding))
    try:
        spent = embed_texts(work, rows["text"])
    finally:
        # The index takes longer than the calls; two processes of the server share it.
        shares = list(rows.iter_slices(-(-rows.height // _WRITERS)))
        with ThreadPoolExecutor(_WRITERS) as pool:
            entries = sum(pool.map(lambda part: _insert(work, part), shares))
    return Embedded(entries, spent.tokens, spent.cost_usd, spent.left)


_WRITERS = 2


def _insert(work: PartitionWork, rows: pl.DataFrame) -> int:
    """Inserts entries whose text has a vector; returns how many questions had none before."""
    values = {
        "retailer": work.partition.retailer,
        "day": work.partition.day,
        "contract": ANSWER_CONTRACT_VERSION,
        "model": work.config.embedding.model,
    }
    with work.begin() as connection:
        bulk.stage(connection, "new_entries", rows.drop("text"))
        entered = connection.execute(sa.text(_INSERT), values).rowcount
        connection.execute(sa.text(_MOVED))
    return entered


# Another partition may have entered the same question meanwhile. In the order of keys two of
# them cannot deadlock.
_INSERT = """
insert into normalizer.cache_entries
    (question_key, request_id, category_group, name, listing_brand, ean, stem, brand,
     model, llm_model, batch_id, retailer, day, answer_contract, embedding_model, text_hash,
     embedding)
select question_key, request_id, category_group, name, listing_brand, ean, stem, brand,
       model, llm_model, batch_id, :retailer, :day, :contract, :model, text_hash::uuid,
       coalesce((select embedding from normalizer.embedded_texts kept
                 where kept.text_hash = new.text_hash::uuid),
                (select embedding from normalizer.cache_entries entry
                 where entry.text_hash = new.text_hash::uuid limit 1))
from new_entries new
where exists (select from normalizer.embedded_texts kept
              where kept.text_hash = new.text_hash::uuid)
   or exists (select from normalizer.cache_entries entry
              where entry.text_hash = new.text_hash::uuid)
order by question_key on conflict do nothing
"""
_MOVED = """
delete from normalizer.embedded_texts kept using new_entries new
where kept.text_hash = new.text_hash::uuid
  and exists (select from normalizer.cache_entries entry where entry.text_hash = kept.text_hash)
"""


# --- leaving --------------------------------------------------------------------------


@dataclass(frozen=True)
class Forgotten:
    """What an invalidation did.

    Attributes:
        entries: Entries that left.
        questions: Questions that they answered by likeness: they are asked when they next
            come.
    """

    entries: int
    questions: int


def expire(engine: sa.Engine, ttl_days: float) -> None:
    """Removes entries, and vectors without one, that are older than their time to live.

    What they answered stays answered: the answers are stored and as good as before.
    """
    with engine.begin() as connection:
        for table in VECTOR_TABLES:
            # Whoever else is removing the same rows does it.
            connection.execute(
                sa.text(
                    f"delete from normalizer.{table} where ctid = any(array("
                    f"select ctid from normalizer.{table} "
                    f"where created_at < now() - make_interval(secs => :seconds) "
                    f"for update skip locked))"
                ),
                {"seconds": ttl_days * 86400},
            )


def forget(
    connection: sa.Connection, condition: "sa.ColumnElement[bool]", *, known_too: bool = False
) -> Forgotten:
    """Removes entries, and withdraws what they answered by likeness.

    Args:
        connection: In a transaction.
        condition: On ``cache_entries``.
        known_too: Whether known products lose their answer as well. What a person decided in
            the review stays in any case.
    """
    keys = connection.execute(
        sa.delete(cache_entries).where(condition).returning(cache_entries.c.question_key)
    )
    gone = list(keys.scalars())
    if known_too:
        connection.execute(
            sa.delete(review_decisions).where(
                review_decisions.c.question_key == sa.any_(sa.literal(gone, sa.ARRAY(sa.Text))),
                review_decisions.c.listing["retailer"].astext == OWN,
            )
        )
    return Forgotten(len(gone), withdraw(connection, gone))


def heed_decisions(
    connection: sa.Connection, rejected: Sequence[str], corrected: Sequence[str]
) -> None:
    """Removes entries whose own answer a person did not let stand.

    What a rejected one answered by likeness is withdrawn. What a corrected one answered has
    the person's answer now, and so will its next entry.

    Args:
        connection: In the transaction of the decisions.
        rejected: Keys of questions.
        corrected: Keys of questions.
    """
    decided = sa.literal([*rejected, *corrected], sa.ARRAY(sa.Text))
    connection.execute(sa.text(_KEPT), {"keys": list(corrected)})
    connection.execute(
        sa.delete(cache_entries).where(cache_entries.c.question_key == sa.any_(decided))
    )
    # Also of an entry that had left before: what it answered stayed.
    withdraw(connection, rejected)


# The next entry has the same text: it is not paid for again.
_KEPT = """
insert into normalizer.embedded_texts (text_hash, embedding)
select distinct on (text_hash) text_hash, embedding from normalizer.cache_entries
where question_key = any(:keys) order by text_hash on conflict do nothing
"""


def withdraw(connection: sa.Connection, entry_keys: Sequence[str]) -> int:
    """Takes back what entries answered by likeness; returns how many questions."""
    withdrawn = connection.execute(
        sa.update(semantic_hits)
        .where(
            semantic_hits.c.entry_key == sa.any_(sa.literal(list(entry_keys), sa.ARRAY(sa.Text))),
            semantic_hits.c.state.in_(("served", "audited", "agreed")),
        )
        .values(state="withdrawn", settled_at=sa.func.now())
        .returning(semantic_hits.c.question_key)
    )
    keys = list(withdrawn.scalars())
    questions.forget_unanswered(connection, keys)
    return len(keys)


def condition_of(
    *,
    group: str | None = None,
    retailer: str | None = None,
    llm_model: str | None = None,
    before: date | None = None,
    question_key: str | None = None,
    older_contracts: bool = False,
) -> "sa.ColumnElement[bool]":
    """Returns the condition that entries meet all that is given.

    Raises:
        ValueError: Nothing is given: everything would leave.
    """
    columns = cache_entries.c
    equal = {
        columns.category_group: group,
        columns.retailer: retailer,
        columns.llm_model: llm_model,
    }
    chosen: list[sa.ColumnElement[bool]] = [
        column == value for column, value in equal.items() if value is not None
    ]
    if question_key:
        chosen.append(columns.question_key.startswith(question_key, autoescape=True))
    if before is not None:
        chosen.append(columns.day < before)
    if older_contracts:
        chosen.append(columns.answer_contract < ANSWER_CONTRACT_VERSION)
    if not chosen:
        raise ValueError("say which entries; nothing else means all of them")
    return sa.and_(*chosen)
