"""The exact tier: questions that already have an answer are not asked.

Belongs here: deciding which listings are answered from what is stored. Does not belong
here: keys (``routing.canonical``), the stored answers (``batching.stored_answers``).
"""

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import questions, stored_answers
from normalizer_assets.batching.partition import Partition


def with_routes(
    connection: sa.Connection, partition: Partition, listings: pl.DataFrame
) -> pl.DataFrame:
    """Adds ``route``: ``cache`` where another partition's answer serves, else the tier.

    What the partition asked itself keeps its tier, however often it is routed again, so
    that a repeated partition says the same as before. What a person rejected is asked again
    at full (DESIGN.md, "A partition's life").

    Args:
        connection: To the normaliser's database.
        partition: Whose listings.
        listings: With question_key and tier.
    """
    keys = listings["question_key"].to_list()
    known = stored_answers.known_questions(connection, keys)
    rejected = stored_answers.rejected_questions(connection, keys)
    asked = set(questions.of_partition(connection, partition)["question_key"])
    served = pl.col("question_key").is_in(list(known - asked))
    again = pl.col("question_key").is_in(list(rejected - known - asked))
    return listings.with_columns(
        tier=pl.when(again).then(pl.lit("full")).otherwise("tier")
    ).with_columns(route=pl.when(served).then(pl.lit("cache")).otherwise("tier"))
