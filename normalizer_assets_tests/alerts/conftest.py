"""Work in which nothing needs a hand, and a channel that keeps what it is told."""

import dataclasses

import pytest

from normalizer_assets.alerts.channels import Channel
from normalizer_assets.batching.work import PartitionWork


@pytest.fixture
def quiet_work(scripted_work: PartitionWork) -> PartitionWork:
    """No model of it is ever shut down: the announced dates would change what tests see."""
    lasting = {
        name: model.model_copy(update={"shutdown": None})
        for name, model in scripted_work.config.models.items()
    }
    return dataclasses.replace(
        scripted_work, config=scripted_work.config.model_copy(update={"models": lasting})
    )


@pytest.fixture
def told() -> list[str]:
    """What ``channel`` was told."""
    return []


@pytest.fixture
def channel(told: list[str]) -> Channel:
    """Takes everything."""
    return Channel("log", (), told.append)
