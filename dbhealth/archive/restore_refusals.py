"""Why archived rows do not come back. The texts stand together so that they sound alike: what was
refused, what would have been hurt, what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dbhealth.archive.restore_results import ConflictEntry
from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _

SKIP_CONFLICTS = "--skip-conflicts"

# Of rows, each with what to fill in: {rows} and {keys} of {archive}, {subject}, {table}.
_OF_ROWS = {
    "key-taken": (
        "{rows} of {archive} {have} a key that a row of {table} has as well: {keys}.",
        _("One of the two would be lost."),
        _("Compare them, and give the living row another key or delete the one that is wrong."),
    ),
    "unique-taken": (
        "{rows} of {archive} {have} values that {subject} keeps unique and that a row of {table} "
        "has by now: {keys}.",
        _("The database does not take them twice."),
        _("Change the value in the table or in the archive."),
    ),
    "unique-within": (
        "{rows} of {archive} {have} the same values as another chosen row, and {subject} keeps "
        "them unique: {keys}.",
        _("Only one of them has a place in the table, and nothing says which."),
        _("Choose one of them by its key, or change the value in the archive."),
    ),
    "parent-missing": (
        "{rows} of {archive} {point} by {subject} at a row that does not exist: {keys}.",
        _("The database does not take a reference to nothing."),
        _(
            "Restore the parent first, or in the same call (restore_archive --run ID without "
            "--table)."
        ),
    ),
    "column-gone": (
        "{rows} of {archive} {have} a value in {subject}, which {table} has no more: {keys}.",
        _("The value would be lost with the archived row."),
        _(
            "Give the table the column back, or set it to NULL in the archive where the value may "
            "go."
        ),
    ),
    "null-in-not-null": (
        "{rows} of {archive} {have} no value in {subject}, and {table} wants one: {keys}.",
        _("The table has got the column, or NOT NULL, since they were archived."),
        _("Fill the column in the archive (QuerySet.update) with what these rows should have."),
    ),
    "generated-differs": (
        "{rows} of {archive} {have} another value in {subject} than the database would compute "
        "for {table} today: {keys}.",
        _("They would not come back as they were; the column's expression has changed."),
        _("Set the archived value to the one that is right today, or bring the expression back."),
    ),
    "check-fails": (
        "{rows} of {archive} {do} not fulfil the check {subject} of {table}: {keys}.",
        _("The database does not take them."),
        _("Change the values in the archive, or the constraint."),
    ),
}

# Of the table as a whole.
_STRUCTURAL = {
    "column-new": (
        "{table} has a column {subject} without a default that {archive} lacks.",
        _("No row could come back: the column may not be NULL."),
        _(
            "Run makemigrations and migrate for the archive's app and fill the column in the "
            "archive, or give it a default in the database (db_default)."
        ),
    ),
    "type-differs": (
        "{subject} is of another type in {table} than in {archive}.",
        _("Values could be changed on their way or be refused."),
        _("Give both the same type: makemigrations and migrate for the archive's app."),
    ),
}

ROW_KINDS = frozenset(_OF_ROWS)
"""Those of rows: their text names keys."""

KINDS = (*_OF_ROWS, *_STRUCTURAL)
"""Every kind of conflict."""


def row_conflict(
    kind: str, subject: str, rows: int, sample: Sequence[Sequence[Any]], tables: tuple[str, str]
) -> ConflictEntry:
    """Return a conflict of rows. ``tables`` are the source and its archive."""
    keys = ", ".join("(" + ", ".join(map(str, key)) + ")" for key in sample)
    if rows > len(sample):
        keys += ", …"
    one = rows == 1
    fill = {
        "rows": f"{rows:,} row{'' if one else 's'}",
        "have": "has" if one else "have",
        "point": "points" if one else "point",
        "do": "does" if one else "do",
        "keys": keys,
        "subject": subject,
    }
    return _entry(kind, _OF_ROWS[kind], fill, tables, (rows, [list(key) for key in sample]))


def table_conflict(kind: str, subject: str, rows: int, tables: tuple[str, str]) -> ConflictEntry:
    """Return a conflict that concerns every row."""
    return _entry(kind, _STRUCTURAL[kind], {"subject": subject}, tables, (rows, []))


def _entry(
    kind: str,
    texts: tuple[str, str, str],
    fill: dict[str, str],
    tables: tuple[str, str],
    rows: tuple[int, list[list[Any]]],
) -> ConflictEntry:
    what, why, instead = (text.format(**fill, table=tables[0], archive=tables[1]) for text in texts)
    return ConflictEntry(
        kind=kind,
        subject=fill["subject"],
        rows=rows[0],
        sample=rows[1],
        skippable=kind in _OF_ROWS,
        what=what,
        why=why,
        instead=instead,
    )


def conflict_refusal(entry: ConflictEntry) -> Refusal:
    """Return the refusal that a conflict is as long as nobody wants to skip it."""
    return Refusal(
        code=entry["kind"],
        what=entry["what"],
        why=entry["why"],
        instead=entry["instead"],
        override=_("{skip_conflicts}, and these rows stay", skip_conflicts=SKIP_CONFLICTS)
        if entry["skippable"]
        else "",
    )


def source_missing(table: str, alias: str) -> Refusal:
    """There is no table to restore to."""
    return Refusal(
        code="source-missing",
        what=_(
            "The table {table} does not exist in the database {alias!r}.", table=table, alias=alias
        ),
        why=_("The rows would have nowhere to go."),
        instead=_("Run manage.py migrate for this database, or name another one with --database."),
    )


def archive_missing(table: str, alias: str) -> Refusal:
    """There is no archive to restore from."""
    return Refusal(
        code="archive-missing",
        what=_(
            "The archive table {table} does not exist in the database {alias!r}.",
            table=table,
            alias=alias,
        ),
        why=_("There is nothing to restore."),
        instead=_("Name the database that has it with --database."),
    )


def with_others(tables: Sequence[str]) -> Refusal:
    """Another table of the same call was refused."""
    return Refusal(
        code="with-others",
        what=_("Nothing was restored here, because {names} was refused.", names=", ".join(tables)),
        why=_("Rows that belong together would come back in part."),
        instead=_("Look at what is said there, or restore the tables one by one with --table."),
    )
