"""What needed a person's hand, since when, and who was told."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"


def upgrade() -> None:
    """Applies the change; the first look fills it with what needs a hand now."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("told_to", sa.ARRAY(sa.Text()), nullable=False, server_default="{}"),
        sa.Column("first_seen_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("told_at", moment),
        sa.Column("silenced_at", moment),
        sa.Column("absent_since", moment),
        sa.Column("ended_at", moment),
        schema=SCHEMA,
    )
    op.create_index(
        "one_open_alert_of_a_subject",
        "alerts",
        ["kind", "subject"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("ended_at is null"),
    )


def downgrade() -> None:
    """Takes the change back; what is wrong stands where it stood, and is told anew."""
    op.drop_table("alerts", schema=SCHEMA)
