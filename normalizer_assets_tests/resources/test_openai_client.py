"""The client comes from the environment, and a database belongs to whoever answers."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import sqlalchemy as sa
from openai import APIConnectionError, OpenAI

from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.publishing.report import answer_source
from normalizer_assets.resources.openai_client import unreachable
from normalizer_assets_tests.conftest import ClientOf


class OtherApi(BaseHTTPRequestHandler):
    """A server that is not the stand-in, as the real API is not."""

    def do_GET(self) -> None:
        content = b'{"object": "list", "data": [{"id": "gpt-5", "object": "model", "created": 1, '
        content += b'"owned_by": "system"}]}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def other_api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_a_missing_key_says_what_to_do(engine: sa.Engine, client_of: ClientOf) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set; export your key"):
        client_of({})
    assert answer_source(engine) is None


def test_an_unreachable_address_is_told_without_its_login() -> None:
    client = OpenAI(base_url="http://ann:secret@127.0.0.1:9/v1", api_key="k", max_retries=0)
    with client, pytest.raises(APIConnectionError) as caught:
        client.models.list()
    assert "http://127.0.0.1:9/v1/models" in unreachable(caught.value)
    assert "secret" not in unreachable(caught.value)


@pytest.mark.usefixtures("config")
def test_the_stand_in_binds_the_database(engine: sa.Engine, client_of: ClientOf) -> None:
    client_of(os.environ)
    client_of(os.environ)
    assert answer_source(engine) == "standin"


def test_a_database_of_the_stand_in_refuses_the_real_api_and_says_what_to_do(
    engine: sa.Engine, config: NormalizerConfig, other_api: str, client_of: ClientOf
) -> None:
    assert config.retailers
    client_of(os.environ)
    with pytest.raises(
        ConfigurationError,
        match="this database holds answers of 'standin', and OPENAI_BASE_URL leads to 'openai'; "
        "their answers must not mix: point NORMALIZER_DATABASE_URL at another database",
    ):
        client_of({"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": other_api})
    assert answer_source(engine) == "standin"


def test_a_database_of_the_real_api_refuses_the_stand_in(
    engine: sa.Engine, config: NormalizerConfig, other_api: str, client_of: ClientOf
) -> None:
    assert config.retailers
    client_of({"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": other_api})
    assert answer_source(engine) == "openai"
    with pytest.raises(ConfigurationError, match="holds answers of 'openai'"):
        client_of(os.environ)
