"""What requests will cost, before they are sent.

Belongs here: typical answer lengths and the estimate per tier. Does not belong here:
counting prompt tokens (prompting/tokens.py), what a response did cost (costs.py),
comparing ways of asking (savings.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from normalizer_assets.config import ModelConfig, TemplateName, Tier
from normalizer_assets.pricing.costs import Usage, cost_usd

TYPICAL_ANSWER_TOKENS: dict[TemplateName, int] = {
    "MINIMAL": 41,
    "BATCH": 41,
    "STANDARD": 64,
    "DETAILED": 95,
    "FALLBACK": 41,
}
"""Answer tokens without reasoning: the mean, rounded up, over the specification's four
right answers (issue 2: iPhone, Coca Cola, ASUS ROG, perfume), written in each template's
shape and tokenised with o200k_base. MINIMAL, BATCH and FALLBACK are counted as compact
JSON, STANDARD and DETAILED indented, as their prompts show it. A test recounts them."""


@dataclass(frozen=True)
class TierEstimate:
    """Expected requests of one tier.

    Attributes:
        tier: mini, full or legacy.
        requests: How many.
        input_tokens: Prompt tokens of all of them.
        output_tokens: Answer tokens and reasoning of all of them.
        individual_usd: Cost as synchronous calls.
        batch_usd: Cost through the Batch API.
    """

    tier: str
    requests: int
    input_tokens: int
    output_tokens: int
    individual_usd: Decimal
    batch_usd: Decimal


@dataclass(frozen=True)
class Estimate:
    """Expected cost of a set of requests, by tier in alphabetical order."""

    tiers: tuple[TierEstimate, ...]

    @property
    def individual_usd(self) -> Decimal:
        """Cost of all as synchronous calls."""
        return sum((tier.individual_usd for tier in self.tiers), Decimal(0))

    @property
    def batch_usd(self) -> Decimal:
        """Cost of all through the Batch API."""
        return sum((tier.batch_usd for tier in self.tiers), Decimal(0))


def estimate(
    requests: pl.DataFrame, models: Mapping[Tier, ModelConfig], *, reasoning_share: float
) -> Estimate:
    """Estimates the cost of requests. No prompt-cache hits are assumed.

    Args:
        requests: One row a request: ``tier``, ``prompt_tokens``, ``answer_tokens``
            (such as ``TYPICAL_ANSWER_TOKENS``, or the tier's cap for an upper bound).
        models: Tier -> the model behind it.
        reasoning_share: Share of each model's reasoning allowance that is expected to
            be spent per request: 0 for none (usual at the lowest effort), 1 for the
            bound that a budget has to reserve.

    Returns:
        The estimate, in USD.

    Raises:
        ValueError: A tier has no model, or ``reasoning_share`` is not in 0..1.
    """
    if not 0 <= reasoning_share <= 1:
        raise ValueError(f"reasoning_share is {reasoning_share}; it must lie in 0..1")
    sums = (
        requests.group_by("tier")
        .agg(
            pl.len().alias("requests"),
            pl.col("prompt_tokens", "answer_tokens").cast(pl.Int64).sum(),
        )
        .sort("tier")
    )
    unknown = [tier for tier in sums["tier"] if tier not in models]
    if unknown:
        raise ValueError(f"no model for the tier(s) {unknown}; known are {sorted(models)}")
    return Estimate(
        tuple(
            _tier_estimate(row, models[row["tier"]], reasoning_share)
            for row in sums.iter_rows(named=True)
        )
    )


def _tier_estimate(
    sums: Mapping[str, Any], model: ModelConfig, reasoning_share: float
) -> TierEstimate:
    reasoning = round(sums["requests"] * model.reasoning_allowance * reasoning_share)
    usage = Usage(
        input_tokens=sums["prompt_tokens"],
        output_tokens=sums["answer_tokens"] + reasoning,
        reasoning_tokens=reasoning,
    )
    return TierEstimate(
        tier=sums["tier"],
        requests=sums["requests"],
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        individual_usd=cost_usd(usage, model, batch=False),
        batch_usd=cost_usd(usage, model, batch=True),
    )
