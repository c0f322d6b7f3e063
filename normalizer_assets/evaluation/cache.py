"""How often the cache confuses products, on labelled pairs.

Belongs here: reading pairs, asking the guard about them, counting. Does not belong here:
making pairs (``cache_pairs``), what the guard compares (``cache.guard``).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.guard import judge_pairs
from normalizer_assets.cache.lexicon import lexicon
from normalizer_assets.cache.vectors import embed_texts, embedded_text, text_hashes
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db import bulk
from normalizer_assets.evaluation.cache_pairs import Pair
from normalizer_assets.intake.categories import category_group
from normalizer_assets.intake.text import clean_text
from normalizer_assets.routing.canonical import canonical_key

NEEDED = ("name_a", "category_a", "name_b", "category_b", "same")
PAIR_SCHEMA = {
    **dict.fromkeys((*NEEDED[:-1], "brand_a", "brand_b", "kind"), pl.String),
    "same": pl.Boolean,
}
SHIPPED_PAIRS = Path(__file__).parent / "labels" / "cache_pairs_held_back.csv"
"""Written by hand; the guard was not developed on them (labels/README.md)."""
UNNAMED = "unnamed"
"""The kind of pairs whose file names none."""

_TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class PairsError(ValueError):
    """A file of pairs is not what it should be; the message says where."""


def read_pairs(path: Path) -> pl.DataFrame:
    """Reads a CSV of pairs: ``NEEDED`` and optionally kind, brand_a, brand_b.

    Raises:
        PairsError: Not UTF-8, no CSV, a column is missing, or ``same`` is no truth value.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False, encoding="utf8")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise PairsError(f"{path} cannot be read as CSV in UTF-8: {first}") from None
    if missing := [column for column in NEEDED if column not in frame.columns]:
        raise PairsError(f"{path} lacks the column {' and '.join(missing)}")
    same = pl.col("same").str.strip_chars(" ").str.to_lowercase()
    wrong = frame.with_row_index(offset=2).filter(~same.is_in([*_TRUTHS]).fill_null(value=False))
    if not wrong.is_empty():
        raise PairsError(
            f"{path}, line {wrong['index'][0]}: same is {wrong['same'][0]!r}; write 1 or 0"
        )
    for name in ("name_a", "name_b"):
        empty = frame.with_row_index(offset=2).filter(
            ~pl.col(name).str.contains(r"[\p{L}\p{N}]").fill_null(value=False)
        )
        if not empty.is_empty():
            raise PairsError(f"{path}, line {empty['index'][0]}: {name} says nothing")
    further = [column for column in PAIR_SCHEMA if column not in frame.columns]
    return frame.with_columns(
        same.replace_strict(_TRUTHS, return_dtype=pl.Boolean),
        *(pl.lit(None, dtype=pl.String).alias(column) for column in further),
    ).select([*PAIR_SCHEMA])


def pairs_of(pairs: Iterable[Pair]) -> pl.DataFrame:
    """Returns made pairs as ``read_pairs`` returns those of a file."""
    rows = [
        {
            "name_a": pair.name_a,
            "name_b": pair.name_b,
            "category_a": pair.category,
            "category_b": pair.category,
            "brand_a": pair.brand_a,
            "brand_b": pair.brand_b,
            "kind": pair.kind,
            "same": pair.same,
        }
        for pair in pairs
    ]
    return pl.DataFrame(rows, schema=PAIR_SCHEMA)


def shipped_pairs(made: Iterable[Pair]) -> pl.DataFrame:
    """Returns made pairs and, behind them, those that were written by hand."""
    return pl.concat([pairs_of(made), read_pairs(SHIPPED_PAIRS).select([*PAIR_SCHEMA])])


def with_groups(pairs: pl.DataFrame, config: NormalizerConfig) -> pl.DataFrame:
    """Adds group_a and group_b, after cleaning names, brands and categories as the intake does."""
    return pairs.with_columns(
        *(
            clean_text(pl.col(f"{column}_{side}")).alias(f"{column}_{side}")
            for side in "ab"
            for column in ("name", "brand", "category")
        )
    ).with_columns(
        category_group(
            pl.col(f"category_{side}"), pl.col(f"name_{side}"), config.intake.category_groups
        ).alias(f"group_{side}")
        for side in "ab"
    )


def judge(
    pairs: pl.DataFrame, config: NormalizerConfig, similarity: pl.Series | None = None
) -> pl.DataFrame:
    """Looks up the second listing of each pair, with the first one in the cache.

    Args:
        pairs: As ``read_pairs`` returns them.
        config: Category groups, noise words, ``cache.min_similarity``.
        similarity: Cosine of each pair's vectors (Float64, null without a vector). ``None``
            is the worst case: the two are taken for nearest neighbours with similarity 1, so
            that only the guard decides.

    Returns:
        Row for row: hit (Boolean), tier (exact, semantic; null for a miss) and reason (null
        for a hit).
    """
    frame = with_groups(pairs, config)
    frame = frame.with_columns(
        canonical_key(
            pl.col(f"name_{side}"),
            pl.col(f"brand_{side}"),
            pl.col(f"group_{side}"),
            config.grammar.noise_words,
        ).alias(f"key_{side}")
        for side in "ab"
    )
    exact = frame["key_a"] == frame["key_b"]
    guarded = judge_pairs(frame, lexicon(config))
    judged = guarded.with_columns(
        exact=exact,
        similarity=pl.lit(1.0) if similarity is None else similarity.fill_null(0.0),
    )
    near = pl.col("similarity") >= config.cache.min_similarity
    far = pl.format("a similarity of {}", pl.col("similarity").round(3))
    return judged.select(
        hit=pl.col("exact") | (pl.col("hit") & near),
        tier=pl.when("exact")
        .then(pl.lit("exact"))
        .when(pl.col("hit") & near)
        .then(pl.lit("semantic")),
        reason=pl.when(~pl.col("exact")).then(pl.when(near).then("reason").otherwise(far)),
    )


def similarities(pairs: pl.DataFrame, work: PartitionWork) -> pl.Series:
    """Embeds both listings of each pair, each text once, and compares their vectors.

    Args:
        pairs: As ``read_pairs`` returns them.
        work: In whose name texts are embedded.

    Returns:
        Cosine of each pair, null where a text has no vector.

    Raises:
        BlockedError, ConfigurationError, openai.OpenAIError: As ``vectors.embed_texts``.
    """
    cleaned = with_groups(pairs, work.config)
    texts = cleaned.select(
        embedded_text(pl.col(f"name_{side}"), pl.col(f"brand_{side}")).alias(side) for side in "ab"
    )
    embed_texts(work, pl.concat([texts["a"], texts["b"].rename("a")]))
    hashes = pl.DataFrame(
        {side: text_hashes(texts[side], work.config.embedding) for side in "ab"}
    ).with_row_index()
    with work.begin() as connection:
        bulk.stage(connection, "pair_texts", hashes.with_columns(pl.col("index").cast(pl.Int64)))
        rows = connection.execute(sa.text(_SIMILARITIES))
        return pl.Series("similarity", [row.similarity for row in rows], dtype=pl.Float64)


_SIMILARITIES = """
with vectors as (
    select text_hash, embedding from normalizer.embedded_texts
    union select text_hash, embedding from normalizer.cache_entries
)
select 1 - (first.embedding <=> second.embedding) as similarity
from pair_texts
left join vectors first on first.text_hash = pair_texts.a::uuid
left join vectors second on second.text_hash = pair_texts.b::uuid
order by index
"""


def evaluate_cache(pairs: pl.DataFrame, judged: pl.DataFrame) -> dict[str, Any]:
    """Counts hits.

    Returns:
        ``pairs``, ``same``, ``hits_on_same``, ``false_hits``, ``false_hits_at_most`` (upper
        bound of the 95 % interval of their share among different products; ``None`` without
        any), and ``by_kind`` with pairs and hits of each.
    """
    both = pairs.with_columns(judged)
    same, different = both.filter("same"), both.filter(~pl.col("same"))
    kinds = (
        both.group_by(pl.col("kind").fill_null(UNNAMED), maintain_order=True)
        .agg(pairs=pl.len(), hits=pl.col("hit").sum())
        .iter_rows(named=True)
    )
    false_hits = int(different["hit"].sum())
    return {
        "pairs": both.height,
        "same": same.height,
        "hits_on_same": int(same["hit"].sum()),
        "false_hits": false_hits,
        "false_hits_at_most": upper_bound(false_hits, different.height),
        "by_kind": {one["kind"]: {"pairs": one["pairs"], "hits": one["hits"]} for one in kinds},
    }


def upper_bound(events: int, trials: int) -> float | None:
    """Returns the one-sided 95 % Clopper-Pearson bound of a share; ``None`` without trials."""
    if not trials:
        return None
    from scipy.stats import beta

    return 1.0 if events == trials else float(beta.ppf(0.95, events + 1, trials - events))
