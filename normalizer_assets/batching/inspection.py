"""What a person sees of batches: finding one by what is typed, and its figures.

Belongs here: reading the ledger for people. Does not belong here: printing
(``cli.batches``), changing anything (``operations``).
"""

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from upath import UPath

from normalizer_assets.batching import ledger
from normalizer_assets.batching.errors import OperationError
from normalizer_assets.batching.harvest import explain_errors
from normalizer_assets.batching.retention import request_file, result_files
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import TERMINAL_BATCH_STATES, batch_requests, batches
from normalizer_assets.pricing.costs import cost_usd, usage_from_response

SHOWN_NAMES = 5
"""Batches that the message about an ambiguous name lists."""


def name_of(batch: sa.Row[Any]) -> str:
    """Returns what a batch is called: its id, before it has one its file's name."""
    return str(batch.batch_id or batch.file_name)


def find(connection: sa.Connection, name: str) -> sa.Row[Any]:
    """Finds a batch by its id, its shard hash or its file, or by the beginning of one.

    Raises:
        OperationError: There is none, or there are several.
    """
    columns = (batches.c.batch_id, batches.c.shard_hash, batches.c.file_name)
    fits = sa.or_(*(column.startswith(name, autoescape=True) for column in columns))
    found = connection.execute(
        sa.select(batches).where(fits).order_by(batches.c.planned_at.desc())
    ).all()
    exact = [row for row in found if name in (row.batch_id, row.shard_hash, row.file_name)]
    if not name or not found:
        raise OperationError(
            f"no batch {name!r} in the ledger; `normalizer batches list` shows them, `normalizer "
            f"batches adopt BATCH_ID` takes in one that only the API knows"
        )
    if len(found) > 1 and not exact:
        more = ", ..." if len(found) > SHOWN_NAMES else ""
        raise OperationError(
            f"{name!r} is the beginning of {len(found)} batches: "
            f"{', '.join(map(name_of, found[:SHOWN_NAMES]))}{more}; type more of it"
        )
    return (exact or found)[0]


def listed(
    connection: sa.Connection,
    day: date | None = None,
    retailer: str | None = None,
    *,
    only_open: bool = False,
    last: int | None = None,
) -> list[dict[str, Any]]:
    """Returns batches in figures, oldest first.

    Args:
        connection: To the normaliser's database.
        day: Only those with requests of this day.
        retailer: Only those with requests of this retailer.
        only_open: Only those that have not ended or are not harvested.
        last: Only so many, the newest.

    Returns:
        JSON values, as ``in_figures`` gives them.
    """
    asked = sa.select(sa.literal(1)).where(batch_requests.c.shard_hash == batches.c.shard_hash)
    if day is not None:
        asked = asked.where(batch_requests.c.day == day)
    if retailer is not None:
        asked = asked.where(batch_requests.c.retailer == retailer)
    wanted = sa.select(batches).where(asked.exists())
    if only_open:
        is_open = sa.or_(
            batches.c.state.not_in(TERMINAL_BATCH_STATES), batches.c.harvested_at.is_(None)
        )
        wanted = wanted.where(is_open)
    rows = connection.execute(wanted.order_by(batches.c.planned_at.desc()).limit(last)).all()
    return [in_figures(connection, row) for row in reversed(rows)]


def in_figures(connection: sa.Connection, batch: sa.Row[Any]) -> dict[str, Any]:
    """Returns what one line about a batch says.

    Returns:
        JSON values; money in USD, ``age_seconds`` from its creation to its end or to now.
    """
    begun = batch.submitted_at or batch.planned_at
    return {
        "batch_id": batch.batch_id,
        "file": batch.file_name,
        "shard_hash": batch.shard_hash,
        "partitions": [each.key for each in ledger.partitions_in(connection, batch.shard_hash)],
        "llm_model": batch.llm_model,
        "state": batch.state,
        "gathers_until": batch.gathers_until and batch.gathers_until.isoformat(),
        "done": batch.completed_count + batch.failed_count,
        "total": batch.line_count,
        "age_seconds": round(((batch.terminal_at or datetime.now(UTC)) - begun).total_seconds()),
        "prompt_tokens": batch.prompt_tokens,
        "estimated_usd": float(batch.estimated_usd),
        "cost_usd": float(ledger.cost_of_batch(connection, batch.shard_hash)),
        "alert": batch.alert,
    }


def in_full(
    connection: sa.Connection, config: NormalizerConfig, batch: sa.Row[Any]
) -> dict[str, Any]:
    """Returns everything that is known about a batch.

    Returns:
        JSON values: those of ``in_figures``, moments, requests by state, the API's errors in
        words, the files that are kept, and how its lines agree with ``batch.usage``.
    """
    storage = UPath(config.paths.storage)
    files = {"request": request_file(storage, batch), **result_files(storage, batch)}
    moments = (
        *("planned_at", "submitted_at", "progressed_at", "missed_at", "cancel_requested_at"),
        *("released_at", "terminal_at", "harvested_at", "files_removed_at"),
    )
    values = {moment: getattr(batch, moment) for moment in moments}
    return {
        **in_figures(connection, batch),
        **{name: moment and moment.isoformat() for name, moment in values.items()},
        "round": _round(connection, batch),
        "byte_count": batch.byte_count,
        "input_file_id": batch.input_file_id,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "requests": request_states(connection, batch.shard_hash),
        "errors": explain_errors(batch.errors) or None,
        "files": {kind: str(file) for kind, file in files.items() if file.exists()},
        "reconciliation": _reconciliation(connection, config, batch),
    }


def request_states(connection: sa.Connection, shard_hash: str) -> dict[str, int]:
    """Returns how many requests of a batch are in which state."""
    rows = connection.execute(
        sa.select(batch_requests.c.state, sa.func.count())
        .where(batch_requests.c.shard_hash == shard_hash)
        .group_by(batch_requests.c.state)
        .order_by(batch_requests.c.state)
    )
    return {row[0]: row[1] for row in rows}


def _round(connection: sa.Connection, batch: sa.Row[Any]) -> int | None:
    return connection.execute(
        sa.select(sa.func.max(batch_requests.c.round)).where(
            batch_requests.c.shard_hash == batch.shard_hash
        )
    ).scalar()


def _reconciliation(
    connection: sa.Connection, config: NormalizerConfig, batch: sa.Row[Any]
) -> dict[str, float | None] | None:
    """Compares the lines with what the API counted; ``None`` before the harvest."""
    if batch.harvested_at is None:
        return None
    usage, model = (
        usage_from_response({"usage": batch.usage}),
        config.models.get(batch.llm_model),
    )
    counted = model and usage.input_tokens and cost_usd(usage, model, batch=True)
    return {
        "lines_usd": float(ledger.cost_of_batch(connection, batch.shard_hash)),
        "usage_usd": float(counted) if counted else None,
        "unplaced_usd": float(batch.unplaced_usd),
    }
