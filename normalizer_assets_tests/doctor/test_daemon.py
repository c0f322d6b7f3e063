"""Whether somebody collects, by the heartbeats that Dagster keeps."""

import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.doctor.daemon import START, Heartbeat, dagster, judged_heartbeats

SENSOR, BACKFILL = "SENSOR", "BACKFILL"


def judge(is_own: bool = True, **beats: Heartbeat) -> tuple[str, str]:
    found = judged_heartbeats(beats, is_own=is_own, place="/home")
    return found.level, found.found


def test_heartbeats_are_judged() -> None:
    good, never, old = Heartbeat(True, 3), Heartbeat(False, None), Heartbeat(False, 7200)
    assert judge(sensor=good, backfill=Heartbeat(True, 20)) == (
        "ok", "the daemon of /home runs, last heartbeat 20 s ago",
    )  # fmt: skip
    assert judge(sensor=never) == ("warn", "no daemon has ever run in /home")
    assert judge(sensor=good, backfill=old, other=never) == (
        "fail",
        "the daemon of /home does not run; last heartbeats: backfill 7200 s ago, other never",
    )
    assert judge(False, sensor=old)[0] == "warn"
    troubled = Heartbeat(True, 3, ("no such table", "more"))
    assert judge(sensor=troubled) == ("warn", "the daemon runs, with errors: sensor: no such table")


def test_without_a_home_it_says_what_works(config: NormalizerConfig) -> None:
    found = dagster(config, {})
    assert found.level == "warn"
    assert "DAGSTER_HOME is not set" in found.found
    assert "`normalizer run --wait` works without" in found.remedy


def test_a_home_that_is_no_folder_fails(config: NormalizerConfig, tmp_path: Path) -> None:
    found = dagster(config, {"DAGSTER_HOME": str(tmp_path / "absent")})
    assert (found.level, found.remedy) == ("fail", f"mkdir -p {tmp_path / 'absent'}")


@pytest.mark.parametrize("is_own", [True, False])
def test_the_heartbeats_of_a_real_instance_are_read(
    config: NormalizerConfig, tmp_path: Path, is_own: bool
) -> None:
    home = tmp_path / "own" if is_own else Path(config.paths.data, "dagster_home")
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    environ = {"DAGSTER_HOME": str(home)} if is_own else {}
    assert dagster(config, environ).found == f"no daemon has ever run in {home}"

    def beat(age: float, *errors: SerializableErrorInfo) -> None:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            for kind in instance.get_required_daemon_types():
                instance.add_daemon_heartbeat(
                    DaemonHeartbeat(time.time() - age, kind, "id", list(errors))
                )

    beat(2)
    assert dagster(config, environ).level == "ok"
    beat(2, SerializableErrorInfo("sensor broke\n", [], "Error"))
    assert "with errors: SENSOR: sensor broke" in dagster(config, environ).found
    beat(7200)
    found = dagster(config, environ)
    assert (found.level, found.remedy) == ("fail" if is_own else "warn", START)


def test_a_daemon_that_was_stopped_minutes_ago_does_not_run() -> None:
    # Dagster itself takes it for healthy for half an hour.
    beats = {"SENSOR": Heartbeat(healthy=True, age_seconds=1543.0)}
    finding = judged_heartbeats(beats, is_own=False, place="home")
    assert (finding.level, finding.remedy) == ("warn", START)
    assert "does not run; last heartbeats: SENSOR 1543 s ago" in finding.found
