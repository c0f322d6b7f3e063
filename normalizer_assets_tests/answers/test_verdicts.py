import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.answers.verdicts import (
    BLOCKING,
    SHOWN,
    WARNING,
    Asked,
    Facts,
    Gate,
    Measures,
    gate_verdict,
    verdict,
)
from normalizer_assets.config import load_config

CONFIG = load_config({})
"""The shipped limits: 90 % valid, 70 % accepted, 5 % rules, three earlier days."""

ROW: Mapping[str, Any] = {
    "name": "Leche Colun 1 L",
    "brand": "COLUN",
    "model": None,
    "confidence": 0.9,
    "status": "accepted",
    "reasons": "",
    "answered_by": "batch",
    "llm_model": "gpt-5",
    "score": 0.1,
    "cost_usd": Decimal(0),
}
SCHEMA: dict[str, Any] = {
    "sku": pl.String,
    **dict.fromkeys(ROW, pl.String),
    "confidence": pl.Float64,
    "score": pl.Float64,
    "cost_usd": pl.Decimal(18, 9),
}

NOTHING_UNUSABLE = pl.DataFrame(schema={"sku": pl.String, "reply": pl.String})


def partition(*rows: Mapping[str, Any]) -> pl.DataFrame:
    numbered = [{"sku": str(number), **ROW, **row} for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, schema=SCHEMA)


def good(count: int, **changes: Any) -> list[Mapping[str, Any]]:
    return [changes] * count


def asked(questions: int = 0, usd: float = 0, replies: int = 0, valid: int = 0) -> Asked:
    return Asked(questions, Decimal(str(usd)), replies, valid, NOTHING_UNUSABLE)


def gates(
    rows: pl.DataFrame,
    expected: int | None = None,
    asked: Asked = asked(),  # noqa: B008 - frozen
    history: Sequence[Measures] = (),
    calibrated: Sequence[str] = ("gpt-5",),
) -> dict[str, Gate]:
    facts = Facts(rows.height if expected is None else expected, asked, history, calibrated)
    return {gate.name: gate for gate in gate_verdict(rows, facts, CONFIG).gates}


def history(name: str, *values: float | None) -> list[Measures]:
    return [{name: value} for value in values]


def test_a_row_is_accepted_from_what_it_needs_on() -> None:
    rows = pl.DataFrame(
        {
            "confidence": [0.7, 0.69, 0.85, 0.9, None, float("nan")],
            "needed": [0.7, 0.7, 0.9, 0.9, 0.7, 0.7],
        }
    )
    found = rows.select(verdict(pl.col("confidence"), pl.col("needed"))).to_series()
    assert found.to_list() == ["accepted", "review", "review", "accepted", "review", "review"]


def test_good_rows_pass_every_gate() -> None:
    found = gates(partition(*good(10)))
    assert list(found) == [*BLOCKING, *WARNING]
    assert all(gate.passed and gate.reason is None for gate in found.values())
    assert all(set(SHOWN) <= {*gate.worst.columns} for gate in found.values())


# --- gates that block -----------------------------------------------------------------


def test_too_few_valid_replies_are_red() -> None:
    found = gates(partition(*good(30)), asked=asked(replies=30, valid=26))["schema_valid"]
    assert found.reason == "86.7% of the replies of models are valid, under 90.0%"
    assert (found.observed, found.threshold, found.n) == (26 / 30, 0.9, 30)
    assert gates(partition(*good(30)), asked=asked(replies=30, valid=27))["schema_valid"].passed


def test_where_nothing_or_little_was_asked_no_share_of_valid_replies_is_red() -> None:
    found = gates(partition(*good(30)))["schema_valid"]
    assert (found.passed, found.observed, found.words) == (True, None, "nothing was asked")
    found = gates(partition(*good(30)), asked=asked(replies=19, valid=1))["schema_valid"]
    assert (found.passed, found.words) == (True, "1 of 19 replies are valid; judged from 20 on")


def test_unusable_replies_are_shown_with_their_row_where_it_is_still_there() -> None:
    unusable = pl.DataFrame({"sku": ["1", "gone"], "reply": ["batch: invalid", "batch: refused"]})
    replies = Asked(3, Decimal(1), 30, 28, unusable)
    worst = gates(partition(*good(3, name="Arroz")), asked=replies)["schema_valid"].worst
    shown = worst.select("sku", "reply", "name").rows()
    assert shown == [("1", "batch: invalid", "Arroz"), ("gone", "batch: refused", None)]


def test_too_few_accepted_rows_are_red_and_the_least_sure_are_shown() -> None:
    rows = partition(*good(6), *good(3, status="review"), {"status": "review", "confidence": None})
    found = gates(rows)["share_accepted"]
    assert found.reason == "60.0% of the rows are accepted, under 70.0%"
    assert found.worst["sku"].to_list() == ["9", "6", "7", "8"]


def test_rejected_rows_leave_the_denominator() -> None:
    rows = partition(*good(7), *good(3, status="review"), *good(5, status="rejected"))
    found = gates(rows)["share_accepted"]
    assert (found.passed, found.observed, found.n) == (True, 0.7, 10)


@pytest.mark.parametrize("rows", [[], good(2, status="rejected")])
def test_nothing_to_publish_is_red(rows: list[Mapping[str, Any]]) -> None:
    assert gates(partition(*rows))["share_accepted"].reason == "no row is left to judge"


def test_lost_rows_and_rows_too_many_are_red() -> None:
    found = gates(partition(*good(9)), expected=10)["rows_accounted_for"]
    assert found.reason == "9 rows where 10 were to be accounted for"
    assert (found.observed, found.threshold) == (9, 10)
    assert not gates(partition(*good(11)), expected=10)["rows_accounted_for"].passed


def test_a_repeated_key_is_red_and_both_rows_are_shown() -> None:
    found = gates(partition({"sku": "same"}, {}, {"sku": "same"}))["unique_keys"]
    assert found.reason == "1 rows repeat the key of another"
    assert found.worst["sku"].to_list() == ["same", "same"]


# --- gates that warn ------------------------------------------------------------------


def test_many_rows_of_the_last_resorts_warn_and_stay_green() -> None:
    of_legacy = {"answered_by": "legacy"}
    rows = partition(*good(8), of_legacy, {"answered_by": "rules", "llm_model": None})
    facts = Facts(10, asked(), (), ("gpt-5",))
    judged = gate_verdict(rows, facts, CONFIG)
    found = {gate.name: gate for gate in judged.gates}["share_rules"]
    assert judged.green
    assert found.reason == (
        "20.0% of the rows were answered by basic rules or the legacy model, over 5.0%"
    )
    assert found.worst["sku"].sort().to_list() == ["8", "9"]


def test_a_model_without_a_calibration_of_its_own_warns_and_is_told_what_to_type() -> None:
    rows = partition(*good(3), {"llm_model": "gpt-6"}, {"llm_model": None, "answered_by": "human"})
    found = gates(rows)["calibrated"]
    assert (found.observed, found.n) == (0.25, 4)
    assert "gpt-6" in str(found.reason)
    assert "`normalizer calibrate confidence --gold F --llm-model gpt-6`" in str(found.reason)
    assert found.worst.select("sku", "llm_model").rows() == [("3", "gpt-6")]
    assert gates(partition({"llm_model": None}))["calibrated"].words == "no model answered"


MEASURED: dict[str, tuple[pl.DataFrame, Asked]] = {
    "confidence_drift": (partition(*good(4, confidence=0.7)), asked()),
    "route_shares": (partition(*good(3), {"score": 0.5}), asked()),
    "brand_missing": (partition(*good(3), {"brand": None}), asked()),
    "cost": (partition(*good(4)), asked(questions=20, usd=0.5)),
}
"""Rows of mean confidence 0.7, a quarter at full, a quarter without a brand; 0.025 USD each."""


@pytest.mark.parametrize(
    ("name", "middle", "passes", "says"),
    [
        ("confidence_drift", 0.74, True, "mean confidence 0.700"),
        ("confidence_drift", 0.76, False, "mean confidence 0.700, under 0.710"),
        ("confidence_drift", 0.64, False, "mean confidence 0.700, over 0.690"),
        ("route_shares", 0.26, True, "25.0% of the rows call for the tier full"),
        ("route_shares", 0.28, False, "25.0% of the rows call for the tier full, under 26.0%"),
        ("route_shares", 0.22, False, "25.0% of the rows call for the tier full, over 24.0%"),
        ("brand_missing", 0.9, True, "25.0% of the rows have no brand"),
        ("brand_missing", 0.19, False, "25.0% of the rows have no brand, over 24.0%"),
        ("cost", 0.013, True, "0.025000 USD a question"),
        ("cost", 0.012, False, "0.025000 USD a question, over 0.024000"),
    ],
)
def test_a_measure_far_from_the_median_of_earlier_days_warns(
    name: str, middle: float, passes: bool, says: str
) -> None:
    rows, replies = MEASURED[name]
    days = history(name, middle, None, middle - 0.01, middle + 9)
    found = gates(rows, asked=replies, history=days)[name]
    assert found.passed == passes
    assert found.words.startswith(f"{says}; the median of 3 earlier days is ")
    assert (found.median, found.days, found.blocking) == (middle, 3, False)
    assert found.threshold is not None


@pytest.mark.parametrize("name", MEASURED)
def test_with_fewer_days_than_three_nothing_is_compared(name: str) -> None:
    rows, replies = MEASURED[name]
    found = gates(rows, asked=replies, history=history(name, 9.0, 9.0, None, None))[name]
    assert found.passed
    assert found.words.endswith("; only 2 earlier published days, compared from 3 on")
    assert (found.median, found.days, found.threshold) == (None, 2, None)


@pytest.mark.parametrize(
    ("share", "passes", "says"),
    [
        (0.24, True, "25.0% of the rows call for the tier full"),
        (0.26, True, "25.0% of the rows call for the tier full"),
        (0.28, False, "25.0% of the rows call for the tier full, under 26.0%"),
        (0.22, False, "25.0% of the rows call for the tier full, over 24.0%"),
    ],
)
def test_a_calibrated_share_of_full_is_compared_with_instead_of_earlier_days(
    share: float, passes: bool, says: str
) -> None:
    rows, _ = MEASURED["route_shares"]
    # Earlier days say the opposite, and neither few nor many of them are needed.
    for days in ([], history("route_shares", *[0.25 if not passes else 0.9] * 7)):
        facts = Facts(rows.height, asked(), days, ("gpt-5",), full_share=share)
        judged = gate_verdict(rows, facts, CONFIG)
        [found] = [gate for gate in judged.gates if gate.name == "route_shares"]
        assert found.passed == passes
        assert found.words == f"{says}; the calibrated share is {share:.1%}"
        assert (found.observed, found.median, found.days) == (0.25, None, None)
        assert judged.green


def test_a_partition_without_rows_has_no_share_to_compare_with_the_calibrated_one() -> None:
    facts = Facts(0, asked(), [], (), full_share=0.16)
    judged = gate_verdict(partition(), facts, CONFIG)
    [found] = [gate for gate in judged.gates if gate.name == "route_shares"]
    assert (found.passed, found.words) == (True, "there is no row")


def test_what_few_questions_cost_is_compared_with_nothing() -> None:
    rows, days = partition(*good(4)), history("cost", 1e-9, 1e-9, 1e-9)
    found = gates(rows, asked=asked(questions=19, usd=5), history=days)["cost"]
    assert (found.passed, found.observed, found.n) == (True, None, 19)
    assert found.words == "19 questions were paid for, judged from 20 on"


def test_the_rows_that_explain_a_warning_are_shown() -> None:
    rows = partition(
        {"confidence": float("nan")},
        {"brand": None, "confidence": 0.8},
        {"score": 0.49},
        {"cost_usd": Decimal("0.2")},
        {"cost_usd": Decimal("0.3"), "score": 0.9},
    )
    found = gates(rows)
    assert found["confidence_drift"].worst["sku"].to_list()[:2] == ["0", "1"]
    assert found["brand_missing"].worst["sku"].to_list() == ["1"]
    assert found["cost"].worst["sku"].to_list() == ["4", "3"]
    assert found["route_shares"].worst.select("sku", "score").row(0) == ("2", 0.49)


def test_a_missing_confidence_counts_as_none() -> None:
    for missing in (None, float("nan")):
        rows = partition({"confidence": 1.0}, {"confidence": missing})
        assert gates(rows)["confidence_drift"].observed == 0.5


# --- properties -----------------------------------------------------------------------

some_rows = st.lists(
    st.fixed_dictionaries(
        {
            "sku": st.sampled_from("abcdefghijklmnopqrst"),
            "status": st.sampled_from(["accepted", "review", "rejected"]),
            "confidence": st.none() | st.floats(0, 1) | st.just(float("nan")),
            "answered_by": st.sampled_from(["batch", "rules", "cache"]),
            "llm_model": st.none() | st.sampled_from(["gpt-5", "gpt-6"]),
            "brand": st.none() | st.just("COLUN"),
            "score": st.floats(0, 1),
        }
    ),
    max_size=30,
)
replies = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(
    lambda pair: asked(pair[0], pair[0] / 100, replies=max(pair), valid=min(pair))
)
measures = st.none() | st.floats(0, 1)
some_days = st.lists(
    st.fixed_dictionaries(dict.fromkeys((*BLOCKING, *WARNING), measures)), max_size=7
)


@given(some_rows, replies, some_days, some_days)
def test_only_blocking_gates_decide_and_the_past_decides_nothing(
    rows: list[Any], asked: Asked, days: list[Measures], others: list[Measures]
) -> None:
    frame = partition(*rows)
    judged = gate_verdict(frame, Facts(len(rows), asked, days, ()), CONFIG)
    failed = [gate for gate in judged.gates if not gate.passed]
    assert judged.green == (not judged.reasons) == all(g.name in WARNING for g in failed)
    assert judged.reasons == [gate.reason for gate in failed if gate.blocking]
    anew = gate_verdict(frame, Facts(len(rows), asked, others, ("gpt-6",)), CONFIG)
    assert (anew.green, anew.reasons) == (judged.green, judged.reasons)
    if judged.green:
        assert (judged.measures["share_accepted"] or 0) >= CONFIG.gate.min_share_accepted
        assert judged.measures["unique_keys"] == 0


@given(some_rows, replies, some_days)
def test_every_gate_says_what_it_found(rows: list[Any], asked: Asked, days: list[Measures]) -> None:
    judged = gate_verdict(partition(*rows), Facts(len(rows), asked, days, ()), CONFIG)
    assert [gate.name for gate in judged.gates] == [*BLOCKING, *WARNING]
    for gate in judged.gates:
        assert gate.words
        assert gate.worst.height <= 10
        if gate.observed is not None and not gate.passed:
            assert gate.threshold is not None
            assert gate.observed != gate.threshold
    # Kept as JSON, where NaN has no word.
    assert json.loads(json.dumps(judged.measures, allow_nan=False)) == judged.measures


@given(some_rows, replies, st.integers(3, 7))
def test_a_day_like_those_before_never_warns_of_a_change(
    rows: list[Any], asked: Asked, number: int
) -> None:
    frame = partition(*rows)
    measures = gate_verdict(frame, Facts(len(rows), asked, (), ()), CONFIG).measures
    again = gates(frame, asked=asked, history=[measures] * number)
    assert all(again[name].passed for name in MEASURED)
