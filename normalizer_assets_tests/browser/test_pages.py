"""What the UI's pages say of the project: nothing is without a description or raw.

Pictures of them are kept where NORMALIZER_PICTURES names a folder: to be looked at.
"""

import re

import pytest
from playwright.sync_api import expect

from normalizer_assets_tests.browser.served import Served
from normalizer_assets_tests.browser.ui import Ui
from normalizer_assets_tests.scene import STATIONS

pytestmark = pytest.mark.slow

RAW = re.compile(r"<[\w.]+ object at|datetime\.|Decimal\(|\{'|\[\]|\b(None|nan)\b")
"""What Python writes, and people do not."""
LONG_NUMBER = re.compile(r"\d\.\d{12}")
"""More digits than an amount of money has."""


@pytest.mark.parametrize("asset", [*STATIONS, "price_comparison", "daily_report"])
def test_an_asset_says_what_it_is(ui: Ui, asset: str) -> None:
    ui.open(f"assets/{asset}", view="overview")
    expect(ui.page.get_by_text("Description", exact=True).first).to_be_visible()
    expect(ui.page.get_by_text("select ").first).to_be_visible()
    ui.picture_of_all(f"asset_{asset}")
    _assert_written_for_people(ui)


@pytest.mark.parametrize(
    ("asset", "shown"),
    [
        ("routed_products", "score_histogram"),
        ("batch_results", "cost_by_model"),
        ("normalized_products", "confidence_histogram"),
        ("normalized_products", "sample"),
        ("daily_report", "report"),
    ],
)
def test_what_a_materialisation_shows_can_be_read(
    ui: Ui, stack: Served, asset: str, shown: str
) -> None:
    if not stack.rows("select from normalizer.published_products limit 1"):
        pytest.skip("nothing is materialised yet; test_clicks.py does it")
    ui.open(f"assets/{asset}", view="events")
    expect(ui.show_markdown(shown).locator("img, table").first).to_be_visible()
    ui.picture_of_all(f"shown_{asset}_{shown}")
    _assert_written_for_people(ui)


def test_automation_says_what_each_of_it_does(ui: Ui) -> None:
    ui.open("automation")
    for name in ("collect_finished_batches", "nightly_submission"):
        expect(ui.page.get_by_text(name, exact=True).first).to_be_visible()
    ui.picture("automation")
    _assert_written_for_people(ui)


def _assert_written_for_people(ui: Ui) -> None:
    text = ui.text()
    assert not RAW.findall(text)
    assert not LONG_NUMBER.findall(text)
