"""Indexes that a look has found or missed, as the tests of their pages need them."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from dbhealth.models import IndexCount, IndexSnapshot, MissingIndex, TrackedIndex
from dbhealth.saying import say

LIST = "admin:dbhealth_trackedindex_changelist"
MISSING = "admin:dbhealth_missingindex_changelist"
MIB = 1024**2
NOW = timezone.now()
DAY = timedelta(days=1)
TITLE = "shelf_title"


def a_verdict(code="unused", level="warning", confidence="high", **more):
    facts = {"why": "Nobody reads by it.", "reasons": ["120 days old."], "change": "Take it out."}
    return {"code": code, "level": level, "confidence": confidence, "sql": "", "other": ""} | (
        facts | more
    )


def an_index(name=TITLE, *verdicts, **facts):
    """Return an index as a look has found it, with verdicts on it, the gravest first."""
    values = {
        "database": "default",
        "table": "shelf",
        "name": name,
        "first_seen": NOW - 10 * DAY,
        "last_seen": NOW,
        "looked_at": NOW,
        "bytes": 3 * MIB,
        "scans": 12,
        "definition": f"CREATE INDEX {name} ON shelf (title)",
        "owner": "shop.Shelf",
        "app_label": "shop",
        "kind": "Meta.indexes",
        "declaration": "Index(fields=['title'])",
        "declared_by": "/srv/shop/models.py:42",
    }
    if verdicts:
        first = verdicts[0]
        values |= {
            "gravity": {"info": 3, "warning": 6, "error": 9}[first["level"]],
            "verdict": first["code"],
            "level": first["level"],
            "confidence": first["confidence"],
            "verdicts": list(verdicts),
        }
    return TrackedIndex(**{**values, **facts})


def make_index(*args, **facts):
    """Keep such an index."""
    index = an_index(*args, **facts)
    index.save()
    return index


def a_lack(what="place_id", code="foreign-key", **facts):
    values = {
        "database": "default",
        "table": "shelf",
        "what": what,
        "columns": [what],
        "looked_at": NOW,
        "code": code,
        "gravity": 6,
        "level": "warning",
        "confidence": "high",
        "why": say("A DELETE reads all of it."),
        "change": "Take db_index=False out.",
    }
    return MissingIndex(**{**values, **facts})


def make_missing(*args, **facts):
    lack = a_lack(*args, **facts)
    lack.save()
    return lack


def looked(days, *indexes):
    """Keep looks of so many days, at which indexes had as many scans as the number of the day."""
    looks = [
        IndexSnapshot(database="default", number=day, taken_at=NOW - (days - day) * DAY)
        for day in range(1, days + 1)
    ]
    looks = IndexSnapshot.objects.bulk_create(looks)
    IndexCount.objects.bulk_create(
        IndexCount(index=index, snapshot=look, scans=look.number, rows_read=0, bytes=look.number)
        for index in indexes
        for look in looks[1:]
    )


def listed(client, address=LIST, **query):
    """Return what is on the page of a list, in order."""
    response = client.get(reverse(address), query)
    assert response.status_code == 200
    name = "name" if address == LIST else "what"
    return [getattr(row, name) for row in response.context["cl"].result_list]


def page(client, row):
    kind = row._meta.model_name
    return client.get(reverse(f"admin:dbhealth_{kind}_change", args=[row.pk]))


def deed(name, *rows):
    keys = "&".join(f"pk={row.pk}" for row in rows)
    address = reverse(f"admin:dbhealth_{rows[0]._meta.model_name}_do", args=[name])
    return f"{address}?database=default&{keys}"
