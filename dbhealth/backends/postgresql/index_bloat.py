"""How much larger a B-tree is than its entries need: estimated, or measured by pgstattuple.

https://www.postgresql.org/docs/current/btree.html#BTREE-DEDUPLICATION
https://www.postgresql.org/docs/current/pgstattuple.html
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from django.db import DatabaseError, transaction

from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import Bloat, Index, UseReport
from dbhealth.backends.names import in_sql
from dbhealth.backends.postgresql.btree_size import PAGE, expected_bytes, fillfactor
from dbhealth.backends.postgresql.errors import PostgresErrors
from dbhealth.backends.postgresql.use_sql import HELD
from dbhealth.backends.statement import Lock, Statement
from dbhealth.backends.trouble import Trouble
from dbhealth.saying import say as _

ESTIMATE = _("an estimate from the widths and numbers of values in pg_stats")
MEASURED = _("pgstattuple, which read the whole index")
_LOCK_TIMEOUT = 0.5

# Equal keys share an entry only where equal means the same bytes: support function 4 of the
# operator class says so. It is not there for numeric and float, and says no to a collation that
# is not deterministic.
_NEVER_SHARED = """
    SELECT i.indexrelid::bigint FROM pg_index i
     WHERE i.indexrelid = ANY(%s::bigint[]::oid[])
       AND (EXISTS (
             SELECT 1 FROM unnest(i.indclass) AS part(number)
               JOIN pg_opclass o ON o.oid = part.number
              WHERE NOT EXISTS (
                    SELECT 1 FROM pg_amproc p
                     WHERE p.amprocfamily = o.opcfamily AND p.amprocnum = 4
                       AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype))
         OR EXISTS (
             SELECT 1 FROM unnest(i.indcollation) AS part(number)
               JOIN pg_collation l ON l.oid = part.number
              WHERE NOT l.collisdeterministic))
"""

_READER = """
    SELECT n.nspname FROM pg_extension e
      JOIN pg_namespace n ON n.oid = e.extnamespace
      JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'pgstatindex'
     WHERE e.extname = 'pgstattuple' AND has_function_privilege(p.oid, 'EXECUTE') LIMIT 1
"""

# An index that somebody holds would be waited for, and one that is gone would end all of it.
_READ = f"""
    {HELD}
    SELECT c.oid::bigint, s.index_size, s.leaf_pages, s.empty_pages + s.deleted_pages,
           s.avg_leaf_density
      FROM pg_class c, LATERAL {{schema}}.pgstatindex(c.oid::regclass) AS s
     WHERE c.oid = ANY(%s::bigint[]::oid[])
       AND c.oid NOT IN (SELECT relation FROM held WHERE relation IS NOT NULL)
"""


class PostgresBloat:
    """What B-trees waste."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def estimated_bloat(self, indexes: Sequence[Index], report: UseReport) -> tuple[Bloat, ...]:
        """Return how much the B-trees over plain columns among ``indexes`` seem to waste."""
        facts = {(fact.table, fact.column): fact for fact in report.columns}
        uses = {(use.table, use.name): use for use in report.indexes if use.exact_bytes}
        guesses = []
        for index in indexes:
            use = uses.get((index.table, index.name))
            if use is not None and (expected := expected_bytes(index, use, facts)) is not None:
                guesses.append((index, use, expected))
        asked = [index.oid for index, use, (full, shared) in guesses if shared < full]
        never = {oid for (oid,) in self._look(_NEVER_SHARED, asked)} if asked else set()
        return tuple(
            Bloat(
                table=index.table,
                name=index.name,
                bytes=use.bytes or 0,
                wasted_bytes=max(0, (use.bytes or 0) - (full if index.oid in never else shared)),
                source=ESTIMATE,
                exact=False,
            )
            for index, use, (full, shared) in guesses
        )

    def exact_bloat(self, indexes: Sequence[Index], *, seconds: float) -> tuple[Bloat, ...]:
        """Read the B-trees among ``indexes`` with pgstattuple, in two statements."""
        wanted = {
            index.oid: index
            for index in indexes
            if index.shape.method == "btree" and not index.partitioned and index.valid
        }
        readers = self._look(_READER) if wanted and seconds > 0 else []
        rows = self._read(list(wanted), readers[0][0], seconds) if readers else []
        return tuple(_measured(wanted[oid], *row) for oid, *row in rows)

    def _read(self, oids: list[int], schema: str, seconds: float) -> list[tuple[Any, ...]]:
        inside = self._executor.connection.in_atomic_block
        try:
            # Somebody's transaction must live on after an error.
            with transaction.atomic(using=self._executor.alias) if inside else nullcontext():
                return self._look(_READ.format(schema=in_sql(schema)), oids, seconds=seconds)
        except DatabaseError as error:
            # Locked or dropped after the look, or too large for the time.
            if PostgresErrors().trouble(error) is Trouble.DISCONNECTED:
                raise
            return []

    def _look(
        self, sql: str, *params: object, seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=sql,
            params=params,
            purpose="Read how full indexes are.",
            lock=Lock.ACCESS_SHARE,
            lock_timeout=None if seconds is None else _LOCK_TIMEOUT,
            statement_timeout=seconds,
        )
        return self._executor.run(statement).rows


def _measured(index: Index, size: int, leaves: int, unused: int, density: float) -> Bloat:
    # A rebuild packs the same entries into pages as full as they may be. An index without
    # entries has no density (NaN).
    lack = max(0.0, 1 - density / fillfactor(index)) if density == density else 0.0
    return Bloat(
        table=index.table,
        name=index.name,
        bytes=size,
        wasted_bytes=round(PAGE * (unused + leaves * lack)),
        source=MEASURED,
        exact=True,
    )
