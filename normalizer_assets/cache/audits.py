"""Audits: hits whose question is asked all the same, and what follows from a wrong one.

Belongs here: which hits are audited, comparing answers, what a wrong hit changes. Does not
belong here: finding hits (``semantic``), the words themselves (``lexicon``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from normalizer_assets.answers.comparison import contradictions
from normalizer_assets.batching import stored_answers
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import entries
from normalizer_assets.cache.lexicon import Lexicon, lexicon
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import answers, cache_entries, semantic_hits


def is_audited(question_keys: pl.Series, share: float) -> pl.Series:
    """Returns which hits are audited: always the same ones, whoever looks when."""
    drawn = question_keys.str.slice(0, 8).str.to_integer(base=16, dtype=pl.Int64)
    return (drawn < share * 2**32).alias("audited")


@dataclass(frozen=True)
class Audits:
    """What the audits of a partition came to.

    Attributes:
        agreed: Hits that the model's answer bears out.
        disagreed: Question key -> fields that say something else; their entries are gone.
    """

    agreed: int
    disagreed: Mapping[str, Sequence[str]]


def settle_audits(work: PartitionWork) -> Audits:
    """Compares audited hits with what the model answered; a wrong one evicts its entry.

    Whichever partition bought the answer: who found the hit may have ended in rules. What the
    hit had forgiven tells products apart from then on, in its category group, and
    too many wrong hits close the group (``cache.max_disagreements``).
    """
    with work.begin() as connection:
        audited = connection.execute(
            sa.select(semantic_hits.c.question_key, semantic_hits.c.entry_key).where(
                semantic_hits.c.state == "audited",
                sa.exists().where(answers.c.question_key == semantic_hits.c.question_key),
            )
        ).all()
        keys = [key for row in audited for key in row]
        said = stored_answers.said_of(connection, work.partition, keys)
        judged = {
            row.question_key: contradictions(said[row.question_key], said[row.entry_key])
            for row in audited
            if row.question_key in said and row.entry_key in said
        }
        wrong = {key: fields for key, fields in judged.items() if fields}
        for state, chosen in (("disagreed", wrong), ("agreed", judged.keys() - wrong.keys())):
            connection.execute(
                sa.update(semantic_hits)
                .where(semantic_hits.c.question_key.in_(list(chosen)))
                .values(state=state, settled_at=sa.func.now())
            )
        evicted = [row.entry_key for row in audited if row.question_key in wrong]
        if evicted:
            entries.forget(connection, cache_entries.c.question_key.in_(evicted))
    return Audits(agreed=len(judged) - len(wrong), disagreed=wrong)


def current_lexicon(connection: sa.Connection, config: NormalizerConfig) -> Lexicon:
    """Returns the guard's words as they stand now, those of wrong hits included."""
    rows = connection.execute(
        sa.select(semantic_hits.c.category_group, semantic_hits.c.forgiven).where(
            semantic_hits.c.state == "disagreed"
        )
    )
    telling: dict[str, set[str]] = {}
    for group, forgiven in rows:
        telling.setdefault(group, set()).update(forgiven)
    return lexicon(config, telling)


def closed_groups(connection: sa.Connection, config: NormalizerConfig) -> set[str]:
    """Returns category groups in which too many hits were wrong lately."""
    rows = connection.execute(
        sa.text(
            """
            select category_group from normalizer.semantic_hits
            where state = 'disagreed'
              and settled_at > now() - make_interval(secs => :seconds)
            group by category_group having count(*) >= :most
            """
        ),
        {
            "seconds": config.cache.ttl_days * 86400,
            "most": config.cache.max_disagreements,
        },
    )
    return set(rows.scalars())
