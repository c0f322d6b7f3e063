import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.config import CATEGORY_GROUPS, IntakeConfig, SourceConfig
from normalizer_assets.intake.errors import EmptyLandingError, IntakeError, LayoutError
from normalizer_assets.intake.listings import (
    LISTINGS_SCHEMA,
    QUARANTINE_SCHEMA,
    Intake,
    clean_listings,
)
from normalizer_assets.intake.reading import read_source

DAY = date(2024, 10, 1)
SOUND = {"name": "Leche entera 1 L", "price": "990", "sku": "1", "category": "Lácteos"}


def take(
    *rows: Mapping[str, str | None], limits: IntakeConfig | None = None, **layout: Any
) -> Intake:
    source = SourceConfig(path="{day}/{retailer}.ndjson", **layout)
    content = "\n".join(json.dumps(row) for row in rows).encode()
    raw = read_source(content, source, "lider", DAY, ".ndjson")
    return clean_listings(raw, source, limits or IntakeConfig(), "lider", DAY)


def reason_of(**cells: str | None) -> str:
    [reason] = take({**SOUND, "sku": "2"}, {**SOUND, **cells}).quarantined["reason"]
    return str(reason)


def test_a_listing_has_the_contracts_columns() -> None:
    extra = {"brand": "Colun", "ean": "7802920000015", "url": "https://a.cl/1", "unit_price": "$1"}
    intake = take({**SOUND, **extra})
    assert dict(intake.listings.schema) == {k: v() for k, v in LISTINGS_SCHEMA.items()}
    assert list(intake.quarantined.columns) == list(QUARANTINE_SCHEMA)
    assert intake.listings.row(0, named=True) == {
        "row_number": 1,
        "retailer": "lider",
        "day": DAY,
        "sku": "1",
        "name": "Leche entera 1 L",
        "brand": "Colun",
        "category": "Lácteos",
        "category_group": "dairy",
        "price": 990,
        "unit_price": "$1",
        "ean": "7802920000015",
        "url": "https://a.cl/1",
    }


@pytest.mark.parametrize("cell", ["0", "$0", "N/A", "Agotado", "", None])
def test_a_listing_without_a_price_is_kept(cell: str | None) -> None:
    intake = take({**SOUND, "price": cell})
    assert intake.listings["price"].to_list() == [None]


def test_a_bad_row_is_quarantined_with_a_reason_in_words() -> None:
    assert reason_of(name=" ") == "the name is missing"
    assert reason_of(name=None) == "the name is missing"
    assert reason_of(price="-990") == "the price is negative (-990)"
    assert reason_of(price="7802920000015") == (
        "the price is absurd (7802920000015), above 100000000 CLP"
    )
    assert reason_of(name="https://a.cl/p/1").startswith("the name is a URL (https://a.cl/p/1)")
    assert reason_of(name="$ 1.990").startswith("the name is a number")
    assert reason_of(price="https://a.cl/p/1").startswith("the price is a URL")
    assert "probably shifted" in reason_of(sku="Pan de molde blanco")


def test_quarantine_keeps_the_cells_as_they_landed() -> None:
    intake = take(SOUND, {**SOUND, "price": " -1 ", "other": "x"})
    assert intake.quarantined["row_number"].to_list() == [2]
    assert json.loads(intake.quarantined["raw"][0]) == {**SOUND, "price": " -1 ", "other": "x"}


def test_an_unreadable_row_is_quarantined_with_its_text() -> None:
    source = SourceConfig(path="x.ndjson", day=DAY)
    content = (json.dumps(SOUND) + "\nnot json").encode()
    raw = read_source(content, source, "lider", DAY, ".ndjson")
    intake = clean_listings(raw, source, IntakeConfig(), "lider", DAY)
    assert intake.quarantined.rows() == [(2, "the line is no JSON object", '{"text":"not json"}')]


def test_a_name_that_is_its_own_sku_is_no_shifted_row() -> None:
    assert take({**SOUND, "sku": "leche entera 1 l"}).listings.height == 1


def test_a_missing_sku_is_stable_and_follows_the_url() -> None:
    row = {**SOUND, "sku": None, "url": "https://a.cl/p/1?utm_source=x#top"}
    [sku] = take(row).listings["sku"]
    [again] = take({**row, "url": "https://a.cl/p/1", "name": "Renamed milk"}).listings["sku"]
    assert sku == again == "url-6c9b100a7a"


def test_a_missing_sku_without_url_follows_name_and_brand() -> None:
    row = {**SOUND, "sku": "", "brand": "Colun"}
    [sku] = take(row).listings["sku"]
    [same] = take({**row, "name": "LECHE  ENTERA, 1 L", "price": "5"}).listings["sku"]
    [other] = take({**row, "brand": "Soprole"}).listings["sku"]
    assert sku == same == "name-556da0f9a4"
    assert other != sku


def test_a_sku_and_an_ean_made_floats_are_whole_again() -> None:
    listing = take({**SOUND, "sku": "345.0", "ean": "7802920000015.0"}).listings.row(0, named=True)
    assert (listing["sku"], listing["ean"]) == ("345", "7802920000015")


@pytest.mark.parametrize("cell", ["7,80E+12", "99176", "sin ean", ""])
def test_what_is_no_ean_is_null(cell: str) -> None:
    assert take({**SOUND, "ean": cell}).listings["ean"].to_list() == [None]


def test_a_repeated_sku_is_collapsed_to_the_first_row_with_a_price() -> None:
    intake = take(
        {**SOUND, "price": "0", "category": "Ofertas"},
        {**SOUND, "sku": "2"},
        {**SOUND, "name": "LECHE ENTERA 1 L", "price": "950"},
        {**SOUND, "price": "900"},
    )
    assert intake.listings.select("row_number", "sku", "price").rows() == [
        (3, "1", 950),
        (2, "2", 990),
    ]
    assert sorted(intake.duplicates.rows()) == [(1, 3), (4, 3)]
    assert intake.collapsed_count == 2


def test_another_product_under_a_repeated_sku_is_not_lost() -> None:
    intake = take(SOUND, {**SOUND, "name": "Leche descremada 1 L"}, SOUND)
    first, second = intake.listings["sku"]
    assert first == "1"
    assert second.startswith("1~")
    assert len(second) == 8
    assert intake.collapsed_count == 1


def test_an_overlong_name_is_cut() -> None:
    [name] = take(
        {**SOUND, "name": "Leche " * 100}, limits=IntakeConfig(max_name_characters=20)
    ).listings["name"]
    assert name == "Leche Leche Leche"


def test_columns_may_be_renamed_joined_and_fixed() -> None:
    intake = take(
        {"Nombre": "Cereal", "medida": "300 g", "Valor": "2,5"},
        {"Nombre": "Pan", "medida": None, "Valor": "3"},
        columns={"name": "{Nombre} {medida}", "price": "Valor"},
        constants={"category": "Despensa"},
    )
    assert intake.listings.select("name", "category", "price").rows() == [
        ("Cereal 300 g", "Despensa", 2),
        ("Pan", "Despensa", 3),
    ]


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(
        LayoutError, match=r"`columns.brand` names the column 'Marca'.*'name', 'price'"
    ):
        take(SOUND, columns={"brand": "Marca"})
    with pytest.raises(LayoutError, match="no column 'price'"):
        take({"name": "Pan"})


def test_an_empty_file_says_what_to_do() -> None:
    source = SourceConfig(path="{day}/{retailer}.csv")
    raw = read_source(b"name,price\n", source, "lider", DAY, ".csv")
    with pytest.raises(EmptyLandingError, match=r"gone\.csv .*failed scrape.*replace the file"):
        clean_listings(raw, source, IntakeConfig(), "lider", DAY, "gone.csv")


def test_a_file_without_any_listing_is_an_error_with_the_commonest_reason() -> None:
    with pytest.raises(LayoutError, match=r"none of the 2 rows .* the name is missing"):
        take({**SOUND, "name": ""}, {**SOUND, "name": None})


def test_rows_that_do_not_add_up_are_refused() -> None:
    intake = take(SOUND)
    with pytest.raises(IntakeError, match=r"rows were lost: 5 landed"):
        Intake(intake.listings, intake.quarantined, 5, intake.duplicates)


CELL = (
    st.none()
    | st.sampled_from(["1", "2", "Pan", "Té negro", "-5", "0", "$ 1.990"])
    | st.text(max_size=10)
)


@settings(max_examples=30)
@given(
    st.lists(
        st.fixed_dictionaries(dict.fromkeys(("name", "price", "sku", "url"), CELL)), max_size=12
    )
)
def test_every_row_is_accounted_for_and_no_sku_repeats(rows: list[dict[str, str | None]]) -> None:
    intake = take(SOUND, *rows)  # the sum itself is checked by Intake
    assert intake.raw_count == len(rows) + 1
    assert intake.listings["sku"].is_unique().all()
    assert not intake.listings["sku"].has_nulls()
    assert set(intake.listings["category_group"]) <= set(CATEGORY_GROUPS)
    assert (intake.listings["price"].drop_nulls() >= 0).all()
    for raw in intake.quarantined["raw"]:
        assert isinstance(json.loads(raw), dict)


def test_a_header_read_as_one_column_names_the_likely_separator() -> None:
    with pytest.raises(LayoutError, match=r"declare `separator = ';'` in the source\?$"):
        take({"name;category;price;sku": "Leche;Lácteos;990;1"})


def test_the_reason_of_a_row_that_could_not_be_decoded_is_told_to_its_end() -> None:
    source = SourceConfig(path="{day}/{retailer}.csv")
    content = "name,price,sku\nCafé,990,1\nLeche,990,2\n".encode("cp1252")
    raw = read_source(content, source, "lider", DAY, ".csv")
    [reason] = clean_listings(raw, source, IntakeConfig(), "lider", DAY).quarantined["reason"]
    assert reason.endswith('(often "cp1252")')
