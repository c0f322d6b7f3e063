"""Frames between steps lie whole, one file a partition."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from upath import UPath

from normalizer_assets.resources.parquet_store import ParquetStore

KEY = "2024-10-01|lider"
PARTITIONS = dg.MultiPartitionsDefinition(
    {
        "day": dg.DailyPartitionsDefinition("2024-10-01", end_offset=1),
        "retailer": dg.StaticPartitionsDefinition(["lider"]),
    }
)


def _output() -> dg.OutputContext:
    return dg.build_output_context(
        asset_key=dg.AssetKey("frame"), partition_key=KEY, run_id="abc",
        asset_partitions_def=PARTITIONS,
    )  # fmt: skip


def _input() -> dg.InputContext:
    return dg.build_input_context(
        asset_key=dg.AssetKey("frame"), partition_key=KEY,
        asset_partitions_def=PARTITIONS, asset_partition_key_range=dg.PartitionKeyRange(KEY, KEY),
    )  # fmt: skip


def test_a_frame_comes_back_as_it_was(tmp_path: Path) -> None:
    store = ParquetStore(UPath(tmp_path))
    for value in (1, 2):  # the second replaces the first
        frame = pl.DataFrame({"name": ["Ñandú", None], "price": [value, None]})
        store.handle_output(_output(), frame)
        loaded = store.load_input(_input())
        assert isinstance(loaded, pl.DataFrame)
        assert loaded.equals(frame)
    files = [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()]
    assert files == ["frame/2024-10-01/lider.parquet"]


def test_a_missing_frame_says_which_job_makes_it(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"frame was never materialised for 2024-10-01\|lider"
    ):
        ParquetStore(UPath(tmp_path)).load_input(_input())
