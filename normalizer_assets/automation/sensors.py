"""The one sensor: looks at the batches and launches what is due.

Belongs here: turning a look at the ledger into Dagster's run requests and observations.
Does not belong here: what is due (``batching.life``), recording states (``polling``).
"""

from typing import TYPE_CHECKING

import dagster as dg

from normalizer_assets.automation.jobs import AssetJob
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets.resources.turn import LAUNCH_TAG, PARTITION_TAG

if TYPE_CHECKING:
    from normalizer_assets.batching.polling import BatchProgress

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_sensor(
    config: NormalizerConfig, database: Database, jobs: list[AssetJob]
) -> dg.SensorDefinition:
    """Returns the sensor ``collect_finished_batches``, running by default."""

    @dg.sensor(
        name="collect_finished_batches",
        jobs=jobs,
        minimum_interval_seconds=max(1, round(config.polling.interval_seconds)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at the list of batches, records progress, and launches `collect` "
        "for partitions whose batches are finished, and `submit` again where a process died.",
    )
    def collect_finished_batches(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from normalizer_assets.automation.sweep import sweep

        engine = database.engine
        busy = _partitions_with_runs(context.instance)
        result = sweep(
            engine, lambda: connect_api(engine), config.polling, lambda partition: partition in busy
        )
        for failure in result.failures:
            context.log.warning(failure)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=launch.run_key,
                    job_name=launch.job,
                    partition_key=launch.partition.key,
                    tags={LAUNCH_TAG: launch.run_key},
                )
                for launch in result.launches
            ],
            asset_events=[
                observation for change in result.changes for observation in _observations(change)
            ],
            skip_reason=None if result.launches else result.summary,
        )

    return collect_finished_batches


def _partitions_with_runs(instance: dg.DagsterInstance) -> set[Partition]:
    """Returns the partitions that have a queued or running run in this instance."""
    records = instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
    keys = {record.dagster_run.tags.get(PARTITION_TAG) for record in records}
    return {Partition.from_key(key) for key in keys if key and key.count("|") == 1}


def _observations(change: "BatchProgress") -> list[dg.AssetObservation]:
    """Returns one observation of ``submitted_batches`` for each partition in the batch."""
    return [
        dg.AssetObservation(
            asset_key="submitted_batches",
            partition=partition.key,
            metadata={
                "batch": change.batch_id,
                "state": change.state,
                "done": change.done,
                "total": change.total,
            },
        )
        for partition in change.partitions
    ]
