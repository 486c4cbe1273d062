"""The account that a server runs as: PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

# `postgres` comes with Debian's server packages, `nobody` is everywhere.
CANDIDATES = ("postgres", "nobody")


def unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account to start servers as, or None when this process may start them itself."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError(
        f"PostgreSQL does not run as root, and this machine has none of the accounts {CANDIDATES}."
    )


def popen_options() -> dict[str, Any]:
    """Return what subprocess needs to run a command as that account (nothing if not root).

    The working directory is moved too: the account may not be allowed to enter the current one.
    """
    account = unprivileged_account()
    if account is None:
        return {"cwd": "/"}
    return {"cwd": "/", "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give_away(path: Path) -> None:
    """Make the server's account the owner of a directory, closed to all others."""
    account = unprivileged_account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)
    path.chmod(0o700)


def can_run(program: Path) -> bool:
    """Whether the server's account may execute a program (a private home may forbid it)."""
    try:
        subprocess.run([program, "--version"], check=True, capture_output=True, **popen_options())
    except PermissionError:
        return False
    return True
