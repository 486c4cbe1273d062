"""Statements of upkeep with their locks, the room that they take, and how far they are."""

import os

import pytest
from django.db import connection

from dbhealth.backends.sqlite.room import places
from dbhealth.backends.statement import InTransaction, Lock
from dbhealth.backends.steps import Deed
from dbhealth.backends.upkeep import Room, Vacuum
from tests.moveapp.tools import InThread, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def table(committed, run):
    committed("kept", "(id integer, name varchar(40))")
    run("INSERT INTO kept VALUES (1, 'one'), (2, 'two')")
    return "kept"


@pytest.mark.parametrize("how", [Vacuum(), Vacuum(analyze=True), Vacuum(full=True)])
def test_each_step_of_a_vacuum_runs_and_has_nothing_to_complain_of(backend, table, how):
    steps = (
        *backend.upkeep.before(),
        *backend.upkeep.vacuum([table], how),
        *backend.upkeep.after(),
    )
    for step in steps:
        (statement,) = step.statements
        assert statement.lock_timeout
        assert statement.purpose.endswith(".")
        done = backend.executor.run(statement)
        assert backend.upkeep.complaint(step.deed, done.rows) == ""


def test_what_one_table_is_vacuumed_by_depends_on_the_engine(backend, table):
    (step, *_) = backend.upkeep.vacuum([table], Vacuum())
    assert step.deed is Deed.VACUUM
    assert (step.table == table) is backend.features.vacuums_tables
    assert backend.upkeep.vacuum([], Vacuum()) == ()
    assert backend.upkeep.forbidden() == frozenset()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "how, sql, lock",
    [
        (Vacuum(), 'VACUUM "t"', Lock.SHARE_UPDATE_EXCLUSIVE),
        (Vacuum(analyze=True), 'VACUUM (ANALYZE) "t"', Lock.SHARE_UPDATE_EXCLUSIVE),
        (Vacuum(freeze=True), 'VACUUM (FREEZE) "t"', Lock.SHARE_UPDATE_EXCLUSIVE),
        (Vacuum(full=True, analyze=True), 'VACUUM (FULL, ANALYZE) "t"', Lock.ACCESS_EXCLUSIVE),
    ],
)
def test_options_are_those_of_vacuum_and_only_full_keeps_everybody_out(backend, how, sql, lock):
    ((statement,),) = (step.statements for step in backend.upkeep.vacuum(["t"], how))
    assert (statement.sql, statement.lock) == (sql, lock)
    assert statement.transaction is InTransaction.FORBIDDEN


@pytest.mark.postgresql
def test_only_full_takes_room_and_nobody_knows_how_much_there_is(backend):
    sizes = {"a": 10, "b": 30}
    assert backend.upkeep.room(sizes, Vacuum()) == ()
    (room,) = backend.upkeep.room(sizes, Vacuum(full=True))
    assert (room.needed, room.free, room.is_short) == (30, None, False)


@pytest.mark.postgresql
def test_the_progress_of_a_vacuum_and_of_an_analyze_is_told_and_both_can_be_ended(
    backend, table, run
):
    run("INSERT INTO kept SELECT i, 'x' FROM generate_series(1, 20000) i", "DELETE FROM kept")
    for sql in ("VACUUM kept", "ANALYZE kept"):
        pids = []

        def slowly(sql=sql, pids=pids):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
                # A pause for every page: it would take minutes.
                cursor.execute("SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1")
                cursor.execute(sql)

        work = InThread(slowly)
        wait_until(lambda: pids and backend.upkeep.progress(pids[0]), "it is at work")  # noqa: B023
        wait_until(lambda: backend.upkeep.progress(pids[0]).total, "it counts")  # noqa: B023
        found = backend.upkeep.progress(pids[0])
        assert (found.about, found.unit) == ("kept", "blocks")
        assert found.done <= found.total
        assert backend.ddl.end_work(pids[0])
        with pytest.raises(Exception, match="canceling statement due to user request"):
            work.result()
        assert backend.upkeep.progress(pids[0]) is None


@pytest.mark.sqlite
def test_the_copy_and_the_journal_are_counted_by_disk(tmp_path, monkeypatch):
    file = str(tmp_path / "some.sqlite3")
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    (room,) = places(file, copy=10, journal=5)
    assert (room.place, room.needed, room.is_short) == (str(tmp_path), 15, False)
    assert places(file, copy=2**62, journal=0)[0].is_short
    assert places("", copy=10, journal=5) == ()
    elsewhere = "/dev/shm"  # noqa: S108 - another disk than that of the file
    if os.path.isdir(elsewhere) and os.stat(elsewhere).st_dev != os.stat(tmp_path).st_dev:
        monkeypatch.setenv("SQLITE_TMPDIR", elsewhere)
        found = {room.place: room.needed for room in places(file, copy=10, journal=5)}
        assert found == {str(tmp_path): 5, elsewhere: 10}


def test_room_is_short_only_where_somebody_knows_how_much_there_is():
    assert Room(place="here", needed=2, free=1).is_short
    assert not Room(place="here", needed=2, free=2).is_short
    assert not Room(place="there", needed=2).is_short
