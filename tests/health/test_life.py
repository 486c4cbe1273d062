"""The life of findings: what is remembered of them from one examination to the next."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dbhealth.exceptions import UsageError
from dbhealth.health.examine import examine
from dbhealth.health.life import acknowledge, withdraw
from dbhealth.health.models import FindingRecord
from dbhealth.health.registry import registry
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.django_db
KEY = "try.X001:default:table x"


def look(**how):
    """Make the checks and remember; return the examination."""
    (found,) = examine(["default"], **how)
    assert found.note == ""
    return found


def record(key=KEY):
    return FindingRecord.objects.get(key=key)


def life(found, key=KEY):
    return found.lives[key]


def test_a_finding_is_new_once_and_keeps_the_moment_when_it_was_first_seen(told):
    told["try.X001"] = ["table x"]
    first = look()
    assert life(first).is_new
    second = look()
    assert not life(second).is_new
    assert life(second).first_seen == life(first).first_seen
    kept = record()
    assert (kept.check_id, kept.database, kept.object) == ("try.X001", "default", "table x")
    assert (kept.level, kept.title) == ("warning", "table x has 3 rows too many.")
    assert kept.first_seen < kept.last_seen
    assert kept.resolved_at is None


def test_what_is_mended_is_resolved_and_what_comes_back_is_new_again(told):
    told["try.X001"] = ["table x"]
    first = life(look()).first_seen
    told["try.X001"] = []
    look()
    assert record().resolved_at > record().last_seen
    told["try.X001"] = ["table x"]
    again = life(look())
    assert again.is_new
    assert again.first_seen == first
    assert record().resolved_at is None
    assert FindingRecord.objects.count() == 1


def test_what_was_not_looked_for_is_not_resolved(told, register, monkeypatch):
    told["try.X001"] = ["table x"]
    look()
    told["try.X001"] = []
    look(ids=["try.X002"])
    look(ignore=["try.X001"])
    assert record().resolved_at is None

    def left_out(context):
        context.leave_out(["x"])
        return []

    monkeypatch.setattr(registry, "_checks", {})
    register("try.X001", title="It")(left_out)
    look()
    assert record().resolved_at is None

    monkeypatch.setattr(registry, "_checks", {})
    register("try.X001", title="It")(lambda context: [1 / 0])
    look()
    assert record().resolved_at is None
    failure = record("dbhealth.H001:default:check try.X001")
    assert failure.resolved_at is None

    monkeypatch.setattr(registry, "_checks", {})
    register("try.X001", title="It")(lambda context: [])
    look()
    assert record().resolved_at is not None
    failure.refresh_from_db()
    assert failure.resolved_at is not None


def test_the_findings_of_a_check_that_is_gone_are_resolved_when_all_were_made(told):
    told["try.X001"] = ["table x"]
    look()
    del registry._checks["try.X001"]
    look(ids=["try.X002"])
    assert record().resolved_at is None
    look()
    assert record().resolved_at is not None


def test_an_acknowledged_finding_does_not_count_until_it_is_resolved(told):
    told["try.X001"] = ["table x", "table y"]
    look()
    acknowledge(KEY, by="ada", note="Moves next month.")
    found = look()
    assert [finding.object for finding in found.counting] == ["table y"]
    assert (life(found).acknowledged_by, life(found).note) == ("ada", "Moves next month.")
    told["try.X001"] = ["table y"]
    look()
    told["try.X001"] = ["table x", "table y"]
    found = look()
    assert len(found.counting) == 2
    assert record().acknowledged_by == record().note == ""


def test_an_acknowledgement_until_a_day_outlives_the_finding_and_ends_that_day(told):
    told["try.X001"] = ["table x"]
    look()
    acknowledge(KEY, by="ada", until=timezone.now() + timedelta(days=1))
    for things in ([], ["table x"]):
        told["try.X001"] = things
        assert look().counting == ()
    FindingRecord.objects.update(acknowledged_until=timezone.now() - timedelta(seconds=1))
    assert len(look().counting) == 1


def test_a_finding_that_gets_graver_speaks_again(told):
    told["try.X001"] = ["table x"]
    look()
    acknowledge(KEY, by="ada")
    told["try.X001"] = ["table x!"]
    assert len(look().counting) == 1
    told["try.X001"] = ["table x"]
    assert look().counting == ()


def test_an_acknowledgement_can_be_withdrawn(told):
    told["try.X001"] = ["table x"]
    look()
    acknowledge(KEY, by="ada", until=timezone.now() + timedelta(days=1))
    withdraw(KEY)
    assert len(look().counting) == 1


def test_only_an_open_finding_is_acknowledged_and_only_for_a_time_to_come(told):
    told["try.X001"] = ["table x"]
    with pytest.raises(UsageError, match=r"No open finding has the key 'try\.X001"):
        acknowledge(KEY, by="ada")
    look()
    with pytest.raises(UsageError, match=r"Did you mean 'try\.X001:default:table x'"):
        acknowledge(KEY + "x", by="ada")
    with pytest.raises(UsageError, match="has passed"):
        acknowledge(KEY, by="ada", until=timezone.now() - timedelta(days=1))
    with pytest.raises(UsageError, match="no database 'defualt'"):
        withdraw(KEY.replace("default", "defualt"))
    with pytest.raises(UsageError, match="is no key of a finding"):
        withdraw("x")
    assert record().acknowledged_by == ""


def test_without_history_nothing_is_written_and_what_is_known_is_shown(told):
    told["try.X001"] = ["table x"]
    look(keep=False)
    assert not FindingRecord.objects.exists()
    look()
    acknowledge(KEY, by="ada")
    before = record().last_seen
    found = look(keep=False)
    assert life(found).acknowledged_by == "ada"
    assert record().last_seen == before


def test_what_has_long_been_resolved_is_forgotten(told):
    told["try.X001"] = ["table x", "table y"]
    look()
    told["try.X001"] = ["table y"]
    look()
    old = timezone.now() - timedelta(days=30)
    FindingRecord.objects.filter(key=KEY).update(resolved_at=old)
    FindingRecord.objects.update(first_seen=old, last_seen=old)
    with override_settings(DBHEALTH={"HEALTH_HISTORY_DAYS": 31}):
        look()
    assert FindingRecord.objects.count() == 2
    with override_settings(DBHEALTH={"HEALTH_HISTORY_DAYS": 29}):
        look()
    assert [kept.object for kept in FindingRecord.objects.all()] == ["table y"]


def test_a_hundred_findings_are_remembered_in_as_many_statements_as_one(told):
    told["try.X001"] = ["table 0"]
    look()
    with CaptureQueriesContext(
        connection,
    ) as few:
        look()
    told["try.X001"] = [f"table {number}" for number in range(60)]
    look()
    with CaptureQueriesContext(connection) as many:
        look()
    assert len(many) == len(few)
    assert FindingRecord.objects.count() == 60


def test_where_there_is_no_table_yet_the_findings_are_shown_all_the_same(told):
    told["try.X001"] = ["table x"]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE dbhealth_findingrecord")
    for keep in (True, False):
        (found,) = examine(["default"], keep=keep)
        assert len(found.counting) == 1
        assert "migrate" in found.note
    with pytest.raises(UsageError, match="migrate"):
        acknowledge(KEY, by="ada")


@pytest.mark.django_db(transaction=True)
def test_several_examinations_at_once_keep_each_finding_once(told):
    told["try.X001"] = [f"table {number}" for number in range(20)]
    begin, notes = threading.Barrier(3), []

    def work():
        try:
            begin.wait()
            notes.extend(found.note for found in examine(["default"]))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes == ["", "", ""]
    assert FindingRecord.objects.filter(resolved_at=None).count() == 20


class ToOther:
    """Write findings into the other database."""

    def db_for_write(self, model, **hints):
        return "other" if model is FindingRecord else None


@pytest.mark.django_db(databases=["default", "other"])
def test_what_is_wrong_on_a_database_that_takes_no_writes_is_kept_where_routers_say(told, settings):
    settings.DATABASE_ROUTERS = [ToOther()]
    told["try.X001"] = ["table x"]
    on, off = READ_ONLY[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(on)
        try:
            assert life(look()).is_new
            acknowledge(KEY, by="ada")
            assert look().counting == ()
        finally:
            cursor.execute(off)
    assert not FindingRecord.objects.using("default").exists()
    assert FindingRecord.objects.using("other").get().database == "default"


READ_ONLY = {
    "sqlite": ("PRAGMA query_only = 1", "PRAGMA query_only = 0"),
    "postgresql": (
        "SET default_transaction_read_only = on",
        "SET default_transaction_read_only = off",
    ),
}


@pytest.mark.skipif(postgres_major() is None, reason="SQLite has no roles.")
def test_a_role_that_may_only_read_sees_the_findings_and_what_is_known_of_them(told):
    told["try.X001"] = ["table x"]
    look()
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE a_reader")
        cursor.execute("GRANT SELECT ON dbhealth_findingrecord TO a_reader")
        cursor.execute("SET LOCAL ROLE a_reader")
    (found,) = examine(["default"])
    assert len(found.counting) == 1
    assert "permission denied" in found.note
    assert life(look(keep=False)).is_new is False


def test_a_history_that_cannot_be_written_does_not_hide_the_findings(told):
    told["try.X001"] = ["table x"]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dbhealth_findingrecord RENAME COLUMN title TO heading")
    (found,) = examine(["default"])
    assert len(found.counting) == 1
    assert "title" in found.note
