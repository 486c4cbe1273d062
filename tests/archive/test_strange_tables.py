"""Tables that an administrator or another tool has made: nothing of them is lost or executed."""

import pytest
from django.db import connection

from dbhealth.backends.names import quoted
from dbhealth.exceptions import Refused, SchemaChanged
from tests.moveapp.models import Order
from tests.moveapp.tools import Listener, add_events, ago, archive, keep_one, query, schema

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = '"stray"" ; DROP TABLE victim; --"'


@pytest.fixture
def orders():
    for key in (1, 2, 3):
        Order.objects.create(pk=key, placed_at=ago(days=40))
    Order.objects.create(pk=9, placed_at=ago(days=1))


@pytest.mark.parametrize("name", [HOSTILE, '"100%"', '"%s"', '"odd""name"'])
def test_a_name_from_the_catalogue_is_a_name_and_nothing_else(name, orders):
    raw = name.replace("%", "%%")
    made = f"CREATE TABLE {raw} (id int PRIMARY KEY, of_order bigint REFERENCES move_order (id))"
    undo = [f"DROP TABLE {raw}", "DROP TABLE IF EXISTS victim"]
    with schema(setup=["CREATE TABLE victim (id int)", made], undo=undo):
        query(f"INSERT INTO {raw} VALUES (1, 2)")
        with pytest.raises(Refused) as refused:
            archive("move_order")
        (reason,) = refused.value.refusals
        assert reason.code == "referenced"
        assert "victim" in connection.introspection.table_names()
        query(f"DELETE FROM {raw}")
        assert archive("move_order")["rows"] == 3


@pytest.mark.parametrize(
    "name, expected",
    [
        ("plain", '"plain"'),
        ('crm"."lead', '"crm"."lead"'),
        ('"crm"."lead"', '"crm"."lead"'),
        ('a" ; DROP TABLE b; --', '"a"" ; DROP TABLE b; --"'),
        ('"', '""""'),
    ],
)
def test_names_are_quoted_with_every_mark_inside_doubled(name, expected):
    assert quoted(name) == expected


@pytest.mark.postgresql
def test_an_archive_column_that_is_narrowed_between_two_batches_cuts_no_value():
    add_events(range(1, 13))
    keep_one()
    narrow = "ALTER TABLE move_event_archive ALTER COLUMN created_at TYPE date"
    undo = ["ALTER TABLE move_event_archive ALTER COLUMN created_at TYPE timestamptz"]
    with schema(setup=[], undo=undo):
        listener = Listener(lambda number: number == 1 and query(narrow))
        with pytest.raises(SchemaChanged, match="move_event_archive"):
            archive(listener=listener, batch_size=4)
        assert query("SELECT count(*) FROM move_event") == [(9,)]


@pytest.mark.postgresql
def test_a_table_that_others_inherit_from_is_refused(orders):
    child = "CREATE TABLE special_order (gift text) INHERITS (move_order)"
    tables = schema(setup=[child], undo=["DROP TABLE special_order"])
    with tables, pytest.raises(Refused) as refused:
        archive("move_order")
    (reason,) = refused.value.refusals
    assert reason.code == "not-a-table"
    assert "inherit" in reason.what
    assert Order.objects.count() == 4
