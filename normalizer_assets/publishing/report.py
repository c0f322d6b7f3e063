"""What was done, by whom, at what cost: the figures that people ask for.

Belongs here: reading the ledger and the products into one set of figures, for one
partition or many. Does not belong here: how they are printed.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from normalizer_assets.db.tables import answer_sources
from normalizer_assets.pricing.savings import savings_percent

ANSWERED_BY = ("cache", "batch", "individual", "legacy", "rules", "human")


@dataclass(frozen=True)
class PartitionReport:
    """One partition in figures.

    Attributes:
        day: Its day.
        retailer: Its retailer's slug.
        state: Where it is in its life.
        blocked_reason: Why it is held, failed or blocked.
        rows: Normalised products.
        quarantined: Bad rows.
        collapsed: Duplicates.
        answered_by: Rows by the step that answered them.
        accepted: Rows accepted.
        mean_confidence: Mean confidence of the rows, ``None`` without rows.
        batches: Batches bought for it.
        requests: Paid requests of any kind.
        estimated_usd: Estimate of these requests.
        cost_usd: What they cost.
        outcome_unknown: Requests whose reply was lost; their cost is a bound.
        individual_usd: What asking every listing individually at full would have cost.
        models: Rows by the model that answered them.
    """

    day: date
    retailer: str
    state: str
    blocked_reason: str | None
    rows: int
    quarantined: int
    collapsed: int
    answered_by: dict[str, int]
    accepted: int
    mean_confidence: float | None
    batches: int
    requests: int
    estimated_usd: Decimal
    cost_usd: Decimal
    outcome_unknown: int
    individual_usd: Decimal
    models: dict[str, int]

    @property
    def success_rate(self) -> float:
        """Share of rows answered by a model, a person or the cache, not by the rules."""
        return 1 - self.answered_by["rules"] / self.rows if self.rows else 0.0


def partition_reports(
    engine: sa.Engine, day: date | None = None, retailer: str | None = None
) -> list[PartitionReport]:
    """Returns a report for each partition that matches, oldest first."""
    wanted = {"day": day, "retailer": retailer}
    with engine.connect() as connection:
        return [
            _report(connection, row) for row in connection.execute(sa.text(_PARTITIONS), wanted)
        ]


def answer_source(engine: sa.Engine) -> str | None:
    """Returns whose answers the database holds: ``standin``, ``openai`` or nobody's."""
    with engine.connect() as connection:
        return connection.execute(sa.select(answer_sources.c.source)).scalar()


def statistics(reports: list[PartitionReport], source: str | None) -> dict[str, Any]:
    """Sums reports up, with the specification's keys.

    Args:
        reports: The partitions.
        source: Whose answers they are, as ``answer_source`` says.

    Returns:
        JSON values; money in USD, shares in 0..1, percentages in 0..100.
    """
    rows = sum(report.rows for report in reports)
    cost = sum((report.cost_usd for report in reports), Decimal(0))
    individual = sum((report.individual_usd for report in reports), Decimal(0))
    answered = {step: sum(report.answered_by[step] for report in reports) for step in ANSWERED_BY}
    models: dict[str, int] = {}
    for report in reports:
        for model, count in report.models.items():
            models[model] = models.get(model, 0) + count
    return {
        "partitions": len(reports),
        "products_processed": rows,
        "total_batches": sum(report.batches for report in reports),
        "total_requests": sum(report.requests for report in reports),
        "cache_hit_rate": _share(answered["cache"], rows),
        "costs": {
            "total": float(cost),
            "estimated": float(sum((report.estimated_usd for report in reports), Decimal(0))),
            "per_product": float(cost / rows) if rows else 0.0,
            "individual_at_full": float(individual),
        },
        "outcome_unknown": sum(report.outcome_unknown for report in reports),
        "savings_percent": round(savings_percent(cost, individual), 2),
        "answered_by": answered,
        "model_distribution": {
            model: {"products": count, "percentage": round(100 * _share(count, rows), 2)}
            for model, count in sorted(models.items())
        },
        "accepted_share": _share(sum(report.accepted for report in reports), rows),
        "quarantined": sum(report.quarantined for report in reports),
        "success_rate": _share(rows - answered["rules"], rows),
        "answers_from": source,
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _report(connection: sa.Connection, row: sa.Row[Any]) -> PartitionReport:
    key = {"retailer": row.retailer, "day": row.day}
    steps = dict.fromkeys(ANSWERED_BY, 0)
    models: dict[str, int] = {}
    rows = accepted = 0
    confidence = 0.0
    for group in connection.execute(sa.text(_PRODUCTS), key):
        steps[group.answered_by] += group.rows
        model = group.llm_model or group.answered_by
        models[model] = models.get(model, 0) + group.rows
        rows += group.rows
        accepted += group.accepted
        confidence += group.confidence
    money = connection.execute(sa.text(_REQUESTS), key).one()
    return PartitionReport(
        day=row.day,
        retailer=row.retailer,
        state=row.state,
        blocked_reason=row.blocked_reason,
        rows=rows,
        quarantined=row.quarantined_count or 0,
        collapsed=row.collapsed_count or 0,
        answered_by=steps,
        accepted=accepted,
        mean_confidence=confidence / rows if rows else None,
        batches=money.batches,
        requests=money.requests,
        estimated_usd=money.estimated_usd,
        cost_usd=money.cost_usd,
        outcome_unknown=money.outcome_unknown,
        individual_usd=row.individual_usd or Decimal(0),
        models=models,
    )


_PARTITIONS = """
select * from normalizer.partitions
where raw_snapshot is not null
  and (cast(:day as date) is null or day = :day)
  and (cast(:retailer as text) is null or retailer = :retailer)
order by day, retailer
"""

_PRODUCTS = """
select answered_by, llm_model, count(*) as rows, sum(confidence) as confidence,
       count(*) filter (where status = 'accepted') as accepted
from normalizer.normalized_products
where retailer = :retailer and day = :day
group by answered_by, llm_model
"""

_REQUESTS = """
select count(distinct shard_hash) as batches, count(*) as requests,
       coalesce(sum(estimated_usd), 0) as estimated_usd, coalesce(sum(cost_usd), 0) as cost_usd,
       count(*) filter (where state = 'outcome_unknown') as outcome_unknown
from normalizer.batch_requests
where retailer = :retailer and day = :day and state not in ('planned', 'not_executed')
"""
