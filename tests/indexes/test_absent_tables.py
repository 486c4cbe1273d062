"""D008: a model's table that the database has lost."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from dbhealth.health.finding import Level
from dbhealth.health.report import run_checks
from tests.indexapp.models import Tag
from tests.testapp.raw import execute

TABLE = Tag._meta.db_table
MIGRATIONS = ("0001_initial", "0002_book_year")


def absent():
    """Return the findings about tables that are not there."""
    return run_checks("default", ids=["dbhealth.D008"]).findings


@pytest.mark.django_db
def test_a_table_that_is_gone_is_found_until_it_is_back():
    assert absent() == ()
    execute(f"ALTER TABLE {TABLE} RENAME TO set_aside")
    [found] = absent()
    assert (found.object, found.level) == (f"table {TABLE}", Level.ERROR)
    assert "indexapp.Tag is not there, and no migration waits" in found.title
    execute(f"CREATE VIEW {TABLE} AS SELECT * FROM set_aside")
    assert absent() == ()
    execute(f"DROP VIEW {TABLE}")
    recorder = MigrationRecorder(connection)
    for name in MIGRATIONS:
        recorder.record_unapplied("indexapp", name)
    assert absent() == ()  # migrate is about to make it
    for name in MIGRATIONS:
        recorder.record_applied("indexapp", name)
    execute(f"ALTER TABLE set_aside RENAME TO {TABLE}")
    assert absent() == ()
