"""Filling the cache before it is asked: from history, and from products that are known.

Belongs here: which partitions have answers to enter, what a known product is, and writing
it as a person's answer. Does not belong here: embedding and entering (``entries``).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import stored_answers
from normalizer_assets.batching.partition import DIRECT, Partition
from normalizer_assets.batching.work import PartitionWork, turn
from normalizer_assets.cache.entries import PENDING_SCHEMA, Embedded, embed_pending, enter
from normalizer_assets.config import TIMEZONE, NormalizerConfig
from normalizer_assets.db.tables import PartitionState, partitions, review_decisions
from normalizer_assets.routing.routing import route_listings

if TYPE_CHECKING:
    from openai import OpenAI

OWN = f"{DIRECT}cache"
"""The retailer under which the cache's own calls stand in the ledger: no shop's partition."""


@contextmanager
def own_work(
    config: NormalizerConfig, engine: sa.Engine, connect_api: "Callable[[], OpenAI]"
) -> Iterator[PartitionWork]:
    """Yields work in the cache's own name, today, for calls that no partition asks for.

    Raises:
        TimeoutError: Another process fills the cache.
    """
    partition = Partition(datetime.now(ZoneInfo(TIMEZONE)).date(), OWN)
    with _turn(config, engine, connect_api, partition) as work:
        yield work


@contextmanager
def _turn(
    config: NormalizerConfig,
    engine: sa.Engine,
    connect_api: "Callable[[], OpenAI]",
    partition: Partition,
) -> Iterator[PartitionWork]:
    with turn(config, engine, partition, connect_api, "cache warm") as (work, holder):
        if holder is not None:
            raise TimeoutError(f"{partition.key} is being worked on by {holder}; try later")
        yield work


def warm_from_history(
    config: NormalizerConfig,
    engine: sa.Engine,
    connect_api: "Callable[[], OpenAI]",
    say: Callable[[Partition, Embedded], None] = lambda _partition, _embedded: None,
) -> Embedded:
    """Enters the accepted answers of every published partition that have no entry yet.

    Raises:
        BlockedError, ConfigurationError, openai.OpenAIError: As ``entries.embed_pending``.
        TimeoutError: A partition is being worked on.
    """
    published: PartitionState = "published"
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(partitions.c.day, partitions.c.retailer)
            .where(partitions.c.state == published)
            .order_by(partitions.c.day, partitions.c.retailer)
        ).all()
    total = Embedded()
    for day, retailer in rows:
        partition = Partition(day, retailer)
        with _turn(config, engine, connect_api, partition) as work:
            embedded = embed_pending(work)
        say(partition, embedded)
        total = Embedded(
            total.entries + embedded.entries,
            total.tokens + embedded.tokens,
            total.cost_usd + embedded.cost_usd,
            total.left + embedded.left,
        )
    return total


@dataclass(frozen=True)
class Known:
    """Products whose answer a person vouches for.

    Attributes:
        listings: Columns of a listing: name, brand, category, category_group, ean, price.
        answers: brand, model, attributes, in their order.
    """

    listings: pl.DataFrame
    answers: Sequence[dict[str, Any]]


def warm_from_known(work: PartitionWork, known: Known) -> Embedded:
    """Enters known products, as corrections by a person.

    The exact tier answers from them as well. A question that a person has decided already
    keeps that decision.

    Raises:
        BlockedError, ConfigurationError, openai.OpenAIError: As ``entries.enter``.
    """
    listings = known.listings.with_columns(
        retailer=pl.lit(OWN),
        day=pl.lit(work.partition.day),
        sku=pl.format("known {}", pl.int_range(pl.len())),
        unit_price=pl.lit(None, dtype=pl.String),
    )
    keyed = (
        route_listings(listings, work.config)
        .with_columns(place=pl.int_range(pl.len()))
        .unique("question_key", keep="first", maintain_order=True)
    )
    with work.begin() as connection:
        decided = stored_answers.decisions_for(connection, keyed["question_key"].to_list())
        new = keyed.join(decided, on="question_key", how="anti", maintain_order="left")
        rows = [_decision(row, known.answers[row["place"]]) for row in new.iter_rows(named=True)]
        if rows:
            connection.execute(sa.insert(review_decisions), rows)
    pending = keyed.select(
        "question_key",
        pl.lit(None, dtype=pl.Int64).alias("request_id"),
        "category_group",
        "name",
        pl.col("brand").alias("listing_brand"),
        "ean",
        pl.Series("brand", [known.answers[n]["brand"] for n in keyed["place"]], dtype=pl.String),
        pl.Series("model", [known.answers[n]["model"] for n in keyed["place"]], dtype=pl.String),
        pl.lit(None, dtype=pl.String).alias("llm_model"),
        pl.lit(None, dtype=pl.String).alias("batch_id"),
    ).select(*PENDING_SCHEMA)
    return enter(work, pending) if pending.height else Embedded()


def _decision(listing: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    said = {
        "brand": answer["brand"],
        "model": answer["model"],
        "attributes": answer["attributes"],
        "normalized_name": answer.get("normalized_name"),
        "category_suggestion": None,
    }
    shown = ("retailer", "sku", "name", "category", "category_group", "price")
    return {
        "question_key": listing["question_key"],
        "decision": "correct",
        "answer": said,
        "note": "known product",
        "listing": {field: listing[field] for field in shown}
        | {"day": listing["day"].isoformat(), "listing_brand": listing["brand"]},
        "judged": said | {"status": "accepted", "evidence": None},
        "answered_by": "human",
        "confidence": 1.0,
    }
