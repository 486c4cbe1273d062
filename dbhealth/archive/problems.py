"""What can be wrong with an archive model and its policy, as Django check messages.

Each id has a section in docs/checks.md. Those that need a connection are in ``behind``, those
on children in ``family_problems``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db import models
from django.db.models.query import QuerySet

from dbhealth.archive.columns import column
from dbhealth.archive.family import parents_of
from dbhealth.archive.family_problems import children_problems
from dbhealth.archive.indexing import addition, serves_selection
from dbhealth.archive.mirror import mirror_fields
from dbhealth.archive.policy import reaches_a_time
from dbhealth.archive.purge_problems import purge_problems
from dbhealth.archive.registry import Archive, archives
from dbhealth.archive.where import changes_by_itself, reaches_over

Registered = Mapping[type[models.Model], Iterable[models.Index]]
"""The indexes of models that their ``Meta`` does not declare."""


def policy_problems(registered: Registered | None = None) -> list[CheckMessage]:
    """Return everything that can be seen without a database."""
    everything = archives()
    single = (_single(archive, registered or {}) for archive in everything)
    return [*_doubled(everything), *(problem for found in single for problem in found)]


def problems_of(archive: Archive) -> list[CheckMessage]:
    """Return what is wrong with one archive, without a database."""
    doubled = [problem for problem in _doubled(archives()) if problem.obj is archive.model]
    return [*doubled, *_single(archive, {})]


def _single(archive: Archive, registered: Registered) -> list[CheckMessage]:
    first = [*source_problems(archive), *_policy(archive)]
    if first:
        return first  # what follows would only repeat it in other words
    if archive.own_policy is None:
        return [problem for check in _CHECKS for problem in check(archive)]
    indexes = (
        *_index(archive, registered.get(archive.source, ())),
        *purge_problems(archive, registered.get(archive.model, ())),
    )
    checks = (*_POLICY_CHECKS, *_CHECKS)
    return [*indexes, *(found for check in checks for found in check(archive))]


def source_problems(archive: Archive) -> Iterator[CheckMessage]:
    """Yield why a source cannot have an archive at all."""
    meta, model = archive.source._meta, archive.model
    reason = hint = ""
    if meta.abstract:
        reason, hint = "is abstract and has no table", "Name a model that inherits from it."
    elif meta.proxy:
        concrete = meta.concrete_model._meta.label if meta.concrete_model else meta.label
        reason = "is a proxy: its rows belong to another model"
        hint = f"Use source={concrete} and say which rows with where=Q(…)."
    elif meta.swapped:
        reason = f"is swapped for {meta.swapped}"
        hint = f"Use source={meta.swapped}, e.g. by get_user_model()."
    elif meta.parents:
        reason = "inherits from another model with a table: each row spans two tables"
        hint = "Archive the parent model's rows only when no child row points at them."
    if reason:
        yield Error(f"{meta.label} {reason}.", hint=hint, obj=model, id="dbhealth.E101")


def _policy(archive: Archive) -> Iterator[CheckMessage]:
    if archive.own_policy is None and not parents_of(archive):
        yield Error(
            f"{archive.model.__name__} has no policy.",
            hint=(
                "Add policy = ArchivePolicy(timestamp_field=…, retention=timedelta(days=…)), or "
                "name the archive in the children of the one whose rows its rows leave with."
            ),
            obj=archive.model,
            id="dbhealth.E102",
        )


def _timestamp(archive: Archive) -> Iterator[CheckMessage]:
    name = archive.policy.timestamp_field
    temporal = [f.name for f in archive.source._meta.local_concrete_fields if _is_temporal(f)]
    hint = f"Fields that tell a time: {', '.join(temporal) or 'none'}."
    try:
        field = archive.source._meta.get_field(name)
    except FieldDoesNotExist:
        message = f"timestamp_field={name!r} is not a field of {archive.label}."
        yield Error(message, hint=hint, obj=archive.model, id="dbhealth.E103")
        return
    if not _is_temporal(field):
        message = f"timestamp_field={name!r} is neither a DateTimeField nor a DateField."
        yield Error(message, hint=hint, obj=archive.model, id="dbhealth.E104")


def _is_temporal(field: Any) -> bool:
    # A DateTimeField is a DateField as well.
    return isinstance(getattr(field, "output_field", field), models.DateField)


def _numbers(archive: Archive) -> Iterator[CheckMessage]:
    # Any: what a project writes into a policy has not been checked by anybody.
    retention: Any = archive.policy.retention
    rides_along = retention is None and parents_of(archive)
    if isinstance(retention, timedelta) and not reaches_a_time(retention):
        yield Error(
            f"The retention of {archive.label} reaches back before the year 1.",
            hint="A table that keeps its rows for ever needs no archive model.",
            obj=archive.model,
            id="dbhealth.E105",
        )
    if not rides_along and (not isinstance(retention, timedelta) or retention <= timedelta(0)):
        yield Error(
            f"The retention of {archive.label} must be a timedelta of more than zero.",
            hint="retention=timedelta(days=90) keeps three months in the table.",
            obj=archive.model,
            id="dbhealth.E105",
        )
    size: Any = archive.policy.batch_size
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
        yield Error(
            f"The batch_size of {archive.label} must be a whole number of at least 1.",
            hint="Leave it out to use DBHEALTH['ARCHIVE_BATCH_SIZE'].",
            obj=archive.model,
            id="dbhealth.E105",
        )


def _where(archive: Archive) -> Iterator[CheckMessage]:
    where = archive.policy.where
    if where is None:
        return
    try:
        query = QuerySet(archive.source).filter(where).query
    except (FieldError, ValidationError, ValueError, TypeError) as error:
        yield Error(
            f"The where of {archive.label} does not resolve: {error}",
            hint="Use the source's own columns, as in Q(processed_at__isnull=False).",
            obj=archive.model,
            id="dbhealth.E106",
        )
        return
    if reaches_over(query):
        yield Error(
            f"The where of {archive.label} asks other tables than its own.",
            hint=(
                "Whether a row may leave must be decidable from the row alone, because only the "
                "row is locked while it moves. Keep the fact in a column of the source."
            ),
            obj=archive.model,
            id="dbhealth.E107",
        )
    elif changing := changes_by_itself(query):
        yield Error(
            f"The where of {archive.label} may mean other rows from one statement to the next: "
            f"{', '.join(changing)}.",
            hint=(
                "Compare columns with fixed values. The age of a row is the business of "
                "timestamp_field and retention."
            ),
            obj=archive.model,
            id="dbhealth.E107",
        )


def _columns(archive: Archive) -> Iterator[CheckMessage]:
    has = {column(field) for field in archive.model._meta.local_concrete_fields}
    missing = [c for c in map(column, archive.source._meta.local_concrete_fields) if c not in has]
    late = [name for name in mirror_fields(archive.source) if name not in _names(archive)]
    if missing or late:
        yield Error(
            f"{archive.model.__name__} lacks columns of {archive.label}: "
            f"{', '.join(missing or late)}.",
            hint=(
                "They were added to the source after the archive class was made; define the "
                "archive model in a module that is imported later."
            ),
            obj=archive.model,
            id="dbhealth.E109",
        )


def _demands(archive: Archive) -> Iterator[CheckMessage]:
    """A field that the archive class declares itself must take what the source gives."""
    options = archive.model._archive
    nullable = {column(f) for f in archive.source._meta.local_concrete_fields if f.null}
    given = {column(f) for f in archive.source._meta.local_concrete_fields} - nullable
    refusing = [
        field.name
        for field in archive.model._meta.local_concrete_fields
        if not field.null and not field.primary_key and column(field) not in given
        if column(field) in nullable or not (field.has_db_default() or field.generated)
        if field.name not in {options.archived_at, options.archive_run}
    ]
    if refusing:
        yield Error(
            f"{archive.model.__name__} refuses the rows of {archive.label}, which have no value "
            f"for {', '.join(refusing)}.",
            hint="Declare it with null=True in the archive model.",
            obj=archive.model,
            id="dbhealth.E112",
        )


def _names(archive: Archive) -> set[str]:
    return {field.name for field in archive.model._meta.get_fields()}


def _database(archive: Archive) -> Iterator[CheckMessage]:
    if archive.alias != archive.archive_alias:
        yield Error(
            f"{archive.label} is written to the database {archive.alias!r}, "
            f"{archive.model._meta.label} to {archive.archive_alias!r}.",
            hint="Route both to one database: no transaction spans two.",
            obj=archive.model,
            id="dbhealth.E110",
        )


def _index(archive: Archive, others: Iterable[models.Index]) -> Iterator[CheckMessage]:
    unclear = not archive.leaves_alone or [*_timestamp(archive), *_where(archive)]
    if unclear or serves_selection(archive, others):
        return
    yield Warning(
        f"No index of {archive.label} helps to find the rows by "
        f"{archive.policy.timestamp_field}: every run reads the whole table to count them.",
        hint=_index_hint(archive),
        obj=archive.model,
        id="dbhealth.W101",
    )


def _index_hint(archive: Archive) -> str:
    if archive.source._meta.app_label == archive.model._meta.app_label:
        return addition(archive)
    return (
        f"{archive.label} belongs to another app. {addition(archive)} manage.py init_indexes makes "
        "it. Or silence this check if the table stays small."
    )


def _doubled(found: list[Archive]) -> Iterator[CheckMessage]:
    seen: dict[str, Archive] = {}
    for archive in found:
        if archive.source._meta.abstract or not archive.table:
            continue
        other = seen.setdefault(archive.table, archive)
        if other is not archive:
            yield Error(
                f"{other.model._meta.label} and {archive.model._meta.label} both archive the "
                f"table {archive.table}.",
                hint="Keep one of them; say which rows may leave with where=Q(…) | Q(…).",
                obj=archive.model,
                id="dbhealth.E108",
            )


_CHECKS: tuple[Callable[[Archive], Iterator[CheckMessage]], ...] = (
    _columns,
    _demands,
    _database,
)
_POLICY_CHECKS: tuple[Callable[[Archive], Iterator[CheckMessage]], ...] = (
    _timestamp,
    _numbers,
    _where,
    children_problems,
)
