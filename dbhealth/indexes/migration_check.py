"""Migrations that wait and would build an index with everybody kept from writing a large table.

CREATE INDEX keeps writers out until it is done; AddIndexConcurrently does not.
https://docs.djangoproject.com/en/stable/ref/contrib/postgres/operations/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.checks import CheckMessage, Warning
from django.db import DatabaseError, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterUniqueTogether,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.template.defaultfilters import filesizeformat

from dbhealth.backends import get_backend, is_supported
from dbhealth.backends.records import RelationSize
from dbhealth.conf import get_settings
from dbhealth.exceptions import OutOfTime
from dbhealth.indexes.pending import loaded
from dbhealth.saying import say as _


@dataclass(frozen=True, kw_only=True)
class SlowStep:
    """An operation that builds an index on a table which is there already."""

    migration: str
    table: str
    what: str
    instead: str


def slow_migrations(databases: Sequence[str]) -> list[CheckMessage]:
    """Return a warning for every such operation on a large table; connects to those named."""
    found: list[CheckMessage] = []
    for alias in databases:
        if not is_supported(alias) or not get_backend(alias).features.builds_beside_writers:
            continue
        try:
            found += _warnings(alias)
        except (DatabaseError, OutOfTime) as error:
            message = _(
                "The migrations of the database {alias!r} cannot be read: {error}",
                alias=alias,
                error=error,
            )
            found.append(Warning(message, id="dbhealth.W203"))
    return found


def _warnings(alias: str) -> Iterator[CheckMessage]:
    backend = get_backend(alias)
    sizes: dict[str, RelationSize | None] = {}
    for step in waiting_steps(loaded(alias)):
        if step.table not in sizes:
            sizes[step.table] = backend.statistics.relation_size(step.table)
        size = sizes[step.table]
        table_bytes = (size and size.table_bytes) or 0
        if table_bytes < get_settings().large_table_bytes:
            continue
        yield Warning(
            f"Migration {step.migration} {step.what} while nobody can write the table "
            f"{step.table} ({filesizeformat(table_bytes)}).",
            hint=step.instead,
            obj=step.migration,
            id="dbhealth.W202",
        )


def waiting_steps(loader: MigrationLoader) -> Iterator[SlowStep]:
    """Return the slow operations of all migrations that are not applied, in their order."""
    applied = set(loader.applied_migrations or ())
    plan: dict[tuple[str, str], None] = {}
    for leaf in loader.graph.leaf_nodes():
        plan |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for node in sorted(plan, key=lambda node: node not in applied):
        migration = loader.graph.nodes[node]
        if node not in applied:
            yield from slow_steps(migration, state)
        state = migration.mutate_state(state, preserve=False)


def slow_steps(migration: Migration, state: ProjectState) -> Iterator[SlowStep]:
    """Return the slow operations of one migration that begins at ``state``, which is kept."""
    known = set(state.models)
    state = state.clone()
    for operation in migration.operations:
        before = state.clone()
        operation.state_forwards(migration.app_label, state)
        for step in _of_the_database(operation):
            key = _model_of(step, migration.app_label)
            # A table that the very same migration makes has no rows yet.
            if key not in known or key not in state.models or key not in before.models:
                continue
            if told := _slow(step, before.models[key], state.models[key]):
                yield SlowStep(
                    migration=f"{migration.app_label}.{migration.name}",
                    table=_table(state.models[key]),
                    what=told[0],
                    instead=told[1],
                )


def _of_the_database(operation: Operation) -> Iterator[Operation]:
    """Return what an operation does in the database, where state and database are apart."""
    if isinstance(operation, SeparateDatabaseAndState):
        for step in operation.database_operations:
            yield from _of_the_database(step)
    else:
        yield operation


def _model_of(operation: Operation, app_label: str) -> tuple[str, str]:
    if isinstance(operation, AlterUniqueTogether):
        return app_label, operation.name_lower
    return app_label, str(getattr(operation, "model_name", "")).lower()


_CONCURRENTLY = _(
    "Use django.contrib.postgres.operations.AddIndexConcurrently instead of AddIndex, and set "
    "atomic = False in the Migration class."
)
_AS_INDEX = _(
    "Say db_index=False on the field and put the index into Meta.indexes; then use "
    "AddIndexConcurrently for it, and set atomic = False in the Migration class."
)
_UNIQUE = _(
    "Let a RunSQL build it first with CREATE UNIQUE INDEX CONCURRENTLY and ALTER TABLE … ADD "
    "CONSTRAINT … USING INDEX, with this operation as its state_operations, and atomic = False."
)
_EXCLUDE = _("PostgreSQL builds no exclusion constraint beside writers: plan a time for it.")


def _slow(operation: Operation, before: ModelState, after: ModelState) -> tuple[str, str] | None:
    """Return what an operation does and what to do instead, None where it is quick."""
    if isinstance(operation, AddIndex):
        if _is_concurrent(operation):
            return None
        return f"builds {operation.index.name}", _CONCURRENTLY
    if isinstance(operation, AddConstraint):
        name = operation.constraint.name
        if isinstance(operation.constraint, models.UniqueConstraint):
            return f"builds the index of {name}", _UNIQUE
        builds = hasattr(operation.constraint, "index_type")
        return (f"builds the index of {name}", _EXCLUDE) if builds else None
    if isinstance(operation, AlterUniqueTogether):
        new = set(after.options.get("unique_together") or ()) - set(
            before.options.get("unique_together") or ()
        )
        return ("builds the index of a unique_together", _UNIQUE) if new else None
    if isinstance(operation, (AddField, AlterField)):
        return _of_field(operation, before)
    return None


def _is_concurrent(operation: AddIndex) -> bool:
    """Return whether it is Django's concurrent operation or one of a project that bears its name.

    By name, because Django's can only be imported with psycopg.
    """
    return any(made.__name__ == "AddIndexConcurrently" for made in type(operation).__mro__)


def _of_field(operation: AddField | AlterField, before: ModelState) -> tuple[str, str] | None:
    old, new = before.fields.get(operation.name), operation.field
    if _indexed(new) <= (_indexed(old) if old is not None else set()):
        return None
    instead = _UNIQUE if new.unique else _AS_INDEX
    return f"builds the index of the field {operation.name}", instead


def _indexed(field: Any) -> set[str]:
    """Return the sorts of index that a field brings with it."""
    if field.many_to_many:
        return set()
    return {sort for sort in ("unique", "db_index") if getattr(field, sort)}


def _table(state: ModelState) -> str:
    return str(state.options.get("db_table") or f"{state.app_label}_{state.name_lower}")
