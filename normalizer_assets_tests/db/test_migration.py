from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from normalizer_assets.config import ConfigurationError
from normalizer_assets.db import migration
from normalizer_assets.db.tables import SCHEMA, metadata

STRUCTURE = {
    "columns": """
        select table_name, column_name, data_type, udt_name, is_nullable, column_default,
               identity_generation, numeric_precision, numeric_scale
        from information_schema.columns where table_schema = 'normalizer'
          and table_name in (select tablename from pg_tables where schemaname = 'normalizer')
        """,
    "constraints": """
        select conrelid::regclass::text, contype, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'normalizer'::regnamespace
        """,
    "indexes": "select tablename, indexdef from pg_indexes where schemaname = 'normalizer'",
}


@pytest.fixture
def empty(database_url: sa.URL) -> Iterator[sa.Engine]:
    """A database without the schema."""
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema normalizer cascade"))
        connection.execute(sa.text("drop extension vector"))
    yield engine
    engine.dispose()


def structure(engine: sa.Engine) -> dict[str, set[Any]]:
    with engine.connect() as connection:
        return {
            what: {
                tuple(row)
                for row in connection.execute(sa.text(statement))
                if "alembic_version" not in str(row[0])
            }
            for what, statement in STRUCTURE.items()
        }


def tables(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names(schema=SCHEMA))


def test_an_empty_database_gets_the_newest_schema(empty: sa.Engine) -> None:
    assert migration.current_revision(empty) is None
    migration.ensure_current(empty, may_upgrade=False)
    assert migration.current_revision(empty) == migration.head_revision()
    assert {"partitions", "batch_requests", "cache_entries"} <= tables(empty)
    assert set(sa.inspect(empty).get_view_names(schema=SCHEMA)) == {
        "normalized_products",
        "published_products",
    }


def test_two_first_processes_at_once_make_one_schema(empty: sa.Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        for made in [pool.submit(migration.upgrade, empty) for _ in range(4)]:
            made.result()
    assert migration.current_revision(empty) == migration.head_revision()


def test_down_to_nothing_and_up_again_gives_the_same_schema(engine: sa.Engine) -> None:
    before = structure(engine)
    migration.downgrade(engine, "base")
    assert tables(engine) <= {"alembic_version"}
    assert migration.current_revision(engine) is None
    migration.ensure_current(engine, may_upgrade=False)
    assert structure(engine) == before


def test_the_code_knows_the_tables_as_they_are(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        options = {
            "include_schemas": True,
            "version_table_schema": SCHEMA,
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_defaults_checks_and_index_options_are_the_codes_too(
    engine: sa.Engine, empty_copy: sa.Engine
) -> None:
    metadata.create_all(empty_copy)
    assert structure(empty_copy) == structure(engine)


@pytest.fixture
def empty_copy(template_url: sa.URL, engine: sa.Engine) -> Iterator[sa.Engine]:
    """Another database, with the extension and an empty schema."""
    name = f"{engine.url.database}_copy"
    server = sa.create_engine(
        template_url.set(database="postgres"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with server.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    copy = sa.create_engine(template_url.set(database=name))
    with copy.begin() as connection:
        connection.execute(sa.text("create extension vector"))
        connection.execute(sa.text("create schema normalizer"))
    yield copy
    copy.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"drop database {name}"))


def test_an_outdated_schema_is_upgraded_only_where_that_is_allowed(
    engine: sa.Engine, later_revision: str
) -> None:
    before = migration.current_revision(engine)
    with pytest.raises(ConfigurationError, match="normalizer db upgrade"):
        migration.ensure_current(engine, may_upgrade=False)
    assert migration.current_revision(engine) == before
    migration.ensure_current(engine, may_upgrade=True)
    assert migration.current_revision(engine) == later_revision
    migration.downgrade(engine)
    assert migration.current_revision(engine) == before


def test_a_schema_newer_than_the_code_is_refused(
    engine: sa.Engine, later_revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration.upgrade(engine)
    assert migration.current_revision(engine) == later_revision
    monkeypatch.undo()
    with pytest.raises(ConfigurationError, match="9999, which this version does not know"):
        migration.ensure_current(engine, may_upgrade=True)


def test_a_migration_that_fails_leaves_nothing_behind(
    engine: sa.Engine, later_revision: str
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("create table normalizer.later (y text)"))
    before = structure(engine)
    with pytest.raises(sa.exc.ProgrammingError):
        migration.upgrade(engine, later_revision)
    assert migration.current_revision(engine) == "0001"
    assert structure(engine) == before


def test_bought_answers_are_counted_and_a_database_without_tables_has_none(
    engine: sa.Engine,
) -> None:
    assert migration.stored_answers(engine) == 0
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                with request as (
                    insert into normalizer.batch_requests (custom_id, retailer, day, step,
                        llm_model, body_hash, state, estimated_usd)
                    values ('a', 'lider', '2024-10-01', 'individual', 'm', 'h', 'ok', 0)
                    returning request_id)
                insert into normalizer.answers (request_id, question_key, retailer, day,
                    answered_by, llm_model, attributes)
                select request_id, 'q', 'lider', '2024-10-01', 'individual', 'm', '{}' from request
                """
            )
        )
    assert migration.stored_answers(engine) == 1
    migration.downgrade(engine, "base")
    assert migration.stored_answers(engine) == 0
