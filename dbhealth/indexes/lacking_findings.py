"""The checks of what is not there (I009 on, D008), and of indexes that nobody declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dbhealth.exceptions import NotSupported
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.places import models_of
from dbhealth.health.registry import Context, register
from dbhealth.indexes.changes import shown
from dbhealth.indexes.drift import drift
from dbhealth.indexes.entries import Drift, Entry, Status
from dbhealth.indexes.findings import index_object, indexes, usage
from dbhealth.indexes.kinds import Declared, Kind
from dbhealth.indexes.missing import READINGS, SMALL_TABLE, Lack
from dbhealth.saying import say as _


@register("dbhealth.I009", title=_("A foreign key has no index"))
def foreign_keys(context: Context) -> Iterator[Finding]:
    """Find foreign keys whose rows a DELETE of the target looks for without an index."""
    found = usage(context)
    for item in found.missing:
        if item.code != Lack.FOREIGN_KEY:
            continue
        columns = ", ".join(item.columns)
        yield context.finding(
            item.level,
            _(
                "The foreign key {table} ({columns}) has no index.",
                table=item.table,
                columns=columns,
            ),
            object=f"column {item.table}.{columns}",
            value=found.tables[item.table].rows,
            threshold=SMALL_TABLE,
            unit="rows",
            confidence=item.confidence,
            reasons=item.reasons,
            why=item.why,
            instead=_("Give it an index that begins with these columns."),
            change=item.change,
        )


@register("dbhealth.I010", title=_("A table is read without an index"))
def read_whole(context: Context) -> Iterator[Finding]:
    """Find large tables that are read again and again without an index."""
    found = usage(context)
    for item in found.missing:
        if item.code != Lack.SEQUENTIAL_READS:
            continue
        scans = found.tables[item.table].sequential_scans or 0
        yield context.finding(
            item.level,
            _(
                "The table {table} has been read {scans:,} times without an index.",
                table=item.table,
                scans=scans,
            ),
            object=f"table {item.table}",
            value=scans,
            threshold=READINGS,
            unit="readings",
            confidence=item.confidence,
            reasons=item.reasons,
            why=item.why,
            instead=_("Find what reads it so, and give that an index."),
            change=item.change,
        )


def _drift(context: Context) -> Drift:
    found = context.memo(
        "indexes.drift", lambda: drift(context.alias, by_name=True, found=indexes(context))
    )
    context.leave_out(found.left_out)
    return found


def _found(context: Context, entry: Entry, level: Level, title: str, **more: Any) -> Finding:
    """Return a finding about an index; its SQL drops or makes it."""
    place = entry.declared.place if entry.declared else None
    compared = entry.declared is None or entry.declared.shape is not None
    return context.finding(
        level,
        title,
        object=index_object(entry.table, entry.name),
        confidence=Confidence.HIGH if compared else Confidence.MEDIUM,
        reasons=()
        if compared
        else (_("Only its name could be looked for: one like it may have another name."),),
        sql=_sql(context, entry),
        file=place.file if place else "",
        line=place.line if place else 0,
        **more,
    )


def _sql(context: Context, entry: Entry) -> tuple[str, ...]:
    ddl, declared = context.backend.ddl, entry.declared
    if declared is None:
        is_free = entry.index is not None and not entry.index.holds
        return (shown(ddl.drop_index(entry.table, entry.name)),) if is_free else ()
    if entry.index is not None:
        return ()  # to be made anew: what is in the way of that init_indexes says
    try:
        return tuple(map(shown, ddl.create_index(entry.table, declared.name, declared.sql)))
    except NotSupported:
        return ()


@register("dbhealth.I011", title=_("A declared index is not there"))
def missing(context: Context) -> Iterator[Finding]:
    """Find indexes that the code declares, no migration waits to make, and nobody has."""
    for entry in _drift(context).by(Status.MISSING):
        declared = entry.declared
        if declared is not None:
            yield _found(
                context,
                entry,
                Level.ERROR if declared.constraint else Level.WARNING,
                _absent(entry, declared),
                why=_("The database takes rows that the code believes impossible.")
                if declared.constraint
                else _("Searches that it is meant for read the table."),
                instead=_("manage.py init_indexes makes it beside readers and writers."),
                change=_("Or take it out where it is declared: {text}", text=declared.text),
            )


def _absent(entry: Entry, declared: Declared) -> str:
    """Return which index it is and who declares it; no migration of a model has registered ones."""
    pattern = _REGISTERED if declared.kind is Kind.REGISTERED else _DECLARED
    return pattern.format(name=entry.name, table=entry.table, model=declared.model)


_REGISTERED = _("The index {name} of {table}, which the code registers for {model}, is not there.")
_DECLARED = _("The index {name} of {table}, which {model} declares, is not there.")


@register("dbhealth.D008", title=_("A model's table is not there"))
def absent(context: Context) -> Iterator[Finding]:
    """Find tables that their migrations have made, and nobody has any more.

    Of an archive's table A002 tells. What stands in for a table (a view, a foreign table) is there.
    """
    names = _drift(context).absent
    models = models_of(context.alias)
    for table, relation in zip(names, context.backend.catalog.relations(names), strict=True):
        model = models.get(table)
        if relation is not None or model is None or hasattr(model, "_archive"):
            continue
        label, app = model._meta.label, model._meta.app_label
        yield context.finding(
            Level.ERROR,
            _(
                "The table {table} of {label} is not there, and no migration waits to make it.",
                table=table,
                label=label,
            ),
            object=f"table {table}",
            why=_(
                "Whatever asks for {label} fails, and so does deleting what its rows point at.",
                label=label,
            ),
            instead=_(
                "Somebody dropped or renamed it, or its migration was faked. Rename it back or "
                "restore it from a backup. Where it never held anything, make it anew: manage.py "
                "sqlmigrate {app} MIGRATION prints the statements.",
                app=app,
            ),
        )


@register("dbhealth.I012", title=_("An index is declared by nobody"))
def undeclared(context: Context) -> Iterator[Finding]:
    """Find indexes on tables of models that no model and no migration asks for."""
    for entry in _drift(context).by(Status.UNDECLARED):
        yield _found(
            context,
            entry,
            Level.INFO,
            _("Nobody declares the index {name} of {table}.", name=entry.name, table=entry.table),
            why=_("A new database does not have it, and nobody knows what it is for."),
            instead=_("Declare it where it is wanted, drop it where it is not."),
            change=_("In Meta.indexes of its model, or with register() in <app>/indexes.py."),
        )


@register("dbhealth.I013", title=_("An index differs from its declaration"))
def differing(context: Context) -> Iterator[Finding]:
    """Find indexes that have the name of a declared one and are made otherwise."""
    for entry in _drift(context).by(Status.DIFFERS):
        yield _found(
            context,
            entry,
            Level.WARNING,
            _(
                "The index {name} of {table} is not as declared.",
                name=entry.name,
                table=entry.table,
            ),
            why=entry.why,
            instead=_("Drop it, and let manage.py init_indexes make it; or declare it as it is."),
        )
