"""What a run has moved, added to the figures that are kept of its tables: no row is counted."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.db import DatabaseError, InterfaceError
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest

from dbhealth.archive.tracked import TrackedArchive
from dbhealth.backends import Backend
from dbhealth.runs.log import bounded
from dbhealth.runs.models import Operation

logger = logging.getLogger("dbhealth.archive")

_MOVES = {
    Operation.ARCHIVE: {"rows": -1, "archive_rows": 1, "eligible": -1},
    Operation.RESTORE: {"rows": 1, "archive_rows": -1},
    Operation.PURGE: {"archive_rows": -1, "purgeable": -1},
}
"""What one row does to which figure. Whether a row that came back may leave again is not known
without counting: the next look tells."""


def settle(operation: str, backend: Backend, moved: Mapping[str, int]) -> None:
    """Bring the figures of tables up to what a run has ``moved`` (rows by source table).

    A figure that is not known stays so. Nothing is raised where that cannot be written: the next
    look counts.
    """
    try:
        with bounded(backend):
            for table, rows in moved.items():
                _settle(operation, backend.alias, table, rows)
    except (DatabaseError, InterfaceError):
        logger.warning("The figures of %s could not be kept.", ", ".join(moved), exc_info=True)


def _settle(operation: str, alias: str, table: str, rows: int) -> None:
    if not rows:
        return
    changes = {
        name: _shifted(name, each * rows) for name, each in _MOVES[Operation(operation)].items()
    }
    TrackedArchive.objects.using(alias).filter(database=alias, table=table).update(**changes)


def _shifted(name: str, by: int) -> Case:
    known = When(Q(**{f"{name}__isnull": False}), then=Greatest(F(name) + by, Value(0)))
    return Case(known, default=None)
