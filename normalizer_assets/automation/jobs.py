"""The two jobs of a partition, joined by the ledger and the collecting sensor; one of a day.

Belongs here: which assets run together, and which runs leave the queue first. Does not belong
here: what starts them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

if TYPE_CHECKING:
    # What define_asset_job returns; Dagster does not export its name.
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

AssetJob: TypeAlias = "UnresolvedAssetJobDefinition"

BEGUN_FIRST, NIGHT_FIRST = {"dagster/priority": "2"}, {"dagster/priority": "1"}
"""Tags of runs that leave the queue before others: what has begun before what the night brings,
and both before a backfill. Else a retailer's `collect`, which shares its one place with 365
queued `submit`, would come last."""

SUBMIT_ASSETS = ("raw_products", "routed_products", "submitted_batches")
COLLECT_ASSETS = ("batch_results", "normalized_products", "cache_embeddings")


def build_jobs(standing: Sequence[dg.AssetCheckSpec]) -> tuple[AssetJob, AssetJob]:
    """Returns the jobs ``submit`` and ``collect``.

    Two, because a run must not sit and wait for a day (DESIGN.md, "The way of the data").
    ``collect`` holds the gate and the embeddings too: a blocking check stops only its own
    run.

    Args:
        standing: Checks of the assets that no run of a partition is to evaluate.
    """
    others = dg.AssetSelection.checks(*(spec.key for spec in standing))
    submit = dg.define_asset_job(
        "submit",
        selection=dg.AssetSelection.assets(*SUBMIT_ASSETS) - others,
        description="From landed listings to created batches. Backfill this job, not the "
        "whole graph: the sensor collects each partition when it is ready.",
    )
    collect = dg.define_asset_job(
        "collect",
        selection=dg.AssetSelection.assets(*COLLECT_ASSETS) - others,
        description="From finished batches to published products. Started by the sensor.",
    )
    return submit, collect


def build_compare_job() -> AssetJob:
    """Returns the job ``compare``."""
    return dg.define_asset_job(
        "compare",
        selection=dg.AssetSelection.assets("price_comparison", "daily_report"),
        description="Compares the prices of a day's published products, and reports on the day. "
        "Started by the sensor whenever a shop has published; it costs no money.",
    )
