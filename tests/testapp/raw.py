"""Rows and columns as the database itself has them, with nothing of Django's in between."""

from collections import Counter

from django.db import connection


def columns(table):
    """Return the columns of a table with their types, as the catalogue spells them."""
    if connection.vendor == "sqlite":
        found = fetch("SELECT name, lower(type) FROM pragma_table_xinfo(%s)", table)
        # Some builds of SQLite repeat the words of a generated column in its type.
        return {name: kind.removesuffix(" generated always") for name, kind in found}
    return dict(
        fetch(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod) || coalesce(c.collname, '') "
            "FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation "
            "WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped",
            connection.ops.quote_name(table),
        )
    )


def rows(table, names):
    """Return the rows of a table as a multiset; every value exactly, with its storage class."""
    listed = ", ".join(_exact(connection.ops.quote_name(name)) for name in names)
    return Counter(fetch(f"SELECT {listed} FROM {connection.ops.quote_name(table)}"))


def _exact(column):
    if connection.vendor == "sqlite":
        return f"typeof({column}) || ' ' || quote({column})"
    return f"{column}::text"


def fetch(sql, *params):
    """Return the rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall()


def execute(sql, *params):
    """Run a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
