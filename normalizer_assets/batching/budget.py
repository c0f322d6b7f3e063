"""Budgets: money is reserved in the ledger before it is spent.

Belongs here: what is left of a partition's and a day's limit, and refusing what is over
it. Does not belong here: estimating (``requests``), writing the ledger's rows (``ledger``).

A reservation is the estimate on a ledger row; there is no second counter. Spent is what
settled rows cost and what open rows are estimated at (DESIGN.md, "Paying"). Whoever
reserves holds the locks until its rows are committed, so two partitions cannot both take
what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import BudgetConfig
from normalizer_assets.db.tables import SANTIAGO_DAY, batch_requests, budgets
from normalizer_assets.pricing.costs import exact

_TODAY = sa.text(SANTIAGO_DAY)
_SPENT = sa.func.coalesce(
    sa.func.sum(sa.func.coalesce(batch_requests.c.cost_usd, batch_requests.c.estimated_usd)), 0
)


@dataclass(frozen=True)
class Limit:
    """One limit and what is left of it, in USD.

    Attributes:
        key: The configuration's key.
        usd: The limit.
        left_usd: What is not spent or reserved.
        scope: What it limits, for people.
    """

    key: str
    usd: Decimal
    left_usd: Decimal
    scope: str


def limits(
    connection: sa.Connection, partition: Partition, config: BudgetConfig
) -> tuple[Limit, Limit]:
    """Returns the partition's limit and the day's.

    The day is the calendar day in Santiago on which money is reserved, whatever the
    partition's day.
    """
    of_partition = connection.execute(sa.select(_SPENT).where(partition.of(batch_requests)))
    return (
        _limit(
            "budget.partition_usd", config.partition_usd, of_partition.scalar_one(), partition.key
        ),
        day_limit(connection, config),
    )


def day_limit(connection: sa.Connection, config: BudgetConfig) -> Limit:
    """Returns the limit of today, in Santiago."""
    today = connection.execute(sa.select(_TODAY)).scalar_one()
    of_day = connection.execute(sa.select(_SPENT).where(batch_requests.c.reserved_on == today))
    return _limit("budget.day_usd", config.day_usd, of_day.scalar_one(), f"{today} in Santiago")


def reserve(
    connection: sa.Connection, partition: Partition, config: BudgetConfig, usd: Decimal
) -> None:
    """Makes sure that ``usd`` may be spent; the caller writes its rows in this transaction.

    Raises:
        BlockedError: Over a limit; the message says the estimate, the limit and the key.
    """
    _lock(connection, partition)
    tightest = min(limits(connection, partition, config), key=lambda limit: limit.left_usd)
    if usd > tightest.left_usd:
        raise over(tightest, usd)


def affordable(
    connection: sa.Connection, partition: Partition, config: BudgetConfig, usd: Sequence[Decimal]
) -> int:
    """Returns how many of these amounts, from the first on, may be spent together.

    The caller writes the rows of those in this transaction.
    """
    _lock(connection, partition)
    left = min(limit.left_usd for limit in limits(connection, partition, config))
    return sum(total <= left for total in accumulate(usd))


def over(limit: Limit, usd: Decimal) -> BlockedError:
    """Returns the refusal of an amount that is over a limit."""
    return BlockedError(
        "budget",
        f"over budget: the next requests are estimated at {usd:.6f} USD, and of the "
        f"{limit.usd} USD for {limit.scope} {max(limit.left_usd, Decimal(0)):.6f} USD are left; "
        f"nothing was sent: raise `{limit.key}`, or wait until there is room",
        usd,
    )


def _lock(connection: sa.Connection, partition: Partition) -> None:
    """Locks both budgets until the transaction ends, always the day's first."""
    today = connection.execute(sa.select(_TODAY)).scalar_one()
    scopes = [f"day {today}", f"partition {partition.key}"]
    connection.execute(
        insert(budgets).values([{"scope": scope} for scope in scopes]).on_conflict_do_nothing()
    )
    connection.execute(
        sa.select(budgets)
        .where(budgets.c.scope.in_(scopes))
        .order_by(budgets.c.scope)
        .with_for_update()
    )


def _limit(key: str, usd: float, spent: Decimal, scope: str) -> Limit:
    limit = exact(usd)
    return Limit(key, limit, limit - spent, scope)
