"""What a browser complains about: errors of scripts, answers that fail, breaches of the policy."""

from playwright.sync_api import ConsoleMessage, Error, Page, Request, Response

OF_THE_SITE = "/favicon.ico"
"""What browsers ask every site for; whether there is one is not for the pages to say."""


class Complaints:
    """Collects what is wrong with the pages of windows, in ``heard``."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, page: Page) -> None:
        """Hear the complaints of one window from now on."""
        page.on("console", self._console)
        page.on("pageerror", self._script)
        page.on("requestfailed", self._request)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # A breach of the Content-Security-Policy is an error here as well.
        address = message.location.get("url", "")
        if message.type in ("error", "warning") and not address.endswith(OF_THE_SITE):
            self.heard.append(f"{address}: {message.text}")

    def _script(self, error: Error) -> None:
        self.heard.append(f"A script failed: {error}")

    def _request(self, request: Request) -> None:
        # Whoever leaves a page ends what it was just asking for.
        if request.failure != "net::ERR_ABORTED":
            self.heard.append(f"{request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and not response.url.endswith(OF_THE_SITE):
            self.heard.append(f"{response.url}: {response.status}")
