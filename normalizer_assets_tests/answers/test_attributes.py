"""Reading attributes: field by field, from names as shops write them."""

import json

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.groups import FOOD
from normalizer_assets.answers.rules import read_listings

SCHEMA = {"name": pl.String, "brand": pl.String, "category_group": pl.String}


def attributes(*listings: tuple[str, str]) -> list[dict[str, str]]:
    frame = pl.DataFrame(
        [(name, None, group) for name, group in listings], schema=SCHEMA, orient="row"
    )
    return [json.loads(text) for text in read_listings(frame)["attributes"]]


def read(field: str, group: str, *names: str) -> dict[str, str | None]:
    found = attributes(*((name, group) for name in names))
    return {name: one.get(field) for name, one in zip(names, found, strict=True)}


# --- sizes ----------------------------------------------------------------------------


def test_a_garments_size_is_read_as_it_is_written() -> None:
    expected = {
        "Polera Nike Talla M Negro": "M",
        "Polera Nike Club XL": "XL",
        "Chaqueta Columbia XL Negra": "XL",
        "Buzo talla: xxl gris": "XXL",
        "Jeans Levi's 32x34 Azul": "32X34",
        "Polera Pillin 6 años Rosada": "6 años",
        "Body Opaline 6 - 9 meses Blanco": "6-9 meses",
        "Calcetines Puma Talla 39 / 42": "39/42",
        "Gorro Talla única negro": "única",
        "Polera Nike 501 Algodon": None,
    }
    assert read("size", "clothing", *expected) == expected


def test_a_shoes_size_is_read_with_and_without_a_word_before_it() -> None:
    expected = {
        "Zapatilla Nike Air Max Talla 38": "38",
        "Zapatilla Nike Air Max Talla 38,5": "38,5",
        "Zapatilla Nike Air Max US 7.5 Negro": "US 7.5",
        "Zapatilla Nike Court Negro 42": "42",
        "Zapatilla Puma Smash 38.5 Mujer": "38.5",
        "Sandalia Crocs 36-37": "36-37",
        "Zapatilla New Balance 574": None,
        "Zapatilla Nike Air 90": None,
    }
    assert read("size", "footwear", *expected) == expected


def test_a_babys_size_is_in_months_and_a_toys_years_are_its_players() -> None:
    assert read("size", "baby", "Body Opaline talla 6M") == {"Body Opaline talla 6M": "6M"}
    assert read("size", "toys", "Lego 6 años", 'Peluche 12"') == {
        "Lego 6 años": None,
        'Peluche 12"': "12",
    }


def test_a_letter_sizes_nothing_but_what_is_worn() -> None:
    assert read("size", "other", "Correa Negra L", "Correa talla L", "Guantes talla 8") == {
        "Correa Negra L": None,
        "Correa talla L": "L",
        "Guantes talla 8": "8",
    }


def test_diapers_have_their_letters() -> None:
    expected = {
        "Pañales Huggies Active Sec Talla XG 50 un": "XG",
        "Pañales Huggies M 40 un": "M",
        "Pañales Pampers RN 20 un": "RN",
        "Toallitas Huggies 80 un": None,
    }
    assert read("size", "baby", *expected) == expected


def test_inches_are_read_with_and_without_their_unit() -> None:
    television = {
        'Smart TV LG OLED 55" C3': "55",
        "Smart TV LG 65 pulgadas": "65",
        "Smart TV LG OLED 55 C3": "55",
        "Smart TV LG OLED C3": None,
        "Smart TV LG 12 C3": None,
    }
    monitor = {"Monitor LG 23.8 IPS": "23.8", "Monitor Samsung 27 IPS": "27"}
    notebook = {
        "Notebook HP 15.6 8GB": "15.6",
        'Notebook HP 14" 8GB': "14",
        "Notebook HP 14 8GB": None,
    }
    assert read("size", "televisions", *television) == television
    assert read("size", "monitors", *monitor) == monitor
    assert read("size", "notebooks", *notebook) == notebook


# --- colours --------------------------------------------------------------------------


def test_a_brand_or_a_network_hides_no_colour() -> None:
    expected = {
        "Taladro Black & Decker 500 W": None,
        "Taladro Black+Decker rojo": "rojo",
    }
    assert read("color", "tools", *expected) == expected
    router = "Router 4G LTE blanco"
    assert attributes((router, "other")) == [{"color": "blanco"}]
    phone = "Galaxy A16 128GB + 4GB negro + funda azul"
    assert read("color", "smartphones", phone) == {phone: "negro"}


def test_of_two_colours_with_a_stroke_the_first_counts() -> None:
    shoe = {
        "Zapatilla Puma Naranja/Negro 40": "naranjo",
        "Zapatilla New Balance Gris / Azul Talla 41": "gris",
    }
    assert read("color", "footwear", *shoe) == shoe
    name = "iPhone 15 128GB Azul/Negro"
    assert read("color", "smartphones", name) == {name: "azul"}


def test_a_garments_first_colour_counts_and_a_devices_last() -> None:
    assert attributes(
        ("Blusa negra blanca", "clothing"), ("Parlante Negro Rojo", "headphones")
    ) == [
        {"color": "negro"},
        {"color": "rojo"},
    ]


def test_coffee_and_cream_are_colours_of_things_and_not_of_food() -> None:
    assert attributes(
        ("Botín Bata Cuero Café 40", "footwear"),
        ("Cartera Cuero Crema", "clothing"),
        ("Parlante JBL Flip Café", "headphones"),
        ("Café Nescafé Tradición 170 g", "groceries"),
        ("Crema de leche Colun 200 ml", "dairy"),
    ) == [
        {"color": "café", "size": "40"},
        {"color": "crema"},
        {"color": "café"},
        {"capacity": "170g", "weight_g": "170"},
        {"capacity": "200ml", "volume_ml": "200"},
    ]


def test_another_colour_is_surer_than_a_thing_that_is_one() -> None:
    name = "Zapatilla Negra suela crema"
    assert read("color", "footwear", name) == {name: "negro"}


# --- packs and contents ---------------------------------------------------------------


def test_a_pack_is_counted_however_it_is_written() -> None:
    expected = {
        "Pack 6 Cerveza Cristal 350 cc": "6",
        "Cerveza Cristal 6x350cc": "6",
        "Cerveza Cristal six pack 350 ml": "6",
        "Cerveza Cristal 12 un": "12",
        "Atún San José bipack 160 g": "2",
        "Atún San José tripack 160 g": "3",
        "Huevos docena": "12",
        "Té Lipton 100 bolsitas": "100",
        "Galletas x 10": "10",
        "Galletas x4": "4",
        "24x Cerveza Cristal 330 ml": "24",
        "Pack 2x Agua Micelar 400 ml": "2",
        "Vino Tarapacá caja 6 bot. 750 cc": "6",
        "Té Ceylán 50 bls.": "50",
        "Cuatro latas Red Bull 250 cc": "4",
        "Cerveza Austral four pack 330 cc": "4",
        "Galletas 1 un": None,
        "Galletas 126 g": None,
    }
    assert read("pack_count", "groceries", *expected) == expected


def test_a_packs_content_is_that_of_one_unit() -> None:
    assert attributes(
        ("Cerveza Cristal 6x350cc", "beverages"), ("Atún San José bipack 160 g", "groceries")
    ) == [
        {"capacity": "350ml", "pack_count": "6", "volume_ml": "350"},
        {"capacity": "160g", "pack_count": "2", "weight_g": "160"},
    ]


def test_pencils_are_counted_by_their_colours_and_wipes_by_their_sheets() -> None:
    assert read("pack_count", "other", "Lápices Ecolápiz 24 colores", "Set 24 colores") == {
        "Lápices Ecolápiz 24 colores": "24",
        "Set 24 colores": None,
    }
    assert read("pack_count", "personal_care", "Toallitas Huggies 56 hojas") == {
        "Toallitas Huggies 56 hojas": "56"
    }


def test_devices_and_toys_are_packs_only_where_the_name_says_so() -> None:
    expected = {"Pendrive 64GB Pack 10": "10", "Mesh Deco X50 3-Pack": "3", "Pendrive x10": None}
    assert read("pack_count", "storage", *expected) == expected
    assert read("pack_count", "toys", "Play-Doh pack 10 potes") == {"Play-Doh pack 10 potes": "10"}


def test_the_pieces_of_a_set_are_no_pack() -> None:
    assert attributes(
        ("Poco X3", "smartphones"), ("Lego 500 un", "toys"), ("Brocas 10 un", "tools")
    ) == [{}, {}, {}]


def test_packs_are_counted_in_every_notation() -> None:
    counts = {
        ("Cerveza x6 350 cc", "beverages"): "6",
        ("Cerveza Packx6 350 cc", "beverages"): "6",
        ("CERVEZA LATA 24X350", "beverages"): "24",
        ("6 cervezas 350 cc", "beverages"): "6",
        ("Twelve Pack Cerveza 350 cc", "beverages"): "12",
        ("Cloro 900 ml pack tres unidades", "cleaning"): "3",
        ("Papel Higiénico 12R 30 m", "cleaning"): "12",
        ("Lavavajillas 36 tabs", "cleaning"): "36",
        ("Vitamina C 30 gomitas", "pharmacy"): "30",
        ("Mascarillas caja con 50", "pharmacy"): "50",
        ("Ecolápices 24 colores", "other"): "24",
        ("Calcetines x3", "clothing"): "3",
        ("Ampolleta 9W x4", "lighting"): "4",
        ("Pendrive 64GB 2 unidades", "storage"): "2",
    }
    read = attributes(*counts)
    assert [one.get("pack_count") for one in read] == [*counts.values()]


def test_the_number_of_a_macbook_is_its_size() -> None:
    assert attributes(("MacBook Pro 14 M3", "notebooks"))[0]["size"] == "14"


def test_food_carries_its_content_twice_and_care_once() -> None:
    assert attributes(
        ("Coca Cola 1,5 L", "beverages"),
        ("Harina 1.50 kg", "groceries"),
        ("Detergente Omo 3 L", "cleaning"),
        ("Shampoo Dove 400 ml", "personal_care"),
        ("Refrigerador 300 litros", "appliances"),
    ) == [
        {"capacity": "1.5L", "volume_ml": "1500"},
        {"capacity": "1.5kg", "weight_g": "1500"},
        {"volume_ml": "3000"},
        {"volume_ml": "400"},
        {},
    ]


def test_a_network_and_a_nought_are_no_weight() -> None:
    assert read("weight_g", "other", "Router Archer 5G", "Chip Entel 4G", "Pegamento 20 g") == {
        "Router Archer 5G": None,
        "Chip Entel 4G": None,
        "Pegamento 20 g": "20",
    }
    assert attributes(("Arroz 0 kg", "groceries"), ("Té 0 g azúcar 40 g", "groceries")) == [
        {},
        {"capacity": "40g", "weight_g": "40"},
    ]


def test_the_dose_of_a_tablet_is_no_weight() -> None:
    assert attributes(
        ("Aspirina 1 g 20 comprimidos", "pharmacy"),
        ("Paracetamol 500 mg 16 comprimidos", "pharmacy"),
        ("Paracetamol 500 mg x30 comp", "pharmacy"),
        ("Jarabe 120 ml", "pharmacy"),
        ("Creatina 300 g", "pharmacy"),
    ) == [
        {"pack_count": "20"},
        {"pack_count": "16"},
        {"pack_count": "30"},
        {"volume_ml": "120"},
        {"weight_g": "300"},
    ]


def test_what_a_concentrate_yields_is_not_its_content() -> None:
    expected = {
        "Detergente Ariel Concentrado 500 ml para preparar 3 L": "500",
        "Detergente Ariel Concentrado 500 ml rinde 3 L": "500",
        "Detergente Ariel Concentrado 500 ml equivale a 3 L": "500",
    }
    assert read("volume_ml", "cleaning", *expected) == expected


def test_baby_food_has_a_capacity_and_other_things_for_babies_have_none() -> None:
    expected = {
        "Leche NAN Optipro 1 900 g": "900g",
        "Fórmula infantil Similac 850 g": "850g",
        "Colado Manzana 113 g": "113g",
        "Shampoo Johnson's Baby 400 ml": None,
        "Crema Hipoglós 60 g": None,
    }
    assert read("capacity", "baby", *expected) == expected


# --- gender, flavour, kinds -----------------------------------------------------------


def test_a_gender_is_read_in_spanish_and_english() -> None:
    expected = {
        "Polera niña": "niña",
        "Polera boys": "niño",
        "Polera Mujeres": "mujer",
        "Polera men": "hombre",
        "Polera unisex": "unisex",
        "Polera niño y niña": "unisex",
        "Polera hombre y mujer": "unisex",
        "Polera Nike": None,
    }
    assert read("gender", "clothing", *expected) == expected


def test_good_girl_is_for_women() -> None:
    expected = {
        "Perfume Good Girl EDP 80 ml": None,
        "Perfume Good Girl EDP 80 ml Mujer": "mujer",
        "Perfume Bad Boy EDT 100 ml Hombre": "hombre",
    }
    assert read("gender", "perfumes", *expected) == expected


def test_meat_and_fish_are_flavours_of_pet_food_only() -> None:
    expected = {
        "Pedigree Adulto Carne y Pollo 18 kg": "carne y pollo",
        "Whiskas Gatito Salmón 85 g": "salmón",
        "Master Cat Pescado 1 kg": "pescado",
        "Dog Chow Sabor Carne 3 kg": "carne",
        "Dog Chow 3 kg": None,
    }
    assert read("flavor", "pet_food", *expected) == expected
    assert read("flavor", "groceries", "Bandeja Pollo 2 kg") == {"Bandeja Pollo 2 kg": None}


def test_what_a_name_begins_with_is_the_food_and_no_flavour() -> None:
    expected = {
        "Yogurt Frutilla 155 g": "frutilla",
        "Naranja Malla 2 kg": None,
        "Agua de coco 330 ml": None,
    }
    assert read("flavor", "groceries", *expected) == expected


def test_kinds_of_milk_and_of_perfume() -> None:
    assert attributes(
        ("Leche semi descremada sin lactosa 1 L", "dairy"),
        ("Bebida sin azúcar", "beverages"),
        ("Colonia Agua de Colonia 200 ml", "perfumes"),
        ("Le Male Le Parfum 125 ml", "perfumes"),
    ) == [
        {
            "capacity": "1L",
            "lactose": "sin",
            "type": "semidescremada",
            "volume_ml": "1000",
        },
        {"sugar": "sin"},
        {"type": "EDC", "volume_ml": "200"},
        {"type": "Parfum", "volume_ml": "125"},
    ]


# --- devices --------------------------------------------------------------------------


def test_parts_of_devices_are_read_where_their_group_has_them() -> None:
    assert attributes(
        ("iPhone 13 128GB 5G Reacondicionado", "smartphones"),
        ("Disco duro externo 2TB HDD", "storage"),
        ('Monitor Samsung 32" VA', "monitors"),
        ("Polera LED 5G 128GB", "clothing"),
    ) == [
        {"capacity": "128GB", "network": "5G", "refurbished": "sí"},
        {"capacity": "2TB", "storage_type": "HDD"},
        {"screen_type": "VA", "size": "32"},
        {},
    ]


def test_one_memory_alone_is_a_notebooks_ram_and_a_tablets_storage() -> None:
    assert attributes(("Notebook HP 8GB", "notebooks"), ("Tablet 32GB", "tablets")) == [
        {"ram": "8GB"},
        {"capacity": "32GB"},
    ]


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(FOOD),
            st.integers(2, 40),
            st.integers(1, 999),
            st.sampled_from(["ml", "g"]),
        ),
        min_size=10,
        max_size=10,
    )
)
def test_pack_and_content_are_read_as_they_were_written(
    packs: list[tuple[str, int, int, str]],
) -> None:
    found = attributes(
        *((f"Zyxquor {count}x{content}{unit}", group) for group, count, content, unit in packs)
    )
    for (_, count, content, unit), one in zip(packs, found, strict=True):
        measure = {"ml": "volume_ml", "g": "weight_g"}[unit]
        assert one == {
            "capacity": f"{content}{unit}",
            measure: str(content),
            "pack_count": str(count),
        }
