"""By what a stored verdict was reached, so that it stands until something else judges."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"


def upgrade() -> None:
    """Applies the change; verdicts of before are reached anew when they are next asked for."""
    op.add_column("answers", sa.Column("judged_with", sa.Text()), schema=SCHEMA)


def downgrade() -> None:
    """Takes the change back."""
    op.drop_column("answers", "judged_with", schema=SCHEMA)
