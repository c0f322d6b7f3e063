"""The checks show what stands in the way of sending, each by one check, and fail no run."""

import dagster as dg
import pytest

from normalizer_assets.batching import life
from normalizer_assets.definitions import build_definitions
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.turn import turn_resource
from normalizer_assets.standin.faults import LineFault
from normalizer_assets_tests.scene import Scene, invented


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    assert result.success
    found = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert tuple(found) == ("budget", "canary", "submission_allowed")
    for each in found.values():
        assert each.asset_key == dg.AssetKey("submitted_batches")
        assert each.partition == "2024-10-01|lider"
        assert each.severity == dg.AssetCheckSeverity.WARN
        assert not each.blocking
    return found


def the_failed(found: dict[str, dg.AssetCheckEvaluation]) -> dg.AssetCheckEvaluation:
    """Returns the one that failed: each obstacle is shown by one check."""
    (failed,) = [each for each in found.values() if not each.passed]
    return failed


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


def test_where_nothing_is_in_the_way_they_show_both_budgets(landed: Scene) -> None:
    found = evaluations(landed.submit())
    assert {name: each.description for name, each in found.items()} == {
        "budget": "within both budgets",
        "canary": "no canary: only over 1000 open questions have one",
        "submission_allowed": "nothing else stands in the way",
    }
    assert all(each.passed for each in found.values())
    assert found["submission_allowed"].metadata["obstacle"].value == "none"
    amounts = usd(found["budget"])
    reserved = float(landed.scalar("select sum(estimated_usd) from normalizer.batch_requests"))
    assert amounts["estimated_usd"] == pytest.approx(reserved)
    for scope, limit in (("partition", 2), ("day", 3)):
        assert amounts[f"{scope}_limit_usd"] == limit
        assert amounts[f"{scope}_spent_usd"] == pytest.approx(reserved)
        assert amounts[f"{scope}_left_usd"] == pytest.approx(limit - reserved)


def test_over_budget_one_warns_with_reason_estimate_and_what_is_left(landed: Scene) -> None:
    landed.set(BUDGET__PARTITION_USD="0.0001")
    failed = the_failed(evaluations(landed.submit()))
    assert failed.check_name == "budget"
    assert failed.description == landed.row().blocked_reason
    amounts = usd(failed)
    assert amounts["estimated_usd"] > amounts["partition_left_usd"] == 0.0001
    assert amounts["partition_spent_usd"] == amounts["day_spent_usd"] == 0
    assert amounts["day_left_usd"] == 3
    landed.set(BUDGET__PARTITION_USD="2")
    assert all(each.passed for each in evaluations(landed.submit()).values())


def test_without_a_key_one_warns(landed: Scene) -> None:
    with landed.monkeypatch.context() as unset:
        unset.delenv("OPENAI_API_KEY")
        failed = the_failed(evaluations(landed.submit()))
    assert failed.check_name == "submission_allowed"
    assert failed.metadata["obstacle"].value == "configuration"
    assert "OPENAI_API_KEY is not set" in str(failed.description)


def canary(found: dict[str, dg.AssetCheckEvaluation]) -> dict[str, object]:
    return {name: value.value for name, value in found["canary"].metadata.items()}


def test_a_red_canary_warns_and_the_next_one_is_shown_alone(landed: Scene) -> None:
    landed.set(CANARY__MIN_PRODUCTS="3", CANARY__SIZE="5")
    landed.standin.switch(LineFault(kind="invalid_json", share=1.0, sync=True))
    found = evaluations(landed.submit())
    failed = the_failed(found)
    assert failed.check_name == "canary"
    assert "the canary is red" in str(failed.description)
    assert canary(found) == {"asked": 5, "valid": 0, "observed": 0.0, "threshold": 0.9}
    assert usd(found["budget"])["partition_spent_usd"] > 0
    landed.standin.switch()
    found = evaluations(landed.submit())
    assert all(each.passed for each in found.values())
    assert canary(found) == {"asked": 5, "valid": 5, "observed": 1.0, "threshold": 0.9}
    assert found["canary"].description == "5 of 5 replies were valid"


def test_a_taken_partition_is_not_judged(landed: Scene) -> None:
    turn = turn_resource(landed.config, Database(landed.config), wait_seconds=0)
    landed.__dict__["definitions"] = build_definitions(landed.config, {"turn": turn})
    assert landed.submit().success
    with life.locked(landed.engine, landed.partition, "run 12345678", 0):
        result = landed.run("__ASSET_JOB", selection=["submitted_batches"])
    for each in evaluations(result).values():
        assert not each.passed
        assert each.description == "not judged: normalizer run 12345678 works on the partition"
