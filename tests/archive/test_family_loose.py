"""Families whose foreign keys the database does not hold: nobody is orphaned in silence."""

import threading
import time

import pytest
from django.db import connection, connections, transaction

from dbhealth.archive import archive_table
from tests.famapp.models import Case, CaseArchive, Paper
from tests.famapp.tools import OLD, YOUNG, keys
from tests.testapp import raw

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

WAITS = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'"
    " AND relation = 'famapp_paper'::regclass"
)


def until_somebody_waits():
    deadline = time.monotonic() + 20
    while not raw.fetch(WAITS)[0][0]:
        assert time.monotonic() < deadline, "nobody waits for the table"
        time.sleep(0.02)


@pytest.mark.parametrize("commits", [True, False])
def test_a_child_that_is_being_written_is_waited_for(commits):
    first, second = (Case.objects.create(opened_at=OLD) for _ in range(2))
    Case.objects.create(opened_at=YOUNG)
    found = {}

    def archive():
        try:
            found.update(archive_table(Case))
        finally:
            connections.close_all()

    working = threading.Thread(target=archive)
    with transaction.atomic():
        Paper.objects.create(case=first, filed_at=OLD, is_sealed=True)
        working.start()
        until_somebody_waits()
        transaction.set_rollback(not commits)
    working.join(timeout=30)
    assert connection.in_atomic_block is False
    assert found["state"] == "succeeded"
    assert keys(CaseArchive) == ({second.pk} if commits else {first.pk, second.pk})
    assert not Paper.objects.exclude(case__in=keys(Case)).exists()
