"""Forks children that run `manage.py archive`, so that none of them pays for the imports.

Run as a process of its own that never connects to a database itself. It reads one JSON command a
line and answers with one JSON document a line:

    {"do": "start", "args": [...], "blow": {...} or null, "begins": "INSERT"}  ->  {"pid": 123}
    {"do": "wait", "pid": 123, "seconds": 30, "kill": false}
        ->  {"code": 1, "output": "...", "errors": "..."}, {"signal": 9, ...}, {"stopped": true}
            or {"running": true}
    {"do": "clear"}  ->  {}

"wait" ends when the child ends or is stopped by SIGSTOP, or so many seconds after its first
statement that contains "begins": the answer then is {"running": true}, or with "kill" the child is
killed first. A "blow" is a signal that the child sends to itself at one of its own statements, so
that the moment is exact: see `Blow`.
"""

import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from typing import Any

import django
from django.db import connections

LONGEST_START = 30.0
"""Seconds that a child may need until it begins."""


class Blow:
    """Sends a signal to its own process at the n-th point that matches.

    Points are: before and after each statement whose SQL contains ``match``, and, when ``match``
    is empty or "COMMIT", before and after each commit of a transaction. They count from the first
    statement on whose SQL contains ``since``.
    """

    def __init__(
        self,
        *,
        number: int,
        nth: int = 1,
        match: str = "",
        since: str = "",
        when: str = "both",
        times: int = 1,
    ) -> None:
        self.number, self.left, self.match, self.when = number, nth, match, when
        self.since, self.times = since, times

    def __call__(self, execute, sql, params, many, context):
        if self.since in sql:
            self.since = ""
        if self.match not in sql:
            return execute(sql, params, many, context)
        self._point("before")
        result = execute(sql, params, many, context)
        self._point("after")
        return result

    def install(self) -> None:
        connection = connections["default"]
        connection.execute_wrappers.append(self)
        if self.match not in ("", "COMMIT"):
            return
        commit = connection._commit

        def watched():
            self._point("before")
            commit()
            self._point("after")

        connection._commit = watched

    def _point(self, when: str) -> None:
        if self.since or self.when not in ("both", when):
            return
        self.left -= 1
        if self.left == 0:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


class Announcement:
    """Closes a pipe at the first statement that matches, so that the server sees it begin."""

    def __init__(self, pipe: int, match: str) -> None:
        self.pipe, self.match = pipe, match

    def __call__(self, execute, sql, params, many, context):
        if self.pipe and self.match in sql:
            os.close(self.pipe)
            self.pipe = 0
        return execute(sql, params, many, context)


def run_command(args: list[str]) -> int:
    from django.core.management import ManagementUtility

    try:
        ManagementUtility(["manage.py", *args]).execute()
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(bool(ending.code))
    return 0


class Server:
    """Starts children and waits for them."""

    def __init__(self) -> None:
        self.children: dict[int, tuple[int, list[Any]]] = {}

    def start(
        self, args: list[str], blow: dict[str, Any] | None = None, begins: str = ""
    ) -> dict[str, Any]:
        streams = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            for number, stream in enumerate(streams, 1):
                os.dup2(stream.fileno(), number)
            code = 70
            try:
                connections["default"].execute_wrappers.append(Announcement(writing, begins))
                if blow is not None:
                    Blow(**blow).install()
                code = run_command(args)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(writing)
        self.children[pid] = reading, streams
        return {"pid": pid}

    def wait(self, pid: int, seconds: float, kill: bool = False) -> dict[str, Any]:
        # A file descriptor that becomes readable when the child ends: no busy waiting. Being
        # stopped does not make it so, hence the short steps.
        ends = os.pidfd_open(pid)
        select.select([self.children[pid][0], ends], [], [], LONGEST_START if seconds else 0)
        deadline = time.monotonic() + seconds
        try:
            while True:
                found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
                left = deadline - time.monotonic()
                if found or left <= 0:
                    break
                select.select([ends], [], [], min(left, 0.02))
        finally:
            os.close(ends)
        if found and os.WIFSTOPPED(status):
            return {"stopped": True}
        if not found and not kill:
            return {"running": True}
        if not found:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        return self._ended(pid, status)

    def clear(self) -> dict[str, Any]:
        """Kill whoever is left; a test that failed may have left a child that sleeps."""
        for pid in list(self.children):
            self.wait(pid, 0, kill=True)
            if pid in self.children:  # stopped
                os.kill(pid, signal.SIGKILL)
                self._ended(pid, os.waitpid(pid, 0)[1])
        return {}

    def _ended(self, pid: int, status: int) -> dict[str, Any]:
        texts = []
        reading, streams = self.children.pop(pid)
        os.close(reading)
        for stream in streams:
            with stream:
                stream.seek(0)
                texts.append(stream.read())
        told = {"output": texts[0], "errors": texts[1]}
        if os.WIFSIGNALED(status):
            return told | {"signal": os.WTERMSIG(status)}
        return told | {"code": os.WEXITSTATUS(status)}


def main() -> None:
    django.setup()
    # What a child would import first thing.
    import dbhealth.backends.postgresql
    import dbhealth.backends.sqlite
    import dbhealth.management.commands.archive  # noqa: F401

    server = Server()
    answers = {"start": server.start, "wait": server.wait, "clear": server.clear}
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201
    for line in sys.stdin:
        command = json.loads(line)
        answer = answers[command.pop("do")](**command)
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
