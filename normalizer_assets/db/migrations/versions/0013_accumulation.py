"""Batches that gather company: small partitions of a day leave in one batch."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"
BLOCKERS = ("configuration", "key", "quota", "budget", "room", "doubt", "stuck")


def upgrade() -> None:
    """Applies the change; no batch gathers yet."""
    op.add_column("batches", sa.Column("gathers_until", sa.DateTime(timezone=True)), schema=SCHEMA)
    _allow((*BLOCKERS, "company"))


def downgrade() -> None:
    """Takes the change back; what gathers is a planned batch like any other then."""
    op.execute(
        f"update {SCHEMA}.partitions set blocked_by = null, blocked_reason = null "
        "where blocked_by = 'company'"
    )
    _allow(BLOCKERS)
    op.drop_column("batches", "gathers_until", schema=SCHEMA)


def _allow(words: Sequence[str]) -> None:
    """Replaces the words that may block a partition."""
    listed = ", ".join(f"'{word}'" for word in words)
    op.drop_constraint("blocked_by_known", "partitions", schema=SCHEMA)
    op.create_check_constraint(
        "blocked_by_known", "partitions", f"blocked_by in ({listed})", schema=SCHEMA
    )
