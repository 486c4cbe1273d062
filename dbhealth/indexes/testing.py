"""For the tests of a project: the proof that an index is used by the query it exists for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet
from django.db.utils import DEFAULT_DB_ALIAS

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.planning import QueryPlan
from dbhealth.exceptions import UsageError
from dbhealth.queries.statements import is_worth_a_plan

Query = QuerySet[Any, Any] | Callable[[], object]


class AssertUsesIndex(Protocol):
    """The type of :func:`assert_uses_index`."""

    def __call__(
        self, query: Query, *names: str, using: str | None = None, few_rows: bool = False
    ) -> None:
        """Fail unless the plan of the query uses every index that is named."""


def assert_uses_index(
    query: Query, *names: str, using: str | None = None, few_rows: bool = False
) -> None:
    """Fail, showing the plan, unless the database would use every index that is named.

    ``query`` is a queryset, which is not executed, or a function, whose statements are: the
    indexes may then be spread over several statements (``lambda: goals.count()``). A name may be
    that of a constraint that has an index. ``using`` is the alias, else the queryset's own.

    Planners prefer to read a table whole while it is small: load as many rows as it takes for the
    index to matter and let ANALYZE see them, or ask with ``few_rows`` whether the index *can* serve
    (PostgreSQL: enable_seqscan off for this question).

    Raises AssertionError, and UsageError where there is no name or no statement to explain.
    """
    if not names:
        raise UsageError("assert_uses_index needs the name of the index that has to be used.")
    alias = using or (query.db if isinstance(query, QuerySet) else DEFAULT_DB_ALIAS)
    backend = get_backend(alias)
    statements = _statements(query, alias)
    if not statements:
        raise UsageError("The function sent no statement that could use an index.")
    plans = [backend.plans.explain(*one, avoid_whole=few_rows) for one in statements]
    missing = [name for name in names if name not in _used(plans)]
    if missing and (missing := [name for name in missing if name not in _held(backend, plans)]):
        message = _message(backend, missing, statements, plans)
        if backend.features.reads_small_tables_whole and not few_rows:
            others = [backend.plans.explain(*one, avoid_whole=True) for one in statements]
            if _used(others) >= set(missing):
                message += _CAN_SERVE
        raise AssertionError(message)


_CAN_SERVE = (
    "\n\nThe index can serve: the planner takes it with few_rows=True. Here it finds another way "
    "cheaper, as it does while a table is small. Load more rows and run ANALYZE, or ask with "
    "few_rows=True."
)


def _used(plans: list[QueryPlan]) -> set[str]:
    return {index.name for plan in plans for index in plan.indexes}


def _statements(query: Query, alias: str) -> list[tuple[str, Any]]:
    if not isinstance(query, QuerySet):
        with _captured(alias) as statements:
            query()
        return statements
    try:
        return [query.query.get_compiler(using=alias).as_sql()]
    except EmptyResultSet:
        raise UsageError(
            "Django knows without asking the database that this queryset is empty (none(), or "
            "an empty list behind __in), so no index is used."
        ) from None


@contextmanager
def _captured(alias: str) -> Iterator[list[tuple[str, Any]]]:
    statements: list[tuple[str, Any]] = []

    def keep(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not many and is_worth_a_plan(sql):
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(keep):
        yield statements


def _held(backend: Backend, plans: list[QueryPlan]) -> set[str]:
    """Return the constraints whose indexes are used: SQLite gives these names of its own."""
    tables = {index.table for plan in plans for index in plan.indexes}
    used = _used(plans)
    found = backend.indexes.catalogue(sorted(tables)).indexes if tables else ()
    return {index.constraint for index in found if index.name in used and index.constraint}


def _message(
    backend: Backend,
    missing: list[str],
    statements: list[tuple[str, Any]],
    plans: list[QueryPlan],
) -> str:
    used = sorted(_used(plans))
    parts = [
        f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} not used by this query on "
        f"{backend.features.name} (database {backend.alias!r}); it uses "
        f"{_listed(used) if used else 'no index'}."
    ]
    for (sql, _params), plan in zip(statements, plans, strict=True):
        parts.append(f"{sql}\n\n{plan.text}")
    return "\n\n".join(parts)


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
