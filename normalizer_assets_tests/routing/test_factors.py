import polars as pl
import pytest

from normalizer_assets.routing import factors

TERMS = ["Ryzen", "hz", "5g", "M.2", "cámara", "windows 11", ""]


def of_names(factor: pl.Expr, *names: str) -> list[float]:
    frame = pl.DataFrame({"name": names}, schema={"name": pl.String})
    return frame.with_columns(factor=factor)["factor"].to_list()


def of_prices(*rows: tuple[str, int | None]) -> list[float]:
    schema = {"category_group": pl.String, "price": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.select(factors.price()).to_series().to_list()


def test_length_saturates() -> None:
    assert of_names(factors.length(10), "", "12345", "ñandúñandú", "x" * 99) == [0, 0.5, 1, 1]


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("AMD RYZEN 5 con CAMARA", 2),
        ("Monitor 144Hz o 60 hz", 2),
        ("Cable M.2", 1),
        ("Cable MX2", 0),
        ("Chocolate 75g", 0),
        ("Celular 5G", 1),
        ("Notebook Windows 11", 1),
        ("hzotro ryzenes", 0),
    ],
)
def test_technical_terms_are_whole_words(name: str, terms: int) -> None:
    assert of_names(factors.technical_terms(TERMS, 10), name) == [terms / 10]


def test_without_a_list_no_term_is_technical() -> None:
    assert of_names(factors.technical_terms([], 4), "Ryzen 5") == [0.0]


def test_a_group_outside_the_table_is_unknown() -> None:
    frame = pl.DataFrame({"category_group": ["dairy", "toys", None]})
    factor = frame.select(factors.category({"dairy": 0.1})).to_series()
    assert factor.to_list() == [0.1, 0.5, 0.5]


def test_price_ranks_within_the_group() -> None:
    assert of_prices(("a", 10), ("a", 1000), ("b", 500), ("a", 10)) == pytest.approx(
        [1 / 3, 2.5 / 3, 0.5, 1 / 3]
    )


def test_a_missing_price_is_unknown_and_ranks_nobody() -> None:
    assert of_prices(("a", None), ("a", 10), ("b", None)) == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Arroz", 0),
        ("Coca Cola Original 2L", 2),
        ("iPhone 15 Pro Max 256GB Negro", 5),
        ("Cerveza 6X350cc", 1),
        ("Pan 1,5 kg", 1),
        ("Notebook HP 15-fd0001la plateado", 2),
        ("Polera AZUL Niño", 2),
        ("Sopa maxima negrita", 0),
    ],
)
def test_words_that_tell_variants_apart_are_counted(name: str, words: int) -> None:
    assert of_names(factors.variants(10), name) == [words / 10]
