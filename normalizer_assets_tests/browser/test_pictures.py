"""The two pictures of the README, taken anew from the demo where a folder is named for pictures.

They are put into its ``readme``; whoever likes them copies them to ``docs/images``.
"""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, expect

from normalizer_assets_tests.browser.served import served, variables
from normalizer_assets_tests.browser.ui import Ui

pytestmark = pytest.mark.slow

FOLDER = os.environ.get("NORMALIZER_PICTURES")
MOST_BYTES = 300_000
MARGIN, WIDTH = 24, 1600
PARTITION = "2024-10-02|pcfactory"
"""The last one that the demo collects: of it the checks' page tells."""


@pytest.mark.skipif(not FOLDER, reason="NORMALIZER_PICTURES names no folder for them")
def test_the_pictures_of_the_readme_show_the_demo(
    page: Page, tmp_path: Path, pictures: Path
) -> None:
    demo = [sys.executable, "-m", "normalizer_assets.cli", "demo"]
    subprocess.run(demo, env=variables(tmp_path), check=True, capture_output=True)  # noqa: S603
    with served(tmp_path) as stack:
        ui = Ui(page, stack.url, pictures)
        taken = {"graph": _graph(ui), "materialization": _materialization(ui)}
    (pictures / "readme").mkdir(exist_ok=True)
    for name, picture in taken.items():
        file = pictures / "readme" / f"{name}.png"
        # By coverage, so that a colour of few places stays what it is.
        palette = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
        palette.save(file, optimize=True)
        assert picture.width <= WIDTH
        assert file.stat().st_size < MOST_BYTES


def _graph(ui: Ui) -> Image.Image:
    """Returns the graph alone, without what is around it."""
    ui.open_graph()
    ui.asset("daily_report").wait_for()
    ui.page.get_by_text("ago", exact=False).first.wait_for()
    drawn = ui.page.locator("foreignObject").all()
    boxes = [box for each in drawn if (box := each.bounding_box())]
    left = min(box["x"] for box in boxes) - MARGIN
    top = min(box["y"] for box in boxes) - MARGIN
    right = max(box["x"] + box["width"] for box in boxes) + MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
    clip = FloatRect(x=left, y=top, width=min(right - left, WIDTH), height=bottom - top)
    return Image.open(BytesIO(ui.page.screenshot(clip=clip)))


def _materialization(ui: Ui) -> Image.Image:
    """Returns a materialisation's metadata, histogram and sample, and one of its checks."""
    page = ui.page
    page.set_viewport_size({"width": 1250, "height": 1000})
    ui.open("assets/normalized_products", view="events", partition=PARTITION)
    page.get_by_text("confidence_histogram", exact=True).wait_for()
    metadata = _taken(page.get_by_role("table").filter(has_text="confidence_histogram"))
    histogram = _taken(ui.show_markdown("confidence_histogram").locator("img"))
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 2600, "height": 1000})
    sample = _taken(ui.show_markdown("sample").get_by_role("table"))
    page.set_viewport_size({"width": 1370, "height": 970})
    ui.open("assets/normalized_products", view="checks", checkDetail="share_accepted")
    page.locator("canvas").first.wait_for()
    expect(page.get_by_text(PARTITION, exact=True).first).to_be_visible()
    beside = page.get_by_text("About", exact=True).bounding_box()
    assert beside is not None
    left, top = beside["x"] - MARGIN, beside["y"] - MARGIN / 2
    clip = FloatRect(x=left, y=top, width=1370 - left, height=970 - top)
    check = Image.open(BytesIO(page.screenshot(clip=clip)))
    second = metadata.width + 2 * MARGIN
    below = max(metadata.height + histogram.height, check.height) + 2 * MARGIN
    size = (max(second + check.width, sample.width + 2 * MARGIN), below + sample.height + MARGIN)
    whole = Image.new("RGB", size, "white")
    for part, place in (
        (metadata, (MARGIN, MARGIN)),
        (histogram, (MARGIN, metadata.height + 2 * MARGIN)),
        (check, (second, MARGIN)),
        (sample, (MARGIN, below)),
    ):
        whole.paste(part, place)
    whole.thumbnail((WIDTH, whole.height), Image.Resampling.LANCZOS)
    return whole


def _taken(element: Locator) -> Image.Image:
    element.wait_for()
    return Image.open(BytesIO(element.screenshot()))
