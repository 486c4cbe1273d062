"""A session that nobody else gets to use, for statements that no transaction may hold.

VACUUM and CREATE INDEX CONCURRENTLY are bounded by settings of the session alone. A pooler that
shares sessions by the transaction (PgBouncer's pool_mode = transaction) hands a session on with
whatever was set in it: the statement would run unbounded in one session, and strangers would lose
theirs to a lock_timeout that they never asked for in another.
https://www.pgbouncer.org/features.html#sql-feature-map-for-pooling-modes

So these statements get a session that is opened for them. It is told from one that a pooler gives
by a setting that it was given when it began: a pooler refuses that, or does not pass it on. (One
that hands a session on only when the client has left does so as well, and would do no harm.)
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper

from dbhealth.backends.apart import another, instead
from dbhealth.backends.executor import marked
from dbhealth.backends.postgresql.direct import lead_directly
from dbhealth.exceptions import ConfigurationError, SharedSession
from dbhealth.saying import say as _

_TOKEN = "dbhealth.session"  # noqa: S105
"""A setting of ours: PostgreSQL takes any name with a dot in it."""

# The role is not in pg_settings; "none" where nobody has set another one.
_SET_HERE = """
    SELECT name, current_setting(name) FROM pg_settings WHERE source = 'session'
     UNION ALL SELECT 'role', current_setting('role')
"""

_HELD_HERE = """
    SELECT 1 FROM pg_locks
     WHERE locktype = 'advisory' AND (classid::bigint << 32) + objid::bigint = %s
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_SCHEMAS = "SELECT current_schemas(false)"

_ALONE: WeakSet[BaseDatabaseWrapper] = WeakSet()


@contextmanager
def alone(alias: str) -> Iterator[None]:
    """Let everything that the block does on ``alias`` happen in a session that is nobody else's.

    It goes where DBHEALTH["DIRECT"] says, begins as the thread's own has begun, has PostgreSQL's
    settings as they are there (the search_path of a tenant, maintenance_work_mem), and ends with
    the block. Inside another such block it is that one's.

    Raises SharedSession where a pooler stands before the server, and ConfigurationError where
    DBHEALTH["DIRECT"] is no connection string or leads elsewhere, or tables are looked for
    elsewhere than in the thread's session.
    """
    own = connections[alias]
    if own in _ALONE:
        yield
        return
    own.ensure_connection()
    fresh = _opened(own)
    _ALONE.add(fresh)
    try:
        with instead(fresh):
            yield
    finally:
        # Statements of hours: the server or a pooler may have ended what was idle meanwhile.
        if not own.in_atomic_block and not own.is_usable():
            own.close()


def _opened(own: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Return another session that is as the thread's own, and nobody else's."""
    fresh = another(own.alias)
    is_led = lead_directly(fresh)
    given = fresh.settings_dict["OPTIONS"].get("options") if is_led else own.connection.info.options
    _take_over(own, fresh)
    try:
        _open(fresh, given or "")
        if is_led:
            _ensure_same(own, fresh)
        for name, value in _ask(own, _SET_HERE):
            # Who comes another way comes as whom that way leads.
            if not (is_led and name == "role"):
                _ask(fresh, "SELECT set_config(%s, %s, false)", name, value)
        if (seen := _ask(fresh, _SCHEMAS)) != (wanted := _ask(own, _SCHEMAS)):
            raise ConfigurationError(
                f"A session of its own for {own.alias!r} looks for tables in {seen[0][0]}, the one "
                f"at hand in {wanted[0][0]}. Nothing was done. Give both one search_path, in the "
                "OPTIONS of DATABASES or by ALTER ROLE, and DBHEALTH['DIRECT'] the same user."
            )
    except BaseException:
        fresh.close()
        raise
    # Who listens to what the thread says hears this as well.
    fresh.execute_wrappers = list(own.execute_wrappers)
    return fresh


def _take_over(own: BaseDatabaseWrapper, fresh: BaseDatabaseWrapper) -> None:
    """Let ``fresh`` know what a project's own class of connections knows: copy() does not.

    So with django-tenants, whose connection has a tenant and tells the server before a statement.
    """
    plain = vars(DatabaseWrapper(own.settings_dict, own.alias))
    for name, value in vars(own).items():
        # A method that somebody has put on the connection would go on to use that one.
        if name not in plain and not callable(value):
            setattr(fresh, name, value)


def _open(fresh: BaseDatabaseWrapper, given: str) -> None:
    options, token = fresh.settings_dict["OPTIONS"], secrets.token_hex(8)
    options["options"] = f"{given} -c {_TOKEN}={token}".strip()
    try:
        fresh.ensure_connection()
    except OperationalError as error:
        if _opens(fresh, given):
            raise _shared(fresh.alias) from error
        raise
    if _ask(fresh, "SELECT current_setting(%s, true)", _TOKEN) != [(token,)]:
        raise _shared(fresh.alias)


def _opens(fresh: BaseDatabaseWrapper, given: str) -> bool:
    """Return whether a session without our setting would open."""
    options = fresh.settings_dict["OPTIONS"]
    options.pop("options")
    if given:
        options["options"] = given
    try:
        fresh.ensure_connection()
    except OperationalError:
        return False
    return True


def _ensure_same(own: BaseDatabaseWrapper, fresh: BaseDatabaseWrapper) -> None:
    """Raise ConfigurationError unless both are in one database: each sees the other's lock."""
    key = secrets.randbits(62)
    with transaction.atomic(using=own.alias):
        _ask(own, "SELECT pg_advisory_xact_lock_shared(%s)", key)
        if not _ask(fresh, _HELD_HERE, key):
            raise ConfigurationError(
                f"DBHEALTH['DIRECT'][{own.alias!r}] leads to another database than the alias "
                "itself does. Nothing was done."
            )


def _ask(connection: BaseDatabaseWrapper, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(marked(sql), params)
        return list(cursor.fetchall())


def _shared(alias: str) -> SharedSession:
    return SharedSession(
        _(
            "The database {alias!r} is reached through a pooler, which may hand its sessions on to "
            "others with what was set in them.",
            alias=alias,
        )
    )
