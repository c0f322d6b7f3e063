"""What a partition asked models, and what they replied: figures for gates and checks.

Belongs here: counting the ledger's requests of one partition. Does not belong here: writing
them (``ledger``, ``call_ledger``), and what the figures mean (``answers.verdicts``).
"""

from typing import NamedTuple

import polars as pl
import sqlalchemy as sa

from normalizer_assets.answers.verdicts import WORST_ROWS, Asked
from normalizer_assets.batching.canary import UNTELLING
from normalizer_assets.batching.partition import Partition
from normalizer_assets.db.tables import UNBOUGHT_STATES, RequestState

REPLIED_STATES: tuple[RequestState, ...] = ("ok", "truncated", "invalid", "refused")
"""A model replied, and was billed. Not ``http_error`` and ``unavailable``, which are the
API's words, ``expired``, ``missing`` and ``not_executed``, where nothing came, and
``outcome_unknown``, where nobody knows what did."""


def asked_of(connection: sa.Connection, partition: Partition) -> Asked:
    """Counts what models were asked for the partition's questions, in every step.

    Only what a present version can rest on: of a question that was forced, requests after
    that count; of one that is no longer in the landed file, none. Otherwise a partition
    that was held for its replies would be held for ever, whatever is corrected.
    """
    values = {"retailer": partition.retailer, "day": partition.day, "replied": [*REPLIED_STATES]}
    counts = connection.execute(sa.text(_COUNTS), values).one()
    unusable = connection.execute(sa.text(_UNUSABLE), values | {"limit": WORST_ROWS})
    return Asked(
        **counts._asdict(),
        unusable=pl.DataFrame(
            [tuple(row) for row in unusable],
            schema={"sku": pl.String, "reply": pl.String},
            orient="row",
        ),
    )


# LATERAL with an OFFSET fixes the order: each request looks its question up. Before a new
# database has statistics, a plain join goes through all requests for each question, which took
# 18 s for 10,000.
_MINE = """
from normalizer.batch_requests request
join lateral (
    select newer_than from normalizer.partition_questions question
    where (question.retailer, question.day, question.question_key)
        = (request.retailer, request.day, request.question_key)
    offset 0
) question on true
where request.retailer = :retailer and request.day = :day and request.step <> 'embedding'
  and (question.newer_than is null or request.planned_at >= question.newer_than)
"""

_COUNTS = f"""
select count(distinct question_key) filter (where cost_usd > 0) as questions,
       coalesce(sum(cost_usd), 0) as usd,
       count(*) filter (where request.state = any(:replied)) as replies,
       count(*) filter (where request.state = 'ok') as valid
{_MINE}
"""

_UNUSABLE = f"""
select request.sku, concat_ws(': ', request.step, request.state, request.reason) as reply
{_MINE} and request.state = any(:replied) and request.state <> 'ok'
order by request.request_id limit :limit
"""


class Canary(NamedTuple):
    """How the partition's last canary went: replies that tell something, and valid ones."""

    told: int
    valid: int


def canary_of(connection: sa.Connection, partition: Partition, size: int) -> Canary:
    """Counts the last canary of a partition.

    Args:
        connection: To the normaliser's database.
        partition: Which one.
        size: How many questions a canary asks. One before it asked others.
    """
    values = {"retailer": partition.retailer, "day": partition.day, "size": size}
    untelling = [*UNTELLING, *UNBOUGHT_STATES]
    return Canary(*connection.execute(sa.text(_CANARY), values | {"untelling": untelling}).one())


_CANARY = """
select count(*) filter (where state <> all(:untelling)) as told,
       count(*) filter (where state = 'ok') as valid
from (select state
      from (select distinct on (question_key) request_id, state
            from normalizer.batch_requests
            where retailer = :retailer and day = :day and step = 'canary'
            order by question_key, request_id desc) last_of_question
      order by request_id desc limit :size) last_canary
"""
