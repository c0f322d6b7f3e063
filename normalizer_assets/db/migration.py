"""Bringing the schema to the version that this code expects, and back.

Belongs here: running Alembic from code, under one lock. Does not belong here: the
migrations themselves (``migrations/versions``).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from normalizer_assets.config import ConfigurationError
from normalizer_assets.db.tables import SCHEMA

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = 7_108_441_190_112_030_000
"""Key of the advisory lock: an empty schema is created by whoever comes first."""


def ensure_current(engine: sa.Engine, *, may_upgrade: bool) -> None:
    """Creates an empty schema; upgrades an outdated one only where allowed.

    Raises:
        ConfigurationError: Outdated and not ours to upgrade, or newer than this code.
    """
    head, current = head_revision(), current_revision(engine)
    if current == head:
        return
    if current is not None and current not in _known_revisions():
        raise ConfigurationError(
            f"the database is at schema revision {current}, which this version does not know; "
            f"upgrade the normaliser to the version that made it"
        )
    if current is not None and not may_upgrade:
        raise ConfigurationError(
            f"the database is at schema revision {current}, this version needs {head}; "
            f"type `normalizer db upgrade`"
        )
    upgrade(engine)


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Upgrades to a revision; two processes at once do it one after the other."""
    _run(engine, "upgrade", revision)


def downgrade(engine: sa.Engine, revision: str = "-1") -> None:
    """Goes back to a revision, by default the one before."""
    _run(engine, "downgrade", revision)


def head_revision() -> str:
    """Returns the revision that this code needs."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(_alembic()).get_current_head())


def current_revision(engine: sa.Engine) -> str | None:
    """Returns the database's revision, ``None`` where there is no schema yet."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version", schema=SCHEMA):
            return None
        row = connection.execute(sa.text(f"select version_num from {SCHEMA}.alembic_version"))
        return row.scalar()


def stored_answers(engine: sa.Engine) -> int:
    """Returns how many bought answers the database holds."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("answers", schema=SCHEMA):
            return 0
        return int(
            connection.execute(sa.text(f"select count(*) from {SCHEMA}.answers")).scalar_one()
        )


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}


def _run(engine: sa.Engine, direction: str, revision: str) -> None:
    from alembic import command

    with engine.begin() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        # The version table must lie somewhere before the first migration runs.
        connection.execute(sa.text(f"create schema if not exists {SCHEMA}"))
        configuration = _alembic()
        configuration.attributes["connection"] = connection
        getattr(command, direction)(configuration, revision)


def _alembic() -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    return configuration
