"""Indexes that another one makes superfluous: exact duplicates and prefixes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dbhealth.indexes.keeping import is_fixed
from dbhealth.indexes.verdict_records import Code, Confidence, Level, Subject, Verdict
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

BROADER = 3.0
"""A covering index of so many times the size makes each scan that it takes over dearer."""


class Superseded(NamedTuple):
    """The code of a superfluous index, and the one that stands in for it."""

    code: Code
    by: Subject


def superseded(subjects: Sequence[Subject]) -> dict[str, Superseded]:
    """Return which indexes of one table are superfluous, by their names.

    Two are duplicates when method, keys with their order, operator classes and collations,
    stored columns and condition are equal; names and storage options do not count. A btree is
    covered when its keys are the first keys of another one with the same condition that has
    all of its stored columns. What enforces something only gives way to its equal.
    """
    beginnings: dict[tuple[str, str], list[Subject]] = {}
    for subject in subjects:
        index = subject.index
        if index.valid and not index.building:
            first = index.shape.keys[0]
            beginnings.setdefault((first.column, first.expression), []).append(subject)
    found: dict[str, Superseded] = {}
    # Only what begins alike can stand in for each other, and most indexes begin alone.
    for alike in beginnings.values():
        if len(alike) > 1:
            found.update(_superseded(alike))
    return found


def _superseded(alike: Sequence[Subject]) -> dict[str, Superseded]:
    found: dict[str, Superseded] = {}
    for group in _groups(alike).values():
        best = max(group, key=_rank)
        for subject in group:
            if subject is not best and _may_go(subject, best):
                found[subject.index.name] = Superseded(Code.DUPLICATE, best)
    found.update(_covered([subject for subject in alike if subject.index.name not in found]))
    return found


def _groups(subjects: Sequence[Subject]) -> Mapping[Any, list[Subject]]:
    groups: dict[Any, list[Subject]] = defaultdict(list)
    for subject in subjects:
        shape = subject.index.shape
        groups[shape.method, shape.keys, shape.predicate, _stored(subject)].append(subject)
    return groups


def _stored(subject: Subject) -> frozenset[str]:
    """Return what an index stores besides its keys; their order means nothing."""
    shape = subject.index.shape
    return frozenset(shape.include).difference(shape.columns) if shape.include else frozenset()


def _rank(subject: Subject) -> tuple[bool, bool, bool, bool, bool, int]:
    index = subject.index
    return (
        is_fixed(index),
        index.shape.unique,
        bool(index.holds),
        subject.owner is not None,
        index.clustered,
        subject.use.scans or 0,
    )


def _may_go(subject: Subject, other: Subject) -> bool:
    index, shape = subject.index, subject.index.shape
    if is_fixed(index):
        return False
    if not shape.unique:
        return True
    return other.index.shape.unique and other.index.shape.nulls_distinct == shape.nulls_distinct


def _covered(subjects: Sequence[Subject]) -> dict[str, Superseded]:
    trees = [subject for subject in subjects if subject.index.shape.method == "btree"]
    found = {}
    for subject in trees:
        index = subject.index
        if index.shape.unique or is_fixed(index):
            continue
        others = [other for other in trees if other is not subject and _covers(other, subject)]
        if others:
            found[index.name] = Superseded(Code.COVERED, min(others, key=_breadth))
    # Whoever covers is not superfluous itself: the broadest of a chain stands in for all.
    return {name: Superseded(Code.COVERED, _last(found, item.by)) for name, item in found.items()}


def _last(found: Mapping[str, Superseded], subject: Subject) -> Subject:
    while (further := found.get(subject.index.name)) is not None:
        subject = further.by
    return subject


def _covers(other: Subject, subject: Subject) -> bool:
    wide, narrow = other.index.shape, subject.index.shape
    if wide.keys[: len(narrow.keys)] != narrow.keys or wide.predicate != narrow.predicate:
        return False
    return _stored(subject) <= _stored(other) | set(wide.columns)


def _breadth(subject: Subject) -> tuple[int, int, str]:
    index = subject.index
    return len(index.shape.keys), len(index.shape.include), index.name


def superfluous(subject: Subject, by: Superseded) -> Verdict:
    """Return the verdict on a superfluous index; what to change is not in it yet."""
    other = by.by
    if by.code == Code.DUPLICATE:
        return _duplicate(subject, other)
    keys = ", ".join(part.column or part.expression for part in other.index.shape.keys)
    why = _(
        "Every search by its keys can use {name} ({keys}), which begins with them, and each write "
        "pays for both.",
        name=other.index.name,
        keys=keys,
    )
    reasons = [_("The keys are compared with order, operator class, collation and condition.")]
    reasons += _passed_on(subject, other)
    confidence = Confidence.HIGH
    small, large = subject.use.bytes, other.use.bytes
    if small and large and large > BROADER * small:
        confidence = Confidence.MEDIUM
        reasons.append(
            _(
                "{name} is {times:.0f} times as large: scans that it takes over read more pages.",
                name=other.index.name,
                times=large / small,
            )
        )
    return Verdict(
        Code.COVERED, Level.WARNING, confidence, tuple(reasons), why, other=other.index.name
    )


def _passed_on(subject: Subject, other: Subject) -> list[str]:
    scans = subject.use.scans
    if not scans:
        return []
    return [
        ngettext(
            "{name} takes over its {number:,} scan.",
            "{name} takes over its {number:,} scans.",
            scans,
            name=other.index.name,
        )
    ]


def _duplicate(subject: Subject, other: Subject) -> Verdict:
    reasons = [_("Method, keys, order, operator classes, collations and condition are equal.")]
    reasons += _passed_on(subject, other)
    confidence = Confidence.HIGH
    if subject.index.holds:
        confidence = Confidence.MEDIUM
        reasons.append(
            _(
                "Both enforce a constraint: one of them may be deferrable, or be named by ON "
                "CONFLICT."
            )
        )
    if set(subject.index.options) != set(other.index.options):
        reasons.append(_("Their storage options differ."))
    why = _(
        "{name} is the same index: each write pays for both, no search gains.",
        name=other.index.name,
    )
    return Verdict(
        Code.DUPLICATE, Level.WARNING, confidence, tuple(reasons), why, other=other.index.name
    )
