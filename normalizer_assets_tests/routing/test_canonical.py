import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from normalizer_assets.routing.canonical import (
    canonical_key,
    canonical_name,
    question_keys,
    variant_stem,
)

# Words that a grammar may join with their neighbours, beside words that it leaves alone.
VOCABULARY = (
    "leche", "Soprole", "sin", "con", "azúcar", "lactosa", "pack", "x", "6", "12", "un", "kg", "g",
    "500", "1,5", "l", "+", ",", "oferta", "envío gratis", "de", "n°", "5", "gb", "256gb", "1tb",
    "a9+", "pro", "max", "c/u", "350cc", "2x", "8", "/", ";", "garantía", "ñandú", '"', "m", "no",
)  # fmt: skip


def canonical(names: list[str], brand: str | None = None, noise: tuple[str, ...] = ()) -> list[str]:
    frame = pl.DataFrame({"name": names}).with_columns(pl.lit(brand, dtype=pl.String).alias("b"))
    return frame.select(canonical_name(pl.col("name"), pl.col("b"), noise)).to_series().to_list()


@pytest.mark.parametrize(
    "spellings",
    [
        ("Coca Cola 2 L", "coca-cola 2000 ml", "COCA COLA 2 Lts.", "2lt Coca Cola"),
        ("Arroz 1,5 kg", "arroz 1500 g", "Arroz 1.5 Kg."),
        ("Cerveza 6x350cc", "Cerveza 6 un 350 ml", "Pack 6 un. cerveza 350 cc"),
        ("Disco 1 TB", "disco 1024GB"),
        ("Pantalla 6.7 pulgadas", 'pantalla 6,7"', "Pantalla 6.7''"),
        ("iPhone 15 128GB", "iPhone 15 128 GB liberado - ENVÍO GRATIS!", "Nuevo iPhone 15 128GB"),
        ("Galaxy A9+ 5G", "Galaxy A9 Plus 5G"),
        ("Pañales XG", "PANALES xg"),
        ("Jugo sin azúcar", "jugo cero azucar", "Jugo libre de azúcar"),
        ("Jugo con Pulpa  1 53 L", "Jugo con pulpa 1,53 L"),
        ("iPhone + Carcasa", "carcasa + iphone"),
    ],
)
def test_spellings_of_one_product_have_one_name(spellings: tuple[str, ...]) -> None:
    assert len(set(canonical(list(spellings)))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("iPhone 15 128GB", "iPhone 15 256GB"),
        ("Cerveza 6-pack", "Cerveza 12-pack"),
        ("Coca Cola 350 ml", "Coca Cola 500 ml"),
        ("Coca Cola sin azúcar", "Coca Cola original"),
        ("Jugo sin azúcar con vitamina", "Jugo con azúcar sin vitamina"),
        ("iPhone 15 Pro", "iPhone 15 Pro Max"),
        ("Galaxy A9", "Galaxy A9+"),
        ("Harina 2 x 500 g", "Harina 500 x 2 g"),
        ("2x500 g 3x200 g", "3x500 g 2x200 g"),
        ("Coca Cola 2 L + Sprite 1 L", "Coca Cola 1 L + Sprite 2 L"),
        ("Pack leche 1 L", "Leche 1 L"),
        ("iPhone 13 reacondicionado", "iPhone 13"),
        ("Queso crema Colun 200 g", "Crema de queso Colun 200 g"),
        ("Paracetamol 500 mg", "Paracetamol 500 g"),
        ("Vitamina E", "Vitamina"),
        ("Té 20 bolsitas", "Té 20 sobres"),
        ("Polera M", "Polera L"),
    ],
)
def test_variants_never_share_a_name(one: str, other: str) -> None:
    first, second = canonical([one, other])
    assert first != second


def test_the_brand_field_stands_in_for_a_brand_outside_the_name() -> None:
    assert canonical(["Leche Entera 1 L"], "Soprole") == canonical(["Leche Soprole entera 1 L"])
    assert canonical(["Leche Entera 1 L"], "Soprole") != canonical(["Leche Entera 1 L"], "Colun")
    assert canonical(["Leche Soprole 1 L"], "SOPROLE") == canonical(["Leche Soprole 1 L"])


def test_a_brand_field_that_names_none_adds_nothing() -> None:
    assert canonical(["Leche 1 L"], "Sin marca") == canonical(["Leche 1 L"])


def test_a_name_that_would_become_empty_keeps_its_folded_text() -> None:
    assert canonical(["¡¡¡!!!", "OFERTA", ""]) == ["¡¡¡!!!", "oferta", ""]


def test_a_users_noise_words_are_forgotten() -> None:
    assert canonical(["iPhone 15 entrega hoy"], noise=("Entrega HOY",)) == canonical(["iPhone 15"])


def test_a_frame_of_many_chunks_gives_the_same_names() -> None:
    chunks = pl.concat([pl.DataFrame({"name": ["Leche 1 L"], "b": ["Colun"]})] * 3, rechunk=False)
    names = chunks.select(canonical_name(pl.col("name"), pl.col("b"))).to_series()
    assert names.to_list() == ["colun leche, 1000ml"] * 3


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(st.sampled_from(VOCABULARY), max_size=9).map(" ".join), min_size=20, max_size=20
    ),
    st.sampled_from([None, "Soprole", "Head & Shoulders", "Santa Rita"]),
)
def test_canonical_text_of_canonical_text_is_itself(names: list[str], brand: str | None) -> None:
    once = canonical(names, brand)
    assert canonical(once, brand) == once


@settings(max_examples=50)
@given(st.lists(st.text(max_size=30), min_size=5, max_size=20))
@example(names=["_Ø0/X/G", "ж0 g x", "x 5gж", "٣0 g x", "%5+m", "1L+5XL+"])
def test_any_text_has_a_stable_name(names: list[str]) -> None:
    once = canonical(names)
    assert canonical(once) == once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Vaso Vidrio para Juguera Philips", "Juguera Philips para Vaso Vidrio"),
        ("Helado Chocolate con Salsa de Frambuesa", "Helado Frambuesa con Salsa de Chocolate"),
        ("Zapatilla Negra con Planta Blanca", "Zapatilla Blanca con Planta Negra"),
        ("Zapatilla Negra suela Blanca", "Zapatilla Blanca suela Negra"),
        ("Adaptador USB-C Macho a USB-A Hembra", "Adaptador USB-A Macho a USB-C Hembra"),
        ("Cable HDMI a VGA", "Cable VGA a HDMI"),
        ("Adaptador HDMI hembra a Mini HDMI macho", "Adaptador Mini HDMI hembra a HDMI macho"),
        ("Adaptador entrada HDMI salida VGA", "Adaptador entrada VGA salida HDMI"),
        ("Inversor 12V a 220V 300W", "Inversor 220V a 12V 300W"),
        ("Set 6 vasos 4 platos", "Set 4 vasos 6 platos"),
        ("Jeans 32/34 Levis 511", "Jeans 34/32 Levis 511"),
        ("Zapatilla Samba blanco verde", "Zapatilla Samba verde blanco"),
        ("Muñeca pelo rosa vestido azul", "Muñeca pelo azul vestido rosa"),
    ],
)
def test_words_that_only_order_tells_apart_are_bound_to_their_neighbour(
    one: str, other: str
) -> None:
    first, second = canonical([one, other])
    assert first != second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Shampoo para Hombre Dove", "Shampoo Hombre Dove"),
        ("Cerveza Escudo Lata 12x350cc", "Cerveza Escudo Pack 12 Latas de 350 cc"),
        ('Vino Santa Rita "120" Merlot', "Vino Santa Rita 120 Merlot"),
        ("iPad Mini 6 (Wi-Fi, 64GB)", "iPad Mini 6 WiFi 64GB"),
        ("Bolsas Virutex 80x110 cm x10", "Bolsas Virutex 80x110 cm 10 un"),
        ("Cerveza 350ml*6", "Cerveza 6 un 350 ml"),
    ],
)
def test_further_spellings_are_one(one: str, other: str) -> None:
    first, second = canonical([one, other])
    assert first == second


def test_a_plus_between_quantities_ends_the_first_one() -> None:
    together, apart = canonical(["Bebida 1L+500ml", "Bebida 1 Litro + 500 cc"])
    assert together == apart
    assert "1000ml" in together


@settings(max_examples=50)
@given(
    st.permutations(["iPhone", "15", "Pro", "Max", "256GB", "Azul", "6.7in", "2un", "350ml"]),
    st.sampled_from([str.upper, str.lower, str.title]),
)
def test_word_order_and_case_are_forgotten(order: list[str], case: object) -> None:
    assert callable(case)
    names = ["iPhone 15 Pro Max 256GB Azul 6.7in 2un 350ml", case(" ".join(order))]
    first, second = canonical(names)
    assert first == second


def test_a_key_ends_in_its_category_group() -> None:
    frame = pl.DataFrame({"n": ["Coca Cola 2L"], "b": ["Coca-Cola"], "g": ["beverages"]})
    key = frame.select(canonical_key(pl.col("n"), pl.col("b"), pl.col("g"))).item()
    assert key == "coca cola, 2000ml|beverages"


def test_a_new_contract_version_makes_every_question_new() -> None:
    keys = pl.Series(["a|other", "b|other"])
    first, second = question_keys(keys, 1), question_keys(keys, 2)
    assert len({*first, *second}) == 4
    assert first.str.len_chars().to_list() == [64, 64]
    assert question_keys(keys, 1).to_list() == first.to_list()


# --- what variants share --------------------------------------------------------------


def stems(*names: str, group: str = "smartphones", brand: str | None = None) -> list[str]:
    frame = pl.DataFrame({"n": names}).with_columns(
        b=pl.lit(brand, dtype=pl.String), g=pl.lit(group)
    )
    key = canonical_key(pl.col("n"), pl.col("b"), pl.col("g"))
    return frame.select(variant_stem(key)).to_series().to_list()


@pytest.mark.parametrize(
    "variants",
    [
        ("Galaxy A35 128GB Negro", "Galaxy A35 256GB Azul Marino", "GALAXY A35 (8GB/256GB)"),
        ("Coca Cola 2 L", "Coca Cola 6x350cc", "Pack 6 Coca Cola 350 ml", "coca-cola 500 ml"),
        ("Zapatilla Runner negra", "Zapatilla Runner Azul", "Zapatilla Runner"),
        ('Televisor OLED C3 55"', "Televisor OLED C3 65 pulgadas"),
        ("Caja plástica 30x40x20 cm", "Caja plástica 20x20x10 cm"),
    ],
)
def test_quantities_and_colours_do_not_matter(variants: tuple[str, ...]) -> None:
    assert len(set(stems(*variants))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Galaxy A35 128GB", "Galaxy A36 128GB"),
        ("iPhone 15 128GB", "iPhone 16 128GB"),
        ("iPhone 15 Pro 128GB", "iPhone 15 Pro Max 128GB"),
        ("Galaxy A9 64GB", "Galaxy A9+ 64GB"),
        ("Coca Cola Zero 2 L", "Coca Cola 2 L"),
        ("Jugo sin azúcar 1 L", "Jugo 1 L"),
        ("WH-1000XM4 Negro", "WH-1000XM5 Negro"),
    ],
)
def test_model_numbers_and_words_do(one: str, other: str) -> None:
    assert len(set(stems(one, other))) == 2


def test_a_stem_keeps_brand_and_group() -> None:
    assert stems("Leche Entera 1 L", brand="Soprole") == stems("Leche Soprole Entera 200 ml")
    assert stems("Leche Entera 1 L", brand="Soprole") != stems("Leche Entera 1 L", brand="Colun")
    assert stems("Leche 1 L", group="dairy") != stems("Leche 1 L", group="baby")


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(["Zyx", "Qua", "Pro", "Leche", "A15", "Q200"]), min_size=1).map(
        lambda words: " ".join(dict.fromkeys(words))
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["128GB", "1TB", "350 ml", "2 L", "6x350cc", "1,5 kg", '55"', "12 un"]),
            st.sampled_from(["Negro", "azul", "ROJA", "verde", ""]),
        ),
        min_size=2,
        max_size=6,
    ),
)
def test_variants_of_a_name_share_a_stem_and_another_number_has_its_own(
    name: str, variants: list[tuple[str, str]]
) -> None:
    both = stems(*(f"{one} {' '.join(more)}" for one in (name, f"{name} 77") for more in variants))
    found, other = both[: len(variants)], both[len(variants) :]
    assert len(set(found)) == len(set(other)) == 1
    assert found[0] != other[0]
    for word in name.lower().split():
        assert f" {word} " in f" {found[0]} "


def test_a_variant_without_a_quantity_shares_the_stem() -> None:
    assert len(set(stems("Galaxy A35 Negro", "Galaxy A35 128GB Negro"))) == 1
