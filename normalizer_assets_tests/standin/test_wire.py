import logging
import socket
import time
from collections.abc import Callable, Iterator
from logging.handlers import BufferingHandler
from typing import Any

import openai
import pytest
from openai import OpenAI

from normalizer_assets.standin.faults import Endpoint, EndpointFault
from normalizer_assets.standin.server import RunningStandin
from normalizer_assets_tests.standin.asking import ask, lines, requests, submit, wait


@pytest.fixture
def complaints() -> Iterator[list[logging.LogRecord]]:
    """What the server writes into its log during a test."""
    handler = BufferingHandler(1000)
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(handler)
    yield handler.buffer
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("endpoint", "call"),
    [
        ("GET /v1/models", lambda client: client.models.list()),
        ("POST /v1/chat/completions", ask),
        ("POST /v1/files", lambda client: submit(client, b"x" * 3_000_000)),
        ("POST /v1/batches", lambda client: submit(client, requests(1))),
    ],
)
def test_a_dropped_connection_is_an_error_and_the_next_request_is_served(
    endpoint: Endpoint,
    call: Callable[[OpenAI], Any],
    faulty: RunningStandin,
    caller: OpenAI,
    complaints: list[logging.LogRecord],
) -> None:
    for kind in ("drop_before", "drop_after"):
        faulty.switch(EndpointFault(endpoint=endpoint, kind=kind, times=1))
        with pytest.raises(openai.APIConnectionError):
            call(caller)
        assert call(caller)
    assert complaints == []


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_reply_is_an_error_and_no_short_body(
    keep: float, faulty: RunningStandin, caller: OpenAI, complaints: list[logging.LogRecord]
) -> None:
    batch, _ = wait(caller, submit(caller, requests(30)))
    faulty.switch(
        EndpointFault(endpoint="GET /v1/files/{id}/content", kind="truncated", keep=keep, times=1),
        EndpointFault(endpoint="POST /v1/chat/completions", kind="truncated", keep=keep, times=1),
    )
    with pytest.raises(openai.APIConnectionError):
        caller.files.content(batch.output_file_id or "")
    with pytest.raises(openai.APIConnectionError):
        ask(caller)
    assert len(lines(caller, batch.output_file_id)) == 30
    assert ask(caller).choices
    assert complaints == []


def test_a_client_that_dies_while_it_sends_leaves_nothing_in_the_log(
    faulty: RunningStandin, caller: OpenAI, complaints: list[logging.LogRecord]
) -> None:
    head = b"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
    with socket.create_connection(("127.0.0.1", faulty.port)) as connection:
        connection.sendall(head + b"Content-Length: 99\r\n\r\n--x")
    assert caller.files.list().data == []
    time.sleep(0.1)
    assert complaints == []
