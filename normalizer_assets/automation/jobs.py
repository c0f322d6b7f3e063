"""The two jobs of a partition, joined by the ledger and the collecting sensor; one of a day.

Belongs here: which assets run together. Does not belong here: what starts them.
"""

from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

if TYPE_CHECKING:
    # What define_asset_job returns; Dagster does not export its name.
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

AssetJob: TypeAlias = "UnresolvedAssetJobDefinition"

SUBMIT_ASSETS = ("raw_products", "routed_products", "submitted_batches")
COLLECT_ASSETS = ("batch_results", "normalized_products", "cache_embeddings")


def build_jobs() -> tuple[AssetJob, AssetJob]:
    """Returns the jobs ``submit`` and ``collect``.

    Two, because a run must not sit and wait for a day (DESIGN.md, "The way of the data").
    ``collect`` holds the gate and the embeddings too: a blocking check stops only its own
    run.
    """
    submit = dg.define_asset_job(
        "submit",
        selection=dg.AssetSelection.assets(*SUBMIT_ASSETS),
        description="From landed listings to created batches. Backfill this job, not the "
        "whole graph: the sensor collects each partition when it is ready.",
    )
    collect = dg.define_asset_job(
        "collect",
        selection=dg.AssetSelection.assets(*COLLECT_ASSETS),
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
