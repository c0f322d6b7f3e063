"""Making sure that the API's reply is what was asked for.

Belongs here: telling an object from a page of HTML. Does not belong here: asking.

With status 200 and no JSON (a proxy's page) the SDK returns the text instead of an
object, or fails with an ``AttributeError`` while it pages through a list.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Object = TypeVar("Object")


class UnreadableReplyError(RuntimeError):
    """What came back is not what the API sends; it says nothing about anything."""


def expect(kind: type[Object], reply: object) -> Object:
    """Returns the reply where it is of this kind.

    Raises:
        UnreadableReplyError: It is something else.
    """
    if not isinstance(reply, kind):
        text = " ".join(str(reply).split())[:200]
        raise UnreadableReplyError(f"the API's reply is no {kind.__name__}: {text}")
    return reply


def pages(kind: type[Object], ask: Callable[[], Iterable[Object]]) -> Iterator[Object]:
    """Yields the objects of a list of the API, asking for its pages as they are needed.

    Raises:
        UnreadableReplyError: A page of it is no list.
    """
    try:
        for entry in ask():
            yield expect(kind, entry)
    except (AttributeError, TypeError) as error:
        raise UnreadableReplyError(
            f"the API's reply is no list of {kind.__name__}: {error}"
        ) from error
