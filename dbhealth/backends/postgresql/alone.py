"""A session that nobody else gets to use, for statements that no transaction may hold.

VACUUM and CREATE INDEX CONCURRENTLY are bounded by settings of the session alone. A pooler that
shares sessions by the transaction (PgBouncer's pool_mode = transaction) hands a session on with
whatever was set in it: the statement would run unbounded in one session, and strangers would lose
theirs to a lock_timeout that they never asked for in another.
https://www.pgbouncer.org/features.html#sql-feature-map-for-pooling-modes

So these statements get a session that is opened for them. It is told from a shared one by a setting
that it was given when it began: a pooler refuses that, or does not pass it on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.apart import another, instead
from dbhealth.backends.executor import marked
from dbhealth.backends.postgresql.direct import lead_directly
from dbhealth.exceptions import ConfigurationError, SharedSession
from dbhealth.saying import say as _

_TOKEN = "dbhealth.session"  # noqa: S105
"""A setting of ours: PostgreSQL takes any name with a dot in it."""

_SET_HERE = "SELECT name, current_setting(name) FROM pg_settings WHERE source = 'session'"

_HELD_HERE = """
    SELECT 1 FROM pg_locks
     WHERE locktype = 'advisory' AND (classid::bigint << 32) + objid::bigint = %s
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_ALONE: WeakSet[BaseDatabaseWrapper] = WeakSet()


@contextmanager
def alone(alias: str) -> Iterator[None]:
    """Let everything that the block does on ``alias`` happen in a session that is nobody else's.

    It goes where DBHEALTH["DIRECT"] says, begins as the thread's own has begun, has PostgreSQL's
    settings as they are there (the search_path of a tenant, maintenance_work_mem), and ends with
    the block. Inside another such block it is that one's.

    Raises SharedSession where a pooler stands before the server, and ConfigurationError where
    DBHEALTH["DIRECT"] leads elsewhere or is no connection string.
    """
    own = connections[alias]
    if own in _ALONE:
        yield
        return
    own.ensure_connection()
    fresh = another(alias)
    is_led = lead_directly(fresh)
    token, options = secrets.token_hex(8), fresh.settings_dict["OPTIONS"]
    given = options.get("options") if is_led else own.connection.info.options
    options["options"] = f"{given or ''} -c {_TOKEN}={token}".strip()
    # Who listens to what the thread says hears this as well.
    fresh.execute_wrappers = own.execute_wrappers
    try:
        _open(fresh, token)
        if is_led:
            _ensure_same(own, fresh)
        for name, value in _ask(own, _SET_HERE):
            _ask(fresh, "SELECT set_config(%s, %s, false)", name, value)
    except BaseException:
        fresh.close()
        raise
    _ALONE.add(fresh)
    with instead(fresh):
        yield


def _open(fresh: BaseDatabaseWrapper, token: str) -> None:
    try:
        fresh.ensure_connection()
    except OperationalError as error:
        if "startup parameter" in str(error):
            raise _shared(fresh.alias) from error
        raise
    if _ask(fresh, "SELECT current_setting(%s, true)", _TOKEN) != [(token,)]:
        raise _shared(fresh.alias)


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
