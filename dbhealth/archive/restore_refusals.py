"""Why archived rows do not come back. The texts stand together so that they sound alike: what was
refused, what would have been hurt, what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dbhealth.archive.restore_results import ConflictEntry
from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext
from dbhealth.saying.sentences import Sentence

SKIP_CONFLICTS = "--skip-conflicts"


class _Rows(NamedTuple):
    """What is told of rows in conflict."""

    number: int
    archive: str
    table: str
    subject: str


# Of rows: what is the matter (their keys follow where they may be told), why that is in the way,
# what to do.
_OF_ROWS: dict[str, tuple[Callable[[_Rows], str], str, str]] = {
    "key-taken": (
        lambda it: ngettext(
            "{number:,} row of {archive} has a key that a row of {table} has as well",
            "{number:,} rows of {archive} have a key that a row of {table} has as well",
            it.number,
            archive=it.archive,
            table=it.table,
        ),
        _("One of the two would be lost."),
        _("Compare them, and give the living row another key or delete the one that is wrong."),
    ),
    "unique-taken": (
        lambda it: ngettext(
            "{number:,} row of {archive} has values that {subject} keeps unique and that a "
            "row of {table} has by now",
            "{number:,} rows of {archive} have values that {subject} keeps unique and that "
            "a row of {table} has by now",
            it.number,
            archive=it.archive,
            subject=it.subject,
            table=it.table,
        ),
        _("The database does not take them twice."),
        _("Change the value in the table or in the archive."),
    ),
    "unique-within": (
        lambda it: ngettext(
            "{number:,} row of {archive} has the same values as another chosen row, and "
            "{subject} keeps them unique",
            "{number:,} rows of {archive} have the same values as another chosen row, and "
            "{subject} keeps them unique",
            it.number,
            archive=it.archive,
            subject=it.subject,
        ),
        _("Only one of them has a place in the table, and nothing says which."),
        _("Choose one of them by its key, or change the value in the archive."),
    ),
    "parent-missing": (
        lambda it: ngettext(
            "{number:,} row of {archive} points by {subject} at a row that does not exist",
            "{number:,} rows of {archive} point by {subject} at a row that does not exist",
            it.number,
            archive=it.archive,
            subject=it.subject,
        ),
        _("The database does not take a reference to nothing."),
        _(
            "Restore the parent first, or in the same call (restore_archive --run ID without "
            "--table)."
        ),
    ),
    "column-gone": (
        lambda it: ngettext(
            "{number:,} row of {archive} has a value in {subject}, which {table} has no more",
            "{number:,} rows of {archive} have a value in {subject}, which {table} has no more",
            it.number,
            archive=it.archive,
            subject=it.subject,
            table=it.table,
        ),
        _("The value would be lost with the archived row."),
        _(
            "Give the table the column back, or set it to NULL in the archive where the value may "
            "go."
        ),
    ),
    "null-in-not-null": (
        lambda it: ngettext(
            "{number:,} row of {archive} has no value in {subject}, and {table} wants one",
            "{number:,} rows of {archive} have no value in {subject}, and {table} wants one",
            it.number,
            archive=it.archive,
            subject=it.subject,
            table=it.table,
        ),
        _("The table has got the column, or NOT NULL, since they were archived."),
        _("Fill the column in the archive (QuerySet.update) with what these rows should have."),
    ),
    "generated-differs": (
        lambda it: ngettext(
            "{number:,} row of {archive} has another value in {subject} than the database "
            "would compute for {table} today",
            "{number:,} rows of {archive} have another value in {subject} than the "
            "database would compute for {table} today",
            it.number,
            archive=it.archive,
            subject=it.subject,
            table=it.table,
        ),
        _("They would not come back as they were; the column's expression has changed."),
        _("Set the archived value to the one that is right today, or bring the expression back."),
    ),
    "check-fails": (
        lambda it: ngettext(
            "{number:,} row of {archive} does not fulfil the check {subject} of {table}",
            "{number:,} rows of {archive} do not fulfil the check {subject} of {table}",
            it.number,
            archive=it.archive,
            subject=it.subject,
            table=it.table,
        ),
        _("The database does not take them."),
        _("Change the values in the archive, or the constraint."),
    ),
}

# Of the table as a whole.
_STRUCTURAL: dict[str, tuple[Callable[[_Rows], str], str, str]] = {
    "column-new": (
        lambda it: _(
            "{table} has a column {subject} without a default that {archive} lacks.",
            table=it.table,
            subject=it.subject,
            archive=it.archive,
        ),
        _("No row could come back: the column may not be NULL."),
        _(
            "Run makemigrations and migrate for the archive's app and fill the column in the "
            "archive, or give it a default in the database (db_default)."
        ),
    ),
    "type-differs": (
        lambda it: _(
            "{subject} is of another type in {table} than in {archive}.",
            subject=it.subject,
            table=it.table,
            archive=it.archive,
        ),
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
    fact = _OF_ROWS[kind][0](_Rows(rows, archive=tables[1], table=tables[0], subject=subject))
    what = _("{fact}: {keys}.", fact=fact, keys=keys)
    return _entry(kind, subject, what, (rows, [list(key) for key in sample]))


def table_conflict(kind: str, subject: str, rows: int, tables: tuple[str, str]) -> ConflictEntry:
    """Return a conflict that concerns every row."""
    told = _Rows(rows, archive=tables[1], table=tables[0], subject=subject)
    return _entry(kind, subject, _STRUCTURAL[kind][0](told), (rows, []))


def without_keys(what: str) -> str:
    """Return what a conflict of rows is, for who may not see the keys of its rows."""
    fact = what.values["fact"] if isinstance(what, Sentence) else what.partition(": (")[0]
    return _("{fact}.", fact=fact)


def _entry(kind: str, subject: str, what: str, rows: tuple[int, list[list[Any]]]) -> ConflictEntry:
    _what, why, instead = (_OF_ROWS | _STRUCTURAL)[kind]
    return ConflictEntry(
        kind=kind,
        subject=subject,
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
        override=_("{option}, and these rows stay", option=SKIP_CONFLICTS)
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
        what=_(
            "Nothing was restored here, because {tables} was refused.", tables=", ".join(tables)
        ),
        why=_("Rows that belong together would come back in part."),
        instead=_("Look at what is said there, or restore the tables one by one with --table."),
    )
