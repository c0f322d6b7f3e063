"""What a server and a schema are like is read from them; nothing of them is changed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from normalizer_assets.batching.budget import Limit
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import BudgetConfig, ConfigurationError, NormalizerConfig
from normalizer_assets.db import migration
from normalizer_assets.db.engine import DATABASE_VARIABLE
from normalizer_assets.doctor import database, machine
from normalizer_assets.doctor.findings import Finding, NotLookedAtError
from normalizer_assets_tests.batching.listings import land, plan_request
from normalizer_assets_tests.db.conftest import later_revision

__all__ = ["later_revision"]


@pytest.fixture
def opened(config: NormalizerConfig, database_url: sa.URL) -> Iterator[sa.Engine]:
    """As the doctor opens it."""
    url = database_url.render_as_string(hide_password=False)
    engine = database.open_database(config, {DATABASE_VARIABLE: url})
    yield engine
    engine.dispose()


def execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def test_a_good_database_is_good(opened: sa.Engine, config: NormalizerConfig) -> None:
    assert database.postgres(opened, own=False) == Finding("ok", "PostgreSQL 18.4, embedded")
    assert database.pgvector(opened) == Finding("ok", "the server offers pgvector 0.8.5")
    assert database.extensions(opened) == Finding("ok", "vector 0.8.5")
    head = migration.head_revision()
    assert database.migrations(opened, own=True) == Finding("ok", f"revision {head}")
    assert database.indexes(opened).level == "ok"
    assert database.answers(opened, "openai").level == "ok"
    assert database.budget(opened, config).found.startswith("200.00 of 200.00 USD are left for ")


def test_nobody_there_says_where_without_the_password(config: NormalizerConfig) -> None:
    environ = {DATABASE_VARIABLE: "postgresql://me:geheimes-wort@127.0.0.1:1/x"}
    with pytest.raises(
        ConfigurationError, match=r"cannot reach Postgres at .*127\.0\.0\.1"
    ) as said:
        database.open_database(config, environ)
    assert "geheimes-wort" not in str(said.value)
    assert str(said.value).endswith("; start it or correct NORMALIZER_DATABASE_URL")


def shadow(engine: sa.Engine, table: str, select: str) -> None:
    """Lets the database see its own version of a catalogue."""
    execute(
        engine,
        "create schema if not exists shadow",
        f"create table shadow.{table} as {select}",
        f"alter database {engine.url.database} set search_path = shadow, pg_catalog, public",
    )


@pytest.mark.parametrize(
    ("version", "level"),
    [("0.8.3", "fail"), ("0.8", "fail"), ("0.8.4", "ok"), ("0.10.0", "ok"), (None, "fail")],
)
def test_the_offered_pgvector_must_be_new_enough(
    opened: sa.Engine, version: str | None, level: str
) -> None:
    row = f"select 'vector' as name, '{version}' as default_version where {version is not None}"
    shadow(opened, "pg_available_extensions", row)
    found = database.pgvector(opened)
    assert found.level == level
    assert ("install pgvector 0.8.4 or newer" in found.remedy) == (level == "fail")


def test_a_database_may_lag_behind_its_server(opened: sa.Engine) -> None:
    shadow(opened, "pg_extension", "select 'vector' as extname, '0.8.0' as extversion")
    assert database.extensions(opened) == Finding(
        "fail",
        "the database has vector 0.8.0",
        'psql "$(normalizer db url)" -c "alter extension vector update"',
    )


def test_without_the_extension_its_user_must_be_allowed_to_create_it(opened: sa.Engine) -> None:
    execute(opened, "drop schema normalizer cascade", "drop extension vector")
    assert database.extensions(opened).level == "ok"
    try:
        execute(opened, "create role nobody_much login")
        humble = sa.create_engine(opened.url.set(username="nobody_much"), poolclass=sa.NullPool)
        found = database.extensions(humble)
        assert found.level == "fail"
        assert "nobody_much may not create it" in found.found
        assert found.remedy.endswith(f"`create extension vector` in {opened.url.database}")
    finally:
        execute(opened, "drop role nobody_much")


@pytest.mark.parametrize(
    ("current", "own", "level", "remedy"),
    [
        (None, True, "ok", ""),
        ("0009", False, "ok", ""),
        ("0008", True, "fail", "normalizer db upgrade"),
        ("0008", False, "warn", "normalizer db upgrade"),
        ("0010", True, "fail", "install the version of the normaliser that made it: "),
    ],
)
def test_revisions_are_judged(current: str | None, own: bool, level: str, remedy: str) -> None:
    found = database.judged_revision(current, "0009", {"0008", "0009"}, own=own)
    assert found.level == level
    assert found.remedy.startswith(remedy)
    assert bool(found.remedy) == bool(remedy)


def test_what_needs_tables_waits_for_them(
    opened: sa.Engine, config: NormalizerConfig, later_revision: str
) -> None:
    assert database.migrations(opened, own=True).found.endswith(f"needs {later_revision}")
    checks: list[Callable[[], Finding]] = [
        lambda: database.indexes(opened),
        lambda: database.answers(opened, None),
        lambda: database.budget(opened, config),
    ]
    for check in checks:
        with pytest.raises(NotLookedAtError, match="not those that this version needs"):
            check()
    migration.downgrade(opened, "base")
    with pytest.raises(NotLookedAtError, match="no tables yet"):
        database.budget(opened, config)


def test_missing_and_unusable_indexes_are_named_with_the_command(opened: sa.Engine) -> None:
    execute(
        opened,
        "drop index normalizer.cache_entries_by_similarity",
        "drop index normalizer.one_partition_asks_a_question",
        "update pg_index set indisvalid = false "
        "where indexrelid = 'normalizer.answers_by_question'::regclass",
    )
    found = database.indexes(opened)
    assert (found.level, found.found) == ("fail", "2 missing, 1 unusable")
    statements = [
        line.removeprefix('psql "$(normalizer db url)" -c "').removesuffix('"')
        for line in found.remedy.splitlines()
    ]
    assert statements[-1] == "reindex index normalizer.answers_by_question"
    # What it says to type mends it.
    execute(opened, *statements)
    assert database.indexes(opened).level == "ok"


def test_answers_of_one_source_refuse_the_other(opened: sa.Engine) -> None:
    execute(opened, "insert into normalizer.answer_sources (source) values ('standin')")
    assert database.answers(opened, None).level == "ok"
    assert database.answers(opened, "standin").level == "ok"
    found = database.answers(opened, "openai")
    assert found.level == "fail"
    assert "OPENAI_BASE_URL leads to 'openai'" in found.found


def test_what_is_reserved_today_is_not_left(opened: sa.Engine, work: PartitionWork) -> None:
    land(work)
    plan_request(work, estimated_usd=Decimal("0.95"))
    for day_usd, left, level in (
        ("1", "0.05", "warn"),
        ("100", "99.05", "ok"),
        ("0.9", "0", "fail"),
    ):
        limits = work.config.model_copy(update={"budget": BudgetConfig(day_usd=float(day_usd))})
        found = database.budget(opened, limits)
        assert found.level == level
        assert found.found.startswith(f"{Decimal(left):.2f} of {Decimal(day_usd):.2f} USD")
        assert ("raise `budget.day_usd`" in found.remedy) == (level != "ok")


def test_a_limit_of_nothing_lets_nothing_through() -> None:
    limit = Limit("budget.day_usd", Decimal(0), Decimal(0), "2026-01-01 in Santiago")
    assert database.judged_budget(limit).level == "fail"


def test_its_clock_and_its_time_zones_are_ours(opened: sa.Engine) -> None:
    assert abs(database.seconds_ahead(opened)) < 1
    at = machine.moments(datetime(2026, 1, 15, tzinfo=UTC))
    assert database.santiago_offsets(opened, at) == machine.santiago_offsets(at)
