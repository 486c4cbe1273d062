"""How tables stand on SQLite: dbstat and sqlite_stat1.

https://www.sqlite.org/dbstat.html and https://www.sqlite.org/fileformat2.html#stat1tab
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from dbhealth.backends.absent import absent
from dbhealth.backends.condition import Conditions, TableBloat, TableCondition
from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.backends.names import in_sql
from dbhealth.backends.sqlite.index_use import LARGEST_FILE, MEASURED
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import say as _

_SOURCE = """
    SELECT strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now'),
           EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'dbstat')
           AND (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size) <= %s,
           EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1')
"""

_TABLES = """
    SELECT name, wr FROM pragma_table_list
     WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%%' ESCAPE '\\'
     ORDER BY name
"""

# What holds rows is a leaf; but a table WITHOUT ROWID keeps rows in the pages above them as well.
# Summed up first, and in this order (CROSS JOIN): SQLite would go through the whole catalogue for
# each name.
_SIZES = """
    WITH d AS MATERIALIZED (
        SELECT name, sum(pgsize) AS pgsize, sum(unused) AS unused, sum(ncell) AS ncell,
               sum(CASE WHEN pagetype = 'leaf' THEN ncell ELSE 0 END) AS leaves
          FROM dbstat GROUP BY name
    )
    SELECT m.tbl_name, m.type = 'table', sum(d.pgsize), sum(d.unused), sum(d.ncell), sum(d.leaves)
      FROM sqlite_master AS m CROSS JOIN d ON d.name = m.name
     GROUP BY m.tbl_name, m.type = 'table'
"""

# Words such as "unordered" may follow the numbers of "stat", of which the first counts entries.
_ANALYZED = "SELECT tbl, max(CAST(stat AS integer)) FROM sqlite_stat1 GROUP BY tbl"

# The first and the last row are found at once; nothing else of the table is read.
_SPAN = "SELECT {name}, (SELECT max(_rowid_) FROM {table}) - (SELECT min(_rowid_) FROM {table}) + 1"
_AT_ONCE = 200  # SQLite takes 500 parts of a compound SELECT


class SqliteConditions:
    """How tables stand."""

    cures = absent(_("SQLite has no upkeep of its own: there is nothing to set for a table."))

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def report(self, *, sizes: bool = True) -> Conditions:
        """Return rows and sizes by dbstat, which reads the whole file in one statement.

        Without ``sizes``, or where dbstat is missing or the file too large for it, ``rows`` is how
        far the last rowid is from the first one: never too small.
        """
        now, can_measure, is_analyzed = self._look(_SOURCE, LARGEST_FILE)[0]
        tables = self._look(_TABLES)
        analyzed = dict(self._look(_ANALYZED)) if is_analyzed else {}
        if sizes and can_measure:
            found = self._measured(tables, analyzed)
        else:
            found = self._spans(tables, analyzed)
        return Conditions(
            source=StatisticsSource(
                name="dbstat" if sizes and can_measure else "the numbers of rows",
                now=datetime.fromisoformat(now).replace(tzinfo=UTC),
            ),
            tables=tuple(found),
        )

    def estimated_bloat(self, tables: Sequence[TableCondition]) -> tuple[TableBloat, ...]:
        """Return nothing: what SQLite tells of its pages is exact."""
        return ()

    def exact_bloat(
        self, tables: Sequence[TableCondition], *, seconds: float
    ) -> tuple[TableBloat, ...]:
        """Return the bytes that are unused in the pages of ``tables``, where dbstat tells.

        SQLite cannot be told how long it may take: a file above LARGEST_FILE is not read.
        """
        names = {table.table for table in tables}
        return tuple(
            TableBloat(
                table=table.table,
                bytes=table.bytes,
                wasted_bytes=table.unused_bytes,
                source=MEASURED,
                exact=True,
            )
            for table in self.report().tables
            if table.table in names and table.bytes is not None and table.unused_bytes is not None
        )

    def _measured(
        self, tables: list[tuple[Any, ...]], analyzed: dict[str, int]
    ) -> Iterator[TableCondition]:
        sizes = {(table, bool(own)): rest for table, own, *rest in self._look(_SIZES)}
        for table, without_rowid in tables:
            size, unused, cells, leaves = sizes.get((table, True), (0, 0, 0, 0))
            yield TableCondition(
                table=table,
                rows=cells if without_rowid else leaves,
                bytes=size,
                index_bytes=sizes.get((table, False), [0])[0],
                unused_bytes=unused,
                analyzed_rows=analyzed.get(table),
            )

    def _spans(
        self, tables: list[tuple[Any, ...]], analyzed: dict[str, int]
    ) -> Iterator[TableCondition]:
        rows: dict[str, int | None] = {}
        with_rowid = [table for table, without_rowid in tables if not without_rowid]
        for first in range(0, len(with_rowid), _AT_ONCE):
            parts = (
                _SPAN.format(name=_constant(table), table=in_sql(table))
                for table in with_rowid[first : first + _AT_ONCE]
            )
            rows.update(self._look(" UNION ALL ".join(parts)))
        for table, without_rowid in tables:
            yield TableCondition(
                table=table,
                rows=None if without_rowid else rows[table] or 0,
                analyzed_rows=analyzed.get(table),
                measured=False,
            )

    def _look(self, text: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=text, params=params, purpose="Read how tables stand.", lock=Lock.SHARED
        )
        return self._executor.run(statement).rows


def _constant(name: str) -> str:
    """Return a name as a string constant of SQLite for SQL that is executed with parameters."""
    return "'" + name.replace("'", "''").replace("%", "%%") + "'"
