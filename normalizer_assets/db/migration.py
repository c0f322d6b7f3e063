"""Bringing the schema to the version that this code expects, and back.

Belongs here: running Alembic from code, under one lock. Does not belong here: the
migrations themselves (``migrations/versions``).
"""

from collections.abc import Callable
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


Before = Callable[[str], None]
"""Called with the revision of a schema before it is changed; where it raises, nothing is."""


def nothing(_: str) -> None:
    """Does nothing before an upgrade."""


class MigrationError(ConfigurationError):
    """A migration failed and was taken back; the message says at which revision the schema is."""


def ensure_current(engine: sa.Engine, *, may_upgrade: bool, before: Before = nothing) -> None:
    """Creates an empty schema; upgrades an outdated one only where allowed.

    Raises:
        ConfigurationError: Outdated and not ours to upgrade, or newer than this code.
    """
    head, current = head_revision(), current_revision(engine)
    if current == head:
        return
    if current is not None and current not in known_revisions():
        raise ConfigurationError(
            f"the database is at schema revision {current}, which this version does not know; "
            f"upgrade the normaliser to the version that made it"
        )
    if current is not None and not may_upgrade:
        raise ConfigurationError(
            f"the database is at schema revision {current}, this version needs {head}; "
            f"type `normalizer db upgrade`"
        )
    upgrade(engine, before=before)


def upgrade(engine: sa.Engine, revision: str = "head", *, before: Before = nothing) -> None:
    """Upgrades to a revision; two processes at once do it one after the other.

    All of its migrations are one transaction: where one fails, the schema is as it was.

    Raises:
        MigrationError: One failed.
    """
    _run(engine, "upgrade", revision, before)


def downgrade(engine: sa.Engine, revision: str = "-1") -> None:
    """Goes back to a revision, by default the one before.

    Raises:
        MigrationError: A migration failed; nothing was changed.
        alembic.util.CommandError: No such revision.
    """
    _run(engine, "downgrade", revision)


def head_revision() -> str:
    """Returns the revision that this code needs."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(_alembic()).get_current_head())


def current_revision(engine: sa.Engine) -> str | None:
    """Returns the database's revision, ``None`` where there is no schema yet."""
    with engine.connect() as connection:
        return _revision(connection)


def stored_answers(engine: sa.Engine) -> int:
    """Returns how many bought answers the database holds."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("answers", schema=SCHEMA):
            return 0
        return int(
            connection.execute(sa.text(f"select count(*) from {SCHEMA}.answers")).scalar_one()
        )


def known_revisions() -> set[str]:
    """Returns the revisions that this code has migrations for."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version", schema=SCHEMA):
        return None
    row = connection.execute(sa.text(f"select version_num from {SCHEMA}.alembic_version"))
    return row.scalar()


def _run(engine: sa.Engine, direction: str, revision: str, before: Before = nothing) -> None:
    from alembic import command
    from alembic.util import CommandError

    with engine.begin() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        # Under the lock: of several processes at once, the first one upgrades.
        current = _revision(connection)
        if current is not None and current != head_revision():
            before(current)
        # The version table must lie somewhere before the first migration runs.
        connection.execute(sa.text(f"create schema if not exists {SCHEMA}"))
        configuration = _alembic()
        configuration.attributes["connection"] = connection
        try:
            getattr(command, direction)(configuration, revision)
        except CommandError:
            raise
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise MigrationError(
                f"the {direction} failed: {reason}; it was taken back as a whole, the schema is "
                f"at revision {current or 'none'} as before"
            ) from error


def _alembic() -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    return configuration
