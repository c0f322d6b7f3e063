"""What partitions exist, and how their keys are written."""

from datetime import UTC, datetime

import dagster as dg

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import TIMEZONE, load_config
from normalizer_assets.partitions import partitions_definition

MOST_PARTITIONS = 50_000
"""The UI loads all of them (facts/dagster.md, 2)."""


def test_a_key_is_day_and_retailer() -> None:
    partitions = partitions_definition(load_config({}))
    assert partitions.has_partition_key("2024-10-01|lider")
    assert not partitions.has_partition_key("2024-10-01|unknown")
    assert Partition.from_key("2024-10-01|lider").key == "2024-10-01|lider"


def test_the_partitions_begin_with_the_first_day_and_end_with_today() -> None:
    partitions = partitions_definition(load_config({"NORMALIZER__FIRST_DAY": "2024-09-28"}))
    # Three in the morning in UTC is still the day before in Santiago.
    night = datetime(2024, 10, 2, 2, 30, tzinfo=UTC)
    with dg.partition_loading_context(effective_dt=night):
        days = sorted({key.split("|")[0] for key in partitions.get_partition_keys()})
    assert days == ["2024-09-28", "2024-09-29", "2024-09-30", "2024-10-01"]
    assert TIMEZONE == "America/Santiago"


def test_there_are_fewer_partitions_than_the_ui_bears_for_years_to_come() -> None:
    with dg.partition_loading_context(effective_dt=datetime(2030, 1, 1, tzinfo=UTC)):
        keys = partitions_definition(load_config({})).get_partition_keys()
    assert len(keys) < MOST_PARTITIONS
    assert len(keys) == len(set(keys))
