from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.standin.seeding import choose, draw


@given(st.integers(), st.lists(st.text(st.characters(codec="utf-8"))))
def test_a_draw_lies_in_the_unit_interval_and_never_changes(seed: int, parts: list[str]) -> None:
    assert 0 <= draw(seed, *parts) < 1
    assert draw(seed, *parts) == draw(seed, *parts)


def test_every_option_is_chosen_about_equally_often() -> None:
    counts = Counter(choose("abcd", 0, str(number)) for number in range(4000))
    assert set(counts) == set("abcd")
    assert min(counts.values()) > 900


def test_parts_are_told_apart_from_their_concatenation() -> None:
    assert draw(0, "ab", "c") != draw(0, "a", "bc")
