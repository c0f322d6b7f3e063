"""Fitting and scoring the confidence: on answers made up here, and once on the shipped ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.confidence import (
    HIGHEST_THRESHOLD,
    SHIPPED,
    Calibration,
    confidence,
    read_calibration,
)
from normalizer_assets.config import load_config
from normalizer_assets.evaluation import calibration as curves
from normalizer_assets.evaluation.calibration import (
    JudgedAnswers,
    confidence_lines,
    coverage_at,
    draw,
    evaluate,
    expected_calibration_error,
    fit,
    group_threshold,
    in_words,
    is_right,
    judge_answers,
    strongest_penalty,
    threshold_for,
)
from normalizer_assets.evaluation.gold import (
    GoldError,
    GoldListing,
    Label,
    LabelledAnswer,
    shipped_gold,
)

CONFIG = load_config({})
MAX_ERROR = 0.1
GROUPS = ("smartphones", "dairy", "toys")


def judged(*answers: tuple[bool, list[str]], groups: tuple[str, ...] = GROUPS) -> JudgedAnswers:
    """Returns answers, right or wrong, with the features they show, each its own family."""
    rows = pl.DataFrame(
        {
            "sku": [f"S{number}" for number in range(len(answers))],
            "family": [f"family {number}" for number in range(len(answers))],
            "category_group": [groups[number % len(groups)] for number in range(len(answers))],
            "kind": ["right" if right else "wrong_variant" for right, _ in answers],
            "right": [right for right, _ in answers],
        }
    )
    features = pl.DataFrame(
        [(row, name, 1.0) for row, (_, names) in enumerate(answers) for name in names],
        schema={"row": pl.UInt32, "feature": pl.String, "value": pl.Float64},
        orient="row",
    )
    return JudgedAnswers(rows, features, {"brand": 1}, {"brand": len(answers)})


def drawn(chances: dict[tuple[str, ...], float], count: int = 300) -> JudgedAnswers:
    """Returns ``count`` answers for each set of features, right by chance, in mixed order."""
    generator = np.random.default_rng(7)
    answers = [
        (bool(generator.random() < chance), list(names))
        for _ in range(count)
        for names, chance in chances.items()
    ]
    return judged(*answers)


CHANCES: dict[tuple[str, ...], float] = {
    ("brand agreed", "model agreed"): 0.98,
    ("brand agreed", "model stated"): 0.85,
    ("brand agreed", "model partial"): 0.4,
    ("brand contradicted", "model partial"): 0.05,
}


@pytest.fixture(scope="module")
def answers() -> JudgedAnswers:
    return drawn(CHANCES)


@pytest.fixture(scope="module")
def curve(answers: JudgedAnswers) -> Calibration:
    return fit(answers, "gpt-5", MAX_ERROR)


# --- which answers are right ----------------------------------------------------------

SAID = {"brand": "LG", "model": "C3", "size": "55"}


@pytest.mark.parametrize(
    ("kept", "gold", "right"),
    [
        (SAID, SAID, True),
        (SAID | {"brand": "lg", "size": '55"'}, SAID, True),
        (SAID | {"color": "negro", "voltage": "220V"}, SAID, True),
        (SAID | {"size": "65"}, SAID, False),
        ({"brand": "LG", "model": "C3"}, SAID, False),
        (SAID, {"brand": "LG", "size": "55"}, False),
        (SAID, {"model": "C3", "size": "55"}, False),
        ({}, {}, True),
    ],
)
def test_the_label_decides_where_nobody_looked(
    kept: dict[str, str], gold: dict[str, str], right: bool
) -> None:
    assert is_right(LabelledAnswer(answer={}), SAID, kept, gold) is right


@pytest.mark.parametrize(
    ("wrong_fields", "said", "kept", "gold", "right"),
    [
        pytest.param([], SAID, SAID, SAID, True, id="nothing is wrong"),
        pytest.param([], SAID, SAID, SAID | {"color": "negro"}, True, id="nor missing"),
        pytest.param(["size"], SAID, SAID, {"brand": "LG"}, False, id="a wrong field is kept"),
        pytest.param(
            ["size"], SAID, {"brand": "LG", "model": "C3"}, {"brand": "LG"}, True,
            id="it was dropped, and the listing does not state it",
        ),
        pytest.param(
            ["size"], SAID, {"brand": "LG", "model": "C3"}, SAID, False,
            id="it was dropped, and the listing states it",
        ),
        pytest.param(
            ["size"], SAID | {"size": "65"}, SAID, SAID, True, id="the listing's took its place"
        ),
        pytest.param(["brand"], {"model": "C3"}, SAID, SAID, True, id="it was completed"),
        pytest.param(["brand"], {"model": "C3"}, {"model": "C3"}, SAID, False, id="it is missing"),
        pytest.param(
            [], SAID, {"brand": "LG", "model": "C3"}, SAID, False, id="a right field was lost"
        ),
        pytest.param(
            [], SAID, SAID | {"color": "azul"}, SAID, False, id="completed with what is not so"
        ),
        pytest.param(
            ["voltage"], SAID, SAID, SAID, True, id="a field without a convention does not count"
        ),
    ],
)  # fmt: skip
def test_what_somebody_called_wrong_counts_unless_evidence_mended_it(
    wrong_fields: list[str],
    said: dict[str, str],
    kept: dict[str, str],
    gold: dict[str, str],
    right: bool,
) -> None:
    one = LabelledAnswer(answer={}, wrong_fields=wrong_fields)
    assert is_right(one, said, kept, gold) is right


def listing(name: str, model: str, *answers: dict[str, Any], **changes: Any) -> GoldListing:
    return GoldListing(
        name=name,
        category="Celulares",
        price=299_990,
        gold=Label(brand="SAMSUNG", model=model),
        answers=[
            LabelledAnswer(answer={"brand": "SAMSUNG", "attributes": {}} | one) for one in answers
        ],
        **changes,
    )


def features_of(found: JudgedAnswers, row: int) -> set[str]:
    return set(found.features.filter(pl.col("row") == row)["feature"])


def test_answers_are_judged_one_by_one_in_the_order_of_the_file() -> None:
    found = judge_answers(
        [
            listing("Celular Samsung Galaxy A15", "Galaxy A15", {"model": "Galaxy A15"}, sku="a"),
            listing("Sin respuestas", "Galaxy", sku="b"),
            listing(
                "Celular Samsung Galaxy S24", "Galaxy S24",
                {"model": "Galaxy S23"}, {"model": "galaxy s24"}, sku="c", family="samsung s24",
            ),
        ],
        CONFIG,
    )  # fmt: skip
    assert found.rows["sku"].to_list() == ["a", "c", "c"]
    assert found.rows["right"].to_list() == [True, False, True]
    assert found.rows["category_group"].to_list() == ["smartphones"] * 3
    assert found.rows["family"].to_list() == [
        "Celular Samsung Galaxy A15",
        "samsung s24",
        "samsung s24",
    ]
    assert "model agreed" in features_of(found, 0)
    assert "model contradicted" in features_of(found, 1)
    assert found.answered["brand"] == 3
    assert found.inferred["brand"] == 0


def test_a_brand_that_the_rows_own_field_states_is_completed_as_in_products() -> None:
    one = listing("Galaxia Z9 128GB", "Z9", {"brand": None, "model": "Z9"}, brand="Samsung")
    assert judge_answers([one], CONFIG).rows["right"].to_list() == [True]


def test_a_variant_among_the_labels_is_a_neighbour_and_the_listing_itself_is_none() -> None:
    found = judge_answers(
        [
            listing("Samsung Galaxy A35 128GB Negro", "Galaxy A35", {"model": "Galaxy A35"}),
            listing("Samsung Galaxy A35 256GB Azul", "Galaxy A35", {"model": "Galaxy A36"}),
            listing("Samsung Galaxy S24 256GB", "Galaxy S24", {"model": "Galaxy S24"}),
            listing("SAMSUNG Galaxy S24 (256 GB)", "Galaxy S24", {"model": "Galaxy S24"}),
        ],
        CONFIG,
    )
    neighbours = [
        {name for name in features_of(found, row) if name.startswith("neighbour")}
        for row in range(4)
    ]
    assert neighbours == [{"neighbour agreed"}, {"neighbour disagreed"}, set(), set()]


def test_a_file_without_answers_is_told_where_they_come_from() -> None:
    with pytest.raises(GoldError, match="normalizer review export --labels"):
        judge_answers([listing("Samsung Galaxy A35", "Galaxy A35")], CONFIG)


def test_an_answer_that_is_none_names_its_listing() -> None:
    one = listing("Samsung Galaxy A35", "Galaxy A35", {"attributes": ["128GB"]})
    with pytest.raises(GoldError, match="Samsung Galaxy A35"):
        judge_answers([one], CONFIG)


def test_a_part_is_numbered_anew() -> None:
    whole = judged((True, ["a"]), (False, ["b"]), (True, ["c"]))
    part = whole.part(np.array([False, True, True]))
    assert part.rows["sku"].to_list() == ["S1", "S2"]
    assert part.features.sort("row").rows() == [(0, "b", 1.0), (1, "c", 1.0)]


# --- the fit --------------------------------------------------------------------------


def test_the_fit_recovers_the_order_and_the_size_of_chances(curve: Calibration) -> None:
    kinds = judged(*((True, list(names)) for names in CHANCES))
    sure = confidence(kinds.features, len(CHANCES), curve).to_list()
    assert sure == sorted(sure, reverse=True)
    for found, chance in zip(sure, CHANCES.values(), strict=True):
        assert found == pytest.approx(chance, abs=0.06)


def test_a_calibration_says_what_it_was_fitted_on(curve: Calibration) -> None:
    assert (curve.llm_model, curve.max_error, curve.answers) == ("gpt-5", MAX_ERROR, 1200)
    shown = {name for names in CHANCES for name in names}
    assert set(curve.weights) == shown | {curves.CONTRADICTED}
    assert list(curve.thresholds) == sorted(GROUPS)


def test_the_same_answers_give_the_same_calibration(
    answers: JudgedAnswers, curve: Calibration
) -> None:
    assert fit(answers, "gpt-5", MAX_ERROR) == curve


def test_the_thresholds_keep_the_bound_on_answers_that_nobody_saw(curve: Calibration) -> None:
    fresh = drawn(CHANCES, count=1000)
    sure = confidence(fresh.features, fresh.rows.height, curve).to_numpy()
    right = fresh.rows["right"].to_numpy()
    groups = fresh.rows["category_group"].to_numpy()
    for accepted in (
        sure >= curve.threshold,
        sure >= np.array([curve.thresholds[group] for group in groups]),
    ):
        assert accepted.mean() > 0.3
        assert (~right[accepted]).mean() <= MAX_ERROR + 0.02


def test_a_smaller_bound_accepts_less(answers: JudgedAnswers, curve: Calibration) -> None:
    stricter = fit(answers, "gpt-5", 0.03)
    assert stricter.threshold > curve.threshold
    assert stricter.weights == curve.weights


def test_what_speaks_against_an_answer_never_raises_its_confidence() -> None:
    misleading = drawn(
        {
            ("brand contradicted", "size given"): 0.95,
            ("brand agreed", "size given"): 0.2,
            ("brand stated",): 0.5,
        },
        count=100,
    )
    weights = fit(misleading, "gpt-5", MAX_ERROR).weights
    assert "brand contradicted" not in weights
    assert "brand agreed" not in weights
    assert set(weights) == {"brand stated", "size given", curves.CONTRADICTED}


def test_a_contradicted_answer_is_less_sure_though_its_labels_say_nothing() -> None:
    chances = {(curves.CONTRADICTED, "size given"): 0.95, ("size given",): 0.9, ("odd",): 0.1}
    curve = fit(drawn(chances, count=100), "gpt-5", MAX_ERROR)
    assert curve.weights[curves.CONTRADICTED] == curves.DISPROVED
    judged = drawn(chances, count=1)
    disproved, whole, _ = confidence(judged.features, 3, curve)
    assert disproved < whole


def test_the_shipped_calibration_weighs_everything_in_its_direction() -> None:
    weights = read_calibration(SHIPPED).weights
    assert not [name for name, one in weights.items() if one > 0 and name.endswith(curves.AGAINST)]
    assert not [name for name, one in weights.items() if one < 0 and name.endswith(curves.FOR)]


def test_the_strongest_penalty_that_is_as_good_but_for_chance_is_taken() -> None:
    best = np.tile([0.1, 0.3], 50)
    assert strongest_penalty({0.1: best + 0.2, 1.0: best + 0.009, 3.0: best}) == 1.0
    assert strongest_penalty({0.1: best + 0.2, 1.0: best + 0.011, 3.0: best}) == 3.0


def test_a_feature_of_few_answers_is_not_weighed(answers: JudgedAnswers) -> None:
    number = curves.RAREST_FEATURE
    rare = pl.DataFrame(
        {"row": range(number), "feature": "common", "value": 1.0}
        | {"row": pl.Series(range(number), dtype=pl.UInt32)}
    )
    seen = answers._replace(features=pl.concat([answers.features, rare]))
    assert "common" in fit(seen, "gpt-5", MAX_ERROR).weights
    seen = answers._replace(features=pl.concat([answers.features, rare.head(number - 1)]))
    assert "common" not in fit(seen, "gpt-5", MAX_ERROR).weights


def test_a_group_of_few_answers_has_no_threshold_of_its_own(answers: JudgedAnswers) -> None:
    group = pl.Series(["smartphones"] * (answers.rows.height - curves.SMALLEST_GROUP + 1))
    rest = pl.Series(["toys"] * (curves.SMALLEST_GROUP - 1))
    few = answers._replace(rows=answers.rows.with_columns(category_group=pl.concat([group, rest])))
    assert list(fit(few, "gpt-5", MAX_ERROR).thresholds) == ["smartphones"]


def test_thresholds_come_from_the_answers_that_rules_have_not_seen(
    answers: JudgedAnswers, curve: Calibration
) -> None:
    right = answers.rows["right"].to_numpy()
    unlucky = fit(answers, "gpt-5", MAX_ERROR, unseen=~right)
    assert unlucky.threshold == HIGHEST_THRESHOLD
    assert unlucky.weights == curve.weights


@pytest.mark.parametrize("wrong", [0, 4])
def test_too_few_answers_are_an_error_that_counts_them(wrong: int) -> None:
    few = judged(*[(True, ["brand agreed"])] * 20, *[(False, ["brand stated"])] * wrong)
    with pytest.raises(GoldError, match=f"at least 5 of each; these are 20 right and {wrong} "):
        fit(few, "gpt-5", MAX_ERROR)


# --- thresholds -----------------------------------------------------------------------


def test_a_threshold_counts_one_more_wrong_answer_than_was_seen() -> None:
    sure = np.array([0.95, 0.85, 0.75, 0.65, 0.55])
    right = np.array([True, True, True, True, False])
    # One of two, of three, of four, of five; then two of six.
    assert threshold_for(sure, right, 0.5) == 0.55
    assert threshold_for(sure, right, 0.3) == 0.65
    assert threshold_for(sure, right, 0.2) == 0.65
    assert threshold_for(sure, right, 0.19) == HIGHEST_THRESHOLD


def test_a_threshold_may_lie_behind_a_wrong_answer() -> None:
    sure = np.linspace(0.9, 0.5, 41)
    right = np.ones(41, dtype=bool)
    right[0] = False
    assert threshold_for(sure, right, 0.05) == 0.5


@settings(max_examples=60)
@given(
    st.dictionaries(st.integers(0, 985), st.booleans(), min_size=1, max_size=60),
    st.floats(0.01, 0.6),
)
def test_accepted_answers_keep_the_bound(found: dict[int, bool], max_error: float) -> None:
    sure = (np.array([*found]) + 0.5) / 1000
    right = np.array([*found.values()])
    threshold = threshold_for(sure, right, max_error)
    accepted = sure >= threshold
    if threshold < HIGHEST_THRESHOLD:
        assert ((~right[accepted]).sum() + 1) / (accepted.sum() + 1) <= max_error
    else:
        assert not accepted.any()


def grouped(own: list[tuple[float, bool]], others: list[tuple[float, bool]]) -> list[Any]:
    """Returns the arguments of a group's threshold: confidences, right, of the group."""
    sure, right = np.array([*own, *others]).T
    return [sure, right.astype(bool), np.arange(len(sure)) < len(own)]


def falling(count: int, highest: float, right: bool) -> list[tuple[float, bool]]:
    return [(highest - number / 1000, right) for number in range(count)]


def test_a_groups_few_answers_lean_on_those_of_all_groups() -> None:
    own, others = falling(10, 0.9005, right=True), falling(39, 0.9805, right=True)
    sure, right, of_group = grouped(own, others)
    # Alone: one wrong of eleven. With all: 49 right give 1/50 to each of fifty more.
    assert threshold_for(sure[of_group], right[of_group], 0.05) == HIGHEST_THRESHOLD
    assert group_threshold(sure, right, of_group, 0.05) == 0.891
    assert group_threshold(sure, right, of_group, 1 / 60 - 1e-9) == HIGHEST_THRESHOLD


def test_a_group_that_errs_more_needs_more_than_the_others() -> None:
    own = falling(50, 0.9505, right=True) + falling(50, 0.8005, right=False)
    others = falling(400, 0.9805, right=True)
    sure, right, of_group = grouped(own, others)
    assert threshold_for(sure, right, 0.15) < 0.76
    assert 0.7 < group_threshold(sure, right, of_group, 0.15) < 0.8005
    assert group_threshold(sure, right, ~of_group, 0.15) < 0.6


# --- scores ---------------------------------------------------------------------------


def test_the_calibration_error_is_the_mean_distance_over_ten_bins_of_equal_size() -> None:
    # Ten bins of two: in nine the mean 0.5 meets one right of two, in one 0.95 meets none.
    sure = np.array([0.5] * 18 + [0.9, 1.0])
    right = np.array([True, False] * 9 + [False, False])
    assert expected_calibration_error(sure, right) == pytest.approx(0.95 / 10)
    assert expected_calibration_error(right.astype(float), right) == 0
    # Fewer answers than bins: one each.
    assert expected_calibration_error(np.array([0.7, 0.4]), np.array([True, False])) == (
        pytest.approx(0.35)
    )


def test_coverage_is_the_largest_share_at_an_accuracy() -> None:
    sure = np.array([0.5, 0.9, 0.8, 0.7])
    right = np.array([True, True, False, True])
    assert coverage_at(sure, right, 0.99) == 0.25
    assert coverage_at(sure, right, 0.75) == 1.0
    assert coverage_at(sure, np.array([True] * 4), 1.0) == 1.0
    assert coverage_at(sure, np.array([False] * 4), 0.01) == 0.0


def test_answers_that_are_equally_sure_are_accepted_together() -> None:
    sure = np.array([0.9, 0.8, 0.8, 0.8])
    assert coverage_at(sure, np.array([True, True, True, False]), 0.99) == 0.25
    assert coverage_at(np.full(4, 0.8), np.array([True, True, True, False]), 0.99) == 0.0


HAND = Calibration(
    llm_model="gpt-5",
    intercept=0.0,
    weights={"sure": 4.0, "unsure": -4.0},
    threshold=0.9,
    thresholds={"toys": 0.99},
    max_error=MAX_ERROR,
    answers=100,
)
"""0.982 with "sure", 0.5 with nothing, 0.018 with "unsure"; toys are never accepted."""


def test_a_report_counts_what_the_thresholds_accept() -> None:
    found = judged(
        *[(True, ["sure"])] * 9, (False, ["sure"]), *[(False, ["unsure"])] * 5,
        groups=("dairy", "dairy", "toys"),
    )  # fmt: skip
    report = evaluate(found, HAND)
    # Of the ten sure ones S2, S5 and S8 are toys.
    assert (report["answers"], report["right"]) == (15, 0.6)
    assert report["accepted"] == {"share": round(7 / 15, 4), "error": round(1 / 7, 4)}
    assert report["kinds"] == {
        "right": {"answers": 9, "right": 9, "accepted": 6},
        "wrong_variant": {"answers": 6, "right": 0, "accepted": 1},
    }
    assert report["groups"] == {
        "dairy": {"answers": 10, "accepted": 0.7},
        "toys": {"answers": 5, "accepted": 0.0},
    }
    # 9 right: above 5 of 6 wrong ones, level with the sixth.
    assert report["auroc"] == round((9 * 5 + 9 * 0.5) / 54, 4)
    assert report["fields"] == {"brand": {"answered": 15, "inferred": 1}}
    assert report["coverage_at_99"]["share"] == 0
    assert report["coverage_at_99"]["low"] == 0 <= report["coverage_at_99"]["high"]
    assert json.loads(json.dumps(report)) == report
    said = in_words(report)
    assert "15 answers, 60.0% right" in said
    assert "46.7%, 14.29% of them wrong" in said


def test_where_nothing_is_accepted_there_is_no_error() -> None:
    report = evaluate(judged((True, []), (False, ["unsure"])), HAND)
    assert report["accepted"] == {"share": 0.0, "error": None}
    assert "0.0%, - of them wrong" in in_words(report)


def test_a_line_for_each_answer() -> None:
    found = judged((True, ["sure"]), (False, []))
    first, second = map(json.loads, confidence_lines(found, HAND).splitlines())
    assert first == {"row": 0, "sku": "S0", "kind": "right", "right": True, "confidence": 0.982014}
    assert (second["row"], second["right"], second["confidence"]) == (1, False, 0.5)


def test_the_picture_is_a_png(tmp_path: Path, answers: JudgedAnswers, curve: Calibration) -> None:
    file = tmp_path / "picture.png"
    draw(answers, curve, file)
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    # Both axes are drawn on: a blank figure of this size has some 2 kB.
    assert len(content) > 10_000


def test_the_shipped_calibration_holds_on_the_half_that_it_has_not_seen() -> None:
    report = evaluate(judge_answers(shipped_gold("test"), CONFIG), read_calibration(SHIPPED))
    assert report["auroc"] >= 0.90
    assert report["ece"] <= 0.05


def test_a_threshold_takes_a_tie_as_a_whole() -> None:
    right = np.array([True] * 20 + [False] * 10)
    assert threshold_for(np.full(30, 0.9), right, 0.05) == HIGHEST_THRESHOLD
    everyone = np.ones(30, dtype=bool)
    assert group_threshold(np.full(30, 0.9), right, everyone, 0.05) == HIGHEST_THRESHOLD


def test_answers_of_one_family_cannot_be_left_out() -> None:
    one = judged(*[(True, ["a"])] * 20, *[(False, ["b"])] * 20)
    one = one._replace(rows=one.rows.with_columns(family=pl.lit("f")))
    with pytest.raises(GoldError, match="label more families"):
        fit(one, "m", MAX_ERROR)


def test_answers_without_a_common_feature_are_too_few() -> None:
    with pytest.raises(GoldError, match="no feature is shown by"):
        fit(judged(*[(True, [])] * 20, *[(False, [])] * 20), "m", MAX_ERROR)


def test_right_answers_alone_have_no_auroc() -> None:
    report = evaluate(judged((True, []), (True, ["sure"])), HAND)
    assert report["auroc"] is None
    assert "AUROC -" in in_words(report)
