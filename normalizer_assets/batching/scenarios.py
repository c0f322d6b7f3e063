"""The specification's comparison: the same listings, asked in four ways.

Belongs here: what each way would send, and its price. Does not belong here: building requests
(``requests``), the price of requests (``pricing.estimates``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from normalizer_assets.batching.requests import build_requests
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.pricing.estimates import (
    Reasoning,
    allowed_reasoning,
    expected_reasoning,
    no_reasoning,
    requests_usd,
)
from normalizer_assets.pricing.savings import savings_percent

WAYS = ("individual", "batch", "batch + routing", "batch + routing + cache")

FIGURES: Mapping[str, Reasoning] = {
    "zero": no_reasoning,
    "expected": expected_reasoning,
    "allowance": allowed_reasoning,
}
"""What every cost is told with: no reasoning tokens, those that an estimate expects, and all
that the output limits leave room for. Measured ones come on top where there are any."""


@dataclass(frozen=True)
class Scenario:
    """One way to ask.

    Attributes:
        name: One of ``WAYS``.
        usd: Figure (``FIGURES``) -> its cost.
        savings_percent: Saved against individual calls at full, at the expected figure.
    """

    name: str
    usd: Mapping[str, Decimal]
    savings_percent: float


def scenarios(
    config: NormalizerConfig,
    routed: pl.DataFrame,
    figures: Mapping[str, Reasoning] = FIGURES,
) -> tuple[Scenario, ...]:
    """Prices routed listings in the four ``WAYS``.

    Args:
        config: Tiers, models, retailers.
        routed: The routed_products frame; ``route`` is cache where a stored answer serves,
            whose lookup is taken as free.
        figures: With which reasoning tokens; ``expected`` must be among them.
    """
    at_full = routed.with_columns(tier=pl.lit("full"))
    in_calls = build_requests(config, at_full, "individual")
    in_batches = (
        build_requests(config, at_full, "batch"),
        build_requests(config, routed, "batch"),
        build_requests(config, routed.filter(pl.col("route") != "cache"), "batch"),
    )

    def priced(requests: pl.DataFrame, *, batch: bool) -> dict[str, Decimal]:
        return {
            name: requests_usd(requests, config.models, batch=batch, reasoning=reasoning)
            for name, reasoning in figures.items()
        }

    costs = [priced(in_calls, batch=False)]
    costs += [priced(requests, batch=True) for requests in in_batches]
    return tuple(
        Scenario(name, usd, savings_percent(usd["expected"], costs[0]["expected"]))
        for name, usd in zip(WAYS, costs, strict=True)
    )


@dataclass(frozen=True)
class Individually:
    """What asking every listing in a call of its own would cost, in USD."""

    full: Decimal
    legacy: Decimal


def individually(config: NormalizerConfig, routed: pl.DataFrame) -> Individually:
    """Prices routed listings, each asked individually at full, and each at legacy."""
    at_full = build_requests(config, routed.with_columns(tier=pl.lit("full")), "individual")
    at_legacy = build_requests(config, routed, "legacy")
    return Individually(
        *(requests_usd(one, config.models, batch=False) for one in (at_full, at_legacy))
    )
