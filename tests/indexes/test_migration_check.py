"""A waiting migration that would keep writers from a large table is told of before it runs."""

import sys
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest
from django.core import checks
from django.db import migrations, models
from django.db.migrations.state import ModelState, ProjectState
from django.test import override_settings

from dbhealth.indexes.migration_check import slow_migrations, slow_steps
from example_project.concurrently import AddIndexConcurrently as AddedBeside
from tests.testapp.models import Owner

LARGE = {"LARGE_TABLE_BYTES": 1}
WORD = models.CharField(max_length=20)


def state(**options):
    """Return the state of a project with one model that is there already."""
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("word", models.CharField(max_length=20)),
        ("year", models.IntegerField(db_index=True)),
    ]
    found = ProjectState()
    found.add_model(ModelState("shop", "Book", fields, {"db_table": "books", **options}))
    return found


def told(*operations):
    """Return what the check says of the operations of one migration."""
    made = type("Migration", (migrations.Migration,), {"operations": list(operations)})
    return [(step.table, step.what) for step in slow_steps(made("0002_more", "shop"), state())]


INDEX = models.Index(fields=["word"], name="by_word")
ONE_WORD = models.UniqueConstraint(fields=["word"], name="one_word")
POSITIVE = models.CheckConstraint(condition=models.Q(year__gt=0), name="positive")
OWNER = models.ForeignKey("shop.Book", models.CASCADE, null=True)
LOOSE = models.ForeignKey("shop.Book", models.CASCADE, null=True, db_index=False)

SLOW = {
    "an index": (migrations.AddIndex("book", INDEX), "builds by_word"),
    "unique": (migrations.AddConstraint("book", ONE_WORD), "builds the index of one_word"),
    "together": (
        migrations.AlterUniqueTogether("book", {("word", "year")}),
        "builds the index of a unique_together",
    ),
    "db_index": (
        migrations.AlterField("book", "word", models.CharField(max_length=20, db_index=True)),
        "builds the index of the field word",
    ),
    "unique field": (
        migrations.AlterField("book", "year", models.IntegerField(db_index=True, unique=True)),
        "builds the index of the field year",
    ),
    "foreign key": (migrations.AddField("book", "of", OWNER), "builds the index of the field of"),
}
QUICK = {
    "check": migrations.AddConstraint("book", POSITIVE),
    "no index any more": migrations.AlterField("book", "year", models.IntegerField()),
    "longer": migrations.AlterField("book", "word", models.CharField(max_length=40)),
    "plain column": migrations.AddField("book", "note", models.TextField(null=True)),
    "loose foreign key": migrations.AddField("book", "of", LOOSE),
    "state only": migrations.SeparateDatabaseAndState(
        state_operations=[migrations.AddIndex("book", INDEX)]
    ),
    "a new table": migrations.CreateModel("Other", [("word", WORD)]),
}


@pytest.mark.parametrize("operation, what", SLOW.values(), ids=SLOW)
def test_what_builds_an_index_in_writers_way_is_found(operation, what):
    assert told(operation) == [("books", what)]


@pytest.mark.parametrize("operation", QUICK.values(), ids=QUICK)
def test_what_is_quick_or_keeps_nobody_waiting_is_not_told_of(operation):
    assert told(operation) == []


@pytest.mark.postgresql
def test_an_index_that_is_built_concurrently_is_not_told_of():
    from django.contrib.postgres.operations import AddIndexConcurrently  # wants psycopg

    assert told(AddIndexConcurrently("book", INDEX)) == []


class QuietlyAdded(AddedBeside):
    """As a project may go on from its own operation."""


@pytest.mark.parametrize("operation", [AddedBeside, QuietlyAdded])
def test_an_operation_of_ones_own_for_both_engines_is_not_told_of(operation):
    assert told(operation("book", INDEX)) == []


def test_the_database_side_of_a_split_operation_counts():
    inner = migrations.AddIndex("book", INDEX)
    assert told(migrations.SeparateDatabaseAndState([inner], [inner])) == [
        ("books", "builds by_word")
    ]


def test_a_table_that_only_the_state_learns_of_is_followed():
    """As Django's manual gives a many-to-many field a through model of its own."""
    fields = [("id", models.BigAutoField(primary_key=True)), ("word", WORD)]
    step = migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RunSQL("ALTER TABLE shop_book_tags RENAME TO shop_tagged")],
        state_operations=[migrations.CreateModel("Tagged", fields)],
    )
    later = migrations.AddField("tagged", "of", OWNER)
    assert told(step, later) == []


def test_an_index_of_a_table_that_the_migration_itself_makes_is_quick():
    fields = [("id", models.BigAutoField(primary_key=True)), ("word", WORD)]
    index = models.Index(fields=["word"], name="by_word")
    assert told(migrations.CreateModel("Page", fields), migrations.AddIndex("page", index)) == []


OLD = "from importlib import import_module\nMigration = import_module({!r}).Migration\n"
NEW = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("testapp", "{last}")]
    operations = [
        migrations.AddIndex("owner", models.Index(fields=["code"], name="later")),
    ]
"""


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """Give tests.testapp a migration that waits and adds an index to a table that is there."""
    package = import_module("tests.testapp.migrations")
    names = sorted(path.stem for path in Path(package.__path__[0]).glob("0*.py"))
    folder = tmp_path / "waiting_migrations"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name in names:
        (folder / f"{name}.py").write_text(OLD.format(f"{package.__name__}.{name}"))
    (folder / "9999_later.py").write_text(NEW.format(last=names[-1]))
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(MIGRATION_MODULES={"testapp": "waiting_migrations"}, DBHEALTH=LARGE):
        yield
    for name in [name for name in sys.modules if name.startswith("waiting_migrations")]:
        del sys.modules[name]


@pytest.fixture
def owners():
    Owner.objects.create(code=uuid4(), label="somebody")


def found():
    return [
        (message.id, message.obj)
        for message in checks.run_checks(databases=["default"])
        if message.id == "dbhealth.W202"
    ]


@pytest.mark.postgresql
@pytest.mark.django_db
def test_a_waiting_migration_over_a_large_table_is_warned_of(waiting, owners):
    [message] = slow_migrations(["default"])
    assert (message.id, message.obj) == ("dbhealth.W202", "testapp.9999_later")
    assert "builds later while nobody can write the table testapp_owner (" in message.msg
    assert "AddIndexConcurrently" in message.hint
    assert found() == [("dbhealth.W202", "testapp.9999_later")]


@pytest.mark.postgresql
@pytest.mark.django_db
def test_a_small_table_needs_no_care(waiting, owners):
    with override_settings(DBHEALTH={}):
        assert slow_migrations(["default"]) == []


@pytest.mark.sqlite
@pytest.mark.django_db
def test_an_engine_that_knows_no_other_way_is_not_warned(waiting, owners):
    assert found() == []


@pytest.mark.django_db
def test_a_project_whose_migrations_are_applied_is_not_warned(owners):
    with override_settings(DBHEALTH=LARGE):
        assert slow_migrations(["default"]) == []
