"""`normalizer db`: start, stop, inspect and migrate the database."""

import subprocess
from pathlib import Path

import click

from normalizer_assets.config import load_config


@click.group("db")
def command() -> None:
    """Start, stop, inspect and migrate the database."""


@command.command("start")
def start() -> None:
    """Start the embedded server where it is the one, and bring the schema up to date."""
    from normalizer_assets.db.engine import connect

    engine = connect(load_config())
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
    from normalizer_assets.db.engine import connect

    engine = connect(load_config())
    click.echo(engine.url.set(drivername="postgresql").render_as_string(hide_password=False))


@command.command("upgrade")
def upgrade() -> None:
    """Bring the schema to the version that this code needs."""
    from normalizer_assets.db import migration
    from normalizer_assets.db.engine import open_engine

    engine = open_engine(load_config())
    migration.upgrade(engine)
    click.echo(f"schema revision {migration.current_revision(engine)}")


@command.command("downgrade")
@click.argument("revision", default="-1")
def downgrade(revision: str) -> None:
    """Take the schema back to REVISION, by default the one before."""
    from normalizer_assets.db import migration
    from normalizer_assets.db.engine import open_engine

    engine = open_engine(load_config())
    migration.downgrade(engine, revision)
    click.echo(f"schema revision {migration.current_revision(engine) or 'none'}")


@command.command("dump")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def dump(file: Path) -> None:
    """Write the database to FILE, in pg_restore's custom format."""
    from normalizer_assets.db.embedded import binary
    from normalizer_assets.db.engine import open_engine

    target = open_engine(load_config()).url.set(drivername="postgresql")
    result = subprocess.run(  # noqa: S603 - our own binary, no shell
        [binary("pg_dump"), "--format=custom", f"--file={file}",
         target.render_as_string(hide_password=False)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        raise click.ClickException(f"pg_dump failed: {result.stderr.strip()}")
    click.echo(f"{file}: {file.stat().st_size} bytes")
