"""The check of Dagster's daemon, which collects, schedules and starts runs.

Belongs here: reading its heartbeats. Does not belong here: starting it (``cli.dev``).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.engine import DAGSTER_DATABASE_VARIABLE
from normalizer_assets.doctor.findings import Finding

START = "`normalizer dev`, or in production `dagster-daemon run`, with the same DAGSTER_HOME"

SILENT_AFTER_SECONDS = 300
"""Its threads beat every 30 s. Dagster itself takes one for healthy for half an hour."""


@dataclass(frozen=True)
class Heartbeat:
    """What is known of one of the daemon's threads.

    Attributes:
        healthy: Whether it beat lately.
        age_seconds: Since its last heartbeat, ``None`` where it never beat.
        errors: What it last ran into.
    """

    healthy: bool
    age_seconds: float | None
    errors: tuple[str, ...] = ()


def dagster(config: NormalizerConfig, environ: Mapping[str, str]) -> Finding:
    """Looks at the instance of DAGSTER_HOME, else at the one that `make dev` keeps."""
    home = environ.get("DAGSTER_HOME")
    folder = Path(home) if home else Path(config.paths.data) / "dagster_home"
    if home and not folder.is_dir():
        return Finding("fail", f"DAGSTER_HOME is {home}, which is no folder", f"mkdir -p {home}")
    url = environ.get(DAGSTER_DATABASE_VARIABLE, "")
    if home and url.startswith(("postgresql://", "postgres://")):
        return Finding(
            "fail",
            f"{DAGSTER_DATABASE_VARIABLE} names no driver: Dagster takes psycopg 3, and fails at "
            f"the first event of a run",
            f"let {DAGSTER_DATABASE_VARIABLE} begin with postgresql+psycopg2://",
        )
    if not home and not (folder / "dagster.yaml").is_file():
        return Finding(
            "warn",
            "DAGSTER_HOME is not set: runs are kept nowhere, and nothing is collected by itself",
            "`normalizer dev` makes one; `normalizer run --wait` works without",
        )
    return judged_heartbeats(_heartbeats(folder), is_own=bool(home), place=str(folder))


def judged_heartbeats(beats: Mapping[str, Heartbeat], *, is_own: bool, place: str) -> Finding:
    """Judges heartbeats.

    Args:
        beats: Thread -> what is known of it, of all that the instance needs.
        is_own: Whether DAGSTER_HOME says that there is to be a daemon.
        place: Where the instance lies.
    """
    if all(beat.age_seconds is None for beat in beats.values()):
        return Finding("warn", f"no daemon has ever run in {place}", START)
    silent = {
        name: beat
        for name, beat in beats.items()
        if not beat.healthy or (beat.age_seconds or 0) > SILENT_AFTER_SECONDS
    }
    if silent:
        since = ", ".join(
            f"{name} {'never' if beat.age_seconds is None else f'{beat.age_seconds:.0f} s ago'}"
            for name, beat in silent.items()
        )
        return Finding(
            "fail" if is_own else "warn",
            f"the daemon of {place} does not run; last heartbeats: {since}",
            START,
        )
    troubled = {name: beat.errors for name, beat in beats.items() if beat.errors}
    if troubled:
        first = "; ".join(f"{name}: {errors[0]}" for name, errors in troubled.items())
        return Finding("warn", f"the daemon runs, with errors: {first}", "look into its log")
    oldest = max(beat.age_seconds or 0 for beat in beats.values())
    return Finding("ok", f"the daemon of {place} runs, last heartbeat {oldest:.0f} s ago")


def _heartbeats(home: Path) -> dict[str, Heartbeat]:
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home)) as instance:
        statuses = instance.get_daemon_statuses()
    beats = {}
    for name, status in statuses.items():
        last = status.last_heartbeat
        beats[name] = Heartbeat(
            healthy=bool(status.healthy),
            age_seconds=None if last is None else time.time() - last.timestamp,
            errors=tuple(error.message.strip() for error in (last and last.errors) or ()),
        )
    return beats
