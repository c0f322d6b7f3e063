"""Replies that break on the socket.

Belongs here: what has to reach below HTTP to fail as a network does. Does not belong
here: deciding when (faults.py). An exception in an ASGI application would not do: the
server turns it into a well-formed 500.
"""

import asyncio
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """Puts the connection's transport into each request's state."""

    def connection_made(self, transport: Any) -> None:
        """Remembers the transport."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Dropped(Response):
    """No reply: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> None:
        """Closes at once."""
        scope["state"]["transport"].abort()
        await _gone(receive)


class Broken(Response):
    """A reply that announces its whole length and ends before it.

    Args:
        whole: The reply as it should have been.
        keep: Share of the body that is sent.
    """

    def __init__(self, whole: Response, keep: float) -> None:
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers
        self._kept = bytes(whole.body)[: int(len(whole.body) * keep)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the beginning and closes."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._kept, "more_body": True})
        transport: asyncio.Transport = scope["state"]["transport"]
        transport.close()
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Returns when the server knows that the connection is closed.

    Ending earlier would make it answer 500, or write a complaint to the log.
    """
    while (await receive())["type"] != "http.disconnect":
        pass
