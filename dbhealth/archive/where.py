"""Does a policy's condition look at its own table only?"""

from __future__ import annotations

from typing import Any

from django.db.models import Subquery
from django.db.models.sql import Query
from django.db.models.sql.where import WhereNode


def reaches_over(query: Query) -> bool:
    """Return whether the condition of ``query`` joins or asks another table."""
    used = [alias for alias, count in query.alias_refcount.items() if count]
    return len(used) > 1 or _asks(query.where)


def _asks(node: Any) -> bool:
    if isinstance(node, (Query, Subquery)):
        return True
    if isinstance(node, WhereNode):
        return any(_asks(child) for child in node.children)
    sources = getattr(node, "get_source_expressions", None)
    return sources is not None and any(_asks(part) for part in sources() if part is not None)
