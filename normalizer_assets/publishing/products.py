"""From routed listings and stored answers to normalised products.

Belongs here: which answer a row takes, who is said to have answered it, what it cost, and
its confidence and status. Does not belong here: what counts as evidence
(``answers.evidence``), writing the rows (``versions``).
"""

import hashlib

import polars as pl

from normalizer_assets.answers.confidence import confidences, load_calibrations, thresholds
from normalizer_assets.answers.evidence import gather_evidence
from normalizer_assets.answers.rules import read_listings
from normalizer_assets.answers.verdicts import verdict
from normalizer_assets.batching.stored_answers import DECISION_SCHEMA
from normalizer_assets.cache.neighbours import NEIGHBOUR_SCHEMA
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
    "band",
    "contributions",
    "answered_by",
    "cache_tier",
    "llm_model",
    "prompt_version",
    "cost_usd",
    "batch_id",
    "custom_id",
    "question_key",
    "listing_brand",
    "ean",
    "evidence",
)

TELLING_ATTRIBUTES = ("ram", "capacity", "size", "color")
"""Attributes that a composed name carries, in this order."""

RULES_CONFIDENCE = 0.6
"""Highest confidence of a row that only the basic rules answered: below every sensible
threshold, because no second reading confirms the rules."""

DECIDED = ("accept", "correct")
DECIDED_CONFIDENCE = 1.0


def build_products(
    routed: pl.DataFrame,
    answers: pl.DataFrame,
    config: NormalizerConfig,
    decisions: pl.DataFrame | None = None,
    neighbours: pl.DataFrame | None = None,
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
        decisions: What people decided, as ``stored_answers.decisions_for`` returns it.
        neighbours: What the cache knows of variants, as ``cache.neighbours`` returns it.

    Returns:
        One row a listing, in ``routed``'s order, with ``PRODUCT_COLUMNS``, and
        ``request_id`` where the verdict is one on a stored answer: not the rules', not a
        person's.
    """
    rules = read_listings(routed, config.grammar)
    listings = routed.rename({"brand": "listing_brand"}).with_columns(
        *(rules[column].alias(f"rules_{column}") for column in ANSWER_COLUMNS),
        contributions=_contributions(routed),
    )
    if neighbours is None:
        neighbours = pl.DataFrame(schema=NEIGHBOUR_SCHEMA)
    rows = listings
    for known in (answers, _renamed(decisions), neighbours):
        rows = rows.join(known, on="question_key", how="left", maintain_order="left")
    return (
        _judged(_answered(rows), config)
        .with_columns(_normalized_name(), *_request_columns())
        .select(*PRODUCT_COLUMNS, "request_id")
    )


def _contributions(routed: pl.DataFrame) -> pl.Expr:
    """What each factor contributed to the score, as JSON."""
    if "contributions" not in routed.columns:
        # Submitted by a release that did not keep them.
        return pl.lit(None, dtype=pl.String)
    return pl.col("contributions").struct.json_encode()


def _renamed(decisions: pl.DataFrame | None) -> pl.DataFrame:
    """Returns decisions with their answer's columns as ``decided_...``."""
    if decisions is None:
        decisions = pl.DataFrame(schema=DECISION_SCHEMA)
    return decisions.rename({column: f"decided_{column}" for column in ANSWER_COLUMNS})


def content_hash(products: pl.DataFrame) -> str:
    """Identifies the content of a version: equal rows in any order give an equal hash."""
    content = products.select(PRODUCT_COLUMNS).sort("sku").write_ndjson()
    return hashlib.sha256(content.encode()).hexdigest()


def _answered(rows: pl.DataFrame) -> pl.DataFrame:
    """Completes answers with what the row itself states, and says who answered.

    What a person accepted or corrected stands as it is. Where there is no answer, the
    rules' reading stands in. The prompts show a listing's name, not its brand field (issue
    2, "The prompts"), so an answer without a brand takes that field: it is evidence, not a
    guess.
    """
    without = pl.col("answered_by").is_null()
    own = pl.col("own").fill_null(value=False)
    decided = pl.col("decision").is_in(DECIDED).fill_null(value=False)
    by_person = (pl.col("decision") == "correct").fill_null(value=False)
    row_brand = pl.when(~decided).then(stated_brand(pl.col("listing_brand")))
    return rows.with_columns(
        pl.when(decided)
        .then(f"decided_{column}")
        .when(without)
        .then(f"rules_{column}")
        .otherwise(column)
        .alias(column)
        for column in ANSWER_COLUMNS
    ).with_columns(
        own,
        decided=decided,
        brand=pl.coalesce("brand", row_brand),
        answered_by=pl.when(by_person)
        .then(pl.lit("human"))
        .when(without)
        .then(pl.lit("rules"))
        .when(own)
        .then("answered_by")
        .otherwise(pl.lit("cache")),
        cache_tier=pl.when(~without & ~own & ~by_person).then(
            pl.when("alike").then(pl.lit("semantic")).otherwise(pl.lit("exact"))
        ),
        llm_model=pl.when(~by_person).then("llm_model"),
    )


def _judged(rows: pl.DataFrame, config: NormalizerConfig) -> pl.DataFrame:
    """Adds confidence, status and reasons; what a person decided is not judged again."""
    by_rules = pl.col("answered_by") == "rules"
    # A reading does not confirm itself: for rows of the rules there is no second reader.
    second_reader = rows.with_columns(
        pl.when(~by_rules).then(column).alias(column)
        for column in ("rules_brand", "rules_model", "rules_attributes")
    ).rename({"status": "stored_status"})
    calibrations = load_calibrations(config.calibrations)
    evidence = gather_evidence(second_reader)
    confidence = confidences(evidence.features, rows["llm_model"], calibrations)
    judged = evidence.rows.with_columns(
        confidence=pl.when(by_rules)
        .then(pl.min_horizontal(confidence, pl.lit(RULES_CONFIDENCE)))
        .otherwise(confidence),
        reasons=pl.when(by_rules)
        .then(pl.concat_str(pl.lit("answered by basic rules; "), "reasons").str.strip_chars("; "))
        .otherwise("reasons"),
    )
    needed = thresholds(
        pl.col("llm_model"), pl.col("category_group"), calibrations, config.confidence
    )
    # No second reading confirms the rules, however low a threshold is set.
    status = (
        pl.when(by_rules).then(pl.lit("review")).otherwise(verdict(pl.col("confidence"), needed))
    )
    weak = (status == "review") & (pl.col("reasons") == "")
    reasons = (
        pl.when(weak)
        .then(pl.format("nothing stands out, but a confidence of {} is needed", needed.round(3)))
        .otherwise("reasons")
    )
    rejected = (
        (pl.col("stored_status") == "rejected") | (by_rules & (pl.col("decision") == "reject"))
    ).fill_null(value=False)
    said = pl.when(pl.col("decision") == "accept").then(pl.lit("accepted by a person"))
    return judged.with_columns(
        # The evidence completes answers from the listing; what a person left out stays out.
        *(
            pl.when("decided").then(second_reader[column]).otherwise(column).alias(column)
            for column in ("brand", "attributes")
        ),
        confidence=pl.when("decided").then(DECIDED_CONFIDENCE).otherwise("confidence"),
        status=pl.when("decided")
        .then(pl.lit("accepted"))
        .when(rejected)
        .then(pl.lit("rejected"))
        .otherwise(status),
        reasons=pl.when("decided")
        .then(said.otherwise(pl.lit("corrected by a person")))
        .when(rejected)
        .then(pl.lit("rejected by a person"))
        .otherwise(reasons),
        request_id=pl.when(~pl.col("decided") & ~rejected).then("request_id"),
    )


def _normalized_name() -> pl.Expr:
    """Composes the name that a compact answer lacks; without a model, the name tidied."""
    told_apart_by = [
        pl.col("attributes").str.json_path_match(f"$.{key}") for key in TELLING_ATTRIBUTES
    ]
    composed = pl.when(pl.col("model").is_not_null()).then(
        pl.concat_str("brand", "model", *told_apart_by, separator=" ", ignore_nulls=True)
    )
    # What the rules read may be what a person has taken out.
    tidied = pl.when("decided").then("name").otherwise("rules_normalized_name")
    return pl.coalesce("normalized_name", composed, tidied).alias("normalized_name")


def _request_columns() -> list[pl.Expr]:
    """Says which request a row rests on, and books each request's cost exactly once."""
    # Several listings of a partition may ask the same question: the one that was asked for
    # carries its cost, or, where that SKU is gone from a file landed again, the first.
    asked = pl.col("sku") == pl.col("asked_sku")
    first = pl.int_range(pl.len()) == 0
    carries = pl.col("own") & (asked | (first & ~asked.any())).over("question_key")
    return [
        # Without an own request: from the cache, a person's answer as well. What was asked
        # again after a rejection was asked at full, whatever the score says.
        pl.when(
            (pl.col("answered_by") == "cache")
            | ((pl.col("answered_by") == "human") & ~pl.col("own"))
        )
        .then(pl.lit("cache"))
        .when(pl.col("own") & (pl.col("asked_tier") == "full"))
        .then(pl.lit("full"))
        .otherwise("tier")
        .alias("route"),
        pl.when("own").then("batch_id").alias("batch_id"),
        pl.when("own").then("custom_id").alias("custom_id"),
        pl.when(carries)
        .then("cost_usd")
        .otherwise(pl.lit(0, dtype=pl.Decimal(18, 9)))
        .alias("cost_usd"),
    ]
