"""The declared catalogue: every index that the code asks for on one database.

SQL and names come from Django's own schema editor, so that they are Django's to the hash. What it
does with a model: BaseDatabaseSchemaEditor.table_sql and _model_indexes_sql (Django 5.2 to 6.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connections, models, router

from dbhealth.backends import check_alias
from dbhealth.indexes.kinds import Declared, Kind
from dbhealth.indexes.of_model import OfModel, table_of
from dbhealth.indexes.owner import Owner
from dbhealth.indexes.registry import Registry, registry


def catalogue(alias: str, registered: Registry = registry) -> tuple[Declared, ...]:
    """Return every index that the installed models and what is ``registered`` ask for.

    Only of models whose tables the project's routers allow in the database ``alias``, and that
    Django manages: no proxies, no swapped ones; the tables that many-to-many fields bring along
    are among them. What is registered counts for tables too that Django does not manage.
    Raises UsageError for an alias that DATABASES lacks.
    """
    check_alias(alias)
    editor = editor_of(alias)
    found = [item for model in _managed(alias) for item in of_model(model, editor)]
    for item in registered:
        if router.allow_migrate_model(alias, item.model):
            owner = Owner(model=item.model, item=item.index, registered=item.place)
            found += OfModel(item.model, editor).index(item.index, Kind.REGISTERED, owner)
    return tuple(found)


def of_model(model: type[models.Model], editor: Any) -> Iterator[Declared]:
    """Return what one model asks for, and the tables of its many-to-many fields."""
    yield from OfModel(model, editor).all()
    for field in model._meta.local_many_to_many:
        through = field.remote_field.through
        if through is not None and through._meta.auto_created:
            owner = Owner(model=model, field=field.name)
            yield from OfModel(through, editor, owner).all()


def managed_tables(alias: str) -> set[str]:
    """Return the tables that Django keeps in the database ``alias``, as the catalogue spells them.

    All indexes of such a table are Django's business; of other tables only registered ones are.
    """
    found = set()
    for model in _managed(alias):
        throughs = (field.remote_field.through for field in model._meta.local_many_to_many)
        own = [through for through in throughs if through and through._meta.auto_created]
        found |= {table_of(table) for table in (model, *own)}
    return found


def _managed(alias: str) -> Iterator[type[models.Model]]:
    for model in apps.get_models():
        allowed = router.allow_migrate_model(alias, model)
        if allowed and model._meta.can_migrate(connections[alias]):
            yield model


def editor_of(alias: str) -> Any:
    """Return a schema editor that composes SQL and runs none.

    It is not entered as a context: on SQLite that would switch foreign keys off and check the
    rows of all tables. Quoting a value on PostgreSQL needs a connection that is open.
    """
    connection = connections[alias]
    connection.ensure_connection()
    editor = connection.SchemaEditorClass(connection, collect_sql=True, atomic=False)
    editor.deferred_sql = []
    return editor
