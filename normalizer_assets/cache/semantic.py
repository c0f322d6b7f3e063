"""The semantic tier: questions that have the answer to a question in other words.

Belongs here: finding the nearest entries, what becomes of a hit, near misses. Does not belong
here: whether a hit is one (``guard``), whether it was right (``audits``), entries
(``entries``), vectors (``vectors``).

A question that the exact tier misses is embedded, its nearest entries are found, and the
guard is asked about each. Whatever fails on the way makes a miss: the question is asked.
"""

import logging
from dataclasses import dataclass
from decimal import Decimal

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import questions, stored_answers
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.audits import closed_groups, current_lexicon, is_audited
from normalizer_assets.cache.guard import judge_pairs
from normalizer_assets.cache.lexicon import LexiconError
from normalizer_assets.cache.vectors import embed_texts, embedded_text, text_hashes
from normalizer_assets.config import ANSWER_CONTRACT_VERSION, ConfigurationError, NormalizerConfig
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import cache_entries, semantic_hits
from normalizer_assets.prompting.examples import examples_text

logger = logging.getLogger(__name__)

CANDIDATE_SCHEMA: dict[str, type[pl.DataType]] = {
    "question_key": pl.String,
    "entry_key": pl.String,
    "entry_name": pl.String,
    "entry_brand": pl.String,
    "entry_ean": pl.String,
    "entry_group": pl.String,
    "similarity": pl.Float64,
}


@dataclass(frozen=True)
class LookedUp:
    """What the semantic tier did for a partition.

    Attributes:
        questions: Questions that were looked up.
        served: Of them, answered by the answer to a like question.
        audited: Hits whose question is asked all the same.
        cost_usd: What embedding took.
        trouble: Why questions went without a lookup; ``None`` if all is well.
    """

    questions: int = 0
    served: int = 0
    audited: int = 0
    cost_usd: Decimal = Decimal(0)
    trouble: str | None = None


def look_up(work: PartitionWork, listings: pl.DataFrame) -> LookedUp:
    """Answers the partition's open questions from like ones, as far as that is proven.

    Args:
        work: The partition; its questions are claimed.
        listings: Routed listings.

    Raises:
        LostTurnError: Another process took the partition over.
    """
    import openai

    wanted = _wanted(work, listings)
    if wanted.is_empty():
        return LookedUp()
    try:
        spent = embed_texts(work, wanted["text"])
        with work.begin() as connection:
            found = judged_candidates(connection, wanted, work.config)
            hits = found.filter("hit").unique("question_key", keep="first", maintain_order=True)
            audited = is_audited(hits["question_key"], work.config.cache.audit_share)
            _record(connection, work, hits.with_columns(audited=audited))
            served = hits.filter(~audited)["question_key"].to_list()
            questions.release(connection, work.partition, served)
    except (
        BlockedError, ConfigurationError, LexiconError, openai.OpenAIError, sa.exc.DBAPIError,
    ) as error:  # fmt: skip
        # Whether that stops more than the cache is for who asks the model to find out.
        trouble = f"{wanted.height} questions were not looked up in the cache: {error}"
        logger.warning("%s: %s", work.partition.key, trouble)
        return LookedUp(questions=wanted.height, trouble=trouble)
    return LookedUp(
        questions=wanted.height,
        served=hits.height - int(audited.sum()),
        audited=int(audited.sum()),
        cost_usd=spent.cost_usd,
    )


def _wanted(work: PartitionWork, listings: pl.DataFrame) -> pl.DataFrame:
    """Returns the listings to look up, one a question, with their text and its hash.

    None where the cache is empty: nothing is embedded for nothing. What a person rejected
    is asked of a model, and so is what was a wrong hit once.
    """
    if not work.config.cache.semantic:
        return listings.clear()
    with work.engine.connect() as connection:
        if connection.execute(sa.select(sa.literal(1)).select_from(cache_entries).limit(1)).first():
            asked = questions.never_asked(connection, work.partition)
        else:
            asked = []
        barred = stored_answers.rejected_questions(connection, asked) | set(
            connection.execute(
                sa.select(semantic_hits.c.question_key).where(
                    semantic_hits.c.question_key == sa.any_(sa.literal(asked, sa.ARRAY(sa.Text))),
                    semantic_hits.c.state.in_(("audited", "disagreed")),
                )
            ).scalars()
        )
    chosen = listings.filter(pl.col("question_key").is_in(list(set(asked) - barred)))
    return described(chosen.unique("question_key", keep="first", maintain_order=True), work.config)


def described(listings: pl.DataFrame, config: NormalizerConfig) -> pl.DataFrame:
    """Returns listings as lookups take them.

    Returns:
        Columns question_key, name, brand, ean, category_group, text (that is embedded) and
        text_hash.
    """
    frame = listings.with_columns(text=embedded_text(pl.col("name"), pl.col("brand")))
    return frame.select(
        "question_key",
        "name",
        "brand",
        "ean",
        "category_group",
        "text",
        text_hashes(frame["text"], config.embedding),
    )


def judged_candidates(
    connection: sa.Connection, wanted: pl.DataFrame, config: NormalizerConfig
) -> pl.DataFrame:
    """Finds the nearest entries of listings and asks the guard about each.

    Args:
        connection: In a transaction.
        wanted: As ``described`` returns it; texts without a vector have no candidates.
        config: All settings.

    Returns:
        ``CANDIDATE_SCHEMA`` with hit, reason and forgiven (``guard.judge_pairs``), the
        nearest first.
    """
    candidates = nearest(connection, wanted, config)
    pairs = candidates.join(
        wanted, on="question_key", how="left", maintain_order="left"
    ).select(
        name_a="entry_name", brand_a="entry_brand", group_a="entry_group", ean_a="entry_ean",
        name_b="name", brand_b="brand", group_b="category_group", ean_b="ean",
    )  # fmt: skip
    closed = pl.col("entry_group").is_in(list(closed_groups(connection, config)))
    judged = candidates.with_columns(judge_pairs(pairs, current_lexicon(connection, config)))
    return judged.with_columns(
        hit=pl.col("hit") & ~closed,
        reason=pl.when(closed)
        .then(pl.lit("too many hits of this category group were wrong"))
        .otherwise("reason"),
    )


def nearest(
    connection: sa.Connection, wanted: pl.DataFrame, config: NormalizerConfig
) -> pl.DataFrame:
    """Finds the nearest entries of texts through the index.

    The index compares signs; the ``search_breadth`` entries that it finds are compared by their
    whole vectors.

    Args:
        connection: In a transaction.
        wanted: Columns question_key and text_hash.
        config: Its sections cache and embedding.

    Returns:
        ``CANDIDATE_SCHEMA``, by question the nearest first.
    """
    settings = config.cache
    # Its parameter cannot be bound.
    connection.execute(sa.text(f"set local hnsw.ef_search = {settings.search_breadth:d}"))
    rows = connection.execute(
        nearest_statement(config.embedding.dimensions),
        {
            "breadth": settings.search_breadth,
            "keys": wanted["question_key"].to_list(),
            "hashes": wanted["text_hash"].to_list(),
            "neighbours": settings.neighbours,
            "farthest": 1 - settings.min_similarity,
            "contract": ANSWER_CONTRACT_VERSION,
            "model": config.embedding.model,
            "seconds": settings.ttl_days * 86400,
        },
    )
    return pl.DataFrame([tuple(row) for row in rows], schema=CANDIDATE_SCHEMA, orient="row")


def nearest_statement(dimensions: int) -> sa.TextClause:
    """Returns the query of ``nearest``: its index is made for one length of vectors."""
    return sa.text(_NEAREST.format(dimensions=dimensions))


# The distance is compared outside: inside, with an iterative scan, a miss takes 100 times as
# long as a hit (facts on semantic caches, 2, "Traps"). The index is used for an ORDER BY on a
# value of the outer row, which LATERAL gives it and a plain join does not.
_NEAREST = """
with asked as materialized (
    select wanted.question_key, coalesce(
        (select embedding from normalizer.embedded_texts kept
         where kept.text_hash = wanted.text_hash),
        (select embedding from normalizer.cache_entries entry
         where entry.text_hash = wanted.text_hash limit 1)) as embedding
    from unnest(cast(:keys as text[]), cast(:hashes as uuid[])) wanted (question_key, text_hash)
)
select asked.question_key, near.question_key, near.name, near.listing_brand, near.ean,
       near.category_group, 1 - near.distance
from asked cross join lateral (
    select *, embedding <=> asked.embedding as distance
    from (
        select question_key, name, listing_brand, ean, category_group, answer_contract,
               embedding_model, created_at, embedding
        from normalizer.cache_entries
        order by binary_quantize(embedding)::bit({dimensions})
                 <~> binary_quantize(asked.embedding)::bit({dimensions})
        limit :breadth
    ) candidate
    where answer_contract = :contract and embedding_model = :model
      and created_at >= now() - make_interval(secs => :seconds)
    order by distance limit :neighbours
) near
where asked.embedding is not null and near.distance <= :farthest
order by asked.question_key, near.distance, near.question_key
"""


# --- near misses ----------------------------------------------------------------------


def with_examples(work: PartitionWork, listings: pl.DataFrame) -> pl.DataFrame:
    """Adds the nearest accepted answers as examples to listings that are asked at full.

    A near miss is not wasted: a model that sees how a variant was answered answers this one
    alike. Texts that were never looked up have none, and nothing is embedded for them.

    Args:
        work: The partition; ``cache.examples`` says how many each.
        listings: Routed listings.

    Returns:
        ``listings`` with examples (String, null without any); unchanged where none are
        wanted.
    """
    wished = work.config.cache.examples
    if not wished:
        return listings
    wanted = described(
        listings.filter(pl.col("tier") == "full").unique("question_key", keep="first"), work.config
    )
    try:
        with work.engine.begin() as connection:
            found = nearest(connection, wanted, work.config).join(
                wanted.select("question_key", "category_group"), on="question_key"
            )
            near = (
                found.filter(
                    (pl.col("entry_group") == pl.col("category_group"))
                    & (pl.col("entry_key") != pl.col("question_key"))
                )
                .group_by("question_key", maintain_order=True)
                .head(wished)
            )
            said = stored_answers.said_of(
                connection, work.partition, near["entry_key"].unique().to_list()
            )
    except sa.exc.DBAPIError as error:
        logger.warning("%s: no examples in prompts: %s", work.partition.key, error)
        return listings.with_columns(examples=pl.lit(None, dtype=pl.String))
    texts = {
        key: examples_text(
            [
                (row["entry_name"], said[row["entry_key"]])
                for row in part.iter_rows(named=True)
                if row["entry_key"] in said
            ]
        )
        for (key,), part in near.partition_by("question_key", as_dict=True).items()
    }
    return listings.with_columns(
        examples=pl.col("question_key").replace_strict(
            pl.Series(list(texts), dtype=pl.String),
            pl.Series(list(texts.values()), dtype=pl.String),
            default=None,
            return_dtype=pl.String,
        )
    )


# --- hits ------------------------------------------------------------------


def _record(connection: sa.Connection, work: PartitionWork, hits: pl.DataFrame) -> None:
    if hits.is_empty():
        return
    bulk.stage(
        connection,
        "new_hits",
        hits.select(
            "question_key",
            "entry_key",
            "similarity",
            category_group="entry_group",
            forgiven=pl.col("forgiven").list.join(" "),
            state=pl.when("audited").then(pl.lit("audited")).otherwise(pl.lit("served")),
        ),
    )
    partition = work.partition
    connection.execute(
        sa.text(
            """
            insert into normalizer.semantic_hits
                (question_key, entry_key, category_group, similarity, forgiven, state, retailer,
                 day)
            select question_key, entry_key, category_group, similarity,
                   array_remove(string_to_array(forgiven, ' '), ''), state, :retailer, :day
            from new_hits order by question_key
            on conflict (question_key) do update set
                entry_key = excluded.entry_key, similarity = excluded.similarity,
                forgiven = excluded.forgiven, state = excluded.state,
                retailer = excluded.retailer, day = excluded.day,
                found_at = now(), settled_at = null
            """
        ),
        {"retailer": partition.retailer, "day": partition.day},
    )
    connection.execute(sa.text("drop table new_hits"))
