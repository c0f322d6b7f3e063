"""A day is reported when a shop has published it, and on demand."""

from datetime import date
from decimal import Decimal

import dagster as dg
import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets.publishing.report import partition_reports, statistics
from normalizer_assets_tests.scene import Scene, invented

pytestmark = pytest.mark.slow

DAY = date(2024, 10, 1)
JUMBO = Partition(DAY, "jumbo")


def report(scene: Scene, day: date = DAY) -> dict[str, object]:
    """Materialises the report; returns what its metadata holds."""
    result = scene.definitions.resolve_job_def("compare").execute_in_process(
        partition_key=day.isoformat(),
        instance=scene.instance,
        asset_selection=[dg.AssetKey("daily_report")],
    )
    assert result.success
    (made,) = result.asset_materializations_for_node("daily_report")
    assert made.partition == day.isoformat()
    return {name: value.value for name, value in made.metadata.items()}


def test_a_day_of_two_shops_is_reported_with_what_it_did_and_cost(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    scene.publish()
    scene.land([*invented(12), *invented(3, first=100)], JUMBO)
    scene.publish(JUMBO)
    asked = scene.bought()
    said = report(scene)
    figures = statistics(partition_reports(scene.engine, DAY), "standin")
    assert said["products"] == figures["products_processed"] == 27
    assert said["batches"] == figures["total_batches"] == 2
    assert said["cache_hit_rate"] == figures["cache_hit_rate"] == round(12 / 27, 4)
    assert Decimal(str(said["cost_usd"])) == scene.scalar(
        "select sum(cost_usd) from normalizer.batch_requests"
    )
    assert said["accepted_share"] == figures["accepted_share"]
    text = str(said["report"])
    assert text.startswith("# 2024-10-01\n\n*Answered by the stand-in")
    assert "| jumbo | published | 15 | 12 |" in text
    assert "| lider | published | 12 | 0 |" in text
    assert "- lider: **warns** `calibrated`: 100.0% of the answers of models" in text
    assert text.count("data:image/png;base64,") == 3
    assert scene.bought() == asked


def test_a_held_shop_is_red_in_the_report(scene: Scene) -> None:
    scene.set(GATE__MIN_SHARE_ACCEPTED="1", CONFIDENCE__THRESHOLD="1")
    scene.land(invented(6))
    assert scene.submit().success
    scene.collect()
    assert scene.row().state == "held"
    said = report(scene)
    assert "- lider: **red** `share_accepted`: " in str(said["report"])
    assert said["accepted_share"] == 0.0


def test_a_day_without_data_has_a_report_that_says_so(scene: Scene) -> None:
    said = report(scene, date(2024, 10, 2))
    assert "there is nothing to report" in str(said["report"])
    assert said["products"] == said["cost_usd"] == 0


def test_the_sensor_has_the_day_reported_with_its_comparison(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    repository = scene.definitions.get_repository_def()
    context = dg.build_sensor_context(instance=scene.instance, repository_def=repository)
    (request,) = (
        repository.get_sensor_def("compare_published_days").evaluate_tick(context).run_requests
        or []
    )
    result = scene.definitions.resolve_job_def("compare").execute_in_process(
        partition_key=str(request.partition_key), instance=scene.instance
    )
    (made,) = result.asset_materializations_for_node("daily_report")
    assert made.metadata["products"].value == 6
