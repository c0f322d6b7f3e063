"""Confidence: the calibrated probability that all decisive fields of an answer are right.

Belongs here: what features weigh, thresholds, and which calibration an answer gets. Does
not belong here: the features (``evidence``), fitting (``evaluation.calibration``), and what
a confidence leads to (``verdicts``).

A calibration belongs to the model whose answers it was fitted on. The shipped one comes
from hand-written answers (evaluation/labels/README.md); a model without its own uses that
curve with thresholds raised by a margin (issue 4, 4).
"""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from normalizer_assets.answers.evidence import NOTHING
from normalizer_assets.config import ConfidenceConfig, ConfigurationError, NormalizerConfig

SHIPPED = Path(__file__).parent / "calibrations" / "hand-written.json"
HIGHEST_THRESHOLD = 0.99
UNSUPPORTED = (
    *("brand unsupported", "brand contradicted", "model unsupported", "model contradicted"),
    *("name gives orders", "name unreadable"),
)
UNSUPPORTED_CONFIDENCE = 0.5
"""Highest confidence of an answer whose brand or model nothing in the listing supports, below
every threshold that a calibration chooses: such an answer does not pass (issue 6, 4), however
well the rest of it agrees. Weights alone let a phone of another brand pass once. A name that
gives orders supports nothing: it holds the very words that it wants to have answered."""


class Calibration(BaseModel):
    """A fitted curve.

    Attributes:
        llm_model: Whose answers it was fitted on.
        intercept: Log-odds of an answer without any feature.
        weights: Feature -> log-odds; features that are not named weigh nothing.
        threshold: Confidence from which an answer is accepted.
        thresholds: Category group -> its own, for groups with enough labelled answers.
        max_error: Share of wrong answers among accepted ones that the thresholds hold.
        answers: How many labelled answers it was fitted on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    llm_model: str
    intercept: float
    weights: dict[str, float]
    threshold: float = Field(ge=0, le=1)
    thresholds: dict[str, float] = {}
    max_error: float
    answers: int


class Calibrations(NamedTuple):
    """The shipped curve and those of a user's own models."""

    shipped: Calibration
    own: dict[str, Calibration]

    def of(self, llm_model: str | None) -> Calibration:
        """Returns the curve for a model's answers."""
        return self.own.get(llm_model or "", self.shipped)


def load_calibrations(folder: Path) -> Calibrations:
    """Reads the shipped calibration and those of one's own models.

    Args:
        folder: Of one's own; it need not be there. A model's name may have a slash, and then
            its file lies in a folder below.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    own = [read_calibration(file) for file in sorted(folder.rglob("*.json"))]
    return Calibrations(_shipped(), {one.llm_model: one for one in own})


def read_calibration(file: Path) -> Calibration:
    """Reads one calibration.

    Raises:
        ConfigurationError: It is not what `normalizer calibrate confidence` writes.
    """
    try:
        return Calibration.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigurationError(
            f"{file} is no calibration: {str(error).splitlines()[0]}; write it anew with "
            f"`normalizer calibrate confidence --gold F`, or remove it"
        ) from None


@cache
def _shipped() -> Calibration:
    return read_calibration(SHIPPED)


def yardstick(config: NormalizerConfig) -> str:
    """Identifies what a verdict depends on beside the listing and its answer.

    Returns:
        A hash of the thresholds, the calibrations, the user's own words, and the release,
        whose rules are the second reader.
    """
    said = [
        config.confidence.model_dump(mode="json"),
        config.grammar.model_dump(mode="json"),
        _dumped(load_calibrations(config.calibrations)),
        version("normalizer-assets"),
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _dumped(calibrations: Calibrations) -> list[dict[str, object]]:
    return [one.model_dump() for one in (calibrations.shipped, *calibrations.own.values())]


def confidence(features: pl.DataFrame, rows: int, calibration: Calibration) -> pl.Series:
    """Weighs the evidence of answers.

    Args:
        features: Columns row, feature, value, from ``evidence.gather_evidence``.
        rows: How many answers there are.
        calibration: The curve.

    Returns:
        Float64, 0 to 1, one an answer; 0 where nothing is answered.
    """
    weight = pl.col("feature").replace_strict(
        list(calibration.weights), list(calibration.weights.values()), default=0.0
    )
    log_odds = (
        pl.DataFrame({"row": pl.int_range(rows, dtype=pl.UInt32, eager=True)})
        .join(
            features.group_by("row").agg(sum=(pl.col("value") * weight).sum()),
            on="row",
            how="left",
            maintain_order="left",
        )
        .get_column("sum")
        .fill_null(0.0)
        + calibration.intercept
    )
    answered = ~_shows(features, rows, NOTHING)
    highest = _shows(features, rows, *UNSUPPORTED).replace_strict(
        {True: UNSUPPORTED_CONFIDENCE, False: 1.0}
    )
    weighed = pl.DataFrame({"weighed": answered / (1 + (-log_odds).exp()), "highest": highest})
    # A sum's last digits depend on the order; a version must not change by them.
    return weighed.select(confidence=pl.min_horizontal("weighed", "highest").round(6))["confidence"]


def _shows(features: pl.DataFrame, rows: int, *names: str) -> pl.Series:
    """Whether each answer has one of some features."""
    having = features.filter(pl.col("feature").is_in(names))["row"]
    return pl.int_range(rows, dtype=pl.UInt32, eager=True).is_in(having.to_list())


def confidences(
    features: pl.DataFrame, llm_models: pl.Series, calibrations: Calibrations
) -> pl.Series:
    """Weighs answers of several models, each with its own curve where it has one."""
    result = confidence(features, llm_models.len(), calibrations.shipped)
    for name, calibration in calibrations.own.items():
        own = confidence(features, llm_models.len(), calibration)
        result = own.zip_with((llm_models == name).fill_null(value=False), result)
    return result


def thresholds(
    llm_model: pl.Expr,
    category_group: pl.Expr,
    calibrations: Calibrations,
    config: ConfidenceConfig,
) -> pl.Expr:
    """Returns the confidence from which each answer is accepted.

    What the configuration says counts before what a calibration says. A model without a
    calibration of its own has the shipped thresholds, raised by the margin.
    """
    margin = config.uncalibrated_margin
    needed = _thresholds(calibrations.shipped, category_group, config, margin)
    for name, calibration in calibrations.own.items():
        own = _thresholds(calibration, category_group, config, 0.0)
        needed = pl.when(llm_model == name).then(own).otherwise(needed)
    return needed


def distinct_thresholds(products: pl.DataFrame, config: NormalizerConfig) -> list[float]:
    """Returns the thresholds that products were held against, the lowest first.

    Args:
        products: Columns ``llm_model`` and ``category_group``.
        config: Its calibrations, and what it says of thresholds itself.
    """
    needed = thresholds(
        pl.col("llm_model"),
        pl.col("category_group"),
        load_calibrations(config.calibrations),
        config.confidence,
    )
    return products.select(needed.alias("needed").unique().sort())["needed"].to_list()


def _thresholds(
    calibration: Calibration, category_group: pl.Expr, config: ConfidenceConfig, margin: float
) -> pl.Expr:
    default = config.threshold
    if default is None:
        default = min(calibration.threshold + margin, HIGHEST_THRESHOLD)
    raised = {
        group: min(threshold + margin, HIGHEST_THRESHOLD)
        for group, threshold in calibration.thresholds.items()
        if config.threshold is None
    }
    by_group = raised | {str(group): value for group, value in config.thresholds.items()}
    if not by_group:
        return pl.lit(default)
    return category_group.replace_strict(
        list(by_group), list(by_group.values()), default=default, return_dtype=pl.Float64
    )
