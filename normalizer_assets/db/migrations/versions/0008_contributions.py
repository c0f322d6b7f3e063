"""What a row's score and answer rest on, and the price of asking every listing at legacy."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"


def upgrade() -> None:
    """Applies the change; versions of before have none of it, and a repeat makes a new one once."""
    op.add_column("product_rows", sa.Column("band", sa.Text()), schema=SCHEMA)
    op.add_column("product_rows", sa.Column("contributions", JSONB()), schema=SCHEMA)
    op.add_column("product_rows", sa.Column("request_id", sa.BigInteger()), schema=SCHEMA)
    op.add_column(
        "partitions", sa.Column("individual_legacy_usd", sa.Numeric(18, 9)), schema=SCHEMA
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_column("partitions", "individual_legacy_usd", schema=SCHEMA)
    op.drop_column("product_rows", "request_id", schema=SCHEMA)
    op.drop_column("product_rows", "contributions", schema=SCHEMA)
    op.drop_column("product_rows", "band", schema=SCHEMA)
