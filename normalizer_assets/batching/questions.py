"""Questions: who asks them, and who waits for somebody else's answer.

Belongs here: every read and write of ``partition_questions``. Does not belong here: the
requests that ask (``ledger``), what was answered (``stored_answers``).

Of all partitions with the same open question one asks, and the others wait: a unique
index is the claim, so two runs at the same moment cannot both pay. Whoever stops without
having asked lets go, and the next one takes the question.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import PollingConfig
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import partition_questions, partitions

NOBODY = "nobody"
"""In the place of a partition's key, for questions that are free."""

_OF = "question.retailer = :retailer and question.day = :day"

_USABLE = """
(exists (select from normalizer.answers answer
         where answer.question_key = {key}
           and answer.status is distinct from 'rejected'
           and ({since} is null or answer.answered_at > {since}))
 or ({since} is null
     and exists (select from normalizer.semantic_hits hit
                 where hit.question_key = {key} and hit.state = 'served'))
 or ({since} is null
     and coalesce((select decision from normalizer.review_decisions decided
                   where decided.question_key = {key}
                   order by decision_id desc limit 1) in ('accept', 'correct'), false)))
"""
"""A stored answer serves, one to a like question, or a person's; where the question was forced,
only a newer one does."""

_ALIVE = """
exists (select from normalizer.batch_requests request
        where request.question_key = question.question_key
          and request.retailer = question.retailer and request.day = question.day
          and request.state in ('planned', 'sent', 'received'))
"""
"""The partition's request for it is on its way."""


NEVER_SENT = """
not exists (select from normalizer.batch_requests request
            left join normalizer.batches batch using (shard_hash)
            where request.question_key = asker.question_key
              and request.retailer = asker.retailer and request.day = asker.day
              and (request.state in ('sent', 'received')
                   or (request.state = 'planned'
                       and (batch.state = 'creating' or batch.gathers_until > now()))))
"""
"""Nothing of the partition that asks it can be at the API, nor waits for company to go there."""

RESTING_LOOKS = 3
"""For how many looks of the sensor nothing of a partition changes before others may take
over what it claims."""


def of_partition(connection: sa.Connection, partition: Partition) -> pl.DataFrame:
    """Returns what the partition asks: question_key, state (open, answered, rules), waits."""
    rows = connection.execute(
        sa.select(
            partition_questions.c.question_key,
            partition_questions.c.state,
            partition_questions.c.waits,
        ).where(partition.of(partition_questions))
    )
    return pl.DataFrame(
        [tuple(row) for row in rows],
        schema={"question_key": pl.String, "state": pl.String, "waits": pl.Boolean},
        orient="row",
    )


def claim(
    connection: sa.Connection,
    partition: Partition,
    wanted: pl.Series,
    *,
    force: bool = False,
    since: Mapping[str, datetime] | None = None,
) -> None:
    """Takes the questions that nobody else asks; the partition waits for the others.

    A question with a stored usable answer is not asked. What the partition asks or has
    had answered stays as it is.

    Args:
        connection: In a transaction for the partition.
        partition: Who asks.
        wanted: Question keys, each once.
        force: Ask although there is an answer.
        since: Where that is forced, question key -> the moment whose answers are too old; of
            others all answers until now are.
    """
    too_old = [(since or {}).get(key) for key in wanted]
    moments = pl.Series("too_old", too_old, pl.Datetime(time_zone="UTC"))
    bulk.stage(connection, "wanted", pl.DataFrame([wanted.rename("question_key"), moments]))
    values = {**_name(partition), "force": force}
    for statement in _CLAIM:
        connection.execute(sa.text(statement), values)
    close_answered(connection, partition)


_USABLE_AT_ALL = _USABLE.format(key="wanted.question_key", since="null::timestamptz")

_CLAIM = (
    f"""
    create temporary table claimed on commit drop as
    select wanted.question_key,
           case when :force then coalesce(wanted.too_old, now())
                else question.newer_than end as newer_than
    from wanted left join normalizer.partition_questions question
      on question.question_key = wanted.question_key and {_OF}
    where (question.question_key is null and (:force or not {_USABLE_AT_ALL}))
       or (question.state = 'open' and question.waits)
       or (:force and question.state <> 'open')
    """,
    f"""
    delete from normalizer.partition_questions question using claimed
    where question.question_key = claimed.question_key and {_OF}
    """,
    # In the order of keys two claims cannot deadlock; each waits here for the other's end.
    """
    insert into normalizer.partition_questions (retailer, day, question_key, state, newer_than)
    select :retailer, :day, question_key, 'open', newer_than from claimed
    order by question_key on conflict do nothing
    """,
    """
    insert into normalizer.partition_questions
        (retailer, day, question_key, state, newer_than, waits)
    select :retailer, :day, question_key, 'open', newer_than, true from claimed
    on conflict do nothing
    """,
    "drop table claimed, wanted",
)


def close_answered(connection: sa.Connection, partition: Partition) -> None:
    """Closes the partition's open questions that have an answer by now, whoever bought it.

    Looked up after a claim, never before it only: the answer may have come while the claim
    waited for its neighbour's.
    """
    usable = _USABLE.format(key="question.question_key", since="question.newer_than")
    connection.execute(
        sa.text(
            f"""
            update normalizer.partition_questions question set state = 'answered', waits = false
            where {_OF} and question.state = 'open' and {usable}
            """
        ),
        _name(partition),
    )


def let_go(connection: sa.Connection, partition: Partition) -> None:
    """Gives up the claim on questions that no request of the partition asks."""
    connection.execute(
        sa.text(
            f"""
            update normalizer.partition_questions question set waits = true
            where {_OF} and question.state = 'open' and not question.waits and not {_ALIVE}
            """
        ),
        _name(partition),
    )


def forget_others(connection: sa.Connection, partition: Partition, kept: pl.Series) -> None:
    """Drops open questions of listings that are not there any more, unless they were asked.

    After a claim in the same transaction, never before it: a claim waits for others in the
    order of keys, and who waits must not hold a question that it has dropped.
    """
    bulk.stage(connection, "kept", kept.unique().rename("question_key").to_frame())
    connection.execute(
        sa.text(
            f"""
            delete from normalizer.partition_questions question
            where {_OF} and question.state = 'open' and not {_ALIVE}
              and not exists (select from kept where kept.question_key = question.question_key)
            """
        ),
        _name(partition),
    )
    connection.execute(sa.text("drop table kept"))


def close(
    connection: sa.Connection, partition: Partition, question_keys: Sequence[str], state: str
) -> None:
    """Records how the partition's questions ended: ``answered`` or ``rules``."""
    connection.execute(
        sa.update(partition_questions)
        .where(
            partition.of(partition_questions),
            partition_questions.c.question_key.in_(question_keys),
        )
        .values(state=state, waits=False)
    )


def any_open(connection: sa.Connection, partition: Partition) -> bool:
    """Returns whether a question of the partition is open."""
    one = sa.select(sa.literal(1)).where(
        partition.of(partition_questions), partition_questions.c.state == "open"
    )
    return connection.execute(one.limit(1)).first() is not None


def to_ask(connection: sa.Connection, partition: Partition) -> pl.DataFrame:
    """Returns the partition's own open questions that no request of it asks now.

    Returns:
        Columns question_key, rounds (batches that have asked it), line_state (how its last
        batch line ended, null where it never was in a batch).
    """
    rows = connection.execute(
        sa.text(
            f"""
            select question.question_key, coalesce(line.rounds, 0), line.state
            from normalizer.partition_questions question
            left join lateral (
                select count(*)::int as rounds,
                       (array_agg(request.state order by request.request_id desc))[1] as state
                from normalizer.batch_requests request
                where request.question_key = question.question_key
                  and request.retailer = question.retailer and request.day = question.day
                  and request.step = 'batch' and request.state <> 'not_executed'
                  and (question.newer_than is null or request.planned_at >= question.newer_than)
            ) line on true
            where {_OF} and question.state = 'open' and not question.waits and not {_ALIVE}
            """
        ),
        _name(partition),
    )
    return pl.DataFrame(
        [tuple(row) for row in rows],
        schema={"question_key": pl.String, "rounds": pl.Int32, "line_state": pl.String},
        orient="row",
    )


def never_asked(connection: sa.Connection, partition: Partition) -> list[str]:
    """Returns the partition's own open questions that were never asked, nor forced."""
    rows = connection.execute(
        sa.text(
            f"""
            select question.question_key from normalizer.partition_questions question
            where {_OF} and question.state = 'open' and not question.waits
              and question.newer_than is null
              and not exists (select from normalizer.batch_requests request
                              where request.question_key = question.question_key
                                and request.state <> 'not_executed')
            """
        ),
        _name(partition),
    )
    return list(rows.scalars())


def release(connection: sa.Connection, partition: Partition, question_keys: Sequence[str]) -> None:
    """Drops questions of the partition that turned out to be answered: as if never asked."""
    connection.execute(
        sa.delete(partition_questions).where(
            partition.of(partition_questions),
            partition_questions.c.question_key.in_(question_keys),
        )
    )


def forget_unanswered(connection: sa.Connection, question_keys: Sequence[str]) -> None:
    """Drops answered questions that have no answer any more, so that they can be asked."""
    connection.execute(
        sa.text(
            """
            delete from normalizer.partition_questions question
            where question.question_key = any(:keys) and question.state = 'answered'
              and not exists (select from normalizer.answers answer
                              where answer.question_key = question.question_key)
            """
        ),
        {"keys": list(question_keys)},
    )


def resting_askers(
    connection: sa.Connection, partition: Partition, polling: PollingConfig
) -> list[Partition]:
    """Returns partitions that ask what this one waits for, never sent it, and rest.

    A partition rests when nothing of it changed for some looks of the sensor: one that is
    about to be launched keeps its questions.
    """
    rows = connection.execute(
        sa.text(
            f"""
            select distinct asker.day, asker.retailer
            from normalizer.partition_questions question
            join normalizer.partition_questions asker
              on asker.question_key = question.question_key
             and asker.state = 'open' and not asker.waits
            join normalizer.partitions resting
              on resting.retailer = asker.retailer and resting.day = asker.day
            where {_OF} and question.state = 'open' and question.waits
              and resting.updated_at < now() - make_interval(secs => :seconds)
              and {NEVER_SENT}
            order by 1, 2
            """
        ),
        _name(partition) | {"seconds": RESTING_LOOKS * polling.interval_seconds},
    )
    return [Partition(row.day, row.retailer) for row in rows]


def late_waiters(connection: sa.Connection) -> list[Partition]:
    """Returns partitions past their deadline that wait for others and have not said so."""
    rows = connection.execute(
        sa.select(partitions.c.day, partitions.c.retailer).where(
            partitions.c.state == "waiting",
            partitions.c.deadline_at <= sa.func.now(),
            partitions.c.blocked_reason.is_(None),
            sa.select(sa.literal(1))
            .where(
                partition_questions.c.retailer == partitions.c.retailer,
                partition_questions.c.day == partitions.c.day,
                partition_questions.c.state == "open",
                partition_questions.c.waits,
            )
            .exists(),
        )
    )
    return [Partition(day, retailer) for day, retailer in rows]


def waited_for(connection: sa.Connection, partition: Partition) -> dict[str, int]:
    """Returns for whom the partition waits: key of the asking partition -> questions."""
    rows = connection.execute(
        sa.text(
            f"""
            select coalesce(asker.day || '|' || asker.retailer, '{NOBODY}') as asker,
                   count(*) as questions
            from normalizer.partition_questions question
            left join normalizer.partition_questions asker
              on asker.question_key = question.question_key
             and asker.state = 'open' and not asker.waits
            where {_OF} and question.state = 'open' and question.waits
            group by 1 order by 1
            """
        ),
        _name(partition),
    )
    return {row.asker: row.questions for row in rows}


def _name(partition: Partition) -> dict[str, object]:
    return {"retailer": partition.retailer, "day": partition.day}
