"""Partitions that are held or have failed renew the report of their day, too."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"
TABLE = "compared_partitions"


def upgrade() -> None:
    """Applies the change; days with such a partition are reported anew."""
    op.alter_column(TABLE, "version", nullable=True, schema=SCHEMA)
    op.add_column(TABLE, sa.Column("stopped_version", sa.Integer()), schema=SCHEMA)


def downgrade() -> None:
    """Takes the change back."""
    op.execute(f"delete from {SCHEMA}.{TABLE} where version is null")
    op.drop_column(TABLE, "stopped_version", schema=SCHEMA)
    op.alter_column(TABLE, "version", nullable=False, schema=SCHEMA)
