"""The project's models behind tables, and their fields behind columns: where a change belongs."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, router

from dbhealth.backends.names import unwrapped
from dbhealth.saying import say as _

_WIDER = {
    "AutoField": "BigAutoField",
    "SmallAutoField": "BigAutoField",
    "IntegerField": "BigIntegerField",
    "SmallIntegerField": "BigIntegerField",
    "PositiveIntegerField": "PositiveBigIntegerField",
    "PositiveSmallIntegerField": "PositiveBigIntegerField",
}


@dataclass(frozen=True, kw_only=True)
class FieldPlace:
    """A field, and the file and line where its model is."""

    model: str
    app: str
    field: str
    kind: str
    primary: bool
    file: str
    line: int

    @property
    def wider(self) -> str:
        """The Django change that makes its column hold larger numbers, as a sentence."""
        kind = _WIDER.get(self.kind, "BigIntegerField")
        key = "primary_key=True" if self.primary else "…"
        return _(
            "In {model}: {field} = models.{kind}({key}), then makemigrations {app} and migrate. "
            "Where the app sets no key of its own: DEFAULT_AUTO_FIELD.",
            model=self.model,
            field=self.field,
            kind=kind,
            key=key,
            app=self.app,
        )


def models_of(alias: str) -> dict[str, type[models.Model]]:
    """Return the models whose tables are in the database ``alias``, by their tables."""
    return {
        unwrapped(model._meta.db_table): model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and router.allow_migrate_model(alias, model)
    }


def place_of(table: str, column: str) -> FieldPlace | None:
    """Return where the field of a column is, None where no model has it."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table.strip('"') == table:
            for field in model._meta.local_concrete_fields:
                if field.column == column:
                    return _place(model, field)
    return None


def _place(model: type[models.Model], field: models.Field[Any, Any]) -> FieldPlace:
    try:
        file, line = inspect.getsourcefile(model) or "", inspect.getsourcelines(model)[1]
    except (OSError, TypeError):  # made by Django, or from no file
        file, line = "", 0
    return FieldPlace(
        model=model._meta.label,
        app=model._meta.app_label,
        field=field.name,
        kind=field.get_internal_type(),
        primary=field.primary_key,
        file=file,
        line=line,
    )
