"""The API's client, from the environment.

Belongs here: making the client, and telling the stand-in from the real API. Does not
belong here: calling it for a purpose. The key is read by the SDK and by nobody else.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from normalizer_assets.config import ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy as sa
    from openai import APIConnectionError, OpenAI

STANDIN_OWNER = "normalizer-standin"
"""What the stand-in's list of models says in ``owned_by``."""

FIRST_LOOK_SECONDS = 20.0
"""How long the list of models, the first thing asked, may take."""


@contextmanager
def clients(engine: "sa.Engine") -> Iterator[Callable[[], "OpenAI"]]:
    """Yields what makes the client at its first call, and closes it at the end.

    After an error the exception's frames hold a client until the garbage collector comes,
    and its sockets stay open as long.
    """
    with ExitStack() as opened:
        yield cache(lambda: opened.enter_context(connect_api(engine)))


def unreachable(error: "APIConnectionError") -> str:
    """Says which address did not answer, without its login, why, and what to do."""
    url = error.request.url
    return (
        f"the API cannot be reached at {url.scheme}://{url.netloc.decode()}{url.path} "
        f"({error.__cause__ or error}); check the network and OPENAI_BASE_URL, or start the "
        f"stand-in: `normalizer standin`"
    )


def connect_api(engine: "sa.Engine", environ: Mapping[str, str] = os.environ) -> "OpenAI":
    """Returns the client, after tying the database to whoever answers.

    Raises:
        ConfigurationError: No key, or the database holds answers of another source.
    """
    client = open_client(environ)
    with ExitStack() as undo:
        undo.callback(client.close)
        bind_database(engine, client)
        undo.pop_all()
    return client


def open_client(environ: Mapping[str, str]) -> "OpenAI":
    """Returns the client, tied to no database.

    Raises:
        ConfigurationError: No key.
    """
    # Half a second of import: only for those who call.
    from openai import OpenAI

    if not environ.get("OPENAI_API_KEY"):
        raise ConfigurationError(
            "OPENAI_API_KEY is not set; export your key, or try without one: `make demo`, "
            "`make dev` (both start the stand-in)"
        )
    return OpenAI(
        api_key=environ["OPENAI_API_KEY"], base_url=environ.get("OPENAI_BASE_URL") or None
    )


def bind_database(engine: "sa.Engine", client: "OpenAI") -> None:
    """Ties the database to whoever answers this client.

    Raises:
        ConfigurationError: The database holds answers of another source.
    """
    from openai.types import Model

    from normalizer_assets.batching.replies import pages
    from normalizer_assets.batching.stored_answers import bind_answer_source

    # The SDK waits ten minutes by default, three times: too long for the first question.
    first_look = client.with_options(timeout=FIRST_LOOK_SECONDS, max_retries=1)
    owners = {model.owned_by for model in pages(Model, first_look.models.list)}
    try:
        bind_answer_source(engine, "standin" if STANDIN_OWNER in owners else "openai")
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
