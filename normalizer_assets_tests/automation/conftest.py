"""Brings the scene in, and an instance with the settings of production."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from normalizer_assets.automation.dagster_home import SHARED_SETTINGS
from normalizer_assets.db.engine import DAGSTER_DATABASE_VARIABLE
from normalizer_assets_tests.scene import scene, standin, standin_settings, variables

__all__ = ["production", "scene", "standin", "standin_settings", "variables"]

PRODUCTION_SETTINGS = SHARED_SETTINGS.parent / "deploy" / "dagster.yaml"


@pytest.fixture
def production(
    tmp_path: Path, database_url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """The instance of `deploy/dagster.yaml`, on a real Postgres."""
    url = database_url.set(drivername="postgresql+psycopg2")
    monkeypatch.setenv(DAGSTER_DATABASE_VARIABLE, url.render_as_string(hide_password=False))
    home = tmp_path / "production"
    home.mkdir()
    shutil.copy(PRODUCTION_SETTINGS, home / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance
