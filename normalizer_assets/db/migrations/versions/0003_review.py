"""Decisions of people, and what they need to see of a row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"
JSONB = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "review_decisions",
        sa.Column("decision_id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("question_key", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("answer", JSONB),
        sa.Column("note", sa.Text()),
        sa.Column("listing", JSONB, nullable=False),
        sa.Column("judged", JSONB, nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("llm_model", sa.Text()),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
        ),
        sa.PrimaryKeyConstraint("decision_id"),
        sa.CheckConstraint("decision in ('accept', 'correct', 'reject')", name="decision_known"),
        schema=SCHEMA,
    )
    op.create_index(
        "review_decisions_by_question",
        "review_decisions",
        ["question_key", "decision_id"],
        schema=SCHEMA,
    )
    op.add_column("product_rows", sa.Column("listing_brand", sa.Text()), schema=SCHEMA)
    op.add_column("product_rows", sa.Column("evidence", JSONB), schema=SCHEMA)
    # A person's answer has no request.
    op.alter_column("cache_entries", "request_id", nullable=True, schema=SCHEMA)


def downgrade() -> None:
    """Takes the change back; entries that rest on a person's answer go."""
    op.execute("delete from normalizer.cache_entries where request_id is null")
    op.alter_column("cache_entries", "request_id", nullable=False, schema=SCHEMA)
    op.drop_column("product_rows", "evidence", schema=SCHEMA)
    op.drop_column("product_rows", "listing_brand", schema=SCHEMA)
    op.drop_table("review_decisions", schema=SCHEMA)
