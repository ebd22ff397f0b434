"""A real headless browser for the HTML report. Where the machine has none, its tests are skipped, and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
NEEDED = "MERGE_TOOL_NEED_BROWSER"


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium: the machine's own, else the one that `playwright install chromium` brought.

    With MERGE_TOOL_NEED_BROWSER set, having none fails the test instead of skipping it.
    """
    own = next(filter(None, (shutil.which(name) for name in NAMES)), None)
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=own, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
        except Error as error:
            reason = f"NO BROWSER: the HTML report was NOT tried in one ({str(error).splitlines()[0]}); install chromium, or run `playwright install chromium`"
            if os.environ.get(NEEDED):
                pytest.fail(reason)
            pytest.skip(reason)
        try:
            yield started
        finally:
            started.close()


class Shown:
    """A page that is open, and all that it complained of.

    Attributes:
        complaints: messages of the console, errors of scripts, dialogs, and every request that left the file.
    """

    def __init__(self, browser: Browser, file: Path, *, width: int = 1280, dark: bool = False) -> None:
        self.complaints: list[str] = []
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True
        )
        self.page: Page = context.new_page()
        self.page.on("console", lambda item: self.complaints.append(item.text))
        self.page.on("pageerror", lambda item: self.complaints.append(str(item)))
        self.page.on(
            "dialog", lambda item: (self.complaints.append(f"dialog {item.message}"), item.dismiss())
        )
        self.page.on("request", lambda item: self._request(item.url, file))
        self.page.goto(file.as_uri())

    def _request(self, url: str, file: Path) -> None:
        if url.partition("#")[0] != file.as_uri():
            self.complaints.append(f"request {url}")
