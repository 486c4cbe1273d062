"""lock_timeout and statement_timeout, for the current transaction only.

https://www.postgresql.org/docs/current/runtime-config-client.html

Anything set for the session would outlive us on somebody else's connection where a pooler shares
sessions. So set_config(…, is_local) goes before the statement, in the same message: the server
runs several statements of one message as one transaction, and it saves a round trip each.
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from dbhealth.backends.apart import another
from dbhealth.backends.bounds import Bounds
from dbhealth.backends.executor import Preamble, marked
from dbhealth.backends.postgresql.alone import alone
from dbhealth.backends.postgresql.direct import lead_directly
from dbhealth.backends.statement import InTransaction, Statement


class PostgresTimeouts:
    """Timeouts that end with the transaction, or in somebody else's with the statement."""

    def needs_transaction(self, connection: BaseDatabaseWrapper, statement: Statement) -> bool:
        """Return whether the timeouts must be set by a message of their own."""
        allowed = statement.transaction is InTransaction.ALLOWED
        return allowed and bool(_wanted(statement)) and not self.takes_several(connection)

    def takes_several(self, connection: BaseDatabaseWrapper) -> bool:
        """Return whether one message may hold several statements: not with server-side binding."""
        return not connection.settings_dict["OPTIONS"].get("server_side_binding")

    @contextmanager
    def applied(self, connection: BaseDatabaseWrapper, statement: Statement) -> Iterator[Preamble]:
        """Set the timeouts; for a statement that forbids a transaction, for its session."""
        wanted = _wanted(statement)
        if not wanted:
            yield Preamble()
        elif statement.transaction is InTransaction.FORBIDDEN:
            # The session is nobody else's, and ends with the statement.
            _set(connection, wanted, is_local=False)
            yield Preamble()
        elif connection.in_atomic_block and statement.transaction is InTransaction.ALLOWED:
            # The transaction is the caller's, whose own statements wait as they did before. After
            # an error it can only be rolled back, and that puts the values back as well.
            before = _current(connection, wanted)
            _set(connection, wanted, is_local=True)
            yield Preamble()
            _set(connection, before, is_local=True)
        elif self.takes_several(connection):
            sql, params = _call(wanted, is_local=True)
            yield Preamble(sql=f"{marked(sql)}; ", params=params, results=1)
        else:
            _set(connection, wanted, is_local=True)
            yield Preamble()

    def patient(
        self, connection: BaseDatabaseWrapper, seconds: float
    ) -> AbstractContextManager[None]:
        """Do nothing: BEGIN takes no lock, and COMMIT waits for standbys at the most."""
        return nullcontext()

    def alone(self, alias: str) -> AbstractContextManager[None]:
        """Have a session that nobody else uses; its settings bound what forbids a transaction."""
        return alone(alias)

    def check_way(self, alias: str) -> None:
        """Raise ConfigurationError where DBHEALTH["DIRECT"] has no connection string for it."""
        lead_directly(another(alias))

    @contextmanager
    def looking(self, connection: BaseDatabaseWrapper, bounds: Bounds) -> Iterator[None]:
        """Hold a short transaction with the bounds, or a savepoint in somebody else's.

        What is set with is_local ends with the transaction; in somebody else's it is put back.
        That one may go on to write, so it cannot be made read-only.
        """
        wanted = _milliseconds(lock_timeout=bounds.lock, statement_timeout=bounds.statement)
        before: dict[str, str] = {}
        if connection.in_atomic_block:
            before = _current(connection, wanted)
        else:
            wanted["transaction_read_only"] = "on"
        with transaction.atomic(using=connection.alias):
            _set(connection, wanted, is_local=True)
            yield
            if before:
                _set(connection, before, is_local=True)


def _wanted(statement: Statement) -> dict[str, str]:
    return _milliseconds(
        lock_timeout=statement.lock_timeout, statement_timeout=statement.statement_timeout
    )


def _milliseconds(**given: float | None) -> dict[str, str]:
    # "0ms" would mean "wait for ever".
    return {
        name: f"{max(1, round(seconds * 1000))}ms"
        for name, seconds in given.items()
        if seconds is not None
    }


def _call(values: dict[str, str], *, is_local: bool) -> tuple[str, tuple[str | bool, ...]]:
    calls = ", ".join(["set_config(%s, %s, %s)"] * len(values))
    params: list[str | bool] = []
    for name, value in values.items():
        params += [name, value, is_local]
    return f"SELECT {calls}", tuple(params)


def _set(connection: BaseDatabaseWrapper, values: dict[str, str], *, is_local: bool) -> None:
    with connection.cursor() as cursor:
        sql, params = _call(values, is_local=is_local)
        cursor.execute(marked(sql), params)


def _current(connection: BaseDatabaseWrapper, names: dict[str, str]) -> dict[str, str]:
    with connection.cursor() as cursor:
        calls = ", ".join(["current_setting(%s)"] * len(names))
        cursor.execute(marked(f"SELECT {calls}"), list(names))
        return dict(zip(names, cursor.fetchone(), strict=True))
