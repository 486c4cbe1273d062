"""Which index of a source serves the search for rows past their retention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import OrderBy

from dbhealth.archive.columns import column_of
from dbhealth.archive.registry import Archive
from dbhealth.saying import say as _


@dataclass(frozen=True, kw_only=True)
class _Declared:
    """An index as a model declares it: the names of its columns, empty for what finds no range.

    ``in_any_order``: it finds the rows of a range by whichever of its columns.
    """

    columns: tuple[str, ...]
    condition: Q | None = None
    in_any_order: bool = False

    def before(self, wanted: str, source: type[models.Model]) -> set[str] | None:
        """Return the fields that must be fixed to find rows by ``wanted``; None: it cannot."""
        names = [_field_name(source, name) for name in self.columns]
        if wanted not in names:
            return None
        return set() if self.in_any_order else set(names[: names.index(wanted)])


def serves_selection(archive: Archive, others: Iterable[models.Index] = ()) -> bool:
    """Return whether an index of the source finds rows by the policy's timestamp.

    Its first column is the timestamp, or columns that the policy's ``where`` fixes to a value
    stand before it; of a BRIN index it is any column. A partial index serves when its condition is
    the policy's own, or leaves nothing out but NULL. ``others`` are indexes of the source that its
    model does not declare.
    """
    wanted = archive.policy.timestamp_field
    fixed = _fixed_fields(archive.policy.where, archive.source)
    complete = (None, archive.policy.where, Q(**{f"{wanted}__isnull": False}))
    for index in (*_indexes(archive.source), *_ranging(others)):
        if index.condition not in complete:
            continue
        leading = index.before(wanted, archive.source)
        if leading is not None and leading <= fixed:
            return True
    return False


def leads_an_index(
    model: type[models.Model], field: str, others: Iterable[models.Index] = ()
) -> bool:
    """Return whether an index over all rows of a model finds rows by the field alone.

    ``others`` are indexes of the model that it does not declare.
    """
    return any(
        index.condition is None and index.before(field, model) == set()
        for index in (*_indexes(model), *_ranging(others))
    )


def fixed_columns(archive: Archive) -> frozenset[str]:
    """Return the columns that the policy's ``where`` pins to one value."""
    fields = _fixed_fields(archive.policy.where, archive.source)
    return frozenset(column_of(archive.source, name) for name in fields)


def partial_indexes(archive: Archive, others: Iterable[models.Index] = ()) -> frozenset[str]:
    """Return the names of the source's partial indexes whose condition is the policy's own.

    ``others`` are indexes of the source that its model does not declare.
    """
    meta, where = archive.source._meta, archive.policy.where
    found = (
        item
        for item in (*meta.indexes, *meta.constraints, *others)
        if isinstance(item, models.Index | models.UniqueConstraint)
    )
    return frozenset(
        str(item.name) for item in found if item.condition is not None and item.condition == where
    )


def index_line(archive: Archive) -> str:
    """Return the index that would help, as the line to add to ``Meta.indexes``."""
    return line_of_index(archive.source, archive.policy.timestamp_field)


def addition(archive: Archive) -> str:
    """Return where to put the index that would help: the source may be somebody else's model."""
    line, own = index_line(archive), archive.model._meta.app_config
    if archive.source._meta.app_label == archive.model._meta.app_label or own is None:
        return _("Add {line} to Meta.indexes of {label}.", line=line, label=archive.label)
    source = archive.source.__name__
    return _(
        "Call dbhealth.indexes.register({source}, {line}) in {app}.indexes.",
        source=source,
        line=line,
        app=own.name,
    )


def line_of_index(model: type[models.Model], field: str) -> str:
    """Return an index of one field as the line to add to ``Meta.indexes`` of its model."""
    name = f"{model._meta.model_name}_{field}"[:26].rstrip("_") + "_idx"
    return f'models.Index(fields=["{field}"], name="{name}")'


def _indexes(source: type[models.Model]) -> Iterator[_Declared]:
    """Yield the indexes of a model that can find the rows of a range."""
    meta = source._meta
    for field in meta.local_concrete_fields:
        if getattr(field, "db_index", False) or field.unique:
            yield _Declared(columns=(field.name,))
    for names in meta.unique_together:
        yield _Declared(columns=tuple(names))
    yield _Declared(columns=tuple(field.name for field in meta.pk_fields))
    yield from _ranging(meta.indexes)
    for constraint in meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield _Declared(columns=tuple(constraint.fields), condition=constraint.condition)


_ORDERED = frozenset({"idx", "btree"})
"""The suffixes by which Django's index classes tell that they are B-trees."""

_SUMMARIES = "brin"


def _ranging(indexes: Iterable[models.Index]) -> Iterator[_Declared]:
    # By suffix: the classes of PostgreSQL's methods are in an app that may not be installed.
    for index in indexes:
        if index.suffix in _ORDERED or index.suffix == _SUMMARIES:
            columns = _columns(index)
            if index.opclasses:
                pairs = zip(columns, index.opclasses, strict=True)
                columns = tuple("" if _is_bloom(opclass) else name for name, opclass in pairs)
            yield _Declared(
                columns=columns,
                condition=index.condition,
                in_any_order=index.suffix == _SUMMARIES,
            )


def _is_bloom(opclass: str) -> bool:
    """Return whether an operator class of BRIN knows values only, and not their order."""
    return "_bloom_ops" in opclass


def _columns(index: models.Index) -> tuple[str, ...]:
    if index.fields:
        return tuple(name.removeprefix("-") for name in index.fields)
    return tuple(_column(expression) for expression in index.expressions)


def _column(expression: Any) -> str:
    inner = expression.expression if isinstance(expression, OrderBy) else expression
    return str(getattr(inner, "name", "")) if isinstance(inner, F) else ""


def _field_name(source: type[models.Model], name: str) -> str:
    """Return the name of a field that may be called by its column's: "owner" for "owner_id"."""
    try:
        return source._meta.get_field(name).name
    except FieldDoesNotExist:  # an expression, or the "pk" of a composite key
        return name


def _fixed_fields(where: Q | None, source: type[models.Model]) -> set[str]:
    """Return the fields that a condition made of ANDs pins to one value."""
    if where is None or where.negated or where.connector != Q.AND:
        return set()
    found: set[str] = set()
    for child in where.children:
        if isinstance(child, Q):
            found |= _fixed_fields(child, source)
        elif isinstance(child, tuple) and (name := _fixed_field(source, *child)):
            found.add(name)
    return found


def _fixed_field(source: type[models.Model], path: str, value: Any) -> str:
    """Return the field that ``path=value`` pins, empty where it pins none."""
    name, *rest = path.split("__")
    lookup = rest.pop() if rest and rest[-1] in {"exact", "isnull"} else "exact"
    field = source._meta.pk if name == "pk" else source._meta.get_field(name)
    if isinstance(field, models.ForeignKey) and rest in (["pk"], [field.target_field.name]):
        rest = []  # the same column by another name
    if hasattr(value, "resolve_expression") and not isinstance(value, models.Value):
        return ""  # another value for each row
    pins = not rest and (lookup == "exact" or bool(value))
    return field.name if pins else ""
