from datetime import date

import pytest

from normalizer_assets.batching.partition import Partition


def test_a_key_reads_back_as_its_partition() -> None:
    partition = Partition(date(2024, 10, 1), "santa_isabel")
    assert partition.key == "2024-10-01|santa_isabel"
    assert Partition.from_key(partition.key) == partition


def test_partitions_sort_by_day_first() -> None:
    early, late = Partition(date(2024, 9, 30), "ripley"), Partition(date(2024, 10, 1), "jumbo")
    assert sorted([late, early]) == [early, late]


@pytest.mark.parametrize("key", ["lider", "2024-10-01", "2024-10-01|lider|x", "yesterday|lider"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|isoformat"):
        Partition.from_key(key)
