"""The partitions: day x retailer, defined once.

Belongs here: Dagster's definition of what a partition is. Does not belong here: a
partition's state (``batching.life``).
"""

import dagster as dg

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import TIMEZONE, NormalizerConfig


def partitions_definition(config: NormalizerConfig) -> dg.MultiPartitionsDefinition:
    """Returns the dimensions ``day`` and ``retailer``; keys look like ``2024-10-01|lider``.

    ``end_offset=1`` makes today exist: listings of a day are worked on during that day.
    """
    return dg.MultiPartitionsDefinition(
        {
            "day": dg.DailyPartitionsDefinition(
                start_date=config.first_day.isoformat(), timezone=TIMEZONE, end_offset=1
            ),
            "retailer": dg.StaticPartitionsDefinition(sorted(config.retailers)),
        }
    )


def partition_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Partition:
    """Returns the partition that a step works on."""
    return Partition.from_key(context.partition_key)
