"""Benchmarks: how long the stages take, printed and never asserted.

Belongs here: running stages on invented listings with real parts, and their times. Does
not belong here: quality; invented listings say nothing about it.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.evaluation.synthetic import DAY, synthetic_landing

RETAILER = "lider"
LOAD_RUNS = 5


def pipeline(rows: int) -> dict[str, Any]:
    """Times every stage of one partition: own Postgres, and the stand-in as a process.

    Args:
        rows: Listings in the partition.

    Returns:
        ``seconds`` a stage; the stand-in's own waiting is apart (``standin_waiting``).
    """
    with _scratch() as (config, stages):
        folder = Path(config.paths.landing) / DAY.isoformat()
        folder.mkdir(parents=True)
        synthetic_landing(rows).write_csv(folder / f"{RETAILER}.csv")
        return _result("pipeline", rows, _run_stages(config, rows, stages))


def load(_: int) -> dict[str, Any]:
    """Compares loading the code location with a bare ``import dagster``.

    Returns:
        Medians of five processes each, in seconds, and their ratio.
    """
    bare = _median_seconds("import dagster")
    location = _median_seconds("from normalizer_assets.definitions import defs; defs()")
    return {
        "name": "load",
        "rows": 0,
        "seconds": round(location, 3),
        "import_dagster_seconds": round(bare, 3),
        "ratio": round(location / bare, 2),
        "runs": LOAD_RUNS,
    }


BENCHMARKS: dict[str, Callable[[int], dict[str, Any]]] = {"load": load, "pipeline": pipeline}


class _Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def _run_stages(config: NormalizerConfig, rows: int, stages: _Stages) -> dict[str, float]:
    from upath import UPath

    from normalizer_assets.batching import ledger, life, submission
    from normalizer_assets.batching.collection import NotReady, collect
    from normalizer_assets.batching.harvest import harvest_due
    from normalizer_assets.batching.partition import Partition
    from normalizer_assets.batching.polling import poll
    from normalizer_assets.batching.requests import build_requests
    from normalizer_assets.batching.shards import cut_shards
    from normalizer_assets.batching.work import PartitionWork
    from normalizer_assets.cache.embeddings import embed_pending
    from normalizer_assets.cache.exact import with_routes
    from normalizer_assets.db.engine import connect
    from normalizer_assets.intake.partition import take_in
    from normalizer_assets.publishing.products import build_products
    from normalizer_assets.publishing.versions import record_verdict, write_version
    from normalizer_assets.resources.openai_client import connect_api
    from normalizer_assets.routing.routing import route_listings

    partition = Partition(DAY, RETAILER)
    engine = connect(config)
    work = PartitionWork(
        partition, config, engine, lambda: connect_api(engine), UPath(config.paths.storage)
    )
    work.client.models.list()  # the connection and the SDK's imports are not a stage
    with stages.stage("intake"):
        taken = take_in(config, RETAILER, DAY)
        assert taken is not None, "the benchmark landed its own listings"  # noqa: S101
        intake = taken.intake
        life.record_landing(
            engine,
            partition,
            snapshot=taken.snapshot.sha256,
            raw_count=intake.raw_count,
            collapsed_count=intake.collapsed_count,
            quarantined=intake.quarantined,
        )
    with stages.stage("routing"), engine.connect() as connection:
        routed = with_routes(connection, partition, route_listings(intake.listings, config))
    with stages.stage("files"):
        requests = build_requests(config, routed, "batch")
        files = sum(1 for _ in cut_shards(requests, config.batching, "bench"))
    with stages.stage("submission"):
        plan = submission.plan(work, requests, requests["estimated_usd"].sum())
        submission.send(work)
    with stages.stage("standin_waiting"):
        while _under_way(engine, partition):
            time.sleep(0.2)
            poll(engine, work.client)
    with stages.stage("results"):
        harvest_due(work)
    with stages.stage("individual_calls"):
        try:
            collected = collect(work, routed)
        except NotReady as error:
            raise RuntimeError(f"the batches were finished, yet: {error}") from error
    with stages.stage("normalised"):
        with engine.connect() as connection:
            answers = ledger.answers_for(connection, partition, routed["question_key"].to_list())
        products = build_products(routed, answers, config)
        write_version(engine, partition, products, "bench")
    record_verdict(engine, partition, green=True, reasons=[])
    with stages.stage("embedded"):
        embedded = embed_pending(work)
    counts = {
        "files_written": files,
        "in_batches": plan.in_batches,
        "individually": collected.chain.individual,
        "entries": embedded.entries,
    }
    engine.dispose()
    return {**stages.seconds, **counts}


def _under_way(engine: Any, partition: Any) -> bool:
    from normalizer_assets.batching import ledger

    with engine.connect() as connection:
        return bool(ledger.batches_under_way(connection, partition))


@contextmanager
def _scratch() -> Iterator[tuple[NormalizerConfig, _Stages]]:
    """Makes a folder with a Postgres and a stand-in of its own, and removes all of it."""
    from normalizer_assets.db.embedded import server_folder, stop_server

    folder = Path(tempfile.mkdtemp(prefix="normalizer-bench-"))
    folder.chmod(0o755)  # Postgres runs as another user where the benchmark runs as root
    standin, url = _start_standin()
    saved = dict(os.environ)
    os.environ.update(
        {
            "NORMALIZER__PATHS__DATA": str(folder / "data"),
            "NORMALIZER_LANDING": str(folder / "landing"),
            "NORMALIZER_STORAGE": str(folder / "storage"),
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "standin",
        }
    )
    os.environ.pop("NORMALIZER_DATABASE_URL", None)
    try:
        yield load_config(), _Stages()
    finally:
        os.environ.clear()
        os.environ.update(saved)
        standin.terminate()
        standin.wait()
        stop_server(folder / "data")
        shutil.rmtree(server_folder(folder / "data"), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _start_standin() -> tuple["subprocess.Popen[str]", str]:
    """Starts the stand-in as a process, so that it does not share our interpreter."""
    process = subprocess.Popen(
        [sys.executable, "-m", "normalizer_assets.cli", "standin", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    first_line = process.stdout.readline()
    return process, first_line.partition("OPENAI_BASE_URL=")[2].split(")")[0]


def _median_seconds(code: str) -> float:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}

    def once() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)  # noqa: S603
        return time.perf_counter() - started

    once()  # the first run compiles
    return statistics.median(once() for _ in range(LOAD_RUNS))


def _result(name: str, rows: int, stages: dict[str, float]) -> dict[str, Any]:
    waiting = {"standin_waiting"}
    counts = {"files_written", "in_batches", "individually", "entries"}
    seconds = sum(value for stage, value in stages.items() if stage not in waiting | counts)
    return {
        "name": name,
        "rows": rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "stages": stages,
    }
