"""What is said of the surroundings before anything is asked."""

import socket

import pytest

from normalizer_assets.cli.surroundings import asked_api
from normalizer_assets_tests.cli.conftest import Typed


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OPENAI_API_KEY": "k"}, "OpenAI is asked"),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": ""}, "its answers cost money"),
        (
            {"OPENAI_API_KEY": "standin", "OPENAI_BASE_URL": "http://127.0.0.1:8765/v1"},
            "http://127.0.0.1:8765/v1 is asked (OPENAI_BASE_URL)",
        ),
        (
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://me:secret@api.example/v1"},
            "https://api.example/v1 is asked",
        ),
    ],
)
def test_who_is_asked_is_said_without_a_secret(environ: dict[str, str], said: str) -> None:
    assert said in asked_api(environ)
    assert "secret" not in asked_api(environ)


def test_dev_refuses_a_port_that_is_taken(typed: Typed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = typed("dev", "--port", str(port))
    assert said.code == 1
    assert (
        f"cannot listen on 127.0.0.1:{port} (Address already in use); choose another with --port"
        in said.err
    )
    assert "UI at" not in said.err
