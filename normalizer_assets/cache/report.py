"""What the cache holds and does, in figures and for one listing in words.

Belongs here: reading. Does not belong here: changing anything (``entries``, ``semantic``).
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching import stored_answers
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import audits, semantic, vectors
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import cache_entries, embedded_texts, semantic_hits
from normalizer_assets.routing.routing import route_listings


def statistics(connection: sa.Connection, config: NormalizerConfig) -> dict[str, Any]:
    """Counts entries, hits and what they weigh.

    Returns:
        ``entries`` (total, by category group and by model), ``oldest`` and ``newest`` (ISO
        times), ``texts`` (vectors without an entry), ``dimensions``, ``bytes`` and
        ``bytes_per_entry`` (table, indexes and vectors), ``rows`` (published rows by tier:
        exact, semantic, none), ``hits`` (by state), ``audits`` (audited, disagreed,
        share_wrong), ``closed_groups``, ``telling_words`` (by category group).
    """
    entry = cache_entries.c
    total, oldest, newest = connection.execute(
        sa.select(sa.func.count(), sa.func.min(entry.created_at), sa.func.max(entry.created_at))
    ).one()
    size = connection.execute(
        sa.text("select pg_total_relation_size('normalizer.cache_entries')")
    ).scalar_one()
    hits = _counts(connection, semantic_hits.c.state)
    settled = hits.get("agreed", 0) + hits.get("disagreed", 0)
    telling = audits.current_lexicon(connection, config).telling
    return {
        "entries": {
            "total": total,
            "by_group": _counts(connection, entry.category_group),
            "by_llm_model": _counts(connection, sa.func.coalesce(entry.llm_model, "human")),
        },
        "oldest": oldest.isoformat() if oldest else None,
        "newest": newest.isoformat() if newest else None,
        "texts": connection.execute(
            sa.select(sa.func.count()).select_from(embedded_texts)
        ).scalar_one(),
        "dimensions": vectors.stored_dimensions(connection),
        "bytes": size,
        "bytes_per_entry": round(size / total) if total else None,
        "rows": _pairs(connection.execute(sa.text(_ROWS))),
        "hits": hits,
        "audits": {
            "settled": settled,
            "disagreed": hits.get("disagreed", 0),
            "share_wrong": hits.get("disagreed", 0) / settled if settled else None,
        },
        "closed_groups": sorted(audits.closed_groups(connection, config)),
        "telling_words": {group: sorted(words) for group, words in telling.items()},
    }


_ROWS = """
select coalesce(cache_tier, 'none'), count(*) from normalizer.published_products
group by 1 order by 1
"""


def _counts(connection: sa.Connection, column: "sa.ColumnElement[Any]") -> dict[str, int]:
    rows = connection.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column))
    return _pairs(rows)


def _pairs(rows: Iterable[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}


def explain(work: PartitionWork, listing: pl.DataFrame) -> dict[str, Any]:
    """Says what the cache would do with one listing, and why.

    The lookup is the real one: it embeds the text, unless that was paid for before.

    Args:
        work: In whose name the text is embedded.
        listing: One row with the columns of a listing.

    Returns:
        ``name``, ``category_group``, ``canonical_key``, ``question_key``, ``tier`` (exact,
        semantic or ``None``), ``answer`` (of what serves), ``neighbours`` (entry, name,
        similarity, hit, reason, forgiven; the nearest first) and ``trouble``.

    Raises:
        BlockedError, ConfigurationError, openai.OpenAIError: As ``vectors.embed_texts``.
    """
    keyed = route_listings(listing, work.config)
    wanted = semantic.described(keyed, work.config)
    row = keyed.row(0, named=True)
    key = row["question_key"]
    spent = vectors.embed_texts(work, wanted["text"])
    with work.begin() as connection:
        found = semantic.judged_candidates(connection, wanted, work.config)
        exact = bool(stored_answers.known_questions(connection, [key]))
        hit = found.filter("hit").head(1)
        before = stored_answers.served_by_likeness(connection, [key])
        alike = (hit if before.is_empty() else before)["entry_key"].to_list()
        serving = [key] if exact and before.is_empty() else alike
        said = stored_answers.said_of(connection, work.partition, serving)
    return {
        "name": row["name"],
        "category_group": row["category_group"],
        "canonical_key": row["canonical_key"],
        "question_key": key,
        "tier": "exact" if serving == [key] else "semantic" if serving else None,
        "answer": next(iter(said.values()), None),
        "neighbours": [
            {
                "question_key": one["entry_key"],
                "name": one["entry_name"],
                "similarity": round(one["similarity"], 4),
                "hit": one["hit"],
                "reason": one["reason"],
                "forgiven": one["forgiven"],
            }
            for one in found.iter_rows(named=True)
        ],
        "embedding": asdict(spent) | {"cost_usd": float(spent.cost_usd)},
    }
