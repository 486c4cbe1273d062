"""Free disk for VACUUM: it copies the file to a temporary one, and then writes it back.

Up to twice the size of the file: https://www.sqlite.org/lang_vacuum.html. Where temporary files
go: https://www.sqlite.org/tempfiles.html#temporary_file_storage_locations
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dbhealth.backends.upkeep import Room

_TEMPORARY = ("/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108 - where SQLite looks, in its order


def places(file: str, *, copy: int, journal: int) -> tuple[Room, ...]:
    """Return what is needed and free (bytes) for a ``copy`` and a ``journal``, by folder.

    Nothing for a database in memory (``file`` empty). Two folders on one disk are one place.
    """
    if not file:
        return ()
    home, temporary = os.path.dirname(file), _temporary()
    if not copy or os.stat(home).st_dev == os.stat(temporary).st_dev:
        return (_room(home, copy + journal),)
    return _room(home, journal), _room(temporary, copy)


def _room(folder: str, needed: int) -> Room:
    return Room(place=folder, needed=needed, free=shutil.disk_usage(folder).free)


def _temporary() -> str:
    named = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"))
    for folder in (*named, *_TEMPORARY):
        if folder and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return "."
