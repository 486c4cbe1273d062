"""What the move leaves out: no row comes into Python, no signal is sent, no value is converted."""

import pytest
from django.db import connection
from django.db.models.signals import post_delete, post_init, pre_delete, pre_save

from tests.famapp import tools as family
from tests.famapp.models import Line, Story
from tests.moveapp.models import Event
from tests.moveapp.tools import add_events, archive, in_archive, keep_one, query

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard():
    """Listen to everything that models say of their rows."""
    told, signals = [], (pre_delete, post_delete, post_init, pre_save)

    def listen(sender, **kwargs):
        if sender in (Event, Story, Line):
            told.append(sender)

    for signal in signals:
        signal.connect(listen)
    yield told
    for signal in signals:
        signal.disconnect(listen)


def test_no_row_becomes_an_object_and_no_signal_is_sent(heard):
    add_events(range(1, 9))
    keep_one()
    family.story(chapters=[(family.OLD, [family.OLD])])
    family.story(family.YOUNG)
    heard.clear()
    assert archive(batch_size=3)["rows"] == 8
    assert archive("famapp_story")["rows"] == 4
    assert heard == []


def test_a_field_that_decrypts_what_it_reads_is_never_asked(monkeypatch):
    """What is encrypted in the table is encrypted in the archive, whoever has the key."""

    def decrypt(value, expression, connection):
        raise AssertionError("A value has come into Python.")

    add_events(range(1, 4))
    keep_one()
    before = query("SELECT id, payload FROM move_event WHERE id < 4 ORDER BY id")
    monkeypatch.setattr(Event._meta.get_field("payload"), "from_db_value", decrypt, raising=False)
    assert archive()["rows"] == 3
    assert query("SELECT id, payload FROM move_event_archive ORDER BY id") == before


@pytest.mark.postgresql
def test_rows_of_a_default_partition_leave_like_all_others():
    """Rows are chosen by their own age and not by the partition that they happen to be in."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE move_event RENAME TO move_event_plain")
        cursor.execute(
            "CREATE TABLE move_event (LIKE move_event_plain INCLUDING DEFAULTS, PRIMARY KEY (id)) "
            "PARTITION BY RANGE (id)"
        )
        cursor.execute("CREATE TABLE low PARTITION OF move_event FOR VALUES FROM (1) TO (4)")
        cursor.execute("CREATE TABLE rest PARTITION OF move_event DEFAULT")
    try:
        add_events(range(1, 9))
        keep_one()
        assert query("SELECT count(*) FROM rest") == [(6,)]
        assert archive(batch_size=2)["rows"] == 8
        assert in_archive() == list(range(1, 9))
        assert query("SELECT id FROM rest") == [(10**9,)]
    finally:
        query("DROP TABLE move_event")
        query("ALTER TABLE move_event_plain RENAME TO move_event")
