"""The size that price and unit price give, and the comma that it restores."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.answers.rules import read_listings
from normalizer_assets.answers.unit_prices import size_by_price, with_lost_comma


def restored(name: str, size: float | None) -> str:
    text: str = pl.select(with_lost_comma(pl.lit(name), pl.lit(size, dtype=pl.Float64))).item()
    return text


@pytest.mark.parametrize(
    ("price", "unit_price", "size"),
    [
        (7_280, "Precio x L : $4.853", 1_500),
        (6_990, "Precio x Kg : $20 546", 340.2),
        (1_290, "$1.290 x un", None),
        (1_290, None, None),
        (None, "Precio x L : $4.853", None),
        (1_290, "Precio x L : $0", None),
    ],
)
def test_a_size_is_price_by_unit_price(
    price: int | None, unit_price: str | None, size: float | None
) -> None:
    found = pl.select(
        size_by_price(pl.lit(price, dtype=pl.Int64), pl.lit(unit_price, dtype=pl.String))
    ).item()
    assert found == (None if size is None else pytest.approx(size, rel=1e-3))


def test_a_lost_comma_is_restored_where_the_size_proves_it() -> None:
    assert restored("Sazón Completo 340 2 g", 340.2) == "Sazón Completo 340,2 g"
    assert restored("Bolsa  1 5 kg", 1_500) == "Bolsa  1,5 kg"
    assert restored("Pack 6 200 ml", 1_200) == "Pack 6 200 ml"
    assert restored("Pack 6 200 ml", None) == "Pack 6 200 ml"


@given(st.text(max_size=30), st.none() | st.floats(0.1, 1e6))
def test_names_lose_nothing_but_a_space(name: str, size: float | None) -> None:
    kept = restored(name, size)
    assert kept.replace(",", "").replace(" ", "") == name.replace(",", "").replace(" ", "")


def test_rules_read_the_size_that_the_unit_price_proves() -> None:
    listing = {
        "name": "Sazón Completo 340 2 g",
        "brand": None,
        "category_group": "groceries",
        "price": 6_990,
        "unit_price": "Precio x Kg : $20 546",
    }
    frame = pl.DataFrame([listing], schema_overrides={"brand": pl.String})
    answer = read_listings(frame)["attributes"].str.json_path_match("$.weight_g")
    assert answer.to_list() == ["340.2"]
