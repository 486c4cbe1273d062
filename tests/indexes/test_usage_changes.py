"""What to write where to carry a verdict out, for everything that declares indexes."""

import inspect

import pytest
from django.contrib.auth.models import Group
from django.db import models

from dbhealth.backends import get_backend
from dbhealth.indexes.changes import Changes
from dbhealth.indexes.declared import catalogue
from dbhealth.indexes.kinds import Kind
from dbhealth.indexes.registry import Registry
from dbhealth.indexes.verdict_records import Code, Confidence, Level, Verdict
from tests.indexapp.models import Book
from tests.indexes.judging import a_subject, an_index
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.django_db

on_postgresql = pytest.mark.skipif(postgres_major() is None, reason="Only PostgreSQL has these.")


def owned(table, kind, name="", registry=None):
    """Return what declares an index: the first one of its kind, or the one of this name."""
    return next(
        item
        for item in catalogue("default", registry or Registry())
        if (item.table, item.kind) == (table, kind) and name in item.name
    )


def change(code, owner, index=None):
    """Return the verdict's change and its SQL."""
    index = index or an_index("goods_i", "a")
    verdict = Verdict(code, Level.INFO, Confidence.HIGH, (), "")
    changes = Changes(ddl=get_backend("default").ddl, models={"indexapp_book": Book})
    done = changes.carried_out(a_subject(index, owner=owner), verdict)
    return done.change, done.sql


def line_of(text, model=Book):
    """Return the file and line of a piece of a model's source."""
    lines, first = inspect.getsourcelines(model)
    place = next(number for number, line in enumerate(lines, first) if text in line)
    return f"{inspect.getsourcefile(model)}:{place}: "


@pytest.mark.parametrize(
    "kind, name, text, words",
    [
        (Kind.META_INDEX, "book_state_year", 'name="book_state_year"', "out of Meta.indexes of"),
        (Kind.DB_INDEX, "title", "title = ", "set db_index=False on indexapp.Book.title."),
        (Kind.FOREIGN_KEY, "", "shelf = ", "set db_index=False on indexapp.Book.shelf."),
        (Kind.UNIQUE, "isbn", "isbn = ", "take unique=True from indexapp.Book.isbn."),
        (Kind.UNIQUE_CONSTRAINT, "book_title_year", "book_title_year", "out of Meta.constraints"),
        (Kind.UNIQUE_TOGETHER, "", "unique_together = ", "out of Meta.unique_together"),
    ],
)
def test_each_declaration_is_taken_out_on_its_own_line_by_a_migration(kind, name, text, words):
    said, sql = change(Code.UNUSED, owned("indexapp_book", kind, name))
    assert said.startswith(line_of(text))
    assert words in said
    assert sql == "", "the migration drops it; by hand init_indexes would only make it again"


def test_the_index_of_an_automatic_many_to_many_table_needs_a_model_of_its_own():
    said, sql = change(Code.COVERED, owned("indexapp_book_tags", Kind.MANY_TO_MANY))
    assert said.startswith(line_of("tags = "))
    assert "through=" in said
    assert "db_index=False" in said
    assert sql == ""


def test_a_registered_index_goes_with_its_call_and_with_sql():
    registry = Registry()
    registry.register(Book, models.Index(fields=["place"], name="book_place"))
    owner = owned("indexapp_book", Kind.REGISTERED, registry=registry)
    said, sql = change(Code.UNUSED, owner, an_index("book_place", "place"))
    assert "take register() of book_place out" in said
    assert __file__ in said
    assert sql.startswith("DROP INDEX")
    assert '"book_place"' in sql


def test_an_index_of_nobody_goes_with_sql():
    index = an_index("stray", "a")._replace(table="indexapp_book")
    said, sql = change(Code.UNUSED, None, index)
    assert "migrations.RunSQL" in said
    assert "DROP INDEX" in sql
    assert '"stray"' in sql
    said, _ = change(Code.UNUSED, None)
    assert "No model has this table" in said


def test_a_percent_sign_in_a_name_is_shown_as_it_is():
    assert '"50% off"' in change(Code.UNUSED, None, an_index("50% off", "a"))[1]


def test_the_model_of_a_package_is_not_to_be_edited():
    owner = owned(Group._meta.db_table, Kind.UNIQUE)
    assert "comes with an installed package" in change(Code.UNUSED, owner)[0]


@on_postgresql
@pytest.mark.parametrize(
    "table, name, words",
    [
        ("indexapp_book", "isbn", 'models.UniqueConstraint(fields=["isbn"], name=…)'),
        ("indexapp_book", "title", 'models.Index(fields=["title"], name=…)'),
        ("indexapp_shelf", "code", "has no switch for it"),
    ],
)
def test_a_like_index_goes_by_what_brings_it_along(table, name, words):
    said, sql = change(Code.UNUSED, owned(table, Kind.LIKE, name))
    assert words in said
    assert bool(sql) is (table == "indexapp_shelf"), "nothing but SQL takes that of a key away"


@pytest.mark.parametrize(
    "kind, name, words",
    [
        (Kind.META_INDEX, "book_year", "add condition=Q(year__isnull=False) to Index("),
        (Kind.FOREIGN_KEY, "", "set db_index=False on indexapp.Book.shelf and put models.Index("),
    ],
)
def test_an_index_becomes_partial_where_it_is_declared(kind, name, words):
    column = {"book_year": "year", "": "shelf_id"}[name]
    index = an_index("i", column)._replace(table="indexapp_book")
    said, sql = change(Code.NULL_HEAVY, owned("indexapp_book", kind, name), index)
    assert words in said
    assert f"Q({column.removesuffix('_id')}__isnull=False)" in said, "fields are meant, not columns"
    assert sql == ""


def test_a_partial_index_in_the_place_of_nobodys_is_declared_first():
    index = an_index("stray", "shelf_id")._replace(table="indexapp_book")
    said, sql = change(Code.NULL_HEAVY, None, index)
    assert 'Declare models.Index(fields=["shelf"], condition=Q(shelf__isnull=False)' in said
    assert "Meta.indexes of indexapp.Book" in said
    assert "DROP INDEX" in sql


def test_an_invalid_index_is_built_again_where_it_is_declared_and_dropped_where_it_is_not():
    said, sql = change(Code.INVALID, owned("indexapp_book", Kind.META_INDEX))
    assert "init_indexes" in said
    assert sql.startswith("REINDEX")
    assert change(Code.INVALID, None)[1].startswith("DROP INDEX")


def test_the_index_of_a_constraint_is_never_dropped_by_itself():
    index = an_index("u", "a", shape={"unique": True}, holds="UNIQUE")
    assert change(Code.DUPLICATE, None, index)[1] == ""
