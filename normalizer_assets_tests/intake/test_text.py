import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.intake.text import clean_text, cut_at_word, fold


def apply(expression: pl.Expr, *cells: str | None) -> list[str | None]:
    frame = pl.DataFrame({"cell": cells}, schema={"cell": pl.String})
    return frame.select(expression).to_series().to_list()


CLEAN = clean_text(pl.col("cell"))
FOLD = fold(pl.col("cell"))


@pytest.mark.parametrize(
    ("landed", "cleaned"),
    [
        ("CafÃ© molido", "Café molido"),
        ("MarÃ\xada Ã±andÃº", "María ñandú"),
        ("pi√±a", "piña"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("TV 32&quot;", 'TV 32"'),
        ("a\u00a0b\u200bc\r\nd\te", "a bc d e"),
        ("\ufeffLeche", "Leche"),
        ("Pan<br/>de molde", "Pan de molde"),
        ("Cafe\u0301", "Café"),
        ("a\x07b", "a b"),
    ],
)
def test_damage_is_repaired(landed: str, cleaned: str) -> None:
    assert apply(CLEAN, landed) == [cleaned]


@pytest.mark.parametrize(
    "landed", ["Ñandú Piña®", "Café “especial” ’20", "50% más & mejor", "½ kg"]
)
def test_sound_text_is_left_alone(landed: str) -> None:
    assert apply(CLEAN, landed) == [landed]


@pytest.mark.parametrize("landed", ["", "  ", "null", "NaN", "N/A", "-", "\u200b", None])
def test_placeholders_are_null(landed: str | None) -> None:
    assert apply(CLEAN, landed) == [None]


def test_only_damaged_rows_change_beside_sound_ones() -> None:
    assert apply(CLEAN, "Ã±", "ñ", None, "Ã±") == ["ñ", "ñ", None, "ñ"]


def test_folding_ignores_case_accents_and_punctuation() -> None:
    assert apply(FOLD, "  PIÑA, en  Almíbar (Lata) + 1") == ["pina en almibar lata + 1"]


def test_a_long_name_is_cut_at_a_word() -> None:
    cut = cut_at_word(pl.col("cell"), 10)
    assert apply(cut, "Leche entera natural", "Leche", "x" * 30, "Leche ente rica") == [
        "Leche",
        "Leche",
        "x" * 10,
        "Leche ente",
    ]


@settings(max_examples=100)
@given(st.lists(st.text(max_size=40), max_size=10))
def test_cleaned_text_has_no_space_around_or_doubled(cells: list[str]) -> None:
    for value in apply(CLEAN, *cells):
        assert value is None or (value == value.strip() and "  " not in value and value)


@settings(max_examples=100)
@given(st.lists(st.text(max_size=40), max_size=10))
def test_folding_twice_changes_nothing(cells: list[str]) -> None:
    once = apply(FOLD, *cells)
    assert apply(FOLD, *once) == once


@settings(max_examples=100)
@given(st.text(max_size=60), st.integers(20, 30))
def test_a_cut_is_never_too_long(cell: str, limit: int) -> None:
    [value] = apply(cut_at_word(pl.col("cell"), limit), cell)
    assert value is not None
    assert len(value) <= limit
