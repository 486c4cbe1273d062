"""A product at work: `python -m tests.benchmarks.load STOP_FILE SECONDS`.

Four connections read a user's newest events, write new ones and mark recent ones as processed, each
a transaction of its own, as fast as a hundred a second each. Ends after SECONDS, or when STOP_FILE
exists. Prints one JSON document: how many transactions there were, how many of all were refused
because of a lock, and the median, the 99th percentile and the longest of their durations
(milliseconds).
"""

import json
import random
import sys
import threading
import time
from pathlib import Path

import django
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

CONNECTIONS, PAUSE = 4, 0.01
USERS = 2_000
WARMING = 50
"""Transactions of each connection that are not counted."""

READ = (
    "SELECT id, feedback_type, content, created_at FROM benchapp_benchevent"
    " WHERE user_id = %s ORDER BY created_at DESC LIMIT 20"
)
WRITE = (
    "INSERT INTO benchapp_benchevent (user_id, feedback_type, context_type, session_id, content,"
    " created_at) VALUES (%s, 'type 1', 'context 1', 1, %s, %s) RETURNING id"
)
MARK = "UPDATE benchapp_benchevent SET processed_at = %s WHERE id = %s"


class Visitor:
    """One connection at work, and what became of its transactions."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.newest = self.refused = 0
        self.durations: list[float] = []

    def work(self, stop: Path, until: float) -> None:
        """Do transactions until it is time to end; take down how long each took (seconds)."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(id) FROM benchapp_benchevent")
            self.newest = cursor.fetchone()[0]
            while time.monotonic() < until and not stop.exists():
                began = time.perf_counter()
                try:
                    self.visit(cursor)
                except OperationalError:
                    self.refused += 1
                self.durations.append(time.perf_counter() - began)
                time.sleep(PAUSE)
        connection.close()

    def visit(self, cursor: CursorWrapper) -> None:
        """Do one transaction."""
        dice, now = self.rng.random(), timezone.now()
        if dice < 0.6:
            cursor.execute(READ, [self.user()])
            cursor.fetchall()
        elif dice < 0.85:
            cursor.execute(WRITE, [self.user(), "x" * 160, now])
            self.newest = cursor.fetchone()[0]
        else:
            cursor.execute(MARK, [now, self.newest - self.rng.randrange(1_000)])

    def user(self) -> int:
        """Return one of the users, mostly a heavy one."""
        return int(USERS * self.rng.random() ** 3)


def percentile(durations: list[float], share: float) -> float:
    """Return the duration that a share of all does not exceed (milliseconds)."""
    ordered = sorted(durations)
    return 1_000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    """Do the work that the command line asks for."""
    django.setup()
    stop, until = Path(sys.argv[1]), time.monotonic() + float(sys.argv[2])
    visitors = [Visitor(seed) for seed in range(CONNECTIONS)]
    threads = [threading.Thread(target=visitor.work, args=(stop, until)) for visitor in visitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The first of each warm up connections and caches. Who was kept waiting has no others.
    counted = [
        each for visitor in visitors for each in visitor.durations[WARMING:] or visitor.durations
    ]
    found = {
        "transactions": len(counted),
        "refused": sum(visitor.refused for visitor in visitors),
        "p50": percentile(counted, 0.5),
        "p99": percentile(counted, 0.99),
        "max": percentile(counted, 1),
    }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
