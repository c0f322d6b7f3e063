from collections.abc import Mapping

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.config import CATEGORY_GROUPS, CategoryGroup
from normalizer_assets.intake.categories import category_group


def group(
    name: str | None,
    category: str | None = None,
    mapping: Mapping[str, CategoryGroup] | None = None,
) -> str:
    frame = pl.DataFrame(
        {"name": [name], "category": [category]},
        schema={"name": pl.String, "category": pl.String},
    )
    found = frame.select(category_group(pl.col("category"), pl.col("name"), mapping or {}))
    return str(found.item())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Samsung Galaxy S24 Ultra 256GB", "smartphones"),
        ("Apple iPhone 15 Pro Max 256GB Negro", "smartphones"),
        ("Notebook Gamer ASUS 16GB 512GB SSD", "notebooks"),
        ("Samsung Galaxy Tab A9+ 64GB", "tablets"),
        ('Smart TV 55" QLED 4K', "televisions"),
        ("Monitor Curvo 27 165Hz", "monitors"),
        ("Disco Duro Externo 2TB", "storage"),
        ("Consola PlayStation 5 Slim", "consoles"),
        ("Samsung Galaxy Buds FE", "headphones"),
        ("Bebida Cola Pack 6 x 350 cc", "beverages"),
        ("Cereal de avena con leche 300 g", "groceries"),
        ("Leche Condensada 397 g", "dairy"),
        ("Detergente Líquido 3 L", "cleaning"),
        ("Shampoo Leche de Coco 400 ml", "personal_care"),
        ("Perfume Mujer EDP 100 ml", "perfumes"),
        ("Máscara de Pestañas Negra", "cosmetics"),
        ("Paracetamol 500 mg 16 comprimidos", "pharmacy"),
        ("Poleras de algodón pack 3", "clothing"),
        ("Zapatillas Running Hombre", "footwear"),
        ("Refrigerador No Frost 300 L", "appliances"),
        ("Freidora de Aire 5 L", "small_appliances"),
        ("Muñeca articulada", "toys"),
        ("Taladro Percutor 18V 2 Baterías y Cargador", "tools"),
        ("Ampolleta LED 9W", "lighting"),
        ("Alimento para Perros Adultos 15 kg", "pet_food"),
        ("Pañales Talla XG 40 un", "baby"),
        ("Tela estampada", "other"),
    ],
)
def test_the_head_noun_of_the_name_decides(name: str, expected: str) -> None:
    assert group(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "Carcasa para iPhone 15",
        "iPhone 15 Carcasa Silicona",
        "Cargador USB-C para notebook",
        "Soporte TV 55 pulgadas",
        "Fundas tablet 10",
    ],
)
def test_an_accessory_is_not_the_thing_itself(name: str) -> None:
    assert group(name) == "other"
    if "argador" not in name and "Soporte" not in name:
        assert group(name, "Celulares") == "other"


@pytest.mark.parametrize(
    "name", ["iPhone 15 + Carcasa", "iPhone 15 con carcasa", "Celular X incluye funda"]
)
def test_an_accessory_that_comes_along_changes_nothing(name: str) -> None:
    assert group(name) == "smartphones"


def test_the_mapping_is_asked_first() -> None:
    mapping: dict[str, CategoryGroup] = {
        "Línea Ofertas!": "toys",
        "Móviles": "smartphones",
        "MOVILES": "toys",
    }
    assert group("Leche 1 L", "LINEA  OFERTAS", mapping) == "toys"
    assert group("X1", "Tecno > Moviles", mapping) == "smartphones"
    assert group("Leche 1 L", "Otra cosa", mapping) == "dairy"


def test_the_raw_category_is_asked_before_the_name() -> None:
    assert group("Nivea Soft 200 ml", "Cremas corporales") == "personal_care"
    assert group("Chocolate Leche", "Yogurt") == "dairy"


def test_the_last_level_of_a_category_counts_most() -> None:
    assert group("XZ-1", "Bebidas > Leche") == "dairy"
    assert group("XZ-1", "Televisores / Accesorios") == "other"


def test_a_broad_shelf_is_asked_after_the_name() -> None:
    assert group("Leche 1 L", "Despensa") == "dairy"
    assert group("Zzz", "Despensa") == "groceries"


@pytest.mark.parametrize("category", [None, "", "???"])
def test_a_missing_category_is_allowed(category: str | None) -> None:
    assert group("Yogurt frutilla", category) == "dairy"
    assert group(None, category) == "other"


def test_a_word_inside_a_word_is_not_found() -> None:
    assert group("Tela de saltamontes") == "other"


@settings(max_examples=20)
@given(st.lists(st.tuples(*[st.none() | st.text(max_size=30)] * 2), max_size=30))
def test_any_text_has_a_group(rows: list[tuple[str | None, str | None]]) -> None:
    frame = pl.DataFrame(rows, {"category": pl.String, "name": pl.String}, orient="row")
    found = frame.select(category_group(pl.col("category"), pl.col("name"), {})).to_series()
    assert found.is_in(list(CATEGORY_GROUPS)).all()
