"""Benchmarks of the cache: how fast both tiers answer, how well, and what an entry weighs.

Belongs here: filling a cache of a given size and timing lookups in it. Does not belong here:
other stages (``bench``), whether hits are right (``cache``). The vectors are synthetic: leaves of
a tree, as names of goods lie near others of their line, kind, shelf and category. They say how
the index behaves, nothing about an embedding model.
"""

import math
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.evaluation.figures import result
from normalizer_assets.evaluation.scratch import scratch

if TYPE_CHECKING:
    import sqlalchemy as sa

Vectors = npt.NDArray[np.float32]

CHUNK = 20_000
BRANCHES = 10
LIKE = (0.37, 0.50, 0.62, 0.755, 0.90, 0.95)
"""Cosine of two entries that share so many branches of the tree. Measured with a sentence model
on 21,780 names of goods: how near the nearest 30 %, 3 %, ... of the others are, in the median
(docs/evaluation.md, "The semantic cache"); the last is extrapolated."""
DIRECTIONS = 4_096
REWORDED = 0.3
"""Length of the noise between a text and its rewording: a cosine of about 0.95."""
SINGLE_LOOKUPS = 1_000
BATCH = 1_000
BULK_KEYS = 100_000
WHOLE_HITS = 50
GROUP = "groceries"


def exact(rows: int) -> dict[str, Any]:
    """Times the exact tier against a number of stored answers.

    Args:
        rows: Stored answers.

    Returns:
        ``keys_per_second`` in bulk, half of them known, each with its share of one statement
        a 10,000 keys; ``names_per_second`` for making keys of names; ``single_ms``.
    """
    import polars as pl
    import sqlalchemy as sa

    from normalizer_assets.batching.stored_answers import known_questions
    from normalizer_assets.evaluation.synthetic import synthetic_landing
    from normalizer_assets.routing.routing import route_listings

    with scratch() as config, _engine(config) as engine:
        started = time.perf_counter()
        with engine.begin() as connection:
            connection.execute(sa.text(_ANSWERS), {"rows": rows})
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # As autovacuum does: the index alone answers only for pages that it has seen.
            connection.execute(sa.text("vacuum analyze normalizer.answers"))
        filled = time.perf_counter() - started
        listings = synthetic_landing(BULK_KEYS).with_columns(
            pl.lit(None, dtype=pl.String).alias("brand"),
            pl.lit(GROUP).alias("category_group"),
            pl.col("price").cast(pl.Int64),
        )
        names = BULK_KEYS / _median(lambda: route_listings(listings, config), 3)
        # All over the table; odd numbers have no answer.
        keys = [_key(2 * (1 + place * rows // BULK_KEYS) - place % 2) for place in range(BULK_KEYS)]

        def in_bulk() -> None:
            with engine.connect() as connection:
                for first in range(0, len(keys), 10_000):
                    known_questions(connection, keys[first : first + 10_000])

        bulk = _median(in_bulk, 5)
        with engine.connect() as connection:
            single = _times(lambda key: known_questions(connection, [key]), keys[:SINGLE_LOOKUPS])
        return result(
            "exact",
            rows,
            bulk,
            keys_per_second=round(len(keys) / bulk),
            names_per_second=round(names),
            single_ms=_percentiles(single),
            filled_seconds=round(filled, 1),
        )


def semantic(rows: int) -> dict[str, Any]:
    """Times the semantic tier against a number of entries.

    The configuration's ``embedding.dimensions``, ``cache.neighbours`` and
    ``cache.search_breadth`` apply.

    Args:
        rows: Entries.

    Returns:
        ``build`` (settings and seconds), ``bytes_per_entry``, ``hits_ms`` and ``misses_ms``
        (single lookups, the database's part), ``batched_ms`` (each), ``recall`` (share whose
        nearest entry is that of an exact search among all, of rewordings and of texts like
        none), and
        ``whole_hit_ms`` (embedding by the stand-in, lookup and guard).
    """
    with scratch() as config, _engine(config) as engine:
        build = _fill(engine, config, rows)
        found = _rewordings(config, rows)
        hits = _searched(engine, config, found)
        strange = _strangers(config, rows)
        misses = _searched(engine, config, strange)
        nearest = _exact_neighbours(config, rows, {"rewordings": found, "strangers": strange})
        return result(
            "semantic",
            rows,
            sum(value for key, value in build.items() if key.endswith("seconds")),
            dimensions=config.embedding.dimensions,
            search_breadth=config.cache.search_breadth,
            neighbours=config.cache.neighbours,
            build=build,
            bytes_per_entry=_bytes_per_entry(engine),
            hits_ms=hits["single_ms"],
            misses_ms=misses["single_ms"],
            batched_ms=hits["batched_ms"],
            recall={
                "rewordings": _share(hits["nearest"], nearest["rewordings"]),
                "strangers": _share(misses["nearest"], nearest["strangers"]),
            },
            whole_hit_ms=_whole_hits(engine, config),
        )


CACHE_BENCHMARKS: dict[str, Callable[[int], dict[str, Any]]] = {
    "exact": exact,
    "semantic": semantic,
}

# --- filling --------------------------------------------------------------------------

_ANSWERS = """
with requests as (
    insert into normalizer.batch_requests
        (custom_id, retailer, day, question_key, step, llm_model, body_hash, state,
         estimated_usd, bound_usd, cost_usd)
    select 'bench_' || number, 'lider', date '2024-01-01',
           encode(sha256(convert_to('key ' || 2 * number, 'utf8')), 'hex'),
           'individual', 'm', '', 'ok', 0, 0, 0
    from generate_series(1, :rows) number
    returning request_id, question_key
)
insert into normalizer.answers
    (request_id, question_key, retailer, day, answered_by, llm_model, brand, attributes, status)
select request_id, question_key, 'lider', date '2024-01-01', 'individual', 'm', 'ACME', '{}',
       'accepted'
from requests
"""


def _key(number: int) -> str:
    import hashlib

    return hashlib.sha256(f"key {number}".encode()).hexdigest()


def _fill(engine: "sa.Engine", config: NormalizerConfig, rows: int) -> dict[str, Any]:
    """Loads entries and builds the index after them, as a first load should."""
    import sqlalchemy as sa

    from normalizer_assets.cache.vectors import fit_dimensions, index_by_similarity

    settings = {"maintenance_work_mem": "2GB", "max_parallel_maintenance_workers": "1"}
    with engine.begin() as connection:
        fit_dimensions(connection, config.embedding.dimensions)
        connection.execute(sa.text("drop index normalizer.cache_entries_by_similarity"))
    started = time.perf_counter()
    for first in range(0, rows, CHUNK):
        _copy(engine, config, first, _chunk(config, rows, first))
    loaded = time.perf_counter() - started
    started = time.perf_counter()
    with engine.begin() as connection:
        for name, value in settings.items():
            connection.execute(sa.text(f"set local {name} = '{value}'"))
        index_by_similarity(connection, config.embedding.dimensions)
        index = connection.execute(
            sa.text(
                "select indexdef from pg_indexes where indexname = 'cache_entries_by_similarity'"
            )
        ).scalar_one()
    built = time.perf_counter() - started
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum analyze normalizer.cache_entries"))
    return {
        **settings,
        "index": index.partition(" USING ")[2],
        "load_seconds": round(loaded, 1),
        "index_seconds": round(built, 1),
    }


def _copy(engine: "sa.Engine", config: NormalizerConfig, first: int, vectors: Vectors) -> None:
    from pgvector import HalfVector
    from pgvector.psycopg import register_vector

    from normalizer_assets.db.bulk import driver_connection

    with engine.begin() as connection:
        driver = driver_connection(connection)
        register_vector(driver)
        columns = (
            "question_key, category_group, name, answer_contract, embedding_model, text_hash, "
            "embedding"
        )
        with (
            driver.cursor() as cursor,
            cursor.copy(
                f"copy normalizer.cache_entries ({columns}) from stdin (format binary)".encode()
            ) as copy,
        ):
            copy.set_types(["text", "text", "text", "int4", "text", "uuid", "halfvec"])
            for number, vector in enumerate(vectors, first):
                name = f"Galletas de la Casa numero {number} bolsa {number % 97} g"
                copy.write_row(
                    (_key(number), GROUP, name, 1, config.embedding.model, _hash(number),
                     HalfVector(vector))
                )  # fmt: skip


def _hash(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)


@cache
def _directions(dimensions: int) -> Vectors:
    return _unit(np.random.default_rng(1).standard_normal((DIRECTIONS, dimensions), np.float32))


def _chunk(config: NormalizerConfig, rows: int, first: int) -> Vectors:
    """Returns the vectors of some entries; the same numbers give the same vectors."""
    return leaves(config, rows, min(CHUNK, rows - first), seed=first + 2)


def leaves(config: NormalizerConfig, rows: int, count: int, seed: int) -> Vectors:
    """Draws leaves of the tree of so many rows: each of its last branches has ten on average."""
    drawn = np.random.default_rng(seed)
    depth = min(max(round(math.log(rows, BRANCHES)) - 1, 0), len(LIKE) - 1)
    paths = drawn.integers(0, BRANCHES**depth, count)
    vectors = np.sqrt(np.float32(LIKE[0])) * _branch(config, np.zeros(count, np.int64), 0)
    for level in range(1, depth + 1):
        weight = np.sqrt(np.float32(LIKE[level] - LIKE[level - 1]))
        vectors += weight * _branch(config, paths // BRANCHES ** (depth - level), level)
    return _unit(vectors + _noise(drawn, vectors.shape, math.sqrt(1 - LIKE[depth])))


def _branch(config: NormalizerConfig, numbers: npt.NDArray[np.int64], level: int) -> Vectors:
    """Returns the direction of branches: two of the known ones together, which two by number."""
    mixed = (numbers + 1 + level * 1_000_003) * 2_654_435_761 % 2**32
    known = _directions(config.embedding.dimensions)
    both: Vectors = known[mixed % DIRECTIONS] + known[mixed // DIRECTIONS % DIRECTIONS]
    return both / np.float32(math.sqrt(2))


def _noise(drawn: np.random.Generator, shape: tuple[int, ...], length: float) -> Vectors:
    return _unit(drawn.standard_normal(shape, np.float32)) * np.float32(length)


def _unit(vectors: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


# --- looking up -----------------------------------------------------------------------


def _rewordings(config: NormalizerConfig, rows: int) -> Vectors:
    """Returns vectors near some entries, spread over all of them."""
    drawn = np.random.default_rng(0)
    chunks = drawn.choice(range(0, rows, CHUNK), size=min(10, -(-rows // CHUNK)), replace=False)
    share = -(-SINGLE_LOOKUPS // len(chunks))
    picked = [_chunk(config, rows, int(first))[:share] for first in chunks]
    vectors = np.concatenate(picked)[:SINGLE_LOOKUPS]
    return _unit(vectors + _noise(drawn, vectors.shape, REWORDED))


def _strangers(config: NormalizerConfig, rows: int) -> Vectors:
    """Returns vectors of the same tree that are near no entry in particular."""
    return leaves(config, rows, SINGLE_LOOKUPS, seed=1_000_000_007)


def _searched(engine: "sa.Engine", config: NormalizerConfig, vectors: Vectors) -> dict[str, Any]:
    """Looks vectors up one by one and all at once."""
    import polars as pl
    import sqlalchemy as sa

    from normalizer_assets.cache.semantic import nearest
    from normalizer_assets.cache.vectors import keep

    hashes = [str(uuid.uuid4()) for _ in vectors]
    with engine.begin() as connection:
        keep(connection, list(zip(hashes, vectors, strict=True)))
    wide = config.model_copy(
        update={"cache": config.cache.model_copy(update={"min_similarity": 0})}
    )
    wanted = pl.DataFrame({"question_key": hashes, "text_hash": hashes})
    found: list[str] = []

    with engine.connect() as connection:
        for number in range(100):  # the index comes into memory
            nearest(connection, wanted[number : number + 1], wide)

        def one(number: int) -> None:
            first = nearest(connection, wanted[number : number + 1], wide)
            found.append(first["entry_key"][0])

        times = _times(one, range(len(vectors)))
        batched = _median(lambda: nearest(connection, wanted[:BATCH], wide), 3)
    with engine.begin() as connection:
        connection.execute(sa.text("delete from normalizer.embedded_texts"))
    return {
        "single_ms": _percentiles(times),
        "batched_ms": round(batched / min(BATCH, len(vectors)) * 1000, 3),
        "nearest": found,
    }


def _exact_neighbours(
    config: NormalizerConfig, rows: int, asked: dict[str, Vectors]
) -> dict[str, list[str]]:
    """Finds the truly nearest entries, by comparing with every one."""
    best = {name: np.full(len(vectors), -2.0, np.float32) for name, vectors in asked.items()}
    place = {name: np.zeros(len(vectors), np.int64) for name, vectors in asked.items()}
    for first in range(0, rows, CHUNK):
        entries = _as_stored(_chunk(config, rows, first)).T
        for name, vectors in asked.items():
            similar = _as_stored(vectors) @ entries
            highest = similar.argmax(axis=1)
            values = similar[np.arange(len(vectors)), highest]
            better = values > best[name]
            best[name][better] = values[better]
            place[name][better] = highest[better] + first
    return {name: [_key(int(number)) for number in found] for name, found in place.items()}


def _as_stored(vectors: Vectors) -> Vectors:
    """Rounds vectors as the table does; their lengths are no longer 1 then."""
    return _unit(vectors.astype(np.float16).astype(np.float32))


def _whole_hits(engine: "sa.Engine", config: NormalizerConfig) -> dict[str, float]:
    """Times hits from a listing to its answer's entry, the call to the stand-in included.

    The stand-in's vectors lie apart from the synthetic ones, where an index built for those
    may lead past them; ``hits`` is the share that was found.
    """
    import polars as pl

    from normalizer_assets.cache.report import explain
    from normalizer_assets.cache.warming import Known, own_work, warm_from_known
    from normalizer_assets.evaluation.synthetic import BRANDS, one_listing
    from normalizer_assets.resources.openai_client import clients

    with clients(engine) as connect_api, own_work(config, engine, connect_api) as work:
        names = [f"Galletas {brand} Avena y Miel 500 g" for brand in BRANDS[: WHOLE_HITS + 5]]
        known = pl.concat([one_listing(name, GROUP) for name in names])
        answer = {"brand": None, "model": None, "attributes": {"weight_g": "500"}}
        warm_from_known(work, Known(known, [answer] * len(names)))

        def hit(name: str) -> None:
            asked = one_listing(name.replace("Galletas", "Oferta Galleta"), GROUP)
            tiers.append(explain(work, asked)["tier"])

        tiers: list[str | None] = []
        for name in names[:5]:
            hit(name)
        times = _percentiles(_times(hit, names[5:]))
        return {**times, "hits": round(tiers.count("semantic") / len(tiers), 2)}


def _bytes_per_entry(engine: "sa.Engine") -> int:
    import sqlalchemy as sa

    statement = (
        "select pg_total_relation_size('normalizer.cache_entries') / count(*) "
        "from normalizer.cache_entries"
    )
    with engine.connect() as connection:
        return int(connection.execute(sa.text(statement)).scalar_one())


# --- figures --------------------------------------------------------------------------


@contextmanager
def _engine(config: NormalizerConfig) -> "Iterator[sa.Engine]":
    from normalizer_assets.db.engine import connect

    engine = connect(config)
    try:
        yield engine
    finally:
        engine.dispose()


def _times(work: Callable[[Any], object], each: Sequence[Any]) -> list[float]:
    times = []
    for one in each:
        started = time.perf_counter()
        work(one)
        times.append((time.perf_counter() - started) * 1000)
    return times


def _median(work: Callable[[], object], runs: int) -> float:
    return statistics.median(_times(lambda _: work(), range(runs))) / 1000


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(np.array(times), [50, 95, 99])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "p99": round(float(p99), 2)}


def _share(found: Sequence[str], right: Sequence[str]) -> float:
    return sum(one == other for one, other in zip(found, right, strict=True)) / len(right)
