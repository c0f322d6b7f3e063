"""The sensor that keeps Dagster's event log from growing without end; it costs no money.

Belongs here: removing what is old from Dagster's own storage. Does not belong here: our own
files (``batching.retention``), ticks, whose age ``dagster.yaml`` limits.

Dagster 1.13 limits the age of ticks alone: its event log, some 40 rows a run, stays for ever.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from normalizer_assets.config import NormalizerConfig

AT_ONCE = 50_000
"""Rows removed at a look, in one transaction: a look is to take seconds."""

INTERVAL_SECONDS = 3600


def build_forgetting_sensor(config: NormalizerConfig) -> dg.SensorDefinition:
    """Returns the sensor ``forget_old_logs``, running by default."""

    @dg.sensor(
        name="forget_old_logs",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Removes lines of runs' logs that are older than `retention.event_log_days` "
        "from Dagster's storage, where that is Postgres. Materialisations, observations and "
        "checks of assets stay, and so do the runs.",
    )
    def forget_old_logs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        before = datetime.now(UTC) - timedelta(days=config.retention.event_log_days)
        removed = forget(context.instance, before)
        if removed is None:
            return dg.SkipReason("Dagster's storage is not Postgres: nothing is removed from it")
        return dg.SkipReason(f"{removed} lines older than {before:%Y-%m-%d} were removed")

    return forget_old_logs


def forget(instance: dg.DagsterInstance, before: datetime) -> int | None:
    """Removes lines of runs' logs that belong to no asset, the oldest first.

    What belongs to an asset stays: without its materialisations a partition looks as if it had
    never been made.

    Args:
        instance: Dagster's.
        before: Lines that are older than this, with a time zone.

    Returns:
        How many were removed, ``AT_ONCE`` at most; ``None`` where the storage is another one.
    """
    import sqlalchemy as sa
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as EventLog
    from dagster_postgres import PostgresEventLogStorage

    storage = instance.event_log_storage
    if not isinstance(storage, PostgresEventLogStorage):
        return None
    # Dagster keeps moments in UTC, without a zone.
    old = sa.and_(
        EventLog.c.asset_key.is_(None),
        EventLog.c.timestamp < before.astimezone(UTC).replace(tzinfo=None),
    )
    oldest = sa.select(EventLog.c.id).where(old).order_by(EventLog.c.id).limit(AT_ONCE)
    with storage.index_connection() as connection:
        return int(
            connection.execute(sa.delete(EventLog).where(EventLog.c.id.in_(oldest))).rowcount
        )
