"""Checks of the normaliser's database.

Belongs here: reading what the server and the schema are like. Does not belong here: creating
or changing anything; where the embedded server is the one, it is started.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from normalizer_assets.batching.budget import Limit, day_limit
from normalizer_assets.config import TIMEZONE, ConfigurationError, NormalizerConfig
from normalizer_assets.db import migration
from normalizer_assets.db.engine import DATABASE_VARIABLE, MINIMUM_PGVECTOR, database_url
from normalizer_assets.db.tables import SCHEMA, answer_sources, metadata
from normalizer_assets.doctor.findings import Finding, NotLookedAtError

OLDEST_POSTGRES = 13
"""The oldest that pgvector 0.8 supports (its README)."""
TESTED_POSTGRES = 18

CONNECT_SECONDS = 10
LOW_BUDGET = Decimal("0.2")
"""Share of the day's budget below which a large partition may not fit any more."""


def open_database(config: NormalizerConfig, environ: Mapping[str, str]) -> sa.Engine:
    """Returns an engine that was connected once, whatever the server is like.

    Raises:
        ConfigurationError: The variable holds no Postgres URL, or nobody answers there.
    """
    url = database_url(config, environ)
    engine = sa.create_engine(
        url, poolclass=sa.NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}
    )
    try:
        engine.connect().close()
    except sa.exc.OperationalError as error:
        reason = " ".join(str(error.orig).split())
        raise ConfigurationError(
            f"cannot reach Postgres at {url.render_as_string()}: {reason}; start it or correct "
            f"{DATABASE_VARIABLE}"
        ) from None
    return engine


def postgres(engine: sa.Engine, *, own: bool) -> Finding:
    """Says which server it is."""
    with engine.connect() as connection:
        number = int(connection.execute(sa.text("show server_version_num")).scalar_one())
    version = f"{number // 10_000}.{number % 10_000}"
    where = engine.url.render_as_string() if own else "embedded"
    if number < OLDEST_POSTGRES * 10_000:
        return Finding(
            "fail",
            f"PostgreSQL {version}, {where}",
            f"upgrade the server to PostgreSQL {OLDEST_POSTGRES} or newer (tested with "
            f"{TESTED_POSTGRES})",
        )
    return Finding("ok", f"PostgreSQL {version}, {where}")


def pgvector(engine: sa.Engine) -> Finding:
    """Says which pgvector the server offers."""
    with engine.connect() as connection:
        offered = connection.execute(
            sa.text("select default_version from pg_available_extensions where name = 'vector'")
        ).scalar()
    wanted = ".".join(map(str, MINIMUM_PGVECTOR))
    todo = f"install pgvector {wanted} or newer on the server (older ones corrupt HNSW indexes)"
    if offered is None:
        return Finding("fail", "the server has no pgvector", todo)
    return Finding(
        "ok" if _is_new_enough(offered) else "fail",
        f"the server offers pgvector {offered}",
        "" if _is_new_enough(offered) else todo,
    )


def extensions(engine: sa.Engine) -> Finding:
    """Says which pgvector the database has; a newer server does not upgrade it by itself."""
    with engine.connect() as connection:
        installed = connection.execute(
            sa.text("select extversion from pg_extension where extname = 'vector'")
        ).scalar()
        may_create, user, name = connection.execute(
            sa.text(
                "select has_database_privilege(current_database(), 'create'), current_user, "
                "current_database()"
            )
        ).one()
    if installed is None and may_create:
        return Finding("ok", "vector is created together with the tables")
    if installed is None:
        return Finding(
            "fail",
            f"the database has no extension vector, and {user} may not create it",
            f"as the server's administrator: `create extension vector` in {name}",
        )
    if not _is_new_enough(installed):
        return Finding(
            "fail",
            f"the database has vector {installed}",
            'psql "$(normalizer db url)" -c "alter extension vector update"',
        )
    return Finding("ok", f"vector {installed}")


def _is_new_enough(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")) >= MINIMUM_PGVECTOR


# --- the schema -----------------------------------------------------------------------


def migrations(engine: sa.Engine, *, own: bool) -> Finding:
    """Says whether the schema is the one that this code needs."""
    return judged_revision(
        migration.current_revision(engine),
        migration.head_revision(),
        migration.known_revisions(),
        own=own,
    )


def judged_revision(current: str | None, head: str, known: set[str], *, own: bool) -> Finding:
    """Judges a schema revision.

    Args:
        current: The database's, ``None`` where it has no tables.
        head: The one that this code needs.
        known: Those that it has migrations for.
        own: Whether the server is the user's own, which nobody upgrades unasked.
    """
    if current is None:
        return Finding("ok", f"no tables yet; the first command makes those of revision {head}")
    if current == head:
        return Finding("ok", f"revision {head}")
    if current not in known:
        return Finding(
            "fail",
            f"revision {current}, which this version does not know",
            "install the version of the normaliser that made it: `git pull`, `make install`",
        )
    return Finding(
        "fail" if own else "warn",
        f"revision {current}, this version needs {head}"
        + ("" if own else "; the next command dumps and upgrades it"),
        "normalizer db upgrade",
    )


def indexes(engine: sa.Engine) -> Finding:
    """Looks for indexes that are missing, or that a broken build left unusable."""
    _need_tables(engine)
    with engine.connect() as connection:
        valid: dict[str, bool] = dict(
            tuple(row)
            for row in connection.execute(
                sa.text(
                    "select relname, indisvalid from pg_index join pg_class on oid = indexrelid "
                    "where relnamespace = cast(:schema as regnamespace)"
                ),
                {"schema": SCHEMA},
            )
        )
    wanted = {
        str(index.name): index
        for table in metadata.sorted_tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    }
    missing = [str(index) for name, index in _statements(wanted).items() if name not in valid]
    broken = [name for name, is_valid in valid.items() if not is_valid]
    if missing or broken:
        todo = [*missing, *(f"reindex index {SCHEMA}.{name}" for name in broken)]
        return Finding(
            "fail",
            f"{len(missing)} missing, {len(broken)} unusable",
            "\n".join(f'psql "$(normalizer db url)" -c "{statement}"' for statement in todo),
        )
    return Finding("ok", f"all {len(wanted)} are there and usable")


def _statements(wanted: Mapping[str, sa.Index]) -> dict[str, str]:
    # The dialect's own type is not annotated.
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {
        name: " ".join(str(CreateIndex(index).compile(dialect=dialect)).split())
        for name, index in wanted.items()
    }


def _need_tables(engine: sa.Engine) -> None:
    """Stops a check that needs the newest tables.

    Raises:
        NotLookedAtError: They are not there, or older.
    """
    current = migration.current_revision(engine)
    if current is None:
        raise NotLookedAtError("there are no tables yet", "ok")
    if current != migration.head_revision():
        raise NotLookedAtError("the tables are not those that this version needs")


# --- what is in it --------------------------------------------------------------------


def answers(engine: sa.Engine, source: str | None) -> Finding:
    """Compares whose answers the database holds with who would answer now.

    Args:
        engine: The database.
        source: ``standin``, ``openai``; ``None`` where nobody was asked.
    """
    _need_tables(engine)
    with engine.connect() as connection:
        held = connection.execute(sa.select(answer_sources.c.source)).scalar()
    if held is None:
        return Finding("ok", "no answers yet: the database will belong to who answers first")
    if source is not None and source != held:
        return Finding(
            "fail",
            f"the database holds answers of {held!r}, and OPENAI_BASE_URL leads to {source!r}",
            "export NORMALIZER__PATHS__DATA=ANOTHER_FOLDER, or NORMALIZER_DATABASE_URL=...",
        )
    return Finding("ok", f"the database holds answers of {held!r}")


def budget(engine: sa.Engine, config: NormalizerConfig) -> Finding:
    """Says what is left of the day's budget."""
    _need_tables(engine)
    with engine.connect() as connection:
        return judged_budget(day_limit(connection, config.budget))


def judged_budget(limit: Limit) -> Finding:
    """Judges what is left of a day's limit."""
    left = max(limit.left_usd, Decimal(0))
    found = f"{left:.2f} of {limit.usd:.2f} USD are left for {limit.scope}"
    todo = f"raise `{limit.key}` ({limit.usd} USD now), or wait for midnight in Santiago"
    if limit.left_usd <= 0:
        return Finding("fail", found, todo)
    if limit.left_usd < LOW_BUDGET * limit.usd:
        return Finding("warn", found, todo)
    return Finding("ok", found)


# --- its clock ------------------------------------------------------------------------


def seconds_ahead(engine: sa.Engine) -> float:
    """Returns by how many seconds the server's clock is ahead of ours."""
    with engine.connect() as connection:
        before = time.time()
        now: datetime = connection.execute(sa.text("select clock_timestamp()")).scalar_one()
        return now.timestamp() - (before + time.time()) / 2


def santiago_offsets(engine: sa.Engine, at: Sequence[datetime]) -> list[float]:
    """Returns by how many seconds Santiago is ahead of UTC, by the server's data."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "select extract(epoch from (moment at time zone :zone) "
                "- (moment at time zone 'UTC')) "
                "from unnest(cast(:moments as timestamptz[])) with ordinality as given(moment, n) "
                "order by n"
            ),
            {"zone": TIMEZONE, "moments": list(at)},
        )
        return [float(offset) for offset in rows.scalars()]
