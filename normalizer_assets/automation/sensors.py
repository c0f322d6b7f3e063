"""The collecting sensor: looks at the batches and launches what is due.

Belongs here: turning a look at the ledger into Dagster's run requests, observations and
standing checks. Does not belong here: what is due (``batching.due``), recording states
(``polling``), what the checks say (``checks.standing``).
"""

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from normalizer_assets.automation.jobs import BEGUN_FIRST, AssetJob
from normalizer_assets.batching.partition import Partition
from normalizer_assets.checks import standing
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.openai_client import clients
from normalizer_assets.resources.turn import (
    LAUNCH_TAG,
    NO_RETRY,
    PARTITION_TAG,
    is_repeated,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from normalizer_assets.batching.polling import BatchProgress

COMING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
]
"""A run of these will take its partition's lock; a started one holds it, if it lives."""

DEAD_AFTER_SECONDS = 120
"""A started run takes its lock within seconds, or waits for it 30 s at most."""


def build_sensor(
    config: NormalizerConfig, database: Database, jobs: list[AssetJob]
) -> dg.SensorDefinition:
    """Returns the sensor ``collect_finished_batches``, running by default."""

    @dg.sensor(
        name="collect_finished_batches",
        jobs=jobs,
        minimum_interval_seconds=max(1, round(config.polling.interval_seconds)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at the list of batches, records progress, launches `collect` for "
        "partitions whose batches are finished, and `submit` again where a process died, and "
        "keeps each retailer's standing checks current.",
    )
    def collect_finished_batches(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from normalizer_assets import direct
        from normalizer_assets.automation.sweep import sweep

        engine = database.engine
        busy = _partitions_with_runs(context.instance)
        for run_id in _report_dead_runs(context.instance, engine):
            context.log.warning("run %s is reported failed: its process died", run_id)
            run = context.instance.get_run_by_id(run_id)
            if run is not None and is_repeated(run):
                # By Dagster's daemon, in a moment: a second one would find nothing to do.
                busy.add(Partition.from_key(run.tags[PARTITION_TAG]))
        # Dagster knows no direct partition. Their callers run them; where one died, and a
        # landed partition waits for its question, nobody else does.
        awaited = direct.awaited(engine)
        unknown: set[Partition] = set()

        def is_passed_over(partition: Partition) -> bool:
            if partition.is_direct:
                return partition not in awaited
            if partition.retailer not in config.retailers or partition.day < config.first_day:
                # A request for it would be refused, and with it all others of this look.
                unknown.add(partition)
                return True
            return partition in busy

        with clients(engine) as connect:
            result = sweep(engine, connect, config, is_passed_over)
            failures = [
                f"{partition.key} is left where it is: its retailer or day is no longer in the "
                f"configuration ([retailers], first_day)"
                for partition in sorted(unknown)
            ]
            failures += result.failures
            for launch in result.launches:
                if launch.partition.is_direct:
                    failures += direct.attempt(config, engine, launch, connect)
        launches = [launch for launch in result.launches if not launch.partition.is_direct]
        for failure in failures:
            context.log.warning(failure)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=launch.run_key,
                    job_name=launch.job,
                    partition_key=launch.partition.key,
                    tags={LAUNCH_TAG: launch.run_key, **NO_RETRY, **BEGUN_FIRST},
                )
                for launch in launches
            ],
            asset_events=[
                *(one for change in result.changes for one in _observations(change)),
                *_standing_checks(context, engine, config),
            ],
            skip_reason=None if launches else result.summary,
        )

    return collect_finished_batches


def _standing_checks(
    context: dg.SensorEvaluationContext, engine: "sa.Engine", config: NormalizerConfig
) -> list[dg.AssetCheckEvaluation]:
    """Returns the standing checks that say something new.

    None where they break: the launches of this look are counted as attempts already, and a
    check is no reason to lose them.
    """
    try:
        with engine.connect() as connection:
            stands = standing.evaluate(connection, config)
        return standing.changed(context.instance, stands)
    except Exception as error:  # noqa: BLE001 - whatever breaks, partitions are to be collected
        context.log.warning("the standing checks could not be evaluated: %s", error)
        return []


def _partitions_with_runs(instance: dg.DagsterInstance) -> set[Partition]:
    """Returns the partitions that have a run in this instance which is yet to start."""
    records = instance.get_run_records(dg.RunsFilter(statuses=COMING))
    keys = {record.dagster_run.tags.get(PARTITION_TAG) for record in records}
    return {Partition.from_key(key) for key in keys if key and key.count("|") == 1}


def _report_dead_runs(instance: dg.DagsterInstance, engine: "sa.Engine") -> list[str]:
    """Reports runs as failed that are started by name, but whose partition nobody holds.

    After ``kill -9`` Dagster's default launcher never looks at a run again: it would keep
    its place in the queue, and its retailer's other runs waiting, for hours.
    """
    from normalizer_assets.batching import life

    dead = []
    with engine.connect() as connection:
        for record in instance.get_run_records(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
        ):
            run = record.dagster_run
            key = run.tags.get(PARTITION_TAG, "")
            age = time.time() - (record.start_time or time.time())
            if key.count("|") != 1 or age < DEAD_AFTER_SECONDS:
                continue
            if life.holder_of(connection, Partition.from_key(key)) is None:
                instance.report_run_failed(run, "its process died without a word")
                dead.append(run.run_id)
    return dead


def _observations(change: "BatchProgress") -> list[dg.AssetObservation]:
    """Returns one observation of ``submitted_batches`` for each partition in the batch."""
    now = datetime.now(UTC)
    end = change.expected_end(now)
    return [
        dg.AssetObservation(
            asset_key="submitted_batches",
            partition=partition.key,
            metadata={
                "batch": change.batch_id,
                "state": change.state,
                "done": change.done,
                "total": change.total,
                "share_done": round(change.done / change.total, 4),
                "age_minutes": round(change.age(now) / timedelta(minutes=1), 1),
                "expected_end": dg.MetadataValue.timestamp(end) if end else "not known yet",
            },
        )
        for partition in change.partitions
        if not partition.is_direct
    ]
