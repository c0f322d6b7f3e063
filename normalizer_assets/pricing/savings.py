"""How much batches, routing and the cache save.

Belongs here: the specification's comparison of four ways to ask the same questions.
Does not belong here: costs of a single response (costs.py), the estimate of a planned
partition (estimates.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from normalizer_assets.config import ModelConfig, Tier
from normalizer_assets.pricing.estimates import estimate


@dataclass(frozen=True)
class Scenario:
    """One way to ask.

    Attributes:
        name: What is compared.
        usd: Its cost.
        savings_percent: Saved against individual calls at full.
    """

    name: str
    usd: Decimal
    savings_percent: float


def savings_percent(actual: Decimal, individual: Decimal) -> float:
    """Returns what is saved against the individual cost, in percent.

    Negative where the actual cost is higher; 0 where there is nothing to compare with.
    """
    return float(100 * (1 - actual / individual)) if individual else 0.0


def compare(
    listings: pl.DataFrame, models: Mapping[Tier, ModelConfig], *, reasoning_share: float
) -> tuple[Scenario, Scenario, Scenario, Scenario]:
    """Prices the same listings asked in four ways.

    Args:
        listings: One row a listing: ``tier``, ``prompt_tokens`` and ``answer_tokens``
            as routed; ``full_prompt_tokens`` and ``full_answer_tokens`` as they would
            be at full; ``cached`` Boolean, true where a stored answer serves (its
            lookup is taken as free).
        models: Tier -> the model behind it.
        reasoning_share: As in ``estimates.estimate``.

    Returns:
        Individual at full, batch at full, batch with routing, batch with routing and
        cache, in this order.

    Raises:
        ValueError: As ``estimates.estimate``.
    """
    at_full = estimate(
        listings.select(
            pl.lit("full").alias("tier"),
            pl.col("full_prompt_tokens").alias("prompt_tokens"),
            pl.col("full_answer_tokens").alias("answer_tokens"),
        ),
        models,
        reasoning_share=reasoning_share,
    )
    routed = estimate(listings, models, reasoning_share=reasoning_share)
    asked = estimate(listings.filter(~pl.col("cached")), models, reasoning_share=reasoning_share)

    def scenario(name: str, usd: Decimal) -> Scenario:
        return Scenario(name, usd, savings_percent(usd, at_full.individual_usd))

    return (
        scenario("individual", at_full.individual_usd),
        scenario("batch", at_full.batch_usd),
        scenario("batch + routing", routed.batch_usd),
        scenario("batch + routing + cache", asked.batch_usd),
    )
