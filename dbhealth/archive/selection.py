"""From a policy to the selection that the backend understands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import Q
from django.db.models.query import QuerySet
from django.utils import timezone

from dbhealth.archive.columns import column, concrete_field, value_field
from dbhealth.archive.registry import Archive
from dbhealth.backends.records import ForeignKey, Relation
from dbhealth.backends.selection import KeyColumn, Predicate, Selection
from dbhealth.runs.clock import kept


def timestamp_field(archive: Archive) -> models.Field[Any, Any]:
    """Return the source's field that tells a row's age."""
    return concrete_field(archive.source, archive.policy.timestamp_field)


def field_moment(field: models.Field[Any, Any], moment: datetime) -> datetime | date:
    """Return a moment (aware) as a value of a DateTimeField or DateField.

    A date is the day of the moment in the project's time zone: with a strict "before", a row
    of that day, which is not wholly past, stays.
    """
    if isinstance(value_field(field), models.DateTimeField):
        return kept(moment)
    return timezone.localtime(moment, timezone.get_default_timezone()).date()


def driver_moment(field: models.Field[Any, Any], moment: datetime, alias: str) -> Any:
    """Return a moment (aware) as the driver of ``alias`` takes it for the field's column."""
    return value_field(field).get_db_prep_value(field_moment(field, moment), connections[alias])


def eligible(archive: Archive, cutoff: datetime, alias: str) -> Predicate:
    """Return the condition for the rows that may leave, as Django writes it.

    A bare QuerySet, and no manager: rows that a default manager hides count as well.
    """
    field = timestamp_field(archive)
    condition = Q(**{f"{field.name}__lt": field_moment(field, cutoff)})
    if archive.policy.where is not None:
        condition &= archive.policy.where
    query = QuerySet(archive.source, using=alias).filter(condition).query
    compiler = query.get_compiler(using=alias)
    try:
        sql, params = compiler.compile(query.where)
    except EmptyResultSet:
        return Predicate(sql="1 = 0")
    return Predicate(sql=sql, params=tuple(params))


def selection(
    archive: Archive,
    cutoff: datetime,
    alias: str,
    relation: Relation,
    families: tuple[ForeignKey, ...] = (),
) -> Selection:
    """Return the selection of the rows that may leave; ``relation`` is the source as it is."""
    types = {column.name: column.type for column in relation.columns}
    return Selection(
        table=archive.table,
        key=tuple(KeyColumn(name=name, type=types[name]) for name in key_columns(archive)),
        where=eligible(archive, cutoff, alias),
        timestamp=column(timestamp_field(archive)),
        families=families,
    )


def key_columns(archive: Archive) -> tuple[str, ...]:
    """Return the columns of the source's primary key, in its order."""
    return tuple(column(field) for field in archive.source._meta.pk_fields)
