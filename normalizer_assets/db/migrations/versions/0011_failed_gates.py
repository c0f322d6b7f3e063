"""Which gates a version failed, those that only warn as well, for the report of the day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"


def upgrade() -> None:
    """Applies the change; of versions that were judged before, nothing is known."""
    op.add_column("product_versions", sa.Column("failed_gates", JSONB), schema=SCHEMA)


def downgrade() -> None:
    """Takes the change back."""
    op.drop_column("product_versions", "failed_gates", schema=SCHEMA)
