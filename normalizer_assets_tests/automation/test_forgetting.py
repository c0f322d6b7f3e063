"""Old lines of runs' logs go; what belongs to assets, and what is young, stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from normalizer_assets.automation import forgetting
from normalizer_assets.automation.forgetting import build_forgetting_sensor, forget
from normalizer_assets.config import NormalizerConfig

FINE = dg.AssetCheckSpec("fine", asset="made")


@dg.asset(check_specs=[FINE])
def made() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """An asset with a check."""
    yield dg.MaterializeResult(metadata={"rows": 3})
    yield dg.AssetCheckResult(passed=True, check_name="fine")


def make(instance: dg.DagsterInstance) -> str:
    return dg.materialize([made], instance=instance).run_id


def lines(instance: dg.DagsterInstance, run_id: str) -> int:
    return len(instance.all_logs(run_id))


def test_old_lines_go_and_what_belongs_to_assets_stays(production: dg.DagsterInstance) -> None:
    run_id = make(production)
    before = lines(production, run_id)
    assert forget(production, datetime.now(UTC) - timedelta(days=1)) == 0
    assert lines(production, run_id) == before
    removed = forget(production, datetime.now(UTC) + timedelta(minutes=1))
    assert removed is not None
    assert 0 < removed < before
    assert lines(production, run_id) == before - removed
    kept = production.get_latest_materialization_event(dg.AssetKey("made"))
    assert kept is not None
    assert kept.run_id == run_id
    latest = production.event_log_storage.get_latest_asset_check_execution_by_key([FINE.key])
    assert latest[FINE.key].status.value == "SUCCEEDED"
    run = production.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.SUCCESS


def test_the_oldest_go_first_and_few_at_once(
    production: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, young = make(production), make(production)
    of_young = lines(production, young)
    monkeypatch.setattr(forgetting, "AT_ONCE", 3)
    assert forget(production, datetime.now(UTC) + timedelta(minutes=1)) == 3
    assert lines(production, young) == of_young
    assert lines(production, old) == of_young - 3


def test_the_sensor_says_what_it_did(
    production: dg.DagsterInstance, config: NormalizerConfig
) -> None:
    make(production)
    sensor = build_forgetting_sensor(config)

    def said(instance: dg.DagsterInstance) -> str:
        data = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
        return str(data.skip_message)

    assert said(production).startswith("0 lines older than ")
    with dg.DagsterInstance.ephemeral() as other:
        assert said(other) == "Dagster's storage is not Postgres: nothing is removed from it"
