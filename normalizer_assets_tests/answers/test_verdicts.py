from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.answers.verdicts import gate_verdict, verdict
from normalizer_assets.config import GateConfig

GATE = GateConfig(min_share_accepted=0.7, min_mean_confidence=0.7, max_share_rules=0.05)


def partition(*rows: tuple[str, float | None, str], skus: list[str] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "sku": skus or [str(number) for number in range(len(rows))],
            "status": [row[0] for row in rows],
            "confidence": [row[1] for row in rows],
            "answered_by": [row[2] for row in rows],
        },
        schema_overrides={"confidence": pl.Float64, "status": pl.String, "answered_by": pl.String},
    )


def good(count: int) -> list[tuple[str, float | None, str]]:
    return [("accepted", 0.9, "batch")] * count


def test_a_row_is_accepted_from_what_it_needs_on() -> None:
    rows = pl.DataFrame(
        {
            "confidence": [0.7, 0.69, 0.85, 0.9, None, float("nan")],
            "needed": [0.7, 0.7, 0.9, 0.9, 0.7, 0.7],
        }
    )
    found = rows.select(verdict(pl.col("confidence"), pl.col("needed"))).to_series()
    assert found.to_list() == ["accepted", "review", "review", "accepted", "review", "review"]


def test_good_rows_are_green() -> None:
    found = gate_verdict(partition(*good(10)), 10, GATE)
    assert found.green
    assert found.reasons == found.warnings == []
    assert found.observed.keys() == found.threshold.keys()


def test_rejected_rows_leave_the_denominator() -> None:
    rows = partition(*good(7), *[("review", 0.6, "batch")] * 3, *[("rejected", 0.7, "batch")] * 5)
    found = gate_verdict(rows, 15, GATE)
    assert found.observed["share_accepted"] == 0.7
    assert found.green


def test_each_broken_promise_is_named() -> None:
    def reasons(rows: pl.DataFrame, expected: int) -> str:
        found = gate_verdict(rows, expected, GATE)
        assert not found.green
        return "; ".join(found.reasons)

    assert "9 rows where 10" in reasons(partition(*good(9)), 10)
    assert "repeat the key" in reasons(partition(*good(2), skus=["1", "1"]), 2)
    assert "accepted" in reasons(partition(*good(6), *[("review", 0.9, "batch")] * 4), 10)
    assert "mean confidence" in reasons(partition(*[("accepted", 0.5, "batch")] * 4), 4)
    assert "no row is left" in reasons(partition(), 0)
    assert "no row is left" in reasons(partition(("rejected", 0.9, "batch")), 1)


def test_a_missing_confidence_counts_as_none() -> None:
    rows = partition(("accepted", 1.0, "batch"), ("accepted", None, "batch"))
    assert gate_verdict(rows, 2, GATE).observed["mean_confidence"] == 0.5
    rows = partition(("accepted", 1.0, "batch"), ("accepted", float("nan"), "batch"))
    assert gate_verdict(rows, 2, GATE).observed["mean_confidence"] == 0.5


def test_many_rules_rows_warn_and_stay_green() -> None:
    found = gate_verdict(partition(*good(9), ("accepted", 0.8, "rules")), 10, GATE)
    assert found.green
    assert "basic rules" in found.warnings[0]


def test_the_worst_rows_come_lowest_first() -> None:
    rows = partition(*good(20), ("review", None, "rules"), ("review", 0.1, "batch"))
    worst = gate_verdict(rows, 22, GATE).worst
    assert worst.height == 10
    assert worst["sku"].to_list()[:2] == ["20", "21"]
    assert worst.columns == rows.columns


statuses = st.sampled_from(["accepted", "review", "rejected"])
steps = st.sampled_from(["batch", "rules", "cache"])


@given(st.lists(st.tuples(statuses, st.none() | st.floats(0, 1), steps), max_size=20))
def test_green_means_that_every_limit_holds(rows: list[tuple[Any, Any, Any]]) -> None:
    found = gate_verdict(partition(*rows), len(rows), GATE)
    assert found.green == (not found.reasons)
    if found.green:
        observed = found.observed
        assert (observed["share_accepted"] or 0) >= GATE.min_share_accepted
        assert (observed["mean_confidence"] or 0) >= GATE.min_mean_confidence
