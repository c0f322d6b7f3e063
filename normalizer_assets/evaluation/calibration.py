"""Fitting and scoring the confidence on labelled answers.

Belongs here: which labelled answers are right, the fit (scikit-learn), thresholds for a
bound on error, and the report with its picture. Does not belong here: applying a calibration
(``answers.confidence``), features (``answers.evidence``), gold files (``gold``).

Everything here is about the answers of the file that was given. The shipped ones are
hand-written, so nothing here is a model's accuracy.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from normalizer_assets.answers.comparison import DECISIVE_FIELDS, answer_fields, same
from normalizer_assets.answers.confidence import HIGHEST_THRESHOLD, Calibration, confidence
from normalizer_assets.answers.evidence import gather_evidence
from normalizer_assets.answers.rules import read_listings
from normalizer_assets.answers.schemas import Answer, UnusableAnswer, normalise
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.evaluation.gold import (
    GoldError,
    GoldListing,
    LabelledAnswer,
    label_fields,
    listings_of,
)
from normalizer_assets.grammar.brands import stated_brand
from normalizer_assets.routing.canonical import canonical_key, variant_stem

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST_GROUP = 50
"""Labelled answers from which a category group has a threshold of its own (issue 4, 4)."""

RAREST_FEATURE = 10
"""A feature that fewer answers show is not weighed."""

AGAINST = (
    *("contradicted", "misplaced", "unsupported", "inferred", "disputed", "elsewhere", "partial"),
    *("fitted", "unknown", "not stated", "left out", "product word", "missing", "implausible"),
    *("disagreed", "without model", "words unexplained", "short of rules", "beyond rules"),
)
FOR = (" agreed", "claimed")
"""Ends of the features that only ever lower, or raise, a confidence."""

CONTRADICTED, DISPROVED = "any contradicted", -1.0
"""What an answer that the listing contradicts loses in log odds where its labels say nothing.

Reasoned, not fitted. The contradicted field gives way to the listing's, so a hand-written answer
with this one mistake is published right; a model that misread one field, or answered another
listing of its pack, is less to be trusted in the others."""

FOLDS = 5
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Inverse strengths of the penalty that are tried, each on answers left out of its fit."""

BINS = 10
ACCURACY = 0.99
RESAMPLES = 1000


class JudgedAnswers(NamedTuple):
    """Labelled answers with their evidence.

    Attributes:
        rows: Columns sku, family, category_group, kind, right (Boolean).
        features: Columns row, feature, value, as ``gather_evidence`` returns them.
        inferred: Field -> kept values without support in the listing.
        answered: Field -> kept values.
    """

    rows: pl.DataFrame
    features: pl.DataFrame
    inferred: dict[str, int]
    answered: dict[str, int]

    def part(self, mask: "NDArray[np.bool_]") -> "JudgedAnswers":
        """Returns some of the answers, numbered anew."""
        numbers = pl.Series("row", np.flatnonzero(mask), dtype=pl.UInt32)
        renumbered = pl.DataFrame({"row": numbers}).with_row_index("new")
        features = self.features.join(renumbered, on="row").select(
            pl.col("new").alias("row"), "feature", "value"
        )
        return self._replace(rows=self.rows.filter(pl.Series(mask)), features=features)


def judge_answers(gold: Sequence[GoldListing], config: NormalizerConfig) -> JudgedAnswers:
    """Reads the evidence for labelled answers, and says which are right.

    Args:
        gold: Labelled listings with answers.
        config: Grammar and category groups.

    Raises:
        GoldError: No listing has answers, or an answer is none.
    """
    pairs = [(number, one) for number, listing in enumerate(gold) for one in listing.answers]
    if not pairs:
        raise GoldError(
            'no line has "answers": [{"answer": {...}}]; `normalizer review export --labels F` '
            "writes such a file from what people decided"
        )
    listings = listings_of(gold, config)
    rules = read_listings(listings, config.grammar)
    answers = [_normalised(gold[number], one) for number, one in pairs]
    picked = pl.Series([number for number, _ in pairs])
    rows = (
        pl.DataFrame([answer.columns() for answer in answers], infer_schema_length=None)
        .with_columns(
            pl.Series("model_confidence", [one.model_confidence for one in answers], pl.Float64),
            *(
                listings[column][picked].alias(name)
                for column, name in (
                    ("name", "name"), ("brand", "listing_brand"), ("price", "price"),
                    ("category_group", "category_group"),
                )
            ),
            *(rules[name][picked].alias(f"rules_{name}") for name in _READ_BY_RULES),
            *_neighbours(listings, gold)[picked],
        )
        # As products do: the prompts do not show the row's brand field.
        .with_columns(brand=pl.coalesce("brand", stated_brand(pl.col("listing_brand"))))
    )  # fmt: skip
    evidence = gather_evidence(rows)
    kept = [
        answer_fields({**row, "attributes": json.loads(row["attributes"])})
        for row in evidence.rows.select("brand", "model", "attributes").iter_rows(named=True)
    ]
    right = [
        is_right(one, answer_fields(answer.model_dump()), fields, label_fields(gold[number].gold))
        for (number, one), answer, fields in zip(pairs, answers, kept, strict=True)
    ]
    about = pl.DataFrame(
        {
            "sku": [gold[number].sku for number, _ in pairs],
            "family": [gold[number].family or gold[number].name for number, _ in pairs],
            "category_group": rows["category_group"],
            "kind": [one.kind for _, one in pairs],
            "right": right,
        }
    )
    return JudgedAnswers(about, evidence.features, *_support(evidence.rows))


_READ_BY_RULES = ("brand", "model", "attributes")


def _neighbours(listings: pl.DataFrame, gold: Sequence[GoldListing]) -> pl.DataFrame:
    """Returns for each listing the label of a variant among the others, if there is one.

    The cache holds accepted answers; a label stands in for one.
    """
    key = canonical_key(pl.col("name"), pl.col("brand"), pl.col("category_group"))
    keyed = listings.select(key=key, stem=variant_stem(key)).with_columns(
        brand=pl.Series([one.gold.brand for one in gold], dtype=pl.String),
        model=pl.Series([one.gold.model for one in gold], dtype=pl.String),
    )
    pairs = (
        keyed.with_row_index()
        .join(keyed, on="stem", suffix="_of_other")
        .filter(pl.col("key") != pl.col("key_of_other"))
        .unique("index", keep="first", maintain_order=True)
        .select(
            "index",
            has_neighbour=pl.lit(value=True),
            neighbour_brand="brand_of_other",
            neighbour_model="model_of_other",
        )
    )
    return (
        keyed.with_row_index()
        .select("index")
        .join(pairs, on="index", how="left", maintain_order="left")
        .drop("index")
    )


def _normalised(listing: GoldListing, one: LabelledAnswer) -> Answer:
    try:
        return normalise(one.answer)
    except UnusableAnswer as error:
        raise GoldError(f"an answer to {listing.name!r} is none: {error}") from None


def is_right(
    one: LabelledAnswer, said: dict[str, str], kept: dict[str, str], gold: dict[str, str]
) -> bool:
    """Whether all decisive fields of an answer are right, as it would be published.

    Where somebody said which fields are wrong, these count unless they were dropped as
    contradicted and the listing does not state them, or were completed from the row. Else the
    label decides: what it states must be there, a brand or model that it lacks must not;
    attributes beyond it may follow from the model and are not judged.

    Args:
        one: The labelled answer.
        said: Its fields.
        kept: Those that evidence left, with what it took from the listing.
        gold: The label's fields.
    """
    decisive = [field for field in DECISIVE_FIELDS if field in kept or field in gold]
    if one.wrong_fields is None:
        return all(
            field in kept and same(field, kept[field], gold[field])
            for field in decisive
            if field in gold
        ) and not any(field in kept and field not in gold for field in ("brand", "model"))
    wrong = {
        field
        for field in decisive
        if field in one.wrong_fields
        and not (field in gold and field in kept and same(field, kept[field], gold[field]))
    }
    lost = {field for field in gold if field in said and field not in kept}
    misread = {
        field
        for field in DECISIVE_FIELDS
        if field in kept
        and field not in said
        and not (field in gold and same(field, kept[field], gold[field]))
    }
    return not wrong and not lost and not misread


def _support(rows: pl.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Counts by field what was kept, and what of it the listing does not state."""
    inferred: dict[str, int] = {}
    answered: dict[str, int] = {}
    for text in rows["evidence"]:
        for field, found in json.loads(text).items():
            if found == "contradicted" and field not in _READ_BY_RULES:
                continue
            answered[field] = answered.get(field, 0) + 1
            inferred[field] = inferred.get(field, 0) + (found != "supported")
    return inferred, answered


# --- fitting ----------------------------------------------------------------------


def fit(
    judged: JudgedAnswers,
    llm_model: str,
    max_error: float,
    unseen: "NDArray[np.bool_] | None" = None,
) -> Calibration:
    """Fits a logistic curve, and chooses thresholds for a bound on error.

    The strength of the penalty and the thresholds come from answers that were left out of
    the fit they are judged by: folds by product family.

    Args:
        judged: Labelled answers.
        llm_model: Whose answers they are.
        max_error: Highest share of wrong answers among accepted ones.
        unseen: Answers that thresholds are chosen on, where rules were developed on the
            others: there they agree with right answers more often than anywhere else, and a
            bound of 5 % let 9 % pass. ``None`` for all.

    Raises:
        GoldError: Too few answers, or all right, or all wrong.
    """
    right = judged.rows["right"].to_numpy()
    if min(right.sum(), (~right).sum()) < FOLDS:
        raise GoldError(
            f"a calibration needs right and wrong answers, at least {FOLDS} of each; these are "
            f"{right.sum()} right and {(~right).sum()} wrong"
        )
    names, matrix = _matrix(judged)
    if not names:
        raise GoldError(
            f"no feature is shown by {RAREST_FEATURE} answers or more; label more answers"
        )
    folds = _folds(judged.rows["family"])
    if any(len(set(right[folds != fold])) < len({True, False}) for fold in range(FOLDS)):
        raise GoldError(
            f"right and wrong answers must each be of several product families, because every "
            f"one of {FOLDS} parts of the families is left out once; label more families"
        )
    contradicted = matrix[:, names.index(CONTRADICTED)] if CONTRADICTED in names else 0.0
    penalty = strongest_penalty(
        {one: _losses(right, _left_out(matrix, right, folds, one)) for one in PENALTIES}
    )
    weights, intercept = _logistic(matrix, right, penalty)
    while len(names) > 1 and (wrong_way := _wrong_way(names, weights)).max() > 0:
        # One at a time: what "contradicted" took too much, "agreed" may have lacked.
        worst = int(wrong_way.argmax())
        names = [*names[:worst], *names[worst + 1 :]]
        matrix = np.delete(matrix, worst, axis=1)
        weights, intercept = _logistic(matrix, right, penalty)
    left_out = _left_out(matrix, right, folds, penalty)
    weighed = {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)}
    if CONTRADICTED not in weighed:
        weighed[CONTRADICTED] = DISPROVED
        odds = left_out / (1 - left_out) * np.exp(DISPROVED * contradicted)
        left_out = odds / (1 + odds)
    large = (
        judged.rows.group_by("category_group")
        .len()
        .filter(pl.col("len") >= SMALLEST_GROUP)
        .get_column("category_group")
        .sort()
    )
    if unseen is None:
        unseen = np.ones(len(right), dtype=bool)
    groups = judged.rows["category_group"].to_numpy()[unseen]
    sure, truly = left_out[unseen], right[unseen]
    return Calibration(
        llm_model=llm_model,
        intercept=round(intercept, 4),
        weights=weighed,
        threshold=threshold_for(sure, truly, max_error),
        thresholds={
            group: group_threshold(sure, truly, groups == group, max_error) for group in large
        },
        max_error=max_error,
        answers=len(right),
    )


def _wrong_way(names: Sequence[str], weights: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Says of each feature how much it weighs against its direction, 0 where it does not.

    What speaks against an answer never raises its confidence, nor does what confirms it lower
    it. Labels may say so: each wrong answer of the shipped ones has one mistake, so one whose
    contradicted field gave way to the listing's has none left.
    """
    direction = [1 if name.endswith(AGAINST) else -1 if name.endswith(FOR) else 0 for name in names]
    return np.maximum(weights * direction, 0)


def threshold_for(
    confidences: "NDArray[np.float64]", right: "NDArray[np.bool_]", max_error: float
) -> float:
    """Returns the lowest confidence from which accepted answers keep the bound.

    The error is counted with one more wrong answer than was seen, (wrong + 1) / (accepted +
    1), as conformal risk control does (Angelopoulos et al., arXiv 2208.02814): few answers
    prove little. 0.99 where no threshold keeps it.
    """
    sure, wrong, accepted = _from_the_surest(confidences, right)
    return _lowest(sure, (wrong + 1) / (accepted + 1) <= max_error)


def group_threshold(
    confidences: "NDArray[np.float64]",
    right: "NDArray[np.bool_]",
    of_group: "NDArray[np.bool_]",
    max_error: float,
) -> float:
    """Returns the threshold of one group, whose few answers lean on those of all groups.

    At each confidence the group's error is that of its own answers and of ``SMALLEST_GROUP``
    more that err as all groups do there (a beta prior). By its own answers alone, five groups
    of some 60 had a threshold of 0.99, and nearly all their rows went to review.
    """
    sure, wrong, accepted = _from_the_surest(confidences[of_group], right[of_group])
    all_sure, all_wrong, all_accepted = _from_the_surest(confidences, right)
    place = len(all_sure) - np.searchsorted(all_sure[::-1], sure, side="left") - 1
    expected = (all_wrong[place] + 1) / (all_accepted[place] + 1)
    error = (wrong + SMALLEST_GROUP * expected) / (accepted + SMALLEST_GROUP)
    return _lowest(sure, error <= max_error)


def _from_the_surest(
    confidences: "NDArray[np.float64]", right: "NDArray[np.bool_]"
) -> tuple["NDArray[np.float64]", "NDArray[np.int64]", "NDArray[np.int64]"]:
    """Returns confidences, the surest first, and how many are wrong and accepted down to each."""
    order = np.argsort(-confidences, kind="stable")
    return confidences[order], np.cumsum(~right[order]), np.arange(len(order)) + 1


def _ends(sure: "NDArray[np.float64]") -> "NDArray[np.bool_]":
    """Says which of ordered confidences is the last of its ties."""
    return np.append(np.diff(sure) != 0, True)


def _lowest(sure: "NDArray[np.float64]", kept: "NDArray[np.bool_]") -> float:
    # A tie is accepted as a whole.
    kept = kept & _ends(sure)
    if not kept.any():
        return HIGHEST_THRESHOLD
    lowest = sure[np.flatnonzero(kept)[-1]]
    return float(np.floor(min(lowest, HIGHEST_THRESHOLD) * 1000) / 1000)


def _matrix(judged: JudgedAnswers) -> tuple[list[str], "NDArray[np.float64]"]:
    counted = judged.features.group_by("feature").len().filter(pl.col("len") >= RAREST_FEATURE)
    names = sorted(counted["feature"])
    place = {name: number for number, name in enumerate(names)}
    matrix = np.zeros((judged.rows.height, len(names)))
    for row, feature, value in judged.features.iter_rows():
        if feature in place:
            matrix[row, place[feature]] = value
    return names, matrix


def _folds(families: pl.Series) -> "NDArray[np.int64]":
    """Numbers the fold of each answer; a family is in one fold."""
    return (families.rank("dense").to_numpy().astype(np.int64) * 7919) % FOLDS


def _left_out(
    matrix: "NDArray[np.float64]",
    right: "NDArray[np.bool_]",
    folds: "NDArray[np.int64]",
    penalty: float,
) -> "NDArray[np.float64]":
    """Returns each answer's confidence by the fit of the other folds."""
    result = np.empty(len(right))
    for fold in range(FOLDS):
        inside = folds == fold
        weights, intercept = _logistic(matrix[~inside], right[~inside], penalty)
        result[inside] = 1 / (1 + np.exp(-(matrix[inside] @ weights + intercept)))
    return result


def _logistic(
    matrix: "NDArray[np.float64]", right: "NDArray[np.bool_]", penalty: float
) -> tuple["NDArray[np.float64]", float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=penalty, max_iter=2000).fit(matrix, right)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _losses(
    right: "NDArray[np.bool_]", confidences: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    clipped = np.clip(confidences, 1e-6, 1 - 1e-6)
    losses: NDArray[np.float64] = -np.where(right, np.log(clipped), np.log(1 - clipped))
    return losses


def strongest_penalty(losses: Mapping[float, "NDArray[np.float64]"]) -> float:
    """Returns the strongest penalty that is as good as the best one but for chance.

    Within one standard error of its mean loss (Hastie, Tibshirani, Friedman, "The Elements of
    Statistical Learning", 7.10): the best of nearly equal ones changed with every few labels,
    and the confidence of new answers with it.
    """
    best = min(losses.values(), key=np.mean)
    bound = best.mean() + best.std() / np.sqrt(len(best))
    return min(one for one, loss in losses.items() if loss.mean() <= bound)


# --- scoring ----------------------------------------------------------------------


def evaluate(judged: JudgedAnswers, calibration: Calibration) -> dict[str, Any]:
    """Scores a calibration on labelled answers.

    Returns:
        ``answers``, ``right`` (share), ``auroc`` (``None`` where all are right, or wrong),
        ``ece`` (ten bins of equal size), ``brier``, ``coverage_at_99`` (share accepted at 99 %
        accuracy, and the 95 % interval over resampled families), ``accepted`` (share over the
        thresholds, and the error among them), ``kinds`` and ``groups`` (answers, accepted),
        ``fields`` (kept, and of these not stated in the listing), ``llm_model`` of the
        calibration.
    """
    from sklearn.metrics import brier_score_loss, roc_auc_score

    right = judged.rows["right"].to_numpy()
    sure = _confidences(judged, calibration)
    needed = _needed(judged, calibration)
    accepted = sure >= needed
    groups = judged.rows["category_group"].to_numpy()
    coverage = coverage_at(sure, right, ACCURACY)
    low, high = _interval(sure, right, judged.rows["family"])
    # Of right answers alone, or wrong ones, nothing can be told apart.
    auroc = float(roc_auc_score(right, sure)) if 0 < right.sum() < len(right) else None
    return {
        "llm_model": calibration.llm_model,
        "answers": len(right),
        "right": round(float(right.mean()), 4),
        "auroc": None if auroc is None else round(auroc, 4),
        "ece": round(expected_calibration_error(sure, right), 4),
        "brier": round(float(brier_score_loss(right, sure)), 4),
        "coverage_at_99": {
            "share": round(coverage, 4),
            "low": round(low, 4),
            "high": round(high, 4),
        },
        "accepted": {
            "share": round(float(accepted.mean()), 4),
            "error": round(float((~right[accepted]).mean()), 4) if accepted.any() else None,
        },
        "kinds": _by_kind(judged.rows, accepted),
        "groups": {
            group: {
                "answers": int((groups == group).sum()),
                "accepted": round(float(accepted[groups == group].mean()), 4),
            }
            for group in sorted(set(groups))
        },
        "fields": {
            field: {"answered": count, "inferred": judged.inferred[field]}
            for field, count in sorted(judged.answered.items())
        },
    }


def expected_calibration_error(
    confidences: "NDArray[np.float64]", right: "NDArray[np.bool_]"
) -> float:
    """Returns the mean distance of confidence and accuracy over ten bins of equal size."""
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    gaps = [abs(confidences[part].mean() - right[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(confidences))


def coverage_at(
    confidences: "NDArray[np.float64]", right: "NDArray[np.bool_]", accuracy: float
) -> float:
    """Returns the largest share that can be accepted, the surest first, at this accuracy."""
    order = np.argsort(-confidences, kind="stable")
    accurate = np.cumsum(right[order]) / (np.arange(len(order)) + 1)
    kept = np.flatnonzero((accurate >= accuracy) & _ends(confidences[order]))
    return float((kept[-1] + 1) / len(order)) if len(kept) else 0.0


def _interval(
    confidences: "NDArray[np.float64]", right: "NDArray[np.bool_]", families: pl.Series
) -> tuple[float, float]:
    """Returns the 95 % interval of the coverage over resampled families."""
    generator = np.random.default_rng(0)
    number = families.rank("dense").to_numpy().astype(np.int64) - 1
    members = [np.flatnonzero(number == one) for one in range(number.max() + 1)]
    found = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate(
            [members[one] for one in generator.integers(len(members), size=len(members))]
        )
        found.append(coverage_at(confidences[drawn], right[drawn], ACCURACY))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _by_kind(rows: pl.DataFrame, accepted: "NDArray[np.bool_]") -> dict[str, Any]:
    counted = (
        rows.with_columns(accepted=pl.Series(accepted))
        .filter(pl.col("kind").is_not_null())
        .group_by("kind")
        .agg(answers=pl.len(), right=pl.col("right").sum(), accepted=pl.col("accepted").sum())
        .sort("kind")
    )
    return {row.pop("kind"): row for row in counted.iter_rows(named=True)}


def _confidences(judged: JudgedAnswers, calibration: Calibration) -> "NDArray[np.float64]":
    return confidence(judged.features, judged.rows.height, calibration).to_numpy()


def _needed(judged: JudgedAnswers, calibration: Calibration) -> "NDArray[np.float64]":
    return np.array(
        [
            calibration.thresholds.get(group, calibration.threshold)
            for group in judged.rows["category_group"]
        ]
    )


def confidence_lines(judged: JudgedAnswers, calibration: Calibration) -> str:
    """Returns one JSON line an answer: row, sku, kind, right, confidence."""
    return (
        judged.rows.select("sku", "kind", "right")
        .with_columns(pl.Series("confidence", _confidences(judged, calibration)))
        .with_row_index("row")
        .write_ndjson()
    )


def in_words(report: dict[str, Any]) -> str:
    """Returns the report's main figures for people."""
    coverage, accepted = report["coverage_at_99"], report["accepted"]
    error = "-" if accepted["error"] is None else f"{accepted['error']:.2%}"
    auroc = "-" if report["auroc"] is None else f"{report['auroc']:.3f}"
    return "\n".join(
        [
            f"{report['answers']} answers, {report['right']:.1%} right",
            f"calibration made for {report['llm_model']!r}",
            f"AUROC {auroc}, ECE {report['ece']:.3f}, Brier {report['brier']:.3f}",
            f"coverage at 99 % accuracy {coverage['share']:.1%}",
            f"  its 95 % interval {coverage['low']:.1%} to {coverage['high']:.1%}",
            f"over the thresholds: {accepted['share']:.1%}, {error} of them wrong",
        ]
    )


def draw(judged: JudgedAnswers, calibration: Calibration, file: Path) -> None:
    """Draws the error over the share accepted, and accuracy over confidence, as PNG."""
    from matplotlib.figure import Figure

    right = judged.rows["right"].to_numpy()
    sure = _confidences(judged, calibration)
    order = np.argsort(-sure, kind="stable")
    count = np.arange(len(order)) + 1
    figure = Figure(figsize=(9, 4), layout="constrained")
    risk, reliability = figure.subplots(1, 2)
    risk.plot(count / len(order), np.cumsum(~right[order]) / count)
    risk.axhline(1 - ACCURACY, linestyle=":", color="grey")
    risk.set(xlabel="share accepted, the surest first", ylabel="share of these that is wrong")
    parts = [part for part in np.array_split(order[::-1], BINS) if len(part)]
    reliability.plot([0, 1], [0, 1], linestyle=":", color="grey")
    reliability.plot(
        [sure[part].mean() for part in parts], [right[part].mean() for part in parts], marker="o"
    )
    reliability.set(xlabel="confidence", ylabel="share right")
    figure.suptitle(
        f"{len(right)} labelled answers; calibration made for {calibration.llm_model!r}"
    )
    figure.savefig(file, dpi=80)
