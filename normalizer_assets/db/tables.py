"""The tables of the schema ``normalizer``, as SQLAlchemy sees them.

Belongs here: columns, keys and the words that a state may take. Does not belong here:
how tables come to be (``migrations``) and what is asked of them (the phases). Each table
is documented for its readers in ``docs/tables.md``.
"""

from datetime import datetime
from typing import Literal, get_args

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "normalizer"

PartitionState = Literal[
    "landed", "submitted", "waiting", "collecting", "published", "held", "failed"
]
"""A partition's life (DESIGN.md)."""

Blocker = Literal[
    "configuration", "key", "quota", "budget", "room", "doubt", "stuck", "company"
]  # fmt: skip
"""What stands in a partition's way without being a failure of it: a setting (a missing key,
a model that is gone), a refused key, a used-up
quota, a budget, the API's room for more batches, a create whose reply was lost, a batch
that does not end after its cancel, the other small partitions of its day that it waits for."""

BatchState = Literal[
    "planned",
    "uploaded",
    "creating",
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
]
"""Three states of ours before the batch is known to exist, then the API's eight.
``creating`` is written before the create leaves: found after a crash it means doubt."""

UNSENT_BATCH_STATES: tuple[BatchState, ...] = ("planned", "uploaded", "creating")

TERMINAL_BATCH_STATES: tuple[BatchState, ...] = ("completed", "failed", "expired", "cancelled")

RequestState = Literal[
    "planned",
    "sent",
    "received",
    "ok",
    "http_error",
    "unavailable",
    "expired",
    "refused",
    "truncated",
    "invalid",
    "missing",
    "not_executed",
    "outcome_unknown",
]
"""A request ends in exactly one of the states after ``received``: its raw reply is stored
and not read yet. ``unavailable`` is an error that passes (429, 5xx, status 0)."""

PASSING_STATES: tuple[RequestState, ...] = ("expired", "unavailable")
"""Why a batch's line may be asked again in the next round."""

UNBOUGHT_STATES: tuple[RequestState, ...] = ("planned", "not_executed")
"""Requests that never were, or are not yet, at the API."""

Step = Literal["canary", "batch", "individual", "legacy", "embedding"]
"""What a request was for. ``answered_by`` says the same, but that a canary is an
individual call."""

Decision = Literal["accept", "correct", "reject"]
"""What a person says of an answer (DESIGN.md, "A partition's life")."""

HitState = Literal["served", "audited", "agreed", "disagreed", "withdrawn"]
"""A semantic hit is served, or audited: its question is asked all the same, and the model's
answer agrees or not. What a person rejects has disagreed; withdrawn with its entry."""

metadata = MetaData(schema=SCHEMA)

MONEY = Numeric(18, 9)
"""USD; a single cached token costs 0.0000000025."""


SANTIAGO_DAY = "(now() AT TIME ZONE 'America/Santiago'::text)::date"
"""The calendar day on which money is reserved (DESIGN.md, "Paying")."""


def _one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} in ({listed})", name=f"{column}_known")


def _timestamp(name: str) -> Column[datetime]:
    return Column(name, DateTime(timezone=True))


partitions = Table(
    "partitions",
    metadata,
    Column("retailer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("state", Text, nullable=False),
    Column("blocked_by", Text),
    Column("blocked_reason", Text),
    Column("blocked_usd", MONEY),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("round", Integer, nullable=False, server_default=text("1")),
    Column("raw_snapshot", Text),
    Column("raw_count", Integer),
    Column("normalized_count", Integer),
    Column("quarantined_count", Integer),
    Column("collapsed_count", Integer),
    Column("individual_usd", MONEY),
    Column("individual_legacy_usd", MONEY),
    Column("submits", Integer, nullable=False, server_default=text("0")),
    Column("collects", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _timestamp("next_attempt_at"),
    _timestamp("deadline_at"),
    Column("newest_version", Integer),
    Column("published_version", Integer),
    Column(
        "updated_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        onupdate=func.now(),
    ),
    _one_of("state", get_args(PartitionState)),
    _one_of("blocked_by", get_args(Blocker)),
)

quarantined_listings = Table(
    "quarantined_listings",
    metadata,
    Column("retailer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("row_number", BigInteger, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("raw", JSONB, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("shard_hash", Text, primary_key=True),
    Column("batch_id", Text, unique=True),
    Column("llm_model", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False, server_default=text("0")),
    Column("estimated_usd", MONEY, nullable=False),
    Column("input_file_id", Text),
    Column("output_file_id", Text),
    Column("error_file_id", Text),
    Column("completed_count", Integer, nullable=False, server_default=text("0")),
    Column("failed_count", Integer, nullable=False, server_default=text("0")),
    Column("errors", JSONB),
    Column("usage", JSONB),
    Column("unplaced_usd", MONEY, nullable=False, server_default=text("0")),
    Column("alert", Text),
    Column("planned_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _timestamp("gathers_until"),
    _timestamp("missed_at"),
    _timestamp("submitted_at"),
    _timestamp("progressed_at"),
    _timestamp("cancel_requested_at"),
    _timestamp("released_at"),
    _timestamp("terminal_at"),
    _timestamp("harvested_at"),
    _timestamp("files_removed_at"),
    _one_of("state", get_args(BatchState)),
)

batch_requests = Table(
    "batch_requests",
    metadata,
    Column("request_id", BigInteger, Identity(), primary_key=True),
    Column("shard_hash", Text, ForeignKey(batches.c.shard_hash)),
    Column("custom_id", Text, nullable=False),
    Column("retailer", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("sku", Text),
    Column("question_key", Text),
    Column("step", Text, nullable=False),
    Column("round", Integer, nullable=False, server_default=text("1")),
    Column("tier", Text),
    Column("llm_model", Text, nullable=False),
    Column("prompt_version", Text),
    Column("body_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("raw", Text),
    Column("input_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("output_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("estimated_usd", MONEY, nullable=False),
    Column("bound_usd", MONEY, nullable=False),
    Column("cost_usd", MONEY),
    Column("reserved_on", Date, nullable=False, server_default=text(SANTIAGO_DAY)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("planned_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _timestamp("settled_at"),
    UniqueConstraint("shard_hash", "custom_id"),
    Index("batch_requests_by_partition", "retailer", "day"),
    Index("batch_requests_by_question", "question_key"),
    # Spending of a day is read from the index alone, before every paid call.
    Index(
        "batch_requests_by_reservation",
        "reserved_on",
        postgresql_include=["cost_usd", "estimated_usd"],
    ),
    _one_of("state", get_args(RequestState)),
    _one_of("step", get_args(Step)),
)

answers = Table(
    "answers",
    metadata,
    Column("request_id", BigInteger, ForeignKey(batch_requests.c.request_id), primary_key=True),
    Column("question_key", Text, nullable=False),
    Column("retailer", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("answered_by", Text, nullable=False),
    Column("llm_model", Text, nullable=False),
    Column("brand", Text),
    Column("model", Text),
    Column("attributes", JSONB, nullable=False),
    Column("normalized_name", Text),
    Column("category_suggestion", Text),
    Column("model_confidence", Double),
    Column("confidence", Double),
    Column("status", Text),
    Column("reasons", Text),
    Column("judged_with", Text),
    Column("answered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # With the status in it, known questions are found in the index alone: twice as many a second.
    Index("answers_by_question", "question_key", "answered_at", postgresql_include=["status"]),
)

partition_questions = Table(
    "partition_questions",
    metadata,
    Column("retailer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("question_key", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("waits", Boolean, nullable=False, server_default=text("false")),
    _timestamp("newer_than"),
    ForeignKeyConstraint(["retailer", "day"], [partitions.c.retailer, partitions.c.day]),
    # The claim: of all partitions with an open question, one asks and the others wait.
    Index(
        "one_partition_asks_a_question",
        "question_key",
        unique=True,
        postgresql_where=text("state = 'open' and not waits"),
    ),
    Index(
        "partition_questions_open",
        "retailer",
        "day",
        postgresql_where=text("state = 'open'"),
    ),
    _one_of("state", ("open", "answered", "rules")),
)

budgets = Table("budgets", metadata, Column("scope", Text, primary_key=True))
"""One row a budget (``day 2024-10-01``, ``partition 2024-10-01|lider``), to be locked while
money is reserved; what is spent stands in the ledger alone."""

product_versions = Table(
    "product_versions",
    metadata,
    Column("retailer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("verdict_reasons", Text),
    Column("measures", JSONB),
    Column("failed_gates", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _timestamp("rolled_back_at"),
    ForeignKeyConstraint(["retailer", "day"], [partitions.c.retailer, partitions.c.day]),
    _one_of("verdict", ("pending", "green", "red")),
)

product_rows = Table(
    "product_rows",
    metadata,
    Column("retailer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("category", Text),
    Column("category_group", Text, nullable=False),
    Column("price", BigInteger),
    Column("brand", Text),
    Column("model", Text),
    Column("attributes", JSONB, nullable=False),
    Column("normalized_name", Text, nullable=False),
    Column("category_suggestion", Text),
    Column("confidence", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("score", Double, nullable=False),
    Column("band", Text),
    Column("contributions", JSONB),
    Column("answered_by", Text, nullable=False),
    Column("cache_tier", Text),
    Column("llm_model", Text),
    Column("prompt_version", Text),
    Column("cost_usd", MONEY, nullable=False),
    Column("batch_id", Text),
    Column("custom_id", Text),
    Column("request_id", BigInteger),
    Column("question_key", Text, nullable=False),
    Column("listing_brand", Text),
    Column("ean", Text),
    Column("evidence", JSONB),
    Column("run_id", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    ForeignKeyConstraint(
        ["retailer", "day", "version"],
        [product_versions.c.retailer, product_versions.c.day, product_versions.c.version],
        ondelete="CASCADE",
    ),
    _one_of("status", ("accepted", "review", "rejected")),
    _one_of("answered_by", ("cache", "batch", "individual", "legacy", "rules", "human")),
)

PRODUCT_VIEW = tuple(
    column
    for column in product_rows.columns
    if column.name
    not in {
        *("version", "question_key", "listing_brand", "ean", "evidence"),
        *("band", "contributions", "request_id"),
    }
)
"""What the views ``normalized_products`` and ``published_products`` show."""

cache_entries = Table(
    "cache_entries",
    metadata,
    Column("question_key", Text, primary_key=True),
    Column("request_id", BigInteger, ForeignKey(batch_requests.c.request_id)),
    Column("category_group", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("listing_brand", Text),
    Column("ean", Text),
    Column("stem", Text),
    Column("brand", Text),
    Column("model", Text),
    Column("llm_model", Text),
    Column("batch_id", Text),
    Column("retailer", Text),
    Column("day", Date),
    Column("answer_contract", Integer, nullable=False),
    Column("embedding_model", Text, nullable=False),
    Column("text_hash", Uuid, nullable=False),
    Column("embedding", HALFVEC(1536), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("cache_entries_by_stem", "stem"),
    Index("cache_entries_by_text", "text_hash"),
    Index("cache_entries_by_age", "created_at"),
    # Of signs alone: a seventh of the index of whole vectors, faster, and it finds as much
    # (docs/evaluation.md, "The semantic cache").
    Index(
        "cache_entries_by_similarity",
        literal_column("(binary_quantize(embedding)::bit(1536))").label("signs"),
        postgresql_using="hnsw",
        postgresql_with={"m": 24, "ef_construction": 200},
        postgresql_ops={"signs": "bit_hamming_ops"},
    ),
    # Vectors lie in their rows: what the index finds is compared by them, and each that lies
    # elsewhere is two more look-ups.
    postgresql_with={"toast_tuple_target": 8160},
)
"""Nothing in it is ever updated: an update would enter the row into the index anew."""

embedded_texts = Table(
    "embedded_texts",
    metadata,
    Column("text_hash", Uuid, primary_key=True),
    Column("embedding", HALFVEC(1536), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""Vectors of texts that have no entry yet; entering one moves its vector."""

semantic_hits = Table(
    "semantic_hits",
    metadata,
    Column("question_key", Text, primary_key=True),
    Column("entry_key", Text, nullable=False),
    Column("category_group", Text, nullable=False),
    Column("similarity", Double, nullable=False),
    Column("forgiven", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("retailer", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _timestamp("settled_at"),
    Index("semantic_hits_by_entry", "entry_key"),
    _one_of("state", get_args(HitState)),
)

review_decisions = Table(
    "review_decisions",
    metadata,
    Column("decision_id", BigInteger, Identity(), primary_key=True),
    Column("question_key", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("answer", JSONB),
    Column("note", Text),
    Column("listing", JSONB, nullable=False),
    Column("judged", JSONB, nullable=False),
    Column("answered_by", Text, nullable=False),
    Column("llm_model", Text),
    Column("confidence", Double, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("review_decisions_by_question", "question_key", "decision_id"),
    _one_of("decision", get_args(Decision)),
)
"""What people decided, never changed: of several about a question the newest counts."""

answer_sources = Table(
    "answer_sources",
    metadata,
    Column("source", Text, primary_key=True),
    Column("first_used_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

price_comparisons = Table(
    "price_comparisons",
    metadata,
    Column("day", Date, primary_key=True),
    Column("product_id", Text, primary_key=True),
    Column("ean", Text),
    Column("brand", Text),
    Column("model", Text),
    Column("normalized_name", Text, nullable=False),
    Column("category_group", Text, nullable=False),
    Column("shops", Integer, nullable=False),
    Column("offers", Integer, nullable=False),
    Column("cheapest_retailer", Text, nullable=False),
    Column("min_price", BigInteger, nullable=False),
    Column("max_price", BigInteger, nullable=False),
    Column("spread", BigInteger, nullable=False),
    Column("spread_percent", Double, nullable=False),
    Column("prices", JSONB, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("compared_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("price_comparisons_by_product", "product_id", "day"),
)

COMPARISON_VIEW = tuple(
    column
    for column in price_comparisons.columns
    if column.name not in {"offers", "run_id", "compared_at"}
)
"""What the view ``price_comparison`` shows."""

price_offers = Table(
    "price_offers",
    metadata,
    Column("day", Date, primary_key=True),
    Column("retailer", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("product_id", Text, nullable=False),
    Column("price", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ["day", "product_id"], [price_comparisons.c.day, price_comparisons.c.product_id]
    ),
    Index("price_offers_by_product", "day", "product_id"),
)

compared_partitions = Table(
    "compared_partitions",
    metadata,
    Column("retailer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", Integer),
    Column("stopped_version", Integer),
)
"""What a day's comparison and report are made of: where another version is published, held or
failed, they are due again."""

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("told_to", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _timestamp("told_at"),
    _timestamp("silenced_at"),
    _timestamp("absent_since"),
    _timestamp("ended_at"),
    Index(
        "one_open_alert_of_a_subject",
        "kind",
        "subject",
        unique=True,
        postgresql_where=text("ended_at is null"),
    ),
)
"""What needs a person's hand (``alerts``), each told once for as long as it lasts."""
