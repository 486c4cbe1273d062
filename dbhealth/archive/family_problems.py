"""What can be wrong with the children of a policy, as Django check messages."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error

from dbhealth.archive.family import members_of, named_children, resolved
from dbhealth.archive.policy import HOLD, MOVE
from dbhealth.archive.references import declared_links
from dbhealth.archive.registry import Archive


def children_problems(archive: Archive) -> Iterator[CheckMessage]:
    """Yield what is wrong with ``children`` and ``children_newer``."""
    for named in named_children(archive.policy):
        yield from _child(archive, named)
    if archive.policy.children_newer not in {HOLD, MOVE}:
        yield Error(
            f"children_newer={archive.policy.children_newer!r} of {archive.label} is neither "
            f"{HOLD!r} nor {MOVE!r}.",
            hint=f"{HOLD!r} keeps a row while something below it is younger.",
            obj=archive.model,
            id="dbhealth.E114",
        )
    yield from _databases(archive)


def _child(archive: Archive, named: object) -> Iterator[CheckMessage]:
    child = resolved(named)
    if child is None:
        yield Error(
            f"children of {archive.label} names {named!r}, which is no archive model.",
            hint="Name archive models, as classes or as 'app.Model'.",
            obj=archive.model,
            id="dbhealth.E113",
        )
    elif child.table == archive.table:
        yield Error(
            f"children of {archive.label} names its own archive.",
            hint="Rows that point at rows of the same table leave together as it is.",
            obj=archive.model,
            id="dbhealth.E113",
        )
    elif all(link.table != child.table for link in declared_links(archive.source)):
        yield Error(
            f"No foreign key leads from {child.label} to {archive.label}, so that none of its "
            "rows belongs to a row of it.",
            hint="Name an archive whose source points at this one.",
            obj=archive.model,
            id="dbhealth.E113",
        )


def _databases(archive: Archive) -> Iterator[CheckMessage]:
    away = [other.label for other in members_of(archive) if other.alias != archive.alias]
    if away:
        yield Error(
            f"{archive.label} is written to the database {archive.alias!r}, and what leaves with "
            f"it to another one: {', '.join(away)}.",
            hint="Route all of them to one database: no transaction spans two.",
            obj=archive.model,
            id="dbhealth.E115",
        )
