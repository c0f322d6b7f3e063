"""Neighbours in the cache: accepted answers to variants of the same product.

Belongs here: finding, for answers that are to be judged, what is known of the same product
in another size or colour. Does not belong here: what a neighbour says for or against an
answer (``answers.evidence``), and serving an answer to another question.
"""

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching.partition import Partition
from normalizer_assets.db import bulk

NEIGHBOUR_SCHEMA: dict[str, type[pl.DataType]] = {
    "question_key": pl.String,
    "has_neighbour": pl.Boolean,
    "neighbour_brand": pl.String,
    "neighbour_model": pl.String,
}


def neighbours_for(
    connection: sa.Connection, partition: Partition, stems: pl.DataFrame
) -> pl.DataFrame:
    """Finds a neighbour of each question that was answered for the partition.

    Only what was in the cache before the answer came: a partition that is judged again must
    not find its own products, which would change its rows without anything new.

    Args:
        connection: In a transaction.
        partition: Whose answers.
        stems: Columns question_key and stem (``canonical.variant_stem``).

    Returns:
        ``NEIGHBOUR_SCHEMA``, the questions that have one; of several the newest.
    """
    bulk.stage(connection, "stems", stems.unique("question_key").select("question_key", "stem"))
    rows = connection.execute(
        sa.text(_NEIGHBOURS), {"retailer": partition.retailer, "day": partition.day}
    )
    return pl.DataFrame([tuple(row) for row in rows], schema=NEIGHBOUR_SCHEMA, orient="row")


_NEIGHBOURS = """
select stems.question_key, true, neighbour.brand, neighbour.model
from stems
join lateral (
    select max(answered_at) as at from normalizer.answers
    where answers.question_key = stems.question_key
      and retailer = :retailer and day = :day
) answered on answered.at is not null
join lateral (
    select brand, model from normalizer.cache_entries entry
    where entry.stem = stems.stem and entry.question_key <> stems.question_key
      and entry.created_at < answered.at
    order by entry.created_at desc, entry.question_key limit 1
) neighbour on true
order by stems.question_key
"""
