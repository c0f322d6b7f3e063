import json
from os import environ
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.attributes import ATTRIBUTES
from normalizer_assets.answers.models import FEW
from normalizer_assets.answers.rules import read_listings
from normalizer_assets.config import CATEGORY_GROUPS, GrammarConfig

SCHEMA = {"name": pl.String, "brand": pl.String, "category_group": pl.String}


def read(name: str, group: str, brand: str | None = None) -> tuple[object, object, dict[str, str]]:
    frame = pl.DataFrame([(name, brand, group)], schema=SCHEMA, orient="row")
    row = read_listings(frame).row(0, named=True)
    return row["brand"], row["model"], json.loads(row["attributes"])


@pytest.mark.parametrize(
    ("name", "group", "brand", "model", "attributes"),
    [
        (
            "iPhone 15 Pro Max 256GB Negro", "smartphones", "APPLE", "iPhone 15 Pro Max",
            {"capacity": "256GB", "color": "negro"},
        ),
        (
            "Coca Cola Original 2L", "beverages", "COCA-COLA", "Original",
            {"capacity": "2L", "volume_ml": "2000", "flavor": "original"},
        ),
        (
            "Notebook ASUS ROG Strix G16 Intel Core i9-13980HX RTX 4070 32GB DDR5 1TB NVMe Gen4",
            "notebooks", "ASUS", "ROG Strix G16",
            {
                "capacity": "1TB", "ram": "32GB DDR5", "processor": "Intel Core i9-13980HX",
                "graphics": "RTX 4070",
            },
        ),
        (
            "Perfume Chanel No 5 EDP 100 ml Mujer", "perfumes", "CHANEL", "No 5",
            {"volume_ml": "100", "type": "EDP", "gender": "mujer"},
        ),
        (
            "Jugo de Naranja con Pulpa  1 53 L", "beverages", None, None,
            {"capacity": "1.53L", "volume_ml": "1530", "flavor": "naranja"},
        ),
        (
            "Pack 6 Un. Leche Soprole Entera Natural 200 Ml", "dairy", "SOPROLE", None,
            {"capacity": "200ml", "volume_ml": "200", "pack_count": "6", "type": "entera"},
        ),
        (
            "Galaxy Tab A9+ 64GB WiFi Gris", "tablets", "SAMSUNG", "Galaxy Tab A9+",
            {"capacity": "64GB", "color": "gris", "network": "WiFi"},
        ),
        (
            'Smart TV Samsung QLED 55" 4K QN55Q60C', "televisions", "SAMSUNG", "QN55Q60C",
            {"size": "55", "screen_type": "QLED"},
        ),
        (
            "Zapatilla Nike Air Max Excee Mujer Talla 38 Blanco", "footwear", "NIKE",
            "Air Max Excee", {"size": "38", "gender": "mujer", "color": "blanco"},
        ),
        (
            "Shampoo Head & Shoulders Limpieza Renovadora 375 ml", "personal_care",
            "HEAD & SHOULDERS", "Limpieza Renovadora", {"volume_ml": "375"},
        ),
        ("Arroz Grado 1 1 kg", "groceries", None, None, {"capacity": "1kg", "weight_g": "1000"}),
        (
            "Consola PlayStation 5 Slim 1TB", "consoles", "SONY", "PlayStation 5 Slim",
            {"capacity": "1TB"},
        ),
        ("Lavadora LG 9 kg WT9DPBW Blanca", "appliances", "LG", "WT9DPBW", {"color": "blanco"}),
        ("Apple iPhone X 64GB", "smartphones", "APPLE", "iPhone X", {"capacity": "64GB"}),
        ("Papel Higiénico Elite 12 rollos", "cleaning", "ELITE", None, {"pack_count": "12"}),
        (
            "Pañales Huggies Active Sec Talla XG 50 un", "baby", "HUGGIES", "Active Sec",
            {"size": "XG", "pack_count": "50"},
        ),
    ],
)  # fmt: skip
def test_a_listing_is_read(
    name: str, group: str, brand: str | None, model: str | None, attributes: dict[str, str]
) -> None:
    assert read(name, group) == (brand, model, attributes)


def test_the_rows_own_brand_field_counts_where_the_name_has_none() -> None:
    assert read("Poroto Español, 1 Kg", "groceries", "Lider")[0] == "LIDER"
    assert read("Leche Soprole 1 L", "dairy", "Genérico")[0] == "SOPROLE"


def test_a_brand_field_is_cut_out_of_the_model() -> None:
    assert read("Mermelada Doña Clotilde Campesina 250 g", "groceries", "Doña Clotilde")[1] == (
        "Campesina"
    )


def test_what_a_bundle_adds_does_not_describe_the_product() -> None:
    attributes = read("Xiaomi Poco X3 (128 GB / 6 GB) + Carcasa Negra", "smartphones")[2]
    assert attributes == {"capacity": "128GB", "ram": "6GB"}


def test_a_drained_weight_counts_only_alone() -> None:
    assert read("Jurel, Drenado 300 G - Neto 425 G", "groceries")[2]["weight_g"] == "425"
    assert read("Jurel Natural 255 G Drenado", "groceries")[2]["weight_g"] == "255"
    assert read("Atún 160 g (104 g drenado)", "groceries")[2]["weight_g"] == "160"


def test_a_washers_kilos_are_no_content() -> None:
    assert read("Lavadora LG 17 kg", "appliances")[2] == {}


def test_a_users_brand_is_read() -> None:
    frame = pl.DataFrame([("Miel Abejita 500 g", None, "groceries")], schema=SCHEMA, orient="row")
    grammar = GrammarConfig(brands={"Abejita Feliz": ("abejita",)})
    assert read_listings(frame, grammar)["brand"].to_list() == ["ABEJITA FELIZ"]


def test_a_users_noise_words_are_no_model() -> None:
    frame = pl.DataFrame(
        [("Samsung Galaxy A54 Edición Ñuñoa 128GB", None, "smartphones")],
        schema=SCHEMA,
        orient="row",
    )
    grammar = GrammarConfig(noise_words=("edición ñuñoa", "ñandú"))
    assert read_listings(frame, grammar)["model"].to_list() == ["Galaxy A54"]


def test_attributes_are_json_with_sorted_keys_and_no_nulls() -> None:
    frame = pl.DataFrame(
        [("iPhone 15 256GB Negro", None, "smartphones"), ("", None, None)],
        schema=SCHEMA,
        orient="row",
    )
    assert read_listings(frame)["attributes"].to_list() == [
        '{"capacity":"256GB","color":"negro"}',
        "{}",
    ]
    assert list(ATTRIBUTES) == sorted(ATTRIBUTES)


def test_two_spellings_have_one_normalized_name() -> None:
    frame = pl.DataFrame(
        [
            ("Celular Samsung Galaxy A54 5G 128GB 8GB RAM Black", None, "smartphones"),
            ("SAMSUNG Galaxy A54 (8 GB / 128 GB / Negro)", None, "smartphones"),
        ],
        schema=SCHEMA,
        orient="row",
    )
    first, second = read_listings(frame)["normalized_name"]
    assert first == second == "SAMSUNG Galaxy A54 8GB 128GB negro"


def test_an_empty_frame_gives_an_empty_answer() -> None:
    answers = read_listings(pl.DataFrame(schema=SCHEMA))
    assert answers.height == 0
    assert answers.columns == [
        "brand", "model", "attributes", "normalized_name", "category_suggestion",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Notebook HP_Pavilion_15_8GB_256GB_SSD", "Pavilion 15"),
        ("Notebook ~ HP | Pavilion _ 15 ^ 8GB", "Pavilion 15"),
        ("Notebook HP " + "Zyxquor" * 40, None),
    ],
)
def test_no_mark_of_the_reading_stays_in_a_model(name: str, model: str | None) -> None:
    listing = pl.DataFrame(
        {"name": [name], "brand": [None], "category_group": ["notebooks"]},
        schema_overrides={"brand": pl.String},
    )
    assert read_listings(listing)["model"].to_list() == [model]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=60), st.none() | st.text(max_size=12), st.sampled_from(CATEGORY_GROUPS)
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_text_is_answered_row_for_row(rows: list[tuple[str, str | None, str]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    answers = read_listings(frame)
    assert answers.height == frame.height
    assert answers["normalized_name"].null_count() == 0
    for text in answers["attributes"]:
        values = json.loads(text)
        assert list(values) == sorted(values)
        assert all(isinstance(value, str) and value for value in values.values())


@pytest.mark.real_data
def test_storage_of_real_phones_is_read() -> None:
    root = Path(
        environ.get("NORMALIZER_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
    )
    file = root / "cl_solotodo_daily" / "smartphones.csv"
    if not file.exists():
        pytest.skip(f"no real listings at {file}; set NORMALIZER_REAL_DATA")
    phones = pl.read_csv(file, infer_schema=False).with_columns(
        pl.lit(None, dtype=pl.String).alias("brand"), pl.lit("smartphones").alias("category_group")
    )
    read_capacity = read_listings(phones)["attributes"].str.json_path_match("$.capacity")
    label = phones["capacity"].str.replace_all(" ", "").replace("1024GB", "1TB")
    answered = read_capacity.is_not_null()
    assert answered.sum() > 0.9 * phones.height
    assert (read_capacity == label).filter(answered).all()


def test_a_listing_is_read_alone_as_among_many() -> None:
    names = ["Galletas Arcor 130 g", "Silla plegable", "Leche Nido 900 g", "Taladro Bosch 18V"]
    many = pl.DataFrame(
        {"name": names * FEW, "brand": None, "category_group": "other"},
        schema_overrides={"brand": pl.String},
    )
    among = read_listings(many).head(len(names))
    alone = pl.concat([read_listings(many[row]) for row in range(len(names))])
    assert alone.equals(among)
    assert alone["brand"].to_list() == ["ARCOR", None, "NIDO", "BOSCH"]
