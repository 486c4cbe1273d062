"""The project's pages on a server in a thread of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread

HOST = "localhost"


@contextmanager
def served() -> Iterator[str]:
    """Serve the pages and static files on a free port, and yield the address.

    No setting is changed for it, as Django's and pytest-django's own do: a process that
    executes a run would not find settings that somebody overrides.
    """
    thread = LiveServerThread(HOST, StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    try:
        yield f"http://{HOST}:{thread.port}"
    finally:
        thread.terminate()
