"""Indexes for tables one does not own: ``register``, and where it is found."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.module_loading import autodiscover_modules

from dbhealth.exceptions import ConfigurationError
from dbhealth.indexes.owner import Place


@dataclass(frozen=True)
class Registered:
    """An index that was registered for a model, and the line that did it."""

    model: type[models.Model]
    index: models.Index
    place: Place


class Registry:
    """The indexes that were registered."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[str, Registered] = {}

    def __iter__(self) -> Iterator[Registered]:
        """Return them in the order in which they were registered."""
        return iter(self._found.values())

    def by_model(self) -> dict[type[models.Model], list[models.Index]]:
        """Return the indexes of each model."""
        found: dict[type[models.Model], list[models.Index]] = {}
        for item in self:
            found.setdefault(item.model, []).append(item.index)
        return found

    def register(self, model: type[models.Model], *indexes: models.Index) -> None:
        """Declare that the table of ``model`` is to have ``indexes``.

        For a table whose model one cannot edit; a model of one's own has Meta.indexes. An index
        without a name is given the one that it would have in Meta. Raises ConfigurationError, and
        keeps none of them, when the model belongs to no installed app or has no table, when
        something is not an Index, names a field that the table does not have, or has a name that
        is taken.
        """
        caller = sys._getframe(1)
        place = Place(caller.f_code.co_filename, caller.f_lineno)
        table = _model_with_table(model)
        if not indexes:
            raise ConfigurationError(f"register({table.__name__}) was called without an index.")
        new: dict[str, Registered] = {}
        taken = _names_in_models()
        for index in indexes:
            named = _named(table, index)
            _check_fields(table, named)
            self._check_name(table, named, taken, new)
            new[named.name] = Registered(table, named, place)
        self._found |= new

    def _check_name(
        self,
        model: type[models.Model],
        index: models.Index,
        taken: dict[str, str],
        new: dict[str, Registered],
    ) -> None:
        before = self._found.get(index.name) or new.get(index.name)
        where = f"{before.model._meta.label} ({before.place})" if before else taken.get(index.name)
        if where:
            raise ConfigurationError(
                f"The index {index.name!r} cannot be registered for {model._meta.label}: "
                f"{where} has one of this name. Give it another name."
            )


def _model_with_table(model: Any) -> type[models.Model]:
    """Return the model whose table is meant; a proxy stands for the model behind it."""
    if not apps.models_ready:
        raise ConfigurationError(
            "register() was called before all models were loaded. Call it in the module "
            "indexes.py of an installed app, which is imported when they are."
        )
    if not isinstance(model, type) or not issubclass(model, models.Model):
        raise ConfigurationError(f"register() takes a model first, not {model!r}.")
    if model._meta.abstract:
        raise ConfigurationError(
            f"{model.__name__} is abstract and has no table. Put the index into its Meta, or "
            "register it for the models that inherit from it."
        )
    concrete = model._meta.concrete_model or model
    if concrete._meta.swapped:
        raise ConfigurationError(
            f"{concrete._meta.label} is swapped for {concrete._meta.swapped} and has no table."
        )
    label = concrete._meta.app_label
    if label not in apps.app_configs:
        raise ConfigurationError(
            f"{concrete._meta.label} belongs to no installed app. Add its app to INSTALLED_APPS, "
            "or take the index out."
        )
    return concrete


def _named(model: type[models.Model], index: Any) -> models.Index:
    if not isinstance(index, models.Index):
        raise ConfigurationError(
            f"register({model.__name__}) takes models.Index objects, not {index!r}. A constraint "
            "belongs into the Meta of the model and so into a migration."
        )
    own = index.clone()
    if not own.name:
        own.set_name_with_model(model)
    return own


def _check_fields(model: type[models.Model], index: models.Index) -> None:
    own = {field.name: field for field in model._meta.local_concrete_fields}
    own |= {field.attname: field for field in model._meta.local_concrete_fields}
    known = {field.name for field in model._meta.get_fields()}
    for name in _fields_of(index):
        if name in own or name == "pk":
            continue
        if name in known:
            raise ConfigurationError(
                f"The index {index.name!r} cannot be registered for {model._meta.label}: "
                f"{name!r} is not a column of its table. Register it for the model that has it."
            )
        close = difflib.get_close_matches(name, own, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"There is {', '.join(sorted(own))}."
        raise ConfigurationError(
            f"The index {index.name!r} cannot be registered for {model._meta.label}: it has no "
            f"field {name!r}. {hint}"
        )


def _fields_of(index: models.Index) -> list[str]:
    """Return the names of all fields that an index speaks of."""
    names = [name for name, _order in index.fields_orders] + list(index.include)
    expressions: list[Any] = list(index.expressions)
    parts = (part for whole in expressions for part in whole.flatten())
    names += [str(getattr(part, "name", "")) for part in parts if isinstance(part, models.F)]
    if index.condition is not None:
        names += [name.split("__")[0] for name in _named_in(index.condition)]
    return names


def _named_in(condition: models.Q) -> Iterator[str]:
    for child in condition.children:
        if isinstance(child, models.Q):
            yield from _named_in(child)
        elif isinstance(child, tuple):
            yield child[0]


def _names_in_models() -> dict[str, str]:
    """Return the names of all indexes and constraints in any Meta, with the model's label."""
    return {
        item.name: model._meta.label
        for model in apps.get_models(include_auto_created=True)
        for item in (*model._meta.indexes, *model._meta.constraints)
    }


registry = Registry()
register = registry.register


def autodiscover() -> None:
    """Import the module ``indexes`` of every installed app that has one, as admin.py is."""
    autodiscover_modules("indexes")
