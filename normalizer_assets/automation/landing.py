"""The landing sensor: submits partitions whose file has landed, soon after it has.

Belongs here: which files are new and whole. Does not belong here: where files lie
(``intake.landing``), the nightly schedule (``schedules``), which takes SQL sources as well.
"""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from normalizer_assets.automation.jobs import NIGHT_FIRST, AssetJob
from normalizer_assets.automation.schedules import submitted_partitions
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import TIMEZONE, NormalizerConfig
from normalizer_assets.resources.database import Database


@dataclass
class Cursor:
    """What the looks before saw, by partition key: size and time of the last change.

    Attributes:
        seen: Of the file at the last look.
        started: Of the file that a run was started for.
    """

    seen: dict[str, str] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Reads a cursor; one that cannot be read is forgotten: run keys stop double starts."""
        try:
            given = json.loads(text or "{}")
            return cls(dict(given.get("seen", {})), dict(given.get("started", {})))
        except (ValueError, TypeError, AttributeError):
            return cls()

    def text(self) -> str:
        """Returns it as it is kept."""
        return json.dumps({"seen": self.seen, "started": self.started}, sort_keys=True)


def look(files: dict[str, str], submitted: set[str], cursor: Cursor) -> tuple[list[str], Cursor]:
    """Decides which partitions to start.

    A file is whole when two looks found it the same. A partition that is past landing when its
    file is first seen is not started again; one whose file changes afterwards is.

    Args:
        files: Partition key -> size and time of its file, of all that have landed.
        submitted: Keys of partitions past landing.
        cursor: Of the look before; partitions that are not in ``files`` leave it.

    Returns:
        Keys to start, and the next cursor.
    """
    started = {key: state for key, state in cursor.started.items() if key in files}
    for key in files.keys() & submitted - started.keys():
        started[key] = files[key]
    new = sorted(
        key
        for key, state in files.items()
        if started.get(key) != state and cursor.seen.get(key) == state
    )
    return new, Cursor(dict(files), started | {key: files[key] for key in new})


def build_landing_sensor(
    config: NormalizerConfig, database: Database, job: AssetJob
) -> dg.SensorDefinition:
    """Returns the sensor ``submit_landed_files``, stopped by default: it spends money."""

    @dg.sensor(
        name="submit_landed_files",
        job=job,
        minimum_interval_seconds=max(1, round(config.polling.interval_seconds)),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Launches `submit` for each retailer and day whose file has landed and is "
        "the same at two looks. A file that is replaced is submitted again; what is known is not "
        "paid again.",
    )
    def submit_landed_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from normalizer_assets.intake.landing import unknown_retailer_files

        today = datetime.now(ZoneInfo(TIMEZONE)).date()
        days = [today - timedelta(days=back) for back in range(config.schedule.days_back + 1)]
        for unknown in unknown_retailer_files(config, days):
            context.log.error(unknown.message)
        files = {partition.key: state for partition, state in _landed_files(config, days)}
        with database.engine.connect() as connection:
            begun = submitted_partitions(connection, [Partition.from_key(key) for key in files])
        new, cursor = look(files, {one.key for one in begun}, Cursor.read(context.cursor))
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=f"{key}:{files[key]}", partition_key=key, tags=NIGHT_FIRST)
                for key in new
            ],
            cursor=cursor.text(),
            skip_reason=None if new else f"{len(files)} files of {days[-1]} to {days[0]}, none new",
        )

    return submit_landed_files


def _landed_files(config: NormalizerConfig, days: list[date]) -> list[tuple[Partition, str]]:
    """Returns partitions whose file is there, with its size and the time of its last change.

    A file that many partitions share counts for those that it has rows for.
    """
    from normalizer_assets.intake.errors import IntakeError
    from normalizer_assets.intake.landing import find_landed_file, landed_partitions

    found = []
    for day, retailer in landed_partitions(config, days):
        source = config.sources[config.retailers[retailer].source]
        try:
            file = find_landed_file(source, config.paths.landing, day, retailer)
        except IntakeError:
            # Its run says what is wrong, once: the message stays the same.
            found.append((Partition(day, retailer), "unclear"))
            continue
        if file is not None:
            state = file.stat()
            found.append((Partition(day, retailer), f"{state.st_size}-{state.st_mtime:.3f}"))
    return found
