"""What is said of a day."""

import re
from base64 import b64decode
from dataclasses import replace
from datetime import date
from decimal import Decimal

from normalizer_assets.publishing.daily import STANDIN_NOTICE, daily_report, headline, shop_of
from normalizer_assets.publishing.report import ANSWERED_BY, statistics
from normalizer_assets_tests.publishing.test_report import REPORT

DAY = date(2024, 10, 1)
HELD = replace(
    REPORT,
    retailer="jumbo",
    state="held",
    blocked_reason="10.0% of the rows are accepted, under 70.0%",
    shards=frozenset(),
    verdict="red",
    failed_gates={"share_accepted": "10.0% of the rows are accepted, under 70.0%"},
)
BLOCKED = replace(
    REPORT,
    retailer="paris",
    state="landed",
    blocked_reason="over budget",
    rows=0,
    accepted=0,
    answered_by=dict.fromkeys(ANSWERED_BY, 0),
    mean_confidence=None,
    models={},
    spent=[],
    shards=frozenset(),
    cost_usd=Decimal(0),
    individual_usd=Decimal(0),
    verdict=None,
    failed_gates={},
)


def test_no_plotted_figure_has_more_digits_than_a_person_reads() -> None:
    odd = replace(REPORT, rows=7, answered_by=REPORT.answered_by | {"rules": 3})
    figures = daily_report(DAY, [odd], "openai").figures
    assert figures["usd_per_product"] == 0.00142857
    assert figures["rules_share"] == 0.42857143


def test_the_headline_has_the_specifications_figures() -> None:
    said = headline(statistics([REPORT], "openai"))
    assert said.splitlines() == [
        "- total batches: 1 (7 requests)",
        "- products processed: 10",
        "- cache hit rate: 30.0%",
        "- average cost per product: 0.00100000 USD, 0.010000 USD in all",
        "- distribution by model: gpt-5 4 (40.0%), gpt-5-mini 5 (50.0%), rules 1 (10.0%)",
        "- paid: gpt-5 0.008000 USD, gpt-5-mini 0.002000 USD",
        (
            "- savings: 90.0% of the 0.100000 USD of asking each listing individually at full; "
            "50.0% of 0.020000 USD at legacy"
        ),
        "- second opinions at full: 1, 0.002000 USD of the cost",
    ]


def test_what_is_dearer_than_the_legacy_model_is_told_as_a_multiple() -> None:
    figures = {**statistics([REPORT], "openai"), "savings_percent_at_legacy": -260.0}
    assert "; 3.6 times the 0.020000 USD at legacy" in headline(figures)


def test_a_day_is_told_with_its_shops_its_gates_and_pictures() -> None:
    report = daily_report(DAY, [REPORT, HELD, BLOCKED], "openai")
    said = report.markdown
    assert said.startswith("# 2024-10-01\n\n- total batches: 1 (21 requests)")
    assert "- accepted: 80.0% of the products" in said
    assert "| lider | published | 10 | 3 | 6 | 0 | 0 | 1 | 0 | 80.0% | 0.8 | 0.010000 | 1 |" in said
    assert "| paris | landed | 0 |" in said
    assert "- jumbo: **red** `share_accepted`: 10.0% of the rows are accepted, under 70.0%" in said
    assert said.count("under 70.0%") == 1
    assert "- lider: **warns** `calibrated`: 50.0% of the answers" in said
    assert "- paris: **landed**: over budget" in said
    assert STANDIN_NOTICE not in said
    pictures = re.findall(r"!\[[a-z ]+\]\(data:image/png;base64,([^)]+)\)", said)
    assert len(pictures) == 3
    assert all(len(b64decode(one)) <= 30_000 for one in pictures)


def test_the_numbers_of_a_day_are_those_of_its_partitions() -> None:
    assert daily_report(DAY, [REPORT, HELD, BLOCKED], "openai").figures == {
        "products": 20,
        "batches": 1,
        "requests": 21,
        "cost_usd": 0.02,
        "usd_per_product": 0.001,
        "savings_percent": 90.0,
        "tokens": 1680,
        "cache_hit_rate": 0.3,
        "accepted_share": 0.8,
        "mean_confidence": 0.8,
        "rules_share": 0.1,
        "quarantined": 6,
        "second_opinions": 3,
    }


def test_a_day_without_data_says_so() -> None:
    report = daily_report(DAY, [], None)
    assert report.markdown == (
        "# 2024-10-01\n\nNo listings of this day have landed: there is nothing to report."
    )
    assert set(report.figures.values()) == {0}


def test_a_day_that_only_landed_has_no_pictures() -> None:
    said = daily_report(DAY, [replace(BLOCKED, blocked_reason=None)], None).markdown
    assert "nothing was paid" in said
    assert "None is red, and none warns." in said
    assert "- mean confidence: none yet" in said
    assert "data:image" not in said


def test_lists_that_were_given_to_the_facade_are_one_shop() -> None:
    direct = [replace(REPORT, retailer=f"direct-{n:012x}") for n in range(3)]
    said = daily_report(DAY, [*direct, REPORT], "standin").markdown
    assert {shop_of(one) for one in direct} == {"direct"}
    assert "| direct | published 3 | 30 |" in said
    assert STANDIN_NOTICE in said
