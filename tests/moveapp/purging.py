"""What the tests of the purge share: archived rows, and purges with somebody listening."""

from datetime import datetime, timedelta
from typing import Any

from dbhealth.archive.purge_execute import PurgeRun
from dbhealth.archive.purge_plan import PurgeAsked
from dbhealth.archive.purge_results import PurgeTable
from dbhealth.archive.registry import find
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.stopping import StopRequest
from tests.moveapp.models import EventArchive
from tests.moveapp.tools import Listener, ago, in_archive, stopped

TABLE = "move_event_archive"
DECADE = timedelta(days=3650)
KEPT = range(10**6, 10**6 + 100)
"""Keys of archived rows that are too young to go."""


def add_archived(
    keys: Any,
    *,
    days: float = 4000,
    run: int = 1,
    archived_at: datetime | None = None,
    **fields: Any,
) -> list[int]:
    """Insert rows into the archive, by default old enough to be purged; return their keys."""
    moment = archived_at or ago(days=days)
    plain = {"version": 0, "done": True, "hidden": False}
    fields = {"created_at": moment - timedelta(days=100), **plain, **fields}
    fields |= {"archived_at": moment, "archive_run_id": run}
    made = [EventArchive(pk=key, payload=f"event {key}", **fields) for key in keys]
    EventArchive.objects.bulk_create(made, batch_size=1_000)
    return [event.pk for event in made]


def keep_some() -> None:
    """Insert archived rows that stay, so many that the others are no large share."""
    add_archived(KEPT, days=10, run=2)


def old_ones() -> list[int]:
    """Return the keys in the archive without those that stay."""
    return [key for key in in_archive() if key not in KEPT]


def purging(
    table: str = "move_event",
    *,
    listener: Listener | None = None,
    stop: StopRequest | None = None,
    older_than: timedelta | None = DECADE,
    **asked: Any,
) -> PurgeTable:
    """Purge one archive with somebody listening, and return its result."""
    around = Circumstances(progress=listener or Listener(), stop=stop or StopRequest())
    run = PurgeRun(find(table), "default", PurgeAsked(older_than=older_than, **asked), around)
    run.execute()
    return run.told


def interrupted_purge(**asked: Any) -> MaintenanceRun:
    """Begin a purge, stop it before its first batch, and return its run."""
    return MaintenanceRun.objects.get(pk=purging(stop=stopped(), **asked)["run"])


def last_purge() -> MaintenanceRun:
    return MaintenanceRun.objects.filter(target=TABLE).latest("pk")
