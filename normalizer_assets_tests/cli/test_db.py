"""`normalizer db`: the schema up and down, the URL, a dump."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db import migration
from normalizer_assets.db.migration import current_revision, head_revision
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.db.conftest import later_revision
from normalizer_assets_tests.scene import Scene, invented

__all__ = ["later_revision"]

pytestmark = pytest.mark.usefixtures("config")


def test_the_url_is_one_that_other_clients_take(typed: Typed, database_url: sa.URL) -> None:
    said = typed("db", "url")
    assert said.code == 0
    url = sa.make_url(said.out.strip())
    assert url.drivername == "postgresql"
    assert url.database == database_url.database


def test_start_says_that_it_is_ready(typed: Typed) -> None:
    said = typed("db", "start")
    assert said.code == 0
    assert said.out.startswith("ready: postgresql")


def test_the_schema_goes_down_and_up_again(typed: Typed, engine: sa.Engine) -> None:
    down = typed("db", "downgrade", "base")
    assert (down.code, down.out) == (0, "schema revision none\n")
    assert current_revision(engine) is None
    up = typed("db", "upgrade")
    assert (up.code, up.out) == (0, f"schema revision {head_revision()}\n")
    assert current_revision(engine) == head_revision()


def test_an_upgrade_is_dumped_first_and_taken_back(
    typed: Typed, engine: sa.Engine, config: NormalizerConfig, later_revision: str
) -> None:
    before = current_revision(engine)
    up = typed("db", "upgrade")
    assert up.code == 0
    [dump] = Path(config.paths.data, "dumps").iterdir()
    assert up.out.splitlines() == [
        f"dumped to {dump} ({dump.stat().st_size} bytes)",
        f"schema revision {later_revision}",
    ]
    down = typed("db", "downgrade")
    assert (down.code, down.out) == (0, f"schema revision {before}\n")
    again = typed("db", "upgrade", "--no-dump")
    assert (again.code, again.out) == (0, f"schema revision {later_revision}\n")
    assert list(Path(config.paths.data, "dumps").iterdir()) == [dump]


def test_an_upgrade_that_fails_is_one_clear_line_and_changes_nothing(
    typed: Typed, engine: sa.Engine, later_revision: str
) -> None:
    before = current_revision(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("create table normalizer.later (y text)"))
    said = typed("db", "upgrade")
    assert said.code == 1
    assert said.err.startswith("Error: the upgrade failed: (psycopg.errors.DuplicateTable)")
    assert said.err.endswith(f"the schema is at revision {before} as before\n")
    assert len(said.err.splitlines()) == 1
    assert said.out.startswith("dumped to ")
    assert current_revision(engine) == before != later_revision


def test_a_schema_that_is_newer_than_the_code_is_refused(
    typed: Typed, migrations: Path, later_revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert typed("db", "upgrade", "--no-dump").code == 0
    monkeypatch.setattr(migration, "MIGRATIONS", migrations)
    said = typed("db", "upgrade")
    assert said.code == 1
    assert f"at schema revision {later_revision}, which this version does not know" in said.err


@pytest.fixture
def migrations() -> Path:
    """Where the migrations lie that this code has."""
    return migration.MIGRATIONS


def test_an_unknown_revision_is_a_usage_error(typed: Typed) -> None:
    said = typed("db", "downgrade", "nonsense")
    assert said.code == 2
    assert "nonsense" in said.err
    assert "Traceback" not in said.err


def test_a_dump_holds_the_database(scene: Scene, typed: Typed, tmp_path: Path) -> None:
    scene.land(invented(3))
    scene.submit()
    file = tmp_path / "backup.dump"
    said = typed("db", "dump", str(file))
    assert said.code == 0
    assert said.out == f"{file}: {file.stat().st_size} bytes\n"
    assert file.read_bytes().startswith(b"PGDMP")


def test_a_dump_that_cannot_be_written_says_why(typed: Typed, tmp_path: Path) -> None:
    said = typed("db", "dump", str(tmp_path / "nowhere" / "backup.dump"))
    assert said.code == 1
    assert "pg_dump failed" in said.err
    assert "nowhere" in said.err


def test_stopping_what_does_not_run_says_so(typed: Typed) -> None:
    said = typed("db", "stop")
    assert (said.code, said.out) == (0, "it was not running\n")
