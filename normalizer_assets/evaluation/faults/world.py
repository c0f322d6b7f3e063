"""Postgres, stand-in and processes of one scenario.

Belongs here: making, breaking and removing them. Does not belong here: what is right
afterwards (``judge``).

A process that has run Polars must not be forked: its threads are gone in the child and
their locks stay taken. So who forks here never runs Polars, opens no pool and starts no
thread; Polars runs in the stand-in and the processes under test, which fork nobody.
"""

import importlib
import json
import mmap
import os
import shutil
import signal
import ssl
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.db import migration
from normalizer_assets.db.embedded import server_folder, server_url, stop_server
from normalizer_assets.evaluation.faults.boundaries import Boundaries, die
from normalizer_assets.evaluation.faults.scenarios import (
    FAILING_LINES,
    STANDIN_SEED,
    Accident,
    Scenario,
    land,
)
from normalizer_assets.evaluation.faults.system import System
from normalizer_assets.standin.answers import Answerer, Question
from normalizer_assets.standin.server import RunningStandin, running_standin
from normalizer_assets.standin.settings import StandinSettings

BATCH_SECONDS = 0.05
CLEAR_AFTER_SECONDS = 5.0
"""Then the API's faults end, whatever they were."""
GIVE_UP_AFTER_SECONDS = 120.0
TICK_SECONDS = 0.004
CERTIFICATES = ssl.create_default_context()


@dataclass(frozen=True)
class Run:
    """What one scenario left.

    Attributes:
        scenario: What was run.
        database: Its database, still there.
        folder: Its folder, still there.
        journal: What the stand-in executed and billed.
        settled: Entries of the journal before everything was materialised again.
        versions: Newest version by partition before that; ``None`` where it was not done.
        faults: The faults with ``fired``.
        accidents: Those that happened.
        boundaries: Names of those that the first life of the first process crossed.
        restarts: How often a killed process was started again.
        seconds: How long it took.
        unfinished: Why it has no end; empty if it has.
    """

    scenario: Scenario
    database: sa.URL
    folder: Path
    journal: list[dict[str, Any]]
    settled: int
    versions: dict[str, int] | None
    faults: list[dict[str, Any]]
    accidents: list[Accident]
    boundaries: list[str]
    restarts: int
    seconds: float
    unfinished: str


class World:
    """One worker's Postgres, and the scenarios that are run in it.

    Args:
        folder: Everything lies below it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "server"
        self._server = sa.make_url(server_url(self._data, "postgres")).set(
            drivername="postgresql+psycopg"
        )
        # Nothing here must survive a power cut: a killed server has written to the kernel.
        for statement in ("alter system set fsync = off", "select pg_reload_conf()"):
            self.execute(statement)
        self.execute("create database template_normalizer")
        engine = sa.create_engine(
            self._server.set(database="template_normalizer"), poolclass=sa.NullPool
        )
        migration.upgrade(engine)
        engine.dispose()
        self._number = 0
        self._kept: _StandinProcess | None = None

    def close(self) -> None:
        """Stops the servers and removes everything."""
        self._forget_standin()
        stop_server(self._data)
        shutil.rmtree(server_folder(self._data).parent, ignore_errors=True)

    def execute(self, statement: str) -> None:
        """Executes a statement on the server, outside of any transaction."""
        with psycopg.connect(_plain(self._server), autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def play(self, scenario: Scenario) -> Iterator[Run]:
        """Runs a scenario to its end; what it left is there until the context ends."""
        self._number += 1
        name = f"scenario_{self._number}"
        folder = self._folder / name
        for part in ("landing", "storage", "marks"):
            (folder / part).mkdir(parents=True)
        land(folder / "landing", scenario.landing)
        self.execute(f"create database {name} template template_normalizer")
        environment = {
            "NORMALIZER__PATHS__DATA": str(folder),
            "NORMALIZER_LANDING": str(folder / "landing"),
            "NORMALIZER_STORAGE": str(folder / "storage"),
        }
        config = load_config(environment | scenario.environment())
        try:
            with self._standin(scenario, config) as standin:
                run = _Play(self, scenario, config, self._server.set(database=name), standin)
                yield run.to_the_end(folder)
        finally:
            self.execute(f"drop database {name} with (force)")
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _standin(self, scenario: Scenario, config: NormalizerConfig) -> Iterator[RunningStandin]:
        """Runs a stand-in as new.

        The process is kept for the next scenario: it remembers answers, which are a
        function of the question, and reading a listing costs it more than all the rest.
        """
        if scenario.enqueued_limits:
            self._forget_standin()
        if self._kept is None:
            self._kept = _StandinProcess(config, enqueued_limits=scenario.enqueued_limits)
        self._kept.running.reset()
        self._kept.running.switch(*scenario.faults)
        yield self._kept.running
        if scenario.enqueued_limits:
            self._forget_standin()

    def _forget_standin(self) -> None:
        if self._kept is not None:
            self._kept.kill()
            self._kept = None

    def kill_server(self) -> None:
        """Kills the database server as a power cut would."""
        pid_file = server_folder(self._data) / "postmaster.pid"
        os.kill(int(pid_file.read_text().split("\n", 1)[0]), signal.SIGKILL)

    def restart_server(self) -> None:
        """Starts the server that was killed; it recovers by itself."""
        for _ in range(100):
            with suppress(Exception):
                server_url(self._data, "postgres")
                self.execute("select 1")
                return
            time.sleep(0.02)
        raise RuntimeError("the killed database server does not start again")


class _StandinProcess:
    """A stand-in in a process of its own."""

    def __init__(self, config: NormalizerConfig, *, enqueued_limits: bool) -> None:
        settings = StandinSettings(
            seed=STANDIN_SEED,
            failing_lines=FAILING_LINES,
            batch_seconds=BATCH_SECONDS,
            enqueued_token_limits=enqueued_limits,
        )
        reading, writing = os.pipe()

        def serve() -> None:
            _remember_answers()
            with running_standin(settings, config=config) as running:
                os.write(writing, f"{running.port}\n".encode())
                signal.pause()

        self._process = fork(serve)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            port = int(pipe.readline())
        self.running = RunningStandin(f"http://127.0.0.1:{port}/v1", port, settings)

    def kill(self) -> None:
        """Ends it."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)


def _remember_answers() -> None:
    """Lets the stand-in of this process answer a question that returns from memory."""
    known: dict[Question, str] = {}
    read = Answerer.contents

    def contents(answerer: Answerer, questions: Sequence[Question]) -> list[str]:
        new = [question for question in dict.fromkeys(questions) if question not in known]
        known.update(zip(new, read(answerer, new), strict=True))
        return [known[question] for question in questions]

    Answerer.contents = contents  # type: ignore[assignment, method-assign]


class _Play:
    """A scenario under way."""

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        config: NormalizerConfig,
        database: sa.URL,
        standin: RunningStandin,
    ) -> None:
        self._world = world
        self._scenario = scenario
        self._config = config
        self._database = database
        self._standin = standin
        # Shared with the processes: how many accidents each has had, and whether the
        # server is down.
        self._shared = mmap.mmap(-1, 16)
        self._server_down = 15
        self._fired: list[dict[str, Any]] = []
        self._restarts = 0
        self._cleared = False
        self._unfinished = ""

    def to_the_end(self, folder: Path) -> Run:
        """Runs the processes until all have ended, and starts killed ones again."""
        started = time.monotonic()
        scenario = self._scenario
        self._deadline = started + GIVE_UP_AFTER_SECONDS
        self._clearing = started + CLEAR_AFTER_SECONDS
        self._run([_Task("work", number) for number in range(scenario.processes)], folder)
        if scenario.force is not None and not self._unfinished:
            self._run([_Task("force", 0)], folder)
        self._clear()
        settled, versions = len(self._standin.journal()), None
        if scenario.repeat and not self._unfinished:
            versions = self._published_versions()
            if len(versions) == len(scenario.partitions):
                self._run([_Task("repeat", 0)], folder)
        names = folder / "boundaries.json"
        happened = [
            accident
            for process in range(scenario.processes)
            for accident in self._of(process)[: self._shared[process]]
        ]
        return Run(
            scenario=scenario,
            database=self._database,
            folder=folder,
            journal=self._standin.journal(),
            settled=settled,
            versions=versions,
            faults=self._fired,
            accidents=happened,
            boundaries=json.loads(names.read_text()) if names.exists() else [],
            restarts=self._restarts,
            seconds=time.monotonic() - started,
            unfinished=self._unfinished,
        )

    def _run(self, tasks: "Sequence[_Task]", folder: Path) -> None:
        alive = {self._start(task, folder): task for task in tasks}
        try:
            while alive and not self._unfinished:
                time.sleep(TICK_SECONDS)
                if self._shared[self._server_down]:
                    self._world.restart_server()
                    self._shared[self._server_down] = 0
                for process, task in list(alive.items()):
                    ended, status = os.waitpid(process, os.WNOHANG)
                    if ended:
                        del alive[process]
                        alive |= self._after(task, status, folder)
                if time.monotonic() > self._clearing:
                    self._clear()
                if alive and time.monotonic() > self._deadline:
                    self._unfinished = f"no end within {GIVE_UP_AFTER_SECONDS:g} s"
        finally:
            for process in alive:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)

    def _after(self, task: "_Task", status: int, folder: Path) -> "dict[int, _Task]":
        """Returns the next life of a process that has ended, if it was killed."""
        if status == 0:
            return {}
        if not os.WIFSIGNALED(status):
            self._unfinished = f"{task} ended with {status}"
            return {}
        self._restarts += 1
        again = replace(task, life=task.life + 1)
        return {self._start(again, folder): again}

    def _start(self, task: "_Task", folder: Path) -> int:
        return fork(lambda: self._live(task, folder))

    def _live(self, task: "_Task", folder: Path) -> None:
        """Is one life of a process under test."""
        sdk: Any = importlib.import_module("openai._base_client")
        # The SDK's own pauses are half a second and more, and prove nothing; nor does
        # reading the system's certificates for every client.
        sdk.INITIAL_RETRY_DELAY, sdk.MAX_RETRY_DELAY = 0.005, 0.01
        ssl.create_default_context = lambda *_, **__: CERTIFICATES

        def happen(accident: Accident) -> None:
            self._shared[task.process] += 1
            match accident.kind:
                case "kill":
                    die()
                case "disconnect":
                    self._disconnect()
                case "server":
                    self._world.kill_server()
                    self._shared[self._server_down] = 1

        accidents = self._of(task.process)[self._shared[task.process] :]
        boundaries = Boundaries(folder / "storage", accidents, happen)
        boundaries.install()
        partitions = self._scenario.partitions
        order = partitions[task.process :] + partitions[: task.process]
        system = System(
            self._config, self._database, self._standin.url, folder / "marks", boundaries, order
        )
        if task.kind == "work":
            system.work(whole=self._scenario.whole)
        elif task.kind == "force" and self._scenario.force is not None:
            system.repeat(self._scenario.force, force=task.life == 0)
        else:
            for partition in partitions:
                system.repeat(partition)
        if task == _Task("work", 0):
            (folder / "boundaries.json").write_text(json.dumps(boundaries.names()))

    def _of(self, process: int) -> list[Accident]:
        return [one for one in self._scenario.accidents if one.process == process]

    def _disconnect(self) -> None:
        """Ends every connection to the scenario's database."""
        # A driver connection of its own: it crosses no boundary.
        server = self._database.set(database="postgres")
        with psycopg.connect(_plain(server), autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid, 2000) from pg_stat_activity where datname = %s",
                (self._database.database,),
            )

    def _published_versions(self) -> dict[str, int]:
        """Returns the newest version of each partition that is published."""
        with psycopg.connect(_plain(self._database)) as connection:
            rows = connection.execute(
                "select day || '|' || retailer, newest_version from normalizer.partitions "
                "where state = 'published'"
            )
            return dict(rows.fetchall())

    def _clear(self) -> None:
        """Ends all faults of the API, and keeps how often each has fired."""
        if not self._cleared:
            self._cleared = True
            self._fired = self._standin.faults()
            self._standin.switch()


@dataclass(frozen=True)
class _Task:
    """What a process is started for; ``life`` counts its restarts."""

    kind: str
    process: int
    life: int = 0


def warm_up() -> None:
    """Loads what is otherwise loaded when first used, in each forked process anew."""
    import pgvector.psycopg
    import pgvector.sqlalchemy  # noqa: F401
    from openai import OpenAI

    from normalizer_assets.prompting.tokens import tokenizer

    tokenizer()
    client = OpenAI(api_key="none", base_url="http://127.0.0.1:9")
    for name in ("batches", "chat.completions", "embeddings", "files", "models"):
        attrgetter(name)(client)
    client.close()


def fork(work: Callable[[], None]) -> int:
    """Runs ``work`` in a forked process and returns its number."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may return into the caller's frames
        traceback.print_exc()
    finally:
        os._exit(code)


@contextmanager
def opened() -> Iterator[World]:
    """Makes a world in a temporary folder, and removes it afterwards."""
    with tempfile.TemporaryDirectory(prefix="normalizer-faults-") as folder:
        # As root, Postgres runs as another user and has to pass through here.
        Path(folder).chmod(0o755)
        world = World(Path(folder))
        try:
            yield world
        finally:
            world.close()


def _plain(url: sa.URL) -> str:
    """Returns the URL as libpq reads it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
