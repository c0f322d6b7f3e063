"""Folders are tried, not guessed at; clocks, zones and disks are judged by figures."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from upath import UPath

from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.doctor import machine
from normalizer_assets.doctor.findings import Finding, look

GIB = 2**30
CONFIG = load_config({})


def placed(landing: object = "", storage: object = "") -> NormalizerConfig:
    paths = CONFIG.paths.model_copy(update={"landing": str(landing), "storage": str(storage)})
    return CONFIG.model_copy(update={"paths": paths})


@pytest.mark.parametrize(
    ("version", "level"),
    [((3, 10, 14), "fail"), ((3, 11, 0), "ok"), ((3, 14, 1), "ok"), ((4, 0, 0), "ok")],
)
def test_python_is_new_enough_or_not(version: tuple[int, ...], level: str) -> None:
    found = machine.python(version)
    assert found.level == level
    assert found.found == "Python " + ".".join(map(str, version))
    assert ("install Python 3.11 or newer" in found.remedy) == (level == "fail")


# --- folders --------------------------------------------------------------------------


def test_a_landing_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    place = tmp_path / "landing"
    assert machine.landing(placed(place)) == Finding(
        "warn", f"{place} does not exist yet", f"mkdir -p {place}"
    )
    place.mkdir()
    assert machine.landing(placed(place)) == Finding("ok", f"{place}: readable and writable, empty")
    (place / "README.md").write_text("x")
    (place / "2024-10-01").mkdir()
    (place / "2024-10-01" / "lider.csv").write_text("name,price\n")
    assert machine.landing(placed(place)).found.endswith("newest entry 2024-10-01")
    assert sorted(path.name for path in place.rglob("*")) == [
        "2024-10-01",
        "README.md",
        "lider.csv",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_landing_may_be_read_only_but_not_unreadable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "not writable, which is all right" in machine.landing(placed(tmp_path)).found
    tmp_path.chmod(0o000)
    assert look(lambda: machine.landing(placed(tmp_path)), "let me in").level == "fail"
    tmp_path.chmod(0o700)


def test_where_all_listings_come_from_sql_no_landing_is_needed() -> None:
    source = CONFIG.sources["landing"].model_copy(update={"path": None, "sql": "select 1"})
    config = placed("/nowhere").model_copy(update={"sources": {"landing": source}})
    assert machine.landing(config).level == "ok"


def test_a_storage_is_made_and_left_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "data" / "storage"
    assert machine.storage(placed(storage=place)) == Finding(
        "ok", f"{place}: readable and writable"
    )
    assert list(place.iterdir()) == []


def test_a_storage_that_cannot_be_written_is_a_failed_check(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("x")
    found = look(lambda: machine.storage(placed(storage=in_the_way / "storage")), "move it")
    assert (found.level, found.remedy) == ("fail", "move it")
    assert str(in_the_way) in found.found


@pytest.fixture
def bucket() -> Iterator[str]:
    """An object store without a network."""
    name = f"memory://doctor-{uuid.uuid4().hex}"
    yield name
    UPath(name).rmdir(recursive=True)


def test_an_object_store_is_tried_as_well(bucket: str) -> None:
    config = placed(f"{bucket}/landing", f"{bucket}/storage")
    assert machine.landing(config) == Finding(
        "warn",
        f"{bucket}/landing does not exist yet",
        f"land files below {bucket}/landing",
    )
    assert machine.storage(config).level == "ok"
    UPath(f"{bucket}/landing/2024-10-01/lider.csv").write_text("name,price\n")
    assert machine.landing(config).found == (
        f"{bucket}/landing: readable and writable, newest entry 2024-10-01"
    )
    assert [path.name for path in UPath(f"{bucket}/landing").iterdir()] == ["2024-10-01"]


def test_an_object_store_without_its_driver_is_a_failed_check() -> None:
    found = look(lambda: machine.storage(placed(storage="abfs://container/storage")), "move it")
    assert found.level == "fail"
    assert "adlfs" in found.found


# --- disk -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "level"),
    [(GIB - 1, "fail"), (GIB, "warn"), (5 * GIB - 1, "warn"), (5 * GIB, "ok")],
)
def test_the_fullest_disk_decides(free: int, level: str) -> None:
    found = machine.disk({"/data": free, "/tmp": 50 * GIB})  # noqa: S108 - only a name
    assert found.level == level
    assert "50.0 GiB free for /tmp" in found.found
    assert bool(found.remedy) == (level != "ok")


def test_folders_on_one_disk_count_once_also_before_they_exist(tmp_path: Path) -> None:
    free = machine.free_space([tmp_path / "not" / "yet", tmp_path])
    assert list(free) == [str(tmp_path / "not" / "yet")]
    assert next(iter(free.values())) > 0


# --- time -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "level"),
    [
        ({"database": 0.0, "API": -0.9}, "ok"),
        ({"database": 0.0, "API": -10.1}, "warn"),
        ({"database": 300.5, "API": 0.0}, "fail"),
        ({}, "warn"),
    ],
)
def test_clocks_that_differ_are_told(ahead: dict[str, float], level: str) -> None:
    found = machine.clock(ahead)
    assert found.level == level
    assert all(f"{name} {seconds:+.1f} s" in found.found for name, seconds in ahead.items())
    assert found.remedy == ("sudo timedatectl set-ntp true" if level != "ok" and ahead else "")


SUMMER = datetime(2026, 1, 15, tzinfo=UTC)


def test_equal_time_zone_data_are_right_for_a_year() -> None:
    at = machine.moments(SUMMER)
    ours = machine.santiago_offsets(at)
    assert at[-1] - at[0] == timedelta(weeks=52)
    assert set(ours) == {-3 * 3600.0, -4 * 3600.0}
    found = machine.time_zone(at, ours, list(ours))
    assert (found.level, found.remedy) == ("ok", "")
    assert "America/Santiago is -3 h from UTC now" in found.found
    assert machine.time_zone(at, ours, None).level == "ok"


def test_data_that_disagree_say_from_when() -> None:
    at = machine.moments(SUMMER)
    ours = machine.santiago_offsets(at)
    later = machine.time_zone(at, ours, [*ours[:-1], ours[-1] + 3600])
    assert (later.level, "from 2027-01-14 on" in later.found) == ("warn", True)
    assert "pip install --upgrade tzdata" in later.remedy
    assert machine.time_zone(at, ours, [offset - 3600 for offset in ours]).level == "fail"
