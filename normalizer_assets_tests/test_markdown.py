"""Frames as markdown tables."""

import polars as pl

from normalizer_assets.markdown import frame_table, table


def test_a_table_has_a_header_a_rule_and_a_line_a_row() -> None:
    assert table(("n", "text"), [(1, "a"), (2, "b")]).splitlines() == [
        "| n | text |",
        "|---|---|",
        "| 1 | a |",
        "| 2 | b |",
    ]


def test_cells_cannot_break_the_table() -> None:
    frame = pl.DataFrame({"name": ["a|b\nc", None], "share": [0.123456, 1.0]})
    assert frame_table(frame).splitlines()[2:] == ["| a/b c | 0.1235 |", "|  | 1 |"]


def test_an_empty_frame_is_a_header() -> None:
    assert frame_table(pl.DataFrame({"name": []})) == "| name |\n|---|"
