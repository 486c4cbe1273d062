"""Processes that archive and may be killed, stopped or interrupted: the tests' side of it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.moveapp.tools import PATIENCE


@dataclass
class Life:
    """One child process."""

    server: "Lives"
    pid: int

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """Return how it ended: "code" or "signal", "output", "errors"; or that it is "stopped"."""
        answer = self.server.ask(do="wait", pid=self.pid, seconds=seconds, kill=False)
        assert not answer.get("running"), "The process never came to an end."
        return answer

    def kill_after(self, seconds: float) -> dict[str, Any]:
        """Kill it so long after it began, unless it ends before; return how it ended."""
        return self.server.ask(do="wait", pid=self.pid, seconds=seconds, kill=True)


class Lives:
    """The fork server (tests.moveapp.forkserver), started when the first child is wanted."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.moveapp.forkserver"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def ask(self, **command: Any) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        assert line, "The fork server has ended."
        return json.loads(line)

    def start(self, *args: object, blow: dict[str, Any] | None = None, begins: str = "") -> Life:
        """Start `manage.py archive --table move_event` with further arguments."""
        return self.manage("archive", "--table", "move_event", *args, blow=blow, begins=begins)

    def manage(
        self, command: str, *args: object, blow: dict[str, Any] | None = None, begins: str = ""
    ) -> Life:
        """Start any command of manage.py."""
        # Some system checks connect to every database, also to one that this run has not made.
        whole = [command, "--skip-checks", *map(str, args)]
        return Life(self, self.ask(do="start", args=whole, blow=blow, begins=begins)["pid"])

    def run(self, *args: object, blow: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start a child and wait for its end."""
        return self.start(*args, blow=blow).wait()

    def clear(self) -> None:
        """Kill the children that are left."""
        self.ask(do="clear")

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(PATIENCE)
