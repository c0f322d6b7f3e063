"""The partitions: day x retailer, defined once.

Belongs here: Dagster's definition of what a partition is. Does not belong here: a
partition's state (``batching.life``).
"""

import warnings

import dagster as dg

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import TIMEZONE, NormalizerConfig


def days_definition(config: NormalizerConfig) -> dg.DailyPartitionsDefinition:
    """Returns the days, for what is made of all retailers together.

    ``end_offset=1`` makes today exist: listings of a day are worked on during that day.
    """
    return dg.DailyPartitionsDefinition(
        start_date=config.first_day.isoformat(), timezone=TIMEZONE, end_offset=1
    )


def partitions_definition(config: NormalizerConfig) -> dg.MultiPartitionsDefinition:
    """Returns the dimensions ``day`` and ``retailer``; keys look like ``2024-10-01|lider``."""
    return dg.MultiPartitionsDefinition(
        {
            "day": days_definition(config),
            "retailer": dg.StaticPartitionsDefinition(sorted(config.retailers)),
        }
    )


def whole_day() -> dg.PartitionMapping:
    """Returns the mapping by which a day needs the partitions of all its retailers."""
    with warnings.catch_warnings():
        # It works in 1.13 and is in beta; Dagster infers the same one where none is named.
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        return dg.MultiToSingleDimensionPartitionMapping("day")


def partition_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Partition:
    """Returns the partition that a step works on."""
    return Partition.from_key(context.partition_key)
