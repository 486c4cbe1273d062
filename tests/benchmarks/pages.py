"""The admin's pages over a large catalogue: `python -m tests.benchmarks.pages WHAT`.

WHAT is `make` (tables, what is kept about them, a history), `measure` or `shrink` (keep what is
known of a few tables only); each prints one JSON document.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import django
from django.core.management import call_command
from django.db import connection, models, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.benchmarks import catalogue

FEW, TURNS, LOOKS, RUNS, FINDINGS = 30, 7, 60, 500, 2_000
"""FEW tables are kept by `shrink`; RUNS and FINDINGS are on record."""

ADMIN = "bench"

PLAIN = "/admin/auth/user/"
"""Django's own list, of a hundred rows: what a page costs here without dbhealth."""


def make() -> dict[str, Any]:
    """Fill a database; return how long each snapshot took (seconds)."""
    if connection.vendor == "postgresql":
        catalogue.make()
        catalogue.remember()
    else:
        _tables()
    seconds = {
        "tables": _timed(lambda: _quietly("db_stats")),
        "indexes": _timed(lambda: _quietly("index_usage")),
    }
    with transaction.atomic():
        _history()
        _runs()
        _findings()
    _users()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return seconds


def measure() -> dict[str, Any]:
    """Return of each page seconds (the best turn), how many times Django's own list it takes (turn
    by turn), and its queries.
    """
    from django.contrib.auth.models import User

    client = Client()
    client.force_login(User.objects.get(username=ADMIN))
    found: dict[str, Any] = {}
    pages = dict(_pages())
    for name, address in pages.items():
        client.get(address)  # templates, content types and the like are read once only
        with CaptureQueriesContext(connection) as caught:
            assert client.get(address).status_code == 200, address
        found[name] = {"seconds": [], "ratios": [], "queries": len(caught)}
    for _ in range(TURNS):
        for name, address in pages.items():
            plain = _timed(lambda: client.get(PLAIN))
            took = _timed(lambda address=address: client.get(address))
            found[name]["seconds"].append(took)
            found[name]["ratios"].append(took / plain)
    return found


def shrink() -> dict[str, Any]:
    """Forget all but a few tables with their indexes, and all but a few runs and findings."""
    from dbhealth import models as kept

    names = [f"product_{number}" for number in range(FEW)]
    with transaction.atomic():
        kept.SizeChange.objects.exclude(relation__table__in=names).delete()
        kept.IndexCount.objects.exclude(index__table__in=names).delete()
        for model in (kept.TrackedTable, kept.TrackedIndex, kept.SizedRelation):
            model.objects.exclude(table__in=names).delete()
        for model in (kept.MaintenanceRun, kept.FindingRecord, kept.MissingIndex):
            last = list(model.objects.order_by("-pk").values_list("pk", flat=True)[:FEW])
            model.objects.exclude(pk__in=last).delete()
    return {"tables": kept.TrackedTable.objects.count()}


def _pages() -> Iterator[tuple[str, str]]:
    """Yield the list of each of our models with its address, and the page of a row of it."""
    from dbhealth.admin import PAGES
    from dbhealth.models import DatabaseHealth

    for model in PAGES:
        name = model._meta.model_name
        address = f"/admin/dbhealth/{name}/"
        yield f"{name} list", address
        if model is DatabaseHealth:
            continue
        yield f"{name} sorted", f"{address}?o=2"
        row = _row(model)
        yield f"{name} page", f"{address}{row.pk}/change/"


def _row(model: type[models.Model]) -> Any:
    """Return a row, of a table that has most indexes where there is one of it."""
    rows = model._default_manager.filter(database="default").order_by("pk")
    of_table = any(field.name == "table" for field in model._meta.fields)
    return (rows.filter(table="product_3").first() if of_table else None) or rows[0]


def _tables() -> None:
    """Make the tables of the catalogue on SQLite."""
    call_command("migrate", verbosity=0)
    with transaction.atomic(), connection.cursor() as cursor:
        for number in range(catalogue.TABLES):
            table = f"product_{number}"
            cursor.execute(
                f"CREATE TABLE {table} (id integer PRIMARY KEY, owner_id bigint NOT NULL, "
                "made_at datetime NOT NULL, title varchar(200) NOT NULL, state text, "
                "UNIQUE (title, state))"
            )
            cursor.execute(f"CREATE INDEX {table}_owner_id ON {table} (owner_id)")
            cursor.execute(f"CREATE INDEX {table}_open ON {table} (made_at) WHERE state IS NULL")
            if number % 3 == 0:
                cursor.execute(f"CREATE INDEX {table}_title ON {table} (title)")


def _history() -> None:
    """Give every table and index a past of so many days, in which it grew and was used."""
    from dbhealth import models as kept

    now = timezone.now()
    days = [now - timedelta(days=LOOKS - day) for day in range(LOOKS)]
    sizes = kept.SizeSnapshot.objects.bulk_create(
        kept.SizeSnapshot(
            database="default", number=100 + day, taken_at=at, bytes=10**9 + 10**6 * day
        )
        for day, at in enumerate(days)
    )
    uses = kept.IndexSnapshot.objects.bulk_create(
        kept.IndexSnapshot(database="default", number=100 + day, taken_at=at)
        for day, at in enumerate(days)
    )
    kept.SizedRelation.objects.update(first_seen=days[0])
    first, last = sizes[0].pk, sizes[-1].pk
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO dbhealth_sizechange (relation_id, snapshot_id, before, bytes) "
            "SELECT r.id, s.id, 8192, 8192 * (s.id - %s) FROM dbhealth_sizedrelation r "
            "CROSS JOIN dbhealth_sizesnapshot s WHERE s.id BETWEEN %s AND %s "
            "AND (r.id + s.id) %% 4 = 0",
            [first - 1, first, last],
        )
        cursor.execute(
            "INSERT INTO dbhealth_indexcount (index_id, snapshot_id, scans, rows_read, bytes) "
            "SELECT t.id, s.id, 100 + s.id, 1000, 8192 FROM dbhealth_trackedindex t "
            "CROSS JOIN dbhealth_indexsnapshot s WHERE s.id BETWEEN %s AND %s "
            "AND (t.id + s.id) %% 4 = 0",
            [uses[0].pk, uses[-1].pk],
        )


def _runs() -> None:
    from dbhealth.models import MaintenanceRun

    now = timezone.now()
    MaintenanceRun.objects.bulk_create(
        MaintenanceRun(
            operation=("vacuum", "archive", "init_indexes", "purge")[number % 4],
            database="default",
            target="*" if number % 2 == 0 else f"product_{number % 7}",
            options={"terms": {"tables": None}},
            state="succeeded",
            trigger="command",
            started_by="cron",
            created_at=now - timedelta(hours=number),
            started_at=now - timedelta(hours=number),
            finished_at=now - timedelta(hours=number, minutes=-5),
            rows_done=1000 * number,
            batches=number,
            result={"steps": [], "notes": ["nothing to say"], "refusals": []},
        )
        for number in range(RUNS)
    )


def _findings() -> None:
    from dbhealth.models import FindingRecord

    now = timezone.now()
    levels = ("info", "warning", "error", "critical")
    FindingRecord.objects.bulk_create(
        FindingRecord(
            key=f"bench:{number}",
            check_id=f"dbhealth.V00{1 + number % 7}",
            database="default",
            object=f"table product_{number % catalogue.TABLES}",
            level=levels[number % 4],
            title=f"Something is wrong with product_{number}.",
            first_seen=now,
            last_seen=now,
            facts={"why": "It hurts.", "instead": "Mend it.", "reasons": ["It was seen."]},
        )
        for number in range(FINDINGS)
    )


def _users() -> None:
    from django.contrib.auth.models import User

    User.objects.create_superuser(ADMIN)
    names = (f"user_{number}" for number in range(100))
    User.objects.bulk_create(User(username=name, email=f"{name}@example.com") for name in names)


def _quietly(command: str) -> None:
    call_command(command, snapshot=True, database="default", stdout=io.StringIO())


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Do what the command line asks for."""
    django.setup()
    work = {"make": make, "measure": measure, "shrink": shrink}[sys.argv[1]]
    print(json.dumps(work()))  # noqa: T201


if __name__ == "__main__":
    main()
