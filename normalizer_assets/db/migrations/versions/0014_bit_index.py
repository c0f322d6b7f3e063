"""The index by similarity holds signs, vectors lie within their rows, and expiry has an index."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"
TABLE = f"{SCHEMA}.cache_entries"
INDEX = "cache_entries_by_similarity"


def upgrade() -> None:
    """Applies the change; entries are kept, each row is written anew with its vector in it."""
    op.drop_index(INDEX, table_name="cache_entries", schema=SCHEMA)
    op.execute(f"alter table {TABLE} set (toast_tuple_target = 8160)")
    dimensions = _rewrite()
    # Only as much is taken as the graph needs: 0.6 kB an entry.
    op.execute("set local maintenance_work_mem = '1GB'")
    op.execute(
        f"create index {INDEX} on {TABLE} using hnsw "
        f"((binary_quantize(embedding)::bit({dimensions})) bit_hamming_ops) "
        f"with (m = 24, ef_construction = 128)"
    )
    op.create_index("cache_entries_by_age", "cache_entries", ["created_at"], schema=SCHEMA)


def downgrade() -> None:
    """Takes the change back; entries are kept."""
    op.drop_index("cache_entries_by_age", table_name="cache_entries", schema=SCHEMA)
    op.drop_index(INDEX, table_name="cache_entries", schema=SCHEMA)
    op.execute(f"alter table {TABLE} reset (toast_tuple_target)")
    _rewrite()
    op.create_index(
        INDEX,
        "cache_entries",
        ["embedding"],
        schema=SCHEMA,
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"embedding": "halfvec_cosine_ops"},
    )


def _rewrite() -> int:
    """Stores vectors where the table says now; returns their length, which is configurable."""
    dimensions = int(
        op.get_bind()
        .execute(
            sa.text(
                "select atttypmod from pg_attribute "
                f"where attrelid = '{TABLE}'::regclass and attname = 'embedding'"
            )
        )
        .scalar_one()
    )
    # A type that is the same would change nothing: the expression makes Postgres write.
    op.execute(
        f"alter table {TABLE} alter column embedding type halfvec({dimensions}) "
        f"using subvector(embedding, 1, {dimensions})"
    )
    return dimensions
