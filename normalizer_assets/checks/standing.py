"""How each retailer stands right now: two standing checks each, without partitions.

Belongs here: showing what the alerts' conditions and the published days say, a retailer a
check. Does not belong here: what is stuck, late or failed (``alerts.conditions``), what is
fresh (``publishing.freshness``), looking again and again (``automation.sensors``).

A partitioned check says how things stood when its partition ran. Whether a batch is stuck or a
day is missing comes about while nothing runs, so the sensor evaluates these at each look,
without a run, and they can be executed by hand.
"""

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from normalizer_assets.config import TIMEZONE, AlertKind, NormalizerConfig
from normalizer_assets.resources.database import Database

if TYPE_CHECKING:
    import sqlalchemy as sa
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

    from normalizer_assets.alerts.conditions import Condition
    from normalizer_assets.publishing.freshness import Days

STEP = "standing_checks"
STANDING_OF, FRESH_OF = "submitted_batches", "normalized_products"

SHOWN = 10
"""Conditions of a retailer that are shown; the others are counted."""

REPEAT_SECONDS = 300
"""Of 13 retailers, 26 evaluations at each look would be 37,000 a day in the event log."""

WORDS: dict[AlertKind, str] = {
    "partition_failed": "failed",
    "batch_failed": "failed",
    "gate_red": "held",
    "canary_red": "held",
    "batch_stuck": "stuck",
    "batch_in_doubt": "stuck",
    "batch_stalled": "stuck",
    "deadline_missed": "late",
    "partition_blocked": "blocked",
    "budget_over": "blocked",
}
"""What the conditions of partitions and batches are called here, the worst first."""

GOES_ON: frozenset[AlertKind] = frozenset(
    {"batch_stalled", "deadline_missed", "partition_blocked", "budget_over"}
)
"""Conditions that end by themselves, sooner or later: they warn."""


def build(config: NormalizerConfig, database: Database) -> dg.AssetChecksDefinition:
    """Returns the checks of all retailers, to be executed by hand, together or each alone."""

    @dg.multi_asset_check(name=STEP, specs=specs(config), can_subset=True)
    def standing_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        """How each retailer stands right now.

        The sensor `collect_finished_batches` keeps them current without a run.
        """
        with database.engine.connect() as connection:
            evaluations = evaluate(connection, config)
        for one in evaluations:
            if one.asset_check_key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    asset_key=one.asset_key,
                    check_name=one.check_name,
                    passed=one.passed,
                    severity=one.severity,
                    description=one.description,
                    metadata=one.metadata,
                )

    return standing_checks


def specs(config: NormalizerConfig) -> list[dg.AssetCheckSpec]:
    """Returns the checks, two a retailer of the configuration."""
    return [
        spec
        for retailer, settings in sorted(config.retailers.items())
        for spec in (
            dg.AssetCheckSpec(
                _name("standing", retailer),
                asset=STANDING_OF,
                description=f"Whether a partition of {settings.name} is failed, held, late or "
                f"blocked, or a batch of it stuck, right now; since when, and what to type.",
            ),
            dg.AssetCheckSpec(
                _name("fresh", retailer),
                asset=FRESH_OF,
                description=f"Whether the newest published day of {settings.name} is as new as "
                f"`freshness.max_age_days`, or its own `max_age_days`, expects today.",
            ),
        )
    ]


def evaluate(
    connection: "sa.Connection", config: NormalizerConfig, now: datetime | None = None
) -> list[dg.AssetCheckEvaluation]:
    """Returns how each retailer of the configuration stands.

    Args:
        connection: To the normaliser's database.
        config: Retailers, patience and limits.
        now: The moment, for tests.
    """
    from normalizer_assets.alerts.conditions import of_partitions
    from normalizer_assets.publishing.freshness import days_of_retailers

    now = now or datetime.now(UTC)
    found: dict[str, list[Condition]] = defaultdict(list)
    for condition in of_partitions(connection, config, now):
        for retailer in dict.fromkeys(one.retailer for one in condition.partitions):
            found[retailer].append(condition)
    days = days_of_retailers(connection)
    return [
        evaluation
        for retailer in sorted(config.retailers)
        for evaluation in (
            _standing(retailer, found[retailer]),
            _fresh(config, retailer, days.get(retailer), now),
        )
    ]


def changed(
    instance: dg.DagsterInstance, evaluations: Sequence[dg.AssetCheckEvaluation]
) -> list[dg.AssetCheckEvaluation]:
    """Returns those evaluations that say something else than the instance shows.

    Compared with the newest evaluation and not with a cursor: one by hand counts as well. One
    that is older than the newest materialisation of its asset, whatever the partition, is
    repeated after a while: the UI takes it for a check that was not executed since, and a
    backfill materialises something at every look.
    """
    made = {asset: _made_at(instance, asset) for asset in (STANDING_OF, FRESH_OF)}
    shown = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [evaluation.asset_check_key for evaluation in evaluations]
    )
    return [
        evaluation
        for evaluation in evaluations
        if not _says(
            evaluation,
            shown.get(evaluation.asset_check_key),
            made[evaluation.asset_key.to_user_string()],
        )
    ]


def _made_at(instance: dg.DagsterInstance, asset: str) -> float:
    """Returns when any partition of an asset was last materialised, as seconds since 1970."""
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    return event.timestamp if event is not None else 0.0


def _says(
    evaluation: dg.AssetCheckEvaluation,
    record: "AssetCheckExecutionRecord | None",
    made_at: float,
) -> bool:
    if record is None or record.create_timestamp <= min(made_at, time.time() - REPEAT_SECONDS):
        return False
    shown = record.evaluation
    # A run that has only planned its evaluation has said nothing.
    return isinstance(shown, dg.AssetCheckEvaluation) and (
        (shown.passed, shown.severity, shown.description)
        == (evaluation.passed, evaluation.severity, evaluation.description)
    )


def _standing(retailer: str, found: "Sequence[Condition]") -> dg.AssetCheckEvaluation:
    known = [condition for condition in found if condition.kind in WORDS]
    known.sort(key=lambda condition: (list(WORDS).index(condition.kind), condition.subject))
    counts = dict.fromkeys(WORDS.values(), 0)
    for condition in known:
        counts[WORDS[condition.kind]] += 1
    rows = [
        dg.TableRecord(
            {
                "what": WORDS[condition.kind],
                "of": condition.subject,
                "since": f"{condition.since:%Y-%m-%d %H:%M %Z}" if condition.since else "",
                "cause": " ".join(condition.cause.split()),
                "to do": condition.remedy,
            }
        )
        for condition in known[:SHOWN]
    ]
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    said = "; ".join(f"{WORDS[one.kind]}: {one.subject}" for one in known[:SHOWN])
    harmless = all(condition.kind in GOES_ON for condition in known)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(STANDING_OF),
        check_name=_name("standing", retailer),
        passed=not known,
        severity=dg.AssetCheckSeverity.WARN if harmless else dg.AssetCheckSeverity.ERROR,
        description=f"{said}{more}" if known else "nothing is failed, held, stuck, late or blocked",
        metadata={**counts, **({"conditions": dg.MetadataValue.table(rows)} if rows else {})},
    )


def _fresh(
    config: NormalizerConfig, retailer: str, days: "Days | None", now: datetime
) -> dg.AssetCheckEvaluation:
    from normalizer_assets.publishing.freshness import is_fresh, oldest_fresh_day

    today = now.astimezone(ZoneInfo(TIMEZONE)).date()
    expected = oldest_fresh_day(config, retailer, today)
    metadata: dict[str, dg.MetadataValue] = {}
    if expected is None:
        fresh, words = True, "not watched: its `max_age_days` is 0"
    elif days is None:
        fresh, words = True, "not watched: nothing of it has ever landed"
    else:
        fresh = is_fresh(days, expected)
        words = f"newest published day {days.published or 'none'}, expected {expected} or later"
        remedy = f"nothing newer than {days.landed} has landed: look at what lands its files"
        if days.published != days.landed:
            words += f"; {days.landed} has landed and is {days.state}"
            remedy = f"`normalizer run --day {days.landed} --retailer {retailer} --wait`"
        metadata = {
            "newest_published_day": dg.MetadataValue.text(str(days.published or "none")),
            "newest_landed_day": dg.MetadataValue.text(str(days.landed)),
            "expected_day": dg.MetadataValue.text(str(expected)),
            "to_do": dg.MetadataValue.text("nothing" if fresh else remedy),
        }
        if days.published is not None:
            metadata["age_days"] = dg.MetadataValue.int((today - days.published).days)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(FRESH_OF),
        check_name=_name("fresh", retailer),
        passed=fresh,
        severity=dg.AssetCheckSeverity.WARN,
        description=words,
        metadata=metadata,
    )


def _name(check: str, retailer: str) -> str:
    """Returns a check's name; Dagster takes letters, digits and underscores alone."""
    return f"{check}_{re.sub(r'[^A-Za-z0-9_]', '_', retailer)}"
