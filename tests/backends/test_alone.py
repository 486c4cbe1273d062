"""Statements that no transaction may hold have a session that nobody else uses, or do not run."""

import threading
from collections import Counter
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.utils import OperationalError

from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.checks import check_settings
from dbhealth.exceptions import ConfigurationError, SharedSession
from dbhealth.runs.models import MaintenanceRun
from tests.indexes.building import init
from tests.maintenance.vacuuming import run_vacuum
from tests.moveapp.tools import add_events, archive, in_archive, keep_one, query, wait_until
from tests.servers import PostgresServer
from tests.servers.engine import postgres_major
from tests.servers.pooler import PORT, pooler

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ASKED = "current_setting('lock_timeout'), current_setting('statement_timeout')"


def forbidding(sql, **bounds):
    return Statement(
        sql=sql, purpose="x", lock=Lock.NONE, transaction=InTransaction.FORBIDDEN, **bounds
    )


def session():
    return query("SELECT pg_backend_pid()")[0][0]


def test_its_bounds_hold_in_a_session_of_its_own_and_change_none_of_the_threads(backend):
    own, before = session(), query(f"SELECT {ASKED}")
    found = backend.executor.run(
        forbidding(f"SELECT pg_backend_pid(), {ASKED}", lock_timeout=1.5, statement_timeout=70)
    ).first
    assert (found[0] != own, found[1:]) == (True, ("1500ms", "70s"))
    assert (session(), query(f"SELECT {ASKED}")) == (own, before)


def test_the_session_ends_with_the_block(backend):
    with backend.executor.alone():
        pid = session()
        assert backend.ddl.session() == pid
        # Inside such a block there is no second one.
        assert backend.executor.run(forbidding("SELECT pg_backend_pid()")).value == pid
    there = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
    wait_until(lambda: not query(there, pid), "the session has ended")
    assert session() != pid


def test_it_has_what_was_set_in_the_threads_session(backend):
    query("SET search_path = 'somewhere else', public")
    query("SET maintenance_work_mem = '77MB'")
    query("SET ROLE pg_monitor")
    asked = "SELECT current_setting('search_path'), current_setting('maintenance_work_mem'), "
    asked += "current_user::text"
    found = backend.executor.run(forbidding(asked)).first
    assert found == ('"somewhere else", public', "77MB", "pg_monitor") == query(asked)[0]
    connection.close()


class OfTenant(DatabaseWrapper):
    """As django-tenants has it: a connection that tells the server its schema with each cursor."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.tenant = "public"

    def _cursor(self, name=None):
        cursor = super()._cursor(name)
        cursor.execute(f"SET search_path = {self.tenant}")
        return cursor


@contextmanager
def thread_has(wrapper):
    before = connections["default"]
    connections["default"] = wrapper
    try:
        yield
    finally:
        wrapper.close()
        connections["default"] = before


def test_it_is_of_the_threads_tenant(backend):
    query("CREATE SCHEMA acme")
    try:
        with thread_has(OfTenant(connection.copy().settings_dict, "default")):
            connections["default"].tenant = "acme"
            found = backend.executor.run(forbidding("SELECT current_schemas(false)")).value
        assert found == ["acme"]
    finally:
        query("DROP SCHEMA acme")


def test_where_it_would_see_other_tables_it_does_nothing(backend, settings):
    query("CREATE SCHEMA postgres")  # as "$user" says
    query("CREATE ROLE somebody SUPERUSER LOGIN")
    settings.DBHEALTH = {"DIRECT": {"default": "user=somebody"}}
    try:
        with pytest.raises(ConfigurationError, match=r"\['public'\].*\['postgres', 'public'\]"):
            backend.executor.run(forbidding("SELECT 1"))
    finally:
        query("DROP SCHEMA postgres")
        query("DROP ROLE somebody")


def test_who_listens_to_the_thread_hears_it_and_hears_it_once(backend):
    heard = []

    def listen(execute, sql, params, many, context):
        heard.append(sql)
        return execute(sql, params, many, context)

    def listens_always(connection, **kwargs):
        connection.execute_wrappers.append(listen)

    query("SELECT 1")
    connection_created.connect(listens_always)
    try:
        with connection.execute_wrapper(listen):
            for _ in range(3):
                backend.executor.run(forbidding("SELECT 'once'"))
            assert len(connection.execute_wrappers) == 1
    finally:
        connection_created.disconnect(listens_always)
    assert len([sql for sql in heard if "'once'" in sql]) == 3


def test_a_thread_whose_session_was_ended_meanwhile_has_another_one(backend):
    own = session()
    with backend.executor.alone():
        query("SELECT pg_terminate_backend(%s)", own)
    assert session() != own


def test_it_begins_with_the_options_of_the_project(backend, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c work_mem=13MB")
    assert query("SHOW work_mem") == [("13MB",)]
    assert backend.executor.run(forbidding("SHOW work_mem")).value == "13MB"
    connection.close()


def test_what_keeps_it_from_a_session_otherwise_is_an_error_of_its_own(backend, monkeypatch):
    query("SELECT 1")
    monkeypatch.setitem(connection.settings_dict, "USER", "nobody_at_all")
    with pytest.raises(OperationalError, match="nobody_at_all"):
        backend.executor.run(forbidding("SELECT 1"))


@pytest.fixture(params=["", "options, extra_float_digits"], ids=["strict", "lax"])
def pooled(request):
    """Let the thread reach its database through PgBouncer, which takes options or ignores them."""
    place = connection.settings_dict
    taken = {"ignore_startup_parameters": request.param} if request.param else {}
    direct, through = connections["default"], connection.copy()
    with pooler(place["HOST"], place["NAME"], place["USER"], **taken) as host:
        through.settings_dict |= {"HOST": host, "PORT": str(PORT)}
        connections["default"] = through
        yield through
        connections["default"] = direct
        through.close()


class Strangers:
    """Other clients of the pooler, who look at the settings of whatever session they get."""

    def __init__(self, through):
        self._where = {"host": through.settings_dict["HOST"], "port": PORT}
        self._where |= {"dbname": through.settings_dict["NAME"], "user": "postgres"}
        self._over, self.seen = threading.Event(), Counter()
        self._threads = [threading.Thread(target=self._look) for _ in range(5)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _look(self):
        asked = f"SELECT {ASKED}, current_setting('transaction_read_only')"
        with psycopg.connect(**self._where, autocommit=True, prepare_threshold=None) as session:
            while not self._over.wait(0.001):
                self.seen[session.execute(asked).fetchone()] += 1


def test_behind_a_pooler_rows_are_moved_and_strangers_feel_nothing(pooled):
    add_events(range(1, 201))
    keep_one()
    with Strangers(pooled) as strangers:
        assert archive(batch_size=20)["rows"] == 200
    assert len(in_archive()) == 200
    assert list(strangers.seen) == [("0", "0", "off")]


@pytest.mark.parametrize("dry", [True, False])
def test_behind_a_pooler_nothing_is_vacuumed_or_built_and_strangers_feel_nothing(pooled, dry):
    query("CREATE TABLE dirty (id integer)")
    try:
        with Strangers(pooled) as strangers:
            upkeep = run_vacuum(tables=["dirty"], dry_run=dry)
            built = init(tables=["move_event"], analyze=True, dry_run=dry)
    finally:
        query("DROP TABLE dirty")
    for result in (upkeep, built):
        assert result["state"] == "refused"
        assert [reason["code"] for reason in result["refusals"]] == ["session-shared"]
        assert "DBHEALTH['DIRECT'] = {'default': 'host=… port=5432'}" in result["error"]
    assert not MaintenanceRun.objects.exists()
    assert list(strangers.seen) == [("0", "0", "off")]


@pytest.fixture
def server():
    """Return the conninfo of the server itself."""
    place = connections["default"].settings_dict
    return f"host={place['HOST']} port={place['PORT'] or 5432} user={place['USER']}"


def test_past_a_pooler_it_is_done_and_strangers_feel_nothing(server, pooled, settings):
    settings.DBHEALTH = {"DIRECT": {"default": f"{server} dbname=template1 connect_timeout=9"}}
    query("CREATE TABLE dirty (id integer)")
    try:
        with Strangers(pooled) as strangers:
            upkeep = run_vacuum(tables=["dirty"])
            built = init(tables=["move_event"], analyze=True)
    finally:
        query("DROP TABLE dirty")
    assert [step["state"] for step in (*upkeep["steps"], *built["steps"])] == ["done", "done"]
    assert list(strangers.seen) == [("0", "0", "off")]


def test_a_way_that_leads_to_another_database_is_not_taken(backend, server, settings):
    settings.DBHEALTH = {"DIRECT": {"default": server}}
    assert backend.executor.run(forbidding("SELECT current_database()")).value
    with PostgresServer(postgres_major()) as elsewhere:
        name = connection.settings_dict["NAME"]
        with psycopg.connect(elsewhere.dsn, autocommit=True) as session:
            session.execute(f'CREATE DATABASE "{name}"')
        settings.DBHEALTH = {"DIRECT": {"default": elsewhere.dsn}}
        with pytest.raises(ConfigurationError, match="leads to another database"):
            backend.executor.run(forbidding("SELECT 1"))


def test_what_is_no_connection_string_is_told_without_its_secrets(backend, settings):
    settings.DBHEALTH = {"DIRECT": {"default": "hots=here password=secret"}}
    with pytest.raises(ConfigurationError, match="no connection string") as refused:
        backend.executor.run(forbidding("SELECT 1"))
    assert "secret" not in str(refused.value)
    (said,) = check_settings()
    assert (said.id, "no connection string" in said.msg) == ("dbhealth.E001", True)
    settings.DBHEALTH = {"DIRECT": {"default": "host=here"}}
    assert check_settings() == []


def test_behind_a_pooler_a_statement_is_not_run(pooled, backend):
    with pytest.raises(SharedSession, match="pooler"):
        backend.executor.run(forbidding("CREATE DATABASE never_made"))
    assert not query("SELECT 1 FROM pg_database WHERE datname = 'never_made'")
