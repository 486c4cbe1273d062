"""EXPLAIN QUERY PLAN on SQLite, whose answer is a tree of sentences.

https://www.sqlite.org/eqp.html: what they say may change with every release, so only what stands
here is read out of them, and every name is looked up in the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.planning import PlannedIndex, QueryPlan, is_one_statement, positional
from dbhealth.backends.statement import Lock, Statement
from dbhealth.exceptions import UsageError

# "SEARCH t USING COVERING INDEX i (a=?) LEFT-JOIN", "USING INDEX i FOR IN-OPERATOR". An automatic
# index is made for one query and gone with it.
_INDEX = re.compile(r"USING (?:COVERING )?INDEX (.+)$")
# Before 3.36: "SCAN TABLE t AS a".
_SCAN = re.compile(r"^SCAN (?:TABLE )?(.+?)(?: AS (\S+))?(?: LEFT-JOIN)?$")


class SqlitePlans:
    """Asks the planner."""

    def __init__(self, executor: Executor) -> None:
        """Keep the executor."""
        self._executor = executor

    def explain(
        self,
        sql: str,
        params: Sequence[Any] | Mapping[str, Any] | None,
        *,
        avoid_whole: bool = False,
    ) -> QueryPlan:
        """Return the plan of a statement with its parameters; nothing of it is executed.

        ``avoid_whole`` changes nothing: SQLite takes an index wherever one serves, however few rows
        there are. Raises UsageError for more than one statement, and Django's database errors.
        """
        if not is_one_statement(sql):
            raise UsageError("EXPLAIN takes one statement, and this one has a semicolon in it.")
        sql, values = positional(sql, params)
        rows = self._ask(f"EXPLAIN QUERY PLAN {sql}", values)
        details = [str(row[3]) for row in rows]
        indexes: dict[PlannedIndex, None] = {}
        for told in [found[1] for text in details if (found := _INDEX.search(text))]:
            # The longest first, for a name may hold whatever else follows names.
            for name, table in self._owners("index", _names_at_the_beginning(told))[:1]:
                indexes[PlannedIndex(table, name)] = None
        scanned = [_real_name(found[1], sql) for text in details if (found := _SCAN.match(text))]
        tables = self._owners("table", [name for name in scanned if name])
        return QueryPlan(
            indexes=tuple(indexes),
            whole=tuple(name for name, _ in tables),
            text=_tree(rows),
        )

    def _owners(self, kind: str, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return those of the names that are there, each once, with their tables."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return []
        marks = ", ".join(["%s"] * len(wanted))
        rows = self._ask(
            f"SELECT name, tbl_name FROM sqlite_master WHERE type = %s AND name IN ({marks})",
            (kind, *wanted),
        )
        owners: dict[str, str] = {str(name): str(table) for name, table in rows}
        return [(name, owners[name]) for name in wanted if name in owners]

    def _ask(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=sql,
            params=values,
            purpose="Ask the planner what it would do.",
            lock=Lock.NONE,
        )
        return self._executor.run(statement).rows


def _names_at_the_beginning(text: str) -> list[str]:
    """Return what may be a name in ``text``: all of it, and what stands before each space."""
    return [text, *(text[: space.start()] for space in reversed(list(re.finditer(" ", text))))]


def _real_name(told: str, sql: str) -> str:
    """Return the table behind a name in a plan, which is an alias where the query has one."""
    if " USING " in told:
        return ""
    alias = re.compile(rf'"((?:[^"]|"")+)"\s+(?:AS\s+)?"?{re.escape(told)}"?(?!\w|\.)')
    found = alias.search(sql)
    return found[1].replace('""', '"') if found else told


def _tree(rows: Sequence[tuple[Any, ...]]) -> str:
    """Return the sentences with each below the one it belongs to."""
    depths = {0: -1}
    lines = []
    for number, parent, _, detail in rows:
        depths[number] = depths.get(parent, -1) + 1
        lines.append(f"{'  ' * depths[number]}-> {detail}")
    return "\n".join(lines)
