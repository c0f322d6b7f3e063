"""On which line of a TOML document each of its keys stands.

Belongs here: finding lines, which ``tomllib`` does not keep. Does not belong here: reading
values (``tomllib``), saying what is wrong with them (``config_reading``).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Key = tuple[str, ...]
"""The way to a key, table by table: ``("tiers", "mini", "model")``."""

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # strings of several lines may end in two more quotes
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Key, int]:
    """Finds the line of every table and key, those of inline tables included.

    A table has the line of its header; without one, of its first key. What is inside a value
    of several lines has the line on which its statement begins. The tables of an array of
    tables (``[[x]]``) are not told apart: only ``x`` itself has a line.

    Args:
        text: A valid document, its lines ended by newlines alone.

    Returns:
        Key -> line, counted from 1.
    """
    lines: dict[Key, int] = {}
    section: Key | None = ()
    for line, statement in _statements(text):
        keys = list(keys_of(tomllib.loads(statement)))
        if not statement.lstrip().startswith("["):
            keys = [] if section is None else [section + key for key in keys]
        elif statement.lstrip().startswith("[["):
            section = None
        else:
            section = keys.pop()
            lines[section] = line  # whatever mentioned the table before its header
        for key in keys:
            lines.setdefault(key, line)
    return lines


def keys_of(values: Mapping[str, Any], above: Key = ()) -> Iterator[Key]:
    """Yields the keys of nested tables, each after the table that holds it."""
    for name, value in values.items():
        yield (*above, name)
        if isinstance(value, Mapping):
            yield from keys_of(value, (*above, name))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yields headers, assignments, comments and empty lines, each with its first line."""
    line, begin, depth = 1, 0, 0
    text += "\n"
    for token in _TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth == 0:
            statement = text[begin : token.end()]
            yield line, statement
            line += statement.count("\n")
            begin = token.end()
