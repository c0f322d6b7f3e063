"""A scripted API for tests of what the real one does on its bad days."""

import dataclasses
from collections.abc import Iterator

import pytest

from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import BatchingConfig
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets_tests.batching.scripted_api import ScriptedApi, running_api


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    """An API that behaves until its script says otherwise."""
    with running_api() as running:
        yield running


@pytest.fixture
def scripted_work(work: PartitionWork, api: ScriptedApi) -> PartitionWork:
    """Work against the scripted API; more than three questions make a batch."""
    environment = {"OPENAI_API_KEY": "key", "OPENAI_BASE_URL": api.url}
    return dataclasses.replace(
        work,
        config=work.config.model_copy(update={"batching": BatchingConfig(min_products=3)}),
        connect_api=lambda: connect_api(work.engine, environment),
    )
