"""What the gates observed, kept with each version, so that later days compare with it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"


def upgrade() -> None:
    """Applies the change; versions that were judged before have no measures."""
    op.add_column(
        "product_versions",
        sa.Column("measures", postgresql.JSONB(astext_type=sa.Text())),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_column("product_versions", "measures", schema=SCHEMA)
