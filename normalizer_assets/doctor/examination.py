"""All checks, one after the other.

Belongs here: their order, and what they share: one database, one look at the API. Does not
belong here: what any of them says.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from normalizer_assets.config import (
    ConfigurationError,
    NormalizerConfig,
    config_file,
    load_config,
)
from normalizer_assets.db.embedded import server_folder
from normalizer_assets.db.engine import DATABASE_VARIABLE
from normalizer_assets.doctor import api, daemon, database, machine
from normalizer_assets.doctor.findings import (
    Finding,
    Shared,
    look,
    secrets_of,
    without_secrets,
)


@dataclass(frozen=True)
class Examined:
    """One check and what it found, without secrets."""

    check: str
    finding: Finding


def examine(environ: Mapping[str, str] = os.environ) -> Iterator[Examined]:
    """Looks at everything that work needs; nothing is created, changed or paid.

    The embedded server is started where it is the one. A configuration that cannot be read ends
    it: all else depends on it.
    """
    secrets = secrets_of(environ)
    for check, finding in _examined(environ):
        yield Examined(check, without_secrets(finding, secrets))


def _examined(environ: Mapping[str, str]) -> Iterator[tuple[str, Finding]]:
    yield "python", look(lambda: machine.python(sys.version_info[:3]), "")
    try:
        config = load_config(environ)
    except (ConfigurationError, OSError) as error:
        todo = "correct it; `normalizer init FOLDER` writes a good one"
        yield "configuration", Finding("fail", str(error), todo)
        return
    yield "configuration", Finding("ok", str(config_file(environ)))
    for check, looks, remedy in _checks(config, environ):
        yield check, look(looks, remedy)


def _checks(
    config: NormalizerConfig, environ: Mapping[str, str]
) -> list[tuple[str, Callable[[], Finding], str]]:
    """Returns each check's name, what looks, and what to do where that breaks."""
    own = bool(environ.get(DATABASE_VARIABLE))
    has_key = bool(environ.get("OPENAI_API_KEY"))
    engine = Shared("the database", lambda: database.open_database(config, environ))
    asked = Shared("the API", lambda: api.ask(environ))
    now = datetime.now(UTC)

    def listed() -> Mapping[str, date | None] | None:
        return asked.made.shutdowns if asked.made else None

    def clock() -> Finding:
        ahead = {
            "database": database.seconds_ahead(engine.made) if engine.made else None,
            "API": asked.made.seconds_ahead if asked.made else None,
        }
        return machine.clock({name: by for name, by in ahead.items() if by is not None})

    def time_zone() -> Finding:
        at = machine.moments(now)
        theirs = database.santiago_offsets(engine.made, at) if engine.made else None
        return machine.time_zone(at, machine.santiago_offsets(at), theirs)

    def disk() -> Finding:
        data = Path(config.paths.data)
        folders = [data, Path(tempfile.gettempdir())]
        if not own:
            folders.append(server_folder(data))
        if "://" not in config.paths.storage:
            folders.append(Path(config.paths.storage))
        return machine.disk(machine.free_space(folders))

    start, install = "normalizer db start", ".venv/bin/pip install --upgrade tzdata"
    may_read = f"let this user read {config.paths.landing}, or `export NORMALIZER_LANDING=...`"
    may_write = f"let this user write to {config.paths.storage}, or `export NORMALIZER_STORAGE=...`"
    return [
        ("postgres", lambda: database.postgres(engine(), own=own), start),
        ("pgvector", lambda: database.pgvector(engine()), start),
        ("extensions", lambda: database.extensions(engine()), start),
        ("migrations", lambda: database.migrations(engine(), own=own), "normalizer db upgrade"),
        ("indexes", lambda: database.indexes(engine()), "normalizer db upgrade"),
        ("landing", lambda: machine.landing(config), may_read),
        ("storage", lambda: machine.storage(config), may_write),
        ("key", lambda: api.key(asked()) if has_key else api.NO_KEY, api.NO_KEY.remedy),
        (
            "answers",
            lambda: database.answers(engine(), asked.made.source if asked.made else None),
            "normalizer db upgrade",
        ),
        ("models", lambda: api.models(config, listed(), now), ""),
        ("successors", lambda: api.successors(config, listed(), now), ""),
        ("budget", lambda: database.budget(engine(), config), "normalizer db upgrade"),
        ("clock", clock, start),
        ("time zone", time_zone, install),
        ("dagster", lambda: daemon.dagster(config, environ), daemon.START),
        ("disk", disk, machine.MAKE_ROOM),
    ]
