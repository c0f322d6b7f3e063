import traceback

import pytest
import sqlalchemy as sa

from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.db.engine import (
    DAGSTER_DATABASE_VARIABLE,
    DATABASE_VARIABLE,
    connect,
    dagster_database_url,
    database_url,
    open_engine,
)


def own(url: sa.URL | str) -> dict[str, str]:
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    return {DATABASE_VARIABLE: text}


def shadow(url: sa.URL, version: str | None) -> None:
    """Makes the database say that it offers this version of pgvector."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        row = f"select 'vector' as name, '{version}' as default_version"
        for statement in (
            "create schema shadow",
            f"create table shadow.pg_available_extensions as {row} where {version is not None}",
            f"alter database {url.database} set search_path = shadow, pg_catalog, public",
        ):
            connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"]
)
def test_every_spelling_of_an_own_url_is_reached_with_the_right_driver(
    config: NormalizerConfig, database_url: sa.URL, scheme: str
) -> None:
    url = database_url.render_as_string(hide_password=False)
    spelled = scheme + "://" + url.partition("://")[2]
    engine = connect(config, own(spelled))
    assert engine.url.drivername == "postgresql+psycopg"
    assert engine.url.database == database_url.database
    engine.dispose()


def test_dagsters_own_url_gets_the_driver_that_dagster_works_with(
    config: NormalizerConfig,
) -> None:
    environ = {DAGSTER_DATABASE_VARIABLE: "postgresql://somewhere/dagster"}
    assert dagster_database_url(config, environ).drivername == "postgresql+psycopg2"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("not a url", "is not a database URL"),
        ("postgresql://user:geheim@host:port/name", "is not a database URL"),
        ("mysql://user:geheim@host/name", "only Postgres can be used"),
        ("sqlite:///file.db", "only Postgres can be used"),
    ],
)
def test_a_wrong_url_is_refused_with_the_variable_and_the_form(
    config: NormalizerConfig, wrong: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        database_url(config, own(wrong))
    text = "".join(traceback.format_exception(caught.value))
    assert DATABASE_VARIABLE in str(caught.value)
    assert "postgresql://user:password@host" in str(caught.value)
    assert "geheim" not in text


@pytest.mark.parametrize(
    "url", ["postgresql://me:geheim@127.0.0.1:1/x", "postgresql://me:geheim@/x?host=/nowhere"]
)
def test_an_unreachable_server_is_named_without_the_password(
    config: NormalizerConfig, url: str
) -> None:
    with pytest.raises(ConfigurationError, match="cannot reach Postgres") as caught:
        open_engine(config, own(url))
    assert DATABASE_VARIABLE in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))


def test_a_missing_database_is_named(config: NormalizerConfig, database_url: sa.URL) -> None:
    with pytest.raises(ConfigurationError, match="absent_database"):
        open_engine(config, own(database_url.set(database="absent_database")))


@pytest.mark.parametrize("version", ["0.8.3", "0.7.4", "0.8"])
def test_an_old_pgvector_is_refused(
    config: NormalizerConfig, database_url: sa.URL, version: str
) -> None:
    shadow(database_url, version)
    with pytest.raises(ConfigurationError, match=rf"pgvector {version}; 0\.8\.4 or newer"):
        connect(config, own(database_url))


def test_a_missing_pgvector_is_refused(config: NormalizerConfig, database_url: sa.URL) -> None:
    shadow(database_url, None)
    with pytest.raises(ConfigurationError, match="has no pgvector; install"):
        connect(config, own(database_url))


@pytest.mark.parametrize("version", ["0.8.4", "0.10.0", "1.0"])
def test_a_newer_pgvector_is_accepted(
    config: NormalizerConfig, database_url: sa.URL, version: str
) -> None:
    shadow(database_url, version)
    open_engine(config, own(database_url)).dispose()


def test_an_outdated_schema_on_an_own_server_is_refused_with_the_command(
    config: NormalizerConfig, database_url: sa.URL, later_revision: str
) -> None:
    with pytest.raises(ConfigurationError, match="type `normalizer db upgrade`") as caught:
        connect(config, own(database_url))
    assert later_revision in str(caught.value)
