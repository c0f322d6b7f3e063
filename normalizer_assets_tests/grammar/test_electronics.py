import polars as pl
import pytest

from normalizer_assets.grammar.electronics import (
    graphics,
    memory,
    network,
    processor,
    screen_type,
)
from normalizer_assets.grammar.quantities import measured
from normalizer_assets.grammar.text import plain


@pytest.mark.parametrize(
    ("name", "ram", "capacity", "single"),
    [
        ("Galaxy S23 8GB/256GB", "8GB", "256GB", None),
        ("Redmi (128 GB / 8 GB / Gray)", "8GB", "128GB", None),
        ("iPhone 256GB", None, "256GB", None),
        ("Notebook 32GB DDR5 1TB NVMe", "32GB DDR5", "1TB", None),
        ("Notebook 8GB RAM 512GB SSD", "8GB", "512GB", None),
        ("Notebook Memoria RAM 16GB", "16GB", None, None),
        ("Notebook i7 16GB 512GB SSD RTX 3060 6GB", "16GB", "512GB", None),
        ("Notebook RTX 4070 8GB 32GB 1TB", "32GB", "1TB", None),
        ("Notebook RTX 4070 16GB 512GB SSD", "16GB", "512GB", None),
        ("Notebook RTX 4070 32GB DDR5 1TB", "32GB DDR5", "1TB", None),
        ("Tablet 32GB", None, None, "32GB"),
        ("Chromebook 64GB eMMC", None, "64GB", None),
        ("Chromebook 32GB eMMC", None, "32GB", None),
        ("Sin memoria", None, None, None),
    ],
)
def test_ram_and_storage_are_told_apart(
    name: str, ram: str | None, capacity: str | None, single: str | None
) -> None:
    frame = pl.DataFrame({"name": [name]})
    read = frame.select(memory(measured(pl.col("name")))).item()
    assert (read["ram"], read["capacity"], read["single"]) == (ram, capacity, single)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ASUS Intel® Core™ i9-13980HX RTX 4070", "Intel Core i9-13980HX"),
        ("Dell (Ryzen 7 PRO 4750U / 8GB)", "Ryzen 7 PRO 4750U"),
        ("HP Celeron N4020", "Celeron N4020"),
        ("Core Ultra 7 155H", "Core Ultra 7 155H"),
        ("Snapdragon 8 Gen 2", "Snapdragon 8 Gen 2"),
        ("Pocophone M3", None),
    ],
)
def test_a_processor_is_read_as_it_is_named(name: str, expected: str | None) -> None:
    assert pl.DataFrame({"n": [name]}).select(processor(plain(pl.col("n")))).item() == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("i9 RTX 4070 32GB", "RTX 4070"), ("GTX 1650 Ti / 8GB", "GTX 1650 Ti"), ("Galaxy", None)],
)
def test_graphics_are_read_as_they_are_named(name: str, expected: str | None) -> None:
    assert pl.DataFrame({"n": [name]}).select(graphics(plain(pl.col("n")))).item() == expected


def test_the_longer_name_of_a_panel_wins() -> None:
    frame = pl.DataFrame({"n": ["Samsung Neo QLED 55", "LG OLED", "Pantalla Super AMOLED", "TV"]})
    found = frame.select(screen_type(measured(pl.col("n")))).to_series().to_list()
    assert found == ["Neo QLED", "OLED", "Super AMOLED", None]


def test_the_fastest_network_is_named() -> None:
    frame = pl.DataFrame({"n": ["A54 5G 4G", "Moto LTE", "Tab Wi-Fi", "iPhone"]})
    assert frame.select(network(measured(pl.col("n")))).to_series().to_list() == [
        "5G", "4G", "WiFi", None,
    ]  # fmt: skip
