"""The tables of the schema ``normalizer``, as SQLAlchemy sees them.

Belongs here: columns, keys and the words that a state may take. Does not belong here:
how tables come to be (``migrations``) and what is asked of them (the phases). Each table
is documented for its readers in ``docs/tables.md``.
"""

from datetime import datetime
from typing import Literal, get_args

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "normalizer"

PartitionState = Literal[
    "landed", "submitted", "waiting", "collecting", "published", "held", "failed"
]
"""A partition's life (DESIGN.md)."""

BatchState = Literal[
    "planned",
    "uploaded",
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
]
"""Two states of ours before the batch exists, then the API's eight."""

TERMINAL_BATCH_STATES: tuple[BatchState, ...] = ("completed", "failed", "expired", "cancelled")

RequestState = Literal[
    "planned",
    "sent",
    "ok",
    "http_error",
    "expired",
    "refused",
    "truncated",
    "invalid",
    "missing",
    "not_executed",
    "outcome_unknown",
]
"""A request ends in exactly one of the states after ``sent``."""

Step = Literal["batch", "individual", "legacy", "embedding"]
"""What a request was for; the first three are also what ``answered_by`` says."""

metadata = MetaData(schema=SCHEMA)

MONEY = Numeric(18, 9)
"""USD; a single cached token costs 0.0000000025."""


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
    Column("blocked_reason", Text),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("round", Integer, nullable=False, server_default=text("1")),
    Column("raw_snapshot", Text),
    Column("raw_count", Integer),
    Column("normalized_count", Integer),
    Column("quarantined_count", Integer),
    Column("collapsed_count", Integer),
    Column("individual_usd", MONEY),
    Column("submits", Integer, nullable=False, server_default=text("0")),
    Column("collects", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _timestamp("next_attempt_at"),
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
    Column("estimated_usd", MONEY, nullable=False),
    Column("input_file_id", Text),
    Column("output_file_id", Text),
    Column("error_file_id", Text),
    Column("completed_count", Integer, nullable=False, server_default=text("0")),
    Column("failed_count", Integer, nullable=False, server_default=text("0")),
    Column("errors", JSONB),
    Column("usage", JSONB),
    Column("planned_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _timestamp("submitted_at"),
    _timestamp("terminal_at"),
    _timestamp("harvested_at"),
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
    Column("cost_usd", MONEY),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("planned_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _timestamp("settled_at"),
    UniqueConstraint("shard_hash", "custom_id"),
    Index("batch_requests_by_partition", "retailer", "day"),
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
    Column("answered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("answers_by_question", "question_key", "answered_at"),
)

partition_questions = Table(
    "partition_questions",
    metadata,
    Column("retailer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("question_key", Text, primary_key=True),
    Column("state", Text, nullable=False),
    ForeignKeyConstraint(["retailer", "day"], [partitions.c.retailer, partitions.c.day]),
    _one_of("state", ("open", "answered", "rules")),
)

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
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
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
    Column("answered_by", Text, nullable=False),
    Column("cache_tier", Text),
    Column("llm_model", Text),
    Column("prompt_version", Text),
    Column("cost_usd", MONEY, nullable=False),
    Column("batch_id", Text),
    Column("custom_id", Text),
    Column("question_key", Text, nullable=False),
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

cache_entries = Table(
    "cache_entries",
    metadata,
    Column("question_key", Text, primary_key=True),
    Column("request_id", BigInteger, ForeignKey(batch_requests.c.request_id), nullable=False),
    Column("category_group", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("embedding_model", Text, nullable=False),
    Column("embedding", HALFVEC(1536), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index(
        "cache_entries_by_similarity",
        "embedding",
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"embedding": "halfvec_cosine_ops"},
    ),
)

answer_sources = Table(
    "answer_sources",
    metadata,
    Column("source", Text, primary_key=True),
    Column("first_used_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
