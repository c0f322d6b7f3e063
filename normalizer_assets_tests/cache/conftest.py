"""Brings the scene in, for what shows in whole runs only, and a cache that knows something."""

import pytest

from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import cache_entries
from normalizer_assets_tests.batching.settings import configured
from normalizer_assets_tests.cache.courses import PHONE, count, day_of, normalised
from normalizer_assets_tests.scene import scene

__all__ = ["scene"]


@pytest.fixture
def unaudited(work: PartitionWork) -> PartitionWork:
    return configured(day_of(work, 1), cache={"audit_share": 0.0})


@pytest.fixture
def known(unaudited: PartitionWork) -> PartitionWork:
    """A cache that knows ``PHONE``."""
    [row] = normalised(unaudited, PHONE)
    assert row["status"] == "accepted"
    assert count(unaudited, cache_entries) == 1
    return unaudited
