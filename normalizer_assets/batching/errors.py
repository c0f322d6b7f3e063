"""What stops work on a partition.

Belongs here: the exceptions that leave this package, each with what becomes of the
partition. Does not belong here: writing that down (``life``), showing it to people.
"""

from dataclasses import dataclass
from decimal import Decimal

from normalizer_assets.db.tables import Blocker


class NotReady(Exception):  # noqa: N818 - no error: the partition waits
    """A batch, or another partition's question, is under way; the message says which."""


@dataclass
class BlockedError(Exception):
    """Something outside the partition stands in its way; no attempt is used up.

    Attributes:
        by: What it is.
        reason: For people, with what to do.
        usd: Money that is needed, where a budget blocks.
    """

    by: Blocker
    reason: str
    usd: Decimal | None = None

    def __str__(self) -> str:
        """Returns the reason."""
        return self.reason


def is_obstacle(blocked_by: str | None) -> bool:
    """Returns whether a blocker is in the way; waiting for company was asked for."""
    return blocked_by not in (None, "company")


class HeldError(RuntimeError):
    """The canary is red: a person has to look before anything more is paid."""


class BatchFailedError(RuntimeError):
    """The API refused what a whole batch has in common; the message is its reason."""


class LostTurnError(RuntimeError):
    """Another process has taken the partition: this one must not write any more."""


class OperationError(RuntimeError):
    """It cannot be done; the message says why and what to do instead."""
