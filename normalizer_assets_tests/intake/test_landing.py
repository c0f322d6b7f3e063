from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from upath import UPath

from normalizer_assets.config import NormalizerConfig, SourceConfig
from normalizer_assets.intake.errors import LandingError, LayoutError
from normalizer_assets.intake.landing import (
    find_landed_file,
    keep_snapshot,
    landed_partitions,
    unknown_retailer_files,
)

DAY = date(2024, 10, 1)
NEXT_DAY = date(2024, 10, 2)
LANDING = SourceConfig(path="{day}/{retailer}.{csv,ndjson,parquet}")


def land(folder: Path, path: str, content: str = "name,price\nPan,1\n") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def config_for(
    landing: Path, sources: dict[str, Any], retailers: dict[str, str]
) -> NormalizerConfig:
    tier = {"model": "m", "answer_tokens": 1, "temperature": 0, "system": "s"}
    return NormalizerConfig.model_validate(
        {
            "paths": {"landing": str(landing), "storage": str(landing / "storage")},
            "retailers": {
                slug: {"name": slug.title(), "source": source} for slug, source in retailers.items()
            },
            "sources": sources,
            "tiers": dict.fromkeys(("mini", "full", "legacy"), tier),
            "models": {"m": {"input_usd": 1}, "text-embedding-3-small": {"input_usd": 1}},
        }
    )


def test_a_landed_file_is_found_in_any_format(tmp_path: Path) -> None:
    for ending in ("csv", "ndjson", "parquet"):
        file = land(tmp_path / ending, f"2024-10-01/lider.{ending}")
        assert find_landed_file(LANDING, str(tmp_path / ending), DAY, "lider") == UPath(file)


def test_nothing_landed_is_no_error(tmp_path: Path) -> None:
    land(tmp_path, "2024-10-01/paris.csv")
    assert find_landed_file(LANDING, str(tmp_path), DAY, "lider") is None
    assert find_landed_file(LANDING, str(tmp_path / "absent"), DAY, "lider") is None
    assert find_landed_file(SourceConfig(sql="select 1"), str(tmp_path), DAY, "lider") is None


def test_two_files_for_one_partition_are_refused(tmp_path: Path) -> None:
    land(tmp_path, "2024-10-01/lider.csv")
    land(tmp_path, "2024-10-01/lider.ndjson")
    with pytest.raises(
        LandingError, match=r"2 files landed for lider on 2024-10-01: .*csv.*ndjson"
    ):
        find_landed_file(LANDING, str(tmp_path), DAY, "lider")


def test_days_in_another_format_and_wildcards(tmp_path: Path) -> None:
    file = land(tmp_path, "shop/20241001/lider_20241001_1300.csv")
    source = SourceConfig(path="shop/{day:%Y%m%d}/{retailer}_{day:%Y%m%d}_*.csv")
    assert find_landed_file(source, str(tmp_path), DAY, "lider") == UPath(file)
    assert find_landed_file(source, str(tmp_path), NEXT_DAY, "lider") is None


def test_an_absolute_path_and_a_url_need_no_landing_folder(tmp_path: Path) -> None:
    file = land(tmp_path, "all.csv")
    source = SourceConfig(path=str(file), day=DAY)
    assert find_landed_file(source, "nowhere", DAY, "lider") == UPath(file)
    assert find_landed_file(source, "nowhere", NEXT_DAY, "lider") is None
    url = UPath("memory://landing-test/2024-10-01/lider.csv")
    url.parent.mkdir(parents=True, exist_ok=True)
    url.write_text("name\n")
    found = find_landed_file(LANDING, "memory://landing-test", DAY, "lider")
    assert found is not None
    assert found.read_text() == "name\n"


def test_a_source_without_any_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="does not say which day"):
        find_landed_file(SourceConfig(path="all.csv"), str(tmp_path), DAY, "lider")


def test_a_snapshot_is_kept_once_under_its_hash(tmp_path: Path) -> None:
    first = keep_snapshot(b"name\nPan\n", ".csv", str(tmp_path))
    written = first.path.stat().st_mtime
    second = keep_snapshot(b"name\nPan\n", "csv", str(tmp_path))
    assert first == second
    assert first.path.relative_to(str(tmp_path)).parts == (
        "raw",
        first.sha256[:2],
        f"{first.sha256}.csv",
    )
    assert first.path.read_bytes() == b"name\nPan\n"
    assert second.path.stat().st_mtime == written
    assert len(list(first.path.parent.iterdir())) == 1


def test_a_snapshot_is_kept_in_an_object_store() -> None:
    snapshot = keep_snapshot(b"x", "csv", "memory://snapshot-test")
    assert snapshot.path.read_bytes() == b"x"


def test_landed_partitions_of_files_of_their_own(tmp_path: Path) -> None:
    land(tmp_path, "2024-10-01/lider.csv")
    land(tmp_path, "2024-10-02/lider.csv")
    land(tmp_path, "2024-10-02/jumbo.ndjson")
    config = config_for(
        tmp_path,
        {"landing": LANDING.model_dump()},
        {"lider": "landing", "jumbo": "landing", "paris": "landing"},
    )
    assert landed_partitions(config, [DAY, NEXT_DAY]) == [
        (DAY, "lider"),
        (NEXT_DAY, "lider"),
        (NEXT_DAY, "jumbo"),
    ]


def test_landed_partitions_of_a_shared_file(tmp_path: Path) -> None:
    land(tmp_path, "all.csv", "Shop,Day,name\nLider,2024-10-01,Pan\nJumbo,2024-10-02,Sal\nx\n")
    config = config_for(
        tmp_path,
        {"all": {"path": "all.csv", "day_column": "Day", "retailer_column": "Shop"}},
        {"lider": "all", "jumbo": "all"},
    )
    assert landed_partitions(config, [DAY, NEXT_DAY]) == [(DAY, "lider"), (NEXT_DAY, "jumbo")]


def test_landed_partitions_of_a_query(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table scraped (name, day)")
        connection.exec_driver_sql("insert into scraped values ('Pan', '2024-10-01')")
    query = "select name, 1 as price from scraped where day = :day"
    config = config_for(tmp_path, {"sql": {"sql": query}}, {"lider": "sql"})
    environ = {"NORMALIZER_SOURCE_DATABASE_URL": url}
    assert landed_partitions(config, [DAY, NEXT_DAY], environ) == [(DAY, "lider")]


def test_a_doubtful_partition_counts_as_landed_and_does_not_stop_the_others(tmp_path: Path) -> None:
    land(tmp_path, "2024-10-01/lider.csv")
    land(tmp_path, "2024-10-01/lider.ndjson")
    land(tmp_path, "2024-10-01/paris.csv")
    config = config_for(
        tmp_path, {"landing": LANDING.model_dump()}, {"lider": "landing", "paris": "landing"}
    )
    assert landed_partitions(config, [DAY]) == [(DAY, "lider"), (DAY, "paris")]


def test_an_unknown_retailers_file_names_the_key_to_add(tmp_path: Path) -> None:
    land(tmp_path, "2024-10-01/lider.csv")
    land(tmp_path, "2024-10-01/lyder.csv")
    land(tmp_path, "2024-10-01/.hidden.csv")
    land(tmp_path, "2024-10-01/notes.txt")
    land(tmp_path, "tv/2024-10-01/lider_tv.csv")
    config = config_for(
        tmp_path,
        {
            "landing": LANDING.model_dump(),
            "tv": {"path": "tv/{day}/{retailer}_tv.csv"},
        },
        {"lider": "landing"},
    )
    [unknown] = unknown_retailer_files(config, [DAY, NEXT_DAY])
    assert unknown.slug == "lyder"
    assert "retailers.lyder" in unknown.message
    assert "lider is meant" in unknown.message
