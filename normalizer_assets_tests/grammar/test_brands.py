import polars as pl
import pytest

from normalizer_assets.config import CATEGORY_GROUPS
from normalizer_assets.grammar.brands import (
    BRANDS,
    ORDINARY_WORDS,
    SECTION_GROUPS,
    brand_of,
    gazetteer,
    spelling_of,
    stated_brand,
)


def brand(name: str, group: str, extra: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> object:
    frame = pl.DataFrame({"name": [name], "group": [group]})
    return frame.select(brand_of(pl.col("name"), pl.col("group"), gazetteer(extra))).item()


@pytest.mark.parametrize(
    ("name", "group", "expected"),
    [
        ("iPhone 15 Pro Max 256GB", "smartphones", "APPLE"),
        ("Galaxy Tab A9+", "tablets", "SAMSUNG"),
        ("Consola PlayStation 5 Slim", "consoles", "SONY"),
        ("Coca Cola Original 2L", "beverages", "COCA-COLA"),
        ("Café NESCAFE Tradición", "groceries", "NESCAFÉ"),
        ("Papas Fritas Lays 250 g", "groceries", "LAY'S"),
        ("Vino Casillero del Diablo Merlot", "beverages", "CASILLERO DEL DIABLO"),
        ("Arroz Grado 1 1 kg", "groceries", None),
    ],
)
def test_a_brand_is_found_in_the_name(name: str, group: str, expected: str | None) -> None:
    assert brand(name, group) == expected


def test_an_ordinary_word_is_a_brand_only_in_its_section() -> None:
    assert brand("Pan de Molde Ideal 500 g", "groceries") == "IDEAL"
    assert brand("Lámpara ideal para escritorio", "lighting") is None


def test_what_an_accessory_fits_is_not_its_brand() -> None:
    assert brand("Funda para iPhone 15", "smartphones") is None
    assert brand("Carcasa Spigen compatible con Samsung Galaxy S23", "smartphones") == "SPIGEN"


def test_a_users_brand_is_found_by_each_spelling() -> None:
    extra = (("Viña Nueva", ("vn wines",)),)
    assert brand("Merlot VN Wines 750 ml", "beverages", extra) == "VIÑA NUEVA"
    assert brand("Merlot vina nueva", "beverages", extra) == "VIÑA NUEVA"


@pytest.mark.parametrize("field", ["Genérico", "SIN MARCA", "-", ".", "", "  ", "S/M", None])
def test_a_field_that_names_no_brand_is_none(field: str | None) -> None:
    frame = pl.DataFrame({"brand": [field]}, schema={"brand": pl.String})
    assert frame.select(stated_brand(pl.col("brand"))).item() is None


def test_a_stated_brand_keeps_its_accents() -> None:
    assert (
        pl.DataFrame({"b": [" San  José "]}).select(stated_brand(pl.col("b"))).item() == "SAN JOSÉ"
    )


def test_every_category_group_has_a_section() -> None:
    assert sorted(g for groups in SECTION_GROUPS.values() for g in groups) == sorted(
        CATEGORY_GROUPS
    )


def test_every_ordinary_word_is_a_brand_of_the_gazetteer() -> None:
    known = {spelling_of(brand) for brands in BRANDS.values() for brand in brands}
    assert known >= ORDINARY_WORDS
