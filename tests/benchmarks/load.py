"""A product at work: `python -m tests.benchmarks.load STOP_FILE SECONDS`.

Four connections read a user's newest events, write new ones and mark recent ones as processed, each
a transaction of its own, as fast as a hundred a second each. Ends after SECONDS, or when STOP_FILE
exists. Prints one JSON document: how many transactions there were, and the median, the 99th
percentile and the longest of their durations (milliseconds).
"""

import json
import random
import sys
import threading
import time
from pathlib import Path

import django
from django.db import connection

CONNECTIONS, PAUSE = 4, 0.01
USERS = 2_000

READ = (
    "SELECT id, feedback_type, content, created_at FROM benchapp_benchevent"
    " WHERE user_id = %s ORDER BY created_at DESC LIMIT 20"
)
WRITE = (
    "INSERT INTO benchapp_benchevent (user_id, feedback_type, context_type, session_id, content,"
    " created_at) VALUES (%s, 'type 1', 'context 1', 1, repeat('x', 160), now()) RETURNING id"
)
MARK = "UPDATE benchapp_benchevent SET processed_at = now() WHERE id = %s"


def work(stop: Path, until: float, durations: list[float], seed: int) -> None:
    """Do transactions until it is time to end; take down how long each took (seconds)."""
    rng, newest = random.Random(seed), 0  # noqa: S311
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM benchapp_benchevent")
        newest = cursor.fetchone()[0]
        while time.monotonic() < until and not stop.exists():
            began = time.perf_counter()
            dice = rng.random()
            if dice < 0.6:
                cursor.execute(READ, [int(USERS * rng.random() ** 3)])
                cursor.fetchall()
            elif dice < 0.85:
                cursor.execute(WRITE, [int(USERS * rng.random() ** 3)])
                newest = cursor.fetchone()[0]
            else:
                cursor.execute(MARK, [newest - rng.randrange(1_000)])
            durations.append(time.perf_counter() - began)
            time.sleep(PAUSE)
    connection.close()


def percentile(durations: list[float], share: float) -> float:
    """Return the duration that a share of all does not exceed (milliseconds)."""
    ordered = sorted(durations)
    return 1_000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    """Do the work that the command line asks for."""
    django.setup()
    stop, until = Path(sys.argv[1]), time.monotonic() + float(sys.argv[2])
    durations: list[float] = []
    threads = [
        threading.Thread(target=work, args=(stop, until, durations, seed))
        for seed in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The first second warms up connections and caches.
    counted = durations[CONNECTIONS * int(1 / PAUSE) // 2 :]
    found = {
        "transactions": len(counted),
        "p50": percentile(counted, 0.5),
        "p99": percentile(counted, 0.99),
        "max": percentile(counted, 1),
    }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
