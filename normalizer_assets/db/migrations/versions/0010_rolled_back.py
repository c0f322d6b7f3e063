"""When a person took a published version back, so that no later rollback leads to it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"


def upgrade() -> None:
    """Applies the change; nothing was rolled back before."""
    moment = sa.DateTime(timezone=True)
    op.add_column("product_versions", sa.Column("rolled_back_at", moment), schema=SCHEMA)


def downgrade() -> None:
    """Takes the change back; what is shown stays."""
    op.drop_column("product_versions", "rolled_back_at", schema=SCHEMA)
