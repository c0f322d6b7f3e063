import polars as pl
import pytest

from normalizer_assets.grammar.colours import colours
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
