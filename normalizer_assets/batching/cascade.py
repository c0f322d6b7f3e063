"""The cascade: answers of mini that are not sure enough are asked once more, at full.

Belongs here: how many of them the configuration and the budget allow, and asking them. Does
not belong here: which answers are not sure enough (``pipeline`` judges them), when in a
partition's life they are asked (``collection``).

The questions stay answered all the while: whatever becomes of the second request, there is
the first answer.
"""

from collections.abc import Callable

import polars as pl

from normalizer_assets.batching import budget
from normalizer_assets.batching.errors import BatchFailedError, BlockedError
from normalizer_assets.batching.individual import ask
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.work import PartitionWork

Doubtful = Callable[[PartitionWork], list[str]]
"""Returns the questions whose new answer of mini is not sure enough, the least sure first."""


def nobody(_: PartitionWork) -> list[str]:
    """Doubts no answer."""
    return []


def second_opinions(
    work: PartitionWork, listings: pl.DataFrame, doubtful: Doubtful
) -> pl.DataFrame:
    """Returns the listings to ask at full, as many as share and budget allow.

    Args:
        work: The partition.
        listings: Routed listings, one a question.
        doubtful: Names the questions.

    Returns:
        Rows of ``listings``, their tier full, the least sure first.
    """
    keys = doubtful(work)[: int(work.config.cascade.max_share * listings.height)]
    if not keys:
        return listings.clear()
    chosen = (
        pl.DataFrame({"question_key": keys}, schema={"question_key": pl.String})
        .join(listings, on="question_key", how="inner", maintain_order="left")
        .with_columns(tier=pl.lit("full"), band=pl.lit("complex"))
    )
    estimates = build_requests(work.config, chosen, "batch")["estimated_usd"]
    with work.begin() as connection:
        count = budget.affordable(
            connection, work.partition, work.config.budget, estimates.to_list()
        )
    return chosen.head(count)


def ask_individually(work: PartitionWork, listings: pl.DataFrame) -> int:
    """Asks at full, one call each.

    Returns:
        How many were answered. A refusal or an outage ends it early: no partition is kept
        waiting for second opinions.
    """
    import openai

    if listings.is_empty():
        return 0
    try:
        asked = ask(work, "individual", build_requests(work.config, listings, "individual"), {})
    except (BlockedError, BatchFailedError, openai.OpenAIError):
        return 0
    return sum(result.state == "ok" for result in asked.results)
