"""Telling what needs a hand, once.

Belongs here: every read and write of the table ``alerts``, what is new, what has ended, and
which messages each channel gets. Does not belong here: what needs a hand (``conditions``),
how a message leaves (``channels``).

An alert is written down as told after its channel took it, so a message may come twice, and
none is lost while its cause lasts. A channel that is down is tried again at the next look.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, get_args

import sqlalchemy as sa

from normalizer_assets.alerts.channels import Channel, DeliveryError
from normalizer_assets.alerts.conditions import Condition, conditions, in_words
from normalizer_assets.config import AlertKind, AlertsConfig, NormalizerConfig
from normalizer_assets.db.tables import alerts

RUN_KINDS: tuple[AlertKind, ...] = ("run_failed",)
"""Kinds that the database does not know: only who looked at runs may say that one has ended."""

WAVERING_KINDS: tuple[AlertKind, ...] = (
    "partition_blocked", "budget_near", "budget_over", "batch_in_doubt",
)  # fmt: skip
"""A retry unblocks its partition for a moment, a settled request makes room for the next: these
have ended when they were gone for a while, or each retry would be told."""

GONE_FOR = timedelta(minutes=15)

CHANNEL_SECONDS = 15.0
"""A look spends so long on a channel, and one message more: a sensor has 60 seconds for all."""

SHOWN_SUBJECTS = 10

_LOCK = 7_041_990_127
"""Of this database's advisory locks, the one of who tells."""

_OPEN = alerts.c.ended_at.is_(None)


@dataclass(frozen=True)
class Look:
    """What one look came to.

    Attributes:
        lasting: Open alerts.
        sent: Messages that were taken.
        problems: Channels that did not take one, for people.
    """

    lasting: int
    sent: int
    problems: Sequence[str]


def look(
    engine: sa.Engine,
    config: NormalizerConfig,
    channels: Sequence[Channel],
    failed_runs: Sequence[Condition] | None = None,
    now: datetime | None = None,
) -> Look:
    """Looks at what needs a hand, and tells what is new.

    One process at a time does; another one that comes meanwhile leaves it to that one.

    Args:
        engine: The normaliser's database.
        config: Section ``alerts``, and the limits of all others.
        channels: As ``channels.configured`` makes them.
        failed_runs: Of the orchestrator; ``None`` where nobody looked.
        now: The moment, for tests.
    """
    sent, problems = 0, []
    with _alone(engine) as may_tell:
        if may_tell:
            _record(engine, config, failed_runs, now or datetime.now(UTC))
        for channel in channels if may_tell else ():
            ends = time.monotonic() + CHANNEL_SECONDS
            for ids, text in _messages(engine, config.alerts, channel):
                if time.monotonic() > ends:
                    break
                try:
                    left_out = channel.send(text, config.alerts.timeout_seconds)
                except DeliveryError as error:
                    problems.append(f"alerts cannot be told by {channel.name}: {error}")
                    break
                _record_told(engine, channel, ids)
                sent += 1
                if left_out:
                    problems.append(f"alerts were told by {channel.name}, but {left_out}")
    with engine.connect() as connection:
        lasting = connection.execute(
            sa.select(sa.func.count()).select_from(alerts).where(_OPEN)
        ).scalar_one()
    return Look(lasting, sent, problems)


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[bool]:
    """Holds the lock of who tells, on a connection of its own; yields whether it was free."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        taken = connection.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK))).scalar_one()
        try:
            yield bool(taken)
        finally:
            if taken:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))


# --- what is new, and what has ended --------------------------------------------------


def _record(
    engine: sa.Engine,
    config: NormalizerConfig,
    failed_runs: Sequence[Condition] | None,
    now: datetime,
) -> None:
    """Writes down what needs a hand since now, and what does no more."""
    unknown = () if failed_runs is not None else RUN_KINDS
    with engine.begin() as connection:
        found = [*conditions(connection, config, now), *(failed_runs or ())]
        seen = {(one.kind, one.subject): one for one in found}
        known = {
            (row.kind, row.subject): row
            for row in connection.execute(
                sa.select(alerts).where(_OPEN, alerts.c.kind.not_in(unknown))
            )
        }
        back = [row for key, row in known.items() if key in seen and row.absent_since is not None]
        gone = [row for key, row in known.items() if key not in seen]
        _update(connection, back, absent_since=None)
        _update(connection, (row for row in gone if row.absent_since is None), absent_since=now)
        _update(connection, (row for row in gone if _has_ended(row, now)), ended_at=now)
        for key, condition in seen.items():
            if key not in known:
                text = in_words(connection, condition, config.alerts.dagster_url)
                values = {"kind": condition.kind, "subject": condition.subject, "text": text}
                connection.execute(sa.insert(alerts).values(**values, first_seen_at=now))


def _has_ended(row: sa.Row[Any], now: datetime) -> bool:
    return row.kind not in WAVERING_KINDS or now - (row.absent_since or now) >= GONE_FOR


def _update(connection: sa.Connection, rows: Iterable[sa.Row[Any]], **values: object) -> None:
    ids = [row.alert_id for row in rows]
    if ids:
        connection.execute(sa.update(alerts).where(alerts.c.alert_id.in_(ids)).values(**values))


# --- messages -------------------------------------------------------------------------


def _messages(
    engine: sa.Engine, config: AlertsConfig, channel: Channel
) -> list[tuple[list[int], str]]:
    """Returns the next messages of a channel: the alerts in each, and its text."""
    wanted = set(channel.kinds or get_args(AlertKind)) - set(config.quiet)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(alerts)
            .where(
                _OPEN,
                alerts.c.absent_since.is_(None),
                alerts.c.silenced_at.is_(None),
                alerts.c.kind.in_(wanted),
                sa.literal(channel.name) != sa.all_(alerts.c.told_to),
            )
            .order_by(alerts.c.kind, alerts.c.alert_id)
        ).all()
    messages: list[tuple[list[int], str]] = []
    for kind, group in groupby(rows, lambda row: str(row.kind)):
        alike = list(group)
        if len(alike) > config.alike:
            messages.append(([row.alert_id for row in alike], _summary(kind, alike)))
        else:
            messages += [([row.alert_id], row.text) for row in alike]
    return messages[: config.messages_per_look]


def _summary(kind: str, alike: Sequence[sa.Row[Any]]) -> str:
    subjects = ", ".join(row.subject for row in alike[:SHOWN_SUBJECTS])
    more = f" and {len(alike) - SHOWN_SUBJECTS} more" if len(alike) > SHOWN_SUBJECTS else ""
    return (
        f"{kind.replace('_', ' ')}: {len(alike)} at once\n{subjects}{more}\n"
        f"`normalizer alerts list` has all of them. The first:\n{alike[0].text}"
    )


def _record_told(engine: sa.Engine, channel: Channel, alert_ids: Collection[int]) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.update(alerts)
            .where(alerts.c.alert_id.in_(alert_ids))
            .values(
                told_to=sa.func.array_append(alerts.c.told_to, channel.name),
                told_at=sa.func.coalesce(alerts.c.told_at, sa.func.now()),
            )
        )


# --- for people -----------------------------------------------------------------------


def listed(connection: sa.Connection, *, ended: bool = False) -> list[dict[str, Any]]:
    """Returns open alerts, oldest first; with ``ended`` those that have ended as well.

    Returns:
        JSON values: the columns of the table, moments in ISO form.
    """
    rows = connection.execute(
        sa.select(alerts).where(sa.true() if ended else _OPEN).order_by(alerts.c.alert_id)
    )
    return [
        {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in row.items()
        }
        for row in rows.mappings()
    ]


def silence(connection: sa.Connection, alert_ids: Collection[int]) -> set[int]:
    """Silences open alerts for as long as they last; returns which of the ids are open."""
    return set(
        connection.execute(
            sa.update(alerts)
            .where(_OPEN, alerts.c.alert_id.in_(alert_ids))
            .values(silenced_at=sa.func.coalesce(alerts.c.silenced_at, sa.func.now()))
            .returning(alerts.c.alert_id)
        ).scalars()
    )
