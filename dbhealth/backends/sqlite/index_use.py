"""What SQLite knows of its indexes: sizes (dbstat) and what ANALYZE counted (sqlite_stat1, stat4).

https://www.sqlite.org/dbstat.html and https://www.sqlite.org/fileformat2.html#stat1tab

SQLite counts no scans; what the application's own statements use is recorded elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from dbhealth.backends.executor import Executor
from dbhealth.backends.index_records import (
    Bloat,
    ColumnFacts,
    Index,
    IndexUse,
    StatisticsSource,
    TableUse,
    UseReport,
)
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.statement import Lock, Statement
from dbhealth.saying import say as _

MEASURED = _("dbstat, which read the whole file")

LARGEST_FILE = 4 * 1024**3
"""dbstat reads every page; of a larger file it tells too late what it finds (bytes)."""

_SOURCE = """
    SELECT strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now'),
           EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'dbstat')
           AND (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size) <= %s,
           EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'),
           EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat4')
"""

# By itself SQLite would ask dbstat for one name after the other, each time through the catalogue.
_RELATIONS = """
    {sizes}
    SELECT m.type, m.tbl_name, m.name, {bytes}
      FROM sqlite_master AS m {join}
     WHERE m.type IN ('table', 'index') AND m.tbl_name NOT LIKE 'sqlite\\_%%' ESCAPE '\\'
     ORDER BY m.tbl_name, m.name
"""
_SIZES = """
    WITH d (name, pgsize) AS MATERIALIZED (
        SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE
    )
"""
_DBSTAT = "LEFT JOIN d ON d.name = m.name"

_UNUSED = "SELECT name, pgsize, unused FROM dbstat WHERE aggregate = TRUE"

# "stat" begins with the number of entries, then how many share a value of the first column. A
# sample that begins with NULL has 0 as its first serial type, and "neq" its number of entries.
_ANALYZED = """
    SELECT s.tbl, s.idx, s.stat,
           (SELECT i.name FROM pragma_index_info(s.idx) AS i WHERE i.seqno = 0), {nulls}
      FROM sqlite_stat1 AS s
"""
_NULLS = """(SELECT max(CAST(f.neq AS integer)) FROM sqlite_stat4 AS f
              WHERE f.tbl = s.tbl AND f.idx = s.idx AND substr(f.sample, 2, 1) = x'00')"""

# A primary key of one column that has no index is the rowid by another name: with DESC, any other
# type than "integer", or WITHOUT ROWID it has one. https://www.sqlite.org/lang_createtable.html#rowid
_ROW_KEYS = """
    SELECT m.name, max(t.name)
      FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS t ON t.pk > 0
     WHERE m.type = 'table'
       AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) AS i WHERE i.origin = 'pk')
     GROUP BY m.name HAVING count(*) = 1
"""

# A reference without column names means the parent's primary key.
_FOREIGN_KEYS = """
    SELECT m.name, f.id, f."table", f."from",
           coalesce(f."to", (SELECT k.name FROM pragma_table_xinfo(f."table") AS k
                              WHERE k.pk = f.seq + 1)),
           CASE WHEN f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') THEN f.on_delete
                ELSE '' END
      FROM sqlite_master AS m
      JOIN pragma_foreign_key_list(m.name) AS f
     WHERE m.type = 'table'
     ORDER BY m.name, f.id, f.seq
"""


class _Analyzed(NamedTuple):
    """What ANALYZE counted of one index, or of a table that has none."""

    table: str
    name: str | None
    entries: int
    column: str | None
    distinct: float | None
    nulls: int | None


class SqliteIndexUses:
    """What is known of indexes."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def report(self, *, columns: bool = True) -> UseReport:
        """Return sizes and what ANALYZE counted; of scans SQLite itself knows nothing."""
        now, has_sizes, has_counts, has_samples = self._look(_SOURCE, LARGEST_FILE)[0]
        relations = self._relations(bool(has_sizes))
        row_keys = dict(self._look(_ROW_KEYS)) if columns else {}
        counts = self._counts(bool(has_samples)) if has_counts else []
        entries = {(each.table, each.name): each.entries for each in counts}
        # The index of a table with all its rows, or the table's own line.
        rows: dict[str, int] = {}
        for each in counts:
            rows[each.table] = max(each.entries, rows.get(each.table, 0))
        return UseReport(
            source=StatisticsSource(
                name="sqlite_stat1" if has_counts else "no statistics (ANALYZE never ran)",
                now=datetime.fromisoformat(now).replace(tzinfo=UTC),
            ),
            indexes=tuple(
                IndexUse(table=table, name=name, bytes=size, entries=entries.get((table, name)))
                for kind, table, name, size in relations
                if kind == "index"
            ),
            tables=tuple(
                TableUse(
                    table=table, bytes=size, rows=rows.get(table), row_key=row_keys.get(table, "")
                )
                for kind, table, _name, size in relations
                if kind == "table"
            ),
            columns=_facts(counts, rows) if columns else (),
            foreign_keys=self.foreign_keys() if columns else (),
        )

    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """Return all foreign keys of all tables."""
        found: dict[tuple[str, int, str, str], list[tuple[str, str]]] = {}
        for table, number, target, column, other, on_delete in self._look(_FOREIGN_KEYS):
            found.setdefault((table, number, target, on_delete), []).append((column, other))
        return tuple(
            ForeignKey(
                table=table,
                columns=tuple(column for column, _ in pairs),
                target=target,
                target_columns=tuple(other for _, other in pairs),
                on_delete=on_delete,
                label=f"{table} ({', '.join(column for column, _ in pairs)})",
            )
            for (table, _number, target, on_delete), pairs in found.items()
        )

    def estimated_bloat(self, indexes: Sequence[Index], report: UseReport) -> tuple[Bloat, ...]:
        """Return nothing: what SQLite tells of its pages is exact."""
        return ()

    def exact_bloat(self, indexes: Sequence[Index], *, seconds: float) -> tuple[Bloat, ...]:
        """Return the bytes that are unused in the pages of ``indexes``, where dbstat tells.

        SQLite cannot be told how long it may take: a file above LARGEST_FILE is not read.
        """
        if not self._look(_SOURCE, LARGEST_FILE)[0][1]:
            return ()
        sizes = {name: (size, unused) for name, size, unused in self._look(_UNUSED)}
        return tuple(
            Bloat(
                table=index.table,
                name=index.name,
                bytes=sizes[index.name][0],
                wasted_bytes=sizes[index.name][1],
                source=MEASURED,
                exact=True,
            )
            for index in indexes
            if index.name in sizes
        )

    def _relations(self, has_sizes: bool) -> list[tuple[Any, ...]]:
        size, join, sizes = ("d.pgsize", _DBSTAT, _SIZES) if has_sizes else ("NULL", "", "")
        return self._look(_RELATIONS.format(bytes=size, join=join, sizes=sizes))

    def _counts(self, has_samples: bool) -> list[_Analyzed]:
        sql = _ANALYZED.format(nulls=_NULLS if has_samples else "NULL")
        return [_analyzed(*row) for row in self._look(sql)]

    def _look(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=sql, params=params, purpose="Read what is known of indexes.", lock=Lock.SHARED
        )
        return self._executor.run(statement).rows


def _analyzed(
    table: str, name: str | None, stat: str, column: str | None, nulls: int | None
) -> _Analyzed:
    # Words such as "unordered" may follow the numbers.
    numbers = [int(word) for word in stat.split() if word.isdigit()]
    entries, each = numbers[0], numbers[1] if len(numbers) > 1 else 0
    distinct = entries / each if name is not None and each else None
    return _Analyzed(table, name, entries, column, distinct, nulls)


def _facts(counts: list[_Analyzed], rows: dict[str, int]) -> tuple[ColumnFacts, ...]:
    found: dict[tuple[str, str], ColumnFacts] = {}
    for each in counts:
        # A partial index has not seen all rows.
        if each.column is None or each.entries < rows[each.table]:
            continue
        found[each.table, each.column] = ColumnFacts(
            table=each.table,
            column=each.column,
            distinct=each.distinct,
            null_share=None if each.nulls is None else each.nulls / each.entries,
        )
    return tuple(found.values())
