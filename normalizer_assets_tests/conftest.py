"""Real parts for all tests: a Postgres, a database for each test, a stand-in on a socket.

And a scripted API, for what the real one does on its bad days.
"""

import dataclasses
import gc
import itertools
import os
import shutil
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import hypothesis
import psycopg
import pytest
import sqlalchemy as sa
from openai import OpenAI
from upath import UPath

from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import BatchingConfig, NormalizerConfig, load_config
from normalizer_assets.db.embedded import server_folder, stop_server
from normalizer_assets.db.engine import DATABASE_VARIABLE, connect
from normalizer_assets.db.tables import cache_entries, metadata
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets.standin.server import RunningStandin, running_standin
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.batching.scripted_api import ScriptedApi, running_api

# How long an example takes depends on what else the machine does; benchmarks time. With the
# usual hundred examples the suite takes half a minute longer than its five minutes.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=50)
hypothesis.settings.load_profile("untimed")

# Reading the system's certificates anew takes every client 17 ms, and nobody here speaks TLS.
_CERTIFICATES = ssl.create_default_context()
ssl.create_default_context = lambda *_, **__: _CERTIFICATES

_numbers = itertools.count()

LIVING_MODELS: dict[str, date | None] = dict.fromkeys(
    ("gpt-5", "gpt-5-mini", "gpt-4o-mini"), date(2100, 1, 1)
)
"""Shutdown dates for stand-ins: the announced ones would one day change what tests see."""


def pytest_xdist_auto_num_workers() -> int:
    """Returns how many processes share the tests: a third of a test's time is waiting."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_finish() -> None:
    """Spares the collector what was imported: it went through it every few tests."""
    gc.freeze()


@pytest.fixture(scope="session")
def template_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    """A database with the schema on an embedded server of the test run's own."""
    data = tmp_path_factory.mktemp("postgres")
    config = load_config({"NORMALIZER__PATHS__DATA": str(data)})
    engine = connect(config, {})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Nothing here must survive a power cut.
        connection.execute(sa.text("alter system set fsync = off"))
        connection.execute(sa.text("select pg_reload_conf()"))
    engine.dispose()
    remember_relations(engine.url)
    yield engine.url
    stop_server(data)
    # As root the server's files may lie outside the temporary folder.
    shutil.rmtree(server_folder(data).parent, ignore_errors=True)


@pytest.fixture
def database_url(
    template_url: sa.URL, server: psycopg.Connection, spare_databases: list[str]
) -> Iterator[sa.URL]:
    """A database with the schema and no row; used again by another test where that can be."""
    if spare_databases:
        name = spare_databases.pop()
    else:
        name = f"test_{next(_numbers)}"
        server.execute(f"create database {name} template {template_url.database}".encode())
    url = template_url.set(database=name)
    yield url
    server.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (name,)
    )
    if was_emptied(url):
        spare_databases.append(name)
    else:
        server.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(scope="session")
def server(template_url: sa.URL) -> Iterator[psycopg.Connection]:
    """A connection to the test run's own server, to make and drop databases."""
    with psycopg.connect(driver_url(template_url, "postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def spare_databases() -> list[str]:
    """Names of databases that tests have left as they found them.

    A new database is some 300 files: made and dropped for each test, they were a third of
    the time of all tests.
    """
    return []


def driver_url(url: sa.URL, database: str | None = None) -> str:
    """Returns the address as the driver wants it, of another database where one is named."""
    url = url.set(drivername="postgresql", database=database or url.database)
    return url.render_as_string(hide_password=False)


# A function, so that a database knows which tables and indexes it was made with.
_REMEMBER = """
create function public.untouched() returns boolean language sql as
$$ select (count(*), max(oid)) = ({count}, {newest}::oid) from pg_class $$
"""


def remember_relations(url: sa.URL) -> None:
    """Lets the template and its copies tell when a table or an index was made or dropped."""
    with psycopg.connect(driver_url(url)) as connection:
        row = connection.execute("select count(*), max(oid) from pg_class").fetchone()
        assert row is not None
        connection.execute(_REMEMBER.format(count=row[0], newest=row[1]).encode())


def was_emptied(url: sa.URL) -> bool:
    """Empties every table and lets numbers start from 1, unless the schema was touched.

    One connection and two statements: a test's database took 80 ms with an engine for each.
    """
    with psycopg.connect(driver_url(url)) as connection:
        try:
            row = connection.execute("select public.untouched()").fetchone()
        except psycopg.Error:
            return False
        if row != (True,):
            return False
        connection.execute(_EMPTY)
    return True


_EMPTY = "\n".join(
    (
        # Its index by similarity would still lead over rows that are gone.
        (
            f"do $$ begin if exists (select from {cache_entries.fullname}) then "
            f"truncate {cache_entries.fullname}; end if; end $$;"
        ),
        *(f"delete from {table.fullname};" for table in reversed(metadata.sorted_tables)),
        (
            "select setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) "
            "from pg_sequences where last_value is not null;"
        ),
    )
).encode()


@pytest.fixture
def engine(database_url: sa.URL) -> Iterator[sa.Engine]:
    """An engine on a fresh database."""
    engine = sa.create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def standin() -> Iterator[RunningStandin]:
    """A stand-in whose batches take a fifth of a second."""
    with running_standin(StandinSettings(batch_seconds=0.2, models=LIVING_MODELS)) as running:
        yield running


@pytest.fixture
def config(
    tmp_path: Path, database_url: sa.URL, standin: RunningStandin, monkeypatch: pytest.MonkeyPatch
) -> NormalizerConfig:
    """The shipped configuration on this test's folders, database and stand-in.

    The environment is set as well, for code that reads it: commands, code locations.
    """
    environment = {
        "NORMALIZER__PATHS__DATA": str(tmp_path / "data"),
        "NORMALIZER_LANDING": str(tmp_path / "landing"),
        "NORMALIZER_STORAGE": str(tmp_path / "storage"),
        "NORMALIZER__POLLING__INTERVAL_SECONDS": "0.1",
        "NORMALIZER__POLLING__BACKOFF_SECONDS": "0",
        "NORMALIZER__INDIVIDUAL__BACKOFF_SECONDS": "0.01",
        DATABASE_VARIABLE: database_url.render_as_string(hide_password=False),
        "OPENAI_BASE_URL": standin.url,
        "OPENAI_API_KEY": "standin",
    }
    defaults = {
        # A calibration that is fitted anew must not turn other tests' partitions red.
        "NORMALIZER__CONFIDENCE__THRESHOLD": "0.7",
        # Tests count requests; second opinions have tests of their own.
        "NORMALIZER__CASCADE__MAX_SHARE": "0",
    }
    environment |= {name: value for name, value in defaults.items() if name not in os.environ}
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return load_config()


@pytest.fixture
def partition() -> Partition:
    """Some partition."""
    return Partition(date(2024, 10, 1), "lider")


ClientOf = Callable[[Mapping[str, str]], OpenAI]


@pytest.fixture
def client_of(engine: sa.Engine) -> Iterator[ClientOf]:
    """Makes clients from an environment, and closes them after the test.

    One that is left to the garbage collector warns of its sockets in whichever test comes next.
    """
    with ExitStack() as opened:
        yield lambda environ: opened.enter_context(connect_api(engine, environ))


@pytest.fixture
def work(
    config: NormalizerConfig, engine: sa.Engine, partition: Partition, client_of: ClientOf
) -> PartitionWork:
    """Work on ``partition``, against the stand-in."""
    return PartitionWork(
        partition=partition,
        config=config,
        engine=engine,
        connect_api=lambda: client_of(os.environ),
        storage=UPath(config.paths.storage),
    )


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    """An API that behaves until its script says otherwise."""
    with running_api() as running:
        yield running


@pytest.fixture
def scripted_work(work: PartitionWork, api: ScriptedApi, client_of: ClientOf) -> PartitionWork:
    """Work against the scripted API; more than three questions make a batch.

    A partition rests after three intervals without a change, and what rests is taken over:
    at a tenth of a second, a slow machine gave questions away in the middle of a test.
    """
    environment = {"OPENAI_API_KEY": "key", "OPENAI_BASE_URL": api.url}
    unhurried = {
        "batching": BatchingConfig(min_products=3),
        "polling": work.config.polling.model_copy(update={"interval_seconds": 60.0}),
    }
    return dataclasses.replace(
        work,
        config=work.config.model_copy(update=unhurried),
        connect_api=lambda: client_of(environment),
    )
