"""What one response cost, from its own usage.

Belongs here: reading usage and turning it into exact USD. Does not belong here:
prices themselves (the model table of the config), costs before the fact
(estimates.py), budgets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from normalizer_assets.config import ModelConfig

_MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True)
class Usage:
    """Tokens of one response.

    Attributes:
        input_tokens: Prompt tokens, cached ones included.
        cached_tokens: Prompt tokens that the API took from its prompt cache.
        output_tokens: Completion tokens, reasoning included.
        reasoning_tokens: Part of ``output_tokens`` spent on reasoning; for reports
            only, never added to the output again.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


def usage_from_response(body: Mapping[str, Any]) -> Usage:
    """Reads the usage of a chat completion, an embedding or a whole batch.

    Chat and embeddings say ``prompt_tokens`` and ``completion_tokens``, a batch says
    ``input_tokens`` and ``output_tokens`` (facts/openai_batch.md section 1).

    Args:
        body: The response's JSON object; usage may be absent, null or incomplete.

    Returns:
        The usage; zero for whatever is missing or is no count.
    """
    usage = _mapping(body.get("usage"))
    input_tokens = _count(usage, "prompt_tokens", "input_tokens")
    output_tokens = _count(usage, "completion_tokens", "output_tokens")
    input_details = _details(usage, "prompt_tokens_details", "input_tokens_details")
    output_details = _details(usage, "completion_tokens_details", "output_tokens_details")
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=min(_count(input_details, "cached_tokens"), input_tokens),
        output_tokens=output_tokens,
        reasoning_tokens=min(_count(output_details, "reasoning_tokens"), output_tokens),
    )


def cost_usd(usage: Usage, model: ModelConfig, *, batch: bool, flex: bool = False) -> Decimal:
    """Prices a usage.

    Args:
        usage: Tokens billed.
        model: Prices in USD per million tokens, and the factors for batch and flex.
        batch: Whether it came through the Batch API.
        flex: Whether the API said that it served an individual call as flex.

    Returns:
        USD, exact (no rounding to cents).
    """
    cached_price = model.input_usd if model.cached_input_usd is None else model.cached_input_usd
    cost = (
        (usage.input_tokens - usage.cached_tokens) * exact(model.input_usd)
        + usage.cached_tokens * exact(cached_price)
        + usage.output_tokens * exact(model.output_usd)
    ) * _MILLIONTH
    if batch:
        return cost * exact(model.batch_factor)
    return cost * exact(model.flex_factor) if flex else cost


def exact(number: float) -> Decimal:
    """Returns the decimal that was written in the configuration (0.1, not its binary)."""
    return Decimal(str(number))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _details(usage: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    return next((_mapping(usage[key]) for key in keys if usage.get(key)), {})


def _count(usage: Mapping[str, Any], *keys: str) -> int:
    """Returns the first of the keys that holds a count, else zero."""
    for key in keys:
        value = usage.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0
