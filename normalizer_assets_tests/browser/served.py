"""``normalizer dev`` as a newcomer starts it, in a folder of its own, and what stands behind it.

Belongs here: starting and ending it, asking its GraphQL for runs, its tables. Does not belong
here: the browser, any check.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import sqlalchemy as sa

from normalizer_assets.config import load_config
from normalizer_assets.db.embedded import server_folder, stop_server
from normalizer_assets.db.engine import database_url
from normalizer_assets.standin.server import RunningStandin
from normalizer_assets.standin.settings import StandinSettings

START_SECONDS = 60.0
STOP_SECONDS = 30.0
BATCH_SECONDS = 6.0
ENDS = ("SUCCESS", "FAILURE", "CANCELED")

_RUNS = """
query ($tags: [ExecutionTag!]) {
  runsOrError(filter: {tags: $tags}) {
    ... on Runs { results { runId status jobName creationTime startTime endTime } }
  }
}
"""


class Run(NamedTuple):
    """A run of Dagster; times in seconds since 1970, ``None`` before they come."""

    run_id: str
    status: str
    job: str
    created: float
    started: float | None
    ended: float | None


@dataclass(frozen=True)
class Served:
    """What ``normalizer dev`` serves.

    Attributes:
        url: Dagster's UI.
        landing: Where listings land.
        standin: Who answers.
        engine: The normaliser's database.
    """

    url: str
    landing: Path
    standin: RunningStandin
    engine: sa.Engine

    def runs(self, partition: str) -> list[Run]:
        """Returns the runs of a partition, oldest first."""
        tags = [{"key": "dagster/partition", "value": partition}]
        question = json.dumps({"query": _RUNS, "variables": {"tags": tags}}).encode()
        asked = Request(  # noqa: S310 - our own server
            f"{self.url}/graphql", question, {"Content-Type": "application/json"}
        )
        with urlopen(asked) as reply:  # noqa: S310
            found = json.load(reply)["data"]["runsOrError"]["results"]
        return [Run(*run.values()) for run in reversed(found)]

    def rows(self, statement: str, **values: object) -> list[Mapping[str, Any]]:
        """Returns what the normaliser's tables hold."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]


def wait_until(what: str, found: Callable[[], bool], seconds: float) -> None:
    """Waits until something is so.

    Raises:
        TimeoutError: It was not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.3)


def variables(folder: Path) -> dict[str, str]:
    """Returns an environment that has this folder alone, no key, and a sensor that looks often."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NORMALIZER__PATHS__DATA": str(folder / "data"),
        "NORMALIZER_LANDING": str(folder / "landing"),
        "NORMALIZER_STORAGE": str(folder / "data" / "storage"),
        "NORMALIZER__POLLING__INTERVAL_SECONDS": "5",
    }


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Serves UI, daemon and stand-in until the end, on free ports."""
    environment = variables(folder)
    data, log = folder / "data", folder / "dev.log"
    port = _free_port()
    options = ["--port", str(port), "--batch-seconds", str(BATCH_SECONDS)]
    with log.open("w") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            [sys.executable, "-m", "normalizer_assets.cli", "dev", *options],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(f"UI at {url}; see {log}", lambda: _serves(url), START_SECONDS)
        found = re.search(r"stand-in at (http://\S+:(\d+)/v1)\.", log.read_text(encoding="utf-8"))
        assert found is not None
        standin = RunningStandin(found[1], int(found[2]), StandinSettings())
        engine = sa.create_engine(database_url(load_config(environment), environment))
        yield Served(url, folder / "landing", standin, engine)
        engine.dispose()
    finally:
        _end(process)
        stop_server(data)
        # As root the server's files may lie outside the temporary folder.
        shutil.rmtree(server_folder(data).parent, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it as a supervisor would, and then whatever of its session is left.

    Dagster's code servers notice that their starter is gone after 45 seconds, and not always.
    """
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _serves(url: str) -> bool:
    try:
        with urlopen(f"{url}/server_info"):  # noqa: S310 - our own server
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
