"""Indexes and figures that are made by hand, and the verdicts on them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dbhealth.backends import get_backend
from dbhealth.backends.index_records import (
    ColumnFacts,
    Index,
    IndexUse,
    KeyPart,
    Shape,
    StatisticsSource,
    TableUse,
)
from dbhealth.backends.records import ForeignKey
from dbhealth.indexes.changes import Changes
from dbhealth.indexes.evidence import Evidence
from dbhealth.indexes.verdict_records import Subject
from dbhealth.indexes.verdicts import Judge

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MEGABYTE = 1024 * 1024


def keys(*columns):
    """Return keys; "-a" is a descending one, "a:C" one with the operator class C."""
    found = []
    for text in columns:
        column, _, opclass = text.lstrip("-").partition(":")
        down = text.startswith("-")
        found.append(KeyPart(column=column, descending=down, nulls_first=down, opclass=opclass))
    return tuple(found)


def an_index(name, *columns, shape=None, **facts):
    """Return a valid btree of the table "goods"; ``shape`` are other fields of its shape."""
    made = Shape(**{"method": "btree", "keys": keys(*columns), **(shape or {})})
    return Index(table="goods", name=name, shape=made, definition=f"CREATE INDEX {name}", **facts)


def a_subject(index, owner=None, table=None, **use):
    """Return an index with figures: 500 scans of 1 MB unless something else is said."""
    figures = {"scans": 500, "rows_read": 500, "bytes": MEGABYTE} | use
    whole = {"rows": 100_000, "index_scans": 1_000, "sequential_scans": 0} | (table or {})
    return Subject(
        index,
        IndexUse(table=index.table, name=index.name, **figures),
        TableUse(table=index.table, **whole),
        owner,
    )


def the_source(days=200, **facts):
    """Return statistics that are so many days old."""
    since = NOW - timedelta(days=days)
    return StatisticsSource(**{"name": "figures", "now": NOW, "since": since, **facts})


def facts(column, **known):
    """Return what ANALYZE knows of a column, as Evidence takes it."""
    return {("goods", column): ColumnFacts(table="goods", column=column, **known)}


def points_at(*columns):
    """Return a foreign key of "goods"."""
    return ForeignKey(table="goods", columns=columns, target="places", target_columns=("id",))


def judged(*subjects, foreign_keys=(), wanted=(), source=None, models=None, **evidence):
    """Return what is said of the indexes, by name: usages with why they stay and verdicts."""
    judge = Judge(
        evidence=Evidence(source=source or the_source(), **evidence),
        changes=Changes(ddl=get_backend("default").ddl, models=models or {}),
    )
    found = judge.table(subjects, foreign_keys, wanted)
    return {item.subject.index.name: item for item in found}


def verdicts(*subjects, **more):
    """Return the verdicts on each index that has any: by its name, then by their codes."""
    found = judged(*subjects, **more)
    return {
        name: {str(verdict.code): verdict for verdict in item.verdicts}
        for name, item in found.items()
        if item.verdicts
    }


def codes(*subjects, **more):
    """Return the codes of the verdicts on each index that has any, with the other index."""
    return {
        name: [(code, verdict.other) for code, verdict in said.items()]
        for name, said in verdicts(*subjects, **more).items()
    }


def changed(index, **what):
    """Return an index with something else in its shape."""
    return index._replace(shape=replace(index.shape, **what))
