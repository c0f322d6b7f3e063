"""All checks at once: each is there whatever else is broken, and no secret is."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db import migration
from normalizer_assets.db.engine import DATABASE_VARIABLE
from normalizer_assets.doctor.examination import examine
from normalizer_assets.doctor.findings import Finding
from normalizer_assets_tests.batching.scripted_api import ScriptedApi, error

CHECKS = [
    *("python", "configuration", "postgres", "pgvector", "extensions", "migrations", "indexes"),
    *("landing", "storage", "key", "answers", "models", "successors", "budget", "clock"),
    *("time zone", "dagster", "disk"),
]
TIERS = ("gpt-5", "gpt-5-mini", "gpt-4o-mini")


@pytest.fixture
def environ(config: NormalizerConfig) -> dict[str, str]:
    """A machine on which all is well, but for a daemon."""
    Path(config.paths.landing).mkdir()
    # What the shipped table announces comes nearer every day.
    living = {f"NORMALIZER__MODELS__{name.upper()}__SHUTDOWN": "2100-01-01" for name in TIERS}
    return {**os.environ, **living}


def findings(environ: Mapping[str, str]) -> dict[str, Finding]:
    return {one.check: one.finding for one in examine(environ)}


def levels(found: Mapping[str, Finding], level: str) -> list[str]:
    return [check for check, finding in found.items() if finding.level == level]


def test_where_all_is_well_all_is_ok(environ: dict[str, str], engine: sa.Engine) -> None:
    found = findings(environ)
    assert list(found) == CHECKS
    assert levels(found, "fail") == []
    assert levels(found, "warn") == ["dagster"]
    assert "database +0.0 s, API " in found["clock"].found.replace("-0.0", "+0.0")
    # Nobody was tied to the database, and nothing written into it.
    with engine.connect() as connection:
        assert connection.execute(sa.text("select * from normalizer.answer_sources")).all() == []


def test_a_broken_configuration_is_told_and_ends_it(environ: dict[str, str]) -> None:
    found = findings({**environ, "NORMALIZER__BATCHING__MIN_PRODUCT": "3"})
    assert list(found) == ["python", "configuration"]
    assert "unknown key `batching.min_product`" in found["configuration"].found
    assert "`normalizer init FOLDER`" in found["configuration"].remedy
    missing = findings({**environ, "NORMALIZER_CONFIG": "/nowhere/config.toml"})
    assert "/nowhere/config.toml" in missing["configuration"].found


def test_without_a_database_the_rest_is_looked_at(environ: dict[str, str]) -> None:
    environ[DATABASE_VARIABLE] = "postgresql://me:geheimes-wort@127.0.0.1:1/x"
    found = findings(environ)
    assert list(found) == CHECKS
    assert levels(found, "fail") == ["postgres"]
    for check in ("pgvector", "extensions", "migrations", "indexes", "answers", "budget"):
        assert found[check] == Finding("warn", "not looked at: the database cannot be reached")
    assert "API" in found["clock"].found
    assert "geheimes-wort" not in str(found)


def test_without_a_key_it_warns_and_reads_the_table(environ: dict[str, str]) -> None:
    del environ["OPENAI_API_KEY"]
    found = findings(environ)
    assert found["key"].level == "warn"
    assert "export OPENAI_API_KEY=" in found["key"].remedy
    assert "gpt-5" in found["models"].found
    assert "key" not in levels(found, "fail")


def test_a_key_that_the_api_repeats_is_hidden(environ: dict[str, str], api: ScriptedApi) -> None:
    key = "sk-proj-abcdefghijklmnop"
    api.then("GET /models", error(401, f"Incorrect API key provided: {key}", "invalid_api_key"))
    found = findings({**environ, "OPENAI_API_KEY": key, "OPENAI_BASE_URL": api.url})
    assert levels(found, "fail") == ["key"]
    assert found["key"].found.endswith("401 - Incorrect API key provided: ***)")
    assert found["key"].remedy == "export the right one: `export OPENAI_API_KEY=...`"
    assert key not in str(found)


def test_no_tables_yet_is_all_right(environ: dict[str, str], engine: sa.Engine) -> None:
    migration.downgrade(engine, "base")
    found = findings(environ)
    assert levels(found, "fail") == []
    assert found["budget"] == Finding("ok", "not looked at: there are no tables yet")
    assert migration.current_revision(engine) is None


def test_a_check_that_breaks_in_its_middle_is_a_failed_one(
    environ: dict[str, str], engine: sa.Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("alter table normalizer.batch_requests drop column cost_usd"))
    found = findings(environ)
    assert levels(found, "fail") == ["indexes", "budget"]
    assert found["budget"].found.startswith("ProgrammingError: ")
    assert found["budget"].remedy


def test_the_checklist_of_production_goes_through_every_check() -> None:
    page = Path(__file__).parents[2] / "docs" / "production.md"
    marks = re.findall(r"\[([a-z][a-z,\s]*)\](?!\()", page.read_text(encoding="utf-8"))
    named = [name for mark in marks for name in re.split(r",\s+", " ".join(mark.split()))]
    assert sorted(named) == sorted(set(CHECKS) - {"python", "configuration"})


def test_every_failure_says_what_to_type(environ: dict[str, str], tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("x")
    broken = {
        DATABASE_VARIABLE: "mysql://me@host/x",
        "NORMALIZER_STORAGE": str(in_the_way / "storage"),
        "NORMALIZER_LANDING": "nosuch://bucket/landing",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "DAGSTER_HOME": str(tmp_path / "absent"),
    }
    found = findings(environ | broken)
    assert levels(found, "fail") == ["postgres", "landing", "storage", "key", "dagster"]
    for check in levels(found, "fail"):
        assert found[check].remedy, check
        assert "Traceback" not in found[check].found
