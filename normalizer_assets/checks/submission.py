"""Whether a partition's questions may be sent: budget, key, quota, room and canary, shown.

Belongs here: the check that shows people why nothing was sent. Does not belong here: the
refusal itself; submission refuses by itself, because a blocking check stops only its own
run (DESIGN.md, "Decisions").
"""

import warnings
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg

from normalizer_assets.resources.turn import Turn

if TYPE_CHECKING:
    from normalizer_assets.batching.budget import Limit

NAME = "submission_allowed"


def spec(partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """Returns the check on ``submitted_batches``, which evaluates it in its own step.

    A check of its own is skipped with the asset's successors where the asset yields
    nothing, and a blocked partition yields nothing: it would only ever be seen green.
    """
    with warnings.catch_warnings():
        # Partitioned checks work in 1.13 and are in preview.
        warnings.filterwarnings("ignore", category=dg.PreviewWarning)
        return dg.AssetCheckSpec(
            NAME,
            asset="submitted_batches",
            description="Whether nothing stands in the way of sending: a budget, a refused key "
            "or quota, room at the API, a red canary. A warning, with what is left of both "
            "budgets; what the sensor does about it stands in `normalizer.partitions`.",
            partitions_def=partitions,
        )


def evaluate(turn: Turn) -> dg.AssetCheckResult:
    """Returns whether anything stands in the partition's way, after a submission.

    The metadata say what is estimated, and what is spent and left of both budgets, in USD.
    """
    from normalizer_assets.batching import budget, ledger, life

    work = turn.work
    if turn.holder is not None:
        return _result(f"not judged: {turn.holder} works on the partition")
    with work.engine.connect() as connection:
        row = life.read(connection, work.partition)
        limits = budget.limits(connection, work.partition, work.config.budget)
        planned = ledger.batches_of(connection, work.partition)
    if row is None:
        return _result("not judged: nothing has landed")
    obstacle = row.blocked_by or ("canary" if row.state == "held" else None)
    # What a budget refused stands in no ledger.
    estimated = row.blocked_usd or sum(batch.estimated_usd for batch in planned)
    return _result(
        row.blocked_reason if obstacle else None,
        {
            "obstacle": dg.MetadataValue.text(obstacle or "none"),
            "estimated_usd": dg.MetadataValue.float(float(estimated)),
            **_shown("partition", limits[0]),
            **_shown("day", limits[1]),
        },
    )


def _shown(scope: str, limit: "Limit") -> dict[str, dg.MetadataValue]:
    amounts = {
        "limit": limit.usd,
        "spent": limit.usd - limit.left_usd,
        "left": max(limit.left_usd, Decimal(0)),
    }
    return {
        f"{scope}_{name}_usd": dg.MetadataValue.float(float(usd)) for name, usd in amounts.items()
    }


def _result(
    reason: str | None, metadata: dict[str, dg.MetadataValue] | None = None
) -> dg.AssetCheckResult:
    """A warning at most: a blocked partition is no failed run."""
    return dg.AssetCheckResult(
        check_name=NAME,
        passed=reason is None,
        severity=dg.AssetCheckSeverity.WARN,
        description=reason or "nothing stands in the way",
        metadata=metadata or {},
    )
