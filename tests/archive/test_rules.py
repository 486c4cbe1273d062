"""Rules of PostgreSQL rewrite what INSERT and DELETE do: nothing moves by them."""

from datetime import timedelta

import pytest

from dbhealth.archive import archive_table, restore
from dbhealth.exceptions import Refused, SchemaChanged
from tests.moveapp.models import Visit, VisitArchive
from tests.moveapp.purging import TABLE, add_archived, keep_some, last_purge, purging
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


@pytest.mark.usefixtures("proof")
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


ALONGSIDE = "DO ALSO DELETE FROM move_event_archive a WHERE a.id = OLD.id"


@pytest.mark.usefixtures("proof")
@pytest.mark.parametrize(
    "setup", [[], ["CREATE RULE meddle AS ON UPDATE TO move_event DO NOTHING"]]
)
def test_a_rule_that_comes_or_changes_between_two_batches_ends_the_run(setup):
    add_events(range(1, 13))
    keep_one()
    rule = f"CREATE OR REPLACE RULE meddle AS ON DELETE TO move_event {ALONGSIDE}"
    listener = Listener(lambda number: number == 1 and query(rule))
    with (
        schema(setup=setup, undo=["DROP RULE meddle ON move_event"]),
        pytest.raises(SchemaChanged, match="move_event: meddle"),
    ):
        archive(listener=listener, batch_size=4)
    assert (last_run().state, last_run().rows_done) == ("failed", 4)
    assert in_archive() == [1, 2, 3, 4]
    assert len(in_source()) == 9
    assert archive()["rows"] == 8


def test_nothing_comes_back_into_a_table_with_a_rule():
    add_events(range(1, 5))
    keep_one()
    run = archive()["run"]
    with schema(
        setup=[
            "CREATE TABLE elsewhere (id bigint)",
            "CREATE RULE meddle AS ON INSERT TO move_event "
            "DO INSTEAD INSERT INTO elsewhere VALUES (NEW.id)",
        ],
        undo=["DROP RULE meddle ON move_event", "DROP TABLE elsewhere"],
    ):
        with pytest.raises(Refused) as refused:
            restore("move_event", run=run)
        assert [reason.code for reason in refused.value.refusals] == ["rewritten"]
        assert in_archive() == [1, 2, 3, 4]
    assert restore("move_event", run=run)["summary"]["total_records_restored"] == 4


def test_a_rule_that_comes_between_two_batches_ends_a_purge():
    add_archived(range(1, 13))
    keep_some()
    rule = f"CREATE RULE meddle AS ON DELETE TO {TABLE} DO ALSO NOTIFY gone"
    listener = Listener(lambda number: number == 1 and query(rule))
    with (
        schema(setup=[], undo=[f"DROP RULE meddle ON {TABLE}"]),
        pytest.raises(SchemaChanged, match=f"{TABLE}: meddle"),
    ):
        purging(listener=listener, batch_size=4)
    assert last_purge().rows_done == 4
    assert purging()["rows"] == 8
