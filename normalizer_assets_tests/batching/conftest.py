"""Fixtures of the engine's tests: a partition that has come so far.

Belongs here: what two test files of this folder share. Does not belong here: any check.
"""

import pytest

from normalizer_assets.batching.work import PartitionWork
from normalizer_assets_tests.batching.listings import claim, land, routed_listings
from normalizer_assets_tests.batching.settings import one_by_one, with_model


@pytest.fixture
def asking(scripted_work: PartitionWork) -> PartitionWork:
    """A partition with twenty open questions, asked one by one, none of them flex."""
    land(scripted_work)
    claim(scripted_work, *routed_listings(20)["question_key"])
    return with_model(one_by_one(scripted_work), "gpt-5-mini", flex=False)
