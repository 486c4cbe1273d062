"""Can a policy's condition be decided from a row alone, the same at every moment of a batch?"""

from __future__ import annotations

from typing import Any

from django.db.models import Func, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.sql import Query
from django.db.models.sql.where import ExtraWhere, WhereNode

# Functions whose value changes from one statement to the next; the insert and the delete of a
# batch would mean different rows. By name, because not every Django has each of them.
_CHANGING = {"Now", "Random", "RandomUUID", "UUID4", "UUID7"}


def reaches_over(query: Query) -> bool:
    """Return whether the condition of ``query`` joins or asks another table."""
    used = [alias for alias, count in query.alias_refcount.items() if count]
    return len(used) > 1 or any(isinstance(part, (Query, Subquery)) for part in _parts(query.where))


def changes_by_itself(query: Query) -> list[str]:
    """Return the functions in the condition of ``query`` that are not known to stay the same.

    SQL that is written out cannot be looked into, and neither can functions that Django does not
    have: they count as changing.
    """
    return [type(part).__name__ for part in _parts(query.where) if _may_change(part)]


def _may_change(part: Any) -> bool:
    if isinstance(part, (RawSQL, ExtraWhere)) or type(part).__name__ in _CHANGING:
        return True
    # A bare Func is whatever its name says.
    is_known = type(part).__module__.startswith(("django.db.models.", "django.contrib."))
    return isinstance(part, Func) and (type(part) is Func or not is_known)


def _parts(node: Any) -> list[Any]:
    if isinstance(node, WhereNode):
        return [part for child in node.children for part in _parts(child)]
    sources = getattr(node, "get_source_expressions", None)
    # A query has parts of its own, but that it is one is all that matters here.
    inner = [] if sources is None or isinstance(node, Query) else sources()
    return [node, *(part for child in inner if child is not None for part in _parts(child))]
