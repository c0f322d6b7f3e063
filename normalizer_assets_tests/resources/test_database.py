"""The database is connected when it is first needed, and let go."""

import gc
import time

import pytest
import sqlalchemy as sa

from normalizer_assets.config import ConfigurationError, NormalizerConfig, load_config
from normalizer_assets.resources.database import Database


def test_nothing_is_connected_before_it_is_needed(config: NormalizerConfig) -> None:
    database = Database(config)
    with database.engine.connect() as connection:
        assert connection.execute(sa.text("select 1")).scalar() == 1
    assert database.engine is database.engine


def test_an_unreachable_server_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NORMALIZER_DATABASE_URL", "postgresql://u:secret@127.0.0.1:9/none")
    database = Database(load_config())
    with pytest.raises(ConfigurationError, match="cannot reach Postgres") as caught:
        _ = database.engine
    assert "secret" not in str(caught.value)


def test_its_connections_are_closed_with_it(config: NormalizerConfig, engine: sa.Engine) -> None:
    database = Database(config)
    with database.engine.connect() as connection:
        process = connection.execute(sa.text("select pg_backend_pid()")).scalar()
    del database
    gc.collect()
    alive = sa.text("select 1 from pg_stat_activity where pid = :process")
    deadline = time.monotonic() + 10  # a server process ends a moment after its connection
    with engine.connect() as connection:
        while connection.execute(alive, {"process": process}).scalar():
            assert time.monotonic() < deadline
            time.sleep(0.01)
            connection.rollback()
