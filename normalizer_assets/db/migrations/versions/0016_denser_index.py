"""The index by similarity is built with more candidates, so that no cluster gets lost in it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"
TABLE = f"{SCHEMA}.cache_entries"
INDEX = "cache_entries_by_similarity"


def upgrade() -> None:
    """Applies the change; entries are kept."""
    _rebuild(ef_construction=200)


def downgrade() -> None:
    """Takes the change back; entries are kept."""
    _rebuild(ef_construction=128)


def _rebuild(ef_construction: int) -> None:
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
    op.drop_index(INDEX, table_name="cache_entries", schema=SCHEMA)
    # Only as much is taken as the graph needs: 0.6 kB an entry.
    op.execute("set local maintenance_work_mem = '1GB'")
    op.execute(
        f"create index {INDEX} on {TABLE} using hnsw "
        f"((binary_quantize(embedding)::bit({dimensions})) bit_hamming_ops) "
        f"with (m = 24, ef_construction = {ef_construction})"
    )
