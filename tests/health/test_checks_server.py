"""A server of its own with a standby: what a shared one must not be made to suffer."""

import subprocess
from contextlib import contextmanager

import pytest
from django.db import connections

from dbhealth.backends import get_backend
from dbhealth.exceptions import NotSupported
from dbhealth.health.finding import Confidence, Level
from dbhealth.health.registry import registry
from tests.health.looking import execute, look, mend, report, wait_for
from tests.servers import PostgresServer, account
from tests.servers.engine import postgres_major
from tests.servers.waiting import WAITING

pytestmark = pytest.mark.postgresql

SETTINGS = {
    "max_prepared_transactions": "5",
    "wal_level": "logical",
    "max_wal_size": "64MB",
    "archive_mode": "on",
    "archive_command": "true",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}

MINE = tuple(
    check.id.removeprefix("dbhealth.")
    for check in registry
    if check.look.__module__.startswith("dbhealth.health.checks") and not check.expensive
)


@contextmanager
def alias_of(server, name):
    """Have a server under an alias of Django's."""
    connections.settings[name] = {**connections.settings["default"], **server.database()}
    try:
        yield name
    finally:
        connections[name].close()
        del connections.settings[name], connections[name]


@pytest.fixture(scope="module")
def server():
    major = postgres_major()
    with PostgresServer(major, settings=SETTINGS) as started:
        yield started


@pytest.fixture
def own(server, django_db_blocker):
    """Have the server under the alias "own", with pg_stat_statements in its database."""
    with django_db_blocker.unblock(), alias_of(server, "own"):
        run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        yield server


def run(*statements):
    return execute(*statements, alias="own")


def see(*ids, **thresholds):
    return look(*ids, alias="own", **thresholds)


def test_a_server_with_nothing_wrong_has_no_finding(own):
    made = report(*MINE, alias="own")
    assert made.findings == ()
    assert made.partial == made.left_out == ()
    assert {"dbhealth.S001", "dbhealth.D001", "dbhealth.V010"} <= set(made.run)


def test_counters_that_nobody_reset_are_as_old_as_those_of_the_server(own):
    [(was_reset, up)] = run(
        "SELECT stats_reset IS NOT NULL, extract(epoch FROM clock_timestamp() - "
        "pg_postmaster_start_time())::float8 FROM pg_stat_database "
        "WHERE datname = current_database()"
    )
    assert not was_reset
    # They are there before the server takes connections, and initdb has just made it.
    assert up - 1 < get_backend("own").server.counters().seconds < up + 60


def test_a_file_is_not_looked_for_on_a_server(own):
    with pytest.raises(NotSupported, match="PostgreSQL is a server"):
        get_backend("own").file.facts()


def test_a_prepared_transaction_is_found_until_it_is_ended_and_named_where_it_blocks(own):
    run("CREATE TABLE held (id integer)", "BEGIN", "INSERT INTO held VALUES (1)",
        "PREPARE TRANSACTION 'it''s open'")  # fmt: skip
    (finding,) = see("S004", long_transaction=0).values()
    assert finding.object == "prepared transaction it's open"
    assert finding.level is Level.ERROR
    waiting = connections["own"].copy()
    waiting.ensure_connection()
    waiting.connection.pgconn.send_query(b"BEGIN; LOCK TABLE held")
    wait_for(lambda: run(WAITING))
    assert set(see("S005", blocked=0)) == {"prepared transactions"}
    commit, _rollback = finding.sql
    run(commit)
    wait_for(lambda: not run(WAITING))
    waiting.close()
    assert see("S004", "S005", long_transaction=0, blocked=0) == {}
    run("DROP TABLE held")


def test_settings_at_their_defaults_under_a_large_database_are_found_until_they_are_set(own):
    found = see("S010", "S014", large_database=1000)
    assert set(found) == {
        "setting shared_buffers",
        "setting effective_cache_size",
        "setting maintenance_work_mem",
        "setting random_page_cost",
    }
    assert found["setting random_page_cost"].confidence is Confidence.LOW
    assert all(finding.level is Level.INFO for finding in found.values())
    try:
        for finding in found.values():
            mend(finding)
        # What can be read again is in force; the size of the cache waits for a restart.
        wait_for(
            lambda: set(see("S010", "S014", large_database=1000)) == {"setting shared_buffers"}
        )
        assert set(see("S014")) == {"setting shared_buffers"}
    finally:
        run("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
    wait_for(lambda: not see("S014"))


def test_a_setting_that_risks_data_is_found_until_it_is_set_back(own):
    run("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET track_activities = off",
        "SELECT pg_reload_conf()")  # fmt: skip
    try:
        wait_for(lambda: len(see("S011")) == 2)
        found = see("S011")
        assert found["setting fsync"].level is Level.CRITICAL
        assert found["setting track_activities"].level is Level.WARNING
        for finding in found.values():
            mend(finding)
        wait_for(lambda: not see("S011"))
    finally:
        run("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")


def test_statement_statistics_and_old_extensions_are_found_until_they_are_there_and_new(own):
    run("DROP EXTENSION pg_stat_statements")
    mend(see("S012")[""])
    assert see("S012", "S013") == {}
    run("DROP EXTENSION pg_stat_statements", "CREATE EXTENSION pg_stat_statements VERSION '1.9'")
    (finding,) = see("S012", "S013").values()
    assert (finding.id, finding.object) == ("dbhealth.S013", "extension pg_stat_statements")
    mend(finding)
    assert see("S012", "S013") == {}


COSTLY = {"statement_share": 0.5, "statement_calls": 3, "statement_seconds": 0.1}


def test_a_statement_that_takes_most_of_the_time_is_found_until_it_does_not(own):
    run("SELECT pg_stat_statements_reset()", *["SELECT pg_sleep(0.1), 'secret'"] * 3)
    (finding,) = see("S018", **COSTLY).values()
    assert (finding.level, finding.unit) == (Level.INFO, "share")
    assert finding.object.startswith("statement ")
    assert "SELECT pg_sleep($1), $2" in finding.title
    assert "3 calls took " in finding.reasons[0]
    for bound in ({"statement_calls": 4}, {"statement_mean": 1}, {"statement_seconds": 60}):
        assert see("S018", **COSTLY | bound) == {}
    run("SELECT pg_stat_statements_reset()")
    assert see("S018", **COSTLY) == {}


def test_the_own_statements_are_not_the_costly_ones_and_one_that_counts_nothing_is_no_error(own):
    run("SELECT pg_stat_statements_reset()", *["SELECT /* dbhealth */ pg_sleep(0.1)"] * 3)
    assert see("S018", **COSTLY) == {}
    run("DROP EXTENSION pg_stat_statements")
    assert see("S018", **COSTLY) == {}
    run("CREATE SCHEMA aside", "CREATE EXTENSION pg_stat_statements SCHEMA aside VERSION '1.9'")
    run("SELECT aside.pg_stat_statements_reset()", *["SELECT pg_sleep(0.1)"] * 3)
    assert len(see("S018", **COSTLY)) == 1
    run("DROP SCHEMA aside CASCADE", "CREATE EXTENSION pg_stat_statements")


def test_wal_that_cannot_be_archived_is_found_until_it_can(own):
    assert see("S015") == {}
    run("ALTER SYSTEM SET archive_command = 'false'", "SELECT pg_reload_conf()",
        "CREATE TABLE written ()", "DROP TABLE written", "SELECT pg_switch_wal()")  # fmt: skip
    wait_for(lambda: see("S015"))
    (finding,) = see("S015").values()
    assert finding.level is Level.ERROR
    run("ALTER SYSTEM RESET archive_command")
    mend(finding)
    wait_for(lambda: not see("S015"))


def test_transaction_ids_are_counted_from_the_oldest_row_until_it_is_frozen(own):
    run("CREATE TABLE aged AS SELECT 1 AS id", "CREATE DATABASE another")
    enough = {"wraparound_share": 200 / 2**31, "wraparound_critical_share": 0.9}
    holder = connections["own"].copy()
    with holder.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT txid_current()")
        run("DO $$ BEGIN FOR i IN 1..300 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$")
        found = see("V010", "V012", **enough)
        assert found[""].level is Level.WARNING
        assert f"VACUUM is held back by session {holder.connection.info.backend_pid}" in " ".join(
            found[""].reasons
        )
        assert "database another" in found
        assert see("V010", wraparound_share=0, wraparound_critical_share=0)[""].level == "critical"
    holder.close()
    wait_for(lambda: not see("V010", **enough)[""].reasons)
    mend(found[""])
    found = see("V010", "V012", **enough)
    assert "" not in found
    with alias_of(own, "another"):
        connections["another"].settings_dict["NAME"] = "another"
        execute(*found["database another"].sql, alias="another")
    assert "database another" not in see("V012", **enough)
    run("DROP DATABASE another", "DROP TABLE aged")


def test_multixact_ids_are_counted_until_they_are_frozen(own):
    run("CREATE TABLE shared AS SELECT 1 AS id")
    other = connections["own"].copy()
    with other.cursor() as cursor:
        for _ in range(6):
            run("BEGIN", "SELECT * FROM shared FOR SHARE")
            cursor.execute("BEGIN; SELECT * FROM shared FOR SHARE; ROLLBACK")
            run("ROLLBACK")
    other.close()
    enough = {"wraparound_share": 4 / 2**31, "wraparound_critical_share": 0.9}
    (finding,) = see("V011", **enough).values()
    mend(finding)
    assert see("V011", **enough) == {}
    run("DROP TABLE shared")


def test_a_slot_that_nobody_reads_is_found_until_it_is_dropped_and_when_it_is_lost(own):
    run("SELECT pg_create_physical_replication_slot('left_over', true)")
    assert see("S008", "S009") == {}
    (finding,) = see("S008", "S009", slot_bytes=0).values()
    assert finding.object == "slot left_over"
    mend(finding)
    assert see("S008", slot_bytes=0) == {}
    run("SELECT pg_create_physical_replication_slot('left_over', true)",
        "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'", "SELECT pg_reload_conf()")  # fmt: skip
    wait_for(lambda: run("SHOW max_slot_wal_keep_size") == [("1MB",)])
    for _ in range(4):
        run("CREATE TABLE written ()", "DROP TABLE written", "SELECT pg_switch_wal()")
    run("CHECKPOINT")
    (finding,) = see("S008", "S009", slot_bytes=0).values()
    assert finding.id == "dbhealth.S009"
    mend(finding)
    assert see("S008", "S009", slot_bytes=0) == {}
    run("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")


@pytest.fixture
def standby(own):
    """Start a standby of the server, made by a copy of it."""
    copy = PostgresServer(own.major)
    try:
        subprocess.run(
            [copy.binaries / "pg_basebackup", "-D", copy.data, "-h", own.host, "-p", "5432",
             "-U", own.user, "-R", "-c", "fast", "--no-sync"],
            check=True, capture_output=True, **account.popen_options(),
        )  # fmt: skip
        with (copy.data / "postgresql.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{copy.directory}'\n")
            file.write("wal_receiver_status_interval = 1\n")
        copy.start()
        with alias_of(copy, "copy"):
            yield "copy"
    finally:
        copy.close()


def test_a_standby_whose_replay_is_paused_is_found_on_both_sides_until_it_goes_on(own, standby):
    wait_for(lambda: run("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"))
    brief = {"replica_lag": 0.05, "replica_bytes": 10_000}
    wait_for(lambda: not see("S007", **brief) and not look("S007", alias=standby, **brief))
    execute("SELECT pg_wal_replay_pause()", alias=standby)
    run("CREATE TABLE behind AS SELECT generate_series(1, 10000) AS id")
    wait_for(lambda: see("S007", **brief) and look("S007", alias=standby, **brief))
    (seen,) = see("S007", **brief).values()
    assert seen.object == "standby walreceiver"
    (felt,) = look("S007", alias=standby, **brief).values()
    assert "Somebody has paused its replay." in felt.reasons
    mend(felt)
    wait_for(lambda: not see("S007", **brief) and not look("S007", alias=standby, **brief))
    assert report(*MINE, alias=standby).failed == ()
    run("DROP TABLE behind")


CLERK = (
    "GRANT pg_monitor TO clerk",
    "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO clerk",
)


@pytest.fixture
def clerk(own):
    """Have a role under the alias "clerk", and something that only who has the rights can see."""
    run("CREATE ROLE clerk LOGIN", "CREATE TABLE full_up (id serial PRIMARY KEY)",
        "SELECT setval('full_up_id_seq', 2000000000)")  # fmt: skip
    other = connections["own"].copy()
    with other.cursor() as cursor, alias_of(own, "clerk"):
        cursor.execute("BEGIN; SELECT 1")
        connections["clerk"].settings_dict["USER"] = "clerk"
        yield "clerk"
    other.close()
    run("DROP TABLE full_up", "DROP OWNED BY clerk", "DROP ROLE clerk")


def test_a_role_with_the_documented_rights_and_no_more_makes_every_check(clerk):
    short = {"idle_in_transaction": 0}
    without = report(*MINE, alias=clerk, **short)
    grants = {item.object for item in without.findings if item.id == "dbhealth.H002"}
    assert grants == {
        'GRANT pg_monitor TO "clerk"',
        'GRANT SELECT ON ALL SEQUENCES IN SCHEMA "public" TO "clerk"',
    }
    assert len(without.run) == len(MINE) - sum(name.startswith("L") for name in MINE)
    assert {item.id for item in without.findings} == {"dbhealth.H002"}
    run(*CLERK)
    made = report(*MINE, alias=clerk, **short)
    assert made.partial == ()
    assert {item.id for item in made.findings} == {"dbhealth.D001", "dbhealth.S003"}
    with pytest.raises(Exception, match="permission denied for table full_up"):
        execute("SELECT * FROM full_up", alias=clerk)


def test_pages_with_a_wrong_checksum_are_found(own):
    """The last test of the server: it is damaged afterwards."""
    if run("SHOW data_checksums") == [("off",)]:
        connections["own"].close()
        own.stop()
        own._run("pg_checksums", "--enable", "--no-sync", "-D", own.data)
        own.start()
    run("CREATE TABLE damaged AS SELECT generate_series(1, 1000) AS id", "CHECKPOINT")
    ((path,),) = run("SELECT pg_relation_filepath('damaged')")
    assert see("D007") == {}
    connections["own"].close()
    own.stop()
    with (own.data / path).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 64)
    own.start()
    with pytest.raises(Exception, match="invalid page"):
        run("SELECT count(*) FROM damaged")
    connections["own"].close()
    wait_for(lambda: see("D007"))
    (finding,) = see("D007").values()
    assert finding.level is Level.CRITICAL
    run("DROP TABLE damaged", "SELECT pg_stat_reset()")
    assert see("D007") == {}
