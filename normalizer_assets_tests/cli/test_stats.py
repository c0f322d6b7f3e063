"""`normalizer stats`: the specification's figures."""

import json
from datetime import date

import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import Scene, invented

NEXT_DAY = Partition(date(2024, 10, 2), "lider")


def test_stats_have_the_specifications_keys(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    scene.publish()
    scene.land(invented(12), NEXT_DAY)
    scene.publish(NEXT_DAY)
    said = typed("stats", "--json")
    assert said.code == 0
    figures = json.loads(said.out)
    assert figures["total_batches"] == 2
    assert figures["products_processed"] == 24
    assert figures["total_requests"] == scene.scalar(
        "select count(*) from normalizer.batch_requests"
    )
    assert figures["cache_hit_rate"] == 0.5
    assert figures["costs"]["total"] == pytest.approx(
        float(scene.scalar("select sum(cost_usd) from normalizer.batch_requests"))
    )
    assert figures["costs"]["per_product"] == pytest.approx(figures["costs"]["total"] / 24)
    assert 0 < figures["savings_percent"] <= 100
    shares = figures["model_distribution"]
    assert shares
    assert sum(share["percentage"] for share in shares.values()) == pytest.approx(100, abs=0.1)
    assert sum(share["products"] for share in shares.values()) == 24
    assert figures["answers_from"] == "standin"
    first_day = json.loads(typed("stats", "--day", "2024-10-01", "--json").out)
    assert first_day["products_processed"] == 12
    assert first_day["cache_hit_rate"] == 0.0
    nobody = json.loads(typed("stats", "--retailer", "jumbo", "--json").out)
    assert nobody["products_processed"] == 0
    assert typed("stats", "--day", "2024-10-01", "--retailer", "jumbo").out == (
        "nothing was submitted for 2024-10-01|jumbo; `normalizer stats` lists what was\n"
    )
    table = typed("stats")
    assert "2024-10-02|lider" in table.out
    for line in (
        "- total batches: 2 (",
        "- products processed: 24\n",
        "- cache hit rate: 50.0%\n",
        "- average cost per product: 0.0",
        "- distribution by model: gpt-",
        "- savings: ",
    ):
        assert line in table.out
    assert "Answered by the stand-in" in table.out


def test_stats_say_what_stands_in_the_way(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5", BUDGET__PARTITION_USD="0.000001")
    scene.land(invented(12))
    assert scene.submit().success
    said = typed("stats")
    assert "2024-10-01|lider landed (blocked: over budget: the next requests are" in said.out


@pytest.mark.usefixtures("scene")
def test_stats_of_an_empty_database_are_zero(typed: Typed) -> None:
    figures = json.loads(typed("stats", "--json").out)
    assert figures["total_batches"] == 0
    assert figures["costs"]["total"] == 0
    assert figures["savings_percent"] == 0
    assert figures["answers_from"] is None
    assert typed("stats").code == 0


@pytest.mark.slow
def test_openmetrics_are_the_statistics_of_all_partitions(scene: Scene, typed: Typed) -> None:
    scene.land(invented(6))
    scene.publish()
    figures = json.loads(typed("stats", "--json").out)
    said = typed("stats", "--openmetrics")
    assert said.code == 0
    assert said.out.endswith("# EOF\n")
    assert 'normalizer_partitions{retailer="lider",state="published"} 1.0\n' in said.out
    assert f"normalizer_cost_today_usd {figures['costs']['total']}\n" in said.out


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("option", [("--day", "2024-10-01"), ("--retailer", "lider"), ("--json",)])
def test_openmetrics_of_a_part_are_a_usage_error(typed: Typed, option: tuple[str, ...]) -> None:
    said = typed("stats", "--openmetrics", *option)
    assert said.code == 2
    assert "leave out --day, --retailer and --json" in said.err


@pytest.mark.usefixtures("scene")
def test_a_wrong_day_is_a_usage_error(typed: Typed) -> None:
    said = typed("stats", "--day", "1.10.2024")
    assert said.code == 2
    assert "'1.10.2024' is not a day" in said.err
