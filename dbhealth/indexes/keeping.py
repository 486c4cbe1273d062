"""Why an index has to stay, whatever its figures say."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from dbhealth.backends.index_records import Holds, Index
from dbhealth.backends.records import ForeignKey
from dbhealth.indexes.verdict_records import Subject
from dbhealth.saying import say as _

_BY_VALUE = frozenset({"btree", "hash", ""})
"""The methods that find a row by the value of a column."""


def duty(index: Index) -> str:
    """Return what an index does besides being read, as a sentence; empty where it does nothing.

    Sources: the manual of PostgreSQL on DROP INDEX, ALTER TABLE ... REPLICA IDENTITY and on
    pg_constraint.conindid, pg_index.indisexclusion, pg_inherits.
    """
    if index.holds:
        kind = _CONSTRAINTS[index.holds]
        if not index.constraint:
            return _("It enforces the {kind}.", kind=kind)
        return _("It enforces the {kind} {name}.", kind=kind, name=index.constraint)
    if index.shape.unique:
        return _("It keeps its values unique.")
    if index.referenced:
        return _("A foreign key points at its columns.")
    if index.replica_identity:
        return _("It is the replica identity of its table: logical replication finds rows by it.")
    if index.child:
        return _("It belongs to the index of a partitioned table and goes only with that one.")
    return ""


_CONSTRAINTS = {
    Holds.PRIMARY_KEY: _("primary key"),
    Holds.UNIQUE: _("unique constraint"),
    Holds.EXCLUSION: _("exclusion constraint"),
}


def is_fixed(index: Index) -> bool:
    """Return whether an index cannot go even where another one equals it."""
    return (
        index.holds in {Holds.PRIMARY_KEY, Holds.EXCLUSION}
        or index.referenced
        or index.replica_identity
        or index.child
    )


def serves(index: Index, columns: Sequence[str]) -> bool:
    """Return whether an index finds the rows that have given values in ``columns``.

    They are its first keys, in any order. A partial index serves when all it leaves out is
    NULL: no row with a value is missing in it.
    """
    found = index.shape.columns[: len(columns)]
    if index.shape.method not in _BY_VALUE or not index.valid or set(found) != set(columns):
        return False
    return not index.shape.predicate or is_not_null(index.shape.predicate) in columns


def is_not_null(predicate: str) -> str:
    """Return the column of a condition that is nothing but "column IS NOT NULL", else nothing."""
    words = predicate.strip("() ").replace('"', "").split()
    is_that = len(words) == 4 and [word.upper() for word in words[1:]] == ["IS", "NOT", "NULL"]
    return words[0] if is_that else ""


def supporters(
    foreign_keys: Iterable[ForeignKey], subjects: Sequence[Subject], superfluous: Container[str]
) -> dict[str, str]:
    """Return the indexes of one table that have to stay for its foreign keys, with the reason.

    Without an index on the pointing columns every DELETE of a row pointed at reads the whole
    pointing table, on either engine. One index is enough: among those that serve and are not
    ``superfluous`` it is one that has to stay anyway, else the one with most scans.
    """
    found: dict[str, str] = {}
    for key in foreign_keys:
        able = [
            subject
            for subject in subjects
            if serves(subject.index, key.columns) and subject.index.name not in superfluous
        ]
        if able:
            best = max(able, key=worth)
            found.setdefault(
                best.index.name,
                _(
                    "It serves the foreign key ({columns}) to {target}: without it a DELETE there "
                    "reads all of {table}.",
                    columns=", ".join(key.columns),
                    target=key.target,
                    table=key.table,
                ),
            )
    return found


def worth(subject: Subject) -> tuple[bool, int, int]:
    """Return by what the best of several indexes is chosen: the greatest is."""
    index = subject.index
    return bool(duty(index)), subject.use.scans or 0, -len(index.shape.keys)
