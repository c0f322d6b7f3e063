import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.prompting.tokens import count_prompt_tokens, count_tokens, tokenizer

lines = st.text(st.sampled_from("\n\r\t aAñ1/'!{\u00a0\u0301P商"), max_size=12)


def test_known_counts_of_o200k() -> None:
    counts = count_tokens(["", "hello world", "hello world hello world"])
    assert counts.to_list() == [0, 2, 4]
    assert counts.dtype == pl.UInt32


def test_a_special_token_in_a_name_is_plain_text() -> None:
    assert count_tokens(pl.Series(["<|endoftext|>"]))[0] > 1


def test_a_chat_prompt_adds_two_messages_and_the_reply() -> None:
    assert count_prompt_tokens(["hello world"], "hello world").to_list() == [2 + 2 + 11]


def test_no_texts_give_no_counts() -> None:
    assert count_prompt_tokens(pl.Series([], dtype=pl.String), "x").to_list() == []


@given(middles=st.lists(lines, min_size=1, max_size=4), start=lines, end=lines)
def test_what_texts_begin_and_end_with_is_counted_once_and_exactly(
    middles: list[str], start: str, end: str
) -> None:
    texts = [f"Uno\n{start}\nDos{middle}\nTres{end}" for middle in middles]
    count = tokenizer().count
    assert count_tokens(texts).to_list() == [count(text) for text in texts]
    assert count_tokens(middles).to_list() == [count(middle) for middle in middles]


def test_a_null_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        count_tokens(pl.Series(["a", None]))
