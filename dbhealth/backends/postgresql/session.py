"""The connection: its clock, and a transaction that is about to move rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from dbhealth.backends.executor import Executor
from dbhealth.backends.names import in_sql, in_text
from dbhealth.backends.records import Begun, Standing
from dbhealth.backends.selection import Limits
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.saying import say as _

_TURN = int.from_bytes(b"dbhealth")
"""The number of the advisory lock."""

# As a number: what a driver makes of a timestamp depends on USE_TZ and time zones.
_CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LAZY_COMMIT = (
    "CASE WHEN current_setting('synchronous_standby_names') = '' "
    "THEN set_config('synchronous_commit', 'off', TRUE) END"
)


class PostgresSession:
    """Statements about the connection itself."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def now(self) -> datetime:
        """Return the server's clock, aware, in UTC; not the start of the transaction."""
        statement = Statement(sql=f"SELECT {_CLOCK}", purpose=_("Read the clock."), lock=Lock.NONE)
        return moment(self._executor.run(statement).value)

    def standing(self) -> Standing:
        """Return who asks, and whether he may write at all."""
        statement = Statement(
            sql="SELECT current_user::text, NOT pg_is_in_recovery() "
            "AND NOT current_setting('default_transaction_read_only')::boolean",
            purpose=_("Read who asks."),
            lock=Lock.NONE,
        )
        role, takes_writes = self._executor.run(statement).rows[0]
        return Standing(role=role, takes_writes=takes_writes)

    def begin_batch(
        self,
        limits: Limits,
        tables: tuple[str, ...] = (),
        *,
        snapshot: bool = False,
        alone: bool = False,
        flush: bool = True,
    ) -> Begun:
        """Run :meth:`begin_statement`; must be the first statement of the transaction."""
        begin = self.begin_statement(limits, tables, snapshot=snapshot, alone=alone, flush=flush)
        clock, shape, *_ = self._executor.run(begin).first or ()
        return Begun(now=moment(clock), shape=shape)

    def begin_statement(
        self,
        limits: Limits,
        tables: tuple[str, ...] = (),
        *,
        snapshot: bool = False,
        alone: bool = False,
        flush: bool = True,
    ) -> Statement:
        """Return what begins a batch: bounded waits, table locks, constraints that speak at once.

        The limits hold for everything that follows in the transaction. Deferred foreign keys
        would speak at COMMIT only. With ``snapshot`` everything sees one snapshot, and it is taken
        after the tables are locked, so that it knows every column they have.

        Without ``flush`` the server may report COMMIT before its log is on disk: a crash can take
        the newest transactions back, each of them whole, and a later COMMIT that does wait makes
        all earlier ones safe. Where standbys are waited for it stays as it is: that wait is what
        keeps a long run from leaving them behind.
        https://www.postgresql.org/docs/current/wal-async-commit.html
        """
        parts = []
        # Not inside somebody's transaction (a TestCase), where it would come too late. Without
        # any it is only shown, as the batch will begin.
        if len(self._executor.connection.atomic_blocks) <= 1:
            level = "REPEATABLE READ" if snapshot else "READ COMMITTED"
            parts.append(f"SET TRANSACTION ISOLATION LEVEL {level}")
        parts += [f"SET LOCAL {name} = {ms}" for name, ms in _milliseconds(limits)]
        if tables:
            listed = ", ".join(in_sql(table) for table in tables)
            mode = "SHARE ROW EXCLUSIVE" if alone else "ROW EXCLUSIVE"
            parts.append(f"LOCK TABLE {listed} IN {mode} MODE")
        asked = [_CLOCK, _shape(tables), *([] if flush else [_LAZY_COMMIT])]
        parts += ["SET CONSTRAINTS ALL IMMEDIATE", f"SELECT {', '.join(asked)}"]
        return Statement(
            sql="; ".join(parts),
            purpose=_("Begin a batch."),
            lock=_table_lock(tables, alone=alone),
            transaction=InTransaction.REQUIRED,
            results=len(parts),
        )

    def take_turn(self) -> None:
        """Wait until no other transaction that has taken its turn is open; then it is this one's.

        An advisory lock, unlike one on the table, lets everybody else write to it meanwhile.
        """
        self._executor.run(
            Statement(
                sql="SELECT pg_advisory_xact_lock(%s)",
                params=(_TURN,),
                purpose=_("Let one verb begin at a time."),
                lock=Lock.NONE,
                transaction=InTransaction.REQUIRED,
            )
        )

    def give_way(self, seconds: float) -> None:
        """Do nothing: who waits for a lock stands in a queue, before the next batch."""

    @contextmanager
    def tuned(self, *, erases: bool = False) -> Iterator[None]:
        """PostgreSQL needs no tuning of the session for this work."""
        yield


def _table_lock(tables: tuple[str, ...], *, alone: bool) -> Lock:
    if not tables:
        return Lock.NONE
    return Lock.SHARE_ROW_EXCLUSIVE if alone else Lock.ROW_EXCLUSIVE


def _shape(tables: tuple[str, ...]) -> str:
    """Return SQL for a digest of everything about columns that a change of a table can change, of
    the rules that rewrite what is done to it, of how many tables inherit from it, and of the
    triggers of it and its partitions. A foreign key that points at a table has triggers there, and
    those are found by their table, as the constraint is not.
    """
    if not tables:
        return "''"
    oids = ", ".join(f"to_regclass({in_text(in_sql(table))})" for table in tables)
    return (
        "(SELECT md5(string_agg(concat_ws(' ', attrelid, attnum, attname, atttypid, atttypmod, "
        "attnotnull, attgenerated, attisdropped), ',' ORDER BY attrelid, attnum)) "
        f"FROM pg_attribute WHERE attrelid IN ({oids}) AND attnum > 0)"
        " || (SELECT coalesce(string_agg(concat(r.oid, r.ev_type, r.ev_enabled), ' ' "
        f"ORDER BY r.oid), '') FROM pg_rewrite r WHERE r.ev_class IN ({oids}))"
        " || (SELECT coalesce(string_agg(concat(g.oid, g.tgenabled), ' ' ORDER BY g.oid), '') "
        f"FROM pg_trigger g WHERE g.tgrelid IN (SELECT unnest(ARRAY[{oids}]::oid[]) UNION "
        f"SELECT p.relid FROM unnest(ARRAY[{oids}]::oid[]) AS t, pg_partition_tree(t) AS p))"
        f" || (SELECT count(*) FROM pg_inherits WHERE inhparent IN ({oids}))"
    )


def moment(microseconds: int) -> datetime:
    """Return the time that is so long after the beginning of 1970, aware, in UTC."""
    # By position: named, it takes twice as long, and statistics have tens of thousands.
    return _EPOCH + timedelta(0, 0, microseconds)


def _milliseconds(limits: Limits) -> list[tuple[str, int]]:
    given = {"lock_timeout": limits.lock, "statement_timeout": limits.statement}
    # 0 would mean "wait for ever".
    return [
        (name, max(1, round(seconds * 1000)))
        for name, seconds in given.items()
        if seconds is not None
    ]
