"""The confidence gate, as a blocking, partitioned asset check.

Belongs here: running the gate in Dagster, recording its verdict, showing why. Does not
belong here: what the gate asks (``answers.verdicts``) and its thresholds (config).
"""

import warnings
from typing import TYPE_CHECKING

import dagster as dg

from normalizer_assets.markdown import frame_table, table
from normalizer_assets.resources.turn import Turn

if TYPE_CHECKING:
    from normalizer_assets.answers.verdicts import GateVerdict

WORST_COLUMNS = ("sku", "name", "brand", "model", "confidence", "status", "reasons")


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetChecksDefinition:
    """Returns the gate on ``normalized_products``.

    The verdict is written to the normaliser's own database, so that nothing depends on
    which Dagster instance asks. A red gate stops ``cache_embeddings`` in this run, and
    ``cache_embeddings`` itself refuses a held partition in any other.
    """
    with warnings.catch_warnings():
        # Partitioned checks work in 1.13 and are in preview; an unpartitioned one would
        # load every partition and let one retailer's verdict gate another.
        warnings.filterwarnings("ignore", category=dg.PreviewWarning)

        @dg.asset_check(
            asset="normalized_products",
            name="confidence_gate",
            blocking=True,
            partitions_def=partitions,
        )
        def confidence_gate(
            context: dg.AssetCheckExecutionContext, turn: dg.ResourceParam[Turn]
        ) -> dg.AssetCheckResult:
            """Whether the partition may be published.

            Green if enough rows are accepted, the mean confidence is high enough, every
            listing is accounted for and none twice. Red holds the partition: nothing is
            published or embedded, and the last green version stays the published one.
            """
            from normalizer_assets import pipeline

            if turn.is_taken(context.log):
                return _not_judged(f"{turn.holder} works on the partition")
            judged = pipeline.judge(turn.work)
            if judged is None:
                return _not_judged("there are no products yet")
            verdict, rows = judged
            return dg.AssetCheckResult(
                passed=verdict.green,
                severity=dg.AssetCheckSeverity.ERROR,
                description="; ".join(verdict.reasons + verdict.warnings) or "all limits kept",
                metadata=_metadata(verdict, rows),
            )

    return confidence_gate


def _not_judged(reason: str) -> dg.AssetCheckResult:
    """A warning, so that the run stays green: nothing was found wrong, nothing published."""
    return dg.AssetCheckResult(
        passed=False, severity=dg.AssetCheckSeverity.WARN, description=f"not judged: {reason}"
    )


def _metadata(verdict: "GateVerdict", rows: int) -> dict[str, dg.MetadataValue]:
    """Returns observed, threshold and n of each measure, and the worst rows."""
    measures = [
        (name, observed, verdict.threshold.get(name), rows)
        for name, observed in verdict.observed.items()
    ]
    return {
        "measures": dg.MetadataValue.md(table(("measure", "observed", "threshold", "n"), measures)),
        "worst_rows": dg.MetadataValue.md(frame_table(verdict.worst.select(WORST_COLUMNS))),
        "share_accepted": dg.MetadataValue.float(verdict.observed["share_accepted"] or 0.0),
        "mean_confidence": dg.MetadataValue.float(verdict.observed["mean_confidence"] or 0.0),
    }
