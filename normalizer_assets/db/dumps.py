"""Copies of the database, in the custom format of ``pg_dump``.

Belongs here: running ``pg_dump``, and where the copy before an upgrade lies. Does not belong
here: upgrading (``migration``), restoring, which a person does (docs/operations.md, "Backup").
"""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.db.embedded import binary


def write_dump(engine: sa.Engine, file: Path) -> None:
    """Writes the database to a file: all of it, or no file.

    Raises:
        ConfigurationError: ``pg_dump`` is missing, cannot reach the server, is older than
            it, or cannot write there.
    """
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    # A command line is shown to everybody on the machine, an environment is not.
    url = engine.url.set(drivername="postgresql")
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    address = url._replace(password=None).render_as_string(hide_password=False)
    try:
        done = subprocess.run(  # noqa: S603 - Postgres' own program, no shell
            [binary("pg_dump"), "--format=custom", f"--file={unfinished}", address],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | password,
        )
        if done.returncode:
            raise ConfigurationError(f"pg_dump failed: {done.stderr.strip()}")
        unfinished.replace(file)
    except OSError as error:
        raise ConfigurationError(f"pg_dump failed: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def dump_before_upgrade(
    engine: sa.Engine, config: NormalizerConfig, say: Callable[[str], None] = lambda _: None
) -> Callable[[str], None]:
    """Returns what ``migration.upgrade`` calls before it changes anything.

    Args:
        engine: The database.
        config: Where the data folder lies; dumps lie in ``dumps`` below it.
        say: Told where the dump is.
    """

    def dump(revision: str) -> None:
        folder = Path(config.paths.data) / "dumps"
        file = folder / f"normalizer-{revision}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_dump(engine, file)
        except (OSError, ConfigurationError) as error:
            url = engine.url.set(drivername="postgresql").render_as_string()
            raise ConfigurationError(
                f"the database could not be dumped, so nothing was upgraded: {error}; dump it "
                f"with your server's own program, `pg_dump --format=custom --file=FILE '{url}'`, "
                f"then type `normalizer db upgrade --no-dump`"
            ) from error
        say(f"dumped to {file} ({file.stat().st_size} bytes)")

    return dump
