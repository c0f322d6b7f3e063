"""Claims on questions, reserved money, rounds and deadlines, batches in doubt."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"
MONEY = sa.Numeric(18, 9)
TIMESTAMP = sa.DateTime(timezone=True)

BATCH_STATES = (
    "planned", "uploaded", "creating", "validating", "in_progress", "finalizing", "completed",
    "failed", "expired", "cancelling", "cancelled",
)  # fmt: skip
REQUEST_STATES = (
    "planned", "sent", "received", "ok", "http_error", "unavailable", "expired", "refused",
    "truncated", "invalid", "missing", "not_executed", "outcome_unknown",
)  # fmt: skip
STEPS = ("canary", "batch", "individual", "legacy", "embedding")
BLOCKERS = ("configuration", "key", "quota", "budget", "room", "doubt", "stuck")


def _batch_columns() -> list["sa.Column[Any]"]:
    return [
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("unplaced_usd", MONEY, nullable=False, server_default=sa.text("0")),
        sa.Column("alert", sa.Text()),
        sa.Column("missed_at", TIMESTAMP),
        sa.Column("progressed_at", TIMESTAMP),
        sa.Column("cancel_requested_at", TIMESTAMP),
        sa.Column("released_at", TIMESTAMP),
        sa.Column("files_removed_at", TIMESTAMP),
    ]


def _partition_columns() -> list["sa.Column[Any]"]:
    return [
        sa.Column("blocked_by", sa.Text()),
        sa.Column("blocked_usd", MONEY),
        sa.Column("deadline_at", TIMESTAMP),
    ]


def _allow(table: str, column: str, words: Sequence[str]) -> None:
    """Replaces the words that a column may hold."""
    op.drop_constraint(f"{column}_known", table, schema=SCHEMA)
    _limit(table, column, words)


def _limit(table: str, column: str, words: Sequence[str]) -> None:
    listed = ", ".join(f"'{word}'" for word in words)
    op.create_check_constraint(f"{column}_known", table, f"{column} in ({listed})", schema=SCHEMA)


def upgrade() -> None:
    """Applies the change."""
    op.create_table("budgets", sa.Column("scope", sa.Text(), primary_key=True), schema=SCHEMA)
    for column in _partition_columns():
        op.add_column("partitions", column, schema=SCHEMA)
    _limit("partitions", "blocked_by", BLOCKERS)
    for column in _batch_columns():
        op.add_column("batches", column, schema=SCHEMA)
    _allow("batches", "state", BATCH_STATES)
    _upgrade_requests()
    _upgrade_questions()


def _upgrade_requests() -> None:
    op.add_column(
        "batch_requests",
        sa.Column("round", sa.Integer(), nullable=False, server_default=sa.text("1")),
        schema=SCHEMA,
    )
    op.add_column("batch_requests", sa.Column("bound_usd", MONEY), schema=SCHEMA)
    op.add_column("batch_requests", sa.Column("reserved_on", sa.Date()), schema=SCHEMA)
    op.execute(
        "update normalizer.batch_requests set bound_usd = estimated_usd, "
        "reserved_on = (planned_at at time zone 'America/Santiago')::date"
    )
    op.alter_column("batch_requests", "bound_usd", nullable=False, schema=SCHEMA)
    op.alter_column(
        "batch_requests",
        "reserved_on",
        nullable=False,
        server_default=sa.text("(now() AT TIME ZONE 'America/Santiago'::text)::date"),
        schema=SCHEMA,
    )
    op.create_index("batch_requests_by_question", "batch_requests", ["question_key"], schema=SCHEMA)
    op.create_index(
        "batch_requests_by_reservation",
        "batch_requests",
        ["reserved_on"],
        schema=SCHEMA,
        postgresql_include=["cost_usd", "estimated_usd"],
    )
    _allow("batch_requests", "state", REQUEST_STATES)
    _allow("batch_requests", "step", STEPS)


def _upgrade_questions() -> None:
    op.add_column(
        "partition_questions",
        sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        schema=SCHEMA,
    )
    op.add_column("partition_questions", sa.Column("newer_than", TIMESTAMP), schema=SCHEMA)
    # Before, several partitions could ask one question at once: the first one keeps it.
    op.execute(
        """
        update normalizer.partition_questions question set waits = true
        from normalizer.partition_questions earlier
        where question.state = 'open' and earlier.state = 'open'
          and earlier.question_key = question.question_key
          and (earlier.day, earlier.retailer) < (question.day, question.retailer)
        """
    )
    op.create_index(
        "one_partition_asks_a_question",
        "partition_questions",
        ["question_key"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("state = 'open' and not waits"),
    )
    op.create_index(
        "partition_questions_open",
        "partition_questions",
        ["retailer", "day"],
        schema=SCHEMA,
        postgresql_where=sa.text("state = 'open'"),
    )


def downgrade() -> None:
    """Takes the change back; states that the old schema does not know become near ones."""
    op.drop_table("budgets", schema=SCHEMA)
    op.drop_index("partition_questions_open", "partition_questions", schema=SCHEMA)
    op.drop_index("one_partition_asks_a_question", "partition_questions", schema=SCHEMA)
    op.drop_column("partition_questions", "newer_than", schema=SCHEMA)
    op.drop_column("partition_questions", "waits", schema=SCHEMA)
    op.drop_index("batch_requests_by_reservation", "batch_requests", schema=SCHEMA)
    op.drop_index("batch_requests_by_question", "batch_requests", schema=SCHEMA)
    op.execute("update normalizer.batch_requests set state = 'sent' where state = 'received'")
    op.execute(
        "update normalizer.batch_requests set state = 'http_error' where state = 'unavailable'"
    )
    op.execute("update normalizer.batch_requests set step = 'individual' where step = 'canary'")
    op.execute("update normalizer.batches set state = 'uploaded' where state = 'creating'")
    _allow(
        "batch_requests",
        "state",
        [word for word in REQUEST_STATES if word not in ("received", "unavailable")],
    )
    _allow("batch_requests", "step", [word for word in STEPS if word != "canary"])
    for name in ("reserved_on", "bound_usd", "round"):
        op.drop_column("batch_requests", name, schema=SCHEMA)
    _allow("batches", "state", [word for word in BATCH_STATES if word != "creating"])
    for column in _batch_columns():
        op.drop_column("batches", column.name, schema=SCHEMA)
    for column in _partition_columns():
        op.drop_column("partitions", column.name, schema=SCHEMA)
