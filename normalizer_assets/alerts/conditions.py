"""What needs a person's hand now, as the database and the settings say it.

Belongs here: one function for each corner of the system that may call for help, and the words:
what is wrong, of what, and the command that mends it. Does not belong here: who was told
(``delivery``), how (``channels``), runs of an orchestrator, which the caller adds.

What goes on by itself and needs nobody is no condition: room at the API, a partition between
two attempts, a red gate's run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from normalizer_assets.batching import budget, ledger, life, questions
from normalizer_assets.batching.canary import RED
from normalizer_assets.batching.collection import BATCHES_REFUSED
from normalizer_assets.batching.inspection import name_of
from normalizer_assets.batching.outdated import with_successors
from normalizer_assets.batching.partition import DIRECT, Partition
from normalizer_assets.batching.polling import standstill
from normalizer_assets.batching.preflight import WINDOW, living_model
from normalizer_assets.batching.submission import pending_summary
from normalizer_assets.cache.audits import closed_groups
from normalizer_assets.config import AlertKind, ConfigurationError, NormalizerConfig
from normalizer_assets.db.tables import (
    TERMINAL_BATCH_STATES,
    batch_requests,
    batches,
    partitions,
    semantic_hits,
)

CAUSE_CHARACTERS = 1500
"""The words of an API may be long, and a message is read on a telephone."""

SHOWN_PARTITIONS = 5

DOUBT = timedelta(minutes=15)
"""A lost reply is cleared up by two looks ``batching.doubt_seconds`` apart, unless nobody looks."""

SHUTDOWN_DAYS = (1, 7, 30)
"""So many days before a model's last one it is told, each time anew."""

RECENT = timedelta(days=1)
"""For so long a disagreement of the cache stays an alert: it has no end of its own."""


@dataclass(frozen=True)
class Condition:
    """One thing that needs a hand.

    Attributes:
        kind: What it is.
        subject: Of what: together with the kind it names the alert.
        cause: What is wrong, for people.
        remedy: What to type or to change.
        partitions: Whose it is; their cost is told.
        shard_hash: A batch, where the cost is its own.
        page: Of Dagster's UI, below its address.
        since: When that came about, where the database knows it.
    """

    kind: AlertKind
    subject: str
    cause: str
    remedy: str
    partitions: tuple[Partition, ...] = ()
    shard_hash: str | None = None
    page: str | None = None
    since: datetime | None = None


def conditions(
    connection: sa.Connection, config: NormalizerConfig, now: datetime | None = None
) -> list[Condition]:
    """Returns everything that needs a hand now.

    Args:
        connection: To the normaliser's database.
        config: Limits, patience and models.
        now: The moment, for tests.
    """
    now = now or datetime.now(UTC)
    return [
        *of_partitions(connection, config, now),
        *_budget(connection, config),
        *_models(connection, config, now),
        *_cache(connection, config, now),
    ]


def of_partitions(
    connection: sa.Connection, config: NormalizerConfig, now: datetime
) -> list[Condition]:
    """Returns what needs a hand of partitions and their batches, as ``conditions`` does."""
    return [
        *_stopped(connection, config),
        *_late(connection, now),
        *_standing_still(connection, config),
        *_in_doubt(connection, config, now),
    ]


def in_words(connection: sa.Connection, condition: Condition, dagster_url: str) -> str:
    """Returns the message: what and of what, why, what it cost so far, what to do."""
    title = f"{condition.kind.replace('_', ' ')}: {condition.subject}"
    cause = " ".join(condition.cause.split())
    if len(cause) > CAUSE_CHARACTERS:
        cause = f"{cause[:CAUSE_CHARACTERS]}..."
    lines = [title, cause]
    keys = [partition.key for partition in condition.partitions]
    if keys and keys != [condition.subject]:
        more = f" and {len(keys) - SHOWN_PARTITIONS} more" if len(keys) > SHOWN_PARTITIONS else ""
        lines.append(f"Partitions: {', '.join(keys[:SHOWN_PARTITIONS])}{more}")
    if condition.shard_hash is not None:
        costs = [ledger.cost_of_batch(connection, condition.shard_hash)]
    else:
        costs = [ledger.cost_of(connection, partition) for partition in condition.partitions]
    if costs:
        lines.append(f"Cost so far: {sum(costs, Decimal(0)):.6f} USD")
    lines.append(f"To do: {condition.remedy}")
    if dagster_url and condition.page is not None:
        lines.append(f"{dagster_url.rstrip('/')}/{condition.page}")
    return "\n".join(lines)


def run_command(partition: Partition) -> str:
    """Returns what a person types to bring a partition on."""
    return f"`normalizer run --day {partition.day} --retailer {partition.retailer} --wait`"


def page_of(partition: Partition, asset: str = "normalized_products") -> str:
    """Returns the page of a partition in Dagster's UI."""
    return f"assets/{asset}?view=partitions&partition={quote(partition.key, safe='')}"


# --- partitions -----------------------------------------------------------------------

# Who gave products to the facade is told by it.
_LANDED = sa.and_(partitions.c.raw_snapshot.is_not(None), ~partitions.c.retailer.startswith(DIRECT))

_BLOCKERS = {
    "key": "correct OPENAI_API_KEY; it goes on by itself then",
    "quota": "raise the quota of the account; it goes on by itself then",
    "configuration": "correct the setting; it goes on by itself then",
}
"""Those that only a person takes out; a budget has a function of its own."""


def _stopped(connection: sa.Connection, config: NormalizerConfig) -> Iterator[Condition]:
    """Yields partitions that are failed, held, or blocked by what does not pass."""
    rows = connection.execute(
        sa.select(partitions)
        .where(
            _LANDED,
            sa.or_(
                partitions.c.state.in_(("held", "failed")),
                partitions.c.blocked_by.in_((*_BLOCKERS, "budget")),
            ),
        )
        .order_by(partitions.c.day, partitions.c.retailer)
    ).all()
    short_of_money = []
    for row in rows:
        partition, reason = Partition(row.day, row.retailer), row.blocked_reason or "no reason"
        if row.state == "failed":
            refused = reason.startswith(BATCHES_REFUSED)
            yield Condition(
                "batch_failed" if refused else "partition_failed",
                partition.key,
                reason,
                f"correct the cause, then {run_command(partition)}; what is answered is not paid "
                f"again",
                (partition,),
                page=page_of(partition, "batch_results"),
                since=row.updated_at,
            )
        elif row.state == "held":
            yield from _held(partition, reason, row.updated_at)
        elif row.blocked_by == "budget":
            short_of_money.append(row)
        else:
            yield Condition(
                "partition_blocked",
                f"{partition.key} ({row.blocked_by})",
                reason,
                _BLOCKERS[row.blocked_by],
                (partition,),
                page=page_of(partition, "submitted_batches"),
                since=row.updated_at,
            )
    yield from _short_of_money(connection, config, short_of_money)


def _held(partition: Partition, reason: str, since: datetime) -> Iterator[Condition]:
    if reason.startswith(life.ROLLED_BACK):
        return  # a person has just done that
    if reason.startswith(RED):
        kind: AlertKind = "canary_red"
        remedy = f"correct the prompt, the model or its parameters, then {run_command(partition)}"
        asset = "submitted_batches"
    else:
        kind, asset = "gate_red", "normalized_products"
        remedy = (
            f"`normalizer review list --day {partition.day} --retailer {partition.retailer}` and "
            f"decide; or correct the file or the thresholds, then {run_command(partition)}"
        )
    yield Condition(
        kind,
        partition.key,
        reason,
        remedy,
        (partition,),
        page=page_of(partition, asset),
        since=since,
    )


def _short_of_money(
    connection: sa.Connection, config: NormalizerConfig, blocked: list[sa.Row[Any]]
) -> Iterator[Condition]:
    """Yields those that their own budget stops, and the day where that stops any."""
    by_day = []
    for row in blocked:
        needs = row.blocked_usd or Decimal(0)
        partition = Partition(row.day, row.retailer)
        own, of_day = budget.limits(connection, partition, config.budget)
        if own.left_usd < needs:
            yield Condition(
                "partition_blocked",
                f"{partition.key} (budget)",
                row.blocked_reason,
                f"raise `{own.key}`; it goes on by itself then",
                (partition,),
                page=page_of(partition, "submitted_batches"),
                since=row.updated_at,
            )
        elif of_day.left_usd < needs:
            by_day.append((partition, of_day, needs, row.updated_at))
    if by_day:
        of_day = by_day[0][1]
        needed = sum(usd for _, _, usd, _ in by_day)
        yield Condition(
            "budget_over",
            of_day.scope,
            f"{len(by_day)} partition(s) wait for money: their next requests are estimated at "
            f"{needed:.6f} USD, and of {of_day.usd} USD {max(of_day.left_usd, Decimal(0)):.6f} USD "
            f"are left; nothing was sent",
            f"raise `{of_day.key}`, or let them wait: tomorrow in Santiago is a new day",
            tuple(partition for partition, *_ in by_day),
            since=min(since for *_, since in by_day),
        )


def _late(connection: sa.Connection, now: datetime) -> Iterator[Condition]:
    """Yields partitions that are past their deadline and still wait.

    A deadline of an earlier life says nothing: only batches that were sent before it, and
    questions of others, are late.
    """
    carried = (
        sa.select(sa.literal(1))
        .select_from(batch_requests.join(batches))
        .where(
            batch_requests.c.retailer == partitions.c.retailer,
            batch_requests.c.day == partitions.c.day,
            batches.c.state.not_in(TERMINAL_BATCH_STATES),
            batches.c.released_at.is_(None),
            batches.c.submitted_at <= partitions.c.deadline_at,
        )
        .exists()
    )
    rows = connection.execute(
        sa.select(partitions, carried.label("carried")).where(
            _LANDED,
            partitions.c.state.in_(("waiting", "collecting")),
            partitions.c.deadline_at <= now,
        )
    ).all()
    for row in rows:
        partition = Partition(row.day, row.retailer)
        askers = questions.waited_for(connection, partition)
        if not row.carried and not askers:
            continue
        remedy = (
            f"its batches are cancelled and what is left is asked individually, by itself; "
            f"`normalizer batches list --open --day {row.day} --retailer {row.retailer}` shows them"
        )
        if not row.carried:
            others = [Partition.from_key(key) for key in askers if key != questions.NOBODY]
            remedy = "; ".join(map(run_command, others)) or run_command(partition)
        yield Condition(
            "deadline_missed",
            partition.key,
            f"its deadline was {row.deadline_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, and it still "
            f"waits for {pending_summary(connection, partition)}",
            remedy,
            (partition,),
            page=page_of(partition, "batch_results"),
            since=row.deadline_at,
        )


# --- batches --------------------------------------------------------------------------


def _standing_still(connection: sa.Connection, config: NormalizerConfig) -> Iterator[Condition]:
    for row in ledger.open_batches(connection):
        words = standstill(row, config.polling)
        cancelled = row.cancel_requested_at is not None
        if words is None or (cancelled and row.released_at is not None):
            continue
        done = row.completed_count + row.failed_count
        remedy = (
            f"ask the API's support, then `normalizer batches resubmit {row.batch_id}`"
            if cancelled
            else f"it is cancelled at its deadline; `normalizer batches cancel {row.batch_id}` to "
            f"have it sooner"
        )
        yield Condition(
            "batch_stuck" if cancelled else "batch_stalled",
            name_of(row),
            f"{words}; {done} of {row.line_count} lines are done",
            remedy,
            tuple(ledger.partitions_in(connection, row.shard_hash)),
            row.shard_hash,
            since=row.cancel_requested_at or row.progressed_at or row.submitted_at,
        )


def _in_doubt(
    connection: sa.Connection, config: NormalizerConfig, now: datetime
) -> Iterator[Condition]:
    """Yields batches that may exist or not, and that nobody has found out about."""
    patience = DOUBT + timedelta(seconds=config.batching.doubt_seconds)
    for row in connection.execute(sa.select(batches).where(batches.c.state == "creating")).all():
        owners = ledger.partitions_in(connection, row.shard_hash)
        standing = [life.read(connection, owner) for owner in owners]
        touched = [one.updated_at for one in standing if one is not None]
        since = row.missed_at or max([row.planned_at, *touched])
        if now - since < patience:
            continue
        yield Condition(
            "batch_in_doubt",
            name_of(row),
            f"the reply to its creation was lost {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC or "
            f"before, and it was neither found nor created anew: it may be running",
            f"look for it in your account: `normalizer batches adopt ID` takes it in; else "
            f"{run_command(owners[0])} looks once more",
            tuple(owners),
            row.shard_hash,
            since=since,
        )


# --- money ----------------------------------------------------------------------------


def _budget(connection: sa.Connection, config: NormalizerConfig) -> Iterator[Condition]:
    """Yields the day's budget where most of it, or all, is spent or reserved."""
    limit = budget.day_limit(connection, config.budget)
    spent = limit.usd - limit.left_usd
    if not limit.usd or spent < limit.usd * Decimal(str(config.alerts.budget_near)):
        return
    yield Condition(
        "budget_near",
        limit.scope,
        f"{spent:.6f} of {limit.usd} USD are spent or reserved ({spent / limit.usd:.0%})",
        f"`normalizer stats` says for what; raise `{limit.key}`, or do "
        f"nothing: over it nothing is sent",
    )


# --- models ---------------------------------------------------------------------------


def _models(
    connection: sa.Connection, config: NormalizerConfig, now: datetime
) -> Iterator[Condition]:
    named = {f"tiers.{tier}.model": settings.model for tier, settings in config.tiers.items()}
    named["embedding.model"] = config.embedding.model
    for name in dict.fromkeys(named.values()):
        yield from _shutdown(
            config, name, [key for key, value in named.items() if value == name], now
        )
    asked = {(row.tier, row.llm_model) for row in connection.execute(_ASKED, {"now": now})}
    for tier, settings in config.tiers.items():
        replaced = _replacement(config, settings.model, now)
        for successor in with_successors(config.models, settings.model)[1:]:
            if (tier, successor) in asked:
                replaced = successor, "batches of the last two days asked it instead"
        if replaced is None:
            continue
        successor, why = replaced
        yield Condition(
            "model_replaced",
            f"tiers.{tier}: {successor}",
            f"{successor} answers in the place of {settings.model}: {why}",
            f"look at its answers (`normalizer review list`) and costs (`normalizer stats`), then "
            f"name it, or another model, in `tiers.{tier}.model`",
        )


def _shutdown(
    config: NormalizerConfig, name: str, keys: list[str], now: datetime
) -> Iterator[Condition]:
    model = config.models[name]
    if model.shutdown is None:
        return
    days = (model.shutdown - now.date()).days
    within = next((limit for limit in SHUTDOWN_DAYS if days <= limit), None)
    if within is None:
        return
    takes_over = model.successor is not None and model.when_gone == "successor"
    after = (
        f"{model.successor} answers from the day before"
        if takes_over and keys != ["embedding.model"]
        else "nothing takes its place"
    )
    yield Condition(
        "model_shutdown",
        f"{name} within {within} day{'s' * (within > 1)}",
        f"{name} is shut down on {model.shutdown}, today is {now.date()}; {after}",
        f"try another model and name it in {', '.join(f'`{key}`' for key in keys)} "
        f"(docs/operations.md, Models)",
    )


def _replacement(config: NormalizerConfig, name: str, now: datetime) -> tuple[str, str] | None:
    """Returns who answers in a model's place by the announced dates, and why."""
    last_day = (now + WINDOW).date()
    try:
        living, why = living_model(config.models, name, dict.fromkeys(config.models), last_day)
    except ConfigurationError:
        return None  # its partitions are blocked, and say so
    return None if living == name else (living, why)


# What the API's list of models left out is known by what was asked; a batch asks one model.
_ASKED = sa.text(
    """
    select distinct line.tier, batch.llm_model
    from normalizer.batches batch
    cross join lateral (select tier from normalizer.batch_requests request
                        where request.shard_hash = batch.shard_hash limit 1) line
    where batch.submitted_at > cast(:now as timestamptz) - interval '2 days'
    """
)


# --- the cache ------------------------------------------------------------------------


def _cache(
    connection: sa.Connection, config: NormalizerConfig, now: datetime
) -> Iterator[Condition]:
    wrong = connection.execute(
        sa.select(semantic_hits)
        .where(semantic_hits.c.state == "disagreed", semantic_hits.c.settled_at > now - RECENT)
        .order_by(semantic_hits.c.settled_at)
    ).all()
    for hit in wrong:
        forgiven = ", ".join(hit.forgiven) or "no word"
        yield Condition(
            "cache_disagreement",
            f"{hit.category_group} {hit.question_key[:12]}",
            f"the answer to a like question was wrong (similarity {hit.similarity:.3f}; forgiven: "
            f"{forgiven}); the entry is gone, what it answered is asked when it next comes",
            f"`normalizer review show {hit.question_key[:12]}` shows the row, `normalizer cache "
            f"stats` how often it happens",
            (Partition(hit.day, hit.retailer),),
        )
    for group in sorted(closed_groups(connection, config)):
        yield Condition(
            "cache_group_closed",
            group,
            f"{config.cache.max_disagreements} or more hits were wrong within "
            f"{config.cache.ttl_days:g} days: {group} has no semantic hits until the oldest has "
            f"passed, and costs more",
            "`normalizer cache stats`; `normalizer cache learn --pairs F` teaches it words, "
            "`cache.max_disagreements` is its patience",
        )
