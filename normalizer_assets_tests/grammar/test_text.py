import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from normalizer_assets.grammar.text import any_of, fold, plain, spelled, words


def read(expression: pl.Expr, text: str) -> str:
    result = pl.DataFrame({"text": [text]}).select(expression).item()
    assert isinstance(result, str)
    return result


def test_accents_case_and_typographic_signs_are_folded() -> None:
    assert (
        read(fold(pl.col("text")), "  PAÑALES “Ñandú”\u00a0 6×350㏄ ") == 'panales "nandu" 6x350cc'
    )


def test_trademark_signs_leave_no_letters() -> None:
    assert read(fold(pl.col("text")), "Intel® Core™ i5") == "intel core i5"


def test_plain_text_keeps_case_and_punctuation() -> None:
    assert read(plain(pl.col("text")), "Café N°5 (Edición)") == "Cafe N°5 (Edicion)"


def test_words_keep_points_inside_numbers_only() -> None:
    assert read(words(pl.col("text")), "jugo 1.5 l. - sabor/uva") == " jugo 1.5 l sabor uva "


def test_an_apostrophe_splits_no_word() -> None:
    assert read(words(pl.col("text")), "lay's") == " lays "


def test_the_longest_alternative_is_taken() -> None:
    pattern = any_of(["azul", "azul marino"])
    assert read(pl.col("text").str.extract(f"({pattern})"), "polera azul marino") == "azul marino"


def test_phrases_of_users_are_folded_and_empty_ones_left_out() -> None:
    assert spelled(["Envío Rápido", " ", ""]) == ("envio rapido",)


@settings(max_examples=50)
@given(st.text(max_size=40))
@example("‘‘")
@example("’′´'")
def test_folding_twice_changes_nothing(text: str) -> None:
    once = read(fold(pl.col("text")), text)
    assert read(fold(pl.col("text")), once) == once
