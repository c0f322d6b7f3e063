import polars as pl
import pytest

from normalizer_assets.grammar.codes import code_of, without_code, without_notebook_code


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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Victus 15-fa1021la", "Victus 15"),
        ("Modern 14 C13M", "Modern 14"),
        ("Modern 14 c13m", "Modern 14"),
        ("IdeaPad Slim 3 15IAH8", "IdeaPad Slim 3"),
        ("Vivobook 15 X1504ZA", "Vivobook 15"),
        ("ThinkPad E14", "ThinkPad E14"),
        ("ROG Strix G16", "ROG Strix G16"),
        ("Inspiron 3520", "Inspiron 3520"),
        ("MacBook Air M2", "MacBook Air M2"),
        ("X1504ZA", "X1504ZA"),
    ],
)
def test_a_notebooks_code_is_cut_even_in_small_letters(line: str, expected: str) -> None:
    found = pl.DataFrame({"n": [line]}).select(without_notebook_code(pl.col("n"))).item()
    assert found == expected
