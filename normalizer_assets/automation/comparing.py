"""The sensor that keeps price comparisons up to date; it costs no money.

Belongs here: starting ``compare`` for days of which something new is published, held or failed.
Does not belong here: what is due, and comparing (``matching.comparison``).
"""

import time

import dagster as dg

from normalizer_assets.automation.jobs import AssetJob
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.resources.database import Database

STATE_TAG = "normalizer/compared"
"""Set on runs to what was settled of their day: a failed one is tried again as the same."""
DAYS_AT_ONCE = 5
"""After years of history were published, the rest comes at the next looks."""
MOST_ATTEMPTS = 3
DEAD_AFTER_SECONDS = 600
"""A comparison takes seconds; a process that was killed leaves its run unfinished for hours."""


def build_comparing_sensor(
    config: NormalizerConfig, database: Database, job: AssetJob
) -> dg.SensorDefinition:
    """Returns the sensor ``compare_published_days``, running by default."""

    @dg.sensor(
        name="compare_published_days",
        job=job,
        minimum_interval_seconds=max(1, round(config.polling.interval_seconds)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Launches `compare` for days of which a shop has published something that "
        "is not in the price comparison yet: also for a shop that arrives late, and after a "
        "correction or a rollback; and for days of which something is held or has failed, so "
        "that their report says it.",
    )
    def compare_published_days(
        context: dg.SensorEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        from normalizer_assets.matching.comparison import days_to_compare

        with database.engine.connect() as connection:
            due = days_to_compare(connection, config.first_day)
        requests: list[dg.RunRequest] = []
        for day, settled in due.items():
            state = f"{day}:{settled}"
            runs = context.instance.get_run_records(dg.RunsFilter(tags={STATE_TAG: state}))
            if any(_is_under_way(run) for run in runs) or len(requests) == DAYS_AT_ONCE:
                continue
            # Held, asked anew and held again: the same state was compared well before.
            failed = [run for run in runs if not run.dagster_run.is_success]
            if len(failed) >= MOST_ATTEMPTS:
                context.log.error("comparing %s failed too often; materialise it by hand", day)
                continue
            requests.append(
                dg.RunRequest(
                    run_key=f"{state}:{len(runs) + 1}",
                    partition_key=day.isoformat(),
                    tags={STATE_TAG: state},
                )
            )
        return requests or dg.SkipReason(
            "all that is published is compared, and all that stopped is reported"
        )

    return compare_published_days


def _is_under_way(record: dg.RunRecord) -> bool:
    age = time.time() - record.create_timestamp.timestamp()
    return not record.dagster_run.is_finished and age < DEAD_AFTER_SECONDS
