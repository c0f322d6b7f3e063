"""A DAGSTER_HOME with Postgres storage, and an own one left alone."""

import os
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus
from dagster_postgres import PostgresEventLogStorage

from normalizer_assets.automation.dagster_home import SHARED_SETTINGS, prepare_dagster_home
from normalizer_assets.cli.surroundings import surroundings
from normalizer_assets.config import NormalizerConfig
from normalizer_assets_tests.automation.conftest import PRODUCTION_SETTINGS

URL = "postgresql://someone:secret@db.example/dagster"
VARIABLE = "NORMALIZER_DAGSTER_DATABASE_URL"


def test_a_home_is_made_below_the_data_folder(config: NormalizerConfig) -> None:
    home = prepare_dagster_home(config, {VARIABLE: URL})
    assert home == Path(config.paths.data) / "dagster_home"
    text = (home / "dagster.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    assert settings["storage"]["postgres"]["postgres_url"] == {"env": VARIABLE}
    assert "secret" not in text
    shared = yaml.safe_load(SHARED_SETTINGS.read_text(encoding="utf-8"))
    assert "storage" not in shared
    assert {key: settings[key] for key in shared} == shared


def test_preparing_again_changes_nothing(config: NormalizerConfig) -> None:
    environ = {VARIABLE: URL}
    file = prepare_dagster_home(config, environ) / "dagster.yaml"
    before = file.read_text(encoding="utf-8")
    assert prepare_dagster_home(config, environ) == file.parent
    assert file.read_text(encoding="utf-8") == before


def test_an_own_home_without_settings_gets_them(config: NormalizerConfig, tmp_path: Path) -> None:
    own = tmp_path / "own"
    home = prepare_dagster_home(config, {"DAGSTER_HOME": str(own), VARIABLE: URL})
    assert home == own
    assert yaml.safe_load((own / "dagster.yaml").read_text(encoding="utf-8"))["storage"]


def test_an_own_home_with_settings_is_left_alone(config: NormalizerConfig, tmp_path: Path) -> None:
    settings = tmp_path / "dagster.yaml"
    settings.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    home = prepare_dagster_home(config, {"DAGSTER_HOME": str(tmp_path), VARIABLE: URL})
    assert home == tmp_path
    assert settings.read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"
    assert not Path(config.paths.data, "dagster_home").exists()


# --- what is shipped --------------------------------------------------------------------


def test_the_settings_of_production_are_those_of_a_clone_and_storage_from_the_environment() -> None:
    shared = yaml.safe_load(SHARED_SETTINGS.read_text(encoding="utf-8"))
    production = yaml.safe_load(PRODUCTION_SETTINGS.read_text(encoding="utf-8"))
    assert production.pop("storage") == {"postgres": {"postgres_url": {"env": VARIABLE}}}
    assert production == shared


@pytest.mark.parametrize(
    "file", [SHARED_SETTINGS, PRODUCTION_SETTINGS], ids=["clone", "production"]
)
def test_every_setting_is_explained_above_it(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    unexplained, explained = [], False
    for line in lines:
        text = line.strip()
        if text.startswith("#"):
            explained = True
        elif text and text.partition(": ")[2]:  # a value
            if not explained:
                unexplained.append(text)
        elif not text:
            explained = False
    assert unexplained == []


def test_production_loads_on_postgres_with_limits_retries_and_retention(
    production: dg.DagsterInstance,
) -> None:
    assert isinstance(production.event_log_storage, PostgresEventLogStorage)
    limits = production.get_concurrency_config()
    assert limits.pool_config.pool_granularity is not None
    assert limits.pool_config.pool_granularity.value == "run"
    assert limits.run_queue_config is not None
    most = limits.run_queue_config.max_concurrent_runs
    assert limits.pool_config.default_pool_limit is not None
    assert limits.pool_config.default_pool_limit < most
    assert {
        limit["key"]: limit["limit"] for limit in limits.run_queue_config.tag_concurrency_limits
    } == {
        "dagster/partition/retailer": 1,
        "dagster/backfill": 2,
    }
    assert production.run_monitoring_enabled
    assert (production.run_retries_enabled, production.run_retries_max_retries) == (True, 2)
    assert not production.run_retries_retry_on_asset_or_op_failure
    skipped = production.get_tick_retention_settings(InstigatorType.SENSOR)[TickStatus.SKIPPED]
    assert skipped == 7
    assert dg.materialize([nothing], instance=production).success


@dg.asset
def nothing() -> None:
    """An asset: its run writes to every part of the storage."""


def test_a_url_without_a_driver_reaches_dagster_with_the_one_that_works(
    config: NormalizerConfig, database_url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv(VARIABLE, plain)
    monkeypatch.setenv("DAGSTER_HOME", "")
    with (
        surroundings(config, needs_standin=False, batch_seconds=0),
        dg.DagsterInstance.get() as instance,
    ):
        assert os.environ[VARIABLE].startswith("postgresql+psycopg2://")
        assert dg.materialize([nothing], instance=instance).success
