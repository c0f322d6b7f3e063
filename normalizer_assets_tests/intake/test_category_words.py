from collections import Counter
from itertools import chain

import polars as pl

from normalizer_assets.config import CATEGORY_GROUPS
from normalizer_assets.intake.category_words import (
    ACCESSORY_WORDS,
    BROAD_CATEGORY_WORDS,
    PRODUCT_WORDS,
)
from normalizer_assets.intake.text import fold


def phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split(",")]


def test_every_group_has_words() -> None:
    assert set(PRODUCT_WORDS) == set(CATEGORY_GROUPS)


def test_no_phrase_belongs_to_two_groups_or_stands_twice() -> None:
    counted = Counter(chain.from_iterable(phrases(text) for text in PRODUCT_WORDS.values()))
    assert [phrase for phrase, count in counted.items() if count > 1] == []


def test_every_phrase_is_written_folded() -> None:
    texts = [*PRODUCT_WORDS.values(), *BROAD_CATEGORY_WORDS.values(), ACCESSORY_WORDS]
    written = pl.Series(list(chain.from_iterable(map(phrases, texts))))
    folded = written.to_frame("phrase").select(fold(pl.col("phrase"))).to_series()
    assert written.filter(written != folded).to_list() == []
