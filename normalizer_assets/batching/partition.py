"""The name of a partition: one retailer on one day.

Belongs here: the key and its text. Does not belong here: Dagster's definition of the
partitions (``normalizer_assets.partitions``), a partition's state (``life``).
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

DIRECT = "direct-"
"""Begins the retailer of partitions of products that were given as dicts, not landed."""


@dataclass(frozen=True, order=True)
class Partition:
    """One retailer on one day."""

    day: date
    retailer: str

    @property
    def key(self) -> str:
        """Dagster's partition key, such as ``2024-10-01|lider``."""
        return f"{self.day.isoformat()}|{self.retailer}"

    @property
    def is_direct(self) -> bool:
        """Whether its products were given as dicts: Dagster knows no such partition."""
        return self.retailer.startswith(DIRECT)

    @classmethod
    def from_key(cls, key: str) -> "Partition":
        """Reads a key of the form ``2024-10-01|lider``."""
        day, retailer = key.split("|")
        return cls(date.fromisoformat(day), retailer)

    def of(self, table: "sa.Table") -> "sa.ColumnElement[bool]":
        """Returns the condition that a row of ``table`` belongs to this partition."""
        import sqlalchemy as sa

        return sa.and_(table.c.retailer == self.retailer, table.c.day == self.day)
