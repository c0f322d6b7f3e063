from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
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
        "price_comparison",
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
    before, revision = structure(engine), migration.current_revision(engine)
    with pytest.raises(
        migration.MigrationError, match=f"schema is at revision {revision} as before"
    ):
        migration.upgrade(engine, later_revision)
    assert migration.current_revision(engine) == revision
    assert structure(engine) == before


HALF = """
from alembic import op

revision = "99991"
down_revision = "9999"


def upgrade() -> None:
    op.execute("create table normalizer.half (x integer)")
    op.execute("alter table normalizer.partitions drop column epoch")
    op.execute("delete from normalizer.partitions")
    raise RuntimeError("the second half is missing")


def downgrade() -> None:
    op.execute("drop table normalizer.later")
    raise RuntimeError("no way back")
"""


def test_a_migration_that_fails_in_its_middle_takes_those_before_it_back(
    engine: sa.Engine, later_revision: str
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(OLD_ROWS.partition(";")[0]))
    revision = migration.current_revision(engine)
    content = "select retailer, day::text, state, epoch from normalizer.partitions order by 1, 2"
    before, kept = structure(engine), rows(engine, content)
    file = migration.MIGRATIONS / "versions" / "99991_half.py"
    file.write_text(HALF)
    with pytest.raises(migration.MigrationError, match="the second half is missing"):
        migration.upgrade(engine)
    assert migration.current_revision(engine) == revision
    assert structure(engine) == before
    assert rows(engine, content) == kept
    assert len(kept) == 4
    # Mended, it goes up; and where the way back is broken, it stays there as a whole.
    file.write_text(HALF.replace('raise RuntimeError("the second', 'print("the second'))
    migration.upgrade(engine)
    assert later_revision in migration.known_revisions()
    up = structure(engine)
    with pytest.raises(migration.MigrationError, match="no way back"):
        migration.downgrade(engine)
    assert migration.current_revision(engine) == "99991"
    assert structure(engine) == up


def test_each_migration_is_undone_by_its_downgrade(engine: sa.Engine) -> None:
    revisions = []
    while (revision := migration.current_revision(engine)) is not None:
        revisions.append((revision, structure(engine)))
        migration.downgrade(engine)
    below: dict[str, set[Any]] | None = None
    for revision, at_first in reversed(revisions):
        migration.upgrade(engine, revision)
        assert structure(engine) == at_first, revision
        if below is not None:
            migration.downgrade(engine)
            assert structure(engine) == below, revision
            migration.upgrade(engine, revision)
        below = at_first
    assert len(revisions) == len(migration.known_revisions())


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
                        llm_model, body_hash, state, estimated_usd, bound_usd)
                    values ('a', 'lider', '2024-10-01', 'individual', 'm', 'h', 'ok', 0, 0)
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


# --- revision 0014, with data in place ------------------------------------------------

ENTRY = """
insert into normalizer.cache_entries
    (question_key, category_group, name, answer_contract, embedding_model, text_hash, embedding)
select 'q' || n, 'beverages', 'Jugo ' || n, 1, 'm', md5(n::text)::uuid,
       (array_fill(0.25, array[n]) || array_fill(-0.5, array[512 - n]))::halfvec
from generate_series(1, 50) n
"""
INLINE = """
select pg_relation_size(reltoastrelid) = 0 from pg_class
where oid = 'normalizer.cache_entries'::regclass
"""


def test_entries_of_any_length_outlive_the_change_of_their_index(engine: sa.Engine) -> None:
    migration.downgrade(engine, "0013")
    with engine.begin() as connection:
        connection.execute(
            sa.text("alter table normalizer.cache_entries alter column embedding type halfvec(512)")
        )
        connection.execute(sa.text(ENTRY))
    content = "select * from normalizer.cache_entries order by question_key"
    before = rows(engine, content)
    assert len(before) == 50
    migration.upgrade(engine)
    assert rows(engine, content) == before
    definition = "select indexdef from pg_indexes where indexname = 'cache_entries_by_similarity'"
    assert "(binary_quantize(embedding))::bit(512)" in str(rows(engine, definition))
    migration.downgrade(engine, "0013")
    assert rows(engine, content) == before
    assert "halfvec_cosine_ops" in str(rows(engine, definition))


def test_vectors_of_before_lie_in_their_rows_after_it(engine: sa.Engine) -> None:
    migration.downgrade(engine, "0013")
    with engine.begin() as connection:
        connection.execute(sa.text(ENTRY.replace("512", "1536")))
    assert rows(engine, INLINE) == [(False,)]
    migration.upgrade(engine)
    assert rows(engine, INLINE) == [(True,)]


# --- revision 0002, with data in place ------------------------------------------------

OLD_ROWS = """
insert into normalizer.partitions (retailer, day, state, raw_snapshot) values
    ('lider', '2024-10-01', 'waiting', 'x'), ('jumbo', '2024-10-01', 'landed', 'x'),
    ('lider', '2024-10-02', 'waiting', 'x'), ('paris', '2024-10-02', 'published', 'x');
insert into normalizer.partition_questions (retailer, day, question_key, state) values
    ('lider', '2024-10-01', 'both', 'open'), ('jumbo', '2024-10-01', 'both', 'open'),
    ('lider', '2024-10-02', 'both', 'open'), ('paris', '2024-10-02', 'both', 'answered'),
    ('lider', '2024-10-02', 'own', 'open'), ('jumbo', '2024-10-01', 'ended', 'rules');
insert into normalizer.batches (shard_hash, llm_model, state, file_name, line_count, byte_count,
        estimated_usd) values
    ('s1', 'gpt-5', 'in_progress', 'f', 1, 1, 0.5), ('s2', 'gpt-5', 'planned', 'f', 1, 1, 0.5);
insert into normalizer.batch_requests (shard_hash, custom_id, retailer, day, question_key, step,
        llm_model, body_hash, state, estimated_usd, cost_usd, planned_at) values
    ('s1', 'a', 'lider', '2024-10-01', 'both', 'batch', 'm', 'h', 'sent', 0.5, null,
     '2026-01-02 02:30+00'),
    (null, 'b', 'jumbo', '2024-10-01', 'ended', 'individual', 'm', 'h', 'outcome_unknown', 0.25,
     0.25, '2026-01-02 03:30+00');
"""


@pytest.fixture
def old(engine: sa.Engine) -> sa.Engine:
    """A database of revision 0001 in use."""
    migration.downgrade(engine, "0001")
    with engine.begin() as connection:
        connection.execute(sa.text(OLD_ROWS))
    return engine


def rows(engine: sa.Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def test_of_equal_open_questions_the_first_partition_keeps_asking(old: sa.Engine) -> None:
    migration.upgrade(old, "0002")
    found = rows(
        old,
        "select day::text, retailer, state, waits from normalizer.partition_questions "
        "where question_key = 'both' order by day, retailer",
    )
    assert found == [
        ("2024-10-01", "jumbo", "open", False),
        ("2024-10-01", "lider", "open", True),
        ("2024-10-02", "lider", "open", True),
        ("2024-10-02", "paris", "answered", False),
    ]
    others = "select waits from normalizer.partition_questions where question_key <> 'both'"
    assert rows(old, others) == [(False,), (False,)]


def test_money_that_was_spent_before_counts_on_its_own_day(old: sa.Engine) -> None:
    migration.upgrade(old, "0002")
    found = rows(
        old,
        "select reserved_on::text, bound_usd, round from normalizer.batch_requests "
        "order by request_id",
    )
    # 02:30 UTC is still the day before in Santiago, 03:30 is not (summer time, UTC-3).
    assert found == [("2026-01-01", Decimal("0.5"), 1), ("2026-01-02", Decimal("0.25"), 1)]


def test_down_and_up_again_with_states_that_the_old_schema_does_not_know(
    old: sa.Engine,
) -> None:
    migration.upgrade(old, "0002")
    with old.begin() as connection:
        connection.execute(sa.text(NEW_WORDS))
    migration.downgrade(old, "0001")
    assert rows(
        old,
        "select custom_id, state, step from normalizer.batch_requests where custom_id > 'm' "
        "order by 1",
    ) == [
        ("n1", "sent", "individual"),
        ("n2", "http_error", "batch"),
        ("n3", "not_executed", "legacy"),
    ]
    assert rows(old, "select state from normalizer.batches where shard_hash = 's2'") == [
        ("uploaded",)
    ]
    count = "select count(*) from normalizer.partition_questions where state = 'open'"
    assert rows(old, count) == [(4,)]
    for word, table in (("creating", "batches"), ("received", "batch_requests")):
        with pytest.raises(sa.exc.IntegrityError), old.begin() as connection:
            connection.execute(sa.text(f"update normalizer.{table} set state = '{word}'"))
    migration.upgrade(old, "0002")
    waiting = "select count(*) from normalizer.partition_questions where waits"
    assert rows(old, waiting) == [(2,)]


NEW_WORDS = """
insert into normalizer.batch_requests (custom_id, retailer, day, question_key, step, llm_model,
        body_hash, state, estimated_usd, bound_usd) values
    ('n1', 'lider', '2024-10-02', 'own', 'canary', 'm', 'h', 'received', 0.5, 2),
    ('n2', 'lider', '2024-10-02', 'own', 'batch', 'm', 'h', 'unavailable', 0.5, 2),
    ('n3', 'lider', '2024-10-02', 'own', 'legacy', 'm', 'h', 'not_executed', 0.5, 2);
update normalizer.batches set state = 'creating' where shard_hash = 's2';
update normalizer.partitions set blocked_by = 'doubt', blocked_reason = 'why'
    where retailer = 'lider';
insert into normalizer.budgets (scope) values ('day 2026-01-01');
"""


def test_versions_judged_before_measures_were_kept_have_none(engine: sa.Engine) -> None:
    migration.downgrade(engine, "0003")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                insert into normalizer.partitions (retailer, day, state)
                    values ('lider', '2024-10-01', 'published');
                insert into normalizer.product_versions (retailer, day, version, run_id,
                    content_hash, row_count, verdict)
                    values ('lider', '2024-10-01', 1, 'run', 'hash', 5, 'green')
                """
            )
        )
    migration.upgrade(engine, "0004")
    found = "select row_count, measures from normalizer.product_versions"
    assert rows(engine, found) == [(5, None)]
    migration.downgrade(engine, "0003")
    assert rows(engine, "select verdict from normalizer.product_versions") == [("green",)]


def test_rows_written_before_contributions_were_kept_have_none(engine: sa.Engine) -> None:
    migration.downgrade(engine, "0007")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                insert into normalizer.partitions (retailer, day, state, individual_usd)
                    values ('lider', '2024-10-01', 'published', 0.5);
                insert into normalizer.product_versions (retailer, day, version, run_id,
                    content_hash, row_count, verdict)
                    values ('lider', '2024-10-01', 1, 'run', 'hash', 1, 'green');
                insert into normalizer.product_rows (retailer, day, version, sku, name,
                    category_group, attributes, normalized_name, confidence, status, reasons,
                    route, score, answered_by, cost_usd, question_key, run_id)
                    values ('lider', '2024-10-01', 1, '7', 'Leche', 'dairy', '{}', 'Leche', 0.9,
                            'accepted', '', 'mini', 0.2, 'batch', 0, 'key', 'run')
                """
            )
        )
    migration.upgrade(engine, "0008")
    of_row = "select score, band, contributions from normalizer.product_rows"
    assert rows(engine, of_row) == [(0.2, None, None)]
    of_partition = "select individual_usd, individual_legacy_usd from normalizer.partitions"
    assert rows(engine, of_partition) == [(Decimal("0.5"), None)]
    migration.downgrade(engine, "0007")
    assert rows(engine, "select sku, score from normalizer.product_rows") == [("7", 0.2)]


def test_a_question_has_one_asker_from_then_on(old: sa.Engine) -> None:
    migration.upgrade(old, "0002")
    with pytest.raises(sa.exc.IntegrityError, match="one_partition_asks_a_question"):
        rows(old, "update normalizer.partition_questions set waits = false returning 1")
