"""Accumulation: the small partitions of a day leave together, in one batch.

Belongs here: which planned batches wait for company, how much of it they lack, and joining
them. Does not belong here: planning and sending a batch (``submission``), what its lines become:
the ledger ties requests, not batches, to partitions, so all that comes after knows batches of
several.

A partition is submitted as ever, under its own lock, claims and budget: it plans batches, and
they gather (``batches.gathers_until``). A gathering batch is never sent. Whoever comes when there
are enough questions of the day, or its hour has passed, makes one batch of all of them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from upath import UPath

from normalizer_assets.batching import ledger
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.retention import request_file
from normalizer_assets.batching.shards import NAMED_BY, file_name, token_limit
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import TIMEZONE, BatchingConfig, NormalizerConfig
from normalizer_assets.db.tables import batch_requests, batches, partitions

WAITS = "waits for company"
"""Begins why a partition is not sent yet; that is no failure."""


def accumulates(config: NormalizerConfig, partition: Partition) -> bool:
    """Returns whether the partition's questions may wait for others.

    Those of products that were given as dicts do not: their caller waits for the answer.
    """
    return config.batching.accumulate and not partition.is_direct


def makes_batch(config: NormalizerConfig, partition: Partition, count: int) -> bool:
    """Returns whether so many open questions leave in a batch, and not one by one.

    Where partitions accumulate, every question does: the smallest partitions are those that
    need company most, and who waits for it has chosen the price over the hour.
    """
    fewest = 0 if accumulates(config, partition) else config.batching.min_products
    return count > fewest


def gathers_until(config: NormalizerConfig, partition: Partition, count: int) -> datetime | None:
    """Returns until when so many questions wait for company, ``None`` where they do not."""
    if not accumulates(config, partition) or count >= config.batching.accumulate_products:
        return None
    return next_hour(config.batching.accumulate_until_hour, datetime.now(UTC))


def next_hour(hour: int, now: datetime) -> datetime:
    """Returns when it is next this hour in Santiago, after ``now``."""
    here = now.astimezone(ZoneInfo(TIMEZONE))
    at_hour = here.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    days = (at_hour, at_hour + timedelta(days=1), at_hour + timedelta(days=2))
    # Compared in UTC: twice a year an hour in Santiago is there twice, or not at all.
    return next(moment for day in days if (moment := day.astimezone(UTC)) > now)


def in_santiago(until: datetime) -> str:
    """Says until when a batch gathers, such as ``until 2024-10-02 06:00 in Santiago``."""
    return f"until {until.astimezone(ZoneInfo(TIMEZONE)):%Y-%m-%d %H:%M} in Santiago"


def lacking(connection: sa.Connection, limits: BatchingConfig, day: date) -> str | None:
    """Says how much company the gathering batches of a day lack; ``None`` where they may leave.

    Args:
        connection: To the normaliser's database.
        limits: How much is enough, now.
        day: The day of their partitions.
    """
    count, until = connection.execute(
        sa.select(sa.func.count(), sa.func.min(batches.c.gathers_until))
        .select_from(batches.join(batch_requests))
        .where(_GATHERS, batch_requests.c.day == day)
    ).one()
    wanted = limits.accumulate_products
    if not limits.accumulate or until is None or count >= wanted or until <= datetime.now(UTC):
        return None
    return f"{WAITS}: {count:,} of {wanted:,} questions of {day}, {in_santiago(until)}"


_GATHERS = sa.and_(batches.c.gathers_until.is_not(None), batches.c.state == "planned")


def join(work: PartitionWork) -> str | None:
    """Makes one batch a model of all that gathers for the partition's day, if it is time.

    One transaction: a process that dies leaves either the parts or the whole, and at worst a
    file that nobody sends.

    Returns:
        What they still lack, ``None`` where nothing gathers any more.
    """
    day = work.partition.day
    joined: list[sa.Row[Any]] = []
    with work.begin() as connection:
        connection.execute(
            sa.text("select pg_advisory_xact_lock(hashtextextended(:day, 0))"),
            {"day": f"gathering {day}"},
        )
        reason = lacking(connection, work.config.batching, day)
        if reason is not None:
            _tell(connection, day, reason)
            return reason
        there, lost = _by_file(work.storage, _gathering(connection, day))
        for parts in [*together(there, work.config), *([part] for part in lost)]:
            if len(parts) > 1:
                _put_together(connection, work.storage, parts)
                joined += parts
            else:
                ledger.record_batch(connection, parts[0].shard_hash, gathers_until=None)
    for part in joined:
        request_file(work.storage, part).unlink(missing_ok=True)
    return None


def _gathering(connection: sa.Connection, day: date) -> Sequence[sa.Row[Any]]:
    """Returns what gathers for a day, in order of planning, and keeps it from being withdrawn."""
    of_day = (
        sa.select(sa.literal(1))
        .where(batch_requests.c.shard_hash == batches.c.shard_hash, batch_requests.c.day == day)
        .exists()
    )
    return connection.execute(
        sa.select(batches)
        .where(_GATHERS, of_day)
        .order_by(batches.c.planned_at, batches.c.shard_hash)
        .with_for_update()
    ).all()


def _by_file(
    storage: UPath, parts: Sequence[sa.Row[Any]]
) -> tuple[list[sa.Row[Any]], list[sa.Row[Any]]]:
    """Parts those whose file is there from those that have lost it.

    These leave alone: that they cannot be sent is their own partition's failure.
    """
    there = [part for part in parts if request_file(storage, part).exists()]
    return there, [part for part in parts if part not in there]


def together(parts: Sequence[sa.Row[Any]], config: NormalizerConfig) -> Iterator[list[sa.Row[Any]]]:
    """Yields the parts of each batch: of one model, within the limits of a shard.

    Args:
        parts: Gathering batches; their order is kept within a model.
        config: Limits on lines, bytes and tokens.
    """
    for model in dict.fromkeys(part.llm_model for part in parts):
        group: list[sa.Row[Any]] = []
        for part in parts:
            if part.llm_model != model:
                continue
            if group and not _fits([*group, part], config):
                yield group
                group = []
            group.append(part)
        yield group


def _fits(parts: Sequence[sa.Row[Any]], config: NormalizerConfig) -> bool:
    limits = config.batching
    tokens = token_limit(limits, config.models[parts[0].llm_model])
    return (
        sum(part.line_count for part in parts) <= min(limits.preferred_lines, limits.max_lines)
        and sum(part.byte_count for part in parts) <= limits.max_bytes
        and (tokens is None or sum(part.prompt_tokens for part in parts) <= tokens)
        # Their lines keep their ids, which begin with so much of the part's hash.
        and len({part.shard_hash[:NAMED_BY] for part in parts}) == len(parts)
    )


def _put_together(connection: sa.Connection, storage: UPath, parts: Sequence[sa.Row[Any]]) -> None:
    """Replaces gathering batches by one, whose file is theirs one after the other."""
    moment = datetime.now(UTC)
    hashes = [part.shard_hash for part in parts]
    # The moment too: the same parts, planned and joined again, must have another name.
    named = hashlib.sha256(f"{moment.isoformat()} {' '.join(hashes)}".encode())
    shard_hash = named.hexdigest()[:16]
    content = b"".join(request_file(storage, part).read_bytes() for part in parts)
    name = file_name(shard_hash, moment)
    # The file first, as ever: a row whose file is missing could never be sent.
    (storage / "requests" / name).write_bytes(content)
    connection.execute(
        sa.insert(batches).values(
            shard_hash=shard_hash,
            llm_model=parts[0].llm_model,
            state="planned",
            file_name=name,
            line_count=sum(part.line_count for part in parts),
            byte_count=len(content),
            prompt_tokens=sum(part.prompt_tokens for part in parts),
            estimated_usd=sum(part.estimated_usd for part in parts),
            planned_at=sa.func.clock_timestamp(),
        )
    )
    connection.execute(
        sa.update(batch_requests)
        .where(batch_requests.c.shard_hash.in_(hashes))
        .values(shard_hash=shard_hash)
    )
    connection.execute(sa.delete(batches).where(batches.c.shard_hash.in_(hashes)))


def _tell(connection: sa.Connection, day: date, reason: str) -> None:
    """Lets all partitions that wait say how far their company is.

    Those that somebody works on are left out: who holds one must not wait for another.
    """
    waiting = (
        sa.select(partitions.c.retailer)
        .where(partitions.c.day == day, partitions.c.blocked_by == "company")
        .with_for_update(skip_locked=True)
    )
    connection.execute(
        sa.update(partitions)
        .where(partitions.c.day == day, partitions.c.retailer.in_(waiting))
        .values(blocked_reason=reason)
    )
