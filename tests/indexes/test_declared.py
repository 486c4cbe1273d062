"""The declared catalogue: every index that models imply, with its owner, in Django's own words."""

from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings

from dbhealth.exceptions import UsageError
from dbhealth.indexes.declared import catalogue, managed_tables
from dbhealth.indexes.registry import Registry
from tests.testapp.raw import fetch

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def found(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        return catalogue("default", Registry())


def of(found, table):
    return [item for item in found if item.table == table]


def test_every_declaration_of_a_model_is_there_with_its_kind(found):
    book = {item.name: item for item in of(found, "indexapp_book")}
    kinds = {(item.kind, item.text.partition("(")[0]) for item in book.values()}
    assert kinds >= {
        ("unique", "isbn"),
        ("unique", "insured"),
        ("unique_together", ""),
        ("UniqueConstraint", "UniqueConstraint"),
        ("db_index", "bought_on"),
        ("db_index", "title"),
        ("ForeignKey", "shelf"),
        ("Meta.indexes", "Index"),
    }
    assert {item.model for item in book.values()} == {"indexapp.Book"}
    assert {name for name, item in book.items() if item.named} == {
        *("book_title_year", "book_lent", "book_isbn_lower"),
        *("book_state_year", "book_cheap", "book_upper", "book_year"),
    }


def test_what_stands_in_meta_is_told_as_it_is_written(found):
    texts = {item.name: item.text for item in of(found, "indexapp_book")}
    assert texts["book_state_year"] == "Index(name='book_state_year', fields=['state', '-year'])"
    assert texts["book_isbn_lower"].startswith("UniqueConstraint(Lower(F(isbn)), ")
    assert "condition=<Q: (AND: ('state', 'lent'))>" in texts["book_lent"]


def test_the_table_of_a_many_to_many_field_belongs_to_the_field(found):
    through = of(found, "indexapp_book_tags")
    assert {item.kind for item in through} <= {"many-to-many", "primary key"}
    assert {(item.model, item.text) for item in through} == {("indexapp.Book", "tags")}
    unique = [item for item in through if item.shape.unique and len(item.shape.keys) == 2]
    assert [item.shape.columns for item in unique] == [("book_id", "tag_id")]
    plain = [item for item in through if not item.shape.unique]
    assert {item.shape.columns for item in plain} == {("book_id",), ("tag_id",)}


@pytest.mark.postgresql
def test_text_has_its_pattern_index_beside_the_one_that_was_declared(found):
    likes = {
        (item.table, item.text, item.shape.keys[0].opclass)
        for item in found
        if item.kind == "_like"
    }
    assert ("indexapp_book", "isbn", "varchar_pattern_ops") in likes
    assert ("indexapp_book", "title", "varchar_pattern_ops") in likes
    assert ("indexapp_shelf", "code", "varchar_pattern_ops") in likes
    assert ("indexapp_book", "shelf", "varchar_pattern_ops") in likes
    assert ("indexapp_book_tags", "tags", "varchar_pattern_ops") not in likes


@pytest.mark.postgresql
def test_an_exclusion_constraint_is_declared_and_is_one(found):
    [item] = [item for item in found if item.kind == "ExclusionConstraint" and item.named][:1]
    assert item.constraint
    assert item.sql.startswith('ALTER TABLE "')
    assert "EXCLUDE USING GIST" in item.sql


def test_names_and_statements_are_those_that_django_gave_the_database(found):
    """All of them, except what CREATE TABLE itself names: the database has that name."""
    wanted = {item.name for item in found if not item.constraint and "uniq" not in item.name}
    if connection.vendor == "sqlite":  # which names the index of a constraint in CREATE TABLE
        unique = [item for item in found if item.kind == "UniqueConstraint"]
        wanted -= {item.name for item in unique if item.shape is not None}
        stood = fetch("SELECT name FROM sqlite_master WHERE type = 'index'")
    else:
        stood = fetch("SELECT indexname FROM pg_indexes WHERE schemaname NOT LIKE 'pg\\_%'")
    assert len(wanted) > 50
    assert wanted - {name for (name,) in stood} == set()


def test_tables_that_django_does_not_manage_are_left_out(found):
    assert of(found, "indexapp_mentions") == []
    assert of(found, "legacy_log") == []
    assert "legacy_log" not in managed_tables("default")
    assert "indexapp_mentions" not in managed_tables("default")
    assert {item.table for item in found} <= managed_tables("default")


def test_a_swapped_model_has_no_table():
    with override_settings(AUTH_USER_MODEL="indexapp.Book"):
        apps.clear_cache()
        swapped = of(catalogue("default", Registry()), User._meta.db_table)
    apps.clear_cache()
    assert swapped == []
    assert of(catalogue("default", Registry()), User._meta.db_table)


@pytest.mark.django_db(databases=["default", "other"])
def test_a_router_decides_which_database_a_model_is_declared_for():
    with override_settings(DATABASE_ROUTERS=["tests.shopapp.routers.InteractionsElsewhere"]):
        here, there = catalogue("default", Registry()), catalogue("other", Registry())
    table = "shop_customer_interaction_events_of_all_sales_channels"
    assert of(here, table) == []
    assert of(there, table)


def test_a_database_that_does_not_exist_is_named():
    with pytest.raises(UsageError, match="'defualt'"):
        catalogue("defualt")


@pytest.mark.parametrize(
    "name, line",
    [
        ("book_state_year", 'models.Index(fields=["state", "-year"], name="book_state_year"),'),
        ("book_title_year", "models.UniqueConstraint("),
        ("isbn", "isbn = models.CharField("),
        ("bought_on", "bought_on = models.DateField("),
        ("tags", "tags = models.ManyToManyField(Tag)"),
        ("('shelf', 'place')", 'unique_together = [("shelf", "place")]'),
    ],
)
def test_the_line_of_the_declaration_is_known_wherever_it_stands(found, name, line):
    own = [item for item in found if item.model == "indexapp.Book"]
    place = next(item.place for item in own if name in (item.name, item.text))
    assert place.file.endswith("tests/indexapp/models.py")
    assert line in Path(place.file).read_text().splitlines()[place.line - 1]


def test_a_mirrored_field_is_declared_where_the_archive_model_is(found):
    item = next(item for item in found if item.table == "shop_parcels_archive")
    assert (
        "class ParcelArchive" in Path(item.place.file).read_text().splitlines()[item.place.line - 1]
    )


def test_making_the_catalogue_changes_nothing_and_asks_almost_nothing(
    django_assert_max_num_queries,
):
    with django_assert_max_num_queries(2):  # is a collation deterministic?
        catalogue("default", Registry())
