"""Which archived rows are to come back: what the caller says, and the selection it becomes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet, ValidationError
from django.db.models import Q
from django.db.models.query import QuerySet

from dbhealth.archive.columns import column_of, key_columns
from dbhealth.archive.registry import Archive
from dbhealth.archive.where import changes_by_itself, reaches_over
from dbhealth.backends.records import Relation
from dbhealth.backends.selection import KeyColumn, Predicate, Selection
from dbhealth.clock import aware, kept
from dbhealth.exceptions import UsageError

MOST_KEYS = 500
"""Keys that one call may name; more are a matter for ``where``, a run or a time."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which rows, and how. Everything that is given must hold; one of them must be given.

    ``run`` is the id of the run that archived them, ``keys`` are primary keys (tuples where the
    key is composite), ``since`` (inclusive) and ``until`` (exclusive) bound the time at which they
    were archived, ``where`` is a condition on the archive model's own columns.
    """

    run: int | None = None
    keys: tuple[Any, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    where: Q | None = None
    skip_conflicts: bool = False
    batch_size: int | None = None
    max_rows: int | None = None
    max_runtime: float | None = None

    @property
    def chooses(self) -> bool:
        """Whether anything says which rows."""
        given = (self.run, self.keys, self.since, self.until)
        return any(value is not None for value in given) or bool(self.where)

    def terms(self, archive: Archive) -> dict[str, Any]:
        """Return what decides which rows are meant, for the run log."""
        return {
            "archive": archive.archive_table,
            "run": self.run,
            "keys": None if self.keys is None else [_written(key) for key in self.keys],
            "since": None if self.since is None else aware(self.since).isoformat(),
            "until": None if self.until is None else aware(self.until).isoformat(),
            "where": str(self.where) if self.where else None,
            "skip_conflicts": self.skip_conflicts,
        }


def _written(key: Any) -> Any:
    """Return a key as JSON keeps it and :func:`parse_keys` reads it."""
    if isinstance(key, tuple):
        return [_written(part) for part in key]
    if isinstance(key, (bytes, memoryview)):
        return base64.b64encode(key).decode()
    return str(key)


def parse_keys(archive: Archive, keys: Sequence[Any]) -> tuple[Any, ...]:
    """Return keys as the fields of the primary key want them.

    Raises UsageError for one that they do not take, and for too many.
    """
    if len(keys) > MOST_KEYS:
        raise UsageError(
            f"{len(keys):,} keys are given, and {MOST_KEYS} may be. Choose so many rows by the run "
            "that archived them, by time or by where."
        )
    return tuple(_parse_key(archive, key) for key in keys)


def _parse_key(archive: Archive, key: Any) -> Any:
    fields = archive.source._meta.pk_fields
    names = ", ".join(field.name for field in fields)
    parts = tuple(key) if len(fields) > 1 and isinstance(key, (tuple, list)) else (key,)
    if len(parts) != len(fields):
        raise UsageError(
            f"The key of {archive.table} is made of {len(fields)} values ({names}), not {key!r}."
        )
    try:
        found = tuple(field.to_python(part) for field, part in zip(fields, parts, strict=True))
    except ValidationError as error:
        told = " ".join(error.messages)
        raise UsageError(f"{key!r} is no key of {archive.table} ({names}): {told}") from None
    if None in found:
        raise UsageError(f"A key of {archive.table} ({names}) cannot be NULL.")
    return found if len(fields) > 1 else found[0]


def condition(archive: Archive, wanted: Wanted) -> Q:
    """Return the condition on the archive model."""
    options = archive.model._archive
    chosen = wanted.where if wanted.where is not None else Q()
    if wanted.run is not None:
        chosen &= Q(**{options.archive_run: wanted.run})
    if wanted.keys is not None:
        chosen &= Q(pk__in=list(wanted.keys))
    if wanted.since is not None:
        chosen &= Q(**{f"{options.archived_at}__gte": kept(aware(wanted.since))})
    if wanted.until is not None:
        chosen &= Q(**{f"{options.archived_at}__lt": kept(aware(wanted.until))})
    return chosen


def compiled(archive: Archive, chosen: Q, alias: str) -> Predicate:
    """Return a condition on the archive model as SQL.

    Raises UsageError for one that asks other tables or means other rows at every moment.
    """
    try:
        query = QuerySet(archive.model, using=alias).filter(chosen).query
    except (FieldError, ValueError, TypeError, ValidationError) as error:
        raise UsageError(f"where does not fit {archive.model.__name__}: {error}") from error
    if reaches_over(query):
        raise UsageError("where may ask for columns of the archive table itself only.")
    if changing := changes_by_itself(query):
        raise UsageError(
            f"where asks {', '.join(changing)}, which may mean other rows at every moment. Give "
            "it fixed values."
        )
    try:
        sql, params = query.get_compiler(using=alias).compile(query.where)
    except EmptyResultSet:
        return Predicate(sql="1 = 0")
    except FullResultSet:
        return Predicate(sql="1 = 1")
    return Predicate(sql=sql, params=tuple(params))


def wanted_selection(archive: Archive, wanted: Wanted, alias: str, relation: Relation) -> Selection:
    """Return the selection of archived rows; ``relation`` is the archive's table as it is."""
    types = {column.name: column.type for column in relation.columns}
    return Selection(
        table=archive.archive_table,
        key=tuple(KeyColumn(name=name, type=types[name]) for name in key_columns(archive.source)),
        where=compiled(archive, condition(archive, wanted), alias),
        timestamp=column_of(archive.model, archive.model._archive.archived_at),
    )
