import polars as pl
import pytest

from normalizer_assets.grammar.codes import code_of, without_code


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Smart TV QN55QN90B", "QN55QN90B"),
        ("Sony WH-1000XM4 negro", "WH-1000XM4"),
        ("Lenovo [82N6007LCL]", "82N6007LCL"),
        ("iPhone 15", None),
    ],
)
def test_a_code_mixes_letters_and_digits(name: str, expected: str | None) -> None:
    assert pl.DataFrame({"n": [name]}).select(code_of(pl.col("n"))).item() == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Galaxy Tab A9+ SM-X210", "Galaxy Tab A9+"),
        ("ROG Strix G15 G513QR-ES96", "ROG Strix G15"),
        ("QN55QN90B", "QN55QN90B"),
        ("Galaxy A54", "Galaxy A54"),
    ],
)
def test_a_code_behind_a_line_is_cut(line: str, expected: str) -> None:
    assert pl.DataFrame({"n": [line]}).select(without_code(pl.col("n"))).item() == expected
