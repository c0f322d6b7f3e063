"""Which products get no usable answer, and in which way.

Belongs here: the seeded choice of failing products. Does not belong here: faults of
the connection or of an endpoint as a whole.
"""

from typing import Literal

from normalizer_assets.config import Tier
from normalizer_assets.standin.seeding import choose, draw

Failure = Literal["server_error", "cut", "refusal", "wrong_types", "unanswered"]
BATCH_FAILURES: tuple[Failure, ...] = (
    "server_error",
    "cut",
    "refusal",
    "wrong_types",
    "unanswered",
)

INDIVIDUAL_SHARE = 0.2
"""Of the products that fail in a batch, the share that fails individually too, so that
the legacy model is needed."""

LEGACY_SHARE = 0.05
"""Of the products that fail in a batch, the share that fails at legacy too, so that
the basic rules are needed."""


def failure_of(
    name: str, tier: Tier, *, in_batch: bool, seed: int, failing_lines: float
) -> Failure | None:
    """Decides how a product fails.

    One draw for all calls: what fails at legacy has failed individually, and what
    fails individually has failed in the batch, so that the chain is walked to its end.

    Args:
        name: The product.
        tier: Who is asked.
        in_batch: A line of a batch, or an individual call.
        seed: As in the settings.
        failing_lines: As in the settings.

    Returns:
        The kind of failure, ``None`` for an answer.
    """
    luck = draw(seed, "fails", name)
    individually = failing_lines * (LEGACY_SHARE if tier == "legacy" else INDIVIDUAL_SHARE)
    if luck < individually:
        return "server_error"
    if in_batch and luck < failing_lines:
        return choose(BATCH_FAILURES, seed, "failure", name)
    return None
