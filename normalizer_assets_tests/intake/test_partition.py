import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from normalizer_assets.intake.errors import EmptyLandingError, LayoutError
from normalizer_assets.intake.partition import take_in
from normalizer_assets_tests.intake.test_landing import config_for, land

DAY = date(2024, 10, 1)
LANDING: dict[str, Any] = {"landing": {"path": "{day}/{retailer}.{csv,ndjson,parquet}"}}


def test_the_file_itself_is_kept_byte_for_byte(tmp_path: Path) -> None:
    file = land(tmp_path, "2024-10-01/lider.csv", "\ufeffname,price\r\nPan,990\r\n,5\r\n")
    taken = take_in(config_for(tmp_path, LANDING, {"lider": "landing"}), "lider", DAY)
    assert taken is not None
    assert taken.snapshot.path.read_bytes() == file.read_bytes()
    assert taken.origin == str(file)
    assert taken.intake.listings["name"].to_list() == ["Pan"]
    assert taken.intake.quarantined["row_number"].to_list() == [2]


def test_nothing_landed_takes_in_nothing(tmp_path: Path) -> None:
    assert take_in(config_for(tmp_path, LANDING, {"lider": "landing"}), "lider", DAY) is None


def test_a_failed_scrape_is_an_error_and_its_file_is_kept(tmp_path: Path) -> None:
    land(tmp_path, "2024-10-01/lider.csv", "name,price\n")
    with pytest.raises(EmptyLandingError, match=r"lider\.csv"):
        take_in(config_for(tmp_path, LANDING, {"lider": "landing"}), "lider", DAY)
    assert len(list((tmp_path / "storage" / "raw").rglob("*.csv"))) == 1


@pytest.mark.parametrize(
    ("name", "content"), [("lider.csv", 'name,price\n"Pan;990\n'), ("lider.parquet", "no parquet")]
)
def test_a_file_of_another_layout_is_named(tmp_path: Path, name: str, content: str) -> None:
    file = land(tmp_path, f"2024-10-01/{name}", content)
    with pytest.raises(LayoutError) as error:
        take_in(config_for(tmp_path, LANDING, {"lider": "landing"}), "lider", DAY)
    assert str(error.value).startswith(f"{file} (lider, 2024-10-01): ")


def test_a_growing_shared_file_does_not_change_an_older_days_snapshot(tmp_path: Path) -> None:
    sources = {"all": {"path": "all.csv", "day_column": "Day"}}
    config = config_for(tmp_path, sources, {"lider": "all"})
    content = "Day,name,price\n2024-10-01,Pan,1\n"
    land(tmp_path, "all.csv", content)
    before = take_in(config, "lider", DAY)
    land(tmp_path, "all.csv", content + "2024-10-02,Sal,2\n")
    after = take_in(config, "lider", DAY)
    assert before is not None
    assert after is not None
    assert before.snapshot == after.snapshot
    assert json.loads(after.snapshot.path.read_text())["name"] == "Pan"
    assert take_in(config, "lider", date(2024, 10, 3)) is None


def test_rows_of_a_query_are_kept_as_ndjson(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table scraped (name, price, day)")
        connection.exec_driver_sql("insert into scraped values ('Pan', 990, '2024-10-01')")
    query = "select name, price from scraped where day = :day"
    config = config_for(tmp_path, {"sql": {"sql": query}}, {"lider": "sql"})
    environ = {"NORMALIZER_SOURCE_DATABASE_URL": url}
    taken = take_in(config, "lider", DAY, environ)
    assert taken is not None
    assert taken.intake.listings.select("name", "price").rows() == [("Pan", 990)]
    assert json.loads(taken.snapshot.path.read_text())["price"] == "990"
    assert take_in(config, "lider", date(2024, 10, 2), environ) is None
