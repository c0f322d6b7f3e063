"""The figures that people ask for."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from normalizer_assets.publishing.report import (
    ANSWERED_BY,
    PartitionReport,
    partition_reports,
    statistics,
)
from normalizer_assets_tests.scene import Scene, invented

REPORT = PartitionReport(
    day=date(2024, 10, 1),
    retailer="lider",
    state="published",
    blocked_reason=None,
    rows=10,
    quarantined=2,
    collapsed=1,
    answered_by=dict.fromkeys(ANSWERED_BY, 0) | {"batch": 6, "cache": 3, "rules": 1},
    accepted=8,
    mean_confidence=0.8,
    batches=1,
    requests=7,
    estimated_usd=Decimal("0.02"),
    cost_usd=Decimal("0.01"),
    individual_usd=Decimal("0.10"),
    models={"gpt-5": 4, "gpt-5-mini": 5, "rules": 1},
)


def test_the_figures_of_partitions_add_up() -> None:
    figures = statistics([REPORT, replace(REPORT, retailer="jumbo")], "openai")
    assert figures["partitions"] == 2
    assert figures["products_processed"] == 20
    assert figures["total_batches"] == 2
    assert figures["total_requests"] == 14
    assert figures["cache_hit_rate"] == 0.3
    assert figures["costs"] == {
        "total": 0.02,
        "estimated": 0.04,
        "per_product": 0.001,
        "individual_at_full": 0.2,
    }
    assert figures["savings_percent"] == 90.0
    assert figures["model_distribution"]["gpt-5-mini"] == {"products": 10, "percentage": 50.0}
    assert figures["accepted_share"] == 0.8
    assert figures["success_rate"] == 0.9
    assert figures["answers_from"] == "openai"


def test_a_partition_without_rows_divides_by_nothing() -> None:
    nothing = replace(
        REPORT, rows=0, accepted=0, answered_by=dict.fromkeys(ANSWERED_BY, 0), models={},
        cost_usd=Decimal(0), individual_usd=Decimal(0),
    )  # fmt: skip
    assert nothing.success_rate == 0.0
    assert statistics([nothing], None)["costs"]["per_product"] == 0.0


def test_a_report_says_what_the_database_holds(scene: Scene) -> None:
    scene.land(invented(6))
    scene.submit()
    (waiting,) = partition_reports(scene.engine)
    assert (waiting.state, waiting.rows, waiting.mean_confidence) == ("waiting", 0, None)
    scene.collect()
    (report,) = partition_reports(scene.engine, scene.partition.day, "lider")
    assert report.state == "published"
    assert report.rows == 6 == sum(report.answered_by.values()) == sum(report.models.values())
    assert report.cost_usd == scene.scalar("select sum(cost_usd) from normalizer.batch_requests")
    assert report.individual_usd > report.cost_usd
    assert partition_reports(scene.engine, date(2024, 10, 2)) == []
    assert partition_reports(scene.engine, None, "jumbo") == []
