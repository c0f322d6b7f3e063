from pathlib import Path

import pytest

from normalizer_assets.evaluation.bench_listings import bench_listings
from normalizer_assets.intake.errors import EmptyLandingError, LayoutError
from normalizer_assets.intake.listings import LISTINGS_SCHEMA


def test_the_sample_is_drawn_the_same_every_time_and_each_listing_once_while_it_lasts() -> None:
    drawn = bench_listings(None, 300)
    assert drawn.schema == LISTINGS_SCHEMA
    assert drawn.equals(bench_listings(None, 300))
    # A row of one day and its twin of the other differ in their place in the file or their text.
    assert drawn.unique().height == 300
    assert set(drawn["retailer"]) == {"falabella", "jumbo", "pcfactory"}


def test_more_than_there_are_repeat() -> None:
    drawn = bench_listings(None, 3000)
    assert drawn.height == 3000
    assert 500 < drawn.unique().height < 1000


def test_a_file_is_read_as_it_would_land(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "retailer,name,price,sku,category,brand\n"
        "Santa Isabel,Leche  Entera 1 L,$1.190,1,Leches,Colun\n"
        "jumbo,Arroz Grado 1 1 kg,1490,2,Arroz,\n"
        ",Coca Cola 2L,1990,3,Bebidas,\n"
        "jumbo,,1990,4,Bebidas,\n",
        encoding="utf-8",
    )
    drawn = bench_listings(file, 3).sort("sku")
    shown = ("retailer", "name", "price", "brand", "category_group")
    assert drawn.select(shown).rows() == [
        ("santa_isabel", "Leche Entera 1 L", 1190, "Colun", "dairy"),
        ("jumbo", "Arroz Grado 1 1 kg", 1490, None, "groceries"),
        ("lider", "Coca Cola 2L", 1990, None, "beverages"),
    ]


def test_a_file_without_shops_is_all_of_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.ndjson"
    file.write_text('{"name": "Leche Entera 1 L", "price": 1190}\n', encoding="utf-8")
    drawn = bench_listings(file, 2)
    assert drawn["retailer"].to_list() == ["lider", "lider"]
    assert drawn["sku"].n_unique() == 1


def test_a_shop_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("retailer,name,price\nacme,Leche,1\n", encoding="utf-8")
    with pytest.raises(LayoutError, match="names 'acme', which is not configured"):
        bench_listings(file, 1)


def test_a_shop_without_a_listing_leaves_those_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("retailer,name,price\njumbo,,1190\nlider,Leche,1190\n", encoding="utf-8")
    assert bench_listings(file, 1)["retailer"].to_list() == ["lider"]


@pytest.mark.parametrize("rows", ["", "jumbo,,1190\nlider,,1190\n"])
def test_a_file_without_a_listing_is_refused(tmp_path: Path, rows: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(f"retailer,name,price\n{rows}", encoding="utf-8")
    with pytest.raises(EmptyLandingError, match=r"mine\.csv holds no listing"):
        bench_listings(file, 1)
