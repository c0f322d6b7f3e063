"""The first tables, and the two views that people read."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PRODUCT_COLUMNS = (
    "retailer",
    "day",
    "sku",
    "name",
    "category",
    "category_group",
    "price",
    "brand",
    "model",
    "attributes",
    "normalized_name",
    "category_suggestion",
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
    "run_id",
    "updated_at",
)


def _view(name: str, version_column: str) -> str:
    columns = ", ".join(f"product.{column}" for column in PRODUCT_COLUMNS)
    return f"""
        create view normalizer.{name} as
        select {columns}
        from normalizer.product_rows product
        join normalizer.partitions
          on partitions.retailer = product.retailer and partitions.day = product.day
         and partitions.{version_column} = product.version
        """


def upgrade() -> None:
    """Applies the change."""
    op.execute("create extension if not exists vector")
    op.create_table(
        "answer_sources",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "first_used_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("source"),
        schema="normalizer",
    )
    op.create_table(
        "batches",
        sa.Column("shard_hash", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("llm_model", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.Column("estimated_usd", sa.Numeric(precision=18, scale=9), nullable=False),
        sa.Column("input_file_id", sa.Text(), nullable=True),
        sa.Column("output_file_id", sa.Text(), nullable=True),
        sa.Column("error_file_id", sa.Text(), nullable=True),
        sa.Column("completed_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("errors", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("usage", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "planned_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("terminal_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("harvested_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('planned', 'uploaded', 'validating', 'in_progress', "
            "'finalizing', 'completed', 'failed', 'expired', 'cancelling', "
            "'cancelled')",
            name="state_known",
        ),
        sa.PrimaryKeyConstraint("shard_hash"),
        sa.UniqueConstraint("batch_id"),
        schema="normalizer",
    )
    op.create_table(
        "partitions",
        sa.Column("retailer", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("blocked_reason", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("round", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("raw_snapshot", sa.Text(), nullable=True),
        sa.Column("raw_count", sa.Integer(), nullable=True),
        sa.Column("normalized_count", sa.Integer(), nullable=True),
        sa.Column("quarantined_count", sa.Integer(), nullable=True),
        sa.Column("collapsed_count", sa.Integer(), nullable=True),
        sa.Column("individual_usd", sa.Numeric(precision=18, scale=9), nullable=True),
        sa.Column("submits", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("collects", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("newest_version", sa.Integer(), nullable=True),
        sa.Column("published_version", sa.Integer(), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state in ('landed', 'submitted', 'waiting', 'collecting', 'published', "
            "'held', 'failed')",
            name="state_known",
        ),
        sa.PrimaryKeyConstraint("retailer", "day"),
        schema="normalizer",
    )
    op.create_table(
        "quarantined_listings",
        sa.Column("retailer", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("retailer", "day", "row_number"),
        schema="normalizer",
    )
    op.create_table(
        "batch_requests",
        sa.Column("request_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shard_hash", sa.Text(), nullable=True),
        sa.Column("custom_id", sa.Text(), nullable=False),
        sa.Column("retailer", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("question_key", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("llm_model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("estimated_usd", sa.Numeric(precision=18, scale=9), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=18, scale=9), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "planned_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('planned', 'sent', 'ok', 'http_error', 'expired', 'refused', "
            "'truncated', 'invalid', 'missing', 'not_executed', 'outcome_unknown')",
            name="state_known",
        ),
        sa.CheckConstraint(
            "step in ('batch', 'individual', 'legacy', 'embedding')", name="step_known"
        ),
        sa.ForeignKeyConstraint(
            ["shard_hash"],
            ["normalizer.batches.shard_hash"],
        ),
        sa.PrimaryKeyConstraint("request_id"),
        sa.UniqueConstraint("shard_hash", "custom_id"),
        schema="normalizer",
    )
    op.create_index(
        "batch_requests_by_partition",
        "batch_requests",
        ["retailer", "day"],
        unique=False,
        schema="normalizer",
    )
    op.create_table(
        "partition_questions",
        sa.Column("retailer", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("question_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state in ('open', 'answered', 'rules')", name="state_known"),
        sa.ForeignKeyConstraint(
            ["retailer", "day"],
            ["normalizer.partitions.retailer", "normalizer.partitions.day"],
        ),
        sa.PrimaryKeyConstraint("retailer", "day", "question_key"),
        schema="normalizer",
    )
    op.create_table(
        "product_versions",
        sa.Column("retailer", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("verdict_reasons", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("verdict in ('pending', 'green', 'red')", name="verdict_known"),
        sa.ForeignKeyConstraint(
            ["retailer", "day"],
            ["normalizer.partitions.retailer", "normalizer.partitions.day"],
        ),
        sa.PrimaryKeyConstraint("retailer", "day", "version"),
        schema="normalizer",
    )
    op.create_table(
        "answers",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("question_key", sa.Text(), nullable=False),
        sa.Column("retailer", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("llm_model", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("normalized_name", sa.Text(), nullable=True),
        sa.Column("category_suggestion", sa.Text(), nullable=True),
        sa.Column("model_confidence", sa.Double(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column(
            "answered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["normalizer.batch_requests.request_id"],
        ),
        sa.PrimaryKeyConstraint("request_id"),
        schema="normalizer",
    )
    op.create_index(
        "answers_by_question",
        "answers",
        ["question_key", "answered_at"],
        unique=False,
        schema="normalizer",
    )
    op.create_table(
        "cache_entries",
        sa.Column("question_key", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("category_group", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("embedding_model", sa.Text(), nullable=False),
        sa.Column("embedding", HALFVEC(1536), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["normalizer.batch_requests.request_id"],
        ),
        sa.PrimaryKeyConstraint("question_key"),
        schema="normalizer",
    )
    op.create_index(
        "cache_entries_by_similarity",
        "cache_entries",
        ["embedding"],
        unique=False,
        schema="normalizer",
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"embedding": "halfvec_cosine_ops"},
    )
    op.create_table(
        "product_rows",
        sa.Column("retailer", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("category_group", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("normalized_name", sa.Text(), nullable=False),
        sa.Column("category_suggestion", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("cache_tier", sa.Text(), nullable=True),
        sa.Column("llm_model", sa.Text(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=18, scale=9), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("custom_id", sa.Text(), nullable=True),
        sa.Column("question_key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "answered_by in ('cache', 'batch', 'individual', 'legacy', 'rules', 'human')",
            name="answered_by_known",
        ),
        sa.CheckConstraint("status in ('accepted', 'review', 'rejected')", name="status_known"),
        sa.ForeignKeyConstraint(
            ["retailer", "day", "version"],
            [
                "normalizer.product_versions.retailer",
                "normalizer.product_versions.day",
                "normalizer.product_versions.version",
            ],
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("retailer", "day", "version", "sku"),
        schema="normalizer",
    )
    op.execute(_view("normalized_products", "newest_version"))
    op.execute(_view("published_products", "published_version"))


def downgrade() -> None:
    """Takes the change back."""
    op.execute("drop view normalizer.published_products, normalizer.normalized_products")
    op.drop_table("product_rows", schema="normalizer")
    op.drop_index(
        "cache_entries_by_similarity",
        table_name="cache_entries",
        schema="normalizer",
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"embedding": "halfvec_cosine_ops"},
    )
    op.drop_table("cache_entries", schema="normalizer")
    op.drop_index("answers_by_question", table_name="answers", schema="normalizer")
    op.drop_table("answers", schema="normalizer")
    op.drop_table("product_versions", schema="normalizer")
    op.drop_table("partition_questions", schema="normalizer")
    op.drop_index("batch_requests_by_partition", table_name="batch_requests", schema="normalizer")
    op.drop_table("batch_requests", schema="normalizer")
    op.drop_table("quarantined_listings", schema="normalizer")
    op.drop_table("partitions", schema="normalizer")
    op.drop_table("batches", schema="normalizer")
    op.drop_table("answer_sources", schema="normalizer")
