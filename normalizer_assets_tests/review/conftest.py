"""Brings the scene in, with a partition that a red gate holds."""

from collections.abc import Callable

import pytest

from normalizer_assets.review.queue import Filters, Waiting, find, waiting
from normalizer_assets_tests.scene import (
    Scene,
    invented,
    scene,
    standin,
    standin_settings,
    variables,
)

__all__ = ["held", "in_queue", "named", "scene", "standin", "standin_settings", "variables"]

SURER_THAN_ANY = "0.999999"


@pytest.fixture
def held(scene: Scene) -> Scene:
    """Three listings in review, in a partition that is held for it."""
    scene.set(CONFIDENCE__THRESHOLD=SURER_THAN_ANY)
    scene.land(invented(3))
    assert scene.submit().success
    scene.collect()
    assert scene.row().state == "held"
    return scene


@pytest.fixture
def in_queue(held: Scene) -> Callable[..., list[Waiting]]:
    """Asks the queue."""

    def in_queue(filters: Filters | None = None) -> list[Waiting]:
        with held.engine.connect() as connection:
            return waiting(connection, filters or Filters())

    return in_queue


@pytest.fixture
def named(held: Scene) -> Callable[[str], Waiting]:
    """Finds an undecided question by its SKU or key."""

    def named(name: str) -> Waiting:
        with held.engine.connect() as connection:
            return find(connection, name)

    return named
