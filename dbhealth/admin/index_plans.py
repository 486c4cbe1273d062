"""What making, rebuilding or dropping an index comes to, with the lock of each statement.

None of this asks the database: statements are made of names that are on record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from dbhealth.admin.actions import Plan
from dbhealth.backends import get_backend
from dbhealth.backends.statement import Statement
from dbhealth.exceptions import NotSupported
from dbhealth.indexes.changes import shown
from dbhealth.indexes.models import IndexState, MissingIndex, TrackedIndex
from dbhealth.saying import words_of


def making(row: MissingIndex) -> Plan | None:
    """Return what makes a declared index that is missing; None for one that nobody declares."""
    if not row.sql:
        return None
    ddl = get_backend(row.database).ddl
    try:
        statements = ddl.create_index(row.table, row.name, row.sql)
    except NotSupported as error:
        return {"title": _("What making it would do"), "refusals": [{"what": words_of(error)}]}
    return {"title": _("What making it would do"), "statements": told(statements)}


def rebuilding(row: TrackedIndex) -> Plan | None:
    """Return what builds an index anew; None for one that is gone or being built."""
    if row.state not in (IndexState.THERE, IndexState.INVALID):
        return None
    statement = get_backend(row.database).ddl.rebuild(row.table, row.name)
    return {"title": _("What rebuilding it would do"), "statements": told([statement])}


def dropping(row: TrackedIndex) -> Plan | None:
    """Return what drops an index, and who would make it again; None for one that is gone.

    It is shown only: what a model declares goes with a migration.
    """
    if row.state == IndexState.GONE:
        return None
    plan: Plan = {"title": _("What dropping it would do"), "notes": _notes(row)}
    if row.holds:
        what = _("It cannot be dropped by itself: it enforces %s.") % row.holds
        why = _("It goes with its constraint only.")
        return {**plan, "refusals": [{"what": what, "why": why}]}
    statement = get_backend(row.database).ddl.drop_index(row.table, row.name)
    return {**plan, "statements": told([statement])}


def _notes(row: TrackedIndex) -> list[str]:
    found = [_("No page drops an index: it is shown for you to judge and to copy.")]
    if row.stays:
        found.append(row.stays)
    if row.kind:
        found.append(
            _(
                "%(owner)s declares it (%(kind)s): take it out there, and a migration drops it. "
                "Dropped by hand it comes back with the next init_indexes."
            )
            % {"owner": row.owner, "kind": row.kind}
        )
    return found


def told(statements: Iterable[Statement]) -> list[dict[str, Any]]:
    """Return statements for a page, as one would type them."""
    return [{**statement.as_dict(), "sql": shown(statement)} for statement in statements]
