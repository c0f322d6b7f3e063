"""Work with other settings than the fixtures'.

Belongs here: changing a configuration for one test. Does not belong here: values.
"""

import dataclasses
from typing import Any

from normalizer_assets.batching.work import PartitionWork


def configured(work: PartitionWork, **sections: dict[str, Any]) -> PartitionWork:
    """Returns the work with other values in sections, such as ``batching={"min_products": 1}``."""
    changed = {
        name: getattr(work.config, name).model_copy(update=values)
        for name, values in sections.items()
    }
    return dataclasses.replace(work, config=work.config.model_copy(update=changed))


def with_model(work: PartitionWork, name: str, **values: Any) -> PartitionWork:
    """Returns the work with other values in the entry of a model."""
    model = work.config.models[name].model_copy(update=values)
    models = work.config.models | {name: model}
    return dataclasses.replace(work, config=work.config.model_copy(update={"models": models}))


def with_tiers(work: PartitionWork, **values: Any) -> PartitionWork:
    """Returns the work with other values in the tiers that are asked in batches."""
    tiers = work.config.tiers
    changed = {tier: tiers[tier].model_copy(update=values) for tier in tiers if tier != "legacy"}
    config = work.config.model_copy(update={"tiers": tiers | changed})
    return dataclasses.replace(work, config=config)


def one_by_one(work: PartitionWork, **individual: Any) -> PartitionWork:
    """Returns the work with one call at a time, and hardly a pause before the next try."""
    quick = {"concurrency": 1, "attempts": 3, "backoff_seconds": 0.001}
    return configured(work, individual=quick | individual)
