"""A DAGSTER_HOME with Postgres storage, and an own one left alone."""

from pathlib import Path

import yaml  # type: ignore[import-untyped]

from normalizer_assets.automation.dagster_home import SHARED_SETTINGS, prepare_dagster_home
from normalizer_assets.config import NormalizerConfig

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
