"""The gates, as partitioned asset checks on ``normalized_products``.

Belongs here: running the gates in Dagster, having their verdict recorded, showing why. Does
not belong here: what a gate asks (``answers.verdicts``) and its thresholds (config).
"""

import warnings
from collections.abc import Iterator

import dagster as dg

from normalizer_assets.answers.verdicts import BLOCKING, WARNING, Gate
from normalizer_assets.markdown import frame_table
from normalizer_assets.resources.turn import Turn

STEP = "normalized_products_gates"

MEDIAN = "the median of the retailer's last published days"

DESCRIPTIONS = {
    "schema_valid": "Share of the models' replies that are parsed and schema-valid.",
    "share_accepted": "Share of rows accepted; rejected ones do not count.",
    "rows_accounted_for": "Raw rows = normalised + quarantined + collapsed.",
    "unique_keys": "No two rows with the same key.",
    "share_rules": "Share of rows that only basic rules or the legacy model answered.",
    "calibrated": "No confidence comes from a calibration made for another model.",
    "confidence_drift": f"Mean confidence against {MEDIAN}.",
    "route_shares": "Share of rows that call for the tier full, against what the router is "
    f"calibrated for, or {MEDIAN}.",
    "brand_missing": f"Share of rows without a brand against {MEDIAN}.",
    "cost": f"USD a question that was paid for against {MEDIAN}.",
}
"""Each is read alone, beside its check."""


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetChecksDefinition:
    """Returns the gates, one check each, evaluated together.

    Together, because the verdict on a partition is one: it is decided from one reading of
    the rows and recorded once. So none can be selected alone.

    The verdict is written to the normaliser's own database, so that nothing depends on
    which Dagster instance asks. A red gate stops ``cache_embeddings`` in this run, and
    ``cache_embeddings`` itself refuses a held partition in any other.
    """

    @dg.multi_asset_check(
        name=STEP,
        specs=[_spec(name, partitions) for name in (*BLOCKING, *WARNING)],
        can_subset=False,
    )
    def gates(
        context: dg.AssetCheckExecutionContext, turn: dg.ResourceParam[Turn]
    ) -> Iterator[dg.AssetCheckResult]:
        """Whether the partition may be published, and what is unusual about it.

        A blocking gate that fails holds the partition: nothing is published or embedded,
        and the last green version stays the published one.
        """
        from normalizer_assets import pipeline

        if turn.is_taken(context.log):
            yield from _not_judged(str(turn.refusal))
            return
        verdict = pipeline.judge(turn.work)
        if verdict is None:
            yield from _not_judged("there are no products yet")
            return
        yield from map(_result, verdict.gates)

    return gates


def _spec(name: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # Partitioned checks work in 1.13 and are in preview; an unpartitioned one would
        # load every partition and let one retailer's verdict gate another.
        warnings.filterwarnings("ignore", category=dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name,
            asset="normalized_products",
            description=DESCRIPTIONS[name],
            blocking=name in BLOCKING,
            partitions_def=partitions,
        )


def _not_judged(reason: str) -> Iterator[dg.AssetCheckResult]:
    """Warnings, so that the run stays green: nothing was found wrong, nothing published."""
    for name in (*BLOCKING, *WARNING):
        yield dg.AssetCheckResult(
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"not judged: {reason}",
        )


def _result(gate: Gate) -> dg.AssetCheckResult:
    """Shows one gate; the UI plots its numbers over the partitions."""
    metadata: dict[str, dg.MetadataValue] = {
        "observed": _number(gate.observed),
        "threshold": _number(gate.threshold),
        "n": dg.MetadataValue.int(gate.n),
        "worst_rows": dg.MetadataValue.md(frame_table(gate.worst)),
    }
    if gate.days is not None:
        metadata |= {
            "lowest": _number(gate.lowest),
            "highest": _number(gate.highest),
            "median": _number(gate.median),
            "earlier_days": dg.MetadataValue.int(gate.days),
        }
    severity = dg.AssetCheckSeverity.ERROR if gate.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=gate.name,
        passed=gate.passed,
        severity=severity,
        description=gate.words,
        metadata=metadata,
    )


def _number(value: float | None) -> dg.MetadataValue:
    """Shows six significant digits: a share of 202 replies has no more to say."""
    if value is None:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.float(float(f"{value:.6g}"))
