"""A browser, the pages on a server of their own, and somebody who is logged in."""

import threading
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.admin.conftest import client_of
from tests.browser import chromium
from tests.browser.complaints import Complaints
from tests.browser.serving import served
from tests.moveapp.tools import PATIENCE

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE * 1_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start a browser for all tests of the package."""
    with chromium.started() as browser:
        yield browser


@pytest.fixture(scope="package")
def server(django_db_setup: None) -> Iterator[str]:
    """Serve the pages of the test project, and return their address."""
    with served() as address:
        yield address


@pytest.fixture
def visit(
    browser: Browser,
    server: str,
    process_environment: Callable[[], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Page]]:
    """Return a function that lets somebody look at the pages in a window of their own.

    At the end no window may have had anything to complain about, and the processes that
    execute what was ordered are over.
    """
    # A run that a page starts executes in a child of this process.
    for name, value in process_environment().items():
        monkeypatch.setenv(name, value)
    contexts: list[BrowserContext] = []
    complaints = Complaints()

    def open_window(
        who: str = "operator",
        *,
        scheme: Literal["light", "dark"] = "light",
        size: dict[str, int] = WIDE,
    ) -> Page:
        context = browser.new_context(
            base_url=server, color_scheme=scheme, viewport=size, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1_000)
        cookie = client_of(who).cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server}])
        page = context.new_page()
        complaints.listen(page)
        return page

    yield open_window
    for context in contexts:
        context.close()
    for thread in threading.enumerate():
        if thread.name.startswith("dbhealth-run-"):
            thread.join(PATIENCE)
    assert complaints.heard == []
