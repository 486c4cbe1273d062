"""What stands in the way of a run: the shape of the tables, and rows that point at rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError

from dbhealth.archive import refusals
from dbhealth.archive.columns import key_columns
from dbhealth.archive.family import Family, family_of, members_of
from dbhealth.archive.place import attached_refusals, place_refusals
from dbhealth.archive.references import generic_links
from dbhealth.archive.registry import Archive
from dbhealth.backends import Backend
from dbhealth.backends.records import Relation
from dbhealth.backends.selection import Limits, Member, Selection
from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _


def structural_refusals(archive: Archive, backend: Backend) -> tuple[Refusal, ...]:
    """Return what is wrong with the tables themselves, before any row is looked at."""
    if attached := attached_refusals(archive.table, backend):
        return attached
    return _wrong(archive, backend, backend.catalog.relations(_tables(archive)))


def _tables(archive: Archive) -> list[str]:
    return [archive.table, archive.archive_table]


def _wrong(
    archive: Archive, backend: Backend, relations: Sequence[Relation | None]
) -> tuple[Refusal, ...]:
    found = place_refusals(archive, backend)
    source, target = relations
    app = archive.model._meta.app_label
    if source is None:
        found.append(refusals.source_missing(archive.table, backend.alias))
    if target is None:
        found.append(refusals.archive_missing(archive.archive_table, app, backend.alias))
    if source is not None and not source.is_table:
        found.append(refusals.not_a_table(archive.table, source.kind))
    elif source is not None and source.primary_key != key_columns(archive.source):
        found.append(
            refusals.key_differs(archive.table, source.primary_key, key_columns(archive.source))
        )
    for relation in (source, target):
        if relation is not None and relation.is_table and relation.rules:
            found.append(refusals.rewritten(relation.name, relation.rules))
    if source is not None and target is not None and (lacking := lacks(source, target)):
        found.append(refusals.archive_behind(archive.table, archive.archive_table, lacking, app))
    return tuple(found)


def lacks(source: Relation, target: Relation) -> list[str]:
    """Return the columns of ``source`` that ``target`` does not have, or has otherwise.

    It is the database's columns that count, not the model's: one that only the database knows
    holds values all the same.
    """
    found = []
    for column in source.columns:
        other = target.column(column.name)
        if other is None:
            found.append(_("{column} (missing)", column=column.name))
        elif other.type != column.type:
            found.append(
                _(
                    "{column} ({type} there, {archived} in the archive)",
                    column=column.name,
                    type=column.type,
                    archived=other.type,
                )
            )
    return found


@dataclass(frozen=True, kw_only=True)
class Structure:
    """The tables of an archive and of everything below it, as the database has them.

    ``relations`` are all of them by their names. ``family`` is None where there are refusals: then
    no row can be looked at.
    """

    refusals: tuple[Refusal, ...]
    family: Family | None = None
    relations: Mapping[str, Relation] = field(default_factory=dict)


def structure_of(archive: Archive, backend: Backend) -> Structure:
    """Look at the tables of the archive and of everything below it."""
    found: list[Refusal] = []
    relations: dict[str, Relation] = {}
    for member in members_of(archive):
        if attached := attached_refusals(member.table, backend):
            found += attached
            continue
        tables = _tables(member)
        seen = backend.catalog.relations(tables)
        found += _wrong(member, backend, seen)
        relations |= {name: one for name, one in zip(tables, seen, strict=True) if one is not None}
    if found:
        return Structure(refusals=tuple(dict.fromkeys(found)))
    try:
        return Structure(refusals=(), family=family_of(archive, backend), relations=relations)
    except CycleError as error:
        return Structure(refusals=(refusals.ring(archive.table, list(error.args[1])),))


def pointing_refusals(
    family: Family, backend: Backend, selection: Selection, limits: Limits
) -> tuple[Refusal, ...]:
    """Return a refusal for every relation whose rows would be left pointing at nothing."""
    found: list[Refusal] = []
    for link in (*family.inside, *family.outside):
        if link.on_delete:
            found.append(refusals.acting(link.target, link.label, link.on_delete))
    by_table = {archive.table: archive for archive in family.archives}
    for link in family.outside:
        if link.label in _dangling(by_table[link.target]) and not link.enforced:
            continue
        if rows := backend.rows.pointing_rows(selection, link, limits):
            found.append(
                refusals.referenced(
                    link.target, link.label, rows, enforced=link.enforced, rule=link.rule
                )
            )
    for member in selection.everybody:
        found += _generic_refusals(by_table[member.table], member, backend, selection, limits)
    return tuple(found)


def _dangling(archive: Archive) -> set[str]:
    policy = archive.own_policy
    return set() if policy is None else set(policy.allow_dangling)


def _generic_refusals(
    archive: Archive, member: Member, backend: Backend, selection: Selection, limits: Limits
) -> list[Refusal]:
    if len(member.key) > 1:
        return []  # a generic foreign key has no room for a composite key
    links = [
        link for link in generic_links(archive, backend) if link.label not in _dangling(archive)
    ]
    counted = [(link, backend.rows.generic_rows(selection, member, link, limits)) for link in links]
    return [
        refusals.referenced(archive.table, link.label, rows, enforced=False)
        for link, rows in counted
        if rows
    ]
