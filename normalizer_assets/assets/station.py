"""What the six assets have in common.

Belongs here: the decorator that gives each asset its partitions, group and tags. Does not
belong here: what an asset does.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import dagster as dg

GROUP = "products"
POOL = "openai"
"""Runs that ask the API; the UI's page Concurrency sets how many go at once, 0 for none."""
OWNERS = ["team:normalizer"]
NOTHING = cast("dg.DagsterType", dg.Nothing)
"""The type of an output without a frame; Dagster takes the marker, its annotation does not."""


def station(
    partitions: dg.PartitionsDefinition[str],
    *,
    kinds: set[str],
    asks_api: bool = False,
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
        asks_api: Whether the asset spends money: it is tagged so, and a run of it takes a
            slot of the pool ``openai``.
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
        tags={"normalizer/paid": str(asks_api).lower()},
        pool=POOL if asks_api else None,
        deps=list(deps),
        check_specs=list(checks),
        output_required=False,
        io_manager_key="parquet_store" if hands_on_frame else None,
        dagster_type=None if hands_on_frame else NOTHING,
    )
