import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.grammar.quantities import UNITS, measured, quantities


def tokens(text: str) -> list[str]:
    return list(pl.DataFrame({"text": [text]}).select(quantities(pl.col("text"))).item())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 L", ["2000ml"]),
        ("2000 ml", ["2000ml"]),
        ("2 Lts.", ["2000ml"]),
        ("2lt", ["2000ml"]),
        ("1,5 kg", ["1500g"]),
        ("1.500 g", ["1500g"]),
        ("1.350 kg", ["1350g"]),
        ("500,0 cc", ["500ml"]),
        ("0.5 L", ["500ml"]),
        ("75 cl", ["750ml"]),
        ("1/2 kg", ["500g"]),
        ("1½ kg", ["1500g"]),
        ("6x350cc", ["6un", "350ml"]),
        ("6 un 350 ml", ["6un", "350ml"]),
        ("3x2 L", ["3un", "2000ml"]),
        ("12 Un De 1 L", ["12un", "1000ml"]),
        ("200 ml x 6", ["200ml", "6un"]),
        ("1 X 12 Und", ["12un"]),
        ("1 x 200 g", ["200g"]),
        ("six pack cerveza", ["6un"]),
        ("12-pack", ["12un"]),
        ("Pack de 4 rollos", ["4rollos"]),
        ("Atún bipack 160 g", ["2un", "160g"]),
        ("Jabón duopack", ["2un"]),
        ("Atún tripack 160 g", ["3un", "160g"]),
        ("huevos docena", ["12un"]),
        ("huevos 2 docenas", ["24un"]),
        ("huevos 1/2 docena", ["6un"]),
        ("pasta trío pack 400 g", ["3un", "400g"]),
        ("pack de tres jugos", ["3un"]),
        ("cerveza 4 six pack", ["24un"]),
        ("cerveza 350ccx6", ["350ml", "6un"]),
        ("cerveza 6unx350cc", ["6un", "350ml"]),
        ("cerveza pack6un 350cc", ["6un", "350ml"]),
        ("pisco 2 de 750 ml c/u", ["2un", "750ml"]),
        ("Panasonic TC-55LX700", []),
        ("Gran Reserva 2019 botella", []),
        ("almohada 50 x 70", []),
        ("multipack 4", ["4un"]),
        ("Paracetamol 500 mg x30 comp", ["500mg", "30comprimidos"]),
        ("Vitamina x60 cápsulas", ["60capsulas"]),
        ("galletas x 10", ["10un"]),
        ("24x cerveza 330 ml", ["24un", "330ml"]),
        ("pack 2x agua 400 ml", ["2un", "400ml"]),
        ("caja 6 vinos 750 cc", ["6un", "750ml"]),
        ("1 TB", ["1tb"]),
        ("1024GB", ["1tb"]),
        ("8+256GB", ["8gb", "256gb"]),
        ("8 GB + 256 GB", ["8gb", "256gb"]),
        ("Redmi 8+256 azul", ["8gb", "256gb"]),
        ("Redmi 12/512", ["12gb", "512gb"]),
        ('6,7"', ["6.7in"]),
        ("6.7 pulgadas", ["6.7in"]),
        ("32''", ["32in"]),
        ("15.6-inch", ["15.6in"]),
        ("caja 30x40x20 cm", ["30x40x20cm"]),
        ("70 g  70 g", ["70g"]),
        ("Vitamina D 1000 iu", ["1000ui"]),
        ("Vitamina B12 500 mcg", ["500mcg"]),
        ("Batería 5000 mAh", ["5000mah"]),
        ("Aire 9000 BTUs", ["9000btu"]),
        ("Ampolleta 800 lúmenes", ["800lm"]),
        ("Cámara 50 mpx", ["50mp"]),
        ("Monitor 144 Hertz", ["144hz"]),
        ("Memoria 3200 MHz", ["3200mhz"]),
        ("Té 20 saquitos", ["20bolsitas"]),
        ("Sopa 3 sachets", ["3sobres"]),
        ("Calcetines 3 pares", ["3pares"]),
        ("Juego 24 pzas", ["24piezas"]),
        ("Leche 12 cajas", ["12cajas"]),
        ("sin medida", []),
    ],
)
def test_a_quantity_has_one_token_however_it_is_written(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_a_lost_decimal_comma_is_found_after_a_word() -> None:
    assert tokens("Jugo de Naranja con Pulpa  1 53 L") == ["1530ml"]


def test_a_number_that_counts_packs_is_no_lost_decimal() -> None:
    assert tokens("Pack 6 1 L") == ["6un", "1000ml"]


def test_the_number_of_a_noodle_is_no_quantity() -> None:
    assert tokens("Spaghetti N°5 1 kg") == ["1000g"]


def test_the_digits_of_a_code_begin_no_quantity() -> None:
    assert tokens("Galaxy A54 G 128GB") == ["128gb"]


def test_two_numbers_with_a_plus_are_memory_only_where_storage_has_such_a_size() -> None:
    assert tokens("Combo 8+250") == []
    assert tokens("Protector 8+25") == []


def test_order_tells_packs_from_contents() -> None:
    assert set(tokens("2 x 500 g")) != set(tokens("500 x 2 g"))


def test_a_comma_is_no_part_of_a_quantity() -> None:
    frame = pl.DataFrame({"text": ["Fideos 5, g 400"]})
    assert frame.select(measured(pl.col("text"))).item() == " fideos 5 g 400 "


@settings(max_examples=50)
@given(
    st.integers(1, 999),
    st.sampled_from([(unit, spelling) for unit, row in UNITS.items() for spelling in row]),
    st.sampled_from(["", " "]),
)
def test_every_spelling_of_a_unit_is_read(
    number: int, unit_and_spelling: tuple[str, str], space: str
) -> None:
    unit, spelling = unit_and_spelling
    plain_token = tokens(f"algo {number}{unit}" if unit != "in" else f'algo {number}"')
    assert tokens(f"algo {number}{space}{spelling}") == plain_token
    assert len(plain_token) == 1


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    assert all(token == token.strip() and token for token in tokens(text))
