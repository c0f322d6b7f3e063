"""Folding of listing text: one spelling for what readers take as the same letters.

Belongs here: what is done to characters whatever they mean (Unicode forms, case,
accents, typographic signs, white space) and patterns over words of folded text.
Does not belong here: anything that knows a unit, a brand or a colour.
"""

import re
import unicodedata
from collections.abc import Iterable

import polars as pl

# Signs that must go before NFKD, which would turn "Core™" into "CoreTM", "N°5"
# and "Nº5" into two spellings, and "1½" into "11⁄2".
_BEFORE_NFKD = {
    "™": " ", "®": " ", "©": " ", "℠": " ",
    "º": "°", "ª": "a", "ß": "ss", "ẞ": "SS",
    "¼": " 1/4", "½": " 1/2", "¾": " 3/4",
}  # fmt: skip
_AFTER_NFKD = {
    "“": '"', "”": '"', "¨": '"', "’": "'", "‘": "'", "´": "'", "`": "'", "′": "'",
    "×": "x", "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "⁄": "/",
}  # fmt: skip

# Latin letters that NFKD leaves whole; shops write them without their stroke, too.
_LATIN = {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
# Letters and digits of other scripts are words of their own: patterns see the end of a word
# beside them, and would find the 0 g of "ж0 g x".
_OTHER_SCRIPTS = (
    (r"([\p{L}\p{N}--\x00-\x7F]'*)([a-z0-9])", "$1 $2"),
    (r"([a-z0-9]'*)([\p{L}\p{N}--\x00-\x7F])", "$1 $2"),
)

_COMBINING = re.compile("[\u0300-\u036f]")


def plain(text: pl.Expr) -> pl.Expr:
    """Text without accents and typographic signs, with its case and punctuation.

    The ñ loses its tilde too: shops that cannot write it write "nino" and
    "panales", and no two products are told apart by it.

    Args:
        text: String expression; nulls stay null.

    Returns:
        String expression, single-spaced and stripped.
    """
    return (
        text.str.replace_many(_BEFORE_NFKD)
        .str.normalize("NFKD")
        .str.replace_all(r"\p{M}+", "")
        .str.replace_many(_AFTER_NFKD)
        # Inches: NFKD makes two primes of "″". After the signs of one kind are one sign,
        # or a second folding would find pairs that the first one made.
        .str.replace_all("''", '"', literal=True)
        .str.replace_all(r"[\s\p{C}]+", " ")
        .str.strip_chars()
    )


def fold(text: pl.Expr) -> pl.Expr:
    """``plain`` in lower case: the text that every pattern of the grammar is written for.

    Args:
        text: String expression; nulls stay null.

    Returns:
        String expression; folding it again changes nothing.
    """
    # Before, because "İ" becomes two signs; after, because NFKD makes "TEL" of "℡".
    folded = plain(text.str.to_lowercase()).str.to_lowercase().str.replace_many(_LATIN)
    for pattern, replacement in _OTHER_SCRIPTS:
        folded = folded.str.replace_all(pattern, replacement)
    return folded


def fold_word(text: str) -> str:
    """``text`` in lower case without accents, for words that come one by one.

    Args:
        text: A word of a list or a key of an answer; not a listing's name, for which
            ``fold`` also knows typographic signs.
    """
    if text.isascii():
        return text.lower()
    return _COMBINING.sub("", unicodedata.normalize("NFKD", text)).lower()


def words(folded: pl.Expr, keep: str = "") -> pl.Expr:
    """Words of folded text between single spaces, with one space at each end.

    The padding lets a word be looked up as ``" word "``. Kept are points inside
    numbers, ``%``, ``°``, ``_``, a ``+`` that ends a word ("A9+") or stands alone.

    Args:
        folded: String expression from ``fold``, decimal commas already points.
        keep: Further signs that stay, each as a word of its own.

    Returns:
        String expression such as ``" coca cola zero 1.5 l "``.
    """
    for sign in keep:
        folded = folded.str.replace_all(sign, f" {sign} ", literal=True)
    return pl.concat_str(
        pl.lit(" "),
        folded.str.replace_all("'", "", literal=True)
        # The point of a number hides from the next line behind a letter of no script.
        .str.replace_all(r"([0-9])\.([0-9])", "${1}\u2024$2")
        .str.replace_all(rf"[^\p{{L}}\p{{N}}%°+_\u2024{keep}]+", " ")
        .str.replace_all("\u2024", ".", literal=True)
        # Or the 5 of "%5 m" would be a number for those who look for the end of a word only.
        .str.replace_all(r"([%°])([\p{L}\p{N}])", "$1 $2")
        .str.strip_chars(" "),
        pl.lit(" "),
    )


def any_of(alternatives: Iterable[str]) -> str:
    """Regular expression that matches the longest of several folded phrases.

    Args:
        alternatives: Phrases; a space also matches hyphens, slashes or several spaces.

    Returns:
        An unanchored group without captures. Longest first, because Rust's
        alternation takes the first alternative that matches, not the longest.
    """
    longest_first = sorted(set(alternatives), key=lambda phrase: (-len(phrase), phrase))
    return "(?:" + "|".join(_escaped(phrase) for phrase in longest_first) + ")"


def _escaped(phrase: str) -> str:
    special = r"\.+*?()|[]{}^$"
    return "".join("[ /-]+" if c == " " else "\\" + c if c in special else c for c in phrase)


def spelled(phrases: Iterable[str]) -> tuple[str, ...]:
    """Phrases of a user, folded, empty ones left out: what ``any_of`` expects.

    Args:
        phrases: Words or phrases in any case, with or without accents.

    Returns:
        Folded phrases in the same order.
    """
    folded = pl.DataFrame({"phrase": list(phrases)}, schema={"phrase": pl.String}).select(
        fold(pl.col("phrase"))
    )
    return tuple(phrase for phrase in folded.to_series() if phrase)
