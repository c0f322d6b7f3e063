"""``python -m normalizer_assets.evaluation.faults``: run the fault harness.

Belongs here: options, the order of a campaign, and what is printed. Does not belong here:
playing and judging.
"""

import json
import sys
import time
from collections.abc import Iterable

import click

from normalizer_assets.evaluation.faults.campaign import Outcome, Total, Workers
from normalizer_assets.evaluation.faults.scenarios import (
    COURSES,
    LANDINGS,
    Scenario,
    accidents_at,
    crashed,
    invented,
    scenario_named,
)

QUICK_POINTS = 4
QUICK_SCENARIOS = 2
TELL_EVERY_SECONDS = 30.0


@click.command()
@click.option("--scenarios", default=500, show_default=True, help="How many random scenarios.")
@click.option("--seed", default=0, show_default=True, help="The first random scenario's seed.")
@click.option("--workers", default=3, show_default=True, help="Each has its own Postgres.")
@click.option("--minutes", default=45.0, show_default=True, help="No scenario begins later.")
@click.option("--only", multiple=True, help="Play this scenario alone, such as 'seed 17'.")
@click.option("--points", type=int, help="At most so many crash points, evenly chosen.")
@click.option("--quick", is_flag=True, help="A subset, for the tests.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def main(
    scenarios: int,
    seed: int,
    workers: int,
    minutes: float,
    only: tuple[str, ...],
    points: int | None,
    quick: bool,
    as_json: bool,
) -> None:
    """Break everything, everywhere, and judge what is left: journal against database.

    First every crash point in turn (kill, lost connections, killed database server), then
    random mixtures. Exit code 1 on any violation.
    """
    campaign = _Campaign(Workers(workers), time.monotonic() + minutes * 60)
    if only:
        chosen = [scenario_named(name) for name in only]
        campaign.refer({scenario.landing for scenario in chosen})
        campaign.play("chosen", chosen)
    else:
        campaign.refer(range(2 if quick else LANDINGS))
        points = QUICK_POINTS if quick else points
        if points != 0:
            campaign.play("crash points", campaign.crash_points(points))
        count = QUICK_SCENARIOS if quick else scenarios
        seeds = (number for number in range(seed, seed + 100 * count))
        drawn = (invented(number) for number in seeds)
        known = (one for one in drawn if one.landing in campaign.landings)
        campaign.play("random", (one for one, _ in zip(known, range(count), strict=False)))
    campaign.end(as_json=as_json)


class _Campaign:
    """One invocation: what was played, and telling of it."""

    def __init__(self, workers: Workers, until: float) -> None:
        self._workers = workers
        self._started = time.monotonic()
        self._until = until
        self._total = Total()
        self._told = self._started
        self.landings: set[int] = set()

    def refer(self, landings: Iterable[int]) -> None:
        """Plays what others are compared with: each landing without faults."""
        for outcome in self.play(
            "without faults", [Scenario(f"landing {one}", one, repeat=True) for one in landings]
        ):
            self._workers.references[outcome.scenario.landing] = outcome.table
            self.landings.add(outcome.scenario.landing)

    def crash_points(self, most: int | None) -> list[Scenario]:
        """Returns a scenario for each accident at each boundary; evenly chosen if too many."""
        points: dict[str, Scenario] = {}
        for outcome in self.play("counting boundaries", [crashed(course) for course in COURSES]):
            course = outcome.scenario.name.removeprefix("count ")
            for accident in accidents_at(outcome.boundaries):
                points.setdefault(f"{accident.kind} at {accident.at}", crashed(course, accident))
        step = 1 if most is None else max(1, len(points) // most)
        return list(points.values())[::step]

    def play(self, what: str, scenarios: Iterable[Scenario]) -> list[Outcome]:
        """Plays scenarios, telling of violations at once."""
        outcomes, before = [], time.monotonic()
        for outcome in self._workers.play(scenarios, self._until):
            outcomes.append(outcome)
            self._total.add(outcome)
            self._tell(outcome, what, len(outcomes))
        seconds = time.monotonic() - before
        self._total.counts[f"scenarios: {what}"] += len(outcomes)
        click.echo(f"{what}: {len(outcomes)} scenarios in {seconds:.0f} s", err=True)
        return outcomes

    def _tell(self, outcome: Outcome, what: str, count: int) -> None:
        if outcome.violations:
            name = outcome.scenario.name
            click.echo(f"VIOLATED: --only '{name}' ({outcome.scenario.describe()})", err=True)
            for violation in outcome.violations:
                click.echo(f"  {violation}", err=True)
        if time.monotonic() - self._told > TELL_EVERY_SECONDS:
            self._told = time.monotonic()
            click.echo(f"{what}: {count} scenarios, {self._total.pace()}", err=True)

    def end(self, *, as_json: bool) -> None:
        """Prints the counts and exits."""
        self._workers.close()
        seconds = time.monotonic() - self._started
        violated = [outcome.scenario.name for outcome in self._total.violated]
        if as_json:
            values = {"scenarios": self._total.scenarios, "seconds": round(seconds, 1)}
            counts = dict(sorted(self._total.counts.items()))
            click.echo(json.dumps(values | {"violated": violated, "counts": counts}))
        else:
            for name, number in sorted(self._total.counts.items()):
                click.echo(f"{number:>9,}  {name}")
            click.echo(f"{self._total.scenarios:>9,}  scenarios in {seconds:.0f} s")
            click.echo(f"{len(violated):>9,}  scenarios with a violation")
        sys.exit(1 if violated else 0)


if __name__ == "__main__":
    main()
