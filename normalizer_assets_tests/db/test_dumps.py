"""Dumps are whole or not there, hold what was there before an upgrade, and tell no password."""

import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.db import migration
from normalizer_assets.db.dumps import dump_before_upgrade, write_dump
from normalizer_assets.db.embedded import binary
from normalizer_assets_tests.conftest import driver_url

PARTITION = (
    "insert into normalizer.partitions (retailer, day, state) values ('lider', now(), 'held')"
)


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    """A database with one row."""
    with engine.begin() as connection:
        connection.execute(sa.text(PARTITION))
    return engine


def test_the_dump_before_an_upgrade_restores_what_was_there(
    filled: sa.Engine, config: NormalizerConfig, later_revision: str
) -> None:
    before = migration.current_revision(filled)
    said: list[str] = []
    migration.upgrade(filled, before=dump_before_upgrade(filled, config, said.append))
    assert migration.current_revision(filled) == later_revision
    [dump] = Path(config.paths.data, "dumps").iterdir()
    assert dump.name.startswith(f"normalizer-{before}-")
    assert said == [f"dumped to {dump} ({dump.stat().st_size} bytes)"]
    with filled.begin() as connection:
        connection.execute(sa.text("drop schema normalizer cascade"))
    subprocess.run(  # noqa: S603 - Postgres' own program, no shell
        [binary("pg_restore"), "--clean", "--if-exists", "--no-owner", "-d",
         driver_url(filled.url), str(dump)],
        check=True,
    )  # fmt: skip
    assert migration.current_revision(filled) == before
    with filled.connect() as connection:
        assert connection.execute(sa.text("select retailer from normalizer.partitions")).all() == [
            ("lider",)
        ]


def test_what_is_empty_or_up_to_date_is_not_dumped(
    engine: sa.Engine, config: NormalizerConfig
) -> None:
    dump = dump_before_upgrade(engine, config)
    migration.upgrade(engine, before=dump)
    migration.downgrade(engine, "base")
    migration.upgrade(engine, before=dump)
    assert not Path(config.paths.data, "dumps").exists()


def test_without_a_dump_nothing_is_upgraded_and_it_says_what_to_type(
    filled: sa.Engine, config: NormalizerConfig, later_revision: str
) -> None:
    before = migration.current_revision(filled)
    in_the_way = Path(config.paths.data, "dumps")
    in_the_way.parent.mkdir()
    in_the_way.write_text("a file")
    with pytest.raises(ConfigurationError, match="nothing was upgraded") as caught:
        migration.upgrade(filled, later_revision, before=dump_before_upgrade(filled, config))
    assert "`pg_dump --format=custom --file=FILE 'postgresql://" in str(caught.value)
    assert str(caught.value).endswith("then type `normalizer db upgrade --no-dump`")
    assert migration.current_revision(filled) == before


def test_a_dump_that_fails_leaves_no_file_and_tells_no_password(tmp_path: Path) -> None:
    engine = sa.create_engine("postgresql+psycopg://me:geheim@127.0.0.1:1/x")
    with pytest.raises(ConfigurationError, match=r"pg_dump failed: .*127\.0\.0\.1") as caught:
        write_dump(engine, tmp_path / "backup.dump")
    assert "geheim" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_dump_replaces_an_older_one_only_when_it_is_whole(
    engine: sa.Engine, tmp_path: Path
) -> None:
    file = tmp_path / "backup.dump"
    file.write_text("older")
    with pytest.raises(ConfigurationError):
        write_dump(sa.create_engine(engine.url.set(database="absent")), file)
    assert file.read_text() == "older"
    write_dump(engine, file)
    assert file.read_bytes().startswith(b"PGDMP")
    assert list(tmp_path.iterdir()) == [file]
