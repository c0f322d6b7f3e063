"""Whether a partition's questions may be sent: budget, canary and all else, shown.

Belongs here: the checks that show people why nothing was sent. Does not belong here: the
refusal itself; submission refuses by itself, because a blocking check stops only its own
run (DESIGN.md, "Decisions").
"""

import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg

from normalizer_assets.resources.turn import Turn

if TYPE_CHECKING:
    from normalizer_assets.batching.asked import Canary
    from normalizer_assets.batching.budget import Limit
    from normalizer_assets.config import CanaryConfig

BUDGET, CANARY, ELSE = "budget", "canary", "submission_allowed"

DESCRIPTIONS = {
    BUDGET: "Whether the partition's and the day's budget reach, with what is left of both.",
    CANARY: "Whether enough of the first replies were valid for the rest to be sent.",
    ELSE: "Whether nothing else stands in the way of sending: a key, a quota, room at the API, "
    "a create whose reply was lost, a setting, a batch that does not end.",
}
"""Each obstacle is shown by one of them. What the sensor does about it stands in
`normalizer.partitions`."""

Metadata = dict[str, dg.MetadataValue]


def specs(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetCheckSpec]:
    """Returns the checks on ``submitted_batches``, which evaluates them in its own step.

    Checks of their own are skipped with the asset's successors where the asset yields
    nothing, and a blocked partition yields nothing: they would only ever be seen green.
    """
    with warnings.catch_warnings():
        # Partitioned checks work in 1.13 and are in preview.
        warnings.filterwarnings("ignore", category=dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                name,
                asset="submitted_batches",
                description=description,
                partitions_def=partitions,
            )
            for name, description in DESCRIPTIONS.items()
        ]


def evaluate(turn: Turn) -> Iterator[dg.AssetCheckResult]:
    """Yields what stands in the partition's way, after a submission.

    Metadata are in USD for the budget, and replies and shares for the canary.
    """
    from normalizer_assets.batching import asked, budget, ledger, life
    from normalizer_assets.batching.errors import is_obstacle

    work = turn.work
    if turn.refusal is not None:
        yield from _not_judged(turn.refusal)
        return
    with work.engine.connect() as connection:
        row = life.read(connection, work.partition)
        limits = budget.limits(connection, work.partition, work.config.budget)
        planned = ledger.batches_of(connection, work.partition)
        canary = asked.canary_of(connection, work.partition, work.config.canary.size)
    if row is None:
        yield from _not_judged("nothing has landed")
        return
    # Only a red canary holds a partition while it is submitted.
    obstacle = CANARY if row.state == "held" else None
    if is_obstacle(row.blocked_by):
        obstacle = row.blocked_by
    shown_by = obstacle if obstacle in (None, BUDGET, CANARY) else ELSE
    other = str(obstacle) if shown_by == ELSE else "none"
    # What a budget refused stands in no ledger.
    estimated = row.blocked_usd or sum(batch.estimated_usd for batch in planned)
    shown: dict[str, tuple[str, Metadata]] = {
        BUDGET: (
            "within both budgets",
            {
                "estimated_usd": dg.MetadataValue.float(float(estimated)),
                **_amounts("partition", limits[0]),
                **_amounts("day", limits[1]),
            },
        ),
        CANARY: _canary(canary, work.config.canary),
        ELSE: ("nothing else stands in the way", {"obstacle": dg.MetadataValue.text(other)}),
    }
    for name, (words, metadata) in shown.items():
        stopped = name == shown_by
        yield _result(name, not stopped, row.blocked_reason if stopped else words, metadata)


def _canary(canary: "Canary", config: "CanaryConfig") -> tuple[str, Metadata]:
    metadata: Metadata = {
        "asked": dg.MetadataValue.int(canary.told),
        "valid": dg.MetadataValue.int(canary.valid),
        "threshold": dg.MetadataValue.float(config.min_share_valid),
    }
    if not canary.told:
        return f"no canary: only over {config.min_products} open questions have one", metadata
    share = dg.MetadataValue.float(canary.valid / canary.told)
    return f"{canary.valid} of {canary.told} replies were valid", metadata | {"observed": share}


def _amounts(scope: str, limit: "Limit") -> Metadata:
    amounts = {
        "limit": limit.usd,
        "spent": limit.usd - limit.left_usd,
        "left": max(limit.left_usd, Decimal(0)),
    }
    return {
        f"{scope}_{name}_usd": dg.MetadataValue.float(float(usd)) for name, usd in amounts.items()
    }


def _not_judged(reason: str) -> Iterator[dg.AssetCheckResult]:
    for name in DESCRIPTIONS:
        yield _result(name, False, f"not judged: {reason}", {})


def _result(name: str, passed: bool, words: str, metadata: Metadata) -> dg.AssetCheckResult:
    """A warning at most: a blocked partition is no failed run."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=words,
        metadata=metadata,
    )
