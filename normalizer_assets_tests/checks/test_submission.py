"""The check shows what stands in the way of sending, and fails no run."""

import dagster as dg
import pytest

from normalizer_assets.batching import life
from normalizer_assets.definitions import build_definitions
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.turn import turn_resource
from normalizer_assets.standin.faults import LineFault
from normalizer_assets_tests.scene import Scene, invented


def evaluation(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    assert result.success
    (found,) = [
        each
        for each in result.get_asset_check_evaluations()
        if each.check_name == "submission_allowed"
    ]
    assert found.asset_key == dg.AssetKey("submitted_batches")
    assert found.partition == "2024-10-01|lider"
    assert not found.blocking
    return found


def usd(found: dg.AssetCheckEvaluation) -> dict[str, float]:
    return {
        name: float(str(value.value))
        for name, value in found.metadata.items()
        if name.endswith("_usd")
    }


@pytest.fixture
def landed(scene: Scene) -> Scene:
    scene.set(BATCHING__MIN_PRODUCTS="5", BUDGET__DAY_USD="3", BUDGET__PARTITION_USD="2")
    scene.land(invented(12))
    return scene


def test_where_nothing_is_in_the_way_it_shows_both_budgets(landed: Scene) -> None:
    found = evaluation(landed.submit())
    assert found.passed
    assert found.description == "nothing stands in the way"
    assert found.metadata["obstacle"].value == "none"
    amounts = usd(found)
    reserved = float(landed.scalar("select sum(estimated_usd) from normalizer.batch_requests"))
    assert amounts["estimated_usd"] == pytest.approx(reserved)
    for scope, limit in (("partition", 2), ("day", 3)):
        assert amounts[f"{scope}_limit_usd"] == limit
        assert amounts[f"{scope}_spent_usd"] == pytest.approx(reserved)
        assert amounts[f"{scope}_left_usd"] == pytest.approx(limit - reserved)


def test_over_budget_it_warns_with_reason_estimate_and_what_is_left(landed: Scene) -> None:
    landed.set(BUDGET__PARTITION_USD="0.0001")
    found = evaluation(landed.submit())
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.description == landed.row().blocked_reason
    assert found.metadata["obstacle"].value == "budget"
    amounts = usd(found)
    assert amounts["estimated_usd"] > amounts["partition_left_usd"] == 0.0001
    assert amounts["partition_spent_usd"] == amounts["day_spent_usd"] == 0
    assert amounts["day_left_usd"] == 3
    landed.set(BUDGET__PARTITION_USD="2")
    assert evaluation(landed.submit()).passed


def test_without_a_key_it_warns(landed: Scene) -> None:
    with landed.monkeypatch.context() as unset:
        unset.delenv("OPENAI_API_KEY")
        found = evaluation(landed.submit())
    assert not found.passed
    assert found.metadata["obstacle"].value == "configuration"
    assert "OPENAI_API_KEY is not set" in str(found.description)


def test_a_red_canary_warns_and_what_it_cost_is_spent(landed: Scene) -> None:
    landed.set(CANARY__MIN_PRODUCTS="10", CANARY__SIZE="5")
    landed.standin.switch(LineFault(kind="invalid_json", share=1.0, sync=True))
    found = evaluation(landed.submit())
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["obstacle"].value == "canary"
    assert "the canary is red" in str(found.description)
    assert usd(found)["partition_spent_usd"] > 0


def test_a_taken_partition_is_not_judged(landed: Scene) -> None:
    turn = turn_resource(landed.config, Database(landed.config), wait_seconds=0)
    landed.__dict__["definitions"] = build_definitions(landed.config, {"turn": turn})
    assert landed.submit().success
    with life.locked(landed.engine, landed.partition, "run 12345678", 0):
        found = evaluation(landed.run("__ASSET_JOB", selection=["submitted_batches"]))
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.description == ("not judged: normalizer run 12345678 works on the partition")
