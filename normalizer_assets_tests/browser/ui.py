"""What a person does in Dagster's UI: look at a page, choose assets, click.

Belongs here: where things are on Dagster's pages. Does not belong here: any check, and what
this project shows on them.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, TimeoutError, ViewportSize  # noqa: A004 - its own

GROUPS = ("products", "prices", "reports")
REOPEN_EVERY_MS, REOPEN_SECONDS = 4_000, 60.0
TALL = ViewportSize(width=1600, height=3000)
"""Dagster's pages scroll inside the window, so a picture of a whole page ends with the window."""


class Ui:
    """Dagster's UI in a browser.

    Args:
        page: Shows nothing yet.
        url: Where it is served.
        pictures: Folder for pictures.
    """

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        self.page, self._url, self._pictures = page, url, pictures
        # "Join the Dagster community" comes over a newcomer's first page, when it likes.
        page.add_locator_handler(page.get_by_role("button", name="Skip"), lambda skip: skip.click())

    def open(self, path: str, **query: str) -> None:
        """Opens a page."""
        self.page.goto(f"{self._url}/{path}?{urlencode(query)}")

    def picture(self, name: str) -> None:
        """Keeps what is shown."""
        self.page.screenshot(path=self._pictures / f"{name}.png")

    def picture_of_all(self, name: str) -> None:
        """Keeps what is shown and what one would scroll to."""
        shown = self.page.viewport_size
        assert shown is not None
        self.page.set_viewport_size(TALL)
        self.page.wait_for_load_state("networkidle")
        self.picture(name)
        self.page.set_viewport_size(shown)

    def open_graph(self) -> None:
        """Opens the graph of all assets, its groups unfolded."""
        # As Alt+E does, which unfolds nothing where it comes before the graph is drawn.
        self.open("asset-groups", expanded=",".join(f"global@global:{one}" for one in GROUPS))

    def asset(self, name: str) -> Locator:
        """Returns the asset's name where the graph draws it."""
        return self.page.locator("foreignObject").get_by_text(name, exact=True)

    def choose(self, assets: Iterable[str]) -> None:
        """Selects assets of the graph."""
        for number, name in enumerate(assets):
            self.asset(name).click(modifiers=["Shift"] if number else [])

    def materialize(self, day: str, retailer: str) -> float:
        """Materialises the chosen assets for one partition, and goes to the page of its run.

        Returns:
            When it was launched, in seconds since 1970.
        """
        page = self.page
        page.get_by_role("button", name="Materialize selected").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_placeholder("ex: ").fill(day)
        page.keyboard.press("Tab")
        dialog.get_by_text("Select a partition").click()
        page.get_by_placeholder("Filter partitions").fill(retailer)
        page.get_by_text(retailer, exact=True).filter(visible=True).last.click()
        page.keyboard.press("Escape")
        launch = dialog.get_by_role("button", name="Launch 1 run")
        launch.wait_for()
        self.picture(f"launch_{retailer}")
        clicked = time.time()
        launch.click()
        page.get_by_role("link", name="View", exact=True).click()
        page.wait_for_url("**/runs/**")
        return clicked

    def open_until_shown(self, wanted: Locator, path: str, **query: str) -> None:
        """Opens a page again and again: one of events goes on showing what was newest at first."""
        deadline = time.monotonic() + REOPEN_SECONDS
        while True:
            self.open(path, **query)
            try:
                wanted.wait_for(timeout=REOPEN_EVERY_MS)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def check(self, name: str) -> Locator:
        """Returns a check's line in the list of an asset's checks."""
        return self.page.get_by_title(name, exact=True).locator("..")

    def show_markdown(self, name: str) -> Locator:
        """Opens an entry of the metadata that is shown in a dialog of its own."""
        row = self.page.get_by_role("row").filter(has=self.page.get_by_text(name, exact=True))
        row.get_by_text("Show Markdown").click()
        return self.page.get_by_role("dialog")

    def text(self) -> str:
        """Returns all text of the page."""
        return self.page.locator("body").inner_text()
