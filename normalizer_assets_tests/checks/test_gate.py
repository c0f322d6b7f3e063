"""Red holds a partition, in this run and in every other; green publishes it."""

from datetime import date

import dagster as dg

from normalizer_assets.batching.partition import Partition
from normalizer_assets_tests.scene import Scene, invented, steps


def _evaluation(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    return result.get_asset_check_evaluations()[0]


def test_a_green_gate_shows_what_it_measured(scene: Scene) -> None:
    scene.land(invented(12))
    scene.submit()
    evaluation = _evaluation(scene.collect())
    assert evaluation.passed
    assert evaluation.blocking
    assert evaluation.description == "all limits kept"
    measures = str(evaluation.metadata["measures"].value)
    for measure in ("rows", "duplicate_keys", "share_accepted", "mean_confidence", "share_rules"):
        assert f"| {measure} |" in measures
    assert "Tucapel" in str(evaluation.metadata["worst_rows"].value)
    assert evaluation.partition == scene.partition.key


def test_a_red_gate_holds_the_partition_and_stops_the_embeddings(scene: Scene) -> None:
    scene.set(GATE__MIN_MEAN_CONFIDENCE="1.0")
    scene.land(invented(12))
    scene.submit()
    result = scene.collect()
    assert not result.success
    assert steps(result) == {
        "batch_results": "success",
        "normalized_products": "success",
        "normalized_products_confidence_gate": "failure",
    }
    evaluation = _evaluation(result)
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert "mean confidence, under 100.0%" in str(evaluation.description)
    row = scene.row()
    assert (row.state, row.blocked_reason) == ("held", evaluation.description)
    assert (row.newest_version, row.published_version) == (1, None)
    assert scene.rows("select * from normalizer.published_products") == []
    assert len(scene.rows("select * from normalizer.normalized_products")) == 12
    verdicts = scene.rows("select verdict, verdict_reasons from normalizer.product_versions")
    assert [tuple(verdict) for verdict in verdicts] == [("red", evaluation.description)]


def test_a_red_run_keeps_the_last_green_version_and_a_person_can_publish_the_new_one(
    scene: Scene,
) -> None:
    scene.land(invented(6))
    scene.publish()
    scene.land(invented(9))
    scene.set(GATE__MIN_MEAN_CONFIDENCE="1.0")
    scene.submit()
    scene.collect()
    assert scene.row().state == "held"
    assert len(scene.rows("select * from normalizer.published_products")) == 6
    assert len(scene.rows("select * from normalizer.normalized_products")) == 9
    paid = scene.scalar("select count(*) from normalizer.batch_requests where step <> 'embedding'")
    scene.set(GATE__MIN_MEAN_CONFIDENCE="0.5")
    assert scene.run("__ASSET_JOB").success
    assert scene.row().state == "published"
    assert len(scene.rows("select * from normalizer.published_products")) == 9
    assert paid == scene.scalar(
        "select count(*) from normalizer.batch_requests where step <> 'embedding'"
    )


def test_missing_rows_are_red_whatever_their_confidence(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    scene.execute("delete from normalizer.product_rows where sku = 'S3'")
    assert not scene.run("collect").success
    assert scene.row().blocked_reason == "5 rows where 6 were to be accounted for"


def test_one_partition_does_not_gate_another(scene: Scene) -> None:
    other = Partition(date(2024, 10, 1), "jumbo")
    scene.set(GATE__MIN_MEAN_CONFIDENCE="1.0")
    scene.land(invented(4))
    scene.submit()
    scene.collect()
    scene.set(GATE__MIN_MEAN_CONFIDENCE="0.5")
    scene.land(invented(4, first=50), other)
    scene.publish(other)
    assert scene.row().state == "held"
