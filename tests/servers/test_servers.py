"""The servers that the other tests stand on keep their promises."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from django.db import connection, connections

from tests.servers import EngineMissing, PostgresServer
from tests.servers.engine import chosen_engine, postgres_major


def scalar(server: PostgresServer, sql: str) -> object:
    with psycopg.connect(server.dsn, autocommit=True) as conn:
        return conn.execute(sql).fetchone()[0]


def is_running(pid: int) -> bool:
    """Whether a process works; a dead one that nobody has waited for yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.django_db(databases=["default", "other"])
@pytest.mark.parametrize("alias", ["default", "other"])
def test_both_aliases_are_on_the_chosen_engine(alias):
    expected = "sqlite" if chosen_engine() == "sqlite" else "postgresql"
    assert connections[alias].vendor == expected


@pytest.mark.postgresql
@pytest.mark.django_db
def test_the_session_server_is_the_version_asked_for_and_has_the_statistics():
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION pg_stat_statements")
        cursor.execute("SELECT count(*) FROM pg_stat_statements")
    assert connection.pg_version // 10_000 == postgres_major()


@pytest.mark.sqlite
@pytest.mark.django_db
def test_sqlite_is_a_file_that_several_processes_can_open():
    assert Path(connection.settings_dict["NAME"]).is_file()


@pytest.mark.django_db(transaction=True)
def test_a_child_process_works_on_the_database_of_the_test(process_environment):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE seen_by_child (id integer)")
    program = (
        "import django; django.setup(); from django.db import connection; "
        "raise SystemExit('seen_by_child' not in connection.introspection.table_names())"
    )
    try:
        subprocess.run([sys.executable, "-c", program], check=True, env=process_environment())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE seen_by_child")


@pytest.mark.postgresql
def test_a_durable_server_keeps_committed_rows_through_an_immediate_stop(durable_server):
    assert scalar(durable_server, "SHOW fsync") == "on"
    with psycopg.connect(durable_server.dsn, autocommit=True) as conn:
        conn.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
    durable_server.restart("immediate")
    assert durable_server.running
    assert scalar(durable_server, "SELECT count(*) FROM kept") == 1000


@pytest.mark.postgresql
def test_further_settings_reach_the_server_and_close_leaves_nothing():
    with PostgresServer(postgres_major(), settings={"work_mem": "7MB"}) as server:
        assert scalar(server, "SHOW work_mem") == "7MB"
        assert scalar(server, "SHOW fsync") == "off"
        directory = server.directory
    assert not directory.exists()


@pytest.mark.postgresql
def test_a_server_does_not_outlive_a_killed_test_process():
    program = (
        "import time; from tests.servers import PostgresServer\n"
        f"server = PostgresServer({postgres_major()}).start()\n"
        "print(server.directory, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with child:
        directory = Path(child.stdout.readline().strip())
        postmaster = int((directory / "data" / "postmaster.pid").read_text().split()[0])
        child.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not directory.exists()
    assert not is_running(postmaster)


def test_a_version_that_no_machine_has_is_a_clear_sentence():
    with pytest.raises(EngineMissing, match="No PostgreSQL 99 server on this machine"):
        PostgresServer(99)
