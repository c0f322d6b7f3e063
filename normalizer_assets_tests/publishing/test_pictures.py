"""Pictures: small whatever they show, and of what they are told to show."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from PIL import Image

from normalizer_assets.publishing.pictures import (
    ROUTES,
    STATUSES,
    as_markdown,
    bars,
    confidence_histogram,
    score_histogram,
)

MOST_BYTES = 30_000
SIZES = (0, 10, 1_000, 50_000)
PART_SCHEMA = {"name": pl.String, "part": pl.String, "value": pl.Float64}
BLUE, ORANGE, VERMILION = (0, 114, 178), (230, 159, 0), (213, 94, 0)


def drawn(count: int, measure: str, part: str, parts: tuple[str, ...]) -> pl.DataFrame:
    """Returns rows with a measure in 0..1 and a part, drawn anew in the same way each time."""
    numbers = np.random.default_rng(count)
    return pl.DataFrame(
        {measure: numbers.random(count), part: numbers.choice(parts, count).tolist()},
        schema={measure: pl.Float64, part: pl.String},
    )


def picture(png: bytes) -> Image.Image:
    """Opens a picture, which has the right size."""
    assert len(png) <= MOST_BYTES
    image = Image.open(BytesIO(png))
    assert image.format == "PNG"
    assert image.width == 630
    return image.convert("RGB")


def share_of(image: Image.Image, colour: tuple[int, int, int]) -> float:
    """Returns the share of a picture that nearly has a colour."""
    distance = np.abs(np.asarray(image, dtype=np.int16) - np.array(colour)).max(axis=2)
    return float((distance < 12).mean())


@pytest.mark.parametrize("count", SIZES)
def test_a_histogram_of_confidence_is_small(count: int) -> None:
    rows = drawn(count, "confidence", "status", STATUSES)
    thresholds = [0.7 + group / 100 for group in range(26)]
    image = picture(confidence_histogram(rows, thresholds))
    assert (share_of(image, BLUE) > 0) == (count > 0)


@pytest.mark.parametrize("count", SIZES)
def test_a_histogram_of_scores_is_small(count: int) -> None:
    rows = drawn(count, "score", "route", ROUTES)
    image = picture(score_histogram(rows, medium_from=0.35, complex_from=0.55))
    assert (share_of(image, ORANGE) > 0) == (count > 0)


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("count", SIZES)
def test_bars_are_small_however_many_and_long_their_names_are(count: int, shares: bool) -> None:
    numbers = np.random.default_rng(count)
    parts = pl.DataFrame(
        {
            "name": [f"ft:gpt-5-mini-2025-08-07:our-shop::{n}" for n in range(count)],
            "part": numbers.choice(["batch", "individual", "canary"], count).tolist(),
            "value": numbers.random(count),
        },
        schema=PART_SCHEMA,
    )
    image = picture(bars(parts, "USD", shares=shares))
    assert image.height < 700


def test_without_a_threshold_no_line_is_drawn() -> None:
    rows = drawn(10, "confidence", "status", STATUSES)
    assert confidence_histogram(rows, []) != confidence_histogram(rows, [0.5])


def test_bars_have_the_lengths_of_their_parts() -> None:
    rows = [("lider", "batch", 30.0), ("lider", "cache", 5.0), ("lider", "cache", 5.0)]
    parts = pl.DataFrame(rows, schema=PART_SCHEMA, orient="row")
    image = picture(bars(parts, "products", ("cache", "batch"), shares=True))
    assert share_of(image, ORANGE) / share_of(image, BLUE) == pytest.approx(3, rel=0.1)
    assert share_of(image, VERMILION) == 0


def test_a_part_has_the_same_colour_whichever_others_there_are() -> None:
    parts = pl.DataFrame([("jumbo", "batch", 1.0)], schema=PART_SCHEMA, orient="row")
    image = picture(bars(parts, "products", ("cache", "batch")))
    assert share_of(image, ORANGE) > 0.1
    assert share_of(image, BLUE) == 0


def test_bars_of_nothing_are_no_error() -> None:
    rows = [("lider", "batch", 0.0), ("jumbo", "batch", 2.0)]
    picture(bars(pl.DataFrame(rows, schema=PART_SCHEMA, orient="row"), "USD", shares=True))


def test_a_dollar_sign_begins_no_formula() -> None:
    rows = [("$x_{$", "$$", 1.0), (r"\frac$", "$a^", 1.0)]
    picture(bars(pl.DataFrame(rows, schema=PART_SCHEMA, orient="row"), "USD"))


def test_markdown_carries_the_picture_along() -> None:
    said = as_markdown(b"\x89PNG", "cost by model")
    assert said.startswith("![cost by model](data:image/png;base64,")
    assert b64decode(said.split("base64,")[1].rstrip(")")) == b"\x89PNG"
