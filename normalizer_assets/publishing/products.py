"""From routed listings and stored answers to normalised products.

Belongs here: which answer a row takes, who is said to have answered it, what it cost, and
its confidence and status. Does not belong here: what counts as evidence
(``answers.evidence``), writing the rows (``versions``).
"""

import hashlib

import polars as pl

from normalizer_assets.answers.evidence import gather_evidence
from normalizer_assets.answers.rules import read_listings
from normalizer_assets.answers.verdicts import verdict
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.grammar.brands import stated_brand

ANSWER_COLUMNS = ("brand", "model", "attributes", "normalized_name", "category_suggestion")

PRODUCT_COLUMNS = (
    "retailer",
    "day",
    "sku",
    "name",
    "category",
    "category_group",
    "price",
    *ANSWER_COLUMNS,
    "confidence",
    "status",
    "reasons",
    "route",
    "score",
    "answered_by",
    "cache_tier",
    "llm_model",
    "prompt_version",
    "cost_usd",
    "batch_id",
    "custom_id",
    "question_key",
)

TELLING_ATTRIBUTES = ("ram", "capacity", "size", "color")
"""Attributes that a composed name carries, in this order."""

RULES_CONFIDENCE = 0.6
"""Highest confidence of a row that only the basic rules answered: below every sensible
threshold, because no second reading confirms the rules."""


def build_products(
    routed: pl.DataFrame, answers: pl.DataFrame, config: NormalizerConfig
) -> pl.DataFrame:
    """Joins every listing with its answer, and judges it.

    A row keeps the request that was bought for its partition, however often it is built
    again; ``cache`` means bought for another partition. A listing whose question has no
    answer takes the reading of the basic rules.

    Args:
        routed: The routed_products frame.
        answers: As ``ledger.answers_for`` returns them, without those questions that the
            partition closed by rules.
        config: Thresholds and grammar.

    Returns:
        One row a listing, in ``routed``'s order, with ``PRODUCT_COLUMNS``, and
        ``request_id`` on the one row that carries an own answer's verdict.
    """
    rules = read_listings(routed, config.grammar)
    listings = routed.rename({"brand": "listing_brand"}).with_columns(
        rules[column].alias(f"rules_{column}") for column in ANSWER_COLUMNS
    )
    rows = listings.join(answers, on="question_key", how="left", maintain_order="left")
    return (
        _judged(_answered(rows), config)
        .with_columns(_normalized_name(), *_request_columns())
        .select(*PRODUCT_COLUMNS, "request_id")
    )


def content_hash(products: pl.DataFrame) -> str:
    """Identifies the content of a version: equal rows in any order give an equal hash."""
    content = products.select(PRODUCT_COLUMNS).sort("sku").write_ndjson()
    return hashlib.sha256(content.encode()).hexdigest()


def _answered(rows: pl.DataFrame) -> pl.DataFrame:
    """Completes answers with what the row itself states, and says who answered.

    Where there is no answer, the rules' reading stands in. The prompts show a listing's
    name, not its brand field (issue 2, "The prompts"), so an answer without a brand takes
    that field: it is evidence, not a guess.
    """
    without = pl.col("answered_by").is_null()
    own = pl.col("own").fill_null(value=False)
    return rows.with_columns(
        pl.when(without).then(f"rules_{column}").otherwise(column).alias(column)
        for column in ANSWER_COLUMNS
    ).with_columns(
        own,
        brand=pl.coalesce("brand", stated_brand(pl.col("listing_brand"))),
        answered_by=pl.when(without)
        .then(pl.lit("rules"))
        .when(own)
        .then("answered_by")
        .otherwise(pl.lit("cache")),
        cache_tier=pl.when(~without & ~own).then(pl.lit("exact")),
    )


def _judged(rows: pl.DataFrame, config: NormalizerConfig) -> pl.DataFrame:
    """Adds confidence, status and reasons; a replayed answer keeps its verdict."""
    by_rules = pl.col("answered_by") == "rules"
    # A reading does not confirm itself: for rows of the rules there is no second reader.
    second_reader = rows.with_columns(
        pl.when(~by_rules).then(column).alias(column)
        for column in ("rules_brand", "rules_model", "rules_attributes")
    ).rename({"confidence": "kept_confidence", "status": "kept_status", "reasons": "kept_reasons"})
    judged = gather_evidence(second_reader).with_columns(
        confidence=pl.when(by_rules)
        .then(pl.min_horizontal("confidence", pl.lit(RULES_CONFIDENCE)))
        .otherwise("confidence"),
        reasons=pl.when(by_rules)
        .then(pl.concat_str(pl.lit("answered by basic rules; "), "reasons").str.strip_chars("; "))
        .otherwise("reasons"),
    )
    status = verdict(
        pl.col("confidence"),
        pl.col("category_group"),
        config.confidence.threshold,
        {str(group): value for group, value in config.confidence.thresholds.items()},
    )
    keeps = (pl.col("answered_by") == "cache") & pl.col("kept_status").is_not_null()
    return judged.with_columns(status=status).with_columns(
        pl.when(keeps).then(f"kept_{column}").otherwise(column).alias(column)
        for column in ("confidence", "status", "reasons")
    )


def _normalized_name() -> pl.Expr:
    """Composes the name that a compact answer lacks; without a model, the name tidied."""
    told_apart_by = [
        pl.col("attributes").str.json_path_match(f"$.{key}") for key in TELLING_ATTRIBUTES
    ]
    composed = pl.when(pl.col("model").is_not_null()).then(
        pl.concat_str("brand", "model", *told_apart_by, separator=" ", ignore_nulls=True)
    )
    return pl.coalesce("normalized_name", composed, "rules_normalized_name").alias(
        "normalized_name"
    )


def _request_columns() -> list[pl.Expr]:
    """Says which request a row rests on, and books each request's cost exactly once."""
    # Several listings of a partition may ask the same question: the one that was asked for
    # carries its cost, or, where that SKU is gone from a file landed again, the first.
    asked = pl.col("sku") == pl.col("asked_sku")
    first = pl.int_range(pl.len()) == 0
    carries = pl.col("own") & (asked | (first & ~asked.any())).over("question_key")
    return [
        pl.when(pl.col("answered_by") == "cache")
        .then(pl.lit("cache"))
        .otherwise("tier")
        .alias("route"),
        pl.when("own").then("batch_id").alias("batch_id"),
        pl.when("own").then("custom_id").alias("custom_id"),
        pl.when(carries)
        .then("cost_usd")
        .otherwise(pl.lit(0, dtype=pl.Decimal(18, 9)))
        .alias("cost_usd"),
        pl.when(carries).then("request_id").alias("request_id"),
    ]
