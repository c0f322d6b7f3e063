"""Where landed listings lie, which partitions have landed, and keeping raw snapshots.

Belongs here: paths, presence of files, content-addressed copies. Does not belong
here: what is in a file (``reading``).
"""

import hashlib
import itertools
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

import polars as pl
from upath import UPath

from normalizer_assets.config import NormalizerConfig, SourceConfig
from normalizer_assets.intake.errors import IntakeError, LandingError, LayoutError
from normalizer_assets.intake.reading import (
    has_read_rows,
    has_sql_rows,
    is_shared,
    read_rows,
    select_partition,
)

_DAY = re.compile(r"\{day(?::([^}]*))?\}")
_RETAILER = "{retailer}"
_ALTERNATIVES = re.compile(r"\{([^{}]*,[^{}]*)\}")


@dataclass(frozen=True)
class Snapshot:
    """A raw file as it landed, kept under its content's hash.

    Attributes:
        sha256: Hash of the content, 64 hex digits.
        path: Where it is kept.
    """

    sha256: str
    path: UPath


@dataclass(frozen=True)
class UnknownRetailerFile:
    """A landed file whose name is no key of ``[retailers]``.

    Attributes:
        path: The file.
        day: Its day.
        slug: What stands in its name in place of a retailer.
        message: What is wrong and which key to add.
    """

    path: UPath
    day: date
    slug: str
    message: str


def find_landed_file(source: SourceConfig, landing: str, day: date, retailer: str) -> UPath | None:
    """Finds the file that holds a partition.

    ``{day}`` (or ``{day:%Y%m%d}``), ``{retailer}``, alternatives such as
    ``{csv,ndjson,parquet}`` and ``*`` in the source's path are expanded.

    Args:
        source: Where its files lie.
        landing: Landing folder or object-store URL.
        day: Scrape day.
        retailer: Slug of the shop.

    Returns:
        The file; ``None`` if nothing landed. A file that holds many partitions is
        returned for any of them, whether or not it has rows for it.

    Raises:
        LandingError: Several files answer to the partition.
        LayoutError: The source does not say which day its file is of.
    """
    if source.path is None:
        return None
    if source.day is not None and source.day != day:
        return None
    has_day = source.day or source.day_column or source.day_price_columns
    if not has_day and not _DAY.search(source.path):
        raise LayoutError(
            f"the source with path {source.path!r} does not say which day its listings are of; "
            f"put {{day}} into the path, or declare `day_column`, `day_price_columns` or `day`"
        )
    found = list(_matches(source.path, landing, day, retailer))
    if len(found) > 1:
        raise LandingError(
            f"{len(found)} files landed for {retailer} on {day}: "
            f"{', '.join(str(path) for path in found)}; keep the one that counts"
        )
    return found[0] if found else None


def not_landed(config: NormalizerConfig, day: date, retailer: str) -> str:
    """Says that nothing has landed for a partition, and where it was looked for."""
    name = config.retailers[retailer].source
    path = config.sources[name].path
    place = "the SQL query"
    if path is not None:
        place = str(_below(_with_day(path, day).replace(_RETAILER, retailer), config.paths.landing))
    return (
        f"nothing has landed for {day}|{retailer}: [sources.{name}] finds no listings in {place}; "
        f"land them, or choose another day or retailer"
    )


def keep_snapshot(content: bytes, suffix: str, storage: str) -> Snapshot:
    """Keeps content as ``<storage>/raw/<first two hex digits>/<sha256>.<suffix>``.

    Written once and atomically: a reader, or a process that starts after this one was
    killed, sees the whole file or none.

    Args:
        content: What landed, before anything is done to it.
        suffix: Ending of the name, with or without its dot.
        storage: Storage folder or object-store URL.

    Returns:
        Its hash and place.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    path = snapshot_path(sha256, suffix, storage)
    folder = path.parent
    if path.exists():
        return Snapshot(sha256, path)
    if path.protocol not in {"", "file", "local"}:
        path.write_bytes(content)  # an object store shows an object only when it is whole
        return Snapshot(sha256, path)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{sha256}.{uuid.uuid4().hex}"
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    return Snapshot(sha256, path)


def snapshot_path(sha256: str, suffix: str, storage: str) -> UPath:
    """Returns where ``keep_snapshot`` keeps the content with this hash."""
    return UPath(storage) / "raw" / sha256[:2] / f"{sha256}.{suffix.lstrip('.')}"


def landed_partitions(
    config: NormalizerConfig,
    days: Sequence[date],
    environ: Mapping[str, str] = os.environ,
) -> list[tuple[date, str]]:
    """Lists the partitions that have landed, for the schedule.

    A file of one partition is looked for, not read; a file that many partitions share
    is read once; SQL is asked for one row. What cannot be told because of an error
    (two files for one partition, a wrong layout) counts as landed, so that its run
    says what is wrong and the other partitions go on.

    Args:
        config: Retailers, sources and the landing folder.
        days: Scrape days to look at.
        environ: Holds the database URLs of SQL sources.

    Returns:
        (day, retailer slug), in the order of ``days`` and of ``[retailers]``.
    """
    rows_of_file: dict[tuple[UPath, str], pl.DataFrame] = {}

    def has_landed(day: date, retailer: str, source_name: str) -> bool:
        source = config.sources[source_name]
        if source.sql:
            return has_sql_rows(source, retailer, day, environ)
        path = find_landed_file(source, config.paths.landing, day, retailer)
        if path is None or not is_shared(source):
            return path is not None
        key = (path, source_name)
        if key not in rows_of_file:
            rows_of_file[key] = read_rows(path.read_bytes(), source, path.suffix)
        return has_read_rows(select_partition(rows_of_file[key], source, retailer, day))

    landed = []
    for day, (slug, retailer) in itertools.product(days, config.retailers.items()):
        try:
            if has_landed(day, slug, retailer.source):
                landed.append((day, slug))
        except IntakeError:
            landed.append((day, slug))
    return landed


def unknown_retailer_files(
    config: NormalizerConfig, days: Sequence[date]
) -> list[UnknownRetailerFile]:
    """Lists landed files that lie where a retailer's should, of no known retailer.

    Args:
        config: Retailers, sources and the landing folder.
        days: Scrape days to look at.

    Returns:
        The files, each with a message that names the key to add to the configuration.
    """
    templates = {
        name: source.path
        for name, source in config.sources.items()
        if source.path and _RETAILER in source.path
    }
    unknown = []
    for day in days:
        known = {
            path
            for template in templates.values()
            for slug in config.retailers
            for path in _matches(template, config.paths.landing, day, slug)
        }
        seen = set(known)
        for name, template in templates.items():
            for path, slug in _any_retailer(template, config.paths.landing, day):
                if path in seen:
                    continue
                seen.add(path)
                near = get_close_matches(slug.lower(), config.retailers, n=1)
                hint = f", or rename the file if {near[0]} is meant" if near else ""
                source = "" if name == "landing" else f', source = "{name}"'
                message = (
                    f"{path} is of no known retailer: add `{slug} = {{ name = "
                    f'"{slug.replace("_", " ").title()}"{source} }}` under [retailers] '
                    f"(`retailers.{slug}`) in the configuration{hint}"
                )
                unknown.append(UnknownRetailerFile(path, day, slug, message))
    return unknown


def _matches(template: str, landing: str, day: date, retailer: str) -> Iterator[UPath]:
    for text in _expanded(template, day):
        yield from _existing(text.replace(_RETAILER, retailer), landing)


def _any_retailer(template: str, landing: str, day: date) -> Iterator[tuple[UPath, str]]:
    """Yields the files that match with anything in place of the retailer, and that."""
    for text in _expanded(template, day):
        before, *rest = text.split(_RETAILER)
        pattern = re.compile(
            _glob_pattern(before)
            + "(?P<retailer>[^/]+)"
            + "(?P=retailer)".join(_glob_pattern(part) for part in rest)
            + "$"
        )
        for path in _existing(text.replace(_RETAILER, "*"), landing):
            found = pattern.search(path.as_posix())
            if found and not found["retailer"].startswith("."):
                yield path, found["retailer"]


def _glob_pattern(text: str) -> str:
    return re.escape(text).replace(r"\*", "[^/]*")


def _with_day(template: str, day: date) -> str:
    return _DAY.sub(lambda match: format(day, match[1] or "%Y-%m-%d"), template)


def _below(text: str, landing: str) -> UPath:
    return UPath(text) if "://" in text or text.startswith("/") else UPath(landing) / text


def _expanded(template: str, day: date) -> Iterator[str]:
    """Yields the template with the day written out, once for each alternative."""
    text = _with_day(template, day)
    alternatives = _ALTERNATIVES.findall(text)
    pieces = _ALTERNATIVES.split(text)[::2]
    for choice in itertools.product(*(entry.split(",") for entry in alternatives)):
        between = (*(alternative.strip() for alternative in choice), "")
        yield "".join(itertools.chain.from_iterable(zip(pieces, between, strict=True)))


def _existing(text: str, landing: str) -> list[UPath]:
    """Returns the files with this path below the landing folder; ``*`` is allowed."""
    path = _below(text, landing)
    if "*" not in text:
        return [path] if path.is_file() else []
    fixed = path
    wildcards: list[str] = []
    while "*" in fixed.as_posix():
        wildcards.insert(0, fixed.name)
        fixed = fixed.parent
    if not fixed.is_dir():
        return []
    return sorted((match for match in fixed.glob("/".join(wildcards)) if match.is_file()), key=str)
