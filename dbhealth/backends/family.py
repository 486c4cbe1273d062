"""SQL for families: rows of several tables that leave together.

A family is a chain of sets of keys, one a table: the rows of a range that may leave, then in each
table below whatever points at a row of the sets before it. Nothing is kept between statements, so
no temporary table is needed and a dry run can ask the very same question.
"""

from __future__ import annotations

from collections.abc import Iterable

from dbhealth.backends.keys import KeySql
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.selection import KeyRange, Limits, Member, Predicate, Selection
from dbhealth.backends.statement import Statement
from dbhealth.saying import say as _


class FamilySql(KeySql):
    """Who belongs to whom."""

    def chain(self, selection: Selection, keys: KeyRange, upto: int | None = None) -> Predicate:
        """Return WITH … for the family of the eligible rows in ``keys``.

        The set of the table at place ``n`` of ``selection.everybody`` is called dbh_n; the ones
        behind place ``upto`` are left out.
        """
        family = selection.everybody[: None if upto is None else upto + 1]
        places = {member.table: place for place, member in enumerate(family)}
        seeds = self.alone_within(selection, keys)
        parts = [self._seeds(selection, seeds)]
        for place, member in enumerate(family):
            begin = [] if place else [self._free(selection)]
            sets = begin + [
                self._pointing(member, link, family[places[link.target]], places[link.target])
                for link in member.links
                if link.target != member.table
            ]
            if member.own_links:
                sets.append(self._line(member, f"dbh_{place}"))
            listed = ", ".join(self.name(name) for name in member.key_names)
            parts.append(f"dbh_{place} ({listed}) AS ({' UNION '.join(sets)})")
        params = seeds.params + selection.where.params
        return Predicate(sql=f"WITH RECURSIVE {', '.join(parts)}", params=params)

    def _seeds(self, selection: Selection, seeds: Predicate) -> str:
        """Return the set of the rows that are old enough themselves.

        MATERIALIZED: the planner takes what may hold a row back for so dear that it would rather
        read the index entries of all old rows of the table than look at a few rows too many.
        """
        listed = ", ".join(self.name(name) for name in selection.key_names)
        return (
            f"dbh_old ({listed}) AS MATERIALIZED "
            f"(SELECT {self.names(selection.table, selection.key_names)} "
            f"FROM {self.name(selection.table)} WHERE {seeds.sql})"
        )

    def _free(self, selection: Selection) -> str:
        """Return those of them that nothing holds back."""
        table, names = selection.table, selection.key_names
        same = self.equal(table, names, "dbh_old", names)
        return (
            f"SELECT {self.names(table, names)} FROM dbh_old JOIN {self.name(table)} ON {same} "
            f"WHERE {selection.where.sql}"
        )

    def _pointing(self, member: Member, link: ForeignKey, parent: Member, place: int) -> str:
        """Return the rows of a member that point at the set at ``place`` by one foreign key."""
        joined = self._joined(link, parent, f"dbh_{place}")
        return f"SELECT {self.names('dbh_child', member.key_names)} FROM dbh_{place} {joined}"

    def _line(self, member: Member, line: str) -> str:
        """Return the recursive part: rows of the same table that point at the ``line`` so far."""
        links = self._any(member.own_links, "dbh_child", "dbh_parent")
        table = self.name(member.table)
        same = self.equal("dbh_parent", member.key_names, line, member.key_names)
        return (
            f"SELECT {self.names('dbh_child', member.key_names)} FROM {line} "
            f"JOIN {table} AS dbh_parent ON {same} JOIN {table} AS dbh_child ON {links}"
        )

    def _joined(self, link: ForeignKey, parent: Member, keys: str) -> str:
        child = f"JOIN {self.name(link.table)} AS dbh_child ON "
        if link.target_columns == parent.key_names:
            return child + self.equal("dbh_child", link.columns, keys, parent.key_names)
        same = self.equal("dbh_parent", parent.key_names, keys, parent.key_names)
        points = self.equal("dbh_child", link.columns, "dbh_parent", link.target_columns)
        return f"JOIN {self.name(parent.table)} AS dbh_parent ON {same} {child}{points}"

    def _any(self, links: Iterable[ForeignKey], child: str, parent: str) -> str:
        return " OR ".join(
            f"({self.equal(child, link.columns, parent, link.target_columns)})" for link in links
        )

    def leaving(self, selection: Selection, keys: KeyRange, place: int = 0) -> Predicate:
        """Return the condition for the rows of one table that leave with a range of keys.

        ``place`` is that of the table in ``selection.everybody``.
        """
        if not selection.is_family:
            return self.within(selection, keys)
        chain = self.chain(selection, keys, place)
        # Inside the condition and not before the statement: sqlite3 counts no rows of a statement
        # that begins with WITH.
        return self.in_set(selection.everybody[place], place, chain)

    def in_set(self, member: Member, place: int, chain: Predicate | None = None) -> Predicate:
        """Return the condition that a row of ``member`` is in its set of a chain.

        ``chain`` is None where the statement has it already.
        """
        found = Predicate(sql="") if chain is None else chain
        listed = self.names(member.table, member.key_names)
        left = f"({listed})" if len(member.key) > 1 else listed
        sql = f"{left} IN ({found.sql} SELECT * FROM dbh_{place})"
        return Predicate(sql=sql, params=found.params)

    def leaving_from(self, selection: Selection, table: str) -> Predicate:
        """Return the condition for all rows of one table that leave."""
        place = [member.table for member in selection.everybody].index(table)
        return self.leaving(selection, KeyRange(), place)

    def sizes_statement(self, selection: Selection, keys: KeyRange, limits: Limits) -> Statement:
        """Return the statement of :meth:`sizes`."""
        chain = self.chain(selection, keys)
        counts = ", ".join(
            f"(SELECT count(*) FROM dbh_{place})" for place in range(len(selection.everybody))
        )
        return self.read(f"{chain.sql} SELECT {counts}", chain, _("Count the families."), limits)

    def sizes(self, selection: Selection, keys: KeyRange, limits: Limits) -> tuple[int, ...]:
        """Return how many rows leave with the eligible ones in ``keys``, for ``everybody``."""
        found = self.executor.run(self.sizes_statement(selection, keys, limits)).first
        return tuple(int(count) for count in found or ())

    def unhindered(self, selection: Selection) -> Predicate:
        """Return the selection's condition, without the rows that something holds back.

        A row is held back by each row below it, however far, that may not leave itself.
        """
        hindered = self._hindered(selection.root, selection.everybody)
        if hindered is None:
            return selection.where
        return Predicate(
            sql=f"({selection.where.sql}) AND NOT ({hindered.sql})",
            params=selection.where.params + hindered.params,
        )

    def _hindered(self, member: Member, family: tuple[Member, ...]) -> Predicate | None:
        """Return the condition that something below a row of ``member`` may not leave.

        The row is that of the query around; every table goes by its own name, because the
        conditions of policies do.
        """
        below = self._below(member, family)
        if not member.own_links:
            return below
        keys = self.names(member.table, member.key_names)
        return self._in_line(member, f"SELECT {keys}", below)

    def _below(self, member: Member, family: tuple[Member, ...]) -> Predicate | None:
        parts = [self._holding(child, member, family) for child in family if child is not member]
        given = [part for part in parts if part is not None]
        if not given:
            return None
        return Predicate(
            sql=" OR ".join(part.sql for part in given),
            params=tuple(value for part in given for value in part.params),
        )

    def _holding(
        self, child: Member, parent: Member, family: tuple[Member, ...]
    ) -> Predicate | None:
        """Return the condition that a row of ``child`` holds the row of ``parent`` around it."""
        links = [link for link in child.links if link.target == parent.table]
        if not links or child.table == parent.table:
            return None
        points = self._any(links, child.table, parent.table)
        below, table = self._below(child, family), self.name(child.table)
        if child.own_links:
            keys = self.names(child.table, child.key_names)
            return self._in_line(child, f"SELECT {keys} FROM {table} WHERE {points}", below)
        stays = self._stays(child, below)
        if stays is None:
            return None
        sql = f"EXISTS (SELECT 1 FROM {table} WHERE ({points}) AND ({stays.sql}))"
        return Predicate(sql=sql, params=stays.params)

    def _in_line(self, member: Member, first: str, below: Predicate | None) -> Predicate | None:
        """Return the condition that in the line from ``first`` on down a row has to stay."""
        stays = self._stays(member, below)
        if stays is None:
            return None
        table, line = self.name(member.table), "dbh_line"
        listed = ", ".join(self.name(name) for name in member.key_names)
        same = self.equal(member.table, member.key_names, line, member.key_names)
        sql = (
            f"EXISTS (WITH RECURSIVE {line} ({listed}) AS ({first} UNION "
            f"{self._line(member, line)}) "
            f"SELECT 1 FROM {line} JOIN {table} ON {same} WHERE {stays.sql})"
        )
        return Predicate(sql=sql, params=stays.params)

    def _stays(self, member: Member, below: Predicate | None) -> Predicate | None:
        own = member.may_leave
        parts = [] if own is None else [f"NOT coalesce({own.sql}, FALSE)"]
        parts += [] if below is None else [f"({below.sql})"]
        if not parts:
            return None
        params = (own.params if own else ()) + (below.params if below else ())
        return Predicate(sql=" OR ".join(parts), params=params)
