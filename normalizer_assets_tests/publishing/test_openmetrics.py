"""Metrics for scrapers: the text can be parsed, and its values are those of ``stats``."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from normalizer_assets.batching.budget import Limit
from normalizer_assets.publishing.openmetrics import BatchCount, Standing, exposition, openmetrics
from normalizer_assets.publishing.report import partition_reports, statistics
from normalizer_assets_tests.publishing.test_report import REPORT
from normalizer_assets_tests.scene import Scene, invented

STANDING = Standing(
    batches=[
        BatchCount("gpt-5", "completed", 3, 9000.0),
        BatchCount("gpt-5", "in_progress", 2, 600.0),
        BatchCount("gpt-5", "validating", 1, 30.0),
    ],
    limit=Limit("budget.day_usd", Decimal(50), Decimal("49.5"), "today in Santiago"),
    cost_today_usd=Decimal("0.25"),
)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    """Reads a text with the library's own parser, which is strict."""
    assert text.endswith("# EOF\n")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"normalizer_{name}", frozenset(labels.items())]


def total(samples: Samples, name: str, **labels: str) -> float:
    """Adds up all samples of a name that have these labels."""
    return sum(
        number
        for (sample, its), number in samples.items()
        if sample == f"normalizer_{name}" and labels.items() <= dict(its).items()
    )


def test_every_metric_has_its_labels_and_days_are_added_up() -> None:
    yesterday = replace(REPORT, day=REPORT.day.replace(day=2), state="held")
    samples = parsed(exposition([REPORT, yesterday], STANDING))
    by_batch = {"retailer": "lider", "model": "gpt-5", "step": "batch"}
    assert value(samples, "partitions", retailer="lider", state="held") == 1
    assert value(samples, "products", retailer="lider", step="batch") == 12
    assert value(samples, "cache_hits", retailer="lider") == 6
    assert value(samples, "accepted_products", retailer="lider") == 16
    assert value(samples, "quarantined_listings", retailer="lider") == 4
    assert value(samples, "requests_total", **by_batch) == 6
    assert value(samples, "open_requests", **by_batch) == 2
    assert value(samples, "cost_usd_total", **by_batch) == 0.016
    assert value(samples, "tokens_total", kind="input", **by_batch) == 800
    assert value(samples, "tokens_total", kind="cached_input", **by_batch) == 200
    assert value(samples, "tokens_total", kind="output", **by_batch) == 160
    assert value(samples, "tokens_total", kind="reasoning", **by_batch) == 16
    assert value(samples, "second_opinions", retailer="lider") == 2
    assert value(samples, "cache_hit_ratio") == 0.3
    assert value(samples, "accepted_ratio") == 0.8
    assert value(samples, "savings_ratio") == 0.9
    assert value(samples, "batches", model="gpt-5", state="completed") == 3
    assert value(samples, "open_batches", model="gpt-5") == 3
    assert value(samples, "oldest_open_batch_age_seconds", model="gpt-5") == 600
    assert value(samples, "cost_today_usd") == 0.25
    assert value(samples, "budget_today_usd") == 50
    assert value(samples, "budget_left_today_usd") == 49.5


def test_families_say_type_unit_and_what_they_are() -> None:
    lines = exposition([REPORT], STANDING).splitlines()
    assert "# TYPE normalizer_cost_usd counter" in lines
    assert "# UNIT normalizer_cost_usd usd" in lines
    assert "# TYPE normalizer_accepted_products gauge" in lines
    types = [line for line in lines if line.startswith("# TYPE")]
    assert len(types) == len([line for line in lines if line.startswith("# HELP")]) == 19


def test_every_metric_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "operations.md"
    text = page.read_text(encoding="utf-8")
    names = {name for name, _ in parsed(exposition([REPORT], STANDING))}
    assert not {name for name in names if f"`{name}`" not in text}


def test_a_sum_of_money_does_not_tremble() -> None:
    tenth = replace(REPORT, spent=[replace(REPORT.spent[0], usd=Decimal("0.1"))])
    samples = parsed(exposition([tenth] * 3, STANDING))
    assert total(samples, "cost_usd_total") == 0.3  # 0.1 + 0.1 + 0.1 is more in floats


def test_lists_that_were_given_to_the_facade_share_a_label() -> None:
    direct = [replace(REPORT, retailer=f"direct-{n:012x}") for n in range(50)]
    samples = parsed(exposition(direct, STANDING))
    assert value(samples, "cache_hits", retailer="direct") == 150
    assert total(samples, "cache_hits") == 150


@pytest.mark.parametrize("name", ['a "quoted" model', "back\\slash", "two\nlines", "ñandú|€"])
def test_every_label_survives(name: str) -> None:
    strange = replace(REPORT, retailer=name, spent=[replace(REPORT.spent[0], llm_model=name)])
    samples = parsed(exposition([strange], STANDING))
    assert value(samples, "cost_usd_total", retailer=name, model=name, step="batch") == 0.008


def test_without_data_there_are_ratios_and_money_alone() -> None:
    samples = parsed(exposition([], replace(STANDING, batches=[])))
    assert {name for name, _ in samples} == {
        "normalizer_cache_hit_ratio",
        "normalizer_accepted_ratio",
        "normalizer_savings_ratio",
        "normalizer_cost_today_usd",
        "normalizer_budget_today_usd",
        "normalizer_budget_left_today_usd",
    }


def test_metrics_of_a_database_are_its_statistics(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    assert scene.submit().success
    before = parsed(openmetrics(scene.engine, scene.config.budget))
    assert total(before, "open_requests") == 12
    assert total(before, "open_batches") == 2
    assert 0 < total(before, "oldest_open_batch_age_seconds") < 60
    assert value(before, "cost_today_usd") == 0
    assert value(before, "budget_left_today_usd") < value(before, "budget_today_usd")
    assert scene.collect().success
    samples = parsed(openmetrics(scene.engine, scene.config.budget))
    figures = statistics(partition_reports(scene.engine), None)
    assert total(samples, "products") == figures["products_processed"] == 12
    assert total(samples, "requests_total") == figures["total_requests"]
    assert total(samples, "open_requests") == total(samples, "open_batches") == 0
    assert total(samples, "batches", state="completed") == figures["total_batches"] == 2
    assert total(samples, "cost_usd_total") == pytest.approx(figures["costs"]["total"])
    for model, usd in figures["costs"]["by_model"].items():
        assert total(samples, "cost_usd_total", model=model) == pytest.approx(usd)
    for kind, tokens in figures["tokens"].items():
        assert total(samples, "tokens_total", kind=kind) == tokens
    assert value(samples, "cost_today_usd") == pytest.approx(figures["costs"]["total"])
    assert value(samples, "partitions", retailer="lider", state="published") == 1
    assert value(samples, "accepted_ratio") == figures["accepted_share"]
