"""The verdict on a row and the verdict on a partition.

Belongs here: accepted or review from a confidence, and whether a partition's rows may
be published: for each gate what was observed, what was allowed, and which rows speak
against it. Does not belong here: how a confidence comes about (``evidence``), where rows
and figures are read (``publishing``, ``batching.asked``), showing gates as asset checks, and
the verdict ``rejected``, which only a person gives.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median

import polars as pl

from normalizer_assets.config import GateConfig, NormalizerConfig, RouterConfig

BLOCKING = ("schema_valid", "share_accepted", "rows_accounted_for", "unique_keys")
"""Gates that hold a partition. The mean confidence is none: a few sure rows hide many
doubtful ones, and a row's doubt has its own verdict (``share_accepted`` counts it)."""

WARNING = (
    "share_rules",
    "calibrated",
    "confidence_drift",
    "route_shares",
    "brand_missing",
    "cost",
)
"""Gates that only warn; the last four compare with earlier days of the retailer, the routes'
shares with its calibrated one where it has one."""

WORST_ROWS = 10
SHOWN = ("sku", "name", "brand", "model", "confidence", "status", "reasons")
"""Columns of the worst rows; a gate adds the one that it is about."""

_ROW_KEY = ("retailer", "day", "sku")
_CONFIDENCE = pl.col("confidence").fill_nan(None).fill_null(0.0)

Measures = Mapping[str, float | None]
"""Gate -> what it observed; ``None`` where there was nothing to measure."""


def verdict(confidence: pl.Expr, needed: pl.Expr) -> pl.Expr:
    """Says which rows are accepted and which a person looks at.

    Args:
        confidence: Float64 expression, 0 to 1; null or NaN goes to review.
        needed: Float64 expression: the confidence from which a row is accepted.

    Returns:
        A String expression, ``"accepted"`` or ``"review"``.
    """
    # Polars orders NaN above every number, so it would pass any threshold.
    passes = confidence.fill_nan(None).ge(needed).fill_null(value=False)
    return pl.when(passes).then(pl.lit("accepted")).otherwise(pl.lit("review"))


@dataclass(frozen=True)
class Asked:
    """What was asked of models for a partition, and what came back.

    Attributes:
        questions: Questions that were paid for.
        usd: What they cost, failed and repeated requests included.
        replies: Replies that a model gave, usable or not.
        valid: Those that were parsed and schema-valid.
        unusable: The first of the others: sku, reply (why it cannot be used).
    """

    questions: int
    usd: Decimal
    replies: int
    valid: int
    unusable: pl.DataFrame


@dataclass(frozen=True)
class Facts:
    """What a verdict needs to know besides the rows.

    Attributes:
        expected_rows: Rows that must be there: raw - quarantined - collapsed.
        asked: What was asked for the partition.
        history: Measures of the retailer's earlier published days.
        calibrated: Models that have a calibration of their own.
        full_share: Share (0 to 1) of the retailer's listings that the router was calibrated
            to leave to the tier full; ``None`` if it was not.
    """

    expected_rows: int
    asked: Asked
    history: Sequence[Measures]
    calibrated: Collection[str]
    full_share: float | None = None


@dataclass(frozen=True)
class Gate:
    """One measure of a partition, and whether it is within its limits.

    Attributes:
        name: One of ``BLOCKING`` or ``WARNING``.
        passed: Whether it is; also where there was nothing to measure or compare with.
        observed: The measure.
        n: How many rows, replies or questions it was taken of.
        words: What was found, for people.
        worst: Up to ten rows that speak most against it, the columns to show.
        lowest: Smallest value that passes, ``None`` for any.
        highest: Largest value that passes, ``None`` for any.
        median: Of the earlier days, where it was compared with them.
        days: How many earlier days have this measure, where it is one that is compared.
    """

    name: str
    passed: bool
    observed: float | None
    n: int
    words: str
    worst: pl.DataFrame
    lowest: float | None = None
    highest: float | None = None
    median: float | None = None
    days: int | None = None

    @property
    def blocking(self) -> bool:
        """Whether it decides if the partition is published."""
        return self.name in BLOCKING

    @property
    def reason(self) -> str | None:
        """Why it failed, for people; ``None`` if it passed."""
        return None if self.passed else self.words

    @property
    def threshold(self) -> float | None:
        """The limit; of two the one that the measure is nearer to."""
        limits = [limit for limit in (self.lowest, self.highest) if limit is not None]
        return min(limits, key=lambda limit: abs(limit - (self.observed or 0.0)), default=None)


@dataclass(frozen=True)
class GateVerdict:
    """Whether a partition may be published.

    Attributes:
        gates: Every gate, in the order of ``BLOCKING`` and ``WARNING``.
    """

    gates: tuple[Gate, ...]

    @property
    def green(self) -> bool:
        """True if it may: warnings never decide that."""
        return not self.reasons

    @property
    def reasons(self) -> list[str]:
        """Why it is red, for people; empty if green."""
        return [gate.words for gate in self.gates if gate.blocking and not gate.passed]

    @property
    def failed(self) -> dict[str, str]:
        """Gate -> why it failed, those that only warn as well."""
        return {gate.name: gate.words for gate in self.gates if not gate.passed}

    @property
    def measures(self) -> Measures:
        """What later days compare with."""
        return {gate.name: gate.observed for gate in self.gates}


def gate_verdict(rows: pl.DataFrame, facts: Facts, config: NormalizerConfig) -> GateVerdict:
    """Judges a partition's rows.

    Args:
        rows: Columns of ``SHOWN``, answered_by, llm_model, score and cost_usd; with
            ``retailer`` and ``day`` if they are of several partitions.
        facts: What else is known of the partition.
        config: Its ``gate`` has the limits, its ``router`` the border of the tier full.
    """
    gate = config.gate
    return GateVerdict(
        (
            _schema_valid(rows, facts.asked, gate),
            _share_accepted(rows, gate),
            _rows_accounted_for(rows, facts.expected_rows),
            _unique_keys(rows),
            _share_rules(rows, gate),
            _calibrated(rows, facts.calibrated),
            _confidence_drift(rows, facts.history, gate),
            _route_shares(rows, facts, gate, config.router),
            _brand_missing(rows, facts.history, gate),
            _cost(rows, facts, gate),
        )
    )


# --- gates that block -----------------------------------------------------------------


def _schema_valid(rows: pl.DataFrame, asked: Asked, gate: GateConfig) -> Gate:
    found = _measured(
        "schema_valid",
        asked.valid / asked.replies if asked.replies else None,
        n=asked.replies,
        says="{:.1%} of the replies of models are valid",
        nothing="nothing was asked",
        lowest=gate.min_share_valid,
        worst=asked.unusable.head(WORST_ROWS).join(
            rows.select(SHOWN).unique("sku", keep="first"),
            on="sku",
            how="left",
            maintain_order="left",
        ),
    )
    if not 0 < asked.replies < gate.min_asked:
        return found
    words = f"{asked.valid} of {asked.replies} replies are valid; judged from {gate.min_asked} on"
    return replace(found, passed=True, words=words)


def _share_accepted(rows: pl.DataFrame, gate: GateConfig) -> Gate:
    """Rejected rows count neither for nor against it."""
    judged = rows.filter(pl.col("status") != "rejected")
    accepted = pl.col("status") == "accepted"
    found = _measured(
        "share_accepted",
        _share(judged, accepted),
        n=judged.height,
        says="{:.1%} of the rows are accepted",
        nothing="no row is left to judge",
        lowest=gate.min_share_accepted,
        worst=_least_sure(judged.filter(~accepted)),
    )
    # Nothing to publish is not a partition that is good enough to be published.
    return found if judged.height else replace(found, passed=False)


def _rows_accounted_for(rows: pl.DataFrame, expected: int) -> Gate:
    """Shows no row: those that speak against it are missing."""
    found = _measured(
        "rows_accounted_for",
        rows.height,
        n=expected,
        says="{:.0f} rows",
        lowest=expected,
        highest=expected,
        worst=rows.clear().select(SHOWN),
    )
    return replace(found, words=f"{rows.height} rows where {expected} were to be accounted for")


def _unique_keys(rows: pl.DataFrame) -> Gate:
    key = pl.struct(column for column in _ROW_KEY if column in rows.columns)
    found = _measured(
        "unique_keys",
        rows.height - rows.select(key.n_unique()).item(),
        n=rows.height,
        says="{:.0f} rows",
        highest=0,
        worst=_least_sure(rows.filter(key.is_duplicated())),
    )
    return replace(found, words=f"{found.observed} rows repeat the key of another")


# --- gates that warn ------------------------------------------------------------------


def _share_rules(rows: pl.DataFrame, gate: GateConfig) -> Gate:
    """Legacy counts as well: both answer only where something failed before."""
    by_last_resort = pl.col("answered_by").is_in(("rules", "legacy"))
    return _measured(
        "share_rules",
        _share(rows, by_last_resort),
        n=rows.height,
        says="{:.1%} of the rows were answered by basic rules or the legacy model",
        highest=gate.max_share_rules,
        worst=_least_sure(rows.filter(by_last_resort)),
    )


def _calibrated(rows: pl.DataFrame, calibrated: Collection[str]) -> Gate:
    """Rows of rules and people have no model, and count neither for nor against it."""
    of_models = rows.filter(pl.col("llm_model").is_not_null())
    without = ~pl.col("llm_model").is_in(list(calibrated))
    found = _measured(
        "calibrated",
        _share(of_models, without),
        n=of_models.height,
        says="{:.1%} of the answers of models are judged by a calibration made for another model",
        nothing="no model answered",
        highest=0,
        worst=_least_sure(of_models.filter(without), "llm_model"),
    )
    models = sorted(of_models.filter(without)["llm_model"].unique())
    if not models:
        return found
    return _with_note(
        found,
        f"{', '.join(models)}: label some of their answers and type `normalizer calibrate "
        f"confidence --gold F --llm-model {models[0]}`",
    )


def _confidence_drift(rows: pl.DataFrame, history: Sequence[Measures], gate: GateConfig) -> Gate:
    return _compared(
        "confidence_drift",
        rows.select(_CONFIDENCE.mean()).item(),
        history,
        gate,
        n=rows.height,
        says="mean confidence {:.3f}",
        lowest=lambda middle: middle - gate.max_confidence_drift,
        highest=lambda middle: middle + gate.max_confidence_drift,
        worst=_least_sure(rows),
    )


def _route_shares(rows: pl.DataFrame, facts: Facts, gate: GateConfig, router: RouterConfig) -> Gate:
    """Measures scores, not routes: the more the cache answers, the fewer routes are left.

    Compares with the retailer's calibrated share, else with earlier days. Shows the rows
    nearest to the border: they change sides first.
    """
    observed = _share(rows, pl.col("score") >= router.complex_from)
    says = "{:.1%} of the rows call for the tier full"
    worst = _worst(rows, (pl.col("score") - router.complex_from).abs(), "score")
    calibrated = facts.full_share
    if calibrated is None:
        return _compared(
            "route_shares",
            observed,
            facts.history,
            gate,
            n=rows.height,
            says=says,
            lowest=lambda middle: middle - gate.max_route_drift,
            highest=lambda middle: middle + gate.max_route_drift,
            worst=worst,
        )
    found = _measured(
        "route_shares",
        observed,
        n=rows.height,
        says=says,
        lowest=calibrated - gate.max_route_drift,
        highest=calibrated + gate.max_route_drift,
        worst=worst,
    )
    note = f"the calibrated share is {_number(says).format(calibrated)}"
    return found if observed is None else _with_note(found, note)


def _brand_missing(rows: pl.DataFrame, history: Sequence[Measures], gate: GateConfig) -> Gate:
    missing = pl.col("brand").is_null()
    return _compared(
        "brand_missing",
        _share(rows, missing),
        history,
        gate,
        n=rows.height,
        says="{:.1%} of the rows have no brand",
        highest=lambda middle: middle + gate.max_brand_missing_drift,
        worst=_least_sure(rows.filter(missing)),
    )


def _cost(rows: pl.DataFrame, facts: Facts, gate: GateConfig) -> Gate:
    """Measures USD a question that was paid for, with all that it took to have its answer.

    Not USD a row: the cache answers most rows of most days, so a row's cost says how much
    was new, and not whether asking became dearer.
    """
    asked = facts.asked
    enough = asked.questions >= gate.min_asked
    return _compared(
        "cost",
        float(asked.usd / asked.questions) if enough else None,
        facts.history,
        gate,
        n=asked.questions,
        says="{:.6f} USD a question",
        nothing=f"{asked.questions} questions were paid for, judged from {gate.min_asked} on",
        highest=lambda middle: middle * gate.max_cost_ratio,
        worst=_worst(rows.filter(pl.col("cost_usd") > 0), -pl.col("cost_usd"), "cost_usd"),
    )


# --- what they have in common ---------------------------------------------------------


def _measured(
    name: str,
    observed: float | None,
    *,
    n: int,
    says: str,
    worst: pl.DataFrame,
    nothing: str = "there is no row",
    lowest: float | None = None,
    highest: float | None = None,
) -> Gate:
    """Compares a measure with its limits and puts that into words.

    Args:
        name: The gate.
        observed: The measure; ``None`` passes.
        n: What it was taken of.
        says: What it is, with one placeholder such as ``{:.1%}``.
        worst: Rows that speak against it.
        nothing: Said where there is no measure.
        lowest: Smallest value that passes.
        highest: Largest value that passes.
    """
    words, passed = nothing, True
    if observed is not None:
        words = says.format(observed)
        for limit, beyond, side in (
            (lowest, lowest is not None and observed < lowest, "under"),
            (highest, highest is not None and observed > highest, "over"),
        ):
            if beyond:
                words, passed = f"{words}, {side} {_number(says).format(limit)}", False
    return Gate(name, passed, observed, n, words, worst, lowest, highest)


def _compared(
    name: str,
    observed: float | None,
    history: Sequence[Measures],
    gate: GateConfig,
    *,
    n: int,
    says: str,
    worst: pl.DataFrame,
    highest: Callable[[float], float],
    lowest: Callable[[float], float] | None = None,
    nothing: str = "there is no row",
) -> Gate:
    """Compares a measure with limits around its median of earlier days, if these suffice."""
    values = [value for day in history if (value := day.get(name)) is not None]
    middle = median(values) if len(values) >= gate.trailing_min else None
    found = _measured(
        name,
        observed,
        n=n,
        says=says,
        worst=worst,
        nothing=nothing,
        lowest=None if middle is None or lowest is None else lowest(middle),
        highest=None if middle is None else highest(middle),
    )
    if observed is None:
        return replace(found, median=middle, days=len(values))
    note = f"only {len(values)} earlier published days, compared from {gate.trailing_min} on"
    if middle is not None:
        note = f"the median of {len(values)} earlier days is {_number(says).format(middle)}"
    return replace(_with_note(found, note), median=middle, days=len(values))


def _number(says: str) -> str:
    """Returns the placeholder in a text, such as ``{:.1%}``."""
    return says[says.index("{") : says.index("}") + 1]


def _with_note(gate: Gate, note: str) -> Gate:
    return replace(gate, words=f"{gate.words}; {note}")


def _share(rows: pl.DataFrame, condition: pl.Expr) -> float | None:
    """Returns the share of rows with a condition, ``None`` of no rows."""
    share: float | None = rows.select(condition.fill_null(value=False).mean()).item()
    return share


def _least_sure(rows: pl.DataFrame, *more: str) -> pl.DataFrame:
    return _worst(rows, _CONFIDENCE, *more)


def _worst(rows: pl.DataFrame, by: pl.Expr, *more: str) -> pl.DataFrame:
    """Returns the first rows in an order, with the columns to show."""
    return rows.sort(by, maintain_order=True).head(WORST_ROWS).select(*SHOWN, *more)
