"""The intake on listings that nobody in this project wrote (not part of it)."""

import os
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from normalizer_assets.config import IntakeConfig, SourceConfig
from normalizer_assets.intake.errors import EmptyLandingError
from normalizer_assets.intake.listings import Intake, clean_listings
from normalizer_assets.intake.reading import read_source

BESIDE_THE_PROJECT = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(os.environ.get("NORMALIZER_REAL_DATA", BESIDE_THE_PROJECT))
CRAWL = date(2022, 1, 23)  # the files of 2022 do not say their day

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not DATA.is_dir(), reason="no real listings: set NORMALIZER_REAL_DATA to their folder"
    ),
]

WEEKLY = {
    "day_column": "Fecha",
    "retailer_column": "Supermercado",
    "columns": {
        "name": "Producto",
        "brand": "Marca",
        "price": "Precio",
        "category": "Categoria",
        "url": "Enlace",
    },
}
SUPERMARKET = {"sku": "SKU", "name": "Nombre", "brand": "Marca"}


def take(path: str, retailer: str, day: date, **layout: Any) -> Intake:
    file = DATA / path
    source = SourceConfig(path=path, **layout)
    raw = read_source(file.read_bytes(), source, retailer, day, file.suffix)
    return clean_listings(raw, source, IntakeConfig(), retailer, day, file.name)


def test_the_weekly_set_is_read_whole() -> None:
    days = [date(2024, 10, 1), date(2024, 10, 6), date(2024, 10, 26)]
    days += [date(2024, 11, 2), date(2024, 11, 11)]
    taken = [
        take("cl_supermercados_semanal_2024/Listado-Supermercado.csv", retailer, day, **WEEKLY)
        for day in days
        for retailer in ("jumbo", "unimarc", "santa_isabel", "lider")
    ]
    assert sum(intake.raw_count for intake in taken) == 2_014
    assert sum(intake.quarantined.height for intake in taken) == 0
    listings = pl.concat(intake.listings for intake in taken)
    assert set(listings["category_group"]) == {"dairy", "groceries"}
    assert not listings["price"].has_nulls()
    # The same URL gives the same SKU on every day.
    assert (listings.group_by("url").agg(pl.col("sku").n_unique())["sku"] == 1).all()


def test_a_quarter_of_a_supermarkets_rows_repeats_a_sku() -> None:
    intake = take(
        "cl_supermercados_2022/lider_data_nueva23.csv",
        "lider",
        CRAWL,
        separator=";",
        columns=SUPERMARKET
        | {"price": "Precio internet", "unit_price": "Precio por unidad", "ean": "EAN"},
    )
    assert intake.raw_count == 9_085
    assert 0.2 < intake.collapsed_count / intake.raw_count < 0.3
    assert intake.quarantined.is_empty()
    assert intake.listings["unit_price"].str.contains(r"Precio x \w+ : \$").mean() > 0.99  # type: ignore[operator]
    assert not intake.listings["name"].str.contains(r"[\r\n\u00a0]").any()


def test_a_wrong_header_is_replaced_and_out_of_stock_is_kept() -> None:
    intake = take(
        "cl_supermercados_2022/santa_isabel.csv",
        "santa_isabel",
        CRAWL,
        separator="$",
        header=("SKU", "Nombre", "Marca", "Precio"),
        columns=SUPERMARKET | {"price": "Precio"},
    )
    assert intake.raw_count == 7_597
    assert intake.quarantined.is_empty()
    assert 0 < intake.listings["price"].null_count() < 150
    assert intake.listings["sku"].str.contains(r"^\d+$").all()


def test_computed_prices_with_a_dot_and_sizes_in_a_column_of_their_own() -> None:
    unimarc = take(
        "cl_supermercados_2022/unimarc.csv",
        "unimarc",
        CRAWL,
        separator="$",
        decimal_sign=".",
        columns=SUPERMARKET | {"brand": "marca", "price": "precio"},
    )
    assert unimarc.raw_count == 147
    assert unimarc.listings["price"].is_between(100, 100_000).all()
    rappi = take(
        "cl_supermercados_2022/rappi_turbo_data.csv",
        "rappi",
        CRAWL,
        separator=";",
        columns={"name": "{Nombre} {medida}", "price": "Precio"},
    )
    assert rappi.raw_count == 792
    assert rappi.listings["price"].is_between(100, 100_000).all()


def test_each_day_is_a_column() -> None:
    layout: dict[str, Any] = {
        "day_price_columns": True,
        "day_format": "%d/%m/%y",
        "columns": {"sku": "id"},
    }
    files = sorted((DATA / "cl_solotodo_daily").glob("*.csv"))
    assert files
    for file in files:
        path = str(file.relative_to(DATA))
        intake = take(path, "solotodo", date(2022, 5, 23), **layout)
        assert intake.listings["price"].min() >= 1_000, path  # type: ignore[operator]
        assert intake.quarantined.is_empty(), path


def test_a_crawl_of_days_and_its_failed_scrape() -> None:
    layout = {
        "columns": {"name": "nombre", "price": "precio", "category": "categoria", "ean": "ean"}
    }
    folder = "ar_lagallega_diario_2026"
    for file in sorted((DATA / folder).glob("gallega_2026070*.csv")):
        day = date(2026, 7, int(file.name[14:16]))
        intake = take(f"{folder}/{file.name}", "la_gallega", day, **layout)
        assert intake.raw_count > 6_000
        assert intake.quarantined.is_empty()
        assert intake.collapsed_count < 50
    with pytest.raises(EmptyLandingError, match="failed scrape"):
        take(f"{folder}/gallega_20260713_1429.csv", "la_gallega", date(2026, 7, 13), **layout)


def test_a_file_without_header_and_with_doubled_line_ends() -> None:
    intake = take(
        "cl_small/pcfactory_tv_2023/data.csv",
        "pcfactory",
        CRAWL,
        has_header=False,
        header=("name", "price", "type"),
    )
    assert intake.raw_count == intake.listings.height == 74
    assert set(intake.listings["category_group"]) == {"televisions"}


def test_prices_with_two_spaces_after_the_sign() -> None:
    intake = take(
        "cl_small/iphones_11_tiendas_2024/productos_falabella.csv",
        "falabella",
        CRAWL,
        columns={"name": "Modelo", "price": "Precio Oferta"},
    )
    assert intake.raw_count == 24
    assert intake.listings["price"].is_between(100_000, 3_000_000).all()
    assert set(intake.listings["category_group"]) == {"smartphones"}
