"""An index that is built beside writers on PostgreSQL, in a project that also runs on SQLite.

Django's operation of this name needs psycopg to be imported and PostgreSQL to be applied.
"""

from typing import Any

from django.db import NotSupportedError, migrations


class AddIndexConcurrently(migrations.AddIndex):
    """CREATE INDEX CONCURRENTLY on PostgreSQL, a plain one where the engine knows no other."""

    atomic = False

    def describe(self) -> str:
        return f"Concurrently {super().describe()[0].lower()}{super().describe()[1:]}"

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.add_index(model, self.index, **how(schema_editor.connection))

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            index = from_state.models[app_label, self.model_name_lower].get_index_by_name(
                self.index.name
            )
            schema_editor.remove_index(model, index, **how(schema_editor.connection))


def how(connection: Any) -> dict[str, bool]:
    """Return what the schema editor is told beside model and index."""
    if connection.vendor != "postgresql":
        return {}
    if connection.in_atomic_block:
        raise NotSupportedError(
            "An index is built CONCURRENTLY outside of a transaction only: "
            "set atomic = False in the Migration class."
        )
    return {"concurrently": True}
