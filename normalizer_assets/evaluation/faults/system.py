"""The process under test: it works until every partition has its end.

Belongs here: what sensor, schedule and a patient person do, without Dagster: submit what
landed, launch what is due, materialise again what failed. Does not belong here: accidents,
judging. It is started again whenever it was killed, and knows nothing of its former life
but what database, storage and a few marks of the person's say.
"""

import json
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import openai
import polars as pl
import psycopg
import sqlalchemy as sa

from normalizer_assets import pipeline
from normalizer_assets.automation.sweep import sweep
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork, turn
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import batches
from normalizer_assets.evaluation.faults.boundaries import Boundaries
from normalizer_assets.resources.openai_client import connect_api

if TYPE_CHECKING:
    from openai import OpenAI

PATIENCE = 4
"""So often a person materialises a partition again that failed or was held."""

LOCK_WAIT_SECONDS = 0.1
GENEROUS_USD = 50.0


class System:
    """One process.

    Args:
        config: All settings.
        database: The scenario's database.
        api: Base URL of the stand-in.
        folder: Where frames between steps and the person's marks lie.
        boundaries: Told which step is under way.
        partitions: In the order in which they are looked after.
    """

    def __init__(
        self,
        config: NormalizerConfig,
        database: sa.URL,
        api: str,
        folder: Path,
        boundaries: Boundaries,
        partitions: Sequence[Partition],
    ) -> None:
        self._given = config
        self._engine = sa.create_engine(database, pool_pre_ping=True)
        self._environment = {"OPENAI_API_KEY": "standin", "OPENAI_BASE_URL": api}
        self._folder = folder
        self._boundaries = boundaries
        self._partitions = partitions

    # --- what is started ------------------------------------------------------------

    def work(self, *, whole: bool = False) -> None:
        """Works until every partition is published, or a person has given it up.

        Args:
            whole: Collect right after each submission, as the whole graph does.
        """
        for partition in self._partitions:
            if self._state(partition) in (None, "landed"):
                self._try("submit", partition, whole=whole)
        while unfinished := [
            one for one in self._partitions if not self._mark(one, "done").exists()
        ]:
            if not self._launch_due():
                for partition in unfinished:
                    self._attend(partition)
                time.sleep(self._config.polling.interval_seconds)

    def repeat(self, partition: Partition, *, force: bool = False) -> None:
        """Materialises a partition again, although it has its end."""
        self._try("submit", partition, force=force)
        self.work()

    def _launch_due(self) -> int:
        self._boundaries.step = "sweep"
        try:
            found = sweep(self._engine, self._connect, self._config, lambda _: False)
        except Exception as error:  # noqa: BLE001 - the next look may succeed
            self._note(error)
            return 0
        for launch in found.launches:
            self._try(launch.job, launch.partition, launched=True)
        return len(found.launches)

    def _attend(self, partition: Partition) -> None:
        """Does what a person would who looks at the partition now."""
        self._boundaries.step = "attend"
        try:
            with self._engine.connect() as connection:
                row = life.read(connection, partition)
                holder = life.holder_of(connection, partition)
        except sa.exc.DBAPIError as error:
            self._note(error)
            return
        if holder is not None:
            return
        if row is not None and row.blocked_by == "budget":
            (self._folder / "raised").touch()
        if row is not None and row.blocked_by == "company":
            self._let_the_hour_come()
        state = None if row is None else row.state
        if state in ("failed", "held"):
            # One byte a visit: another process may read while this one writes.
            with self._mark(partition, "visits").open("ab") as visits:
                if visits.tell() >= PATIENCE:
                    self._mark(partition, "done").write_text(str(state))
                    return
                visits.write(b".")
        if state in (None, "landed", "published", "failed", "held"):
            self._try("submit", partition)

    def _let_the_hour_come(self) -> None:
        """Ends the waiting for company, as the clock would."""
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.update(batches)
                    .where(batches.c.gathers_until > sa.func.now())
                    .values(gathers_until=sa.func.now())
                )
        except sa.exc.DBAPIError as error:
            self._note(error)

    def _try(
        self,
        job: str,
        partition: Partition,
        *,
        launched: bool = False,
        force: bool = False,
        whole: bool = False,
    ) -> None:
        """Runs a job; what it raises is noted, as a failed run would be."""
        self._boundaries.step = f"{job} {partition.key}"
        try:
            with self._turn(partition) as (work, holder):
                if holder is None:
                    # Whatever begins here is not done: launched from an old look, a collect
                    # that was killed had left a published partition collecting, and marked.
                    self._mark(partition, "done").unlink(missing_ok=True)
                    if job == "submit":
                        self._submit(work, force=force)
                    if job == "collect" or whole:
                        self._collect(work)
                elif launched:
                    life.return_attempt(self._engine, partition)
        except Exception as error:  # noqa: BLE001 - judged afterwards
            self._note(error)

    # --- the two jobs ---------------------------------------------------------------

    def _submit(self, work: PartitionWork, *, force: bool) -> None:
        taken = pipeline.land(work)
        if taken is None:
            raise FileNotFoundError(f"nothing has landed for {work.partition.key}")
        routed = pipeline.route(work, taken.intake.listings)
        partial = self._mark(work.partition, "partial")
        routed.write_parquet(partial)
        partial.rename(self._mark(work.partition, "parquet"))
        with pipeline.step(work):
            pipeline.submit(work, routed, force=force)

    def _collect(self, work: PartitionWork) -> None:
        routed = pl.read_parquet(self._mark(work.partition, "parquet"))
        with pipeline.step(work) as ended:
            pipeline.collect(work, routed)
        if ended.stop is not None:
            return
        pipeline.normalise(work, routed, "run")
        pipeline.judge(work)
        with pipeline.step(work) as ended:
            embedded = pipeline.embed(work)
            if embedded is not None and ended.stop is None:
                # Only who still has the turn: a process whose connection had broken marked a
                # partition as done that another one had just begun again.
                with work.begin():
                    self._mark(work.partition, "done").write_text("published")

    # --- surroundings ---------------------------------------------------------------

    @property
    def _config(self) -> NormalizerConfig:
        """The settings, as the person has left them."""
        if not (self._folder / "raised").exists():
            return self._given
        budget = self._given.budget.model_copy(
            update={"partition_usd": GENEROUS_USD, "day_usd": GENEROUS_USD}
        )
        return self._given.model_copy(update={"budget": budget})

    def _connect(self) -> "OpenAI":
        return connect_api(self._engine, self._environment)

    @contextmanager
    def _turn(self, partition: Partition) -> Iterator[tuple[PartitionWork, str | None]]:
        with turn(
            self._config, self._engine, partition, self._connect, "harness", LOCK_WAIT_SECONDS
        ) as taken:
            yield taken

    def _state(self, partition: Partition) -> str | None:
        self._boundaries.step = "start"
        try:
            with self._engine.connect() as connection:
                row = life.read(connection, partition)
        except sa.exc.DBAPIError as error:
            self._note(error)
            return "unknown"
        return None if row is None else str(row.state)

    def _mark(self, partition: Partition, kind: str) -> Path:
        return self._folder / f"{partition.day}-{partition.retailer}.{kind}"

    def _note(self, error: Exception) -> None:
        """Keeps what a run raised, for the judge."""
        entry = {
            "step": self._boundaries.step,
            "type": type(error).__name__,
            "text": str(error)[:500],
            "expected": isinstance(error, EXPECTED),
            "trace": traceback.format_exc(),
        }
        with (self._folder / "errors.ndjson").open("a") as file:
            file.write(json.dumps(entry) + "\n")


EXPECTED = (
    openai.OpenAIError,
    sa.exc.DBAPIError,
    psycopg.Error,
    OSError,
    RuntimeError,
)
"""What a run may end with when the API or the database fails it; anything else is a defect."""
