"""Which processes hold a lock on a database file: SQLite does not know, Linux does.

SQLite locks bytes of the file itself, and in WAL mode of the file beside it that ends in "-shm".
https://www.sqlite.org/lockingv3.html, https://man7.org/linux/man-pages/man5/proc_locks.5.html
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dbhealth.saying import say as _

_LOCKS = Path("/proc/locks")


def lockers(name: str) -> tuple[str, ...]:
    """Return in words who holds write locks on the database file ``name``.

    Empty where the system does not tell, or where nobody holds one any more.
    """
    files = set()
    for path in (name, f"{name}-shm"):
        with suppress(OSError, ValueError):
            files.add(os.stat(path).st_ino)
    found: set[int] = set()
    with suppress(OSError):
        found = {pid for pid, inode in _writers(_LOCKS.read_text()) if inode in files}
    return tuple(_told(pid) for pid in sorted(found))


def _writers(text: str) -> list[tuple[int, int]]:
    """Return process and inode of each write lock; a line that waits has "->" before its kind."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 6 and words[3] == "WRITE" and words[1] != "->":
            with suppress(ValueError):
                found.append((int(words[4]), int(words[5].rpartition(":")[2])))
    return found


def _told(pid: int) -> str:
    if pid == os.getpid():
        return _("process {pid} (this very one, by another connection)", pid=pid)
    words: list[str] = []
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    command = " ".join(word for word in words if word)[:80]
    if command:
        return _("process {pid} ({command})", pid=pid, command=command)
    return _("process {pid}", pid=pid)
