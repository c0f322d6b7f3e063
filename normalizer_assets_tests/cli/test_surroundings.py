"""What is said of the surroundings before anything is asked."""

import pytest

from normalizer_assets.cli.surroundings import asked_api


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
