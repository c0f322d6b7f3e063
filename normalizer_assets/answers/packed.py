"""Taking apart a reply to several listings, whole or cut.

Belongs here: which text of the reply belongs to which number. Does not belong here: what
such a text says (``parsing``, ``schemas``).
"""

import json
import re
from collections.abc import Iterator
from typing import Any

OBJECT_START = re.compile(r'\{\s*["}]')
"""Where a JSON object begins in a text."""

_WRAPPER = re.compile(r'\{\s*"(?!\d+")(?:[^"\\]|\\.)*"\s*:\s*(?=[\[{])')
"""An object whose first key is no number and has an object or a list as its value."""

_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"[1-9][0-9]?")
_DECODER = json.JSONDecoder()


def numbered_members(content: str) -> tuple[list[tuple[int | None, str]], str]:
    """Takes a reply to several listings apart, as far as it is whole.

    It is ``{"1": {...}, "2": {...}}``, or a list of ``{"i": 1, ...}``, as strict schemas have
    it; either may be the value of another object's first key. Where it is cut or broken, the
    members before that place are whole answers, and nothing behind it can be told apart.

    Returns:
        Number, ``None`` where it is none, and text of each member; why there are no more, empty
        where the reply is whole.
    """
    start = OBJECT_START.search(content)
    if start is None:
        return [], "no JSON object" if content.strip() else "the reply is empty"
    wrapper = _WRAPPER.match(content, start.start())
    found = []
    try:
        for key, value, text in _members(content, wrapper.end() if wrapper else start.start()):
            given = value.get("i") if key is None and isinstance(value, dict) else key
            found.append((_number(given), text))
        _, end = _DECODER.raw_decode(content, start.start())
    except json.JSONDecodeError as error:
        return found, f"broken JSON at character {error.pos}: {error.msg}"
    except ValueError:
        return found, "a number in the JSON is too long"
    except RecursionError:
        return found, "the JSON is nested too deeply"
    if OBJECT_START.search(content, end):
        return [], "more than one JSON object"
    return found, ""


def _members(content: str, position: int) -> Iterator[tuple[Any, Any, str]]:
    """Yields key (``None`` in a list), value and text of each member, one by one.

    Args:
        content: The reply.
        position: Where the object or the list begins.

    Raises:
        ValueError: It is broken here, or has no end.
    """
    key, closing = None, {"{": "}", "[": "]"}[content[position]]
    position = _after_blanks(content, position + 1)
    while not content.startswith(closing, position):
        if closing == "}":
            key, position = _DECODER.raw_decode(content, position)
            position = _after_blanks(content, position)
            if not content.startswith(":", position):
                raise json.JSONDecodeError("Expecting ':' delimiter", content, position)
            position = _after_blanks(content, position + 1)
        value, end = _DECODER.raw_decode(content, position)
        yield key, value, content[position:end]
        position = _after_blanks(content, end)
        if content.startswith(",", position):
            position = _after_blanks(content, position + 1)
        elif not content.startswith(closing, position):
            raise json.JSONDecodeError("Expecting ',' delimiter", content, position)


def _after_blanks(content: str, position: int) -> int:
    found = _BLANK.match(content, position)
    return position if found is None else found.end()


def _number(given: Any) -> int | None:
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None
