"""A stand-in whose faults are switched on and off, for the tests of journal, faults and wire."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from normalizer_assets.standin.server import RunningStandin, running_standin
from normalizer_assets.standin.settings import StandinSettings


@pytest.fixture(scope="session")
def _faulty() -> Iterator[RunningStandin]:
    settings = StandinSettings(batch_seconds=0, failing_lines=0, disagreement=0)
    with running_standin(settings) as running:
        yield running


@pytest.fixture
def faulty(_faulty: RunningStandin) -> RunningStandin:
    """A stand-in as new, without seeded failures; its batches take no time."""
    _faulty.reset()
    return _faulty


@pytest.fixture
def caller(faulty: RunningStandin) -> Iterator[OpenAI]:
    """A client of ``faulty`` that never tries twice by itself."""
    with OpenAI(base_url=faulty.url, api_key="standin", max_retries=0) as client:
        yield client
