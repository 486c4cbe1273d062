"""SQLite files with something really wrong with them, mended as the finding says."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from django.db import connections

from dbhealth.backends import get_backend
from dbhealth.exceptions import NotSupported
from dbhealth.health.finding import Level
from tests.health.looking import execute, look, mend, report

pytestmark = pytest.mark.sqlite

ALL = tuple(f"L{number:03}" for number in range(1, 11))


@pytest.fixture
def own(tmp_path, django_db_blocker):
    """Make a file of its own under the alias "own", in WAL mode as it should be."""
    path = tmp_path / "own.sqlite3"
    connections.settings["own"] = {**connections.settings["default"], "NAME": str(path)}
    with django_db_blocker.unblock():
        run("PRAGMA journal_mode = wal", "CREATE TABLE parents (id integer PRIMARY KEY, n integer)",
            "CREATE TABLE children (id integer PRIMARY KEY, parent integer REFERENCES parents)",
            "CREATE INDEX parents_n ON parents (n)")  # fmt: skip
        yield path
        connections["own"].close()
    del connections.settings["own"], connections["own"]


def run(*statements):
    return execute(*statements, alias="own")


def fill(count):
    run(f"INSERT INTO parents (n) WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s "
        f"WHERE i < {count}) SELECT i FROM s")  # fmt: skip


def test_a_file_with_nothing_wrong_has_no_finding(own):
    fill(100)
    made = report(*ALL, alias="own")
    assert made.findings == ()
    assert len(made.run) == len(ALL)


def test_a_server_is_not_looked_for_in_a_file(own):
    backend = get_backend("own")
    assert not backend.features.has_sessions
    with pytest.raises(NotSupported, match="SQLite has no server"):
        backend.server.sessions()


@pytest.mark.parametrize(
    "mode, level", [("delete", Level.INFO), ("truncate", Level.INFO), ("off", Level.ERROR)]
)
def test_another_journal_than_wal_is_found_until_it_is_wal(own, mode, level):
    run(f"PRAGMA journal_mode = {mode}")
    (finding,) = look(*ALL, alias="own").values()
    assert (finding.id, finding.level) == ("dbhealth.L001", level)
    assert mode.upper() in finding.title
    assert finding.change.endswith("['init_command'] = 'PRAGMA journal_mode = wal;'")
    mend(finding)
    assert look(*ALL, alias="own") == {}


@pytest.mark.parametrize(
    "pragma, name", [("synchronous = OFF", "L002"), ("foreign_keys = OFF", "L003")]
)
def test_a_pragma_that_risks_data_is_found_until_it_is_set_back(own, pragma, name):
    run(f"PRAGMA {pragma}")
    (finding,) = look(*ALL, alias="own").values()
    assert (finding.id, finding.level) == (f"dbhealth.{name}", Level.ERROR)
    if name == "L002":
        assert finding.change.endswith("['init_command'] = 'PRAGMA synchronous = NORMAL;'")
    mend(finding)
    assert look(*ALL, alias="own") == {}


READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT * FROM parents").fetchall()
print("reading", flush=True)
sys.stdin.read()
"""


def test_a_wal_that_a_reader_lets_grow_is_found_with_the_reader_until_it_is_gone(own):
    child = subprocess.Popen(
        [sys.executable, "-c", READER, str(own)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout.readline() == b"reading\n"
        for _ in range(20):
            fill(5_000)
        (finding,) = look("L004", alias="own", wal_bytes=1_000_000).values()
        assert finding.value == os.path.getsize(f"{own}-wal")
        if os.path.isdir("/proc/self/fd"):
            assert f"({child.pid})" in " ".join(finding.reasons)
        assert look("L004", alias="own") == {}
        run("PRAGMA busy_timeout = 10")
        mend(finding)  # the reader is in the way
        assert "L004" in look("L004", alias="own", wal_bytes=1_000_000)[""].id
        child.stdin.close()
        child.wait()
    mend(finding)
    assert look("L004", alias="own", wal_bytes=1_000_000) == {}


def test_free_pages_are_found_until_vacuum_gives_them_back(own):
    fill(20_000)
    run("DELETE FROM parents WHERE id > 100")
    assert look("L005", alias="own") == {}  # less than the least that counts
    (finding,) = look("L005", alias="own", freelist_bytes=10_000).values()
    assert finding.value > 0.8
    mend(finding)
    assert look("L005", alias="own", freelist_bytes=0) == {}


def test_a_damaged_page_is_found_by_the_quick_check(own):
    fill(20_000)
    run("PRAGMA wal_checkpoint(TRUNCATE)")
    connections["own"].close()
    with own.open("r+b") as file:
        file.seek(os.path.getsize(own) // 2)
        file.write(b"\xff" * 8192)
    (finding,) = look("L006", alias="own").values()
    assert finding.level is Level.CRITICAL
    assert ".recover" in finding.sql
    assert look("L006", alias="own", check_bytes=1000) == {}
    assert set(look("L007", alias="own", check_bytes=1000)) == {""}


def test_an_index_without_all_rows_is_found_by_the_whole_check_until_it_is_rebuilt(own):
    fill(100)
    connections["own"].close()
    with closing(sqlite3.connect(own, isolation_level=None)) as plain:
        plain.execute("PRAGMA writable_schema = ON")
        plain.execute("UPDATE sqlite_master SET sql = replace(sql, '(n)', '(n) WHERE n < 50') "
                      "WHERE name = 'parents_n'")  # fmt: skip
    with closing(sqlite3.connect(own, isolation_level=None)) as plain:
        plain.execute("UPDATE parents SET n = n + 1000")
        plain.execute("PRAGMA writable_schema = ON")
        plain.execute("UPDATE sqlite_master SET sql = replace(sql, ' WHERE n < 50', '') "
                      "WHERE name = 'parents_n'")  # fmt: skip
    assert look("L006", alias="own") == {}
    (finding,) = look("L007", alias="own").values()
    assert finding.sql == ("REINDEX;",)
    mend(finding)
    assert look("L007", alias="own") == {}


def test_the_whole_check_is_made_where_it_is_asked_for(own):
    assert "dbhealth.L007" in report(alias="own").skipped
    assert "dbhealth.L007" in report("L007", alias="own").run


def test_rows_that_point_nowhere_are_found_until_they_have_what_they_point_at(own):
    run("PRAGMA foreign_keys = OFF", "INSERT INTO children (parent) VALUES (7), (7), (8)",
        "PRAGMA foreign_keys = ON")  # fmt: skip
    (finding,) = look(*ALL, alias="own").values()
    assert finding.id == "dbhealth.L008"
    assert finding.object == "column children.parent"
    assert finding.value == 3
    assert "3 rows of children point by parent at rows of parents that" in finding.title
    assert "Rows: 1, 2, 3." in " ".join(finding.reasons)
    run("INSERT INTO parents (id) VALUES (7)")
    (finding,) = look(*ALL, alias="own").values()
    assert "1 row of children points by parent at a row of parents that is" in finding.title
    run("DELETE FROM children WHERE parent = 8")
    assert look(*ALL, alias="own") == {}


def test_tables_without_statistics_and_with_outgrown_ones_are_found_until_analyze(own):
    fill(1_000)
    assert look(*ALL, alias="own") == {}  # small tables need none
    (finding,) = look(*ALL, alias="own", statistics_rows=1_000).values()
    assert finding.id == "dbhealth.L009"
    assert "parents" in finding.title
    mend(finding)
    assert look(*ALL, alias="own", statistics_rows=1_000) == {}
    fill(10_000)
    (finding,) = look(*ALL, alias="own", statistics_rows=1_000).values()
    assert finding.id == "dbhealth.L010"
    assert finding.title.startswith("1 table has grown many times")
    assert "parents (11 times)" in finding.title
    mend(finding)
    assert look(*ALL, alias="own", statistics_rows=1_000) == {}


def test_a_few_rows_with_numbers_far_apart_need_no_statistics(own):
    fill(10)
    run("INSERT INTO parents (id) VALUES (1099511627776)")
    assert look(*ALL, alias="own", statistics_rows=1_000) == {}


def test_a_database_in_memory_needs_no_journal(django_db_blocker):
    connections.settings["own"] = {**connections.settings["default"], "NAME": ":memory:"}
    try:
        with django_db_blocker.unblock():
            assert look(*ALL, alias="own") == {}
            assert get_backend("own").file.holders() == ()
    finally:
        # Django's close() leaves a database in memory open: all of it would be lost.
        connections["own"].connection.close()
        del connections.settings["own"], connections["own"]
