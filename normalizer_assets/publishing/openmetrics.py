"""All figures as OpenMetrics text, for scrapers (https://openmetrics.io).

Belongs here: names, types and labels of the metrics. Does not belong here: the figures
(``report``), the text format (``prometheus_client``), serving it.

What never falls is a counter: money, tokens, requests that have an end. What may fall is a gauge:
a person rejects a row, a rollback shows fewer products, a batch that was refused was never
executed. A scraper takes a counter that fell for one that began anew, and adds all of it again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from normalizer_assets.batching.budget import Limit, day_limit
from normalizer_assets.config import BudgetConfig
from normalizer_assets.db.tables import SANTIAGO_DAY, TERMINAL_BATCH_STATES
from normalizer_assets.publishing.daily import shop_of
from normalizer_assets.publishing.report import PartitionReport, partition_reports, statistics

PREFIX = "normalizer_"

_Number = int | float | Decimal
_Samples = Iterable[tuple[tuple[str, ...], _Number]]
"""Label values and a value; equal labels are added up."""


class BatchCount(NamedTuple):
    """Batches of one model in one state; ``oldest_seconds`` since the first of them was sent."""

    llm_model: str
    state: str
    batches: int
    oldest_seconds: float


@dataclass(frozen=True)
class Standing:
    """What is known beside the partitions.

    Attributes:
        batches: By model and state.
        limit: The limit of today in Santiago, and what is left of it.
        cost_today_usd: What today's requests have cost so far, without open ones.
    """

    batches: Sequence[BatchCount]
    limit: Limit
    cost_today_usd: Decimal


def openmetrics(engine: sa.Engine, config: BudgetConfig) -> str:
    """Returns the metrics of all partitions, as they are now.

    Args:
        engine: The normaliser's database.
        config: The day's limit.
    """
    with engine.connect() as connection:
        standing = Standing(
            batches=[BatchCount(*row) for row in connection.execute(sa.text(_BATCHES))],
            limit=day_limit(connection, config),
            cost_today_usd=connection.execute(sa.text(_COST_TODAY)).scalar_one(),
        )
    return exposition(partition_reports(engine), standing)


def exposition(reports: Sequence[PartitionReport], standing: Standing) -> str:
    """Writes figures as OpenMetrics text.

    Args:
        reports: All partitions; their days are added up, because time is the scraper's.
        standing: Batches and today's money.
    """
    registry = CollectorRegistry(auto_describe=False)
    families = (_of_partitions(reports), _of_ledger(reports), _of_now(reports, standing))
    registry.register(_Families([family for group in families for family in group]))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


class _Families(Collector):
    """What the library writes a text of."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def _of_partitions(reports: Sequence[PartitionReport]) -> Iterator[Metric]:
    shops = [(shop_of(report), report) for report in reports]
    yield _gauge(
        "partitions",
        "Partitions that have landed, by where they are in their life.",
        ("retailer", "state"),
        (((shop, one.state), 1) for shop, one in shops),
    )
    yield _gauge(
        "products",
        "Products in the newest versions, by the step that answered them.",
        ("retailer", "step"),
        (((shop, step), rows) for shop, one in shops for step, rows in one.answered_by.items()),
    )
    yield _gauge(
        "cache_hits",
        "Products that were answered from the cache.",
        ("retailer",),
        (((shop,), one.answered_by["cache"]) for shop, one in shops),
    )
    yield _gauge(
        "accepted_products",
        "Products that were accepted.",
        ("retailer",),
        (((shop,), one.accepted) for shop, one in shops),
    )
    yield _gauge(
        "quarantined_listings",
        "Landed rows that are no listing.",
        ("retailer",),
        (((shop,), one.quarantined) for shop, one in shops),
    )


def _of_ledger(reports: Sequence[PartitionReport]) -> Iterator[Metric]:
    labels = ("retailer", "model", "step")
    spent = [
        ((shop_of(report), one.llm_model, one.step), one)
        for report in reports
        for one in report.spent
    ]
    yield _counter(
        "requests",
        "Requests to models that have an end.",
        labels,
        ((whose, one.requests - one.open_requests) for whose, one in spent),
    )
    yield _gauge(
        "open_requests",
        "Requests to models that have no end yet.",
        labels,
        ((whose, one.open_requests) for whose, one in spent),
    )
    yield _counter(
        "cost_usd", "What requests cost.", labels, ((whose, one.usd) for whose, one in spent), "usd"
    )
    yield _counter(
        "tokens",
        "Tokens; cached_input is part of input, reasoning is part of output.",
        (*labels, "kind"),
        (
            ((*whose, kind), count)
            for whose, one in spent
            for kind, count in (
                ("input", one.input_tokens),
                ("cached_input", one.cached_tokens),
                ("output", one.output_tokens),
                ("reasoning", one.reasoning_tokens),
            )
        ),
    )
    yield _gauge(
        "second_opinions",
        "Answers of mini that were asked again at full.",
        ("retailer",),
        (((shop_of(report),), report.second_opinions) for report in reports),
    )


def _of_now(reports: Sequence[PartitionReport], standing: Standing) -> Iterator[Metric]:
    figures = statistics(reports, None)
    for name, says, value in (
        ("cache_hit_ratio", "Cache hits to products.", figures["cache_hit_rate"]),
        ("accepted_ratio", "Accepted products to products.", figures["accepted_share"]),
        (
            "savings_ratio",
            "What was saved, to what asking each listing individually at full would cost.",
            figures["savings_percent"] / 100,
        ),
    ):
        yield _gauge(name, says, (), [((), value)], "ratio")
    limit = standing.limit
    for name, says, usd in (
        ("cost_today_usd", "What today's requests have cost so far.", standing.cost_today_usd),
        ("budget_today_usd", "The day's budget, budget.day_usd.", limit.usd),
        (
            "budget_left_today_usd",
            "What is neither spent of the day's budget nor reserved for open requests.",
            limit.left_usd,
        ),
    ):
        yield _gauge(name, says, (), [((), usd)], "usd")
    open_batches = [one for one in standing.batches if one.state not in TERMINAL_BATCH_STATES]
    yield _gauge(
        "batches",
        "Batches by their state at the API, or ours before they are sent.",
        ("model", "state"),
        (((one.llm_model, one.state), one.batches) for one in standing.batches),
    )
    yield _gauge(
        "open_batches",
        "Batches that have not ended.",
        ("model",),
        (((one.llm_model,), one.batches) for one in open_batches),
    )
    oldest: dict[str, float] = defaultdict(float)
    for one in open_batches:
        oldest[one.llm_model] = max(oldest[one.llm_model], one.oldest_seconds)
    yield _gauge(
        "oldest_open_batch_age_seconds",
        "Since when the oldest batch that has not ended was sent.",
        ("model",),
        (((model,), seconds) for model, seconds in oldest.items()),
        "seconds",
    )


def _gauge(
    name: str, says: str, labels: Sequence[str], samples: _Samples, unit: str = ""
) -> Metric:
    return _filled(GaugeMetricFamily(PREFIX + name, says, labels=labels, unit=unit), samples)


def _counter(
    name: str, says: str, labels: Sequence[str], samples: _Samples, unit: str = ""
) -> Metric:
    return _filled(CounterMetricFamily(PREFIX + name, says, labels=labels, unit=unit), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: _Samples) -> Metric:
    # Money is added up exactly: a sum that trembles in its last digit would fall.
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for labels, value in samples:
        sums[labels] += Decimal(value)
    for labels, total in sorted(sums.items()):
        family.add_metric(labels, float(total))
    return family


_BATCHES = """
select llm_model, state, count(*),
       coalesce(extract(epoch from now() - min(coalesce(submitted_at, planned_at))
                                           filter (where gathers_until is null)),
                0)::double precision
from normalizer.batches group by llm_model, state
"""

_COST_TODAY = f"""
select coalesce(sum(cost_usd), 0) from normalizer.batch_requests where reserved_on = {SANTIAGO_DAY}
"""
