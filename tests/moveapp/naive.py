"""Archive in a project with USE_TZ = False; run as a process of its own, prints JSON."""

import json
import sys
from datetime import datetime, timedelta

import django
from django.db import connection


def main(kind: str) -> dict[str, object]:
    """Insert rows an hour on both sides of the cutoff, or days around it; return what left."""
    from dbhealth.archive import archive_table
    from dbhealth.runs.models import MaintenanceRun
    from tests.moveapp.models import Event, EventArchive, Visit, VisitArchive

    # Naive and local is what a DateTimeField of this project takes.
    edge = datetime.now() - timedelta(days=30)
    if kind == "moments":
        for key, hours in ((1, -2), (2, -1), (3, 1), (4, 2)):
            Event.everything.create(pk=key, created_at=edge + timedelta(hours=hours))
        model, table = EventArchive, "move_event"
    else:
        for key, days in ((1, -2), (2, -1), (3, 0), (4, 1)):
            Visit.objects.create(pk=key, day=edge.date() + timedelta(days=days))
        model, table = VisitArchive, "move_visit"
    result = archive_table(table)
    run = MaintenanceRun.objects.get(pk=result["run"])
    archived = model.objects.order_by("pk")
    return {
        "archived": list(archived.values_list("pk", flat=True)),
        "second": archive_table(table)["rows"],
        "cutoff_is_off": abs((run.cutoff - edge).total_seconds()),
        "archived_at_is_off": abs((archived[0].archived_at - datetime.now()).total_seconds()),
    }


def edges(first: str, hours: int) -> list[list[str]]:
    """Insert a row for each half hour by the clock on the wall; return for each possible cutoff
    in this time what the clock shows and which rows would leave.

    ``first`` is an aware moment, ISO.
    """
    from django.utils import timezone

    from dbhealth.archive.plan import Asked, make_plan
    from dbhealth.archive.registry import find
    from dbhealth.backends import get_backend
    from tests.moveapp.models import Event

    begin, half = datetime.fromisoformat(first), timedelta(minutes=30)
    moments = [timezone.make_naive(begin + n * half).replace(fold=0) for n in range(2 * hours)]
    Event.everything.bulk_create(Event(pk=n, created_at=at) for n, at in enumerate(moments, 1))
    told = []
    for number in range(2 * hours):
        cutoff = begin + number * half
        plan = make_plan(
            find("move_event"),
            get_backend("default"),
            Asked(allow_emptying=True),
            cutoff=cutoff,
        )
        clock = timezone.make_naive(cutoff).replace(fold=0)
        expected = sum(moment < clock for moment in moments)
        told.append([cutoff.isoformat(), plan.eligible, expected])
    return told


if __name__ == "__main__":
    django.setup()
    try:
        what = sys.argv[1]
        told = edges(sys.argv[2], 6) if what == "edges" else main(what)
        print(json.dumps(told))  # noqa: T201
    finally:
        connection.close()
