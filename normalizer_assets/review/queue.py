"""The review queue: what waits for a person.

Belongs here: which rows are shown, once a question, and finding one by what a person
types. Does not belong here: deciding (``decisions``), files (``spreadsheet``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

SHORTEST_NAME = 6
"""Fewer signs of a question key are too few to name one."""


class ReviewError(ValueError):
    """What was asked cannot be done; the message says what to do instead."""


@dataclass(frozen=True)
class Filters:
    """Which rows to show; what is ``None`` does not limit.

    Attributes:
        day: Scrape day.
        retailer: Slug.
        category_group: One of the 26 groups.
        status: ``review`` is the queue; ``accepted`` rows are looked at to check them.
        sample: That many rows, drawn by their key, else the least sure ones first.
    """

    day: date | None = None
    retailer: str | None = None
    category_group: str | None = None
    status: str = "review"
    sample: int | None = None


@dataclass(frozen=True)
class Waiting:
    """One question as people see it, shown by its newest row.

    Attributes:
        question_key: What a decision belongs to.
        listings: How many rows of newest versions have this question.
        row: The row: retailer, day, sku, name, category, category_group, price (CLP),
            listing_brand, brand, model, attributes, normalized_name, category_suggestion,
            confidence, status, reasons, evidence, answered_by, llm_model.
    """

    question_key: str
    listings: int
    row: dict[str, Any]

    def answer(self) -> dict[str, Any]:
        """Returns the answer as it stands: brand, model, attributes and names."""
        return {field: self.row[field] for field in ANSWER_FIELDS}

    def listing(self) -> dict[str, Any]:
        """Returns the listing as it stands, with its day as text."""
        return {field: self.row[field] for field in LISTING_FIELDS} | {
            "day": self.row["day"].isoformat()
        }


ANSWER_FIELDS = ("brand", "model", "attributes", "normalized_name", "category_suggestion")
LISTING_FIELDS = (
    "retailer", "day", "sku", "name", "category", "category_group", "price", "listing_brand",
)  # fmt: skip
_VERDICT_FIELDS = ("confidence", "status", "reasons", "evidence", "answered_by", "llm_model")

_QUEUE = f"""
select question_key, listings, {", ".join((*LISTING_FIELDS, *ANSWER_FIELDS, *_VERDICT_FIELDS))}
from (
    select product.*,
           count(*) over (partition by product.question_key) as listings,
           row_number() over (partition by product.question_key
                              order by product.day desc, product.retailer, product.sku) as place
    from normalizer.product_rows product
    join normalizer.partitions
      on (partitions.retailer, partitions.day, partitions.newest_version)
       = (product.retailer, product.day, product.version)
    where product.status = :status
      and (cast(:day as date) is null or product.day = :day)
      and (cast(:retailer as text) is null or product.retailer = :retailer)
      and (cast(:category_group as text) is null or product.category_group = :category_group)
      and (cast(:name as text) is null
           or product.sku = :name or left(product.question_key, length(:name)) = :name)
      -- A published partition shows a decision at its next materialisation; until then the
      -- question must not come back to whoever decided it.
      and (:decided or coalesce(
        (select decision.decision = 'reject' and decision.decided_at < product.updated_at
         from normalizer.review_decisions decision
         where decision.question_key = product.question_key
         order by decision.decision_id desc limit 1), true))
) shown
where place = 1
"""


def waiting(connection: sa.Connection, filters: Filters, limit: int | None = None) -> list[Waiting]:
    """Returns undecided questions, each once, the least sure first."""
    order = "md5(question_key)" if filters.sample else "confidence, question_key"
    values = _values(filters) | {"limit": filters.sample or limit}
    rows = connection.execute(sa.text(f"{_QUEUE} order by {order} limit :limit"), values)
    return [_waiting(row) for row in rows.mappings()]


def count(connection: sa.Connection, filters: Filters) -> int:
    """Returns how many questions ``waiting`` would give without a limit."""
    statement = sa.text(f"select count(*) from ({_QUEUE}) queue")
    return int(connection.execute(statement, _values(filters)).scalar_one())


def find(connection: sa.Connection, name: str) -> Waiting:
    """Returns the one question that a person names, decided or not: a slip can be mended.

    Args:
        connection: To the normaliser's database.
        name: Its key, the beginning of one, or a SKU.

    Raises:
        ReviewError: None or several.
    """
    found: list[Waiting] = []
    for status in ("review", "accepted", "rejected"):
        values = _values(Filters(status=status)) | {"name": name, "decided": True}
        rows = connection.execute(sa.text(_QUEUE), values).mappings()
        found += map(_waiting, rows)
    exact = [one for one in found if one.question_key == name or one.row["sku"] == name]
    if len(name) < SHORTEST_NAME:
        found = exact
    if not found:
        raise ReviewError(
            f"no row has the question or the SKU {name!r}; "
            f"`normalizer review list` shows what waits"
        )
    keys = {one.question_key for one in (exact or found)}
    if len(keys) > 1:
        raise ReviewError(
            f"{name!r} names several questions ({', '.join(sorted(keys))}); give more of the key"
        )
    return (exact or found)[0]


def by_key(connection: sa.Connection, question_keys: Sequence[str]) -> dict[str, Waiting]:
    """Returns undecided questions by their whole key; unknown ones are left out."""
    wanted = set(question_keys)
    return {
        row["question_key"]: _waiting(row)
        for status in ("rejected", "accepted", "review")
        for row in connection.execute(sa.text(_QUEUE), _values(Filters(status=status))).mappings()
        if row["question_key"] in wanted
    }


def _values(filters: Filters) -> dict[str, Any]:
    return {
        "status": filters.status,
        "day": filters.day,
        "retailer": filters.retailer,
        "category_group": filters.category_group,
        "name": None,
        "decided": False,
    }


def _waiting(row: sa.RowMapping) -> Waiting:
    fields: dict[str, Any] = dict(row)
    return Waiting(fields.pop("question_key"), fields.pop("listings"), fields)
