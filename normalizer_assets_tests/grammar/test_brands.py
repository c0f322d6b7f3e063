import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.rules import read_listings
from normalizer_assets.config import CATEGORY_GROUPS
from normalizer_assets.grammar.brands import (
    BRANDS,
    LINES,
    MAKERS,
    ORDINARY_WORDS,
    SECTION_GROUPS,
    brand_of,
    gazetteer,
    learned_brands,
    spelling_of,
    stated_brand,
)


def brand(
    name: str,
    group: str,
    extra: tuple[tuple[str, tuple[str, ...]], ...] = (),
    learned: tuple[tuple[str, str], ...] = (),
) -> object:
    frame = pl.DataFrame({"name": [name], "group": [group]})
    known = gazetteer(extra, learned)
    return frame.select(brand_of(pl.col("name"), pl.col("group"), known)).item()


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
    assert brand("Cable para Samsung", "smartphones") is None
    assert brand("Cable para Samsung de Belkin", "smartphones") == "BELKIN"
    assert brand("Samsung para todos", "smartphones") == "SAMSUNG"


def test_a_maker_is_the_brand_where_the_name_states_it_beside_its_own() -> None:
    assert brand("Saborizante Milo Nestlé 400 g", "groceries") == "NESTLÉ"
    assert brand("Nestlé Milo 400 g", "groceries") == "NESTLÉ"
    assert brand("Saborizante Milo 400 g", "groceries") == "MILO"
    assert brand("Shampoo Elvive L'Oréal París 370 ml", "personal_care") == "L'ORÉAL PARÍS"


def test_a_maker_is_no_brand_of_another_makers_product() -> None:
    assert brand("Leche Soprole con Nestlé 1 L", "dairy") == "SOPROLE"


def test_the_longer_of_two_brands_is_read() -> None:
    assert brand("Vino Santa Rita 120 Merlot", "beverages") == "SANTA RITA"
    assert brand("Emporio Armani Diamonds EDT", "perfumes") == "EMPORIO ARMANI"


def test_makers_and_lines_are_folded_and_known() -> None:
    known = {spelling_of(one) for brands in BRANDS.values() for one in brands}
    assert {spelling_of(maker) for maker in (*MAKERS, *LINES)} <= known
    for spellings in (*MAKERS.values(), *LINES.values()):
        assert all(spelling == spelling_of(spelling) != "" for spelling in spellings)


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


# --- brands that a partition's own fields teach ---------------------------------------


def learned(*rows: tuple[str | None, str | None]) -> tuple[tuple[str, str], ...]:
    schema = {"brand": pl.String, "category_group": pl.String}
    return learned_brands(pl.DataFrame(rows, schema=schema, orient="row"))


def test_a_brand_is_learned_from_two_rows_and_in_its_section() -> None:
    assert learned(("Zyxquor", "dairy"), ("ZYXQUOR", "groceries")) == (("food", "ZYXQUOR"),)
    assert learned(("Zyxquor", "dairy"), ("Zyxquor", "toys")) == ()
    assert learned(("Zyxquor", "dairy")) == ()


def test_known_brands_product_words_and_fields_without_a_brand_are_not_learned() -> None:
    twice = ("Soprole", "Palta", "Sin marca", "Genérico", "-", "3M2", "", None)
    assert learned(*((one, "groceries") for one in (*twice, *twice))) == ()
    assert learned(*[("Zyxquor", None)] * 2, *[("Zyxquor", "no group")] * 2) == ()


def test_a_learned_brand_is_answered_in_its_most_frequent_spelling() -> None:
    rows = [("Ñandú  Qua", "dairy"), ("ñandú qua", "dairy"), ("NANDU QUA", "dairy")]
    assert learned(*rows) == (("food", "ÑANDÚ QUA"),)


def test_a_learned_brand_is_read_in_the_names_of_its_section_alone() -> None:
    own = (("food", "ZYXQUOR"),)
    assert brand("Mermelada Zyxquor 250 g", "groceries", learned=own) == "ZYXQUOR"
    assert brand("Yogurt zyxquor 150 g", "dairy", learned=own) == "ZYXQUOR"
    assert brand("Taladro Zyxquor", "tools", learned=own) is None
    assert brand("Mermelada Zyxquor 250 g", "groceries") is None


def test_a_brand_of_one_rows_field_is_read_in_another_rows_name() -> None:
    listings = pl.DataFrame(
        {
            "name": ["Mermelada 250 g", "Miel 500 g", "Yogurt Zyxquor 150 g", "Balde Zyxquor"],
            "brand": ["Zyxquor", "Zyxquor", None, None],
            "category_group": ["groceries", "groceries", "dairy", "tools"],
        }
    )
    assert read_listings(listings)["brand"].to_list() == ["ZYXQUOR", "ZYXQUOR", "ZYXQUOR", None]


def test_brands_of_a_user_count_before_learned_ones() -> None:
    extra, own = (("Zyxquor Chile", ("zyxquor",)),), (("food", "ZYXQUOR"),)
    assert brand("Mermelada Zyxquor 250 g", "groceries", extra, own) == "ZYXQUOR CHILE"


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Zyxquor", "ZYXQUOR", "Qua Ton", "Soprole", "Leche", "-"]),
            st.sampled_from(["dairy", "groceries", "toys"]),
        ),
        max_size=8,
    )
)
def test_rows_in_any_order_teach_the_same(rows: list[tuple[str, str]]) -> None:
    found = learned(*rows)
    assert found == learned(*reversed(rows))
    assert list(found) == sorted(set(found))
    assert {name for _, name in found} <= {"ZYXQUOR", "QUA TON"}
