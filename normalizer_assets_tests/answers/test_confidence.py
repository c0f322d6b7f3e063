"""What evidence weighs, and which calibration an answer gets."""

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.answers.confidence import (
    HIGHEST_THRESHOLD,
    SHIPPED,
    Calibration,
    Calibrations,
    confidence,
    confidences,
    distinct_thresholds,
    load_calibrations,
    read_calibration,
    thresholds,
)
from normalizer_assets.config import ConfidenceConfig, ConfigurationError, load_config

CURVE = Calibration(
    llm_model="hand-written",
    intercept=0.5,
    weights={"brand agreed": 2.0, "model contradicted": -3.0},
    threshold=0.8,
    thresholds={"dairy": 0.7, "other": 0.97},
    max_error=0.05,
    answers=100,
)
OWN = CURVE.model_copy(
    update={"llm_model": "gpt-5", "intercept": -1.0, "threshold": 0.6, "thresholds": {"toys": 0.9}}
)


def features(*found: tuple[int, str, float]) -> pl.DataFrame:
    schema = {"row": pl.UInt32, "feature": pl.String, "value": pl.Float64}
    return pl.DataFrame(found, schema=schema, orient="row")


def weighed(*found: tuple[int, str, float], rows: int = 1) -> list[float]:
    return confidence(features(*found), rows, CURVE).to_list()


def sigmoid(log_odds: float) -> float:
    return round(1 / (1 + math.exp(-log_odds)), 6)


# --- weighing -------------------------------------------------------------------------


def test_weights_of_an_answers_features_add_up_from_the_intercept() -> None:
    found = weighed(
        (0, "brand agreed", 1.0),
        (2, "brand agreed", 0.5),
        (2, "model contradicted", 1.0),
        rows=3,
    )
    assert found == [sigmoid(2.5), sigmoid(0.5), sigmoid(0.5 + 1.0 - 3.0)]


def test_a_feature_that_no_calibration_names_weighs_nothing() -> None:
    assert weighed((0, "never seen", 100.0)) == weighed() == [sigmoid(0.5)]


def test_features_in_any_order_give_the_same_confidence() -> None:
    found = [(0, "brand agreed", 0.1), (0, "model contradicted", 0.2), (1, "brand agreed", 0.3)]
    assert weighed(*found, rows=2) == weighed(*reversed(found), rows=2)


def test_no_answers_have_no_confidence() -> None:
    found = confidence(features(), 0, CURVE)
    assert found.dtype == pl.Float64
    assert (found.name, found.len()) == ("confidence", 0)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.sampled_from(["brand agreed", "model contradicted", "never seen"]),
            st.floats(-1e6, 1e6),
        ),
        max_size=30,
    )
)
def test_confidence_is_a_probability_one_an_answer(found: list[tuple[int, str, float]]) -> None:
    sure = weighed(*found, rows=10)
    assert len(sure) == 10
    assert all(0 <= one <= 1 for one in sure)


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_more_of_what_confirms_never_lowers_a_confidence(one: float, other: float) -> None:
    less, more = sorted((one, other))
    first, second = weighed((0, "brand agreed", less), (1, "brand agreed", more), rows=2)
    assert first <= second


# --- which calibration ----------------------------------------------------------------


def test_a_model_with_a_calibration_of_its_own_is_weighed_by_it() -> None:
    known = Calibrations(CURVE, {"gpt-5": OWN})
    models = pl.Series(["gpt-5", "gpt-5-mini", None])
    assert confidences(features((0, "brand agreed", 1.0)), models, known).to_list() == [
        sigmoid(1.0),
        sigmoid(0.5),
        sigmoid(0.5),
    ]
    assert [known.of(model) for model in models] == [OWN, CURVE, CURVE]


def needed(
    *answers: tuple[str | None, str | None],
    own: dict[str, Calibration] | None = None,
    **config: Any,
) -> list[float]:
    frame = pl.DataFrame(answers, schema={"m": pl.String, "g": pl.String}, orient="row")
    expression = thresholds(
        pl.col("m"), pl.col("g"), Calibrations(CURVE, own or {}), ConfidenceConfig(**config)
    )
    return [round(one, 6) for one in frame.select(pl.lit(0.0) + expression).to_series()]


def test_the_thresholds_of_products_are_told_once_each() -> None:
    rows = pl.DataFrame(
        {
            "llm_model": ["gpt-5", None, "gpt-5", "gpt-5"],
            "category_group": ["dairy", "toys", "toys", "dairy"],
        },
        schema={"llm_model": pl.String, "category_group": pl.String},
    )
    config = load_config({}).model_copy(
        update={"confidence": ConfidenceConfig(threshold=0.7, thresholds={"dairy": 0.9})}
    )
    assert distinct_thresholds(rows, config) == [0.7, 0.9]
    one = config.model_copy(update={"confidence": ConfidenceConfig(threshold=0.7)})
    assert distinct_thresholds(rows, one) == [0.7]
    assert distinct_thresholds(rows.clear(), config) == []


def test_shipped_thresholds_are_raised_by_the_margin_up_to_a_cap() -> None:
    groups = [("gpt-5", group) for group in ("toys", "dairy", "other", None)]
    assert needed(*groups) == [0.85, 0.75, HIGHEST_THRESHOLD, 0.85]
    assert needed(*groups, uncalibrated_margin=0) == [0.8, 0.7, 0.97, 0.8]
    assert needed(*groups, uncalibrated_margin=1) == [HIGHEST_THRESHOLD] * 4


def test_a_models_own_thresholds_have_no_margin() -> None:
    assert needed(
        ("gpt-5", "toys"), ("gpt-5", "dairy"), ("gpt-5-mini", "dairy"), (None, "dairy"),
        own={"gpt-5": OWN},
    ) == [0.9, 0.6, 0.75, 0.75]  # fmt: skip


def test_a_configured_threshold_counts_before_those_of_calibrations() -> None:
    answers = [("gpt-5", "toys"), ("gpt-5", "dairy"), ("gpt-5-mini", "dairy"), (None, None)]
    assert needed(*answers, own={"gpt-5": OWN}, threshold=0.5) == [0.5] * 4


def test_a_configured_threshold_of_a_group_counts_before_all_others() -> None:
    answers = [("gpt-5", "toys"), ("gpt-5", "dairy"), ("gpt-5-mini", "dairy"), (None, "toys")]
    own = {"gpt-5": OWN}
    assert needed(*answers, own=own, thresholds={"dairy": 0.31}) == [0.9, 0.31, 0.31, 0.85]
    assert needed(*answers, own=own, threshold=0.5, thresholds={"dairy": 0.31}) == [
        0.5, 0.31, 0.31, 0.5,
    ]  # fmt: skip


def test_a_configured_threshold_may_be_higher_than_the_cap() -> None:
    assert needed(("gpt-5", "toys"), threshold=0.999) == [0.999]


# --- files ----------------------------------------------------------------------------


def test_without_a_folder_there_is_the_shipped_calibration_alone(tmp_path: Path) -> None:
    assert load_calibrations(tmp_path / "nowhere") == Calibrations(read_calibration(SHIPPED), {})


def test_calibrations_are_known_by_their_model_whatever_their_file_is_called(
    tmp_path: Path,
) -> None:
    (tmp_path / "any.json").write_text(OWN.model_dump_json(), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not read", encoding="utf-8")
    assert load_calibrations(tmp_path).own == {"gpt-5": OWN}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        "{}",
        json.dumps(json.loads(CURVE.model_dump_json()) | {"threshold": 1.5}),
        json.dumps(json.loads(CURVE.model_dump_json()) | {"tresholds": {}}),
    ],
)
def test_a_file_that_is_no_calibration_says_what_to_do(tmp_path: Path, content: str) -> None:
    file = tmp_path / "gpt-5.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        load_calibrations(tmp_path)
    message = str(error.value)
    assert str(file) in message
    assert "normalizer calibrate confidence" in message
    assert "\n" not in message


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "gpt-5.json").mkdir()
    with pytest.raises(ConfigurationError, match=r"gpt-5\.json is no calibration"):
        load_calibrations(tmp_path)


def test_the_shipped_calibration_is_of_no_model() -> None:
    shipped = read_calibration(SHIPPED)
    assert shipped.llm_model == "hand-written"
    assert all(0 < one <= HIGHEST_THRESHOLD for one in shipped.thresholds.values())


def test_a_calibration_that_is_no_utf8_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ConfigurationError, match="is no calibration"):
        load_calibrations(tmp_path)
