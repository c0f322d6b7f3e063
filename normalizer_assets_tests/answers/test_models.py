"""Reading a model: names with a bar where their brand stood, as the rules hand them over."""

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.models import BAR, CUT, read_models
from normalizer_assets.config import CATEGORY_GROUPS
from normalizer_assets.grammar.text import plain, spelled

SCHEMA = {"unbranded": pl.String, "category_group": pl.String, "brand": pl.String}


def models(
    *listings: tuple[str, str], brand: str | None = None, noise_words: tuple[str, ...] = ()
) -> list[str | None]:
    frame = pl.DataFrame(
        [(f" {name} ", group, brand) for name, group in listings], schema=SCHEMA, orient="row"
    ).with_columns(plain=plain(pl.col("unbranded").str.replace_all(BAR, " ", literal=True)))
    return read_models(frame, noise_words).to_list()


def read(group: str, *names: str, brand: str | None = None) -> dict[str, str | None]:
    return dict(zip(names, models(*((name, group) for name in names), brand=brand), strict=True))


# --- any kind of product --------------------------------------------------------------


def test_what_stands_directly_behind_the_brand_comes_first() -> None:
    assert models(
        (f"Alicate Pico de Loro |{CUT}| Cobra 250 mm", "tools"),
        (f"Zapatilla Zigzag |{CUT}| Speedcross 6 Hombre", "footwear"),
        # Something else is between, so the first run counts.
        (f"Zyxquor |{CUT}| negro Deluxe", "small_appliances"),
        (f"Zyxquor |{CUT}|", "groceries"),
        (f"Zelda: Tears - |{CUT}| Switch", "consoles"),
    ) == ["Cobra", "Speedcross 6", "Zyxquor", "Zyxquor", "Zelda: Tears"]


def test_a_describing_word_directly_behind_the_brand_opens_its_line() -> None:
    assert models(
        (f"Crema Dental |{CUT}| Herbal 90 g", "personal_care"),
        (f"Lady |{CUT}| Powder Fresh 45 g", "personal_care"),
        (f"Sandalia |{CUT}| Slim Mujer Dorado 37/38", "footwear"),
        # Elsewhere it describes: the food's openers are fewer, and these stand before the brand.
        (f"Aceite |{CUT}| Premium 500 ml", "groceries"),
        (f"Shampoo Herbal |{CUT}| 400 ml", "personal_care"),
    ) == ["Herbal", "Powder Fresh", "Slim", None, None]


def test_a_line_may_be_made_of_words_that_describe_other_products() -> None:
    expected = {
        "Insecticida | casa y jardín 360 cc": "Casa y Jardin",
        "Vino | Gran Reserva Etiqueta Negra 750 cc": "Gran Reserva Etiqueta Negra",
    }
    names = {name.replace("í", "i"): model for name, model in expected.items()}
    assert read("groceries", *names) == names
    robot = "Aspiradora | ROBOT VACUUM S10+ blanco"
    assert read("small_appliances", robot) == {robot: "Robot Vacuum S10+"}


def test_a_hyphen_keeps_a_name_together() -> None:
    assert models(
        ("Zapatilla | Gel-Kayano 31 Azul talla 39", "footwear"),
        ("Sosten | Make-Up Beige", "clothing"),
    ) == ["Gel-Kayano 31", "Make-Up"]


# --- devices --------------------------------------------------------------------------


def test_a_phones_line_is_what_stands_between_brand_and_parts() -> None:
    expected = {
        "Celular | Galaxy A54 5G 128GB 8GB RAM": "Galaxy A54",
        "Celular | E14 64GB": "E14",
        "| iPhone 15 Pro Max 256GB": "iPhone 15 Pro Max",
        "Smartphone | Moto G84 5G 256GB 12GB RAM": "Moto G84",
        "| Galaxy A54 Dual SIM Liberado (8 GB / 128 GB)": "Galaxy A54",
        "128GB | Redmi Note 13": "Redmi Note 13",
    }
    assert read("smartphones", *expected) == expected


def test_a_line_of_a_phone_may_be_a_number_alone() -> None:
    assert read("smartphones", "| 12 (256 GB)") == {"| 12 (256 GB)": "12"}


def test_a_code_behind_a_line_with_a_number_is_left_out() -> None:
    assert models(
        ("| Galaxy Tab A9+ SM-X210 64GB WiFi", "tablets"),
        ("| Galaxy S23 SM-S911B 256GB", "smartphones"),
    ) == ["Galaxy Tab A9+", "Galaxy S23"]


def test_a_line_without_a_number_is_told_apart_by_its_code() -> None:
    name = "Microondas | NeoChef MS2336GIH 23 litros"
    assert read("small_appliances", name) == {name: "NeoChef MS2336GIH"}


def test_a_device_without_a_line_is_called_by_its_code() -> None:
    assert models(
        ('Smart TV | QLED 55" 4K QN55Q60C', "televisions"),
        ("Lavadora | 9 kg WT9DPBW", "appliances"),
        ("Audifonos | WH-1000XM5 Bluetooth", "headphones"),
        ('| KD-55X80L 55" LED', "televisions"),
    ) == ["QN55Q60C", "WT9DPBW", "WH-1000XM5", "KD-55X80L"]


def test_a_pack_in_words_or_written_together_is_no_model() -> None:
    names = ("Zero twin pack 1 L", "Zero 350ccx6", "Zero 6unx350cc", "Zero docepack 350 cc")
    listings = ((f"Bebida |{CUT}| {name}", "beverages") for name in names)
    assert models(*listings) == ["Zero"] * len(names)


def test_what_a_bundle_adds_is_no_model() -> None:
    name = 'Smart TV | 75" C845 4K + Soundbar S522W'
    assert read("televisions", name) == {name: "C845"}


def test_measures_of_a_device_are_no_part_of_its_model() -> None:
    expected = {
        "Calefactor | Limit 380 negro 9.000 kcal/h": "Limit 380",
        "Lavadora | HWD120-B14959 12/8 kg": "HWD120-B14959",
        "Horno | TO1313SBD 4 rebanadas": "TO1313SBD",
    }
    assert read("appliances", *expected) == expected


def test_the_number_of_a_line_is_no_part_of_a_quantity() -> None:
    name = "Smart TV | BRAVIA 3 55 pulgadas"
    assert read("televisions", name) == {name: "BRAVIA 3"}


def test_inches_without_a_unit_are_no_model_of_a_screen() -> None:
    expected = {"Smart TV | OLED 55 C3": "C3", "Monitor | 27 IPS": None}
    assert read("televisions", *expected) == expected


def test_what_comes_along_with_a_product_is_not_its_model() -> None:
    assert models(
        ("| AirPods Pro con estuche", "headphones"),
        ("Funda para iPhone 15", "other"),
        ("Carcasa Zyxquor compatible con Samsung Galaxy S23", "other"),
    ) == ["AirPods Pro", None, "Zyxquor"]


def test_notebooks_lose_the_makers_code_even_in_small_letters() -> None:
    expected = {
        "Notebook | Victus 15-fa1021la Intel Core i5-12450H 8GB": "Victus 15",
        "Notebook | Modern 14 C13M Intel Core i5-1235U": "Modern 14",
        "Notebook | IdeaPad Slim 3 15IAH8 Intel Core i5-12450H 8GB RAM": "IdeaPad Slim 3",
        "Notebook | ROG Strix G16 Intel Core i9-13980HX RTX 4070 32GB DDR5 1TB": "ROG Strix G16",
    }
    assert read("notebooks", *expected) == expected


def test_apples_computers_are_told_apart_by_their_chip_wherever_it_stands() -> None:
    expected = {
        '| MacBook Air 13" M2 8GB 256GB SSD': "MacBook Air M2",
        "Chip M2 | MacBook Air 256GB": "MacBook Air M2",
        '| MacBook Pro 14" M3 Pro 18GB': "MacBook Pro M3 Pro",
        '| MacBook Air 13" 256GB': "MacBook Air",
    }
    assert read("notebooks", *expected, brand="APPLE") == expected
    assert models(("| iPad Air M2 128GB WiFi", "tablets"), brand="APPLE") == ["iPad Air M2"]


def test_another_makers_m2_is_no_chip() -> None:
    assert models(("| Tab M2 Plus 128GB", "tablets"), brand="LENOVO") == ["Tab M2 Plus"]


# --- games ----------------------------------------------------------------------------


def test_the_platform_is_no_part_of_a_games_title() -> None:
    expected = {
        "Juego Spider-Man 2 PS5": "Spider-Man 2",
        "Spider-Man 2 PS5": "Spider-Man 2",
        "Videojuego | Nintendo Switch Mario Kart 8 Deluxe": "Mario Kart 8 Deluxe",
    }
    assert read("consoles", *expected) == expected


def test_a_console_is_called_by_its_platform() -> None:
    expected = {
        "Consola PlayStation 5 Slim 1TB": "PlayStation 5 Slim",
        "Consola | Switch OLED": "Switch",
    }
    assert read("consoles", *expected) == expected


# --- goods ----------------------------------------------------------------------------


def test_a_perfumes_article_belongs_to_its_line() -> None:
    expected = {
        "Perfume | La Nuit Tresor EDP 50 ml Mujer": "La Nuit Tresor",
        "| Le Male EDT 125 ml Hombre": "Le Male",
        "| La Vie Est Belle Eau de Parfum 100 ml": "La Vie Est Belle",
    }
    assert read("perfumes", *expected) == expected


def test_le_parfum_is_a_line_and_parfum_a_concentration() -> None:
    expected = {
        "| Le Male Le Parfum 125 ml Hombre": "Le Male Le Parfum",
        "| Sauvage Parfum 100 ml": "Sauvage",
        "Perfume | No 5 EDP 100 ml Mujer": "No 5",
        "Perfume | 1 Million EDT 100 ml": "1 Million",
    }
    assert read("perfumes", *expected) == expected


def test_flavours_and_english_genders_belong_to_a_perfumes_line() -> None:
    expected = {
        "| Bare Vanilla Body Mist 250 ml": "Bare Vanilla",
        "Perfume | Good Girl EDP 80 ml": "Good Girl",
    }
    assert read("perfumes", *expected) == expected


def test_life_stages_tell_lines_of_pet_food_apart_and_flavours_do_not() -> None:
    expected = {
        "Alimento Perro | Adulto Carne y Pollo 18 kg": "Adulto",
        "Alimento Perro | Cachorro Razas Medianas 15 kg": "Cachorro Razas Medianas",
        "Alimento Gato | Gatitos Pescado 1 kg": "Gatitos",
        "Alimento Gato | Pescado 1 kg": None,
    }
    assert read("pet_food", *expected) == expected


def test_a_life_stage_is_no_model_of_anything_else() -> None:
    assert models(("Panal | Adulto Talla G 10 un", "cleaning")) == [None]


def test_variants_of_a_care_line_are_its_model_and_describe_other_goods() -> None:
    names = ("| Limpieza Renovadora 375 ml", "Desodorante | Active Dry 150 ml")
    assert models(*((name, "personal_care") for name in names)) == [
        "Limpieza Renovadora",
        "Active Dry",
    ]
    assert models(("| Limpieza Profunda 1 L", "cleaning")) == [None]


def test_a_product_word_with_its_content_leaves_no_model() -> None:
    assert (
        models(
            ("Arroz Grado 1 1 kg", "groceries"),
            ("Leche Entera 1 L", "dairy"),
            ("Papel Higienico | 12 rollos", "cleaning"),
            ("Jugo de Naranja con Pulpa  1 53 L", "beverages"),
            ("Zapatilla | Mujer 38", "footwear"),
            ("", "groceries"),
        )
        == [None] * 6
    )


def test_a_flavour_is_no_model_but_original_is() -> None:
    expected = {"| Original 2 L": "Original", "| Frutilla 155 g": None}
    assert read("beverages", *expected) == expected


def test_a_shoes_number_is_no_model() -> None:
    expected = {
        "Zapatilla | Grand Court 42": "Grand Court",
        "Zapatilla | Air Max Excee Mujer Talla 38": "Air Max Excee",
        "Zapatilla | Smash 38.5": "Smash",
    }
    assert read("footwear", *expected) == expected


# --- words at the edges ---------------------------------------------------------------


def test_soft_words_count_inside_a_line_only() -> None:
    assert models(
        ("Notebook | TUF Gaming A15 Ryzen 7 16GB", "notebooks"),
        ("Notebook | Gaming Nitro 5 Gaming", "notebooks"),
        ("Shampoo | Natural Care 400 ml", "personal_care"),
        ("Shampoo | Vital Natural 400 ml", "personal_care"),
    ) == ["TUF Gaming A15", "Nitro 5", "Natural Care", "Vital"]


def test_small_words_do_not_begin_or_end_a_model() -> None:
    expected = {
        "Mermelada | La Zyxquor y 250 g": "Zyxquor",
        "Galletas | Zyxquor de Campo Qua con 250 g": "Zyxquor",
        "Galletas | Ton y Zyx 250 g": "Ton y Zyx",
    }
    assert read("groceries", *expected) == expected


def test_what_a_preposition_ties_to_a_product_word_is_no_model() -> None:
    expected: dict[str, str | None] = {
        "Galletas de Zyxquor 250 g": None,
        "Salsa con Zyxquor 250 g": None,
        "Galletas | Zyxquor 250 g": "Zyxquor",
    }
    assert read("groceries", *expected) == expected


def test_a_generation_and_a_variant_belong_to_a_numbered_line() -> None:
    assert models(
        ("Notebook | ThinkPad L14 Gen 4 Ryzen 5 16GB", "notebooks"),
        ("Disco | Legend 800 NVMe Gen 4 1TB", "storage"),
        ("Hidrolavadora | K5 Premium 2100 PSI", "tools"),
        ("Reloj | Redmi Watch 5 Active Negro", "other"),
    ) == ["ThinkPad L14 Gen 4", "Legend 800", "K5 Premium", "Redmi Watch 5 Active"]


def test_a_count_with_a_decimal_leaves_no_digit() -> None:
    assert models(
        ("Barra | HT-S400 2.1 canales 330W", "headphones"),
        ("Estufa | RCA-37 3,2 kW Gris", "appliances"),
    ) == ["HT-S400", "RCA-37"]


def test_an_i5_is_a_processor_in_a_computer_only() -> None:
    assert models(
        ("Aspiradora Robot | Roomba i5 Negra", "small_appliances"),
        ("Notebook | IdeaPad 3 i5 8GB", "notebooks"),
    ) == ["Roomba i5", "IdeaPad 3"]


def test_a_cosmetics_ingredients_are_its_name() -> None:
    name = "| Niacinamide 10% + Zinc 1% Serum 30 ml"
    assert read("cosmetics", name) == {name: "Niacinamide 10% + Zinc 1%"}


def test_a_cut_belongs_to_the_number_of_jeans() -> None:
    name = "Jeans | 512 Slim Taper Hombre Azul"
    assert read("clothing", name) == {name: "512 Slim Taper"}


def test_some_words_close_a_line_of_care_and_open_none() -> None:
    expected: dict[str, str | None] = {
        "Shampoo | Hidra Hialuronico 680 ml": "Hidra Hialuronico",
        "Shampoo | Hialuronico 680 ml": None,
    }
    assert read("personal_care", *expected) == expected


def test_a_disk_may_be_called_by_a_colour() -> None:
    name = f"Disco |{CUT}| Blue SN580 500GB"
    assert read("storage", name) == {name: "Blue SN580"}


def test_a_capital_x_ends_a_name() -> None:
    assert models(("| iPhone X 64GB", "smartphones")) == ["iPhone X"]


def test_colours_leave_a_model_with_the_shade_before_them() -> None:
    expected = {
        "| Galaxy S23 Phantom Black 256GB": "Galaxy S23",
        "| Galaxy S23 Negro 256GB": "Galaxy S23",
        "| Redmi Note 13 Midnight Black": "Redmi Note 13",
        "| iPhone 13 Azul Marino": "iPhone 13",
        "| Negro Galaxy A15 128GB": "Galaxy A15",
    }
    assert read("smartphones", *expected) == expected


def test_a_colour_stays_where_the_group_has_none() -> None:
    name = "| Zyx Celeste Qua 750 ml"
    assert read("cleaning", name) == {name: "Zyx Celeste Qua"}


# --- the whole frame ------------------------------------------------------------------


def test_a_users_noise_words_are_no_model_of_any_group() -> None:
    noise = spelled(("Edición Ñuñoa", "campeón"))
    assert models(
        ("| Galaxy A54 Edicion Nunoa 128GB", "smartphones"),
        ("Polera | Club Campeon Talla M", "clothing"),
        ("Mermelada | Campeon 250 g", "groceries"),
        noise_words=noise,
    ) == ["Galaxy A54", "Club", None]


def test_mixed_groups_keep_their_order_and_height() -> None:
    kinds = {
        "smartphones": ("Celular | Galaxy A{} 128GB", "Galaxy A{}"),
        "groceries": ("Arroz | Grado 1 1 kg", None),
        "perfumes": ("Perfume | Lune {} EDP 50 ml", "Lune {}"),
        "televisions": ('Smart TV | Serie{} 55"', "Serie{}"),
    }
    numbered = [
        (group, name.format(number), model and model.format(number))
        for number in range(20, 32)
        for group, (name, model) in kinds.items()
    ]
    found = models(*((name, group) for group, name, _ in numbered))
    assert found == [model for _, _, model in numbered]


def test_a_group_that_nobody_knows_is_read_as_goods() -> None:
    assert models(("Galletas | Triton 126 g", "something new")) == ["Triton"]


def test_no_listings_have_no_models() -> None:
    found = read_models(
        pl.DataFrame(schema={**SCHEMA, "plain": pl.String}), noise_words=("campeon",)
    )
    assert found.dtype == pl.String
    assert (found.name, found.len()) == ("model", 0)


WORDS = (
    "Galaxy", "A54", "Air", "Max", "Excee", "15", "Pro", "Natural", "Classic", "Gaming", "de",
    "la", "y", "Nuit", "Parfum", "Le", "Adulto", "Pollo", "Negro", "Azul", "Phantom", "Leche",
    "Entera", "128GB", "2L", "6x350cc", "QN55Q60C", "NeoChef", "M2", "(", ")", "-", "/", "+", "|",
    "con", "para", "Talla", "M", "42", "55", "PS5", "Juego", "15-fa1021la", "Zero",
)  # fmt: skip


@example([("Leche de QN55Q60C", "dairy")])  # a preposition before a code
@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join),
            st.sampled_from(CATEGORY_GROUPS),
        ),
        min_size=10,
        max_size=10,
    )
)
def test_every_word_of_a_model_stands_in_the_name(listings: list[tuple[str, str]]) -> None:
    found = models(*listings)
    assert len(found) == len(listings)
    for (name, _), model in zip(listings, found, strict=True):
        if model is not None:
            assert model == model.strip() != ""
            assert {*_letters(model)} <= {*_letters(name)}


def _letters(text: str) -> list[str]:
    return "".join(sign if sign.isalnum() or sign == "+" else " " for sign in text).split()


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.text(max_size=40), st.sampled_from(CATEGORY_GROUPS)), min_size=15, max_size=15
    )
)
def test_any_text_has_a_model_or_none(listings: list[tuple[str, str]]) -> None:
    found = models(*listings)
    assert len(found) == len(listings)
    assert all(model is None or model.strip() for model in found)


def test_a_plain_line_is_read_in_every_group() -> None:
    found = models(*(("| Zyxquor Twelve", group) for group in CATEGORY_GROUPS))
    assert found == ["Zyxquor Twelve"] * len(CATEGORY_GROUPS)


def test_an_apple_device_without_line_and_chip_has_no_model() -> None:
    assert models(('Notebook | 13" 256GB', "notebooks"), brand="APPLE") == [None]
