"""The semantic tier: provenance of entries, vectors by text, and what was served by likeness."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"

_PROVENANCE = """
update normalizer.cache_entries entry set
    llm_model = request.llm_model, retailer = request.retailer, day = request.day,
    batch_id = (select batch_id from normalizer.batches batch
                where batch.shard_hash = request.shard_hash)
from normalizer.batch_requests request
where request.request_id = entry.request_id
"""
_HASHES = """
update normalizer.cache_entries set answer_contract = 1, text_hash = substr(encode(sha256(
    convert_to(embedding_model || E'\\n1536\\n' || name, 'utf8')), 'hex'), 1, 32)::uuid
"""
_ADDED: tuple[tuple[str, type[sa.types.TypeEngine[object]]], ...] = (
    ("listing_brand", sa.Text),
    ("ean", sa.Text),
    ("llm_model", sa.Text),
    ("batch_id", sa.Text),
    ("retailer", sa.Text),
    ("day", sa.Date),
    ("answer_contract", sa.Integer),
    ("text_hash", sa.Uuid),
)


def _index_answers(included: list[str]) -> None:
    op.drop_index("answers_by_question", table_name="answers", schema=SCHEMA)
    op.create_index(
        "answers_by_question",
        "answers",
        ["question_key", "answered_at"],
        schema=SCHEMA,
        postgresql_include=included,
    )


def upgrade() -> None:
    """Applies the change; entries of before are kept, with what the ledger knows of them."""
    _index_answers(["status"])
    op.alter_column("cache_entries", "text", new_column_name="name", schema=SCHEMA)
    for name, kind in _ADDED:
        op.add_column("cache_entries", sa.Column(name, kind()), schema=SCHEMA)
    op.add_column("product_rows", sa.Column("ean", sa.Text()), schema=SCHEMA)
    op.execute(_PROVENANCE)
    op.execute(_HASHES)
    for name in ("answer_contract", "text_hash"):
        op.alter_column("cache_entries", name, nullable=False, schema=SCHEMA)
    op.create_index("cache_entries_by_text", "cache_entries", ["text_hash"], schema=SCHEMA)
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "embedded_texts",
        sa.Column("text_hash", sa.Uuid(), primary_key=True),
        sa.Column("embedding", HALFVEC(1536), nullable=False),
        sa.Column("created_at", moment, nullable=False, server_default=sa.func.now()),
        schema=SCHEMA,
    )
    op.create_table(
        "semantic_hits",
        sa.Column("question_key", sa.Text(), primary_key=True),
        sa.Column("entry_key", sa.Text(), nullable=False),
        sa.Column("category_group", sa.Text(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("forgiven", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("retailer", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("found_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("settled_at", moment),
        sa.CheckConstraint(
            "state in ('served', 'audited', 'agreed', 'disagreed', 'withdrawn')",
            name="state_known",
        ),
        schema=SCHEMA,
    )
    op.create_index("semantic_hits_by_entry", "semantic_hits", ["entry_key"], schema=SCHEMA)


def downgrade() -> None:
    """Takes the change back; questions that were answered by likeness are asked again."""
    _index_answers([])
    op.drop_table("semantic_hits", schema=SCHEMA)
    op.drop_table("embedded_texts", schema=SCHEMA)
    op.drop_index("cache_entries_by_text", table_name="cache_entries", schema=SCHEMA)
    for name, _ in reversed(_ADDED):
        op.drop_column("cache_entries", name, schema=SCHEMA)
    op.alter_column("cache_entries", "name", new_column_name="text", schema=SCHEMA)
    op.drop_column("product_rows", "ean", schema=SCHEMA)
