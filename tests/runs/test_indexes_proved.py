"""Every index of dbhealth's own tables is used by the question that it exists for."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.db import connection

from dbhealth.archive.tracked import TrackedArchive
from dbhealth.health.models import FindingRecord
from dbhealth.indexes.models import IndexCount, IndexSnapshot, MissingIndex, TrackedIndex
from dbhealth.indexes.testing import assert_uses_index
from dbhealth.maintenance.models import SizeChange, SizedRelation, SizeSnapshot, TrackedTable
from dbhealth.queries.models import RecordedStatement, RecordedUse
from dbhealth.runs.control import list_runs
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.states import ACTIVE, WORKING
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 3_000
ALIASES = ("default", "reports", "archive", "logs")
# SQLite compares the condition of a partial index with the text of the query, where "IN" has
# parameters and not the values: these two serve as a constraint there, or not at all.
LEFT_OUT = {"dbhealth_one_active_run", "dbhealth_run_working"} if postgres_major() is None else {}
MODELS = (
    *(RecordedStatement, RecordedUse),
    *(IndexCount, IndexSnapshot, MissingIndex, TrackedIndex),
    *(SizeChange, SizeSnapshot, SizedRelation, TrackedTable, TrackedArchive),
    *(MaintenanceRun, FindingRecord),
)


def at(number):
    return NOW - timedelta(hours=number)


def runs():
    for n in range(ROWS):
        yield MaintenanceRun(
            operation="archive" if n % 3 else "purge",
            database="default",
            target=f"table_{n % 60}",
            # A few are at work at any moment; one table has one active run.
            state="running" if n < 3 else "succeeded",
            trigger="command",
            created_at=at(n),
            heartbeat_at=at(n),
        )


def findings():
    for n in range(ROWS):
        yield FindingRecord(
            key=f"key {n}",
            check_id=f"dbhealth.I{n % 40:03}",
            database="default",
            level="warning",
            title="a finding",
            first_seen=at(n),
            last_seen=NOW,
            resolved_at=at(n) if n % 20 else None,
        )


def fill():
    MaintenanceRun.objects.bulk_create(runs())
    FindingRecord.objects.bulk_create(findings())
    looks = IndexSnapshot.objects.bulk_create(
        IndexSnapshot(database=ALIASES[n % 4], number=ROWS - n, taken_at=at(n)) for n in range(ROWS)
    )
    tracked = TrackedIndex.objects.bulk_create(
        TrackedIndex(
            database="default", table=f"t{n // 5}", name=f"i{n}", first_seen=NOW, last_seen=NOW
        )
        for n in range(ROWS)
    )
    MissingIndex.objects.bulk_create(
        MissingIndex(
            database="default",
            table=f"t{n // 5}",
            what=f"i{n}",
            looked_at=NOW,
            code="missing",
            gravity=1,
        )
        for n in range(ROWS)
    )
    IndexCount.objects.bulk_create(
        IndexCount(index=tracked[n % 300], snapshot=looks[n // 2], scans=n, rows_read=n)
        for n in range(ROWS)
    )
    TrackedTable.objects.bulk_create(
        TrackedTable(
            database="default", table=f"t{n}", first_seen=NOW, looked_at=NOW, measured=True
        )
        for n in range(ROWS)
    )
    TrackedArchive.objects.bulk_create(
        TrackedArchive(database="default", table=f"t{n}", looked_at=NOW) for n in range(ROWS)
    )
    sized = SizeSnapshot.objects.bulk_create(
        SizeSnapshot(database=ALIASES[n % 4], number=ROWS - n, taken_at=at(n), bytes=n)
        for n in range(ROWS)
    )
    relations = SizedRelation.objects.bulk_create(
        SizedRelation(
            database="default",
            table=f"t{n // 5}",
            index=f"i{n}",
            first_seen=NOW,
            last_seen=NOW,
            bytes=n,
        )
        for n in range(ROWS)
    )
    SizeChange.objects.bulk_create(
        SizeChange(relation=relations[n % 300], snapshot=sized[n // 2], bytes=n)
        for n in range(ROWS)
    )
    RecordedUse.objects.bulk_create(
        RecordedUse(
            database="default",
            table=f"t{n % 50}",
            index=f"i{n % 100}",
            day=at(24 * (n // 100)).date(),
            uses=n,
            last_used=NOW,
        )
        for n in range(ROWS)
    )
    RecordedStatement.objects.bulk_create(
        RecordedStatement(
            database="default",
            table=f"t{n % 50}",
            index=f"i{n % 100}",
            fingerprint=f"{n:016}",
            sql="SELECT 1",
            last_used=at(n),
        )
        for n in range(ROWS)
    )


@pytest.fixture(scope="module", autouse=True)
def rows(django_db_setup, django_db_blocker):
    """Fill the tables once, and empty them at the end."""
    with django_db_blocker.unblock():
        fill()
        analyze()
        yield
        for model in MODELS:
            model.objects.all().delete()
        analyze()


def analyze():
    with connection.cursor() as cursor:
        for model in MODELS:
            cursor.execute(f"ANALYZE {model._meta.db_table}")


def of_table(model, **more):
    return model.objects.filter(database="default", table="t7", **more)


LAST_DAYS = {"day__lt": at(24 * 28).date()}
PROOFS = {
    # the newest runs, for the page and the command
    "dbhealth_run_created": lambda: list_runs("default"),
    # the last run of a table
    "dbhealth_run_target": lambda: MaintenanceRun.objects.filter(
        operation="archive", database="default", target="table_7"
    ).first(),
    # whom a new run would meet
    "dbhealth_one_active_run": lambda: list(
        MaintenanceRun.objects.filter(
            operation="archive", database="default", target="table_1", state__in=sorted(ACTIVE)
        )
    ),
    # those that say they work and may be dead
    "dbhealth_run_working": lambda: list(
        MaintenanceRun.objects.filter(state__in=sorted(WORKING), heartbeat_at__lt=NOW)
    ),
    # one finding, what is wrong now, what has been resolved for too long
    "dbhealth_finding_key": lambda: list(FindingRecord.objects.filter(key="key 7")),
    "dbhealth_finding_open": lambda: list(
        FindingRecord.objects.filter(database="default", resolved_at__isnull=True)
    ),
    "dbhealth_finding_resolved": lambda: list(
        FindingRecord.objects.filter(database="default", resolved_at__lt=at(ROWS - 30))
    ),
    # the look before this one
    "dbhealth_snapshot_number": lambda: (
        IndexSnapshot.objects.filter(database="default").order_by("-number").first()
    ),
    # looks that are kept too long
    "dbhealth_snapshot_taken": lambda: list(
        IndexSnapshot.objects.filter(database="default", taken_at__lt=at(ROWS - 30))
    ),
    # the history of one index, and of those of a table
    "dbhealth_tracked_index": lambda: list(of_table(TrackedIndex)),
    "dbhealth_index_count": lambda: list(
        IndexCount.objects.filter(index=IndexCount.objects.all()[0].index_id)
    ),
    # what a table lacks
    "dbhealth_missing_index": lambda: list(of_table(MissingIndex)),
    # the look at sizes before this one, those that are kept too long, the history of a table
    "dbhealth_size_number": lambda: (
        SizeSnapshot.objects.filter(database="default").order_by("-number").first()
    ),
    "dbhealth_size_taken": lambda: list(
        SizeSnapshot.objects.filter(database="default", taken_at__lt=at(ROWS - 30))
    ),
    "dbhealth_sized_relation": lambda: list(of_table(SizedRelation)),
    # one table as it stands, one archive
    "dbhealth_tracked_table": lambda: list(of_table(TrackedTable)),
    "dbhealth_tracked_archive": lambda: list(of_table(TrackedArchive)),
    "dbhealth_size_change": lambda: list(
        SizeChange.objects.filter(relation=SizeChange.objects.all()[0].relation_id)
    ),
    # the days of an index, the days that are kept too long
    "dbhealth_one_use_a_day": lambda: list(of_table(RecordedUse, index="i7")),
    "dbhealth_use_day": lambda: list(RecordedUse.objects.filter(**LAST_DAYS)),
    # the statements of an index, those that are kept too long
    "dbhealth_one_statement": lambda: list(of_table(RecordedStatement, index="i7")),
    "dbhealth_statement_used": lambda: list(
        RecordedStatement.objects.filter(last_used__lt=at(ROWS - 30))
    ),
}


def test_every_index_that_dbhealth_declares_has_its_proof():
    declared = {
        item.name
        for model in apps.get_app_config("dbhealth").get_models()
        for item in [*model._meta.indexes, *model._meta.constraints]
    }
    assert declared == set(PROOFS)


@pytest.mark.parametrize("name", [name for name in PROOFS if name not in LEFT_OUT])
def test_the_index_is_used_by_the_question_it_exists_for(name):
    assert_uses_index(PROOFS[name], name)
