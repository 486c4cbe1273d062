"""Statements that make and drop indexes, and what is known while they are at work."""

import os
import subprocess
import sys

import pytest
from django.db import OperationalError, connection, transaction

from dbhealth.backends.sqlite.file_locks import lockers
from dbhealth.backends.statement import InTransaction, Lock
from dbhealth.backends.trouble import Trouble
from dbhealth.backends.upkeep import Vacuum
from dbhealth.exceptions import NotSupported
from tests.indexes.building import builds
from tests.moveapp.tools import InThread, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def table(committed, run):
    committed("built", "(id integer, name varchar(40))")
    run("INSERT INTO built VALUES (1, 'one%'), (2, 'two'), (2, 'zwei')")
    return "built"


def indexes(table="built"):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return {name: facts for name, facts in found.items() if facts["index"]}


def make(backend, name, sql):
    for statement in backend.ddl.create_index("built", name, sql):
        backend.executor.run(statement)


def test_an_index_is_built_as_django_writes_it(backend, table):
    make(backend, "ix", 'CREATE INDEX "ix" ON "built" ("id", "name" DESC);')
    assert indexes()["ix"]["columns"] == ["id", "name"]
    assert indexes()["ix"]["orders"] == ["ASC", "DESC"]


def test_a_percent_sign_in_a_condition_stays_what_it_is(backend, table, run):
    make(backend, "ix", 'CREATE INDEX "ix" ON "built" ("id") WHERE "name" LIKE \'one%\'')
    assert "ix" in indexes()
    sql = "SELECT sql FROM sqlite_master WHERE name = 'ix'"
    if connection.vendor == "postgresql":
        sql = "SELECT pg_get_indexdef('ix'::regclass)"
    assert "one%'" in run(sql)[0][0]


def test_it_can_be_rebuilt_and_dropped_and_dropping_again_does_nothing(backend, table):
    make(backend, "i%x", 'CREATE INDEX "i%x" ON "built" ("id")')
    backend.executor.run(backend.ddl.rebuild("built", "i%x"))
    assert "i%x" in indexes()
    for _ in range(2):
        backend.executor.run(backend.ddl.drop_index("built", "i%x"))
    assert not indexes()


def test_tables_are_analyzed_and_vacuumed(backend, table, run):
    make(backend, "ix", 'CREATE INDEX "ix" ON "built" ("id")')
    backend.executor.run(backend.upkeep.analyze("built"))
    for step in backend.upkeep.vacuum(["built"], Vacuum()):
        backend.executor.run(step.statements[0])
    known = "SELECT stat FROM sqlite_stat1 WHERE idx = 'ix'"
    if connection.vendor == "postgresql":
        known = "SELECT reltuples::int FROM pg_class WHERE relname = 'built' AND relpages = 1"
    assert run(known)[0][0] in (3, "3 2")
    if connection.vendor == "sqlite":
        run("DELETE FROM sqlite_stat1")


@pytest.mark.postgresql
def test_everything_that_builds_works_beside_readers_and_writers(backend):
    ddl = backend.ddl
    built = ddl.create_index("t", "ix", 'CREATE UNIQUE INDEX "ix" ON "t" ("a") INCLUDE ("b")')
    every = [*built, ddl.rebuild("t", "ix"), ddl.drop_index("t", "ix")]
    every += [backend.upkeep.analyze("t"), *backend.upkeep.vacuum(["t"], Vacuum())[0].statements]
    assert {statement.lock for statement in every} == {Lock.SHARE_UPDATE_EXCLUSIVE}
    assert {statement.transaction for statement in every} == {InTransaction.FORBIDDEN}
    assert all(statement.lock_timeout for statement in every)


@pytest.mark.postgresql
def test_a_unique_constraint_is_an_index_first_and_then_a_constraint(backend, committed, run):
    committed("built", "(id integer, name text)")
    sql = 'ALTER TABLE "built" ADD CONSTRAINT "uq" UNIQUE ("id", "name") '
    sql += "DEFERRABLE INITIALLY DEFERRED"
    built, adopted = backend.ddl.create_index("built", "uq", sql)
    assert built.sql == 'CREATE UNIQUE INDEX CONCURRENTLY "uq" ON "built" ("id", "name")'
    assert (adopted.lock, adopted.lock_timeout) == (Lock.ACCESS_EXCLUSIVE, 2.0)
    for statement in (built, adopted):
        backend.executor.run(statement)
    found = run("SELECT condeferrable, condeferred FROM pg_constraint WHERE conname = 'uq'")
    assert found == [(True, True)]


@pytest.mark.postgresql
def test_nulls_that_are_not_distinct_stay_so(backend):
    sql = 'ALTER TABLE "t" ADD CONSTRAINT "uq" UNIQUE NULLS NOT DISTINCT ("a")'
    built, adopted = backend.ddl.create_index("t", "uq", sql)
    assert built.sql.endswith('ON "t" ("a") NULLS NOT DISTINCT')
    assert adopted.sql == 'ALTER TABLE "t" ADD CONSTRAINT "uq" UNIQUE USING INDEX "uq"'


@pytest.mark.postgresql
def test_what_would_keep_everybody_from_the_table_is_refused_in_a_sentence(backend):
    sql = 'ALTER TABLE "t" ADD CONSTRAINT "no" EXCLUDE USING gist ("period" WITH &&)'
    with pytest.raises(NotSupported, match="no on t can only be made while nobody"):
        backend.ddl.create_index("t", "no", sql)


@pytest.mark.postgresql
def test_indexes_of_a_table_in_a_schema_are_named_with_it(backend, run):
    run("CREATE SCHEMA aside", "CREATE TABLE aside.built (id integer)")
    try:
        make_sql = 'CREATE INDEX "ix" ON "aside"."built" ("id")'
        (built,) = backend.ddl.create_index('aside"."built', "ix", make_sql)
        backend.executor.run(built)
        backend.executor.run(backend.ddl.rebuild('aside"."built', "ix"))
        backend.executor.run(backend.upkeep.analyze('aside"."built'))
        backend.executor.run(backend.ddl.drop_index('aside"."built', "ix"))
        assert not run("SELECT 1 FROM pg_indexes WHERE schemaname = 'aside'")
    finally:
        run("DROP SCHEMA aside CASCADE")


@pytest.mark.postgresql
def test_a_build_that_waits_names_for_whom_and_can_be_ended(backend, table, second, run):
    with second.cursor() as cursor:
        cursor.execute("SET application_name = 'the old one'")
        cursor.execute("BEGIN")
        cursor.execute("UPDATE built SET name = 'x' WHERE id = 1")
        cursor.execute("SELECT pg_backend_pid()")
        (holder,) = cursor.fetchone()
    sql = 'CREATE INDEX "ix" ON "built" ("id")'
    build = InThread(lambda: make(backend, "ix", sql))
    wait_until(lambda: any(b.waits_for for b in builds()), "the build waits")
    (found,) = builds()
    assert (found.table, found.index, found.waits_for) == ("built", "ix", [holder])
    assert found.phase == "waiting for writers before build"
    (told,) = backend.ddl.waits_for(found.pid)
    assert told.startswith(f'process {holder} (application "the old one", user "postgres", idle in')
    assert told in backend.ddl.holders("built")
    # Somebody is building it, so it is nobody's leftover.
    assert backend.ddl.leftovers("built", "ix") == ()
    assert backend.ddl.end_work(found.pid)
    with pytest.raises(OperationalError) as caught:
        build.result()
    assert backend.errors.trouble(caught.value) is Trouble.STATEMENT_TIMEOUT
    assert not backend.ddl.end_work(found.pid)
    assert backend.ddl.leftovers("built", "ix") == ("ix",)
    second.rollback()
    backend.executor.run(backend.ddl.rebuild("built", "ix"))
    assert backend.ddl.leftovers("built", "ix") == ()


@pytest.mark.postgresql
@pytest.mark.parametrize("name", ["ix", "i" * 63], ids=["short", "of full length"])
def test_a_rebuild_that_fails_leaves_a_copy_that_is_known_as_such(backend, table, second, name):
    make(backend, name, f'CREATE INDEX "{name}" ON "built" ("id")')
    make(backend, "other", 'CREATE INDEX "other" ON "built" ("id")')
    with second.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE built SET name = 'x' WHERE id = 1")
    rebuild = InThread(lambda: backend.executor.run(backend.ddl.rebuild("built", name)))
    wait_until(lambda: any(b.waits_for for b in builds()), "the rebuild waits")
    backend.ddl.end_work(builds()[0].pid)
    with pytest.raises(OperationalError):
        rebuild.result()
    second.rollback()
    (copy,) = backend.ddl.leftovers("built", name)
    assert copy.endswith("_ccnew")
    assert backend.ddl.leftovers("built", "other") == ()
    backend.executor.run(backend.ddl.drop_index("built", copy))
    assert set(indexes()) == {name, "other"}


@pytest.mark.sqlite
def test_a_locked_file_names_the_process_that_holds_it(backend, table, second):
    with second.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
    if os.path.exists("/proc/locks"):
        (told,) = backend.ddl.holders("built")
        assert told == f"process {os.getpid()} (this very one, by another connection)"
    second.rollback()
    assert backend.ddl.holders("built") == ()


HOLDER = """
import sqlite3, sys
session = sqlite3.connect(sys.argv[1], isolation_level=None)
session.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
session.execute("BEGIN IMMEDIATE")
session.execute("CREATE TABLE t (a)")
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.sqlite
@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="Only Linux tells.")
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_file_that_another_process_has_locked_names_its_command(tmp_path, journal):
    path = str(tmp_path / "held.sqlite3")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, journal],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        holder.stdout.readline()
        (told,) = lockers(path)
        holder.stdin.close()
    assert told.startswith(f"process {holder.pid} ({sys.executable} -c")
    assert lockers(path) == ()


@pytest.mark.sqlite
def test_a_build_can_be_a_part_of_a_transaction_and_goes_with_it(backend, table):
    def fail():
        make(backend, "ix", 'CREATE INDEX "ix" ON "built" ("id")')
        raise KeyError

    with pytest.raises(KeyError), transaction.atomic():
        fail()
    assert not indexes()
