"""From a policy to the selection that the backend understands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from functools import reduce
from operator import and_
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import Q
from django.db.models.query import QuerySet
from django.utils import timezone

from dbhealth.archive.columns import column, concrete_field, key_columns, value_field
from dbhealth.archive.family import Family
from dbhealth.archive.policy import HOLD, ArchivePolicy
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.backends.records import Relation
from dbhealth.backends.selection import KeyColumn, Member, Predicate, Selection
from dbhealth.clock import kept


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


def old(archive: Archive, cutoff: datetime) -> Q:
    """Return the condition that a row lies before the cutoff; a NULL never does."""
    field = timestamp_field(archive)
    return Q(**{f"{field.name}__lt": field_moment(field, cutoff)})


def compiled(archive: Archive, condition: Q, alias: str) -> Predicate:
    """Return a condition on the source's own columns, as Django writes it.

    A bare QuerySet, and no manager: rows that a default manager hides count as well.
    """
    query = QuerySet(archive.source, using=alias).filter(condition).query
    compiler = query.get_compiler(using=alias)
    try:
        sql, params = compiler.compile(query.where)
    except EmptyResultSet:
        return Predicate(sql="1 = 0")
    return Predicate(sql=sql, params=tuple(params))


def bare_condition(archive: Archive, cutoff: datetime, alias: str) -> Predicate:
    """Return the condition of the policy alone, whatever stands below a row."""
    where = archive.policy.where
    condition = old(archive, cutoff)
    return compiled(archive, condition if where is None else condition & where, alias)


def selection(
    archive: Archive, cutoff: datetime, backend: Backend, relation: Relation, family: Family
) -> Selection:
    """Return the selection of the rows that may leave; ``relation`` is the source as it is."""
    alias = backend.alias
    chosen = Selection(
        table=archive.table,
        key=_key(archive, relation),
        where=bare_condition(archive, cutoff, alias),
        timestamp=column(timestamp_field(archive)),
        links=family.links(archive.table),
        members=tuple(
            _member(member, archive.policy, cutoff, backend, family)
            for member in family.archives[1:]
        ),
        may_follow=_may_leave(archive, archive.policy, cutoff, alias),
    )
    if not chosen.is_family:
        return chosen
    return replace(chosen, where=backend.rows.unhindered(chosen), alone=chosen.where)


def _member(
    archive: Archive, rules: ArchivePolicy, cutoff: datetime, backend: Backend, family: Family
) -> Member:
    relation = backend.catalog.relation(archive.table)
    if relation is None:
        raise ValueError(f"{archive.table} has gone since its structure was looked at.")
    return Member(
        table=archive.table,
        key=_key(archive, relation),
        links=family.links(archive.table),
        may_leave=_may_leave(archive, rules, cutoff, backend.alias),
    )


def _may_leave(
    archive: Archive, rules: ArchivePolicy, cutoff: datetime, alias: str
) -> Predicate | None:
    """Return what a row must fulfil to leave with its parent; ``rules`` is the root's policy."""
    policy = archive.own_policy
    if policy is None:
        return None
    conditions = [] if policy.where is None else [policy.where]
    if rules.children_newer == HOLD:
        conditions.append(old(archive, cutoff))
    return compiled(archive, reduce(and_, conditions), alias) if conditions else None


def _key(archive: Archive, relation: Relation) -> tuple[KeyColumn, ...]:
    types = {column.name: column.type for column in relation.columns}
    return tuple(KeyColumn(name=name, type=types[name]) for name in key_columns(archive.source))
