"""The figures that people ask for."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from normalizer_assets.batching import call_ledger, life
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.publishing.report import (
    ANSWERED_BY,
    PartitionReport,
    Spent,
    measured_reasoning,
    partition_reports,
    statistics,
)
from normalizer_assets_tests.batching.listings import land, plan_request
from normalizer_assets_tests.scene import Scene, invented

REPORT = PartitionReport(
    day=date(2024, 10, 1),
    retailer="lider",
    state="published",
    blocked_by=None,
    blocked_reason=None,
    rows=10,
    quarantined=2,
    collapsed=1,
    answered_by=dict.fromkeys(ANSWERED_BY, 0) | {"batch": 6, "cache": 3, "rules": 1},
    accepted=8,
    mean_confidence=0.8,
    shards=frozenset({"abc"}),
    requests=7,
    estimated_usd=Decimal("0.02"),
    cost_usd=Decimal("0.01"),
    outcome_unknown=1,
    individual_usd=Decimal("0.10"),
    individual_legacy_usd=Decimal("0.02"),
    models={"gpt-5": 4, "gpt-5-mini": 5, "rules": 1},
    spent=[
        Spent("gpt-5", "batch", 4, 1, 400, 100, 80, 8, Decimal("0.008")),
        Spent("gpt-5-mini", "batch", 2, 0, 200, 0, 40, 4, Decimal("0.0015")),
        Spent("gpt-5-mini", "individual", 1, 0, 100, 0, 20, 2, Decimal("0.0005")),
    ],
    second_opinions=1,
    second_opinions_usd=Decimal("0.002"),
    verdict="green",
    failed_gates={"calibrated": "50.0% of the answers are judged by another model's"},
)


def test_the_figures_of_partitions_add_up() -> None:
    jumbo = replace(REPORT, retailer="jumbo", shards=frozenset({"def"}), mean_confidence=0.6)
    figures = statistics([REPORT, jumbo], "openai")
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
        "individual_at_legacy": 0.04,
        "second_opinions": 0.004,
        "by_model": {"gpt-5": 0.016, "gpt-5-mini": 0.004},
        "by_step": {"batch": 0.019, "individual": 0.001},
    }
    assert figures["tokens"] == {
        "input": 1400, "cached_input": 200, "output": 280, "reasoning": 28,
    }  # fmt: skip
    assert figures["second_opinions"] == 2
    assert figures["savings_percent_at_legacy"] == 50.0
    assert figures["outcome_unknown"] == 2
    assert figures["savings_percent"] == 90.0
    assert figures["model_distribution"]["gpt-5-mini"] == {"products": 10, "percentage": 50.0}
    assert figures["accepted_share"] == 0.8
    assert figures["mean_confidence"] == 0.7
    assert figures["success_rate"] == 0.9
    assert figures["answers_from"] == "openai"


def test_a_batch_that_carries_two_partitions_is_one_batch() -> None:
    assert statistics([REPORT, replace(REPORT, retailer="jumbo")], None)["total_batches"] == 1


def test_a_partition_without_rows_divides_by_nothing() -> None:
    nothing = replace(
        REPORT, rows=0, accepted=0, answered_by=dict.fromkeys(ANSWERED_BY, 0), models={},
        cost_usd=Decimal(0), individual_usd=Decimal(0),
    )  # fmt: skip
    assert nothing.success_rate == 0.0
    assert statistics([nothing], None)["costs"]["per_product"] == 0.0
    assert statistics([nothing], None)["mean_confidence"] is None


def test_what_is_not_answered_yet_saves_nothing() -> None:
    landed = replace(REPORT, rows=0, answered_by=dict.fromkeys(ANSWERED_BY, 0))
    alone = statistics([landed], None)
    assert alone["savings_percent"] == alone["savings_percent_at_legacy"] == 0.0
    both = statistics([REPORT, landed], None)
    assert both["costs"]["individual_at_full"] == 0.1
    assert both["savings_percent"] == 90.0
    assert both["costs"]["total"] == 0.02


def test_a_report_says_what_the_database_holds(scene: Scene) -> None:
    scene.land(invented(6))
    scene.submit()
    (waiting,) = partition_reports(scene.engine)
    assert (waiting.state, waiting.rows, waiting.mean_confidence) == ("waiting", 0, None)
    scene.collect()
    (report,) = partition_reports(scene.engine, scene.partition.day, "lider")
    assert (report.state, report.verdict) == ("published", "green")
    assert report.failed_gates.keys() == {"calibrated"}
    assert report.rows == 6 == sum(report.answered_by.values()) == sum(report.models.values())
    assert report.cost_usd == scene.scalar("select sum(cost_usd) from normalizer.batch_requests")
    assert report.individual_usd > report.cost_usd
    assert report.individual_usd > report.individual_legacy_usd > 0
    assert sum(one.usd for one in report.spent) == report.cost_usd
    assert {one.llm_model for one in report.spent} == {
        row.llm_model for row in scene.rows("select llm_model from normalizer.batch_requests")
    }
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
    assert sum(one.open_requests for one in report.spent) == 1
    assert report.cost_usd == Decimal("0.5")


def test_a_partition_that_never_landed_is_in_no_report(work: PartitionWork) -> None:
    with life.locked(work.engine, work.partition, "me"):
        assert partition_reports(work.engine) == []


def test_second_opinions_are_told_apart_from_first_ones(work: PartitionWork) -> None:
    land(work)
    asked = (("q0", "mini", "ok"), ("q0", "full", "ok"), ("q1", "full", "ok"), ("q2", "mini", "ok"))
    for question, tier, state in asked:
        request_id = plan_request(work, question, tier=tier)
        with work.begin() as connection:
            values = {"state": state, "cost_usd": Decimal("0.25")}
            call_ledger.settle_request(connection, request_id, values)
    (report,) = partition_reports(work.engine)
    assert (report.second_opinions, report.second_opinions_usd) == (1, Decimal("0.25"))
    assert report.cost_usd == 1


def test_reasoning_is_measured_by_model_and_reply(work: PartitionWork) -> None:
    land(work)
    for name, tokens in (("gpt-5-2025-08-07", 10), ("gpt-5", 20), ("gpt-5-mini-x", 90), ("o9", 1)):
        request_id = plan_request(work, name, llm_model=name)
        with work.begin() as connection:
            usage = {"state": "ok", "output_tokens": 100, "reasoning_tokens": tokens}
            call_ledger.settle_request(connection, request_id, usage)
    known = ["gpt-5", "gpt-5-mini", "gpt-4o-mini"]
    assert measured_reasoning(work.engine, known) == {"gpt-5": 15, "gpt-5-mini": 90}


def test_the_usage_that_a_standin_invents_is_no_measurement(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    assert measured_reasoning(scene.engine, scene.config.models) == {}
