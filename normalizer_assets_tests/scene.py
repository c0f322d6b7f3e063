"""Invented listings that landed, and real Dagster runs over them.

Belongs here: what tests of several folders need to run jobs. Their ``conftest.py`` brings the
fixtures in. Does not belong here: any check.
"""

import csv
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from openai import OpenAI

from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.db.tables import TERMINAL_BATCH_STATES
from normalizer_assets.definitions import build_definitions
from normalizer_assets.resources.openai_client import clients
from normalizer_assets.standin.server import RunningStandin, running_standin
from normalizer_assets.standin.settings import StandinSettings

STEPS = (
    "raw_products",
    "routed_products",
    "submitted_batches",
    "batch_results",
    "normalized_products",
    "normalized_products_gates",
    "cache_embeddings",
)
SUBMIT_STEPS, COLLECT_STEPS = STEPS[:3], STEPS[3:]
WHOLE_GRAPH = (*STEPS, "standing_checks")
"""Chosen together in the UI the assets bring all their checks along."""
STATIONS = tuple(step for step in STEPS if not step.endswith("_gates"))

Listing = Mapping[str, object]


def invented(count: int, first: int = 0) -> list[Listing]:
    """Returns listings of no real shop, simple and complex ones in turn."""
    kinds: list[Callable[[int], tuple[str, str]]] = [
        lambda n: (f"Arroz Grado {n} Tucapel 1 kg", "Despensa > Arroz"),
        lambda n: (f"Leche Entera Soprole Serie {n} 1 L", "Lácteos > Leches"),
        lambda n: (
            f"Notebook Lenovo IdeaPad {n} Intel Core i5-1235U 16GB RAM 512GB SSD",
            "Computación > Notebooks",
        ),
    ]
    rows: list[Listing] = []
    for number in range(first, first + count):
        name, category = kinds[number % len(kinds)](number)
        rows.append(
            {"name": name, "category": category, "price": 1000 + number, "sku": f"S{number}"}
        )
    return rows


@dataclass
class Scene:
    """A landing folder, a database, a stand-in and a Dagster instance."""

    config: NormalizerConfig
    engine: sa.Engine
    partition: Partition
    instance: dg.DagsterInstance
    monkeypatch: pytest.MonkeyPatch
    standin: RunningStandin
    connect: Callable[[], OpenAI]

    def set(self, **variables: str) -> None:
        """Overrides keys of the configuration, for commands too."""
        for variable, value in variables.items():
            self.monkeypatch.setenv(f"NORMALIZER__{variable}", value)
        self.config = load_config()
        self.__dict__.pop("definitions", None)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """What Dagster would load."""
        return build_definitions(self.config)

    def land(
        self, listings: Sequence[Listing], partition: Partition | None = None, suffix: str = "csv"
    ) -> Path:
        """Writes listings where they land; no listings make a file with a header alone."""
        target = partition or self.partition
        path = Path(self.config.paths.landing, target.day.isoformat())
        path.mkdir(parents=True, exist_ok=True)
        file = path / f"{target.retailer}.{suffix}"
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ["name", "category", "price", "sku"])
            writer.writeheader()
            writer.writerows(listings)
        return file

    def run(
        self,
        job: str,
        partition: Partition | None = None,
        selection: Sequence[str] | None = None,
        tags: dict[str, str] | None = None,
        **config: Mapping[str, object],
    ) -> dg.ExecuteInProcessResult:
        """Executes a job in process; ``__ASSET_JOB`` is what the button of their group runs.

        ``config`` is the run config of assets, by name.
        """
        if job == "__ASSET_JOB":
            selection = selection or STATIONS
        return self.definitions.resolve_job_def(job).execute_in_process(
            partition_key=(partition or self.partition).key,
            instance=self.instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(name) for name in selection] if selection else None,
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {asset: {"config": values} for asset, values in config.items()},
            },
            tags=tags,
        )

    def submit(self, partition: Partition | None = None) -> dg.ExecuteInProcessResult:
        """Runs ``submit``."""
        return self.run("submit", partition)

    def collect(self, partition: Partition | None = None) -> dg.ExecuteInProcessResult:
        """Waits until every batch is terminal, then runs ``collect``."""
        self.wait_for_batches()
        return self.run("collect", partition)

    def publish(self, partition: Partition | None = None) -> None:
        """Takes a landed partition to its end, which must be published."""
        assert self.submit(partition).success
        assert self.collect(partition).success
        while self.row(partition).state == "waiting":  # for its second round
            assert self.collect(partition).success
        assert self.row(partition).state == "published"

    def tick(self) -> dg.SensorResult:
        """Lets the sensor look once, and reports what it has seen, as the daemon does."""
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(instance=self.instance, repository_def=repository)
        data = repository.get_sensor_def("collect_finished_batches").evaluate_tick(context)
        for event in data.asset_events:
            self.instance.report_runless_asset_event(event)
        return dg.SensorResult(
            run_requests=list(data.run_requests or []),
            asset_events=list(data.asset_events),
            skip_reason=data.skip_message,
        )

    def execute_requests(self, result: dg.SensorResult) -> list[dg.ExecuteInProcessResult]:
        """Runs what the sensor asked for, as the daemon would."""
        return [
            self.run(
                str(request.job_name),
                Partition.from_key(str(request.partition_key)),
                tags=dict(request.tags),
            )
            for request in result.run_requests or []
        ]

    def daemon(self, seconds: float = 30) -> list[str]:
        """Does the daemon's work until every partition is published, held or failed.

        Returns:
            The run keys that were launched; every run was green.
        """
        deadline = time.monotonic() + seconds
        keys: list[str] = []
        while self.scalar(_UNSETTLED):
            result = self.tick()
            keys += [key for _, key in launched(result)]
            assert all(run.success for run in self.execute_requests(result))
            if not result.run_requests:
                time.sleep(0.05)
            assert time.monotonic() < deadline, self.rows("select * from normalizer.partitions")
        return keys

    def skip_pauses(self) -> None:
        """Lets pauses before a next try be over."""
        self.execute("update normalizer.partitions set next_attempt_at = now()")

    def wait_for_batches(self) -> None:
        """Returns when the stand-in has no batch under way."""
        client = self.connect()
        while any(batch.status not in TERMINAL_BATCH_STATES for batch in client.batches.list()):
            time.sleep(0.05)

    def cancel_batches(self) -> None:
        """Makes batches terminal which would take longer than a test."""
        client = self.connect()
        for batch in client.batches.list():
            if batch.status not in TERMINAL_BATCH_STATES:
                client.batches.cancel(batch.id)
        self.wait_for_batches()

    def row(self, partition: Partition | None = None) -> sa.Row[Any]:
        """Returns the partition's row."""
        with self.engine.connect() as connection:
            row = life.read(connection, partition or self.partition)
        assert row is not None
        return row

    def rows(self, sql: str, **values: object) -> list[sa.Row[Any]]:
        """Asks the database."""
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(sql), values))

    def scalar(self, sql: str, **values: object) -> Any:
        """Asks the database for one value."""
        return self.rows(sql, **values)[0][0]

    def bought(self) -> list[str]:
        """Returns what the stand-in was paid for, once for each time: a hash of the body.

        Embeddings are left out.
        """
        return [
            entry["body_hash"]
            for entry in self.standin.journal()
            if entry["kind"] == "line"
            or (entry["kind"] == "call" and entry["endpoint"] == "/v1/chat/completions")
            if entry["billed_usd"] != "0"
        ]

    def warned(self, result: dg.ExecuteInProcessResult) -> str:
        """Returns what a run's log warns of."""
        return "\n".join(
            entry.user_message
            for entry in self.instance.all_logs(result.run_id)
            if entry.level == logging.WARNING
        )

    def execute(self, sql: str, **values: object) -> None:
        """Changes the database, as time or a dead process would have."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(sql), values)


_UNSETTLED = (
    "select count(*) from normalizer.partitions where state not in ('published', 'held', 'failed')"
)


def launched(result: dg.SensorResult) -> list[tuple[str | None, str]]:
    """Returns job and run key of what the sensor asked for."""
    return [(request.job_name, str(request.run_key)) for request in result.run_requests or []]


def steps(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Returns how each step ended: success, skipped or failure.

    A step that ran and yielded nothing counts as skipped.
    """
    ended = {}
    yielded = {
        event.step_key
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        or (
            event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
            and event.step_key not in STATIONS
        )
    }
    kinds = {
        dg.DagsterEventType.STEP_SUCCESS: "success",
        dg.DagsterEventType.STEP_SKIPPED: "skipped",
        dg.DagsterEventType.STEP_FAILURE: "failure",
    }
    for event in result.all_events:
        if event.event_type in kinds and event.step_key is not None:
            ended[event.step_key] = kinds[event.event_type]
    return {
        step: "skipped" if kind == "success" and step not in yielded else kind
        for step, kind in ended.items()
    }


def messages(result: dg.ExecuteInProcessResult) -> str:
    """Returns what the failed steps said, with all causes."""
    said = []
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            failure = event.step_failure_data
            if failure.user_failure_data is not None:
                said.append(str(failure.user_failure_data.description))
            error = failure.error
            while error is not None:
                said.append(error.message)
                error = error.cause
    return "\n".join(said)


@pytest.fixture
def standin_settings() -> StandinSettings:
    """How this test's stand-in behaves; a test may override it."""
    return StandinSettings(batch_seconds=0.2)


@pytest.fixture
def variables() -> dict[str, str]:
    """Overrides of the configuration for scene and stand-in; a test may override it."""
    return {}


@pytest.fixture
def standin(
    standin_settings: StandinSettings, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningStandin]:
    """A stand-in of the test's own: no batch of another test can be found again in it."""
    for variable, value in variables.items():
        monkeypatch.setenv(f"NORMALIZER__{variable}", value)
    with running_standin(standin_settings) as running:
        yield running


@pytest.fixture
def scene(
    config: NormalizerConfig,
    engine: sa.Engine,
    partition: Partition,
    monkeypatch: pytest.MonkeyPatch,
    standin: RunningStandin,
) -> Iterator[Scene]:
    """Nothing has landed yet."""
    with dg.DagsterInstance.ephemeral() as instance, clients(engine) as connect:
        yield Scene(config, engine, partition, instance, monkeypatch, standin, connect)
