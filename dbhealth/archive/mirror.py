"""From a source model's columns to those of its archive model.

The same names and types and the same primary key; no constraint, default or automatic value
that could refuse or change a row that was valid when it was archived. All columns but the key
may be NULL, so that a column which the source gains later is NULL in rows archived before it.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields import AutoFieldMixin
from django.db.models.fields.proxy import OrderWrt
from django.db.models.fields.related import resolve_relation

from dbhealth.archive.columns import value_field
from dbhealth.archive.fields import ArchivedKeyField

# What a column of the archive must not have: it would check, fill or change values.
_DROPPED = frozenset(
    {
        *("default", "db_default", "auto_now", "auto_now_add", "unique", "db_index"),
        *("unique_for_date", "unique_for_month", "unique_for_year", "primary_key"),
        *("null", "blank", "editable", "validators", "width_field", "height_field"),
        *("db_column", "verbose_name"),
    }
)

_NULLABLE = {"null": True, "blank": True}


def mirror_fields(source: type[models.Model]) -> dict[str, Any]:
    """Return the attributes that give an archive model the columns of ``source``."""
    fields = {field.name: mirror_field(field) for field in source._meta.local_concrete_fields}
    key = source._meta.pk
    if isinstance(key, models.CompositePrimaryKey):
        fields[key.name] = models.CompositePrimaryKey(*key.field_names)
        for part in key.fields:
            # The parts of a primary key are NOT NULL whatever else holds.
            fields[part.name].null = False
    return fields


def mirror_field(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """Return the archive's field for one concrete field of the source."""
    if isinstance(field, models.GeneratedField):
        return _plain(value_field(field), field)
    if isinstance(field, models.ForeignKey):
        return _reference(field)
    if issubclass(type(field), AutoFieldMixin):
        return ArchivedKeyField(**_shared(field), of=field.get_internal_type())
    if isinstance(field, OrderWrt):
        return models.IntegerField(**_shared(field))
    return _plain(field, field)


def _plain(kind: models.Field[Any, Any], field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """Return a field of the class and arguments of ``kind`` for the column of ``field``."""
    _name, _path, args, kwargs = kind.deconstruct()
    kept = {name: value for name, value in kwargs.items() if name not in _DROPPED}
    return type(kind)(*args, **(kept | _shared(field)))


def _shared(field: models.Field[Any, Any]) -> dict[str, Any]:
    shared: dict[str, Any] = {"primary_key": True} if field.primary_key else dict(_NULLABLE)
    if field.column != field.get_attname():
        shared["db_column"] = field.column
    if field._verbose_name:  # type: ignore[attr-defined]
        shared["verbose_name"] = field.verbose_name
    return shared


def _reference(field: models.ForeignKey[Any, Any]) -> models.Field[Any, Any]:
    """Return an unconstrained column that still knows where it pointed."""
    kwargs = _shared(field)
    kwargs.update(
        # A name such as "self" or "Model" means something else in the archive's own app.
        to=resolve_relation(field.model, field.remote_field.model),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    # Not by deconstruct(): it asks all models, and they are still being loaded.
    if field.to_fields[0] is not None:
        kwargs["to_field"] = field.to_fields[0]
    if field.primary_key:
        return models.OneToOneField(**kwargs)
    return models.ForeignKey(**kwargs, db_index=False)


def mirror_indexes(source: type[models.Model]) -> list[models.Index]:
    """Return plain indexes in place of what was unique: a value may be archived twice."""
    columns: list[tuple[str, ...]] = [
        (field.name,)
        for field in source._meta.local_concrete_fields
        if field.unique and not field.primary_key
    ]
    columns += [tuple(names) for names in source._meta.unique_together]
    columns += [
        tuple(constraint.fields)
        for constraint in source._meta.constraints
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields
    ]
    return [models.Index(fields=list(names)) for names in dict.fromkeys(columns)]
