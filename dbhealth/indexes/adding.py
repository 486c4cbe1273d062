"""How the code comes by an index that is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models

from dbhealth.indexes.owner import Owner
from dbhealth.saying import say as _


def adding(table: str, columns: Sequence[str], model: type[models.Model] | None) -> str:
    """Return the change of the code that gives the columns of a table an index."""
    if model is None:
        names = ", ".join(columns)
        return _(
            "No model has this table: make an index on ({names}) where it is defined.", names=names
        )
    fields = [_field(model, column) for column in columns]
    if len(fields) == 1 and isinstance(fields[0], models.ForeignKey):
        return _of_foreign_key(model, fields[0])
    return f"{_where(Owner(model=model, option='indexes'))}{_line(model, fields)}"


def _of_foreign_key(model: type[models.Model], field: Any) -> str:
    where = _where(Owner(model=model, field=field.name))
    label = f"{model._meta.label}.{field.name}"
    if field.db_index:
        return _(
            "{where}{label} declares one: manage.py init_indexes makes it, or migrate does.",
            where=where,
            label=label,
        )
    return _(
        "{where}take db_index=False from {label}, or add an index that begins with it to "
        "Meta.indexes of {model}.",
        where=where,
        label=label,
        model=model._meta.label,
    )


def _line(model: type[models.Model], fields: Sequence[models.Field[Any, Any] | str]) -> str:
    names = [field if isinstance(field, str) else field.name for field in fields]
    listed = ", ".join(f'"{name}"' for name in names)
    return _(
        "add models.Index(fields=[{listed}], name=…) to Meta.indexes of {label}, or register it in "
        "<app>/indexes.py where the model is not yours.",
        listed=listed,
        label=model._meta.label,
    )


def _field(model: type[models.Model], column: str) -> models.Field[Any, Any] | str:
    fields = model._meta.local_concrete_fields
    return next((field for field in fields if field.column == column), column)


def _where(owner: Owner) -> str:
    place = owner.place
    return f"{place}: " if place else ""
