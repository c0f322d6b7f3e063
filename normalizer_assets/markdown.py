"""Frames as markdown tables, for metadata that people read in the UI.

Belongs here: cells to text. Does not belong here: choosing rows and columns.
"""

from collections.abc import Iterable, Sequence

import polars as pl


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a markdown table; numbers with four significant digits, null as nothing."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines)


def frame_table(frame: pl.DataFrame) -> str:
    """Returns a frame as a markdown table."""
    return table(frame.columns, frame.iter_rows())


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "/").replace("\n", " ")
