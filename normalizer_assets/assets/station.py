"""What the six assets have in common.

Belongs here: the decorator that gives each asset its partitions, group and tags. Does not
belong here: what an asset does.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import dagster as dg

GROUP = "products"
OWNERS = ["team:normalizer"]
NOTHING = cast("dg.DagsterType", dg.Nothing)
"""The type of an output without a frame; Dagster takes the marker, its annotation does not."""


def station(
    partitions: dg.PartitionsDefinition[str],
    *,
    kinds: set[str],
    deps: Sequence[str] = (),
    hands_on_frame: bool = False,
    checks: Sequence[dg.AssetCheckSpec] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Returns the decorator of an asset that may also skip.

    Outputs are not required: what is not ready, or is being worked on by another process,
    yields nothing, so that its successors are skipped and the run stays green
    (DESIGN.md, "The way of the data").

    Args:
        partitions: Day x retailer.
        kinds: What the UI shows as the asset's technologies.
        deps: Assets that must have been made before, but are not read as frames.
        hands_on_frame: True where the asset yields a frame for a successor; the others
            write tables and yield metadata alone.
        checks: Checks that the asset evaluates itself, also where it yields nothing else.
    """
    return dg.asset(
        partitions_def=partitions,
        group_name=GROUP,
        owners=OWNERS,
        kinds=kinds,
        deps=list(deps),
        check_specs=list(checks),
        output_required=False,
        io_manager_key="parquet_store" if hands_on_frame else None,
        dagster_type=None if hands_on_frame else NOTHING,
    )
