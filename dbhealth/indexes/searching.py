"""Columns that somebody is known to search by, however seldom, and the indexes that serve him."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dbhealth.backends.index_records import Index
from dbhealth.indexes.keeping import is_not_null, worth
from dbhealth.indexes.verdict_records import Subject


@dataclass(frozen=True, kw_only=True)
class Search:
    """A column by which somebody searches: for a range of it, or for one value (``by_value``).

    ``fixed`` are columns of which each search knows the value as well. ``partial`` names partial
    indexes that hold all rows that are looked for. ``why`` says who searches, ``change`` what to
    add.
    """

    table: str
    column: str
    why: str
    change: str
    by_value: bool = False
    fixed: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()


_KNOWN: list[Callable[[str], Iterable[Search]]] = []


def register_searches(known: Callable[[str], Iterable[Search]]) -> None:
    """Have ``known`` asked what is searched by in a database, given its alias, at every look."""
    if known not in _KNOWN:
        _KNOWN.append(known)


def known_searches(alias: str) -> Iterator[Search]:
    """Yield what everybody who has registered searches by in a database."""
    for known in _KNOWN:
        yield from known(alias)


def serves_search(index: Index, item: Search) -> bool:
    """Return whether an index serves the search.

    A B-tree does with nothing but fixed columns before the one that is searched by. A BRIN index
    is as good whichever of its columns that is; with a bloom operator class it finds values, and
    no range, as a hash index does.
    https://www.postgresql.org/docs/current/indexes-types.html
    https://www.postgresql.org/docs/current/brin.html
    """
    columns, predicate = index.shape.columns, index.shape.predicate
    if not index.valid or item.column not in columns:
        return False
    if predicate and index.name not in item.partial and is_not_null(predicate) != item.column:
        return False
    match index.shape.method:
        case "btree":
            return item.fixed.issuperset(columns[: columns.index(item.column)])
        case "hash":
            return item.by_value
        case "brin":
            ranges = (key for key in index.shape.keys if "_bloom_ops" not in key.opclass)
            return item.by_value or any(key.column == item.column for key in ranges)
    return False


def searched_by(
    wanted: Iterable[Search], subjects: Sequence[Subject], superfluous: Container[str]
) -> dict[str, str]:
    """Return the indexes of one table that have to stay for those searches, with the reason.

    An archive run a month is no use by any figure, and reads the whole table without its index.
    One index is enough: of several that serve it is one that has to stay anyway, else a B-tree,
    which is the best at any search, else the one with most scans.
    """
    found: dict[str, str] = {}
    for item in wanted:
        able = [
            subject
            for subject in subjects
            if serves_search(subject.index, item) and subject.index.name not in superfluous
        ]
        if able:
            found.setdefault(max(able, key=_worth).index.name, item.why)
    return found


def _worth(subject: Subject) -> tuple[bool, bool, int, int]:
    has_duty, scans, fewer_keys = worth(subject)
    return has_duty, subject.index.shape.method == "btree", scans, fewer_keys
