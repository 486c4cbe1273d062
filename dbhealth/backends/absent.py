"""A part that an engine has not got."""

from __future__ import annotations

from typing import Any, NoReturn

from dbhealth.exceptions import NotSupported


class Absent:
    """Stands where a backend's part would be; whatever is asked of it raises NotSupported."""

    def __init__(self, sentence: str) -> None:
        """Keep what is to be said."""
        self._sentence = sentence

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse."""
        raise NotSupported(self._sentence)


def absent(sentence: str) -> Any:
    """Return what refuses everything with ``sentence``, in place of any part."""
    return Absent(sentence)
