"""The end of a transactional test: every table is as migrate left it."""

from functools import cache

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

# What migrate itself puts into tables; no test changes these rows.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def empty_tables_with_rows(case: TransactionTestCase) -> None:
    """Do what TransactionTestCase does at its end, for the tables that need it.

    Django empties every table and runs post_migrate again, which takes longer than most tests.
    """
    for alias in case._databases_names(include_mirrors=False):
        connection = connections[alias]
        if filled := _filled(connection):
            statements = connection.ops.sql_flush(no_style(), filled, allow_cascade=True)
            connection.ops.execute_sql_flush(statements)


@cache
def _unmanaged(alias: str) -> set[str]:
    """Return the tables that migrations have made in SQL; looked up once a process."""
    made = {model._meta.db_table for model in apps.get_models() if not model._meta.managed}
    return made & set(connections[alias].introspection.table_names())


def _filled(connection: BaseDatabaseWrapper) -> list[str]:
    names = set(connection.introspection.django_table_names(only_existing=True)) - KEPT
    # Those of models that Django does not manage are left out above, and tests fill them too.
    names |= _unmanaged(connection.alias)
    questions = [
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})"
        for name in sorted(names)
    ]
    found: list[str] = []
    with connection.cursor() as cursor:
        # SQLite takes at most 500 parts in one compound SELECT.
        for start in range(0, len(questions), 100):
            cursor.execute(" UNION ALL ".join(questions[start : start + 100]))
            found += [row[0] for row in cursor.fetchall()]
    return found
