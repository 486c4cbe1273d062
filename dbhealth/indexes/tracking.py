"""What is kept of indexes after a look at them: facts, owners, verdicts, and what is missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db import models

from dbhealth.clock import kept
from dbhealth.health.finding import Confidence, Level, shortened
from dbhealth.indexes.entries import Drift, Entry, Status
from dbhealth.indexes.evidence import Key
from dbhealth.indexes.kinds import Declared
from dbhealth.indexes.missing import Missing
from dbhealth.indexes.models import IndexState, MissingIndex
from dbhealth.indexes.usage import Usage
from dbhealth.indexes.verdict_records import Verdict
from dbhealth.indexes.verdicts import IndexUsage
from dbhealth.saying import say as _

Models = Mapping[str, type[models.Model]]
"""The models of a database by their tables."""

ABSENT = (Status.MISSING, Status.PENDING, Status.UNMIGRATED)
"""How a declared index stands that is not there: to be built, or waiting for a migration."""


def gravity(level: Level, confidence: Confidence) -> int:
    """Return a number to sort by: the level first, among equals the surer one; at least 1."""
    return level.rank * len(Confidence) + confidence.rank + 1


def facts(usage: Usage, drift: Drift, known: Models) -> dict[Key, dict[str, Any]]:
    """Return the fields of TrackedIndex that a look at an index gives, beside its counters."""
    entries = {(entry.table, entry.index.name): entry for entry in drift.entries if entry.index}
    return {
        (key := (item.subject.index.table, item.subject.index.name)): {
            **_of_index(item, known.get(key[0])),
            **_of_entry(entries.get(key)),
            **_of_verdicts(item.verdicts),
        }
        for item in usage.indexes
    }


def _of_index(item: IndexUsage, model: type[models.Model] | None) -> dict[str, Any]:
    index, use, owner = item.subject.index, item.subject.use, item.subject.owner
    state = IndexState.THERE if index.valid else IndexState.INVALID
    return {
        "state": IndexState.BUILDING if index.building else state,
        "definition": index.definition,
        "method": index.shape.method,
        "holds": str(index.holds),
        "app_label": model._meta.app_label if model else "",
        "owner": owner.model if owner else "",
        "kind": str(owner.kind) if owner else "",
        "declaration": owner.text if owner else "",
        "declared_by": str(owner.place or "") if owner else "",
        "stays": item.stays,
        "rows_fetched": use.rows_fetched,
        "last_scan": None if use.last_scan is None else kept(use.last_scan),
        "share": item.subject.share,
        "hit_ratio": item.subject.hit_ratio,
    }


def _of_entry(entry: Entry | None) -> dict[str, Any]:
    return {
        "drift": str(entry.status) if entry else "",
        "drift_why": entry.why if entry else "",
    }


def _of_verdicts(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    listed = sorted(verdicts, key=lambda verdict: -gravity(verdict.level, verdict.confidence))
    worst = listed[0] if listed else None
    return {
        "gravity": gravity(worst.level, worst.confidence) if worst else 0,
        "verdict": str(worst.code) if worst else "",
        "level": str(worst.level) if worst else "",
        "confidence": str(worst.confidence) if worst else "",
        "verdicts": [verdict._asdict() for verdict in listed],
    }


def missed(usage: Usage, drift: Drift, known: Models) -> Iterator[MissingIndex]:
    """Yield the declared indexes that are not there, and what else a database lacks.

    What a declared index would serve that is not there is told once, with that index.
    """
    coming = []
    for entry in drift.by(*ABSENT):
        if entry.declared is not None and entry.index is None and entry.table in usage.tables:
            coming.append(entry.declared)
            yield _row(usage, known, entry.table, **_of_declared(entry, entry.declared))
    for item in usage.missing:
        if not any(_serves(one, item) for one in coming):
            yield _row(usage, known, item.table, **_of_lack(item))


def _serves(declared: Declared, item: Missing) -> bool:
    if declared.table != item.table or declared.shape is None or not item.columns:
        return False
    return set(declared.shape.columns[: len(item.columns)]) == set(item.columns)


def _of_lack(item: Missing) -> dict[str, Any]:
    return {
        "code": str(item.code),
        "what": shortened(", ".join(item.columns)),
        "columns": list(item.columns),
        "gravity": gravity(item.level, item.confidence),
        "level": str(item.level),
        "confidence": str(item.confidence),
        "reasons": list(item.reasons),
        "why": item.why,
        "change": item.change,
    }


def _of_declared(entry: Entry, declared: Declared) -> dict[str, Any]:
    level, confidence, reasons = Level.INFO, Confidence.HIGH, []
    if entry.status is Status.MISSING:
        level = Level.ERROR if declared.constraint else Level.WARNING
    if declared.shape is None:
        confidence = Confidence.MEDIUM
        reasons = [_("Only its name could be looked for: one like it may have another name.")]
    return {
        "code": str(entry.status),
        "what": shortened(declared.name),
        "name": declared.name,
        "columns": list(declared.shape.columns) if declared.shape is not None else [],
        "gravity": gravity(level, confidence),
        "level": str(level),
        "confidence": str(confidence),
        "reasons": reasons,
        "why": entry.why or _COSTS[declared.constraint],
        "change": _CHANGES[entry.status].format(text=declared.text),
        "sql": declared.sql,
        "declared_by": str(declared.place or ""),
    }


_COSTS = {
    True: _("The database takes rows that the code believes impossible."),
    False: _("Searches that it is meant for read the table."),
}

_CHANGES = {
    Status.MISSING: _(
        "manage.py init_indexes makes it beside readers and writers; or take it out where it is "
        "declared: {text}"
    ),
    Status.PENDING: _("Apply the migrations: manage.py migrate."),
    Status.UNMIGRATED: _("Write the migration, manage.py makemigrations, and apply it."),
}


def _row(usage: Usage, known: Models, table: str, **told: Any) -> MissingIndex:
    model, figures = known.get(table), usage.tables.get(table)
    return MissingIndex(
        database=usage.alias,
        table=table,
        looked_at=kept(usage.source.now),
        app_label=model._meta.app_label if model else "",
        owner=model._meta.label if model else "",
        rows=figures.rows if figures else None,
        **told,
    )
