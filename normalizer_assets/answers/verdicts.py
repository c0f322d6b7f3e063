"""The verdict on a row and the verdict on a partition.

Belongs here: accepted or review from a confidence, and whether a partition's rows may
be published, with what was observed, what was asked and why not. Does not belong here:
how a confidence comes about (``evidence``), showing the gate as an asset check, and the
verdict ``rejected``, which only a person gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from normalizer_assets.config import GateConfig

WORST_ROWS = 10
_ROW_KEY = ("retailer", "day", "sku")


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
class GateVerdict:
    """Whether a partition may be published.

    Attributes:
        green: True if it may.
        observed: Measure -> what the rows show; ``None`` where there is nothing to
            measure.
        threshold: The same measures -> the limit.
        reasons: Why it is red, for people; empty if green.
        warnings: What is unusual but stops nothing.
        worst: Up to ten rows of the lowest confidence, all columns, lowest first.
    """

    green: bool
    observed: dict[str, float | None]
    threshold: dict[str, float]
    reasons: list[str]
    warnings: list[str]
    worst: pl.DataFrame


def gate_verdict(rows: pl.DataFrame, expected_rows: int, gate: GateConfig) -> GateVerdict:
    """Judges a partition's rows.

    Args:
        rows: ``status`` (accepted, review, rejected), ``confidence``, ``answered_by``
            and the row's key, ``sku`` (with ``retailer`` and ``day`` if given). Any
            further columns show up in ``worst``.
        expected_rows: Rows that must be there: raw - quarantined - collapsed.
        gate: The limits.

    Returns:
        The verdict. Rejected rows count neither for nor against the share accepted.
    """
    confidence = pl.col("confidence").fill_nan(None).fill_null(0.0)
    judged = pl.col("status") != "rejected"
    key = [column for column in _ROW_KEY if column in rows.columns]
    observed = rows.select(
        rows=pl.len().cast(pl.Float64),
        duplicate_keys=(pl.len() - pl.struct(key).n_unique()).cast(pl.Float64),
        share_accepted=(pl.col("status").filter(judged) == "accepted").mean(),
        mean_confidence=confidence.mean(),
        share_rules=(pl.col("answered_by") == "rules").mean(),
    ).row(0, named=True)
    threshold = {
        "rows": float(expected_rows),
        "duplicate_keys": 0.0,
        "share_accepted": gate.min_share_accepted,
        "mean_confidence": gate.min_mean_confidence,
        "share_rules": gate.max_share_rules,
    }
    reasons = _red(observed, threshold)
    return GateVerdict(
        green=not reasons,
        observed=observed,
        threshold=threshold,
        reasons=reasons,
        warnings=_unusual(observed, threshold),
        worst=rows.sort(confidence, maintain_order=True).head(WORST_ROWS),
    )


def _red(observed: Mapping[str, float | None], threshold: Mapping[str, float]) -> list[str]:
    found = {name: value if value is not None else 0.0 for name, value in observed.items()}
    reasons = []
    if found["rows"] != threshold["rows"]:
        reasons.append(
            f"{found['rows']:.0f} rows where {threshold['rows']:.0f} were to be accounted for"
        )
    if found["duplicate_keys"]:
        reasons.append(f"{found['duplicate_keys']:.0f} rows repeat the key of another")
    if observed["share_accepted"] is None:
        reasons.append("no row is left to judge")
        return reasons
    for name, words in (
        ("share_accepted", "of the rows are accepted"),
        ("mean_confidence", "mean confidence"),
    ):
        if found[name] < threshold[name]:
            reasons.append(f"{found[name]:.1%} {words}, under {threshold[name]:.1%}")
    return reasons


def _unusual(observed: Mapping[str, float | None], threshold: Mapping[str, float]) -> list[str]:
    share = observed["share_rules"] or 0.0
    if share <= threshold["share_rules"]:
        return []
    limit = threshold["share_rules"]
    return [f"{share:.1%} of the rows were answered by basic rules, over {limit:.1%}"]
