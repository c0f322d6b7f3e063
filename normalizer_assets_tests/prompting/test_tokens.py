import polars as pl
import pytest

from normalizer_assets.prompting.tokens import count_prompt_tokens, count_tokens


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


def test_a_null_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        count_tokens(pl.Series(["a", None]))
