"""Many scenarios, shared among workers, and their counts.

Belongs here: handing scenarios to workers and adding up. Does not belong here: what is
played and judged.
"""

import multiprocessing
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import cast

from normalizer_assets.evaluation.faults import world
from normalizer_assets.evaluation.faults.judge import Table, judge
from normalizer_assets.evaluation.faults.scenarios import Scenario


@dataclass(frozen=True)
class Outcome:
    """How one scenario ended.

    Attributes:
        scenario: Which one.
        violations: Rules that were broken.
        counts: What happened.
        table: The final rows, of runs that others are compared with.
        boundaries: Those that its first process crossed.
        seconds: How long it took.
    """

    scenario: Scenario
    violations: list[str]
    counts: Counter[str]
    table: Table
    boundaries: list[str]
    seconds: float


@dataclass
class Total:
    """The sums of a campaign."""

    scenarios: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    violated: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Adds a scenario's end."""
        self.scenarios += 1
        self.seconds += outcome.seconds
        self.counts.update(outcome.counts)
        if outcome.violations:
            self.violated.append(outcome)

    def pace(self) -> str:
        """Says how long a scenario takes."""
        return f"{self.seconds / max(self.scenarios, 1):.1f} s each, {len(self.violated)} violated"


class Workers:
    """Processes that play scenarios, each in its own world.

    Forked before anything else, so that they start with all imports and no thread.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self.references: dict[int, Table] = {}
        world.warm_up()
        fork = multiprocessing.get_context("fork")
        self._processes = []
        self._idle: list[Connection] = []
        for _ in range(count):
            ours, theirs = fork.Pipe()
            process = fork.Process(target=_serve, args=(theirs,))
            process.start()
            theirs.close()
            self._processes.append(process)
            self._idle.append(ours)

    def play(self, scenarios: Iterable[Scenario], until: float = float("inf")) -> Iterator[Outcome]:
        """Plays scenarios and yields their ends as they come.

        Args:
            scenarios: What to play.
            until: Monotonic time after which no other begins.
        """
        remaining, busy = iter(scenarios), list[Connection]()
        while True:
            while self._idle and time.monotonic() < until:
                scenario = next(remaining, None)
                if scenario is None:
                    break
                connection = self._idle.pop()
                connection.send((scenario, self.references.get(scenario.landing)))
                busy.append(connection)
            if not busy:
                return
            for connection in cast("list[Connection]", wait(busy)):
                outcome: Outcome = connection.recv()
                busy.remove(connection)
                self._idle.append(connection)
                yield outcome

    def close(self) -> None:
        """Lets the workers end and remove their worlds."""
        for connection in self._idle:
            connection.send(None)
        for process in self._processes:
            process.join(30)
            process.kill()


def _serve(connection: Connection) -> None:
    """Is one worker."""
    with world.opened() as place:
        while (task := connection.recv()) is not None:
            connection.send(_played(place, *task))


def _played(place: world.World, scenario: Scenario, reference: Table | None) -> Outcome:
    started = time.monotonic()
    try:
        with place.play(scenario) as run:
            verdict = judge(run, reference)
            counts = verdict.counts
            counts["restarts"] += run.restarts
            for fault in run.faults:
                counts[f"faults fired: {fault['family']} {fault['kind']}"] += fault["fired"]
            for accident in run.accidents:
                counts[f"accidents: {accident.kind}"] += 1
                if isinstance(accident.at, str):
                    counts[f"crash points: {_kind_of(accident.at)}"] += 1
            counts["accidents never reached"] += len(scenario.accidents) - len(run.accidents)
            return Outcome(
                scenario,
                verdict.violations,
                counts,
                {} if scenario.accidents or scenario.faults else verdict.table,
                run.boundaries,
                time.monotonic() - started,
            )
    except Exception:  # noqa: BLE001 - the others go on; it is told as a violation
        told = [f"the harness failed: {traceback.format_exc()}"]
        return Outcome(scenario, told, Counter(), {}, [], time.monotonic() - started)


def _kind_of(boundary: str) -> str:
    """Returns what is about to happen at a boundary, without where."""
    effect = boundary.rpartition(": ")[2].rpartition(" #")[0]
    place = effect.rpartition(", ")
    return f"HTTP, {place[2]}" if "/v1/" in effect else effect.partition(" ")[0]
