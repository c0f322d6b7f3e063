import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.config import SourceConfig
from normalizer_assets.intake.errors import IntakeError, LayoutError
from normalizer_assets.intake.reading import (
    has_read_rows,
    has_sql_rows,
    read_source,
    read_sql,
)

DAY = date(2024, 10, 1)


def read(
    content: str | bytes, suffix: str = ".csv", *, retailer: str = "lider", **layout: Any
) -> pl.DataFrame:
    source = SourceConfig(path="{day}/{retailer}.csv", **layout)
    raw = content if isinstance(content, bytes) else content.encode()
    return read_source(raw, source, retailer, DAY, suffix)


def readable(rows: pl.DataFrame) -> list[dict[str, Any]]:
    return (
        rows.filter(pl.col("reading_error").is_null())
        .drop("row_number", "reading_error", "unread_text")
        .to_dicts()
    )


def errors(rows: pl.DataFrame) -> dict[int, str]:
    bad = rows.filter(pl.col("reading_error").is_not_null())
    return dict(bad.select("row_number", "reading_error").iter_rows())


# --- csv -----------------------------------------------------------------------------


def test_quoted_newlines_and_line_ends_of_any_kind_are_read() -> None:
    rows = read('name,price\r\n"Leche\r\nentera",990\r\n\nPan,500\r\r\n')
    assert readable(rows) == [
        {"name": "Leche\r\nentera", "price": "990"},
        {"name": "Pan", "price": "500"},
    ]
    assert rows["row_number"].to_list() == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_obeyed(encoding: str) -> None:
    assert readable(read("name;precio\nPiña;1\n".encode(encoding), separator=";")) == [
        {"name": "Piña", "precio": "1"}
    ]


def test_another_encoding_is_declared() -> None:
    rows = read("name\nPiña\n".encode("cp1252"), encoding="cp1252")
    assert readable(rows) == [{"name": "Piña"}]


def test_an_undecodable_row_is_kept_with_a_reason() -> None:
    rows = read(b"name,price\nPan,1\n" + "Piña,2\n".encode("cp1252"))
    assert readable(rows) == [{"name": "Pan", "price": "1"}]
    assert "bytes that are not utf-8" in errors(rows)[2]


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(LayoutError, match="latin-uno"):
        read("name\nx\n", encoding="latin-uno")


def test_a_wrong_header_is_replaced() -> None:
    rows = read("Nombre$SKU\n12$Pan\n", separator="$", header=("sku", "name"))
    assert readable(rows) == [{"sku": "12", "name": "Pan"}]


def test_a_file_without_header_gets_declared_or_numbered_names() -> None:
    assert readable(read("Pan,1\n", has_header=False, header=("name", "price"))) == [
        {"name": "Pan", "price": "1"}
    ]
    assert readable(read("Pan,1\n", has_header=False)) == [{"column_1": "Pan", "column_2": "1"}]


def test_repeated_missing_and_reserved_column_names_stay_apart() -> None:
    rows = read(",precio,precio,row_number\n0,1,2,3\n")
    assert readable(rows) == [
        {"column_1": "0", "precio": "1", "precio_2": "2", "row_number_2": "3"}
    ]
    assert rows["row_number"].to_list() == [1]


def test_a_ragged_row_does_not_lose_the_file() -> None:
    rows = read("name,price\nPan,1\nLeche, entera,2\nTe\nSal,3,,\n")
    assert [row["name"] for row in readable(rows)] == ["Pan", "Sal"]
    assert errors(rows) == {
        2: "the row has 3 columns where the header has 2",
        3: "the row has 1 columns where the header has 2",
    }
    assert rows["unread_text"].to_list()[1] == "Leche, entera,2"


def test_a_repeated_header_is_no_listing() -> None:
    rows = read("name,price\nPan,990\nname,price\nSal,500\n")
    assert [row["name"] for row in readable(rows)] == ["Pan", "Sal"]
    assert errors(rows) == {2: "the row repeats the header"}
    replaced = read("Code,Name\nPan,990\nCode,Name\nname,price\n", header=["name", "price"])
    assert list(errors(replaced)) == [2, 3]


def test_an_open_quotation_mark_does_not_swallow_the_rows_after_it() -> None:
    rows = read('name,price\nPan,1\n"TV 32,2\nLeche,3\nTe "rojo",4\n"Sal\ngruesa",5\n')
    assert [row["name"] for row in readable(rows)] == [
        "Pan",
        '"TV 32',
        "Leche",
        'Te "rojo"',
        "Sal\ngruesa",
    ]


def test_an_unescaped_inch_mark_is_read_literally() -> None:
    rows = read('name,price\n"TV 32" HD",2\nPan,1\n')
    assert readable(rows)[0] == {"name": 'TV 32" HD', "price": "2"}


def test_a_row_that_cannot_be_split_is_kept_as_text() -> None:
    rows = read('name,price\nPan,1\n"TV 32, HD,2\n')
    assert rows["unread_text"].to_list() == [None, '"TV 32, HD,2']
    assert "quotation mark" in errors(rows)[2]


def test_a_file_that_fits_nowhere_names_the_separator() -> None:
    with pytest.raises(LayoutError, match="`separator`"):
        read("a,b,c\n1;2;3\n")


@pytest.mark.parametrize("content", ["", "name,price\n", "\ufeffname,price\r\n"])
def test_an_empty_file_has_no_rows(content: str) -> None:
    assert read(content).is_empty()


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@settings(max_examples=100)
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *rows])
    assert [tuple(row.values()) for row in readable(read(buffer.getvalue()))] == rows


@settings(max_examples=100)
@given(st.lists(st.text('ab,"\n\r', max_size=12), min_size=1, max_size=8))
def test_no_line_of_a_broken_csv_is_lost(lines: list[str]) -> None:
    # A sound row after each broken one is still read.
    content = "x,y\n" + "".join(f"{line}\nsound,{index}\n" for index, line in enumerate(lines))
    rows = read(content)
    kept = "\n".join(
        json.dumps(row, ensure_ascii=False) for row in rows.drop("row_number").to_dicts()
    )
    for index in range(len(lines)):
        assert f"sound,{index}" in kept or f'"sound", "y": "{index}"' in kept


# --- ndjson and parquet --------------------------------------------------------------


def test_a_bad_ndjson_line_does_not_lose_the_file() -> None:
    rows = read('{"name": "Pan", "price": 990}\n{"name": \n[1]\n\n{"name": "Té"}\n', ".ndjson")
    assert readable(rows) == [{"name": "Pan", "price": "990"}, {"name": "Té", "price": None}]
    assert errors(rows) == {2: "the line is no JSON object", 3: "the line is no JSON object"}


def test_values_of_ndjson_become_text() -> None:
    line = '{"f": 976.984, "g": 123.0, "b": true, "l": [1], "n": null, "s": "\\ud800x\\u0000"}'
    assert readable(read(line, ".jsonl")) == [
        {"f": "976.9840", "g": "123", "b": "true", "l": "[1]", "n": None, "s": "?x"}
    ]


def test_a_json_array_is_refused_with_the_format_named() -> None:
    with pytest.raises(LayoutError, match="one object a line"):
        read('[\n"x"\n]', ".ndjson")


def test_parquet_becomes_text() -> None:
    buffer = io.BytesIO()
    pl.DataFrame(
        {
            "name": ["Pan"],
            "price": [976.984],
            "sku": [123.0],
            "cost": [Decimal("5.10")],
            "tags": [["a"]],
            "day": [DAY],
            "units": [3],
        }
    ).write_parquet(buffer)
    assert readable(read(buffer.getvalue(), ".parquet")) == [
        {
            "name": "Pan",
            "price": "976.9840",
            "sku": "123",
            "cost": "5.10",
            "tags": '["a"]',
            "day": "2024-10-01",
            "units": "3",
        }
    ]


def test_damaged_parquet_is_explained() -> None:
    with pytest.raises(LayoutError, match="cannot be read as parquet"):
        read(b"PAR1 no", ".parquet")


def test_an_unknown_ending_asks_for_the_format() -> None:
    with pytest.raises(LayoutError, match="declare `format`"):
        read("x", ".xlsx")


# --- files that many partitions share ------------------------------------------------

SHARED = """Shop,Day,name,price
Lider,2024-10-01,Pan,1
Lider,2024-10-02,Pan,2
Santa Isabel,2024-10-01,Sal,3
Lider,ayer,Te,4
,2024-10-01,Mate,5
"""


def test_a_shared_file_gives_each_partition_its_rows() -> None:
    rows = read(SHARED, day_column="Day", retailer_column="Shop")
    assert [row["name"] for row in readable(rows)] == ["Pan"]
    assert rows["row_number"].to_list() == [1, 4, 5]
    rows = read(SHARED, day_column="Day", retailer_column="Shop", retailer="santa_isabel")
    assert [row["name"] for row in readable(rows)] == ["Sal"]


def test_a_row_whose_partition_cannot_be_read_is_kept_with_a_reason() -> None:
    found = errors(read(SHARED, day_column="Day", retailer_column="Shop"))
    assert "'%Y-%m-%d': ayer" in found[4]
    assert found[5] == "the shop in column 'Shop' is missing"


def test_a_shop_may_be_written_in_another_way() -> None:
    rows = read(SHARED, retailer_column="Shop", retailer_values={"x": "SANTA ISABEL"}, retailer="x")
    assert [row["name"] for row in readable(rows)] == ["Sal"]


def test_a_day_that_has_not_landed_has_no_rows() -> None:
    rows = read("Day,name\n2024-09-30,Pan\n", day_column="Day")
    assert not has_read_rows(rows)


def test_a_missing_day_column_is_named() -> None:
    with pytest.raises(LayoutError, match="`day_column` names the column 'Fecha'"):
        read(SHARED, day_column="Fecha")


def test_each_day_may_be_a_column_of_prices() -> None:
    content = "id,name,price,30/09/24,01/10/24\n1,Pan,5,6,7\n2,Sal,8,9,\n3,Te,,,0\n"
    layout: dict[str, Any] = {"day_price_columns": True, "day_format": "%d/%m/%y"}
    assert readable(read(content, **layout)) == [
        {"id": "1", "name": "Pan", "price_landed": "5", "price": "7"},
        {"id": "3", "name": "Te", "price_landed": "", "price": "0"},
    ]
    assert read(content.replace("01/10", "02/10"), **layout).is_empty()
    with pytest.raises(LayoutError, match="no column is a day"):
        read("id,name\n1,Pan\n", **layout)


# --- SQL -----------------------------------------------------------------------------

QUERY = "select name, price, day from scraped where day = :day and shop = :retailer order by name"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table scraped (name, price, day, shop)")
        connection.exec_driver_sql(
            "insert into scraped values ('Pan', 990.0, '2024-10-01', 'lider'), "
            "('Sal', null, '2024-10-01', 'lider'), ('Te', 1, '2024-10-02', 'lider')"
        )
    return {"NORMALIZER_SOURCE_DATABASE_URL": url}


def test_sql_gives_a_partition_its_rows(environ: dict[str, str]) -> None:
    source = SourceConfig(sql=QUERY)
    rows = read_sql(source, "lider", DAY, environ)
    assert readable(rows) == [
        {"name": "Pan", "price": "990", "day": "2024-10-01"},
        {"name": "Sal", "price": None, "day": "2024-10-01"},
    ]
    assert rows["row_number"].to_list() == [1, 2]
    assert has_sql_rows(source, "lider", DAY, environ)
    assert not has_sql_rows(source, "paris", DAY, environ)


def test_a_failing_query_says_what_failed(environ: dict[str, str]) -> None:
    with pytest.raises(IntakeError, match="lider on 2024-10-01: no such table: absent"):
        read_sql(SourceConfig(sql="select * from absent"), "lider", DAY, environ)


def test_a_missing_database_url_names_the_variable() -> None:
    with pytest.raises(IntakeError, match="NORMALIZER_SOURCE_DATABASE_URL is not set"):
        read_sql(SourceConfig(sql=QUERY), "lider", DAY, {})
