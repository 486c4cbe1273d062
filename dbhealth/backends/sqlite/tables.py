"""What only the text of CREATE TABLE says: collations of columns and names of constraints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dbhealth.backends.executor import Executor
from dbhealth.backends.sqlite.declarations import Token, divided, inside, plain_name, tokens
from dbhealth.backends.statement import Lock, Statement

_TABLES = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"

_OF_TABLE = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}
_WITH_INDEX = {"PRIMARY", "UNIQUE"}


@dataclass(frozen=True)
class Table:
    """A table by its declaration, which is read when somebody asks about it."""

    name: str
    sql: str

    @cached_property
    def _definitions(self) -> list[list[Token]]:
        whole = tokens(self.sql)
        first = next((place for place, part in enumerate(whole) if part.text == "("), None)
        return divided(inside(whole, first)) if first is not None else []

    @cached_property
    def _collations(self) -> dict[str, str]:
        if "COLLATE" not in self.sql.upper():
            return {}
        found = {}
        for parts in self._definitions:
            for place, part in enumerate(parts[:-1]):
                if part.word == "COLLATE" and part.depth == parts[0].depth:
                    found[plain_name(parts[0].text).lower()] = plain_name(parts[place + 1].text)
        return found

    @cached_property
    def _constraints(self) -> dict[tuple[str, ...], str]:
        if "CONSTRAINT" not in self.sql.upper():
            return {}
        found: dict[tuple[str, ...], str] = {}
        for parts in self._definitions:
            for place, part in enumerate(parts[:-2]):
                named = part.word == "CONSTRAINT" and part.depth == parts[0].depth
                if named and parts[place + 2].word in _WITH_INDEX:
                    name = plain_name(parts[place + 1].text)
                    found.setdefault(_columns(parts, place), name)
        return found

    @cached_property
    def _columns(self) -> dict[str, str]:
        definitions = [parts[0] for parts in self._definitions if parts]
        names = [plain_name(first.text) for first in definitions if first.word not in _OF_TABLE]
        return {name.lower(): name for name in names}

    def column(self, name: str) -> str | None:
        """Return a column by its name in whatever capitals, None where there is none."""
        return self._columns.get(name.lower())

    def collation_of(self, column: str) -> str:
        """Return the collation that indexes of a column take by themselves, in capitals."""
        return self._collations.get(column.lower(), "BINARY").upper()

    def constraint_of(self, columns: tuple[str, ...]) -> str:
        """Return the name of the PRIMARY KEY or UNIQUE of some columns, empty where it has none."""
        return self._constraints.get(tuple(name.lower() for name in columns), "")


def _columns(parts: list[Token], place: int) -> tuple[str, ...]:
    """Return the columns of the constraint at ``place``: its own list, or the column it is at."""
    if place > 0 or parts[0].word not in _OF_TABLE:
        return (plain_name(parts[0].text).lower(),)
    opening = next((n for n, part in enumerate(parts) if part.text == "("), None)
    listed = divided(inside(parts, opening)) if opening is not None else []
    return tuple(plain_name(column[0].text).lower() for column in listed if column)


def read_tables(executor: Executor) -> dict[str, Table]:
    """Return all tables by their names in small letters."""
    statement = Statement(sql=_TABLES, purpose="Read the tables.", lock=Lock.SHARED)
    return {str(name).lower(): Table(name, sql) for name, sql in executor.run(statement).rows}
