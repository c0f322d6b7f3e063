"""Red holds a partition, in this run and in every other; green publishes it."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from normalizer_assets.answers.confidence import SHIPPED, read_calibration
from normalizer_assets.answers.verdicts import BLOCKING, WARNING
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.definitions import build_definitions
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.turn import PARTITION_TAG, turn_resource
from normalizer_assets.standin.faults import LineFault
from normalizer_assets_tests.scene import Listing, Scene, invented, steps

GATES = (*BLOCKING, *WARNING)
ALONE = {"calibrated"}
"""What warns in every test: the stand-in's models have no calibration of their own."""


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def failed(result: dg.ExecuteInProcessResult) -> set[str]:
    return {name for name, each in evaluations(result).items() if not each.passed}


def number(evaluation: dg.AssetCheckEvaluation, name: str) -> float:
    return float(str(evaluation.metadata[name].value))


def judge_alone(scene: Scene, *names: str) -> dg.ExecuteInProcessResult:
    """Runs checks without their asset, as the UI's button does."""
    key = dg.AssetKey("normalized_products")
    return (
        scene.definitions.resolve_implicit_global_asset_job_def()
        .get_subset(
            asset_selection=set(),
            asset_check_selection={dg.AssetCheckKey(key, name) for name in names},
        )
        # A partition_key is looked up among those of all assets, and some have only a day.
        .execute_in_process(tags={PARTITION_TAG: scene.partition.key}, instance=scene.instance)
    )


def test_green_gates_show_what_they_measured(scene: Scene) -> None:
    scene.set(GATE__MAX_SHARE_RULES="0.1")
    scene.land(invented(12))
    scene.submit()
    result = scene.collect()
    assert result.success
    found = evaluations(result)
    assert tuple(found) == GATES
    assert failed(result) == ALONE
    for name, each in found.items():
        assert each.partition == scene.partition.key
        assert each.blocking == (name in BLOCKING)
        assert {"observed", "threshold", "n", "worst_rows"} <= each.metadata.keys()
        severity = dg.AssetCheckSeverity.ERROR if each.blocking else dg.AssetCheckSeverity.WARN
        assert each.severity == severity
    accepted = found["share_accepted"]
    assert number(accepted, "observed") >= number(accepted, "threshold") == 0.7
    assert isinstance(accepted.metadata["n"], dg.IntMetadataValue)
    assert "Tucapel" in str(found["confidence_drift"].metadata["worst_rows"].value)
    (measures,) = scene.rows("select measures from normalizer.product_versions")[0]
    assert measures.keys() == {*GATES}
    assert measures["rows_accounted_for"] == 12


# --- gates that block -----------------------------------------------------------------


def test_a_red_gate_holds_the_partition_and_stops_the_embeddings(scene: Scene) -> None:
    scene.set(CONFIDENCE__THRESHOLD="1", GATE__MAX_SHARE_RULES="0.1")
    scene.land(invented(12))
    scene.submit()
    result = scene.collect()
    assert not result.success
    assert steps(result) == {
        "batch_results": "success",
        "normalized_products": "success",
        "normalized_products_gates": "failure",
    }
    assert failed(result) == {"share_accepted", *ALONE}
    evaluation = evaluations(result)["share_accepted"]
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert evaluation.description == "0.0% of the rows are accepted, under 70.0%"
    assert str(evaluation.metadata["worst_rows"].value).count("| review |") == 10
    row = scene.row()
    assert (row.state, row.blocked_reason) == ("held", evaluation.description)
    assert (row.newest_version, row.published_version) == (1, None)
    assert scene.rows("select * from normalizer.published_products") == []
    assert len(scene.rows("select * from normalizer.normalized_products")) == 12
    verdicts = scene.rows("select verdict, verdict_reasons from normalizer.product_versions")
    assert [tuple(verdict) for verdict in verdicts] == [("red", evaluation.description)]


@pytest.mark.slow
def test_unusable_replies_are_red_until_the_questions_are_asked_anew(scene: Scene) -> None:
    scene.set(GATE__MIN_SHARE_ACCEPTED="0")
    scene.standin.switch(LineFault(kind="invalid_json", share=1.0, sync=True))
    scene.land(invented(12))
    scene.submit()
    result = scene.collect()
    assert failed(result) == {"schema_valid", "share_rules"}
    evaluation = evaluations(result)["schema_valid"]
    assert (number(evaluation, "observed"), number(evaluation, "n")) == (0, 24)
    assert scene.row().blocked_reason == "0.0% of the replies of models are valid, under 90.0%"
    worst = str(evaluation.metadata["worst_rows"].value)
    assert "individual: invalid: " in worst
    assert "Tucapel" in worst
    rules = evaluations(result)["share_rules"]
    assert rules.severity == dg.AssetCheckSeverity.WARN
    assert number(rules, "observed") == 1
    scene.standin.switch()
    scene.run("submit", submitted_batches={"force": True})
    result = scene.collect()
    assert result.success
    assert number(evaluations(result)["schema_valid"], "n") < 24
    assert scene.row().state == "published"


@pytest.mark.slow
def test_missing_rows_are_red_whatever_their_confidence(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    scene.execute("delete from normalizer.product_rows where sku = 'S3'")
    assert failed(scene.run("collect")) == {"rows_accounted_for", *ALONE}
    assert scene.row().blocked_reason == "5 rows where 6 were to be accounted for"


@pytest.mark.slow
def test_a_row_that_stands_twice_is_red(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    scene.execute("alter table normalizer.product_rows drop constraint product_rows_pkey")
    scene.execute("delete from normalizer.product_rows where sku = 'S3'")
    scene.execute(
        "insert into normalizer.product_rows select * from normalizer.product_rows where sku = 'S1'"
    )
    result = scene.run("collect")
    assert failed(result) == {"unique_keys", *ALONE}
    worst = str(evaluations(result)["unique_keys"].metadata["worst_rows"].value)
    assert worst.count("| S1 |") == 2
    assert scene.row().blocked_reason == "1 rows repeat the key of another"


@pytest.mark.slow
def test_a_red_run_keeps_the_last_green_version_and_a_person_can_publish_the_new_one(
    scene: Scene,
) -> None:
    scene.land(invented(6))
    scene.publish()
    scene.land(invented(9))
    scene.set(CONFIDENCE__THRESHOLD="1")
    scene.submit()
    scene.collect()
    assert scene.row().state == "held"
    assert len(scene.rows("select * from normalizer.published_products")) == 6
    assert len(scene.rows("select * from normalizer.normalized_products")) == 9
    paid = scene.scalar("select count(*) from normalizer.batch_requests where step <> 'embedding'")
    scene.set(CONFIDENCE__THRESHOLD="0.5")
    assert scene.run("__ASSET_JOB").success
    assert scene.row().state == "published"
    assert len(scene.rows("select * from normalizer.published_products")) == 9
    assert paid == scene.scalar(
        "select count(*) from normalizer.batch_requests where step <> 'embedding'"
    )


@pytest.mark.slow
def test_one_partition_does_not_gate_another(scene: Scene) -> None:
    other = Partition(date(2024, 10, 1), "jumbo")
    scene.set(CONFIDENCE__THRESHOLD="1")
    scene.land(invented(4))
    scene.submit()
    scene.collect()
    scene.set(CONFIDENCE__THRESHOLD="0.5")
    scene.land(invented(4, first=50), other)
    scene.publish(other)
    assert scene.row().state == "held"


# --- gates that warn ------------------------------------------------------------------


@pytest.mark.slow
def test_models_with_a_calibration_of_their_own_pass(scene: Scene) -> None:
    scene.land(invented(6))
    scene.submit()
    result = scene.collect()
    assert result.success
    uncalibrated = evaluations(result)["calibrated"]
    assert "gpt-5-mini-standin" in str(uncalibrated.description)
    assert "normalizer calibrate confidence" in str(uncalibrated.description)
    folder = Path(scene.config.calibrations)
    folder.mkdir(parents=True)
    for model in scene.rows("select distinct llm_model from normalizer.product_rows"):
        own = read_calibration(SHIPPED).model_copy(update={"llm_model": model[0]})
        (folder / f"{model[0]}.json").write_text(own.model_dump_json(), encoding="utf-8")
    assert failed(scene.run("collect")) == set()


def unbranded(count: int) -> list[Listing]:
    return [
        {
            "name": f"Notebook Gamer {number} Intel Core i7-12650H 16GB RAM 512GB SSD RTX 4060",
            "category": "Computación > Notebooks",
            "price": 900_000 + number,
            "sku": f"U{number}",
        }
        for number in range(count)
    ]


@pytest.mark.slow
def test_a_day_unlike_the_days_before_warns_and_is_published(scene: Scene) -> None:
    scene.set(GATE__MIN_ASKED="5", GATE__MIN_SHARE_ACCEPTED="0")
    for day in (27, 28, 29):
        earlier = Partition(date(2024, 9, day), "lider")
        scene.land(invented(6, first=10 * day), earlier)
        scene.publish(earlier)
    scene.land(unbranded(6), Partition(date(2024, 9, 30), "jumbo"))
    scene.publish(Partition(date(2024, 9, 30), "jumbo"))
    scene.land(unbranded(16))  # six of them are known from the other shop
    scene.submit()
    result = scene.collect()
    assert result.success
    drifted = {"confidence_drift", "route_shares", "brand_missing", "cost"}
    assert failed(result) == drifted | ALONE
    for name in drifted:
        each = evaluations(result)[name]
        assert number(each, "earlier_days") == 3
        assert "the median of 3 earlier days is" in str(each.description)
        assert number(each, "median") != number(each, "observed")
        assert "Notebook Gamer" in str(each.metadata["worst_rows"].value)
    assert number(evaluations(result)["route_shares"], "median") == pytest.approx(1 / 3)
    assert number(evaluations(result)["cost"], "observed") > 2 * number(
        evaluations(result)["cost"], "median"
    )
    assert scene.row().state == "published"


# --- not judged -----------------------------------------------------------------------


def assert_not_judged(result: dg.ExecuteInProcessResult, reason: str) -> None:
    assert result.success
    assert tuple(evaluations(result)) == GATES
    for each in evaluations(result).values():
        assert not each.passed
        assert each.severity == dg.AssetCheckSeverity.WARN
        assert each.description == f"not judged: {reason}"


def test_a_partition_without_products_is_not_judged(scene: Scene) -> None:
    scene.land(invented(4))
    scene.submit()
    assert_not_judged(judge_alone(scene, *GATES), "there are no products yet")
    assert scene.row().state == "waiting"


@pytest.mark.slow
def test_a_taken_partition_is_not_judged(scene: Scene) -> None:
    turn = turn_resource(scene.config, Database(scene.config), wait_seconds=0)
    scene.__dict__["definitions"] = build_definitions(scene.config, {"turn": turn})
    scene.land(invented(4))
    scene.publish()
    with life.locked(scene.engine, scene.partition, "run 12345678", 0):
        result = judge_alone(scene, *GATES)
    assert_not_judged(result, "normalizer run 12345678 works on the partition")


def test_no_gate_can_be_judged_without_the_others(scene: Scene) -> None:
    scene.land(invented(4))
    with pytest.raises(dg.DagsterInvalidSubsetError):
        judge_alone(scene, "share_accepted")
