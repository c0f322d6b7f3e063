"""What requests will cost, before they are sent.

Belongs here: typical answer lengths, and the price of planned requests. Does not belong here:
counting prompt tokens (prompting/tokens.py), what a response did cost (costs.py), comparing
ways of asking (batching/scenarios.py).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl

from normalizer_assets.config import ModelConfig, PackName, TemplateName
from normalizer_assets.pricing.costs import Usage, cost_usd

TYPICAL_ANSWER_TOKENS: dict[TemplateName | PackName, int] = {
    "MINIMAL": 34,
    "BATCH": 34,
    "STANDARD": 54,
    "DETAILED": 97,
    "FALLBACK": 36,
    "PACKED_SIMPLE": 36,
    "PACKED_DETAILED": 69,
}
"""Answer tokens without reasoning: the mean, rounded up, over the specification's four right
answers (issue 2) and the right ones of the shipped labels, those to listings that the template
is for, written in its shape and tokenised with o200k_base (``evaluation.answer_lengths``; a
test recounts them). No model wrote them."""

STRICT_ANSWER_TOKENS: dict[TemplateName | PackName, int] = {
    "MINIMAL": 52,
    "BATCH": 52,
    "STANDARD": 50,
    "DETAILED": 92,
    "FALLBACK": 53,
    "PACKED_SIMPLE": 55,
    "PACKED_DETAILED": 96,
}
"""The same in the shape of the template's strict schema: what is absent is written as null, and
further attributes as pairs."""


Reasoning = Callable[[str, ModelConfig], float]
"""Model id and its entry -> reasoning tokens of one reply."""


def no_reasoning(_name: str, _model: ModelConfig) -> float:
    """Nothing, as the lowest effort often has it."""
    return 0.0


def expected_reasoning(_name: str, model: ModelConfig) -> float:
    """What estimates allow a reply (``reasoning_estimate``)."""
    return model.reasoning_estimate


def allowed_reasoning(_name: str, model: ModelConfig) -> float:
    """All that the output limit leaves to reasoning (``reasoning_allowance``)."""
    return model.reasoning_allowance


def requests_usd(
    requests: pl.DataFrame,
    models: Mapping[str, ModelConfig],
    *,
    batch: bool,
    reasoning: Reasoning = expected_reasoning,
) -> Decimal:
    """Prices planned requests. No prompt-cache hits are assumed.

    Args:
        requests: Columns llm_model, line, prompt_tokens and answer_tokens, the latter with the
            model's ``reasoning_estimate`` in it, as ``batching.requests`` builds them.
        models: The model table.
        batch: Whether they go through the Batch API.
        reasoning: Reasoning tokens of a reply, in the place of ``reasoning_estimate``.

    Returns:
        USD.
    """
    sums = requests.group_by("llm_model").agg(
        pl.col("prompt_tokens", "answer_tokens").cast(pl.Int64).sum(),
        replies=pl.col("line").n_unique(),
    )
    total = Decimal(0)
    for name, prompt_tokens, answer_tokens, replies in sums.iter_rows():
        model = models[name]
        other = round(replies * (reasoning(name, model) - model.reasoning_estimate))
        usage = Usage(input_tokens=prompt_tokens, output_tokens=answer_tokens + other)
        total += cost_usd(usage, model, batch=batch)
    return total
