"""Answers that another model or another prompt gave than would be asked now.

Belongs here: telling them. Does not belong here: asking again (``submission``), what it costs
(``scenarios``, ``requests``).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.stored_answers import answers_for, decisions_for, prompts_of
from normalizer_assets.config import ModelConfig, NormalizerConfig

WITH_EXAMPLES = "+examples"
"""Examples change from day to day; they make no answer outdated."""


class Outdated(NamedTuple):
    """An answer that is not of now.

    Attributes:
        answered_at: When it was given.
        unpaid: Whether nobody has bought an answer of now to its question yet.
    """

    answered_at: datetime
    unpaid: bool


def outdated_questions(
    connection: sa.Connection, config: NormalizerConfig, partition: Partition, routed: pl.DataFrame
) -> dict[str, Outdated]:
    """Returns the questions of a partition whose answer is not of now.

    Whichever tier of now gave an answer, it is of now, and so is one of a model that stands in
    for a tier's own after its shutdown. Left out are questions that a person decided, and
    answers to like questions, which are of whoever has them.

    Args:
        connection: To the normaliser's database.
        config: Tiers and models of now.
        partition: Which one.
        routed: Its routed listings.
    """
    keys = routed["question_key"].unique().to_list()
    answers = answers_for(connection, partition, keys).filter(~pl.col("alike"))
    decided = decisions_for(connection, keys).filter(pl.col("decision") != "reject")
    now = set(_of_now(config, routed))

    def is_of_now(model: str, version: str | None) -> bool:
        asked = (version or "").removesuffix(WITH_EXAMPLES)
        return any(asked == current and f"{model}-".startswith(f"{name}-") for name, current in now)

    bought = {
        key for key, model, version in prompts_of(connection, keys) if is_of_now(model, version)
    }
    answered = answers.join(decided, on="question_key", how="anti").select(
        "question_key", "llm_model", "prompt_version", "answered_at"
    )
    return {
        key: Outdated(answered_at, key not in bought)
        for key, model, version, answered_at in answered.iter_rows()
        if not is_of_now(model, version)
    }


def _of_now(config: NormalizerConfig, routed: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Yields model and version of every prompt that the listings could be asked with."""
    # Where a tier packs listings, one that is left over is asked alone all the same.
    tiers = {
        tier: settings.model_copy(update={"listings_per_request": 1})
        for tier, settings in config.tiers.items()
    }
    alone = config.model_copy(update={"tiers": tiers})
    for tier in config.tiers:
        at_tier = routed.with_columns(tier=pl.lit(tier))
        one_of_each = at_tier.unique(["retailer", "band"], keep="first")
        versions = {
            version
            for step in ("batch", "individual")
            for requests in (
                build_requests(alone, one_of_each, step),
                build_requests(config, pl.concat([one_of_each] * 2), step),
            )
            for version in requests["prompt_version"]
        }
        for model in with_successors(config.models, config.tiers[tier].model):
            for version in versions:
                yield model, version.removesuffix(WITH_EXAMPLES)


def with_successors(models: Mapping[str, ModelConfig], name: str) -> list[str]:
    """Returns a model and those that take its place, one after the other."""
    chain = [name]
    while (after := models[chain[-1]].successor) is not None and after not in chain:
        chain.append(after)
    return chain
