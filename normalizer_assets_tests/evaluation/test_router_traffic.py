"""Traffic is read, routed and priced as production does."""

from pathlib import Path

import polars as pl
import pytest

from normalizer_assets.batching.requests import build_requests
from normalizer_assets.config import load_config
from normalizer_assets.evaluation.router_traffic import (
    read_listings,
    route_shops,
    with_costs,
)
from normalizer_assets.intake.errors import EmptyLandingError, LayoutError

CONFIG = load_config({})
LISTINGS = pl.DataFrame(
    {
        "name": ["Leche Entera 1 L", "Notebook Ryzen 5 8GB 512GB SSD", "Arroz 1 kg", "Té Verde"],
        "category": ["Leches", "Notebooks", "Despensa", None],
        "price": [1190, 499990, 1490, 990],
        "retailer": ["Lider", "PCFactory", "lider", None],
        "sku": ["1", "2", "3", "4"],
    }
)


@pytest.mark.parametrize("ending", ["csv", "ndjson", "parquet"])
def test_a_file_of_listings_is_cleaned_and_a_shop_may_be_named_as_people_do(
    tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"mine.{ending}"
    getattr(LISTINGS, f"write_{ending}")(file)
    found = read_listings(file, CONFIG).sort("sku")
    assert found["name"].to_list() == LISTINGS["name"].to_list()
    assert found["price"].to_list() == LISTINGS["price"].to_list()
    assert found["retailer"].to_list() == ["lider", "pcfactory", "lider", ""]
    assert found["retailer_name"].to_list() == ["Lider", "PCFactory", "Lider", None]
    assert found["category_group"].to_list()[:3] == ["dairy", "notebooks", "groceries"]


def test_name_and_price_are_enough(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    LISTINGS.select("name", "price").write_csv(file)
    found = with_costs(route_shops(read_listings(file, CONFIG), CONFIG), CONFIG)
    assert found.height == 4
    assert found["retailer"].to_list() == [""] * 4
    assert found["retailer_name"].null_count() == 4
    assert (found["usd_complex"] > found["usd_simple"]).all()


def test_a_file_without_listings_or_prices_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    LISTINGS.clear().write_csv(file)
    with pytest.raises(EmptyLandingError, match=r"mine\.csv holds no listing"):
        read_listings(file, CONFIG)
    LISTINGS.drop("price").write_csv(file)
    with pytest.raises(LayoutError, match="no column 'price'"):
        read_listings(file, CONFIG)


def test_a_shop_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    LISTINGS.with_columns(retailer=pl.lit("Almacén Rosa")).write_csv(file)
    with pytest.raises(LayoutError, match="names 'Almacén Rosa', which is not configured"):
        read_listings(file, CONFIG)


def test_prices_are_ranked_within_a_shop() -> None:
    listings = pl.DataFrame(
        {
            "retailer": ["lider", "jumbo", "lider", "jumbo"],
            "name": ["Leche", "Leche", "Leche Colun", "Leche Soprole"],
            "brand": pl.Series([None] * 4, dtype=pl.String),
            "category_group": ["dairy"] * 4,
            "price": [100, 1000, 200, 2000],
        }
    )
    routed = route_shops(listings, CONFIG)
    ranks = dict(routed.select("price", "factor_price").iter_rows())
    assert ranks == {100: 0.25, 1000: 0.25, 200: 0.75, 2000: 0.75}


def test_a_listing_costs_in_its_band_what_its_request_is_estimated_at(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    LISTINGS.write_csv(file)
    routed = route_shops(read_listings(file, CONFIG), CONFIG)
    priced = with_costs(routed, CONFIG)
    assert priced.drop("usd_simple", "usd_medium", "usd_complex").equals(routed)
    assert set(priced["band"]) == {"simple", "complex"}
    for row in priced.iter_rows(named=True):
        [request] = build_requests(
            CONFIG, priced.filter(pl.col("sku") == row["sku"]), "batch"
        ).to_dicts()
        assert row[f"usd_{row['band']}"] == pytest.approx(float(request["estimated_usd"]))
        assert row["usd_simple"] < row["usd_medium"] < row["usd_complex"]
