"""Indexes are read beside other sessions that build them or hold their tables."""

import time
from contextlib import contextmanager, nullcontext

import pytest
from django.db import OperationalError, connection, transaction

from dbhealth.backends.index_records import Sketch

pytestmark = pytest.mark.postgresql

SKETCH = Sketch(table="built", sql='CREATE INDEX "any" ON "built" (lower(body))')


@pytest.fixture
def built(committed, run):
    """Make a table with an index on an expression and a partial one; dropped at the end."""
    committed("built", "(id integer PRIMARY KEY, body text, n integer)")
    run(
        "CREATE INDEX built_body ON built (lower(body))",
        "CREATE INDEX built_n ON built (n) WHERE n > 0",
        "INSERT INTO built VALUES (1, 'a', 1), (2, 'b', 1)",
    )


@contextmanager
def holding(session, sql):
    """Let a session run SQL in a transaction that is open during the block."""
    with session.cursor() as cursor:
        cursor.execute(f"BEGIN; {sql}")
    try:
        yield
    finally:
        with session.cursor() as cursor:
            cursor.execute("ROLLBACK")


@contextmanager
def no_longer_than(seconds):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def wait_for(run, question):
    deadline = time.monotonic() + 10
    while not run(question):
        assert time.monotonic() < deadline, f"It never came to be: {question}"


def test_what_a_failed_build_leaves_behind_is_not_valid(backend, run, built):
    with pytest.raises(Exception, match="could not create unique index"):
        run("CREATE UNIQUE INDEX CONCURRENTLY built_twice ON built (n)")
    found = {index.name: index for index in backend.indexes.catalogue(["built"]).indexes}
    assert {name: (index.valid, index.building) for name, index in found.items()} == {
        "built_pkey": (True, False),
        "built_body": (True, False),
        "built_n": (True, False),
        "built_twice": (False, False),
    }


@pytest.mark.parametrize("command", ["CREATE", "REINDEX"])
@pytest.mark.parametrize("role", ["postgres", "dbhealth_clerk"])
def test_an_index_that_is_being_built_is_told_from_one_that_failed(
    backend, run, built, second, third, command, role
):
    """A role that may not see what others do still sees their locks."""
    with pytest.raises(Exception, match="could not create unique index"):
        run("CREATE UNIQUE INDEX CONCURRENTLY built_failed ON built (n)")
    name, sql = {
        "CREATE": ("built_new", "CREATE INDEX CONCURRENTLY built_new ON built (n, id)"),
        "REINDEX": ("built_n_ccnew", "REINDEX INDEX CONCURRENTLY built_n"),
    }[command]
    run("CREATE ROLE dbhealth_clerk")
    try:
        with holding(third, "INSERT INTO built VALUES (3, 'c', 3)"):
            second.ensure_connection()
            second.connection.pgconn.send_query(sql.encode())
            wait_for(run, f"SELECT 1 FROM pg_class WHERE relname = '{name}'")
            wait_for(
                run,
                (
                    "SELECT 1 FROM pg_stat_progress_create_index "
                    "WHERE phase LIKE 'waiting%' AND datname = current_database()"
                ),
            )
            run(f"SET ROLE {role}")
            indexes = backend.indexes.catalogue(["built"]).indexes
            run("RESET ROLE")
        while second.connection.pgconn.get_result() is not None:
            pass
    finally:
        run("RESET ROLE", "DROP ROLE dbhealth_clerk")
    pending = {index.name: index.building for index in indexes if not index.valid}
    assert pending[name]
    if command == "CREATE":
        assert not pending["built_failed"] or role != "postgres"


@pytest.mark.parametrize("waiting", [False, True], ids=["held", "only asked for"])
def test_a_table_under_an_exclusive_lock_is_left_out_and_named(
    backend, run, built, second, third, waiting
):
    mode = "ACCESS SHARE" if waiting else "ACCESS EXCLUSIVE"
    with holding(second, f"LOCK TABLE built IN {mode} MODE"):
        if waiting:
            third.ensure_connection()
            third.connection.pgconn.send_query(b"BEGIN; LOCK TABLE built")
            asked = "SELECT 1 FROM pg_locks WHERE relation = 'built'::regclass AND NOT granted"
            wait_for(run, asked)
        with no_longer_than(2):
            everything = backend.indexes.catalogue()
            some = backend.indexes.catalogue(["built", "shop_labels"])
            shapes = backend.indexes.shapes([SKETCH])
    third.close()
    # The server may have given it the lock before it sees that nobody is there any more.
    held = "SELECT FROM pg_locks WHERE relation = 'built'::regclass"
    wait_for(run, f"SELECT 1 WHERE NOT EXISTS ({held})")
    assert everything.left_out == some.left_out == ("built",)
    assert {index.table for index in some.indexes} == {"shop_labels"}
    assert {index.table for index in everything.indexes} > {"shop_labels"}
    assert shapes == (None,)
    assert backend.indexes.catalogue(["built"]).left_out == ()


@pytest.mark.parametrize("within", [False, True], ids=["by itself", "in a transaction"])
def test_a_lock_that_comes_while_reading_is_waited_for_and_reading_begins_again(
    backend, run, built, second, within
):
    """Here of the catalogue itself, which is in nobody's list of locked tables."""
    read = []

    def release(execute, sql, params, many, context):
        if "pg_index x" in sql:
            read.append(sql)
            if len(read) == 2:
                with second.cursor() as cursor:
                    cursor.execute("ROLLBACK")
        return execute(sql, params, many, context)

    place = transaction.atomic() if within else nullcontext()
    wrapper = connection.execute_wrapper(release)
    with holding(second, "LOCK TABLE pg_am"), wrapper, no_longer_than(2), place:
        found = backend.indexes.catalogue(["built"])
        assert run("SELECT 1") == [(1,)]
    assert len(found.indexes) == 3
    assert len([sql for sql in read if "held" in sql]) == 2


def test_a_lock_that_stays_ends_the_reading_within_its_time(backend, built, second):
    late = pytest.raises(OperationalError, match="lock timeout")
    with holding(second, "LOCK TABLE pg_am"), no_longer_than(2), late:
        backend.indexes.catalogue(["built"])


def test_a_lock_that_comes_before_a_sketch_is_made_costs_the_sketch(
    backend, built, committed, second
):
    committed("other", "(id integer)")
    other = Sketch(table="other", sql='CREATE INDEX "any" ON "other" (id)')

    def lock(execute, sql, params, many, context):
        if "CREATE" in sql and "built" in sql and not locked:
            locked.append(sql)
            with second.cursor() as cursor:
                cursor.execute("BEGIN; LOCK TABLE built")
        return execute(sql, params, many, context)

    locked = []
    with connection.execute_wrapper(lock), no_longer_than(2):
        shapes = backend.indexes.shapes([SKETCH, other])
    with second.cursor() as cursor:
        cursor.execute("ROLLBACK")
    assert locked
    assert [shape is not None for shape in shapes] == [False, True]


def test_a_server_that_takes_no_writes_makes_no_sketch_and_reads_all_the_same(backend, run, built):
    run("SET default_transaction_read_only = on")
    try:
        assert backend.indexes.shapes([SKETCH]) == (None,)
        assert len(backend.indexes.catalogue(["built"]).indexes) == 3
    finally:
        run("SET default_transaction_read_only = off")
    assert backend.indexes.shapes([SKETCH]) != (None,)


def test_a_sketch_keeps_nobody_from_the_table(backend, built, second):
    with holding(second, "LOCK TABLE built IN EXCLUSIVE MODE"), no_longer_than(2):
        (shape,) = backend.indexes.shapes([SKETCH])
    assert shape is not None
