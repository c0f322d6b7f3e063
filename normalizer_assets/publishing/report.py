"""What was done, by whom, at what cost: the figures that people ask for.

Belongs here: reading the ledger and the products into one set of figures, for one
partition or many. Does not belong here: how they are printed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from normalizer_assets.db.tables import answer_sources
from normalizer_assets.pricing.savings import savings_percent

ANSWERED_BY = ("cache", "batch", "individual", "legacy", "rules", "human")


@dataclass(frozen=True)
class Spent:
    """What requests of one model and one step used and cost, by the API's own usage.

    Attributes:
        llm_model: As the API names it, where it replied; else as it was asked.
        step: canary, batch, individual, legacy or embedding.
        requests: How many.
        open_requests: Of these, how many have no end yet.
        input_tokens: Prompt tokens, cached ones included.
        cached_tokens: Of these, tokens that the API took from its prompt cache.
        output_tokens: Reply tokens, reasoning included.
        reasoning_tokens: Of these, tokens spent on reasoning.
        usd: Cost.
    """

    llm_model: str
    step: str
    requests: int
    open_requests: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    usd: Decimal


@dataclass(frozen=True)
class PartitionReport:
    """One partition in figures.

    Attributes:
        day: Its day.
        retailer: Its retailer's slug.
        state: Where it is in its life.
        blocked_by: What stands in its way, ``None`` if nothing does.
        blocked_reason: Why it is held, failed or blocked.
        rows: Normalised products.
        quarantined: Bad rows.
        collapsed: Duplicates.
        answered_by: Rows by the step that answered them.
        accepted: Rows accepted.
        mean_confidence: Mean confidence of the rows, ``None`` without rows.
        shards: Batches bought for it, by shard hash; one may carry other partitions too.
        requests: Paid requests of any kind.
        estimated_usd: Estimate of these requests.
        cost_usd: What they cost.
        outcome_unknown: Requests whose reply was lost; their cost is a bound.
        individual_usd: What asking every listing individually at full would have cost.
        individual_legacy_usd: The same at the legacy tier.
        models: Rows by the model that answered them.
        spent: What was used and paid, by model and step.
        second_opinions: Answers of mini that were asked again at full.
        second_opinions_usd: What these cost.
        verdict: Of its newest version: pending, green or red; ``None`` without one.
        failed_gates: Gate -> why it failed; those that block and those that warn.
    """

    day: date
    retailer: str
    state: str
    blocked_by: str | None
    blocked_reason: str | None
    rows: int
    quarantined: int
    collapsed: int
    answered_by: dict[str, int]
    accepted: int
    mean_confidence: float | None
    shards: frozenset[str]
    requests: int
    estimated_usd: Decimal
    cost_usd: Decimal
    outcome_unknown: int
    individual_usd: Decimal
    individual_legacy_usd: Decimal
    models: dict[str, int]
    spent: Sequence[Spent]
    second_opinions: int
    second_opinions_usd: Decimal
    verdict: str | None
    failed_gates: Mapping[str, str]

    @property
    def batches(self) -> int:
        """How many batches were bought for it."""
        return len(self.shards)

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
        partitions, products, requests = (
            connection.execute(sa.text(f"{select} {_WANTED} {order}"), wanted).all()
            for select, order in (_PARTITIONS, _PRODUCTS, _REQUESTS)
        )
    products_of, requests_of = _by_partition(products), _by_partition(requests)
    return [
        _report(row, products_of[row.retailer, row.day], requests_of[row.retailer, row.day])
        for row in partitions
    ]


def answer_source(engine: sa.Engine) -> str | None:
    """Returns whose answers the database holds: ``standin``, ``openai`` or nobody's."""
    with engine.connect() as connection:
        return connection.execute(sa.select(answer_sources.c.source)).scalar()


def measured_reasoning(engine: sa.Engine, known: Iterable[str]) -> dict[str, float]:
    """Returns the mean of reasoning tokens in a reply, by the API's own usage.

    Args:
        engine: The normaliser's database.
        known: Model ids of the model table; the ledger has snapshots of them, such as
            ``gpt-5-mini-2025-08-07``.

    Returns:
        Model id -> tokens, for models that replied. Nothing where the stand-in did: it
        invents its usage.
    """
    if answer_source(engine) == "standin":
        return {}
    totals: dict[str, tuple[int, int]] = {}
    with engine.connect() as connection:
        for row in connection.execute(sa.text(_REASONING)):
            names = [one for one in known if f"{row.llm_model}-".startswith(f"{one}-")]
            if names:
                name = max(names, key=len)
                tokens, replies = totals.get(name, (0, 0))
                totals[name] = (tokens + row.tokens, replies + row.replies)
    return {name: tokens / replies for name, (tokens, replies) in totals.items()}


def statistics(reports: Sequence[PartitionReport], source: str | None) -> dict[str, Any]:
    """Sums reports up, with the specification's keys.

    Args:
        reports: The partitions.
        source: Whose answers they are, as ``answer_source`` says.

    Returns:
        JSON values; money in USD, shares in 0..1, percentages in 0..100.
    """
    rows = sum(report.rows for report in reports)
    confidence = sum((report.mean_confidence or 0.0) * report.rows for report in reports)
    cost = sum((report.cost_usd for report in reports), Decimal(0))
    # What has landed and is not answered yet has cost nothing, and saved nothing.
    answered_ones = [report for report in reports if report.rows]
    paid = sum((report.cost_usd for report in answered_ones), Decimal(0))
    individual = sum((report.individual_usd for report in answered_ones), Decimal(0))
    legacy = sum((report.individual_legacy_usd for report in answered_ones), Decimal(0))
    spent = [one for report in reports for one in report.spent]
    answered = {step: sum(report.answered_by[step] for report in reports) for step in ANSWERED_BY}
    models: dict[str, int] = {}
    for report in reports:
        for model, count in report.models.items():
            models[model] = models.get(model, 0) + count
    return {
        "partitions": len(reports),
        "products_processed": rows,
        "total_batches": len({shard for report in reports for shard in report.shards}),
        "total_requests": sum(report.requests for report in reports),
        "cache_hit_rate": _share(answered["cache"], rows),
        "costs": {
            "total": float(cost),
            "estimated": float(sum((report.estimated_usd for report in reports), Decimal(0))),
            "per_product": float(cost / rows) if rows else 0.0,
            "individual_at_full": float(individual),
            "individual_at_legacy": float(legacy),
            "second_opinions": float(
                sum((report.second_opinions_usd for report in reports), Decimal(0))
            ),
            "by_model": _costs((one.llm_model, one) for one in spent),
            "by_step": _costs((one.step, one) for one in spent),
        },
        "tokens": {
            "input": sum(one.input_tokens for one in spent),
            "cached_input": sum(one.cached_tokens for one in spent),
            "output": sum(one.output_tokens for one in spent),
            "reasoning": sum(one.reasoning_tokens for one in spent),
        },
        "second_opinions": sum(report.second_opinions for report in reports),
        "outcome_unknown": sum(report.outcome_unknown for report in reports),
        "savings_percent": round(savings_percent(paid, individual), 2),
        "savings_percent_at_legacy": round(savings_percent(paid, legacy), 2),
        "answered_by": answered,
        "model_distribution": {
            model: {"products": count, "percentage": round(100 * _share(count, rows), 2)}
            for model, count in sorted(models.items())
        },
        "accepted_share": _share(sum(report.accepted for report in reports), rows),
        "mean_confidence": round(confidence / rows, 4) if rows else None,
        "quarantined": sum(report.quarantined for report in reports),
        "success_rate": _share(rows - answered["rules"], rows),
        "answers_from": source,
    }


def _costs(spent: Iterable[tuple[str, Spent]]) -> dict[str, float]:
    """Sums USD up by a name, in alphabetical order."""
    sums: dict[str, Decimal] = {}
    for name, one in spent:
        sums[name] = sums.get(name, Decimal(0)) + one.usd
    return {name: float(usd) for name, usd in sorted(sums.items())}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


_Groups = Sequence[sa.Row[Any]]


def _by_partition(groups: _Groups) -> Mapping[tuple[str, date], _Groups]:
    found: dict[tuple[str, date], list[sa.Row[Any]]] = defaultdict(list)
    for group in groups:
        found[group.retailer, group.day].append(group)
    return found


def _report(row: sa.Row[Any], products: _Groups, requests: _Groups) -> PartitionReport:
    steps = dict.fromkeys(ANSWERED_BY, 0)
    models: dict[str, int] = defaultdict(int)
    for group in products:
        steps[group.answered_by] += group.rows
        models[group.llm_model or group.answered_by] += group.rows
    rows = sum(steps.values())
    confidence = sum(group.confidence for group in products)
    return PartitionReport(
        day=row.day,
        retailer=row.retailer,
        state=row.state,
        blocked_by=row.blocked_by,
        blocked_reason=row.blocked_reason,
        rows=rows,
        quarantined=row.quarantined_count or 0,
        collapsed=row.collapsed_count or 0,
        answered_by=steps,
        accepted=sum(group.accepted for group in products),
        mean_confidence=confidence / rows if rows else None,
        shards=frozenset(shard for group in requests for shard in group.shards),
        requests=sum(group.requests for group in requests),
        estimated_usd=sum((group.estimated_usd for group in requests), Decimal(0)),
        cost_usd=sum((group.usd for group in requests), Decimal(0)),
        outcome_unknown=sum(group.outcome_unknown for group in requests),
        individual_usd=row.individual_usd or Decimal(0),
        individual_legacy_usd=row.individual_legacy_usd or Decimal(0),
        models=dict(models),
        spent=[
            Spent(**{field.name: getattr(group, field.name) for field in fields(Spent)})
            for group in requests
        ],
        second_opinions=sum(group.second_opinions for group in requests),
        second_opinions_usd=sum((group.second_opinions_usd for group in requests), Decimal(0)),
        verdict=row.verdict,
        failed_gates=row.failed_gates or {},
    )


# Each statement is for all partitions together: for 1,170, one each took three times as long.
_WANTED = """
and (cast(:day as date) is null or day = :day)
and (cast(:retailer as text) is null or retailer = :retailer)
"""

_PARTITIONS = (
    """
    select partition.*, verdict, failed_gates
    from normalizer.partitions partition
    left join (select retailer, day, version as newest_version, verdict, failed_gates
               from normalizer.product_versions) newest using (retailer, day, newest_version)
    where raw_snapshot is not null
    """,
    "order by day, retailer",
)

_PRODUCTS = (
    """
    select retailer, day, answered_by, llm_model, count(*) as rows, sum(confidence) as confidence,
           count(*) filter (where status = 'accepted') as accepted
    from normalizer.normalized_products where true
    """,
    "group by retailer, day, answered_by, llm_model",
)

_REQUESTS = (
    """
    select retailer, day, llm_model, step, count(*) as requests,
           count(*) filter (where state in ('sent', 'received')) as open_requests,
           array_remove(array_agg(distinct shard_hash), null) as shards,
           coalesce(sum(input_tokens), 0)::bigint as input_tokens,
           coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
           coalesce(sum(output_tokens), 0)::bigint as output_tokens,
           coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
           coalesce(sum(estimated_usd), 0) as estimated_usd, coalesce(sum(cost_usd), 0) as usd,
           count(*) filter (where state = 'outcome_unknown') as outcome_unknown,
           count(*) filter (where second_opinion) as second_opinions,
           coalesce(sum(cost_usd) filter (where second_opinion), 0) as second_opinions_usd
    from (select request.*, tier = 'full' and exists (
              select from normalizer.batch_requests first
              where first.question_key = request.question_key
                and (first.retailer, first.day) = (request.retailer, request.day)
                and first.tier = 'mini' and first.state = 'ok'
                and first.planned_at < request.planned_at) as second_opinion
          from normalizer.batch_requests request
          where state not in ('planned', 'not_executed')) asked
    where true
    """,
    "group by retailer, day, llm_model, step order by llm_model, step",
)

# The rows of a packed line share its reply.
_REASONING = """
select llm_model, sum(reasoning_tokens)::bigint as tokens,
       count(distinct (coalesce(shard_hash, request_id::text), split_part(custom_id, '~', 1)))
           as replies
from normalizer.batch_requests
where step <> 'embedding' and output_tokens > 0
group by llm_model
"""
