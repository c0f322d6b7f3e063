"""Benchmarks: how long the stages take, printed and never asserted.

Belongs here: running stages on invented listings with real parts, and their times. Does
not belong here: quality; invented listings say nothing about it.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.evaluation.ask_bench import LISTING_BENCHMARKS
from normalizer_assets.evaluation.cache_bench import CACHE_BENCHMARKS
from normalizer_assets.evaluation.figures import result
from normalizer_assets.evaluation.money_bench import money
from normalizer_assets.evaluation.scratch import scratch
from normalizer_assets.evaluation.synthetic import DAY, synthetic_landing

if TYPE_CHECKING:
    import polars as pl

    from normalizer_assets.batching.work import PartitionWork

RETAILER = "lider"
ANSWER = (
    '{"brand":"ACME","model":"Uno","attributes":{"capacity":"1L","volume_ml":"1000"},'
    '"normalized_name":"ACME Uno 1L","confidence":0.9}'
)
LOAD_RUNS = 5


def pipeline(rows: int) -> dict[str, Any]:
    """Times every stage of one partition: own Postgres, and the stand-in as a process.

    Args:
        rows: Listings in the partition.

    Returns:
        ``seconds`` a stage; the stand-in's own waiting is apart (``standin_waiting``).
    """
    with scratch() as config:
        folder = Path(config.paths.landing) / DAY.isoformat()
        folder.mkdir(parents=True)
        synthetic_landing(rows).write_csv(folder / f"{RETAILER}.csv")
        return _result("pipeline", rows, _run_stages(config, _Stages()))


def ledger(rows: int) -> dict[str, Any]:
    """Times the ledger alone: requests recorded and written, result lines harvested.

    The batches never leave: their result files are made here, one plausible answer a line.

    Args:
        rows: Requests.

    Returns:
        ``seconds`` a stage. ``planned`` holds bodies, shards, files and ledger rows;
        ``harvested`` holds reading the files, parsing, answers and ledger rows.
    """
    with scratch() as config:
        folder = Path(config.paths.landing) / DAY.isoformat()
        folder.mkdir(parents=True)
        synthetic_landing(rows).write_csv(folder / f"{RETAILER}.csv")
        work = _work(config)
        seconds = _run_ledger(work, _Stages())
        work.engine.dispose()
        return _result("ledger", rows, seconds)


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


BENCHMARKS: dict[str, Callable[[int], dict[str, Any]]] = {
    **CACHE_BENCHMARKS,
    "ledger": ledger,
    "load": load,
    "pipeline": pipeline,
}
"""Benchmarks on invented listings."""
OVER_LISTINGS: dict[str, Callable[["pl.DataFrame"], dict[str, Any]]] = {
    **LISTING_BENCHMARKS,
    "money": money,
}
"""Benchmarks on real ones, as ``bench_listings`` draws them."""
DEFAULT_ROWS = {
    "exact": 1_000_000,
    "semantic": 100_000,
    "ledger": 100_000,
    "pipeline": 10_000,
    "load": 0,
    "money": 100_000,
    "prompts": 100_000,
    "route": 100_000,
}


class _Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def _work(config: NormalizerConfig) -> "PartitionWork":
    """Returns work on the benchmark's one partition, nobody else being there."""
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
    return work


def _run_stages(config: NormalizerConfig, stages: _Stages) -> dict[str, float]:
    work = _work(config)
    routed = _submit(work, stages)
    with stages.stage("standin_waiting"):
        _wait(work)
    counts = _collect(work, routed, stages)
    work.engine.dispose()
    return {**stages.seconds, **counts}


def _run_ledger(work: "PartitionWork", stages: _Stages) -> dict[str, float]:
    from normalizer_assets import pipeline
    from normalizer_assets.batching import questions, submission
    from normalizer_assets.batching.collection import harvest_due

    taken = pipeline.land(work)
    if taken is None:
        raise RuntimeError("the benchmark's own listings did not land")
    routed = pipeline.route(work, taken.intake.listings)
    with stages.stage("claimed"), work.begin() as connection:
        questions.claim(connection, work.partition, routed["question_key"])
    with stages.stage("planned"):
        submission.plan_batches(work, routed, round_number=1)
    _pretend_completed(work)
    with stages.stage("harvested"):
        harvest_due(work)
    with stages.stage("to_ask"), work.begin() as connection:
        left = questions.to_ask(connection, work.partition).height
    if left:
        raise RuntimeError(f"{left} questions have no answer after the harvest")
    return stages.seconds


def _pretend_completed(work: "PartitionWork") -> None:
    """Makes the result file of every planned batch, as the API would have left it."""
    from normalizer_assets.batching import ledger as ledger_tables

    body = {
        "model": "bench",
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140},
    }
    response = {"status_code": 200, "request_id": "r", "body": body}
    folder = work.storage / "results"
    folder.mkdir(parents=True)
    with work.engine.begin() as connection:
        for number, row in enumerate(ledger_tables.unsent_batches(connection, work.partition)):
            ids = sorted(ledger_tables.custom_ids_of(connection, row.shard_hash))
            lines = [
                json.dumps({"id": "b", "custom_id": name, "response": response, "error": None})
                for name in ids
            ]
            batch_id = f"batch_{number}"
            (folder / f"{batch_id}.output.jsonl").write_text("\n".join(lines), encoding="utf-8")
            ledger_tables.record_created(connection, row.shard_hash, batch_id)
            ledger_tables.record_batch(
                connection, row.shard_hash, state="completed", output_file_id="kept"
            )


def _submit(work: "PartitionWork", stages: _Stages) -> "pl.DataFrame":
    from normalizer_assets import pipeline
    from normalizer_assets.batching.requests import build_requests
    from normalizer_assets.batching.shards import cut_shards

    with stages.stage("intake"):
        taken = pipeline.land(work)
        if taken is None:
            raise RuntimeError("the benchmark's own listings did not land")
    with stages.stage("routing"):
        routed = pipeline.route(work, taken.intake.listings)
    with stages.stage("files"):
        requests = build_requests(work.config, routed, "batch")
        list(cut_shards(requests, work.config.batching, work.config.models, "bench"))
    with stages.stage("submission"):
        pipeline.submit(work, routed)
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
    from normalizer_assets import pipeline
    from normalizer_assets.batching.collection import harvest_due

    with stages.stage("results"):
        harvest_due(work)
    with stages.stage("individual_calls"):
        collected = pipeline.collect(work, routed)
    with stages.stage("normalised"):
        pipeline.normalise(work, routed, "bench")
    with stages.stage("judged"):
        pipeline.judge(work)
    with stages.stage("embedded"):
        embedded = pipeline.embed(work)
    entries = embedded.entries if embedded else 0
    return {"individually": collected.chain.individual, "entries": entries}


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
    return result(name, rows, seconds, stages=stages)
