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
from typing import TYPE_CHECKING, Any

from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.evaluation.synthetic import DAY, synthetic_landing

if TYPE_CHECKING:
    import polars as pl

    from normalizer_assets.batching.work import PartitionWork

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
        return _result("pipeline", rows, _run_stages(config, stages))


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


def _run_stages(config: NormalizerConfig, stages: _Stages) -> dict[str, float]:
    from upath import UPath

    from normalizer_assets.batching.partition import Partition
    from normalizer_assets.batching.work import PartitionWork
    from normalizer_assets.db.engine import connect
    from normalizer_assets.resources.openai_client import connect_api

    engine = connect(config)
    work = PartitionWork(
        partition=Partition(DAY, RETAILER),
        config=config,
        engine=engine,
        connect_api=lambda: connect_api(engine),
        storage=UPath(config.paths.storage),
    )
    work.client.models.list()  # the connection and the SDK's imports are not a stage
    routed = _submit(work, stages)
    with stages.stage("standin_waiting"):
        _wait(work)
    counts = _collect(work, routed, stages)
    engine.dispose()
    return {**stages.seconds, **counts}


def _submit(work: "PartitionWork", stages: _Stages) -> "pl.DataFrame":
    from normalizer_assets.batching import life, submission
    from normalizer_assets.batching.requests import build_requests, cost_scenarios
    from normalizer_assets.batching.shards import cut_shards
    from normalizer_assets.cache.exact import with_routes
    from normalizer_assets.intake.partition import take_in
    from normalizer_assets.routing.routing import route_listings

    with stages.stage("intake"):
        taken = take_in(work.config, RETAILER, DAY)
        if taken is None:
            raise RuntimeError("the benchmark's own listings did not land")
        life.record_landing(
            work.engine,
            work.partition,
            snapshot=taken.snapshot.sha256,
            raw_count=taken.intake.raw_count,
            collapsed_count=taken.intake.collapsed_count,
            quarantined=taken.intake.quarantined,
        )
    with stages.stage("routing"), work.engine.connect() as connection:
        keyed = route_listings(taken.intake.listings, work.config)
        routed = with_routes(connection, work.partition, keyed)
    with stages.stage("files"):
        requests = build_requests(work.config, routed, "batch")
        list(cut_shards(requests, work.config.batching, "bench"))
    with stages.stage("submission"):
        submission.plan(work, requests, cost_scenarios(work.config, routed)[0].usd)
        submission.send(work)
    return routed


def _wait(work: "PartitionWork") -> None:
    from normalizer_assets.batching import ledger
    from normalizer_assets.batching.polling import poll

    while True:
        with work.engine.connect() as connection:
            if not ledger.batches_under_way(connection, work.partition):
                return
        time.sleep(0.2)
        poll(work.engine, work.client)


def _collect(work: "PartitionWork", routed: "pl.DataFrame", stages: _Stages) -> dict[str, float]:
    from normalizer_assets.batching import ledger
    from normalizer_assets.batching.collection import collect
    from normalizer_assets.batching.harvest import harvest_due
    from normalizer_assets.cache.embeddings import embed_pending
    from normalizer_assets.publishing.products import build_products
    from normalizer_assets.publishing.versions import record_verdict, write_version

    with stages.stage("results"):
        harvest_due(work)
    with stages.stage("individual_calls"):
        collected = collect(work, routed)
    with stages.stage("normalised"):
        with work.engine.connect() as connection:
            keys = routed["question_key"].to_list()
            answers = ledger.answers_for(connection, work.partition, keys)
        products = build_products(routed, answers, work.config)
        write_version(work.engine, work.partition, products, "bench")
    record_verdict(work.engine, work.partition, green=True, reasons=[])
    with stages.stage("embedded"):
        embedded = embed_pending(work)
    return {"individually": collected.chain.individual, "entries": embedded.entries}


@contextmanager
def _scratch() -> Iterator[tuple[NormalizerConfig, _Stages]]:
    """Makes a folder with a Postgres and a stand-in of its own, and removes all of it."""
    from normalizer_assets.db.embedded import server_folder, stop_server

    folder = Path(tempfile.mkdtemp(prefix="normalizer-bench-"))
    folder.chmod(0o755)  # Postgres runs as another user where the benchmark runs as root
    saved = dict(os.environ)
    with _standin_process() as url:
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
            stop_server(folder / "data")
            shutil.rmtree(server_folder(folder / "data"), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _standin_process() -> Iterator[str]:
    """Runs the stand-in as a process, so that it does not share our interpreter."""
    with subprocess.Popen(
        [sys.executable, "-m", "normalizer_assets.cli", "standin", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            first_line = process.stdout.readline() if process.stdout else ""
            yield first_line.partition("OPENAI_BASE_URL=")[2].split(")")[0]
        finally:
            process.terminate()


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
    counts = {"individually", "entries"}
    seconds = sum(value for stage, value in stages.items() if stage not in waiting | counts)
    return {
        "name": name,
        "rows": rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "stages": stages,
    }
