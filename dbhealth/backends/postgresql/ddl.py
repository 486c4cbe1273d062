"""Indexes on PostgreSQL are built beside the work of others: CREATE INDEX CONCURRENTLY.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

import re

from dbhealth.backends.ddl import LONGEST_WORK
from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql
from dbhealth.backends.postgresql import builds
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.conf import get_settings
from dbhealth.exceptions import NotSupported
from dbhealth.saying import say as _

_INDEX = re.compile(r"CREATE (?P<unique>UNIQUE )?INDEX (?=\")(?P<rest>.*)", re.S)

# Django writes a unique constraint of plain columns in this form, and any other as an index.
_UNIQUE = re.compile(
    r"ALTER TABLE (?P<table>\"\S.*?\") ADD CONSTRAINT (?P<name>\"(?:[^\"]|\"\")+\") "
    r"UNIQUE(?P<nulls> NULLS NOT DISTINCT)? (?P<columns>\(\".*\"\))"
    r"(?P<deferrable> DEFERRABLE INITIALLY (?:DEFERRED|IMMEDIATE))?",
    re.S,
)


class PostgresDdl:
    """Changes of indexes that others hardly feel."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def create_index(self, table: str, name: str, sql: str) -> tuple[Statement, ...]:
        """Return the statements that carry out Django's ``sql`` CONCURRENTLY."""
        wanted = sql.strip().rstrip(";").replace("%", "%%")
        if found := _INDEX.fullmatch(wanted):
            unique = found["unique"] or ""
            index = f"CREATE {unique}INDEX CONCURRENTLY {found['rest']}"
            return (_build(index, _to_build(table, name)),)
        if found := _UNIQUE.fullmatch(wanted):
            index = (
                f"CREATE UNIQUE INDEX CONCURRENTLY {found['name']} ON {found['table']} "
                f"{found['columns']}{found['nulls'] or ''}"
            )
            constraint = (
                f"ALTER TABLE {found['table']} ADD CONSTRAINT {found['name']} "
                f"UNIQUE USING INDEX {found['name']}{found['deferrable'] or ''}"
            )
            return _build(index, _to_build(table, name)), _adopt(constraint, table, name)
        raise NotSupported(
            _(
                "{index} on {table} can only be made while nobody else reads or writes the table: "
                "PostgreSQL has no CONCURRENTLY for it. Put it into a migration, and run that when "
                "the table can do without its users for the time of the build.",
                index=name,
                table=table,
            )
        )

    def rebuild(self, table: str, name: str) -> Statement:
        """Return REINDEX INDEX CONCURRENTLY."""
        sql = f"REINDEX INDEX CONCURRENTLY {_beside(table, name)}"
        purpose = _(
            "Rebuild the index {index} on {table}, while others read and write the table.",
            index=name,
            table=table,
        )
        return _build(sql, purpose)

    def drop_index(self, table: str, name: str) -> Statement:
        """Return DROP INDEX CONCURRENTLY; it waits for who has used the table, and briefly."""
        return Statement(
            sql=f"DROP INDEX CONCURRENTLY IF EXISTS {_beside(table, name)}",
            purpose=_("Drop the index {index} of {table}.", index=name, table=table),
            lock=Lock.SHARE_UPDATE_EXCLUSIVE,
            transaction=InTransaction.FORBIDDEN,
            lock_timeout=get_settings().lock_timeout,
            statement_timeout=LONGEST_WORK,
        )

    def session(self) -> int:
        """Return the process id of this thread's session."""
        return int(self._executor.run(builds.SESSION).value)

    def waits_for(self, pid: int) -> tuple[str, ...]:
        """Return in words for whom a session waits, by pg_blocking_pids."""
        return builds.told(self._executor.run(builds.waits_for(pid)).rows)

    def holders(self, table: str) -> tuple[str, ...]:
        """Return in words who uses the table, and the oldest transactions."""
        return builds.told(self._executor.run(builds.holders(table)).rows)

    def end_work(self, pid: int) -> bool:
        """Cancel the statement of a session, if it is at work on an index or a table's upkeep."""
        return bool(self._executor.run(builds.end(pid)).value)

    def leftovers(self, table: str, name: str) -> tuple[str, ...]:
        """Return invalid indexes called like ``name``, or as REINDEX calls its copies of it."""
        found = (row[0] for row in self._executor.run(builds.invalid(table)).rows)
        return tuple(other for other in found if other == name or _is_copy(other, name))


def _to_build(table: str, name: str) -> str:
    return _(
        "Build the index {index} on {table}, while others read and write the table.",
        index=name,
        table=table,
    )


def _build(sql: str, purpose: str) -> Statement:
    return Statement(
        sql=sql,
        purpose=purpose,
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        transaction=InTransaction.FORBIDDEN,
        lock_timeout=get_settings().index_lock_timeout,
        statement_timeout=LONGEST_WORK,
    )


def _adopt(sql: str, table: str, name: str) -> Statement:
    return Statement(
        sql=sql,
        purpose=_(
            "Make the index {index} a constraint of {table}; nothing is read or rewritten.",
            index=name,
            table=table,
        ),
        lock=Lock.ACCESS_EXCLUSIVE,
        lock_timeout=get_settings().lock_timeout,
    )


def _beside(table: str, name: str) -> str:
    """Return the quoted name of an index, which always lies in the schema of its table."""
    schema, dot, _ = in_sql(table).rpartition('"."')
    index = '"' + name.replace('"', '""').replace("%", "%%") + '"'
    return f'{schema}".{index}' if dot else index


_COPY = re.compile(r"(?P<of>.+)_cc(?:new|old)\d*", re.S)

_LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL; REINDEX cuts the index's name to make room for its suffix."""


def _is_copy(other: str, name: str) -> bool:
    found = _COPY.fullmatch(other)
    if found is None or not name.startswith(found["of"]):
        return False
    # A character of several bytes is cut as a whole.
    return found["of"] == name or len(other.encode()) > _LONGEST_NAME - 4
