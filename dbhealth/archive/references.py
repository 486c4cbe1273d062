"""What points at the rows of a source: foreign keys that the database or the models know, and
generic relations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.apps import apps
from django.db import models

from dbhealth.archive.columns import column, column_of, table_of
from dbhealth.archive.models import ArchiveModel
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.backends.records import ForeignKey, GenericLink


def incoming(archive: Archive, backend: Backend) -> tuple[ForeignKey, ...]:
    """Return every foreign key that points at the source, each once.

    Those of the catalogue come first: a table of an app that is no longer installed still holds
    its constraint, and a model may declare one that the database does not enforce.
    """
    held_links = backend.catalog.referencing(archive.table)
    # Of several constraints on the same columns the one that acts counts, then one that refuses.
    links = {link.ends: link for link in sorted(held_links, key=_weight)}
    wanted = declared_links(archive.source)
    # Seldom needed: what the database holds is there, and in most projects it holds all of them.
    loose = any(declared.ends not in links for declared in wanted)
    tables = set(backend.catalog.tables()) if loose else set()
    for declared in wanted:
        held = links.get(declared.ends)
        if held is None and declared.table not in tables:
            continue
        links[declared.ends] = (
            declared if held is None else replace(held, label=declared.label, rule=declared.rule)
        )
    return tuple(links.values())


def _weight(link: ForeignKey) -> tuple[bool, bool]:
    return bool(link.on_delete), link.enforced


def declared_links(source: type[models.Model]) -> list[ForeignKey]:
    """Return the foreign keys of models that point at ``source``; no database is asked."""
    found = []
    for relation in source._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ForeignObjectRel):
            continue
        field = relation.field
        # An archive's reference tells where a row pointed when it was archived; it may dangle.
        if not isinstance(field, models.ForeignKey) or issubclass(field.model, ArchiveModel):
            continue
        if field.model._meta.proxy or field.model._meta.swapped or not field.concrete:
            continue
        found.append(
            ForeignKey(
                table=table_of(field.model),
                columns=(field.column,),
                target=table_of(source),
                target_columns=(column(field.target_field),),
                enforced=False,
                label=f"{field.model._meta.label}.{field.name}",
                rule=_rule(field),
            )
        )
    return found


def _rule(field: models.ForeignKey[Any, Any]) -> str:
    """Return the name of a field's on_delete; models.SET(…) makes a function for each use."""
    on_delete = field.remote_field.on_delete
    name = getattr(on_delete, "__name__", type(on_delete).__name__)
    return "SET" if name == "set_on_delete" else str(name)


def generic_links(archive: Archive, backend: Backend) -> tuple[GenericLink, ...]:
    """Return the generic foreign keys whose rows can point at the source."""
    if not apps.is_installed("django.contrib.contenttypes"):
        return ()
    from django.contrib.contenttypes.fields import GenericForeignKey
    from django.contrib.contenttypes.models import ContentType

    pointing = [
        (model, field)
        for model in apps.get_models()
        if not issubclass(model, ArchiveModel)
        for field in model._meta.private_fields
        if isinstance(field, GenericForeignKey)
    ]
    if not pointing:
        return ()
    tables = set(backend.catalog.tables())
    manager = ContentType.objects.db_manager(backend.alias)
    if table_of(ContentType) not in tables:
        return ()
    kind = manager.filter(
        app_label=archive.source._meta.app_label, model=archive.source._meta.model_name
    ).first()
    if kind is None:
        return ()
    return tuple(
        GenericLink(
            table=table_of(model),
            object_column=column_of(model, field.fk_field),
            type_column=column_of(model, field.ct_field),
            type_id=kind.pk,
            label=f"{model._meta.label}.{field.name}",
        )
        for model, field in pointing
        if table_of(model) in tables
    )


def file_columns(archive: Archive) -> tuple[str, ...]:
    """Return the columns that name files in a storage."""
    return tuple(
        column(field)
        for field in archive.source._meta.local_concrete_fields
        if isinstance(field, models.FileField)
    )
