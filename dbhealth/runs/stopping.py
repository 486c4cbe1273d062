"""Ctrl-C and SIGTERM: end after the batch at work, not in the middle of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Tells whether somebody wants the process to stop."""

    def __init__(self) -> None:
        """Begin without a wish."""
        self.reason: str | None = None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Take the first signal as a wish; the second one stops at once."""
        if self.reason is not None:
            raise KeyboardInterrupt
        self.reason = signal.Signals(signum).name


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Listen to SIGINT and SIGTERM inside the block, and put the old handlers back after it.

    Only the main thread can; elsewhere (a server's thread, a task worker) nothing is installed
    and the request never comes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, request) for number in signals}
    try:
        yield request
    finally:
        for number, handler in before.items():
            # None: the handler was not installed from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
