"""The sensor that tells what needs a person's hand; it starts nothing and costs no money.

Belongs here: failed runs, which Dagster alone knows, and the sensor's log as a channel. Does
not belong here: all other conditions, and telling them once (``alerts``).
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.resources.database import Database
from normalizer_assets.resources.turn import LAUNCH_TAG, PARTITION_TAG, is_repeated

if TYPE_CHECKING:
    import sqlalchemy as sa

    from normalizer_assets.alerts.conditions import Condition

RECENT = timedelta(days=3)
"""An older failed run is not told any more."""

MOST_RUNS = 100
"""A look is to take seconds: each of these is asked for its partition's newest run."""


def build_alerting_sensor(config: NormalizerConfig, database: Database) -> dg.SensorDefinition:
    """Returns the sensor ``send_alerts``, running by default."""

    @dg.sensor(
        name="send_alerts",
        minimum_interval_seconds=max(1, round(config.polling.interval_seconds)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells once what needs a person: failed runs and partitions, red gates and "
        "canaries, batches that stand still, budgets, models about to be shut down. To the "
        "channels of `[alerts]`, by default to the log of its ticks; `normalizer alerts list` "
        "has what is open.",
    )
    def send_alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from normalizer_assets.alerts.channels import configured
        from normalizer_assets.alerts.delivery import look

        engine = database.engine
        found = look(
            engine,
            config,
            configured(config.alerts, context.log.warning),
            _failed_runs(context.instance, engine),
        )
        for problem in found.problems:
            context.log.error(problem)
        return dg.SkipReason(f"{found.lasting} alerts are open, {found.sent} messages were sent")

    return send_alerts


def _failed_runs(instance: dg.DagsterInstance, engine: "sa.Engine") -> "list[Condition]":
    """Returns partitions whose newest run failed and that nobody tries again.

    A run that the collecting sensor launched is one of several attempts: when these are used
    up, the partition is failed. A held or failed partition says so itself.
    """
    from normalizer_assets.alerts.conditions import Condition, run_command
    from normalizer_assets.batching import life

    failed = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE], created_after=datetime.now(UTC) - RECENT
        ),
        limit=MOST_RUNS,
    )
    keys = dict.fromkeys(record.dagster_run.tags.get(PARTITION_TAG) for record in failed)
    found = []
    with engine.connect() as connection:
        for key in filter(None, keys):
            run = instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: key}), limit=1)[0]
            tried_again = LAUNCH_TAG in run.tags or is_repeated(run)
            if run.status != dg.DagsterRunStatus.FAILURE or tried_again:
                continue
            # Runs of a whole day, such as its comparison, belong to no partition of ours.
            partition = Partition.from_key(key) if key.count("|") == 1 else None
            row = life.read(connection, partition) if partition else None
            if row is not None and row.state in ("held", "failed"):
                continue
            again = run_command(partition) if partition else "materialise it again"
            found.append(
                Condition(
                    "run_failed",
                    key,
                    f"{run.job_name}, run {run.run_id[:8]}: {_cause(instance, run.run_id)}",
                    f"correct the cause (the run's log has all of it), then {again}",
                    (partition,) if partition else (),
                    page=f"runs/{run.run_id}",
                )
            )
    return found


def _cause(instance: dg.DagsterInstance, run_id: str) -> str:
    """Returns what the first failed step said, without Dagster's frame around it."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        failure = entry.get_dagster_event().step_failure_data
        if failure.user_failure_data is not None and failure.user_failure_data.description:
            return failure.user_failure_data.description
        error = failure.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return error.message
    return "it ended without a word"
