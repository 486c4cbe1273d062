"""The family of an archive: which tables leave with it, in which order, by which references."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.db import connections

from dbhealth.archive import refusals
from dbhealth.archive.columns import column_of, concrete_field
from dbhealth.archive.models import ArchiveModel
from dbhealth.archive.policy import ArchivePolicy
from dbhealth.archive.references import incoming
from dbhealth.archive.registry import Archive, archives, archives_in
from dbhealth.backends import Backend
from dbhealth.backends.records import Column, ForeignKey
from dbhealth.backends.selection import Copy
from dbhealth.clock import kept
from dbhealth.conf import get_settings
from dbhealth.exceptions import Refused


@dataclass(frozen=True, kw_only=True)
class Part:
    """One table of a family with the columns that both of its tables have."""

    archive: Archive
    columns: tuple[Column, ...]
    target_columns: tuple[Column, ...]

    def copy(self, run: int, moment: datetime, alias: str) -> Copy:
        """Return how a row becomes an archive row, for one batch of one run at one moment."""
        options = self.archive.model._archive
        field = concrete_field(self.archive.model, options.archived_at)
        archived_at = field.get_db_prep_value(kept(moment), connections[alias])
        return Copy(
            table=self.archive.table,
            target=self.archive.archive_table,
            columns=self.columns,
            kept_as=tuple(self._kept_as(column) for column in self.columns),
            stamps=(
                (column_of(self.archive.model, options.archived_at), archived_at),
                (column_of(self.archive.model, options.archive_run), run),
            ),
            digested=get_settings().archive_checksum,
        )

    def _kept_as(self, column: Column) -> Column:
        return next(target for target in self.target_columns if target.name == column.name)


@dataclass(frozen=True, kw_only=True)
class Family:
    """The archives of a family, the root first and each behind those it points at.

    ``inside`` are the references between their tables; ``outside`` those of other tables, whose
    rows would be left pointing at nothing.
    """

    archives: tuple[Archive, ...]
    inside: tuple[ForeignKey, ...]
    outside: tuple[ForeignKey, ...]

    def links(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the references from ``table`` to tables of the family."""
        return tuple(link for link in self.inside if link.table == table)


def children_of(archive: Archive) -> list[Archive]:
    """Return the archives that the policy names as children; what is not one is left out."""
    policy = archive.own_policy
    found = [resolved(child) for child in named_children(policy)]
    return [child for child in found if child is not None]


def named_children(policy: ArchivePolicy | None) -> list[object]:
    """Return what a policy names as children, whatever it is."""
    named: Any = () if policy is None else policy.children
    return list(named) if isinstance(named, (tuple, list)) else [named]


def resolved(child: object) -> Archive | None:
    """Return the archive that a policy's child stands for, None where it is none."""
    if isinstance(child, str):
        try:
            child = apps.get_model(child)
        except (LookupError, ValueError):
            return None
    if isinstance(child, type) and issubclass(child, ArchiveModel):
        return Archive(child)
    return None


def members_of(archive: Archive) -> list[Archive]:
    """Return the archive and everything below it, each once."""
    found, waiting = [archive], [archive]
    while waiting:
        for child in children_of(waiting.pop()):
            if all(child.table != known.table for known in found):
                found.append(child)
                waiting.append(child)
    return found


def parents_of(archive: Archive) -> list[Archive]:
    """Return the archives that name this one as a child."""
    return [
        other
        for other in archives()
        if any(child.model is archive.model for child in children_of(other))
    ]


def leaving_in(using: str | None) -> list[tuple[Archive, str]]:
    """Return the archives whose rows leave by their own age, as ``archives_in`` does.

    One that has no policy and is nobody's child is among them: a run says what is wrong with it.
    """
    return [
        (archive, alias)
        for archive, alias in archives_in(using)
        if archive.leaves_alone or not parents_of(archive)
    ]


def ensure_leaves_alone(archive: Archive) -> None:
    """Raise Refused for an archive whose rows leave with their parents only."""
    if not archive.leaves_alone and (parents := parents_of(archive)):
        tables = [parent.table for parent in parents]
        raise Refused([refusals.only_with_parents(archive.table, tables)])


def family_of(archive: Archive, backend: Backend) -> Family:
    """Return the family as the database and the models have it.

    Raises CycleError where tables of it point at each other in a ring.
    """
    members = members_of(archive)
    tables = {member.table: member for member in members}
    links = [link for member in members for link in incoming(member, backend)]
    inside = tuple(link for link in links if link.table in tables)
    return Family(
        archives=tuple(tables[table] for table in in_order(tables, inside)),
        inside=inside,
        outside=tuple(link for link in links if link.table not in tables),
    )


def in_order(tables: Iterable[str], links: Iterable[ForeignKey]) -> list[str]:
    """Return tables with each behind those it points at; raises CycleError for a ring."""
    graph: dict[str, set[str]] = {table: set() for table in tables}
    for link in links:
        if link.table != link.target:
            graph[link.table].add(link.target)
    return list(TopologicalSorter(graph).static_order())
