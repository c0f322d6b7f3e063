"""Pictures of a partition and of a day, as PNG that fits into metadata.

Belongs here: drawing frames, and a picture as markdown. Does not belong here: which figures
are drawn (the assets, ``daily``), and words about them.

matplotlib takes half a second to import: it waits until something is drawn. A picture is at
most 30 kB (issue 7, 1), however many rows it shows, because it is made of bars and lines.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, DPI = 7.0, 90
"""Inches, and dots for each."""
PALETTE = 48
"""Colours of a picture, shades between them included."""
BINS = 40
MOST_BARS = 20
"""The smallest names beyond them share one more bar."""
LONGEST_NAME = 34
OTHERS = "all others"

COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73", "#999999", "#CC79A7", "#56B4E9", "#F0E442")
"""Okabe and Ito's, which colour-blind people can tell apart."""

ROUTES = ("cache", "mini", "full")
STATUSES = ("accepted", "review", "rejected")


def as_markdown(png: bytes, title: str) -> str:
    """Returns a picture as markdown that carries it along."""
    return f"![{title}](data:image/png;base64,{b64encode(png).decode()})"


def confidence_histogram(products: pl.DataFrame, thresholds: Iterable[float]) -> bytes:
    """Draws how sure the rows are, by what became of them.

    Args:
        products: Columns ``confidence`` Float64, 0..1, and ``status`` String.
        thresholds: From which rows are accepted; each model and category group has its own.

    Returns:
        A PNG.
    """
    places = sorted({round(threshold, 3) for threshold in thresholds})
    lines = {f"threshold {' to '.join(f'{end:g}' for end in _ends(places))}": places}
    rows = products.select(value="confidence", part="status")
    return _histogram(rows, STATUSES, lines if places else {}, "confidence")


def score_histogram(routed: pl.DataFrame, *, medium_from: float, complex_from: float) -> bytes:
    """Draws how complex the listings are, by the route that they take.

    Args:
        routed: Columns ``score`` Float64, 0..1, and ``route`` String.
        medium_from: Score where the band medium begins.
        complex_from: Score where the band complex begins, and with it the tier full.

    Returns:
        A PNG.
    """
    lines = {
        f"medium from {medium_from:g}": [medium_from],
        f"complex from {complex_from:g}": [complex_from],
    }
    rows = routed.select(value="score", part="route")
    return _histogram(rows, ROUTES, lines, "complexity score")


def bars(
    parts: pl.DataFrame, unit: str, order: Sequence[str] = (), *, shares: bool = False
) -> bytes:
    """Draws one bar a name, made of its parts, the largest name first.

    Args:
        parts: Columns ``name`` String, ``part`` String, ``value`` numeric and not negative;
            equal names and parts are added up.
        unit: What the values are, said below.
        order: Parts in the order of their colours; the others come after them.
        shares: Whether a bar shows percent of its name's sum.

    Returns:
        A PNG.
    """
    ranked = (
        parts.group_by("name")
        .agg(pl.col("value").sum())
        .sort("value", "name", descending=[True, False])["name"]
    )
    largest = ranked.head(MOST_BARS).to_list()
    lengths = (
        parts.with_columns(
            name=pl.when(pl.col("name").is_in(largest)).then("name").otherwise(pl.lit(OTHERS))
        )
        .group_by("name", "part")
        .agg(pl.col("value").cast(pl.Float64).sum())
    )
    if shares:
        percent = 100 * pl.col("value") / pl.col("value").sum().over("name")
        lengths = lengths.with_columns(value=percent.fill_nan(0.0))
    names = largest + [OTHERS] * (ranked.len() > MOST_BARS)
    axes = _axes(height=1.0 + 0.27 * max(len(names), 2))
    begins = np.zeros(len(names))
    for part, colour in _coloured(parts["part"], order):
        of_part = dict(lengths.filter(pl.col("part") == part).select("name", "value").iter_rows())
        length = np.array([of_part.get(name, 0.0) for name in names])
        axes.barh(range(len(names)), length, left=begins, color=colour, label=_shortened(part))
        begins += length
    axes.set_yticks(range(len(names)), [_shortened(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    if shares:
        axes.set_xlim(0, 100)
    axes.set_xlabel(unit)
    return _png(axes)


def _histogram(
    rows: pl.DataFrame, order: Sequence[str], lines: Mapping[str, Sequence[float]], measure: str
) -> bytes:
    """Draws the columns ``value`` (0..1) and ``part``, and named vertical lines."""
    axes = _axes(height=3.0)
    edges = np.linspace(0, 1, BINS + 1)
    begins = np.zeros(BINS)
    for part, colour in _coloured(rows["part"], order):
        values = rows.filter(pl.col("part") == part)["value"].to_numpy()
        counts, _ = np.histogram(values, edges)
        label = f"{part} {len(values):,}"
        axes.bar(edges[:-1], counts, 1 / BINS, begins, align="edge", color=colour, label=label)
        begins += counts
    for (name, places), style in zip(lines.items(), cycle(("--", ":")), strict=False):
        for place in places:
            label = name if place == places[0] else ""
            axes.axvline(place, color="black", linewidth=1, linestyle=style, label=label)
    axes.set_xlim(0, 1)
    axes.set_xlabel(measure)
    axes.set_ylabel("rows")
    return _png(axes)


def _axes(height: float) -> "Axes":
    # A figure of its own, without pyplot: nothing global, no window system, any thread.
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained").subplots()


def _png(axes: "Axes") -> bytes:
    """Returns what was drawn, with its legend beside it, where no bar is hidden."""
    from PIL import Image

    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    drawn, png = BytesIO(), BytesIO()
    axes.figure.canvas.print_figure(drawn, format="png")
    # With a palette, many long names take 25 kB and not 75.
    Image.open(drawn).convert("RGB").quantize(PALETTE).save(png, format="png", optimize=True)
    return png.getvalue()


def _coloured(parts: pl.Series, order: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Returns the parts that there are; one of ``order`` has the same colour in all pictures."""
    there = set(parts)
    known = [*order, *sorted(there.difference(order))]
    return (pair for pair in zip(known, cycle(COLOURS), strict=False) if pair[0] in there)


def _ends(places: Sequence[float]) -> Sequence[float]:
    return [places[0], places[-1]] if len(places) > 1 else places


def _shortened(name: str) -> str:
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    return short.replace("$", r"\$")  # else it begins a formula
