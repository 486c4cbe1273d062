"""Drift: each way in which the code and the database can be apart, and none where they are not."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection, models
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q
from django.test import override_settings

from dbhealth.indexes.drift import Status, drift
from dbhealth.indexes.match import entries_of
from dbhealth.indexes.registry import Registry
from tests.indexapp import migrations
from tests.indexapp.models import Book, Mention, Tag
from tests.testapp.raw import execute

pytestmark = pytest.mark.django_db

TABLES = ("indexapp_book", "indexapp_tag", "indexapp_book_tags", "indexapp_mentions")


def adrift(registered=None, tables=TABLES):
    """Return what is not as it should be, by name."""
    found = drift("default", tables, registered or Registry())
    return {entry.name: entry for entry in found.entries if entry.status != Status.PRESENT}


def only(found, name, status):
    """Return the one entry that is adrift, which must be this one."""
    assert {key: str(entry.status) for key, entry in found.items()} == {name: status}
    return found[name]


@pytest.mark.django_db(databases=["default", "other"])
@pytest.mark.parametrize("alias", ["default", "other"])
def test_nothing_is_adrift_after_migrate(alias):
    found = drift(alias, registered=Registry())
    apart = [(entry.status, entry.table, entry.name, entry.why) for entry in found.entries]
    assert [entry for entry in apart if entry[0] != "present"] == []
    assert len(apart) > 100
    assert (found.absent, found.left_out) == ((), ())
    assert found.foreign > 0, "the tables of django_migrations and of unmanaged models"
    assert found.entries == tuple(sorted(found.entries, key=lambda item: (item.table, item.name)))


def test_a_declared_index_that_is_not_there_is_missing():
    execute("DROP INDEX book_state_year")
    entry = only(adrift(), "book_state_year", "missing")
    assert entry.declared.model == "indexapp.Book"
    assert entry.index is None
    assert entry.table == "indexapp_book"


def test_a_missing_unique_of_a_field_is_missing_under_the_name_that_django_would_give_it():
    stood = next(
        entry.name
        for entry in drift("default", TABLES).entries
        if entry.declared.kind == "unique_together"
    )
    if connection.vendor == "sqlite":
        execute(f'DROP INDEX "{stood}"')
    else:
        execute(f'ALTER TABLE indexapp_book DROP CONSTRAINT "{stood}"')
    [(name, entry)] = adrift().items()
    assert entry.status == Status.MISSING
    assert name.startswith("indexapp_book_shelf_id_place_")
    assert name.endswith("_uniq")


def test_the_same_structure_under_another_name_is_renamed():
    execute("DROP INDEX book_state_year")
    execute("CREATE INDEX by_hand ON indexapp_book (state, year DESC)")
    entry = only(adrift(), "by_hand", "renamed")
    assert entry.declared.name == "book_state_year"
    assert entry.index.name == "by_hand"
    assert "book_state_year" in entry.why


def test_what_nobody_asks_for_is_undeclared():
    execute("CREATE INDEX by_hand ON indexapp_book (state, year)")
    entry = only(adrift(), "by_hand", "undeclared")
    assert entry.declared is None
    assert entry.index.shape.columns == ("state", "year")


def test_a_second_index_like_a_declared_one_is_undeclared():
    execute("CREATE INDEX by_hand ON indexapp_book (state, year DESC)")
    only(adrift(), "by_hand", "undeclared")


EVERYWHERE = [
    ("book_state_year", "(state, year)", "order (state, year DESC) declared"),
    ("book_state_year", "(year DESC, state)", "keys (state, year) declared, (year, state)"),
    ("book_state_year", "(state, year DESC) WHERE place > 1", "predicate none declared"),
    ("book_cheap", "(year)", "predicate"),
    ("book_cheap", "(year) WHERE state = '40% off'", "predicate"),
    ("book_cheap", "(place) WHERE state = '50% off'", "keys"),
    ("book_upper", "(lower(title) DESC, year)", "keys"),
    ("book_upper", "(upper(title), year)", "order"),
    ("book_isbn_lower", "(lower(isbn))", "unique yes declared, no in the database"),
    ("UNIQUE book_state_year", "(state, year DESC)", "unique no declared, yes in the database"),
]
SQLITE = [("book_state_year", "(state COLLATE NOCASE, year DESC)", "collation of state")]
POSTGRESQL = [
    ("book_state_year", '(state COLLATE "C", year DESC)', "collation of state"),
    ("book_state_year", "(state text_pattern_ops, year DESC)", "opclass of state"),
    ("book_state_year", "(state, year DESC NULLS LAST)", "NULLs of year"),
    ("book_state_year", "(state, year DESC) INCLUDE (place)", "include none declared, (place)"),
    ("book_year", "USING hash (year)", "method btree declared, hash"),
    ("book_year", "USING brin (year)", "method btree declared, brin"),
    ("UNIQUE book_isbn_lower", "(lower(isbn)) NULLS NOT DISTINCT", "NULLs distinct"),
]
SORTS = [
    *EVERYWHERE,
    *(pytest.param(*sort, marks=pytest.mark.sqlite) for sort in SQLITE),
    *(pytest.param(*sort, marks=pytest.mark.postgresql) for sort in POSTGRESQL),
]


@pytest.mark.parametrize("name, definition, told", SORTS)
def test_the_same_name_with_another_structure_differs_and_says_in_what(name, definition, told):
    kind, _, name = name.rpartition(" ")
    execute(f"DROP INDEX {name}")
    execute(f"CREATE {kind} INDEX {name} ON indexapp_book {definition}")
    entry = only(adrift(), name, "differs")
    assert told in entry.why
    assert entry.declared.name == entry.index.name == name


@pytest.mark.parametrize(
    "name, definition",
    [
        ("book_cheap", "(year) where ( ( \"state\" ) ='50% off' )"),
        ("book_upper", 'ON (UPPER("title")   DESC, "year" ASC)'),
        ("book_state_year", '("state" ASC, "year" DESC)'),
        ("UNIQUE book_isbn_lower", "( lower ( isbn ) )"),
    ],
)
def test_the_words_do_not_matter_where_the_structure_is_the_same(name, definition):
    kind, _, name = name.rpartition(" ")
    execute(f"DROP INDEX {name}")
    execute(f"CREATE {kind} INDEX {name} ON indexapp_book {definition.removeprefix('ON ')}")
    assert adrift() == {}


def test_a_name_that_stands_on_another_table_differs():
    execute("DROP INDEX book_state_year")
    execute("CREATE INDEX book_state_year ON shop_labels (text)")
    entry, stranger = (
        entry for entry in drift("default").entries if entry.name == "book_state_year"
    )
    assert (entry.status, stranger.status) == ("differs", "undeclared")
    assert entry.table == "indexapp_book"
    assert "shop_labels" in entry.why


@pytest.fixture
def unapplied():
    """Take migrations of indexapp for not applied."""

    def take(*names):
        for name in names:
            MigrationRecorder(connection).record_unapplied("indexapp", name)

    return take


def test_what_a_migration_adds_that_is_not_applied_is_pending(unapplied):
    execute("DROP INDEX book_year")
    unapplied("0002_book_year")
    entry = only(adrift(), "book_year", "pending")
    assert "indexapp.0002_book_year adds it" in entry.why


def test_only_what_the_waiting_migration_adds_is_pending(unapplied):
    execute("DROP INDEX book_year")
    execute("DROP INDEX book_state_year")
    unapplied("0002_book_year")
    found = {name: str(entry.status) for name, entry in adrift().items()}
    assert found == {"book_year": "pending", "book_state_year": "missing"}


def test_a_table_that_a_waiting_migration_makes_is_pending_with_all_its_indexes(unapplied):
    execute("DROP TABLE indexapp_book_tags")
    unapplied("0001_initial", "0002_book_year")
    found = adrift(tables=["indexapp_book_tags"])
    assert {str(entry.status) for entry in found.values()} == {"pending"}
    assert all("indexapp.0001_initial" in entry.why for entry in found.values())


def test_a_table_that_no_migration_will_make_is_told_and_its_indexes_are_not():
    execute("DROP TABLE indexapp_book_tags")
    found = drift("default", TABLES, Registry())
    assert found.absent == ("indexapp_book_tags",)
    assert {entry.table for entry in found.entries} == {"indexapp_book", "indexapp_tag"}


def test_what_is_in_no_migration_yet_is_unmigrated(monkeypatch):
    new = models.Index(fields=["place", "-year"], name="book_new")
    monkeypatch.setattr(Book._meta, "indexes", [*Book._meta.indexes, new])
    entry = only(adrift(), "book_new", "unmigrated")
    assert "makemigrations" in entry.why


def test_a_field_that_is_given_an_index_is_unmigrated_until_makemigrations(monkeypatch):
    monkeypatch.setattr(Book._meta.get_field("year"), "db_index", True)
    [entry] = adrift().values()
    assert entry.status == Status.UNMIGRATED
    assert (entry.declared.kind, entry.declared.field) == ("db_index", "year")


def test_a_changed_declaration_is_unmigrated_and_not_different(monkeypatch):
    others = [index for index in Book._meta.indexes if index.name != "book_year"]
    changed = models.Index(fields=["-year"], name="book_year")
    monkeypatch.setattr(Book._meta, "indexes", [*others, changed])
    entry = only(adrift(), "book_year", "unmigrated")
    assert entry.index is not None


def test_an_index_taken_out_of_the_code_is_unmigrated_and_not_undeclared(monkeypatch):
    left = [index for index in Book._meta.indexes if index.name != "book_year"]
    monkeypatch.setattr(Book._meta, "indexes", left)
    entry = only(adrift(), "book_year", "unmigrated")
    assert entry.declared is None
    assert "makemigrations removes it" in entry.why


@pytest.fixture
def third_migration(tmp_path, monkeypatch):
    """Return a function that gives indexapp a third migration, which nobody applies."""

    def make(operations):
        package = tmp_path / "later_migrations"
        shutil.copytree(
            Path(migrations.__path__[0]), package, ignore=shutil.ignore_patterns("__pycache__")
        )
        (package / "0003_later.py").write_text(
            "from django.db import migrations, models\n"
            "class Migration(migrations.Migration):\n"
            "    dependencies = [('indexapp', '0002_book_year')]\n"
            f"    operations = [{operations}]\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        return override_settings(MIGRATION_MODULES={"indexapp": "later_migrations"})

    yield make
    for name in [name for name in sys.modules if name.startswith("later_migrations")]:
        del sys.modules[name]


def test_what_a_waiting_migration_removes_is_pending(monkeypatch, third_migration):
    left = [index for index in Book._meta.indexes if index.name != "book_year"]
    monkeypatch.setattr(Book._meta, "indexes", left)
    with third_migration("migrations.RemoveIndex('book', 'book_year')"):
        entry = only(adrift(), "book_year", "pending")
    assert "indexapp.0003_later removes it" in entry.why


@pytest.fixture
def renamed(monkeypatch):
    """Call an index of the books otherwise in the code."""
    new = Book._meta.indexes[[index.name for index in Book._meta.indexes].index("book_year")]
    monkeypatch.setattr(new, "name", "book_of_year")


def test_what_a_waiting_migration_renames_is_pending(renamed, third_migration):
    operation = "migrations.RenameIndex('book', new_name='book_of_year', old_name='book_year')"
    with third_migration(operation):
        entry = only(adrift(), "book_year", "pending")
    assert entry.declared.name == "book_of_year"
    assert "indexapp.0003_later renames it" in entry.why


def test_what_the_code_renames_without_a_migration_is_unmigrated(renamed):
    entry = only(adrift(), "book_year", "unmigrated")
    assert "No migration renames it yet" in entry.why


def test_where_the_database_cannot_say_what_it_would_make_only_the_name_counts():
    """So it is on a standby, which makes no temporary table to try a declaration out."""
    found = drift("default", TABLES, Registry()).entries
    blind = [replace(entry.declared, shape=None) for entry in found if entry.declared.named]
    entries = entries_of(blind, [entry.index for entry in found if entry.declared.named])
    assert {str(entry.status) for entry in entries} == {"present"}
    assert {entry.why for entry in entries} == {"Only its name could be compared."}
    [without] = entries_of(blind[:1], [])
    assert without.status == Status.MISSING


def test_a_registered_index_is_missing_until_it_is_made_and_then_present():
    own = Registry()
    own.register(Tag, models.Index(fields=["-name"], name="tag_down"))
    own.register(Mention, models.Index(fields=["word"], condition=Q(id__gt=5), name="mention_late"))
    assert {str(entry.status) for entry in adrift(own).values()} == {"missing"}
    assert adrift(own).keys() == {"tag_down", "mention_late"}
    execute("CREATE INDEX tag_down ON indexapp_tag (name DESC)")
    execute("CREATE INDEX mention_late ON indexapp_mentions (word) WHERE id > 5")
    assert adrift(own) == {}
    names = {entry.name for entry in drift("default", TABLES, own).entries}
    assert "mention_late" in names
    assert "mentions_own" not in names, "the rest of that table is not Django's business"


def test_one_unique_index_serves_two_declarations(monkeypatch):
    again = models.UniqueConstraint(fields=["name"], name="tag_name_again")
    monkeypatch.setattr(Tag._meta, "constraints", [again])
    found = drift("default", ["indexapp_tag"], Registry())
    statuses = {entry.declared.kind: str(entry.status) for entry in found.entries}
    assert statuses["unique"] == "present"
    assert statuses["UniqueConstraint"] in ("present", "renamed")


def test_only_the_tables_that_are_asked_for_are_looked_at():
    execute("DROP INDEX book_state_year")
    found = drift("default", ["indexapp_tag"], Registry())
    assert {entry.table for entry in found.entries} == {"indexapp_tag"}


def test_comparing_hundreds_of_indexes_takes_few_statements(django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        assert len(drift("default").entries) > 200
