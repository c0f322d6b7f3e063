"""Filling the cache before it is asked: from history, and from products that are known.

Belongs here: which partitions have answers to enter, what a known product is, and writing
it as a person's answer. Does not belong here: embedding and entering (``entries``).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import ledger
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.stored_answers import newest_decisions
from normalizer_assets.batching.work import PartitionWork, turn
from normalizer_assets.cache.embedding_batches import embed_in_batches
from normalizer_assets.cache.entries import (
    OWN,
    PENDING_SCHEMA,
    Embedded,
    embed_pending,
    enter,
    heed_decisions,
    pending_entries,
)
from normalizer_assets.cache.vectors import UNREAD, embedded_text
from normalizer_assets.config import TIMEZONE, NormalizerConfig
from normalizer_assets.db.tables import PartitionState, partitions, review_decisions
from normalizer_assets.routing.routing import route_listings

if TYPE_CHECKING:
    from openai import OpenAI


@contextmanager
def own_work(
    config: NormalizerConfig, engine: sa.Engine, connect_api: "Callable[[], OpenAI]"
) -> Iterator[PartitionWork]:
    """Yields work in the cache's own name, for calls that no partition asks for.

    It has the day of the batches of texts that are under way, else today's.

    Raises:
        TimeoutError: Another process fills the cache.
    """
    partition = Partition(datetime.now(ZoneInfo(TIMEZONE)).date(), OWN)
    with engine.connect() as connection:
        for row in ledger.embedding_batches(connection, UNREAD)[:1]:
            [partition] = ledger.partitions_in(connection, row.shard_hash)
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


def through_batches(
    config: NormalizerConfig,
    engine: sa.Engine,
    connect_api: "Callable[[], OpenAI]",
    texts: pl.Series,
    *,
    wait: bool,
) -> int:
    """Sees that many texts get vectors through batches, where the configuration wants that.

    Args:
        config: All settings; ``polling.interval_seconds`` is the pause between two looks.
        engine: The normaliser's database.
        connect_api: Makes the API's client.
        texts: What is to be embedded; what has a vector is not asked again.
        wait: Whether to wait until the batches have ended.

    Returns:
        How many texts wait for a batch.

    Raises:
        BlockedError, ConfigurationError, openai.OpenAIError: As
            ``embedding_batches.embed_in_batches``.
        TimeoutError: Another process fills the cache.
    """
    while True:
        try:
            with own_work(config, engine, connect_api) as work:
                awaited = embed_in_batches(work, texts)
        except BlockedError as error:
            if not wait or error.by not in ("room", "doubt"):
                raise
        else:
            if not wait or not awaited:
                return awaited
        time.sleep(config.polling.interval_seconds)


def texts_of_history(engine: sa.Engine) -> pl.Series:
    """Returns the texts of all answers that ``warm_from_history`` would enter."""
    with engine.connect() as connection:
        pending = [pending_entries(connection, one) for one in _published(connection)]
    rows = pl.concat(pending) if pending else pl.DataFrame(schema=PENDING_SCHEMA)
    return rows.select(text=embedded_text(pl.col("name"), pl.col("listing_brand")))["text"]


def _published(connection: sa.Connection) -> list[Partition]:
    published: PartitionState = "published"
    rows = connection.execute(
        sa.select(partitions.c.day, partitions.c.retailer)
        .where(partitions.c.state == published)
        .order_by(partitions.c.day, partitions.c.retailer)
    )
    return [Partition(day, retailer) for day, retailer in rows]


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
    with engine.connect() as connection:
        published = _published(connection)
    total = Embedded()
    for partition in published:
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

    @property
    def texts(self) -> pl.Series:
        """What is embedded of them."""
        text = embedded_text(pl.col("name"), pl.col("brand"))
        return self.listings.select(text=text)["text"]


@dataclass(frozen=True)
class Entered:
    """What became of known products.

    Attributes:
        embedded: What entering them took.
        changed: Products whose answer replaces another one of an earlier file.
        left_out: Place of a product, from 0 -> why its answer does not count.
    """

    embedded: Embedded
    changed: int = 0
    left_out: Mapping[int, str] = field(default_factory=dict)


def warm_from_known(work: PartitionWork, known: Known) -> Entered:
    """Enters known products, as corrections by a person.

    The exact tier answers from them as well. An answer that a later file changes is taken
    over; what a person has decided otherwise in the review stands.

    Raises:
        BlockedError, ConfigurationError, openai.OpenAIError: As ``entries.enter``.
    """
    listings = known.listings.with_columns(
        retailer=pl.lit(OWN),
        day=pl.lit(work.partition.day),
        sku=pl.format("known {}", pl.int_range(pl.len())),
        unit_price=pl.lit(None, dtype=pl.String),
    )
    keyed = route_listings(listings, work.config).with_columns(place=pl.int_range(pl.len()))
    with work.begin() as connection:
        new, changed, left_out = _sorted_out(connection, keyed, known.answers)
        if new or changed:
            rows = [
                _decision(row, known.answers[row["place"]])
                for row in keyed.filter(pl.col("place").is_in([*new, *changed])).to_dicts()
            ]
            connection.execute(sa.insert(review_decisions), rows)
        corrected = keyed.filter(pl.col("place").is_in(changed))["question_key"].to_list()
        heed_decisions(connection, [], corrected)
    entering = keyed.filter(~pl.col("place").is_in(list(left_out))).unique(
        "question_key", keep="first", maintain_order=True
    )
    answers = [known.answers[place] for place in entering["place"]]
    pending = entering.select(
        "question_key",
        pl.lit(None, dtype=pl.Int64).alias("request_id"),
        "category_group",
        "name",
        pl.col("brand").alias("listing_brand"),
        "ean",
        pl.Series("brand", [answer["brand"] for answer in answers], dtype=pl.String),
        pl.Series("model", [answer["model"] for answer in answers], dtype=pl.String),
        pl.lit(None, dtype=pl.String).alias("llm_model"),
        pl.lit(None, dtype=pl.String).alias("batch_id"),
    ).select(*PENDING_SCHEMA)
    embedded = enter(work, pending) if pending.height else Embedded()
    return Entered(embedded, len(changed), left_out)


def _sorted_out(
    connection: sa.Connection, keyed: pl.DataFrame, answers: Sequence[dict[str, Any]]
) -> tuple[list[int], list[int], dict[int, str]]:
    """Returns the places of products that are new, that are changed, and that do not count."""
    decision = newest_decisions.c
    keys = sa.literal(keyed["question_key"].unique().to_list(), sa.ARRAY(sa.Text))
    statement = sa.select(
        decision.question_key, decision.answer, decision.listing["retailer"].astext.label("decider")
    ).where(decision.question_key == sa.any_(keys))
    decided = {row.question_key: row for row in connection.execute(statement)}
    new, changed, left_out = [], [], {}
    first: dict[str, int] = {}
    for place, key in keyed.select("place", "question_key").iter_rows():
        before, standing = first.setdefault(key, place), decided.get(key)
        if before != place:
            if _said(answers[before]) != _said(answers[place]):
                left_out[place] = f"product {before + 1} is the same and says otherwise"
        elif standing is None:
            new.append(place)
        elif _said(standing.answer) == _said(answers[place]):
            continue
        elif standing.decider == OWN:
            changed.append(place)
        else:
            left_out[place] = "a person decided otherwise in the review, and that stands"
    return new, changed, left_out


def _said(answer: Mapping[str, Any] | None) -> list[Any]:
    return [(answer or {}).get(name) for name in ("brand", "model", "attributes")]


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
