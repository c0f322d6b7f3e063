import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.intake.prices import DecimalSign, read_price


def price(cell: str | None, decimal_sign: DecimalSign = ",") -> float | None:
    frame = pl.DataFrame({"cell": [cell]}, schema={"cell": pl.String})
    value = frame.select(read_price(pl.col("cell"), decimal_sign)).item()
    return None if value is None else float(value)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("$  1.199.990", 1_199_990),
        ("1 199 990", 1_199_990),
        ("1\u00a0199\u00a0990", 1_199_990),
        ("1,199,990", 1_199_990),
        ("899,990", 899_990),
        ("899.990", 899_990),
        ("1.199.990CLP", 1_199_990),
        ("$1.990.-", 1_990),
        ("3649.0", 3_649),
        ("$3.649,00", 3_649),
        ("1.1990", 1.199),
        ("43676.984000000004", 43_676.984),
        ("990", 990),
    ],
)
def test_every_way_of_writing_a_price_is_read(cell: str, expected: float) -> None:
    assert price(cell) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("S/ 9 - S/ 9", 9),
        ("$2.000 - $1.000", 1_000),
        ("desde 1.000 hasta 2.000", 1_000),
        ("$3.450$2.990", 2_990),
        ("0 - 990", 990),
        ("-20% $8.990", 8_990),
        ("$1.990 x Kg", 1_990),
        ("1.990 c/u", 1_990),
        ("2 x $3.000", 3_000),
    ],
)
def test_the_lowest_stated_price_counts(cell: str, expected: float) -> None:
    assert price(cell) == expected


def test_a_declared_dot_is_the_fraction() -> None:
    assert price("976.984", ".") == pytest.approx(976.984)
    assert price("1,199.50", ".") == pytest.approx(1_199.5)
    assert price("1.199.990", ".") == 1_199_990
    assert price("976.984", ",") == 976_984


@pytest.mark.parametrize("cell", ["Agotado", "$", "", None, "Leche 1L", "56 9 1234 5678"])
def test_what_says_no_price_is_none(cell: str | None) -> None:
    assert price(cell) is None


@pytest.mark.parametrize("cell", ["-990", "$-990", "-$ 990", "− 990", "(990)"])
def test_a_negative_price_stays_negative(cell: str) -> None:
    assert price(cell) == -990


@pytest.mark.parametrize("cell", ["0", "$0", "0.0", "$ 0,00"])
def test_zero_is_zero(cell: str) -> None:
    assert price(cell) == 0


@settings(max_examples=100)
@given(
    value=st.integers(1, 99_999_999),
    sign=st.sampled_from([".", ",", " "]),
    before=st.sampled_from(["", "$", "$ ", "CLP ", "$  "]),
    after=st.sampled_from(["", " CLP", ".-", " pesos"]),
)
def test_a_grouped_price_survives_any_style(value: int, sign: str, before: str, after: str) -> None:
    assert price(before + f"{value:,}".replace(",", sign) + after) == value


@settings(max_examples=100)
@given(st.lists(st.text(max_size=30) | st.none(), max_size=20))
def test_any_text_is_read_without_an_error(cells: list[str | None]) -> None:
    frame = pl.DataFrame({"cell": cells}, schema={"cell": pl.String})
    for sign in (",", "."):
        read = frame.select(read_price(pl.col("cell"), sign)).to_series()
        assert read.len() == len(cells)
        assert read.dtype == pl.Float64
