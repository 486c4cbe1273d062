"""What uses an index, by what the recorder has seen of the application's statements."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Sum

from dbhealth.conf import get_settings
from dbhealth.indexes.models import TrackedIndex
from dbhealth.queries.home import home_of
from dbhealth.queries.models import RecordedStatement, RecordedUse

STATEMENTS = 20
"""So many are shown, those that were executed last."""


def uses(row: TrackedIndex, *, texts: bool) -> dict[str, Any]:
    """Return how often statements have used an index, and with ``texts`` which.

    A statement is kept as it is before its values are put in; one that the application writes
    values into has them, which is why not everybody sees it.
    """
    home = home_of(row.database)
    of_index = {"database": row.database, "table": row.table, "index": row.name}
    counted = RecordedUse.objects.using(home).filter(**of_index)
    found = counted.aggregate(uses=Sum("uses"), last=Max("last_used"))
    recorded = RecordedStatement.objects.using(home).filter(**of_index).order_by("-last_used")
    return {
        "is_on": get_settings().record_index_use,
        "count": found["uses"] or 0,
        "last": found["last"],
        "statements": list(recorded.values("sql", "last_used")[:STATEMENTS]) if texts else [],
        "hidden": 0 if texts else recorded.count(),
    }
