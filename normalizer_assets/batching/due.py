"""Which partitions a run is due for, and which job.

Belongs here: the one question that the sensor and ``run --wait`` ask. Does not belong
here: starting runs, what a run does.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from normalizer_assets.batching import accumulation, budget, ledger, life, questions
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.submission import lacking_room
from normalizer_assets.config import NormalizerConfig


def due(connection: sa.Connection, config: NormalizerConfig) -> list[tuple[Partition, str]]:
    """Returns the partitions for which a run is due, with its job, oldest first.

    ``collect`` is due when no batch of the partition is under way, and a question of its own is
    open or none is, when a question that it waits for has ended or is free, when who asks
    it never sent it and rests, or when its deadline has passed (DESIGN.md, "A partition's
    life", "Two keys"). ``submit`` is due again when a
    process died between landing and sending, and when what stood in the way is gone.
    """
    rests = questions.RESTING_LOOKS * config.polling.interval_seconds
    rows = connection.execute(sa.text(_DUE), {"rests": rests}).all()
    return [
        (Partition(row.day, row.retailer), row.job)
        for row in rows
        if not _is_blocked(connection, config, row)
        and (row.by_right or _is_free(connection, row.asker_day, row.asker_retailer))
    ]


def _is_free(connection: sa.Connection, day: date, retailer: str) -> bool:
    """Returns whether nobody works on the partition that a waiter could take over from."""
    return life.holder_of(connection, Partition(day, retailer)) is None


def _is_blocked(connection: sa.Connection, config: NormalizerConfig, row: sa.Row[Any]) -> bool:
    """Returns whether there is still no money, room or company for a blocked partition.

    Other blockers cannot be looked at from here; they are tried again after a pause.
    """
    partition = Partition(row.day, row.retailer)
    if row.blocked_by == "budget" and not row.served:
        limits = budget.limits(connection, partition, config.budget)
        return min(limit.left_usd for limit in limits) < (row.blocked_usd or Decimal(0))
    if row.blocked_by in ("room", "company"):
        unsent = ledger.unsent_batches(connection, partition)
        return bool(unsent) and all(
            _has_to_wait(connection, config, partition, batch) for batch in unsent
        )
    return False


def _has_to_wait(
    connection: sa.Connection, config: NormalizerConfig, partition: Partition, batch: sa.Row[Any]
) -> bool:
    if batch.gathers_until is not None:
        return accumulation.lacking(connection, config.batching, partition.day) is not None
    return lacking_room(connection, config, batch) is not None


_DUE = f"""
with standing as (
    select p.*,
        exists (select from normalizer.partition_questions q
                where (q.retailer, q.day) = (p.retailer, p.day) and q.state = 'open') as open,
        exists (select from normalizer.partition_questions q
                where (q.retailer, q.day) = (p.retailer, p.day)
                  and q.state = 'open' and not q.waits) as open_own,
        exists (select from normalizer.batch_requests r join normalizer.batches b using (shard_hash)
                where (r.retailer, r.day) = (p.retailer, p.day)
                  and b.state not in ('completed', 'failed', 'expired', 'cancelled')
                  and b.released_at is null) as batch_under_way
    from normalizer.partitions p
    where p.state in ('landed', 'submitted', 'waiting', 'collecting')
      and p.raw_snapshot is not null
      and coalesce(p.next_attempt_at, now()) <= now()
),
judged as (
    select day, retailer, blocked_by, blocked_usd,
        -- Somebody else may have paid meanwhile for what there was no money for.
        blocked_by = 'budget' and exists (
            select from normalizer.partition_questions q
            join normalizer.answers a using (question_key)
            where (q.retailer, q.day) = (s.retailer, s.day) and q.state = 'open'
              and a.status is distinct from 'rejected'
              and (q.newer_than is null or a.answered_at > q.newer_than)) as served,
        case
            when state in ('waiting', 'collecting') and (
                ((open_own or not open) and not batch_under_way)
                or exists (
                    select from normalizer.partition_questions q
                    where (q.retailer, q.day) = (s.retailer, s.day)
                      and q.state = 'open' and q.waits and (
                        not exists (
                            select from normalizer.partition_questions asker
                            where asker.question_key = q.question_key
                              and asker.state = 'open' and not asker.waits)
                        or exists (
                            select from normalizer.batch_requests r
                            join normalizer.batches b using (shard_hash)
                            where r.question_key = q.question_key and r.state = 'sent'
                              and b.state in ('completed', 'failed', 'expired', 'cancelled')
                              and b.harvested_at is null)))
                or (deadline_at <= now() and batch_under_way and exists (
                    select from normalizer.batch_requests r
                    join normalizer.batches b using (shard_hash)
                    where (r.retailer, r.day) = (s.retailer, s.day)
                      and b.state in ('validating', 'in_progress', 'finalizing')
                      and b.cancel_requested_at is null
                      and not exists (
                        select from normalizer.batch_requests other
                        join normalizer.partitions p using (retailer, day)
                        where other.shard_hash = b.shard_hash
                          and (p.deadline_at is null or p.deadline_at > now()))))
            ) then 'collect'
            when state = 'submitted' and round > 1 and deadline_at <= now() then 'collect'
            when state = 'submitted' then 'submit'
            when state = 'landed' and (open or blocked_by is not null) then 'submit'
        end as job,
        state in ('waiting', 'collecting') as may_collect
    from standing s
)
select judged.day, judged.retailer, judged.blocked_by, judged.blocked_usd, judged.served,
       job is not null as by_right, resting.day as asker_day,
       resting.retailer as asker_retailer, coalesce(job, 'collect') as job
from judged left join lateral (
    select rests.day, rests.retailer
    from normalizer.partition_questions question
    join normalizer.partition_questions asker
      on asker.question_key = question.question_key and asker.state = 'open' and not asker.waits
    join normalizer.partitions rests
      on rests.retailer = asker.retailer and rests.day = asker.day
    where judged.may_collect and job is null
      and (question.retailer, question.day) = (judged.retailer, judged.day)
      and question.state = 'open' and question.waits
      and rests.updated_at < now() - make_interval(secs => :rests)
      and {questions.NEVER_SENT}
    order by 1, 2 limit 1
) resting on true
where job is not null or resting.day is not null
order by judged.day, judged.retailer
"""
