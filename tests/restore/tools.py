"""What the tests of restoring share: archived rows, calls, and everything that is stored."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.query import QuerySet

from dbhealth.archive import archive_table, restore
from dbhealth.archive.registry import find
from dbhealth.archive.restore_api import prepared
from dbhealth.archive.restore_refusals import KINDS
from dbhealth.archive.restore_wanted import Wanted
from dbhealth.exceptions import Refused
from dbhealth.runs.circumstances import Circumstances
from tests.moveapp.tools import Listener
from tests.testapp import raw

NOW = datetime.now(tz=UTC)
OLD = NOW - timedelta(days=1000)
YOUNG = NOW - timedelta(days=1)


def archived(model, *instances):
    """Save instances and archive them; return the id of the run."""
    for instance in instances:
        QuerySet(model).bulk_create([instance])
    return archive_table(model, allow_emptying=True)["run"]


def stored(model):
    """Return the rows of the source and of the archive, to the byte."""
    archive = find(model)
    return tuple(
        raw.rows(table, list(raw.columns(table)))
        for table in (archive.table, archive.archive_table)
    )


def keys(model):
    """Return the keys in the source and those in the archive."""
    archive = find(model)
    return tuple(
        sorted(QuerySet(kind).values_list("pk", flat=True)) for kind in (model, archive.model)
    )


def entry(model, **options):
    """Restore one table and return its entry."""
    result = restore(model, **options)
    (found,) = result["tables"].values()
    return found


def bring_back(run, *, listener=None, stop=None, **options):
    """Restore events of a run with somebody listening; return the entry, or raise its error."""
    around = Circumstances(progress=listener or Listener(), **({"stop": stop} if stop else {}))
    work = prepared(["move_event"], None, Wanted(run=run, **options), around)
    result = work.execute()["tables"]["move_event"]
    if work.errors:
        raise work.errors[0]
    return result


def reported(model, **options):
    """Return the conflicts of a call, as (kind, rows), which the call refuses and a dry run
    shows, and neither of them changes anything."""
    before = stored(model)
    planned = entry(model, dry_run=True, **options)
    with pytest.raises(Refused) as refused:
        entry(model, **options)
    assert planned["state"] == "refused"
    codes = [each.code for each in refused.value.refusals]
    assert codes == [each["kind"] for each in planned["conflicts"]]
    assert stored(model) == before
    assert all(each["kind"] in KINDS for each in planned["conflicts"])
    return [(each["kind"], each["rows"]) for each in planned["conflicts"]]
