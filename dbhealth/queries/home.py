"""Where the recorder's tables are for a database."""

from __future__ import annotations

from django.db import router

from dbhealth.queries.models import RecordedUse


def home_of(alias: str) -> str:
    """Return the alias that keeps what is recorded of ``alias``.

    That is itself, unless the project's routers keep dbhealth's tables from it (a replica, a
    database of somebody else): then it is where they send the writing to.
    """
    if router.allow_migrate_model(alias, RecordedUse):
        return alias
    return str(router.db_for_write(RecordedUse))
