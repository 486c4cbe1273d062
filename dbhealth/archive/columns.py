"""Tables and columns of models by their names, with the types that Django leaves open."""

from __future__ import annotations

from typing import Any, cast

from django.db import models

from dbhealth.backends.names import unwrapped


def table_of(model: type[models.Model]) -> str:
    """Return the table of a model as the catalogue of the database spells it."""
    return unwrapped(model._meta.db_table)


def concrete_field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    """Return the field ``name`` of ``model``, which must have a column."""
    return cast("models.Field[Any, Any]", model._meta.get_field(name))


def column(field: models.Field[Any, Any]) -> str:
    """Return the name of a concrete field's column."""
    return cast(str, field.column)


def column_of(model: type[models.Model], name: str) -> str:
    """Return the name of the column of the field ``name``."""
    return column(concrete_field(model, name))


def value_field(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """Return the field that knows the values: for a generated column that of its output."""
    if isinstance(field, models.GeneratedField):
        return cast("models.Field[Any, Any]", field.output_field)
    return field


def key_columns(model: type[models.Model]) -> tuple[str, ...]:
    """Return the columns of the primary key, in its order."""
    return tuple(column(field) for field in model._meta.pk_fields)
