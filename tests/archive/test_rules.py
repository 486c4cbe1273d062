"""Rules of PostgreSQL rewrite what INSERT and DELETE do: nothing moves by them."""

from datetime import timedelta

import pytest

from dbhealth.archive import archive_table
from dbhealth.exceptions import Refused, SchemaChanged
from tests.moveapp.models import Visit, VisitArchive
from tests.moveapp.tools import (
    Listener,
    add_events,
    ago,
    archive,
    in_archive,
    in_source,
    keep_one,
    last_run,
    query,
    schema,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture(params=[True, False], ids=["checksum", "counts"], autouse=True)
def proof(request, settings):
    """Moves with a checksum over the rows, and with their counts alone."""
    settings.DBHEALTH = {"ARCHIVE_CHECKSUM": request.param}


@pytest.mark.parametrize(
    "event, table, rule",
    [
        ("DELETE", "move_visit", "DO ALSO DELETE FROM move_visit_archive a WHERE a.id = OLD.id"),
        ("INSERT", "move_visit_archive", "DO INSTEAD INSERT INTO elsewhere VALUES (NEW.id)"),
    ],
)
def test_a_table_with_a_rule_is_refused_until_the_rule_is_disabled(event, table, rule):
    today = ago(days=0).date()
    for key, days in ((1, 60), (2, 50), (3, 0)):
        Visit.objects.create(pk=key, day=today - timedelta(days=days))
    with schema(
        setup=[
            "CREATE TABLE elsewhere (id bigint)",
            f"CREATE RULE meddle AS ON {event} TO {table} {rule}",
        ],
        undo=[f"DROP RULE meddle ON {table}", "DROP TABLE elsewhere"],
    ):
        planned = archive_table("move_visit", dry_run=True)
        with pytest.raises(Refused) as refused:
            archive("move_visit")
        (reason,) = refused.value.refusals
        assert [found["code"] for found in planned["refusals"]] == [reason.code] == ["rewritten"]
        assert f"{table}: meddle" in reason.what
        assert (Visit.objects.count(), VisitArchive.objects.count()) == (3, 0)
        query(f"ALTER TABLE {table} DISABLE RULE meddle")
        assert archive("move_visit")["rows"] == 2
    assert (Visit.objects.count(), VisitArchive.objects.count()) == (1, 2)


def test_a_rule_that_comes_between_two_batches_ends_the_run():
    add_events(range(1, 13))
    keep_one()
    rule = (
        "CREATE RULE meddle AS ON DELETE TO move_event "
        "DO ALSO DELETE FROM move_event_archive a WHERE a.id = OLD.id"
    )
    listener = Listener(lambda number: number == 1 and query(rule))
    with (
        schema(setup=[], undo=["DROP RULE meddle ON move_event"]),
        pytest.raises(SchemaChanged, match="move_event: meddle"),
    ):
        archive(listener=listener, batch_size=4)
    assert (last_run().state, last_run().rows_done) == ("failed", 4)
    assert in_archive() == [1, 2, 3, 4]
    assert len(in_source()) == 9
    assert archive()["rows"] == 8
