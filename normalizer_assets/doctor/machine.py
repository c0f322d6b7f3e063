"""Checks of the machine: Python, folders, disk, clock and time zones.

Belongs here: what can be told without database and API. Does not belong here: either of them
(``database``, ``api``).
"""

import shutil
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from upath import UPath

from normalizer_assets.config import TIMEZONE, NormalizerConfig
from normalizer_assets.doctor.findings import Finding, Level

OLDEST_PYTHON = (3, 11)

SMALL_DISK, FULL_DISK = 5 * 2**30, 2**30
"""Free bytes below which a disk is worth a warning, and below which work fails soon. Reasoned:
a day of 100,000 listings writes some hundred megabytes, and Postgres stops on a full disk."""

MAKE_ROOM = "make room, or move the data: `export NORMALIZER__PATHS__DATA=FOLDER`"

WRONG_CLOCK, USELESS_CLOCK = 10.0, 300.0
"""Seconds that the clock may differ. Deadlines and the search for a lost batch, which allows an
hour (``batching.submission``), compare our clock with the database's and the API's."""


def python(version: tuple[int, ...]) -> Finding:
    """Says whether this Python is new enough."""
    written = ".".join(map(str, version[:3]))
    if version[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return Finding(
            "fail", f"Python {written}", f"install Python {oldest} or newer, then `make clean demo`"
        )
    return Finding("ok", f"Python {written}")


# --- folders --------------------------------------------------------------------------


def landing(config: NormalizerConfig) -> Finding:
    """Looks whether landed files can be read; writing there is other programs' business."""
    if not any(config.sources[one.source].path for one in config.retailers.values()):
        return Finding("ok", "not needed: every retailer's listings come from SQL")
    place = UPath(config.paths.landing)
    if not place.exists():
        todo = f"mkdir -p {place}" if _is_local(place) else f"land files below {place}"
        return Finding("warn", f"{place} does not exist yet", todo)
    # Folders of days before files, such as a README beside them.
    newest = max(place.iterdir(), key=lambda path: (not path.suffix, path.name), default=None)
    file = next((path for path in _files(newest) if path.is_file()), None)
    if file is not None:
        with file.open("rb") as opened:
            opened.read(1)
    holds = "empty" if newest is None else f"newest entry {newest.name}"
    try:
        _write_and_read(place)
    except OSError:
        return Finding("ok", f"{place}: readable, {holds}; not writable, which is all right")
    return Finding("ok", f"{place}: readable and writable, {holds}")


def storage(config: NormalizerConfig) -> Finding:
    """Writes something into the storage, reads it and removes it."""
    place = UPath(config.paths.storage)
    if _is_local(place):
        place.mkdir(parents=True, exist_ok=True)
    _write_and_read(place)
    return Finding("ok", f"{place}: readable and writable")


def _write_and_read(place: UPath) -> None:
    probe = place / f".doctor-{uuid.uuid4().hex}"
    content = probe.name.encode()
    try:
        probe.write_bytes(content)
        if probe.read_bytes() != content:
            raise OSError(f"{place} gives back something else than was written")
    finally:
        with suppress(FileNotFoundError):
            probe.unlink()


def _files(path: UPath | None) -> Iterable[UPath]:
    if path is None:
        return ()
    return path.iterdir() if path.is_dir() else (path,)


def _is_local(place: UPath) -> bool:
    return place.protocol in {"", "file", "local"}


def free_space(folders: Iterable[Path]) -> dict[str, int]:
    """Returns free bytes of the disks that the folders lie on, or will, by one of the folders."""
    free: dict[int, tuple[str, int]] = {}
    for folder in folders:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free.setdefault(there.stat().st_dev, (str(folder), shutil.disk_usage(there).free))
    return dict(free.values())


def disk(free: Mapping[str, int]) -> Finding:
    """Judges free bytes by folder."""
    least = min(free.values())
    level: Level = "fail" if least < FULL_DISK else "warn" if least < SMALL_DISK else "ok"
    found = ", ".join(f"{size / 2**30:.1f} GiB free for {folder}" for folder, size in free.items())
    return Finding(level, found, "" if level == "ok" else MAKE_ROOM)


# --- time -----------------------------------------------------------------------------


def clock(ahead: Mapping[str, float]) -> Finding:
    """Judges by how many seconds other clocks are ahead of ours.

    Args:
        ahead: Whose clock -> seconds; of those that could be asked.
    """
    if not ahead:
        return Finding("warn", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, compared with nobody's")
    most = max(map(abs, ahead.values()))
    level: Level = "fail" if most > USELESS_CLOCK else "warn" if most > WRONG_CLOCK else "ok"
    found = ", ".join(f"{name} {seconds:+.1f} s" for name, seconds in ahead.items())
    return Finding(level, found, "" if level == "ok" else "sudo timedatectl set-ntp true")


def moments(now: datetime) -> list[datetime]:
    """Returns a moment in each week of a year, to compare time zones at."""
    return [now + timedelta(weeks=week) for week in range(53)]


def santiago_offsets(at: Iterable[datetime]) -> list[float]:
    """Returns by how many seconds Santiago is ahead of UTC, by Python's data.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: There is no data.
    """
    zone = ZoneInfo(TIMEZONE)
    offsets = [moment.astimezone(zone).utcoffset() for moment in at]
    return [offset.total_seconds() for offset in offsets if offset is not None]


def time_zone(at: list[datetime], ours: list[float], theirs: list[float] | None) -> Finding:
    """Compares Python's offsets of Santiago with Postgres', at the same moments."""
    now = f"{TIMEZONE} is {ours[0] / 3600:+.0f} h from UTC now"
    if theirs is None:
        return Finding("ok", f"{now} by Python; Postgres was not asked")
    differ = [moment for moment, one, other in zip(at, ours, theirs, strict=True) if one != other]
    if differ:
        return Finding(
            "warn" if differ[0] != at[0] else "fail",
            f"Python and Postgres disagree on {TIMEZONE} from {differ[0]:%Y-%m-%d} on: days of "
            f"budgets and partitions would differ",
            "`.venv/bin/pip install --upgrade tzdata`, and update the package tzdata of both "
            "machines",
        )
    return Finding("ok", f"{now}; Python and Postgres agree for a year")
