import polars as pl
import pytest

from normalizer_assets.grammar.colours import COLOUR_WORDS, COLOURS, colours, colours_of_things
from normalizer_assets.grammar.text import fold, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iPhone 13 Azul Marino", ["azul marino"]),
        ("Galaxy Titanium Black", ["negro"]),
        ("iPhone 15 Pro Titanio Natural", ["titanio"]),
        ("Space Gray", ["gris"]),
        ("Silver", ["plateado"]),
        ("Zapatilla negra / blanca", ["negro", "blanco"]),
        ("Blusa negra blanca", ["negro", "blanco"]),
        ("Blackview", []),
    ],
)
def test_colours_have_one_spanish_masculine_name(name: str, expected: list[str]) -> None:
    frame = pl.DataFrame({"name": [name]})
    assert frame.select(colours(words(fold(pl.col("name"))))).item().to_list() == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Zapatilla café", ["café"]),
        ("Botines cafés", ["café"]),
        ("Cartera crema", ["crema"]),
        ("Polera coral", ["coral"]),
        ("Bolso café con crema", ["café", "crema"]),
        ("Zapatilla negra", []),
        ("Cafetera", []),
    ],
)
def test_colours_of_things_are_asked_for_apart(name: str, expected: list[str]) -> None:
    frame = pl.DataFrame({"name": [name]}).select(words(fold(pl.col("name"))).alias("words"))
    assert frame.select(colours_of_things(pl.col("words"))).item().to_list() == expected
    others = frame.select(colours(pl.col("words"))).item().to_list()
    assert not {*others} & {"café", "crema", "coral"}


def test_no_spelling_stands_for_two_colours() -> None:
    spellings = [spelling for row in COLOURS.values() for spelling in row.split()]
    assert len(spellings) == len(set(spellings))
    assert "" not in COLOUR_WORDS
    assert not {"cafe", "crema", "chocolate"} & set(COLOUR_WORDS)


def test_colours_of_things_that_are_neighbours_are_both_found() -> None:
    found = pl.select(colours_of_things(pl.lit(" zapato crema cafe "))).item().to_list()
    assert found == ["crema", "café"]
