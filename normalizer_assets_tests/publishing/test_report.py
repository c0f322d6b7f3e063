"""The figures that people ask for."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from normalizer_assets.batching import call_ledger, life
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.publishing.report import (
    ANSWERED_BY,
    PartitionReport,
    partition_reports,
    statistics,
)
from normalizer_assets_tests.batching.listings import land, plan_request
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
    outcome_unknown=1,
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
    assert figures["outcome_unknown"] == 2
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
    assert report.outcome_unknown == 0
    assert partition_reports(scene.engine, date(2024, 10, 2)) == []
    assert partition_reports(scene.engine, None, "jumbo") == []


def test_lost_replies_are_counted_and_what_never_left_is_not(work: PartitionWork) -> None:
    land(work)
    states = ("planned", "sent", "ok", "outcome_unknown", "not_executed")
    for state in states:
        request_id = plan_request(work, state)
        with work.begin() as connection:
            values = {"state": state, "cost_usd": None if state == "sent" else Decimal("0.25")}
            call_ledger.settle_request(connection, request_id, values)
    (report,) = partition_reports(work.engine)
    assert (report.requests, report.outcome_unknown, report.batches) == (3, 1, 0)
    assert report.cost_usd == Decimal("0.5")


def test_a_partition_that_never_landed_is_in_no_report(work: PartitionWork) -> None:
    with life.locked(work.engine, work.partition, "me"):
        assert partition_reports(work.engine) == []
