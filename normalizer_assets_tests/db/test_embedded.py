import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from normalizer_assets.config import load_config
from normalizer_assets.db import migration
from normalizer_assets.db.embedded import (
    SYSTEM_DATA,
    binary,
    server_folder,
    server_url,
    stop_server,
)
from normalizer_assets.db.engine import DATABASE_VARIABLE, connect, database_url, open_engine

START = """
import sys, time
from pathlib import Path
from normalizer_assets.db.embedded import server_url
print(server_url(Path(sys.argv[1]), "postgres"), flush=True)
time.sleep(float(sys.argv[2]))
"""
CONNECT = """
import sys, time
import sqlalchemy as sa
engine = sa.create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://"))
with engine.begin() as connection:
    connection.execute(sa.text("create table torn (x integer)"))
    print("connected", flush=True)
    time.sleep(60)
"""


def in_process(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process and its children as kill -9 does."""
    os.killpg(process.pid, signal.SIGKILL)
    with process:
        process.wait()


def query(url: str, statement: str) -> object:
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool
    )
    with engine.begin() as connection:
        result = connection.execute(sa.text(statement))
        return result.scalar() if result.returns_rows else None


def postmaster(data: Path) -> int:
    return int((server_folder(data) / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose server three processes started at once, and are gone."""
    data = tmp_path_factory.mktemp("embedded") / "data"
    starters = [in_process(START, data, 0) for _ in range(3)]
    urls = set()
    for starter in starters:
        with starter:
            urls.add(first_line(starter))
    assert len(urls) == 1
    yield data
    stop_server(data)
    # As root the server's files may lie outside the temporary folder.
    if server_folder(data).is_relative_to(SYSTEM_DATA):
        shutil.rmtree(server_folder(data).parent)


def test_first_starts_at_once_make_one_server_that_outlives_them(data: Path) -> None:
    running = postmaster(data)
    url = server_url(data, "postgres")
    assert postmaster(data) == running
    assert query(url, "select 1") == 1
    assert query(url, "show max_connections") == "200"
    log = (server_folder(data) / "postgresql.conf").read_text()
    assert log.count("Written by the normaliser") == 1


def test_a_killed_client_neither_stops_the_server_nor_leaves_anything(data: Path) -> None:
    url, running = server_url(data, "postgres"), postmaster(data)
    client = in_process(CONNECT, url)
    assert first_line(client) == "connected"
    kill(client)
    assert query(url, "select to_regclass('torn')") is None
    assert postmaster(data) == running


def test_a_stopped_server_starts_again_with_its_data_and_outlives_its_killed_starter(
    data: Path,
) -> None:
    query(server_url(data, "postgres"), "create table kept as select 7 as x")
    assert stop_server(data)
    assert not (server_folder(data) / "postmaster.pid").exists()
    assert not stop_server(data)
    starter = in_process(START, data, 60)
    url = first_line(starter)
    kill(starter)
    assert query(url, "select x from kept") == 7
    assert server_url(data, "postgres") == url


def kill_server(data: Path) -> None:
    """Kills the postmaster alone; its children end by themselves a moment later."""
    os.kill(postmaster(data), signal.SIGKILL)
    time.sleep(0.3)


def test_a_killed_server_is_started_again_without_loss(data: Path) -> None:
    query(server_url(data, "postgres"), "create table settled as select 8 as x")
    kill_server(data)
    assert query(server_url(data, "postgres"), "select x from settled") == 8


def test_the_number_of_a_crashed_server_may_belong_to_another_process(data: Path) -> None:
    query(server_url(data, "postgres"), "create table crashed as select 9 as x")
    kill_server(data)
    with in_process("import time; print(flush=True); time.sleep(60)") as other:
        first_line(other)
        pid_file = server_folder(data) / "postmaster.pid"
        _, _, rest = pid_file.read_text().partition("\n")
        pid_file.write_text(f"{other.pid}\n{rest}")
        assert not stop_server(data)
        assert query(server_url(data, "postgres"), "select x from crashed") == 9
        assert other.poll() is None
        kill(other)


def test_dagster_and_the_normaliser_have_a_database_each(data: Path) -> None:
    config = load_config({"NORMALIZER__PATHS__DATA": str(data)})
    url = database_url(config, {})
    assert (url.database, url.drivername) == ("normalizer", "postgresql+psycopg")
    assert query(url.render_as_string(), "select current_database()") == "normalizer"


@pytest.mark.parametrize("variable", [{}, {DATABASE_VARIABLE: ""}])
def test_the_embedded_schema_is_dumped_and_brought_up_to_date_by_itself(
    data: Path, variable: dict[str, str], later_revision: str
) -> None:
    config = load_config({"NORMALIZER__PATHS__DATA": str(data)})
    engine = open_engine(config, {})
    migration.upgrade(engine, "0001")
    connect(config, variable).dispose()
    assert migration.current_revision(engine) == later_revision
    for dump in (data / "dumps").iterdir():
        assert dump.name.startswith("normalizer-0001-")
        dump.unlink()
    (data / "dumps").rmdir()
    migration.downgrade(engine, "base")
    engine.dispose()


def test_a_folder_that_was_never_started_has_nothing_to_stop(tmp_path: Path) -> None:
    assert not stop_server(tmp_path)


def test_the_files_of_root_never_lie_below_a_private_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    data = home / "project" / "data"
    data.mkdir(parents=True)
    home.chmod(0o700)
    folder = server_folder(data)
    if os.geteuid() == 0:
        assert folder.is_relative_to(SYSTEM_DATA)
        assert folder != server_folder(home / "other" / "data")
    else:
        assert folder == data / "postgres"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_starting_opens_no_private_folder(data: Path) -> None:
    private = [folder for folder in data.parents if folder.name.startswith("pytest-")]
    assert private
    for folder in private:
        assert not folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def test_postgres_own_programs_are_found() -> None:
    assert Path(binary("pg_dump")).is_file()
