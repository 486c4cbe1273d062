"""EXPLAIN on PostgreSQL: never ANALYZE, and never anything else than a look.

https://www.postgresql.org/docs/current/sql-explain.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from dbhealth.backends.executor import Executor
from dbhealth.backends.planning import PlannedIndex, QueryPlan, is_one_statement, positional
from dbhealth.backends.statement import InTransaction, Lock, Statement
from dbhealth.exceptions import UsageError

_LOCK_SECONDS = 0.2
_PLANNING_SECONDS = 5.0

# What is worth a line of its own below a node, in this order.
_DETAILS = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Filter", "Sort Key")
_OURSELVES = ("pg_catalog", "information_schema", "pg_toast")


class PostgresPlans:
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

        ``avoid_whole`` makes reading a table whole the planner's last resort (enable_seqscan).
        Everything happens in a subtransaction that is read only and rolled back, so that it leaves
        no trace on the session. Raises UsageError for more than one statement, and Django's
        database errors as they come.
        """
        if not is_one_statement(sql):
            raise UsageError("EXPLAIN takes one statement, and this one has a semicolon in it.")
        sql, values = positional(sql, params)
        switches = "set_config('transaction_read_only', 'on', TRUE)"
        if avoid_whole:
            switches += ", set_config('enable_seqscan', 'off', TRUE)"
        ask = self._statement(f"SELECT {switches}, current_schemas(TRUE)", ())
        explain = self._statement(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}", values)
        with transaction.atomic(using=self._executor.alias):
            before, plan = self._executor.run_together((ask, explain))
            transaction.set_rollback(True, using=self._executor.alias)
        found = plan.value
        tree = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
        reading = _Reading(tuple((before.first or ())[-1]))
        text = "\n".join(reading.lines(tree, 0, ("", "")))
        return QueryPlan(indexes=tuple(reading.indexes), whole=tuple(reading.whole), text=text)

    def _statement(self, sql: str, values: tuple[Any, ...]) -> Statement:
        return Statement(
            sql=sql,
            params=values,
            purpose="Ask the planner what it would do.",
            lock=Lock.ACCESS_SHARE,
            transaction=InTransaction.REQUIRED,
            lock_timeout=_LOCK_SECONDS,
            statement_timeout=_PLANNING_SECONDS,
        )


@dataclass
class _Reading:
    """Goes through a plan once: collects names, writes lines.

    ``path`` are the schemas whose tables need no schema before their name.
    """

    path: tuple[str, ...]
    # Dictionaries, for their keys keep their order.
    indexes: dict[PlannedIndex, None] = field(default_factory=dict)
    whole: dict[str, None] = field(default_factory=dict)

    def lines(self, node: dict[str, Any], depth: int, table: tuple[str, str]) -> Iterator[str]:
        """Yield a node and what is below it. ``table`` is the one that the parent reads."""
        if "Relation Name" in node:
            table = (node.get("Schema", ""), node["Relation Name"])
        name = self._name(*table)
        # The index below a bitmap scan names no table: it is that of the scan above it.
        if table[0] not in _OURSELVES:
            used = [node["Index Name"]] if "Index Name" in node else []
            for index in used + node.get("Conflict Arbiter Indexes", []):
                self.indexes[PlannedIndex(name, index)] = None
            if node["Node Type"] == "Seq Scan":
                self.whole[name] = None
        indent = "  " * depth
        yield f"{indent}-> {_title(node)}"
        for key in _DETAILS:
            if key in node:
                value = node[key]
                told = ", ".join(value) if isinstance(value, list) else value
                yield f"{indent}     {key}: {told}"
        for child in node.get("Plans", ()):
            yield from self.lines(child, depth + 1, table)

    def _name(self, schema: str, table: str) -> str:
        """Return the name as Django has it: with the schema where one is needed."""
        return table if not schema or schema in self.path else f'{schema}"."{table}'


def _title(node: dict[str, Any]) -> str:
    parts = [node["Node Type"]]
    if "Index Name" in node:
        parts.append(f"using {node['Index Name']}")
    if "Relation Name" in node:
        parts.append(f"on {node['Relation Name']}")
    costs = f"cost={node['Startup Cost']:.2f}..{node['Total Cost']:.2f}"
    return f"{' '.join(parts)}  ({costs} rows={node['Plan Rows']})"
