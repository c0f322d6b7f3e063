"""A browser before the real UI. Where there is none, its tests are skipped and say so."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from normalizer_assets_tests.browser.served import Served, served
from normalizer_assets_tests.browser.ui import Ui

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PICTURES_VARIABLE = "NORMALIZER_PICTURES"
"""A folder that keeps what the browser showed; else it goes with the test's own folder."""
VIEWPORT = ViewportSize(width=2200, height=1200)
"""In a smaller one the graph shows its assets without details, and cuts long names."""
PATIENCE_MS = 60_000
"""A page takes a second, and on a machine that does much else half a minute."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium; none is downloaded."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        # Chromium's sandbox needs rights that a container does not give.
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        expect.set_options(timeout=PATIENCE_MS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def stack(
    browser: Browser,  # noqa: ARG001 - without one it would be started in vain
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """One start for all tests."""
    with served(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a newcomer: nothing is remembered from an earlier one."""
    context = browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of the pages go."""
    folder = Path(os.environ.get(PICTURES_VARIABLE) or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def ui(page: Page, stack: Served, pictures: Path) -> Ui:
    """Dagster's UI, without the dialog that greets a newcomer."""
    return Ui(page, stack.url, pictures)
