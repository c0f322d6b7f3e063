"""What variants of a product share, and their answer, to find neighbours in the cache."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"
COLUMNS = ("stem", "brand", "model")


def upgrade() -> None:
    """Applies the change; entries that were made before are no neighbours."""
    for name in COLUMNS:
        op.add_column("cache_entries", sa.Column(name, sa.Text()), schema=SCHEMA)
    op.create_index("cache_entries_by_stem", "cache_entries", ["stem"], schema=SCHEMA)


def downgrade() -> None:
    """Takes the change back."""
    op.drop_index("cache_entries_by_stem", table_name="cache_entries", schema=SCHEMA)
    for name in COLUMNS:
        op.drop_column("cache_entries", name, schema=SCHEMA)
