"""A word is learned from same products, and refuted by one pair of different ones."""

import polars as pl

from normalizer_assets.cache.learning import learn_words
from normalizer_assets.cache.lexicon import Lexicon


def pairs(*rows: tuple[str, str, bool], group: str = "toys") -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["name_a", "name_b", "same"], orient="row")
    nobody = pl.lit(None, dtype=pl.String)
    return frame.with_columns(
        brand_a=nobody, brand_b=nobody, group_a=pl.lit(group), group_b=pl.lit(group)
    )


SAME = [(f"Lego City {n}", f"Lego City {n} surtidito", True) for n in range(60300, 60305)]


def test_a_word_that_never_told_products_apart_is_learned() -> None:
    assert learn_words(pairs(*SAME)) == {"toys": ["surtidito"]}


def test_few_pairs_may_be_chance() -> None:
    assert learn_words(pairs(*SAME[:4])) == {}
    assert learn_words(pairs(*SAME[:4]), least=4) == {"toys": ["surtidito"]}


def test_one_pair_of_different_products_refutes_a_word() -> None:
    other = ("Lego Duplo 10", "Lego Duplo 10 surtidito", False)
    assert learn_words(pairs(*SAME, other)) == {}


def test_what_is_known_need_not_be_learned_and_numbers_never_are() -> None:
    known = Lexicon(harmless={"toys": frozenset({"surtidito"})})
    assert learn_words(pairs(*SAME), known) == {}
    assert learn_words(pairs(*[(f"Lego {n}", f"Lego {n} 4x4", True) for n in range(5)])) == {}


def test_no_pairs_teach_nothing() -> None:
    assert learn_words(pairs(*SAME).clear()) == {}
