"""`normalizer db`: start, stop, inspect and migrate the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from normalizer_assets.config import load_config

if TYPE_CHECKING:
    from sqlalchemy import Engine


@click.group("db")
def command() -> None:
    """Start, stop, inspect and migrate the database."""


@contextmanager
def _engine(*, current: bool) -> "Iterator[Engine]":
    """Yields an engine; ``current`` asks for a schema that is up to date."""
    from normalizer_assets.db.engine import connect, open_engine

    engine = (connect if current else open_engine)(load_config())
    try:
        yield engine
    finally:
        engine.dispose()


@command.command("start")
def start() -> None:
    """Start the embedded server where it is the one, and bring the schema up to date."""
    with _engine(current=True) as engine:
        click.echo(f"ready: {engine.url.render_as_string(hide_password=True)}")


@command.command("stop")
def stop() -> None:
    """Stop the embedded server. Nothing else ever stops it."""
    from normalizer_assets.db.embedded import stop_server

    stopped = stop_server(Path(load_config().paths.data))
    click.echo("stopped" if stopped else "it was not running")


@command.command("url")
def url() -> None:
    """Print the database's URL, for psql and other clients."""
    with _engine(current=True) as engine:
        click.echo(_plain(engine))


@command.command("upgrade")
@click.option("--no-dump", is_flag=True, help="Do not dump the database first.")
def upgrade(no_dump: bool) -> None:
    """Bring the schema to the version that this code needs.

    What is outdated is dumped first, below the data folder. A migration that fails is taken
    back as a whole.
    """
    from normalizer_assets.db import migration
    from normalizer_assets.db.dumps import dump_before_upgrade

    with _engine(current=False) as engine:
        dumping = dump_before_upgrade(engine, load_config(), click.echo)
        before = migration.nothing if no_dump else dumping
        migration.ensure_current(engine, may_upgrade=True, before=before)
        click.echo(f"schema revision {migration.current_revision(engine)}")


@command.command("downgrade")
@click.argument("revision", default="-1")
@click.option("--yes", is_flag=True, help="Go on although bought answers may be dropped.")
def downgrade(revision: str, yes: bool) -> None:
    """Take the schema back to REVISION, by default the one before.

    Below the first revision there are no tables: everything that was bought is dropped.
    """
    from alembic.util import CommandError

    from normalizer_assets.db import migration

    with _engine(current=False) as engine:
        if not yes and (count := migration.stored_answers(engine)):
            raise click.ClickException(
                f"this database holds {count} bought answers, which a downgrade may drop; type "
                f"`normalizer db dump FILE` first, then add --yes"
            )
        try:
            migration.downgrade(engine, revision)
        except CommandError as error:
            raise click.BadParameter(str(error), param_hint="REVISION") from None
        click.echo(f"schema revision {migration.current_revision(engine) or 'none'}")


@command.command("dump")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def dump(file: Path) -> None:
    """Write the database to FILE, in pg_restore's custom format."""
    from normalizer_assets.db.dumps import write_dump

    with _engine(current=False) as engine:
        write_dump(engine, file)
    click.echo(f"{file}: {file.stat().st_size} bytes")


def _plain(engine: "Engine") -> str:
    """Returns the URL as other clients than SQLAlchemy write it."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
