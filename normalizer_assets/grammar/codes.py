"""Model codes: "QN55QN90B", "WH-1000XM4", "[82N6007LCL]".

Belongs here: what a maker's code looks like. Does not belong here: when a code
stands for a model (``answers/rules.py``).
"""

import polars as pl

# Letters and digits mixed, upper case as makers write them, at least five signs.
_TAIL = r"(?:[-/][A-Z0-9]+)*"
_CODE = rf"\b([A-Z]{{1,6}}-?[0-9]{{2,}}[A-Z0-9]*{_TAIL}|[0-9]{{2,}}[A-Z]+[A-Z0-9]*{_TAIL})"
_SHORTEST = 5
_CODE_AT_END = (
    r" \(?(?:[A-Z]{1,6}[0-9]{3,}[A-Z0-9]*|[A-Z]{1,3}-[A-Z]{0,3}[0-9]{3,}[A-Z0-9]*"
    r"|[0-9]{2,}[A-Z]{2,}[A-Za-z]?[0-9A-Z]*|[A-Z]{1,4}[0-9]{1,3}-[0-9]{2,}[A-Z]*|[A-Z]{2}[0-9]{2}[A-Z0-9]*[0-9][A-Z]{4,})(?:[-/][A-Z0-9]+)*\)?$"
)


def code_of(plain_text: pl.Expr) -> pl.Expr:
    """The first model code of at least five signs; null if there is none.

    Args:
        plain_text: String expression from ``text.plain``, case kept.

    Returns:
        String expression.
    """
    return (
        plain_text.str.extract_all(_CODE)
        .list.filter(pl.element().str.len_chars() >= _SHORTEST)
        .list.first()
    )


_NOTEBOOK_CODE_AT_END = (
    r"(?:[ -](?i:[a-z]{0,3}[0-9]{2,4}[a-z]{1,4}[0-9]*[a-z]*|[a-z][0-9]{1,2}[a-z]{1,4}))$"
)
"""Makers of notebooks write codes in small letters, too: "15-fa1021la", "modern 14 c13m"."""


def without_notebook_code(plain_text: pl.Expr) -> pl.Expr:
    """A notebook's line without the code behind it ("Victus 15-fa1021la"); a code alone stays."""
    line = plain_text.str.replace(rf"(.){_NOTEBOOK_CODE_AT_END}", "$1").str.strip_chars(" ")
    return pl.when(line.str.contains("[A-Za-z]")).then(line).otherwise(plain_text)


def without_code(plain_text: pl.Expr) -> pl.Expr:
    """A product line without the code behind it ("Galaxy Tab A9+ SM-X210").

    Args:
        plain_text: String expression, stripped.

    Returns:
        String expression; a text that is nothing but a code is kept.
    """
    return plain_text.str.replace(_CODE_AT_END, "").str.strip_chars(" ")
