"""How the code comes by an index that is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models

from dbhealth.indexes.owner import Owner, at
from dbhealth.saying import say as _


def adding(table: str, columns: Sequence[str], model: type[models.Model] | None) -> str:
    """Return the change of the code that gives the columns of a table an index."""
    if model is None:
        return _(
            "No model has this table: make an index on ({columns}) where it is defined.",
            columns=", ".join(columns),
        )
    fields = [_field(model, column) for column in columns]
    if len(fields) == 1 and isinstance(fields[0], models.ForeignKey):
        return _of_foreign_key(model, fields[0])
    return at(Owner(model=model, option="indexes").place, _line(model, fields))


def _of_foreign_key(model: type[models.Model], field: Any) -> str:
    name = f"{model._meta.label}.{field.name}"
    change = (
        _("{field} declares one: manage.py init_indexes makes it, or migrate does.", field=name)
        if field.db_index
        else _(
            "take db_index=False from {field}, or add an index that begins with it to "
            "Meta.indexes of {model}.",
            field=name,
            model=model._meta.label,
        )
    )
    return at(Owner(model=model, field=field.name).place, change)


def _line(model: type[models.Model], fields: Sequence[models.Field[Any, Any] | str]) -> str:
    names = [field if isinstance(field, str) else field.name for field in fields]
    return _(
        "add models.Index(fields=[{fields}], name=…) to Meta.indexes of {model}, or register it in "
        "<app>/indexes.py where the model is not yours.",
        fields=", ".join(f'"{name}"' for name in names),
        model=model._meta.label,
    )


def _field(model: type[models.Model], column: str) -> models.Field[Any, Any] | str:
    fields = model._meta.local_concrete_fields
    return next((field for field in fields if field.column == column), column)
