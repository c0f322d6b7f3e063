"""The nightly schedule: submits what has landed and is not submitted yet.

Belongs here: when, and for which partitions. Does not belong here: the job.
"""

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from normalizer_assets.automation.jobs import NIGHT_FIRST, AssetJob
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import TIMEZONE, NormalizerConfig
from normalizer_assets.resources.database import Database

if TYPE_CHECKING:
    import sqlalchemy as sa


def build_schedule(
    config: NormalizerConfig, database: Database, job: AssetJob
) -> dg.ScheduleDefinition:
    """Returns the schedule ``nightly_submission``, stopped by default: it spends money."""

    @dg.schedule(
        name="nightly_submission",
        job=job,
        cron_schedule=f"{config.schedule.minute} {config.schedule.hour} * * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Every night at a low-demand hour: `submit` for each retailer and day "
        "that has landed and is not submitted yet. A missing file is no failed run.",
    )
    def nightly_submission(
        context: dg.ScheduleEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        from normalizer_assets.intake.landing import landed_partitions, unknown_retailer_files

        night = context.scheduled_execution_time.astimezone(ZoneInfo(TIMEZONE))
        days = [
            night.date() - timedelta(days=back) for back in range(config.schedule.days_back + 1)
        ]
        for unknown in unknown_retailer_files(config, days):
            context.log.error(unknown.message)
        landed = [Partition(day, retailer) for day, retailer in landed_partitions(config, days)]
        with database.engine.connect() as connection:
            begun = submitted_partitions(connection, landed)
        requests = [
            dg.RunRequest(
                run_key=f"{partition.key}:{night:%Y-%m-%d}",
                partition_key=partition.key,
                tags=NIGHT_FIRST,
            )
            for partition in sorted(set(landed) - begun)
        ]
        return requests or dg.SkipReason(f"nothing new has landed for {days[-1]} to {days[0]}")

    return nightly_submission


def submitted_partitions(connection: "sa.Connection", landed: list[Partition]) -> set[Partition]:
    """Returns those of the landed partitions that are past landing."""
    import sqlalchemy as sa

    from normalizer_assets.db.tables import partitions as partitions_table

    rows = connection.execute(
        sa.select(partitions_table.c.day, partitions_table.c.retailer).where(
            partitions_table.c.state != "landed",
            partitions_table.c.day.in_({partition.day for partition in landed}),
        )
    )
    return {Partition(day, retailer) for day, retailer in rows}
