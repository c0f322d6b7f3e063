"""From configuration and environment to a database that can be used.

Belongs here: which server, which database, which driver, and making sure that schema
and extension are there. Does not belong here: the tables themselves and any query.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError, ProgrammingError

from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.db import migration
from normalizer_assets.db.dumps import dump_before_upgrade
from normalizer_assets.db.embedded import server_url

DATABASE_VARIABLE = "NORMALIZER_DATABASE_URL"
DAGSTER_DATABASE_VARIABLE = "NORMALIZER_DAGSTER_DATABASE_URL"
MINIMUM_PGVECTOR = (0, 8, 4)
"""0.8.3 and 0.8.4 mend corrupt HNSW indexes (facts/semantic_cache_and_routing.md, 2)."""


def database_url(config: NormalizerConfig, environ: Mapping[str, str] = os.environ) -> URL:
    """Returns the normaliser's database, starting the embedded server where it is the one.

    Raises:
        ConfigurationError: The variable holds something else than a Postgres URL.
    """
    own = environ.get(DATABASE_VARIABLE)
    return (
        _with_driver(own, DATABASE_VARIABLE, "psycopg")
        if own
        else _embedded(config, "normalizer", "psycopg")
    )


def dagster_database_url(config: NormalizerConfig, environ: Mapping[str, str] = os.environ) -> URL:
    """Returns the database for Dagster's own storage.

    The driver is psycopg2: with SQLAlchemy 2.1 a plain ``postgresql://`` means psycopg 3,
    with which dagster-postgres fails at the first NOTIFY.
    """
    own = environ.get(DAGSTER_DATABASE_VARIABLE)
    return (
        _with_driver(own, DAGSTER_DATABASE_VARIABLE, "psycopg2")
        if own
        else _embedded(config, "dagster", "psycopg2")
    )


def connect(config: NormalizerConfig, environ: Mapping[str, str] = os.environ) -> sa.Engine:
    """Returns an engine on a database whose schema is up to date.

    The embedded database is brought up to date by itself, after it was dumped. On a server
    of your own an empty one is filled, but an outdated one is left for you to upgrade.

    Raises:
        ConfigurationError: Unreachable server, missing or old pgvector, outdated schema;
            the message says what to type.
    """
    engine = open_engine(config, environ)
    with _disposed_on_error(engine):
        migration.ensure_current(
            engine,
            may_upgrade=not environ.get(DATABASE_VARIABLE),
            before=dump_before_upgrade(engine, config),
        )
    return engine


def open_engine(config: NormalizerConfig, environ: Mapping[str, str] = os.environ) -> sa.Engine:
    """Returns an engine on the database, whatever its schema.

    Raises:
        ConfigurationError: Unreachable server, missing or old pgvector.
    """
    url = database_url(config, environ)
    engine = sa.create_engine(url, pool_pre_ping=True)
    try:
        with _disposed_on_error(engine), engine.connect() as connection:
            _check_pgvector(connection)
    except OperationalError as error:
        reason = " ".join(str(error.orig).split())
        raise ConfigurationError(
            f"cannot reach Postgres at {url.render_as_string(hide_password=True)}: "
            f"{reason}; start it or correct {DATABASE_VARIABLE}"
        ) from error
    return engine


@contextmanager
def _disposed_on_error(engine: sa.Engine) -> Iterator[None]:
    """Closes the pool of an engine that is not handed out after all."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def _embedded(config: NormalizerConfig, database: str, driver: str) -> URL:
    server = make_url(server_url(Path(config.paths.data), "postgres"))
    _create_database(server.set(drivername="postgresql+psycopg"), database)
    return server.set(drivername=f"postgresql+{driver}", database=database)


def _create_database(server: URL, database: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        known = connection.execute(
            sa.text("select 1 from pg_database where datname = :name"), {"name": database}
        ).scalar()
        if known:
            return
        try:
            connection.execute(sa.text(f'create database "{database}"'))
        except (ProgrammingError, sa.exc.IntegrityError):
            # Another process created it between the look and this line.
            return


def _with_driver(url: str, variable: str, driver: str) -> URL:
    try:
        parsed = make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise ConfigurationError(
            f"{variable} is not a database URL; expected postgresql://user:password@host/name"
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"{variable} names {parsed.get_backend_name()!r}; only Postgres can be used "
            f"(postgresql://user:password@host/name)"
        )
    return parsed.set(drivername=f"postgresql+{driver}")


def _check_pgvector(connection: sa.Connection) -> None:
    available = connection.execute(
        sa.text("select default_version from pg_available_extensions where name = 'vector'")
    ).scalar()
    wanted = ".".join(map(str, MINIMUM_PGVECTOR))
    if available is None:
        raise ConfigurationError(
            f"this Postgres has no pgvector; install pgvector {wanted} or newer on the server"
        )
    if tuple(int(part) for part in str(available).split(".")) < MINIMUM_PGVECTOR:
        raise ConfigurationError(
            f"this Postgres has pgvector {available}; {wanted} or newer is needed (older ones "
            f"corrupt HNSW indexes); upgrade the extension on the server"
        )
