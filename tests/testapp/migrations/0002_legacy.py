"""The table of the unmanaged model, as somebody else's schema would have it."""

from django.db import migrations

SQLITE = """
    CREATE TABLE legacy_log (
        number integer NOT NULL PRIMARY KEY, text text, created_at datetime
    )
"""
POSTGRESQL = """
    CREATE TABLE legacy_log (
        number integer PRIMARY KEY, text text, created_at timestamp with time zone
    )
"""


def create(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(POSTGRESQL if is_postgresql else SQLITE)
    schema_editor.execute("CREATE INDEX legacy_log_created ON legacy_log (created_at)")


def drop(apps, schema_editor):
    schema_editor.execute("DROP TABLE legacy_log")


class Migration(migrations.Migration):
    dependencies = [("testapp", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
