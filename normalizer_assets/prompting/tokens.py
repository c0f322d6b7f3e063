"""Counting tokens before they are paid for.

Belongs here: the tokeniser and what the chat format adds to a message. Does not
belong here: prices (pricing), typical answer lengths (pricing/estimates.py).
"""

import functools
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from bpe_openai._bindings import PyTokenizer

ENCODING = "o200k_base"
"""Encoding of gpt-4o and everything after it."""

TOKENS_PER_MESSAGE = 4
"""Three tokens that frame a message and one for its role."""

TOKENS_PER_REPLY = 3
"""Every reply is primed with ``<|start|>assistant<|message|>``. This and the above are
OpenAI's published counts for chat messages (cookbook, "How to count tokens with
tiktoken"); the usage in the response is what is billed."""

_LINE_STARTS = re.compile(r"\n[A-Za-z]")


def count_tokens(texts: pl.Series | Sequence[str]) -> pl.Series:
    """Counts the tokens of each text by itself, without chat overhead.

    Text such as ``<|endoftext|>`` is counted as the plain text it is.

    Args:
        texts: Strings without nulls.

    Returns:
        UInt32 series ``tokens``, in the order of ``texts``.

    Raises:
        ValueError: A text is null.
    """
    series = texts if isinstance(texts, pl.Series) else pl.Series(texts, dtype=pl.String)
    if series.null_count():
        raise ValueError(f"{series.null_count()} of {len(series)} texts are null; count none")
    count = tokenizer().count
    start, rest, end = _apart(series)
    shared = count(start) + count(end)
    return pl.Series("tokens", [shared + count(text) for text in rest], dtype=pl.UInt32)


def _apart(texts: pl.Series) -> tuple[str, pl.Series, str]:
    """Takes off the lines that all texts begin and end with: a prompt's constant wording.

    Counting them once makes a long template five times as fast, and the sum is exact, because
    no token reaches from a line break into a letter: the encoding cuts text into pieces first,
    and no piece of its pattern has one before the other.
    """
    first = texts[0] if len(texts) else ""
    starts = [first[: found.end()] for found in _LINE_STARTS.finditer(first)]
    start = next((one for one in reversed(starts) if texts.str.starts_with(one).all()), "")[:-1]
    rest = texts.str.strip_prefix(start)
    first = first.removeprefix(start)
    ends = [first[found.start() :] for found in _LINE_STARTS.finditer(first)]
    end = next((one for one in ends if rest.str.ends_with(one).all()), "")[1:]
    return start, rest.str.strip_suffix(end), end


def count_prompt_tokens(prompts: pl.Series | Sequence[str], system: str) -> pl.Series:
    """Counts what a request of a system and a user message sends, overhead included.

    Args:
        prompts: User messages without nulls.
        system: The system message of all of them.

    Returns:
        UInt32 series ``prompt_tokens``, in the order of ``prompts``.

    Raises:
        ValueError: A prompt is null.
    """
    fixed = int(count_tokens([system])[0]) + 2 * TOKENS_PER_MESSAGE + TOKENS_PER_REPLY
    return (count_tokens(prompts) + fixed).cast(pl.UInt32).alias("prompt_tokens")


@functools.cache
def tokenizer() -> "PyTokenizer":
    """Returns the compiled tokeniser, which carries its vocabulary.

    The package's Python wrapper around it counts at two thirds of the speed.
    """
    # Half a second of import: only for those who count. The import opens its data
    # through a function that Python 3.11 and 3.12 deprecate and 3.13 took back in.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "open_binary is deprecated", DeprecationWarning)
        from bpe_openai._bindings import tokenizer_for_encoding
    return tokenizer_for_encoding(ENCODING)
