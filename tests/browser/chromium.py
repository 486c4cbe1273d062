"""Where the browser is, and how it is started."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

PLACE = "DBHEALTH_TEST_BROWSER"
"""The variable that names the browser's program where it is not on the PATH."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It is alone with the pages: nothing is fetched from elsewhere."""


def program() -> str:
    """Return the browser's program. Without one the test is skipped, and fails on CI."""
    asked = os.environ.get(PLACE)
    names = (asked,) if asked else NAMES
    for name in names:
        if found := shutil.which(name):
            return found
    reason = f"The PATH has no browser ({', '.join(names)}); {PLACE} may name one."
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason} On CI a browser must be there.")
    pytest.skip(reason)


@contextmanager
def started() -> Iterator[Browser]:
    """Start the browser, and end it at the end of the block.

    Playwright runs an event loop in this thread as long as it runs, and Django then refuses to
    touch a database here unless it is told that this is meant.
    """
    path = program()
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before
