"""Keys of indexes as records and as SQL: what is said of them, and what goes without saying.

An operator class is not named where CREATE INDEX would take it by itself: the default one for this
very type, else the default one for a preferred type that the type can stand for
(GetDefaultOpClass in src/backend/commands/indexcmds.c). A collation is not named where it is the
column's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from dbhealth.backends.index_records import KeyPart

DEFAULT_COLLATION = 100
"""The number of the collation "default" in every database."""

_DESC, _NULLS_FIRST = 1, 2  # bits of indoption
_SORTING = {0: "", _DESC: " DESC NULLS LAST", _NULLS_FIRST: " NULLS FIRST", 3: " DESC"}

_Part = tuple[KeyPart, str]


class Attribute(NamedTuple):
    """A column, or without a name an expression of an index: its type and its collation.

    The type of an expression is the one that the index stores.
    """

    name: str
    sql: str
    type: int
    collation: int


class _Opclass(NamedTuple):
    """An operator class: the type it is for, and whether it is that type's default.

    ``stores``: the index holds values of another type than those that it is given.
    """

    sql: str
    type: int
    method: int
    usual: bool
    preferred: bool
    stores: bool


class _Type(NamedTuple):
    """What a type is made of, and preferred types that it can stand for."""

    base: int
    others: tuple[int, ...]


class Words:
    """How operator classes and collations are called, and where they need not be."""

    def __init__(
        self, opclasses: dict[int, _Opclass], types: dict[int, _Type], collations: dict[int, str]
    ) -> None:
        """Keep what the catalogue says."""
        self._opclasses, self._types, self._collations = opclasses, types, collations
        self._defaults = {
            (opclass.method, opclass.type) for opclass in opclasses.values() if opclass.usual
        }
        self._made: dict[tuple[Any, ...], list[_Part]] = {}

    @classmethod
    def of(cls, rows: Iterable[tuple[Any, ...]]) -> Words:
        """Read the rows of index_sql.WORDS."""
        opclasses, types, collations = {}, {}, {}
        for kind, oid, sql, base, method, usual, preferred, stores, others in rows:
            if kind == "opclass":
                opclasses[oid] = _Opclass(sql, base, method, usual, preferred, stores)
            elif kind == "type":
                types[oid] = _Type(base, tuple(others))
            else:
                collations[oid] = sql
        return cls(opclasses, types, collations)

    def parts(
        self,
        attributes: Sequence[Attribute],
        opclasses: str,
        collations: str,
        sorting: str,
        options: Sequence[str | None] | None,
    ) -> list[_Part]:
        """Return the keys of an index, each with its SQL; the vectors are those of pg_index.

        Columns that are only stored along have no place in the vectors.
        """
        said = (*attributes, opclasses, collations, sorting, *(options or ()))
        found = self._made.get(said)
        if found is None:
            vectors = opclasses.split(), collations.split(), sorting.split()
            listed = zip(attributes, *vectors, options or repeat(None), strict=False)
            found = self._made[said] = [self._part(*key) for key in listed]
        return found

    def _part(
        self, attribute: Attribute, opclass: str, collation: str, sorting: str, options: str | None
    ) -> _Part:
        named = self._opclass(int(opclass), attribute, options)
        collated = self._collation(int(collation), attribute)
        order = int(sorting)
        part = KeyPart(
            column=attribute.name,
            expression="" if attribute.name else attribute.sql,
            descending=bool(order & _DESC),
            nulls_first=bool(order & _NULLS_FIRST),
            opclass=named,
            collation=collated,
        )
        text = attribute.sql + (f" COLLATE {collated}" if collated else "")
        return part, text + (f" {named}" if named else "") + _SORTING[order]

    def _collation(self, number: int, attribute: Attribute) -> str:
        return "" if number in (0, attribute.collation) else self._collations[number]

    def _opclass(self, number: int, attribute: Attribute, options: str | None) -> str:
        opclass = self._opclasses[number]
        if options:
            return f"{opclass.sql} ({options})"
        return "" if self._goes_without_saying(opclass, attribute) else opclass.sql

    def _goes_without_saying(self, opclass: _Opclass, attribute: Attribute) -> bool:
        kind = self._types[attribute.type]
        given = opclass.type if opclass.stores and not attribute.name else kind.base
        if not opclass.usual or opclass.type == given:
            return opclass.usual
        if (opclass.method, given) in self._defaults:
            return False
        better = any((opclass.method, other) in self._defaults for other in kind.others)
        return opclass.preferred or not better
