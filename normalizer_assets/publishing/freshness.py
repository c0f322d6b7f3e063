"""How old each retailer's newest published day is.

Belongs here: the days, and whether they are fresh. Does not belong here: showing it
(``checks.standing``), how old is too old (config).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import partitions


@dataclass(frozen=True)
class Days:
    """What of a retailer has landed, and what of it is published.

    Attributes:
        first: First day that has landed.
        landed: Newest day that has landed.
        state: Where that one is in its life.
        published: Newest day that is published; ``None`` where none ever was.
    """

    first: date
    landed: date
    state: str
    published: date | None


def days_of_retailers(connection: sa.Connection) -> dict[str, Days]:
    """Returns the days of each retailer of which anything has ever landed."""
    day, state = partitions.c.day, partitions.c.state
    newest_first = sa.dialects.postgresql.aggregate_order_by(state, day.desc())
    rows = connection.execute(
        sa.select(
            partitions.c.retailer,
            sa.func.min(day),
            sa.func.max(day),
            sa.func.array_agg(newest_first)[1],
            sa.func.max(day).filter(partitions.c.published_version.is_not(None)),
        )
        .where(partitions.c.raw_snapshot.is_not(None))
        .group_by(partitions.c.retailer)
    )
    return {retailer: Days(*days) for retailer, *days in rows}


def oldest_fresh_day(config: NormalizerConfig, retailer: str, today: date) -> date | None:
    """Returns the day that is expected to be published, ``None`` where nothing is expected.

    Args:
        config: Section ``freshness``, and the retailer's own limit.
        retailer: Its slug.
        today: In Santiago.
    """
    own = config.retailers[retailer].max_age_days
    most = config.freshness.max_age_days if own is None else own
    return today - timedelta(days=most) if most else None


def is_fresh(days: Days, expected: date) -> bool:
    """Returns whether the newest published day is as new as expected.

    A retailer that is new is not late before its first day is.
    """
    return (days.published or days.first) >= expected
