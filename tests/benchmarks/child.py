"""One measurement in a process of its own: `python -m tests.benchmarks.child WHAT ROWS`.

WHAT is a key of WORK. Prints one JSON document: rows, seconds, and the peak of the process's
memory (bytes). A process each, so that memory belongs to what is measured.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings

from dbhealth.backends import get_backend

BATCH = 5_000
"""Rows of a batch, as many as dbhealth's own are at most."""

RETENTION = timedelta(days=90)
"""As the policy of the table has it."""

STAYING = 0.1
"""Share of rows that are too young to leave."""

# As a product's log is: sessions, contexts and processing follow time; of 2,000 users a few are
# heavy, and their rows stand all over the table.
FILL = {
    "postgresql": """
        INSERT INTO benchapp_benchevent (user_id, feedback_type, context_type, session_id,
                                         content, created_at, processed_at)
        SELECT (2000 * power((i * 7919::bigint %% 10007) / 10007.0, 3))::bigint, 'type ' || i %% 7,
               'context ' || i %% 11, i / 20, repeat(md5(i::text), 5),
               %s::timestamptz + i * %s::interval,
               CASE WHEN i %% 5 > 0 THEN %s::timestamptz + i * %s::interval END
          FROM generate_series(1, %s) AS i""",
    "sqlite": """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s),
        event (i, u) AS (SELECT i, (i * 7919 %% 10007) / 10007.0 FROM n)
        INSERT INTO benchapp_benchevent (user_id, feedback_type, context_type, session_id,
                                         content, created_at, processed_at)
        SELECT CAST(2000 * u * u * u AS integer), 'type ' || i %% 7,
               'context ' || i %% 11, i / 20, printf('%%.160c', char(97 + i %% 26)),
               strftime('%%Y-%%m-%%d %%H:%%M:%%f', %s + i * %s, 'unixepoch'),
               CASE WHEN i %% 5 > 0
               THEN strftime('%%Y-%%m-%%d %%H:%%M:%%f', %s + i * %s, 'unixepoch') END FROM event""",
}


def fill(rows: int) -> int:
    """Make a table from which `rows` rows may leave; returns all its rows."""
    call_command("migrate", verbosity=0)
    total = int(rows * (1 + STAYING))
    now = datetime.now(tz=UTC)
    # Time runs evenly from the oldest row to now, and those of the last 90 days stay.
    step = RETENTION / (total - rows)
    first = now - step * total
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            times = (first.timestamp(), step.total_seconds())
            params = (total, *times, *times)
        else:
            params = (first, step, first, step, total)
        cursor.execute(FILL[connection.vendor], params)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return total


def _cutoff() -> datetime:
    return datetime.now(tz=UTC) - RETENTION


def unbatched(rows: int) -> int:
    """Move with one INSERT … SELECT and one DELETE in one transaction: the limit."""
    return _moved("created_at < %s", _cutoff())


def batched(rows: int) -> int:
    """Do the same in one transaction for every 5,000 keys, tuned as dbhealth tunes a connection.

    It asks nothing, checks nothing and records nothing: the limit of what moves in batches.
    """
    done, cutoff = 0, _cutoff()
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM benchapp_benchevent")
        last = cursor.fetchone()[0]
    with get_backend("default").session.tuned():
        for first in range(1, last + 1, BATCH):
            where = "created_at < %s AND id >= %s AND id < %s"
            done += _moved(where, cutoff, first, first + BATCH)
    return done


def _moved(where: str, *params: object) -> int:
    """Move the rows of a condition in one transaction; return how many."""
    names = ", ".join(
        ("id", "user_id", "feedback_type", "context_type", "session_id", "content", "created_at")
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO benchapp_benchevent_archive ({names}, processed_at, archived_at, "
            f"archive_run_id) SELECT {names}, processed_at, %s, 0 FROM benchapp_benchevent "
            f"WHERE {where}",
            [datetime.now(tz=UTC), *params],
        )
        cursor.execute(f"DELETE FROM benchapp_benchevent WHERE {where}", params)
        return int(cursor.rowcount)


def counted(rows: int) -> int:
    """Move with dbhealth without the checksum over every row."""
    with override_settings(DBHEALTH={"ARCHIVE_CHECKSUM": False}):
        return proved(rows)


def proved(rows: int) -> int:
    """Move with dbhealth as it comes, batches of at most 5,000 rows."""
    from dbhealth.archive import archive_table

    return archive_table("benchapp.BenchEvent")["rows"]


def loop(rows: int) -> int:
    """Move `rows` rows with the loop that a Django user writes: slice, bulk_create, delete."""
    from tests.benchapp.models import BenchEvent, BenchEventArchive

    done, cutoff, now = 0, _cutoff(), datetime.now(tz=UTC)
    names = [field.attname for field in BenchEvent._meta.concrete_fields]
    while done < rows:
        batch = list(BenchEvent.objects.filter(created_at__lt=cutoff)[:1_000])
        if not batch:
            break
        with transaction.atomic():
            BenchEventArchive.objects.bulk_create(
                BenchEventArchive(
                    **{name: getattr(event, name) for name in names},
                    archived_at=now,
                    archive_run_id=0,
                )
                for event in batch
            )
            BenchEvent.objects.filter(pk__in=[event.pk for event in batch]).delete()
        done += len(batch)
    return done


def busy(rows: int) -> int:
    """Have the server compute `rows` rows of nothing: what takes a core, and no lock or disk."""
    with connection.cursor() as cursor:
        # In the select list: as a table its rows would be written to disk first.
        series = "SELECT generate_series(1, %s) AS i"
        cursor.execute(f"SELECT count(*) FROM ({series}) AS n WHERE i %% 7 < 3", [rows])
        cursor.fetchone()
    return rows


WORK: dict[str, Callable[[int], int]] = {
    "fill": fill,
    "unbatched": unbatched,
    "batched": batched,
    "counted": counted,
    "proved": proved,
    "loop": loop,
    "busy": busy,
}


def peak() -> int:
    """Return the most memory that this process has had (bytes).

    Not ru_maxrss: on Linux that begins with what the process had before exec, which is pytest's.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Measure what the command line asks for."""
    django.setup()
    connection.ensure_connection()
    # Its modules are loaded once in a process, however many rows it moves.
    get_backend("default")
    work, rows = WORK[sys.argv[1]], int(sys.argv[2])
    began = time.perf_counter()
    done = work(rows)
    seconds = time.perf_counter() - began
    print(json.dumps({"rows": done, "seconds": seconds, "peak_bytes": peak()}))  # noqa: T201


if __name__ == "__main__":
    main()
