"""What Dagster loads.

Belongs here: putting assets, checks, jobs, automation and resources together. Does not
belong here: any of them; nothing is wired at import, so that tests build their own.
"""

from collections.abc import Mapping

import dagster as dg
from upath import UPath

from normalizer_assets.assets import (
    batch_results,
    cache_embeddings,
    daily_report,
    normalized_products,
    price_comparison,
    raw_products,
    routed_products,
    submitted_batches,
)
from normalizer_assets.assets.catalogue import catalogued
from normalizer_assets.automation.alerting import build_alerting_sensor
from normalizer_assets.automation.comparing import build_comparing_sensor
from normalizer_assets.automation.forgetting import build_forgetting_sensor
from normalizer_assets.automation.jobs import build_compare_job, build_jobs
from normalizer_assets.automation.landing import build_landing_sensor
from normalizer_assets.automation.schedules import build_schedule
from normalizer_assets.automation.sensors import build_sensor
from normalizer_assets.checks import gate, standing
from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.partitions import days_definition, partitions_definition
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.parquet_store import ParquetStore
from normalizer_assets.resources.turn import turn_resource

STATIONS = (
    raw_products,
    routed_products,
    submitted_batches,
    batch_results,
    normalized_products,
    cache_embeddings,
)


def build_definitions(
    config: NormalizerConfig | None = None, overrides: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Returns fresh definitions.

    Args:
        config: Settings; by default those of file and environment.
        overrides: Resources that replace ours, by key: ``turn``, ``parquet_store``.
    """
    config = config or load_config()
    database = Database(config)
    partitions = partitions_definition(config)
    submit, collect = build_jobs(standing.specs(config))
    compare = build_compare_job()
    assets = [
        *(station.build(partitions) for station in STATIONS),
        price_comparison.build(days_definition(config), config, database),
        daily_report.build(days_definition(config), database),
    ]
    return dg.Definitions(
        assets=[catalogued(asset, config) for asset in assets],
        asset_checks=[gate.build(partitions), standing.build(config, database)],
        jobs=[submit, collect, compare],
        schedules=[build_schedule(config, database, submit)],
        sensors=[
            build_sensor(config, database, [submit, collect]),
            build_landing_sensor(config, database, submit),
            build_comparing_sensor(config, database, compare),
            build_alerting_sensor(config, database),
            build_forgetting_sensor(config),
        ],
        resources={
            "turn": turn_resource(config, database),
            "parquet_store": ParquetStore(UPath(config.paths.storage) / "parquet"),
            **(overrides or {}),
        },
        # Steps take less time than the imports of a process for each would.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The entry point of ``dagster`` and ``dg``."""
    return build_definitions()
