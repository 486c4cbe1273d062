"""Questions before a move: how many rows, which is the last one, what stands in the way."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any

from dbhealth.backends.family import FamilySql
from dbhealth.backends.records import ForeignKey, GenericLink, Survey
from dbhealth.backends.selection import (
    Key,
    KeyColumn,
    KeyRange,
    Limits,
    Member,
    Predicate,
    Selection,
    Transfer,
    both,
)
from dbhealth.backends.statement import Statement
from dbhealth.saying import say as _

NOTHING = Predicate(sql="")


class SurveySql(FamilySql):
    """Counting and looking; takes no lock that outlives a statement."""

    fence: str
    """SQL behind a subquery that keeps the planner from merging it with what stands around."""

    @abstractmethod
    def finite(self, timestamp: str) -> str:
        """Return SQL that gives NULL for the infinite values of a timestamp."""

    @abstractmethod
    def as_text(self, timestamp: str) -> str:
        """Return SQL that gives a timestamp as text, also where Python has no such date."""

    def _oldest_and_newest(self, timestamp: str) -> str:
        finite = self.finite(timestamp)
        return f"{self.as_text(f'min({finite})')}, {self.as_text(f'max({finite})')}"

    def survey(self, selection: Selection, limits: Limits) -> Survey:
        """Count the eligible rows only; an index on the timestamp serves it."""
        eligible, oldest, newest, *last = (
            self.executor.run(self.survey_statement(selection, limits)).first or ()
        )
        known = Survey(eligible=eligible, oldest=oldest, newest=newest)
        return self._with_last_key(known, selection, last, limits)

    def survey_statement(self, selection: Selection, limits: Limits) -> Statement:
        """Return the statement of :meth:`survey`."""
        span = self._oldest_and_newest(self.name(selection.table, selection.timestamp))
        listed = ", ".join(["count(*)", span, *self._greatest(selection)])
        sql = f"SELECT {listed} FROM {self.name(selection.table)} WHERE {selection.where.sql}"
        return self.read(sql, selection.where, _("Count the eligible rows."), limits)

    def survey_statements(self, selection: Selection, limits: Limits) -> tuple[Statement, ...]:
        """Return all statements that :meth:`survey` runs where it finds an eligible row."""
        first = self.survey_statement(selection, limits)
        if self.counts(selection):
            return (first,)
        return (first, self.last_key_statement(selection, limits))

    def _greatest(self, selection: Selection) -> list[str]:
        """Return SQL for the greatest key where an aggregate can tell it: where keys count."""
        if not self.counts(selection):
            return []
        (key,) = selection.key_names
        return [self.key_output(f"max({self.name(selection.table, key)})")]

    def _with_last_key(
        self, survey: Survey, selection: Selection, last: list[Any], limits: Limits
    ) -> Survey:
        if not survey.eligible:
            return survey
        key = self.key_loaded(last) if last else self.last_key(selection, limits)
        return replace(survey, last_key=key)

    def full_survey(self, selection: Selection, now: Any, limits: Limits) -> Survey:
        """Read the whole table once and count also all rows, NULL and future timestamps.

        ``now`` is a value as the driver takes it for the timestamp's column.
        """
        stamp = self.name("dbh_fact", "dbh_stamp")
        span = self._oldest_and_newest(f"CASE WHEN dbh_eligible = 1 THEN {stamp} END")
        condition = both(selection.where)
        sql = (
            f"SELECT coalesce(sum(dbh_eligible), 0), {span}, "
            f"count(*), count(*) - count({stamp}), "
            f"coalesce(sum(CASE WHEN {stamp} > %s THEN 1 END), 0), "
            f"{self.as_text(f'min({self.finite(stamp)})')} "
            f"FROM (SELECT {self.name(selection.table, selection.timestamp)} AS dbh_stamp, "
            f"CASE WHEN {condition.sql} THEN 1 ELSE 0 END AS dbh_eligible "
            f"FROM {self.name(selection.table)}) AS dbh_fact"
        )
        params = Predicate(sql="", params=(now, *condition.params))
        found = self.executor.run(self.read(sql, params, _("Count all rows."), limits)).first
        counts = found or (0, None, None, 0, 0, 0, None)
        known = Survey(
            eligible=int(counts[0]),
            oldest=counts[1],
            newest=counts[2],
            rows=int(counts[3]),
            null_timestamps=int(counts[4]),
            future_timestamps=int(counts[5]),
            oldest_of_all=counts[6],
        )
        return self._with_last_key(known, selection, [], limits)

    def keeps_a_row(self, selection: Selection, limits: Limits) -> bool:
        """Return whether the table has a row that is not eligible."""
        # The newest row first: an index on the timestamp finds it at once, and it nearly always
        # stays. The general question reads all eligible rows where they are stored first.
        table, where = self.name(selection.table), both(selection.where)
        stamp = self.name(selection.table, selection.timestamp)
        stays = f"NOT coalesce({where.sql}, FALSE)"
        questions = (
            f"SELECT CASE WHEN {stays} THEN 1 END FROM {table} ORDER BY {stamp} DESC LIMIT 1",
            f"SELECT 1 FROM {table} WHERE {stays} LIMIT 1",
        )
        purpose = _("Look for a row that stays.")
        return any(
            self.executor.run(self.read(sql, where, purpose, limits)).value for sql in questions
        )

    def last_key(self, selection: Selection, limits: Limits) -> Key | None:
        """Return the greatest key of an eligible row, or None where no row is eligible.

        It bounds the walk: without it the last, short batch would read all younger rows.
        """
        found = self.executor.run(self.last_key_statement(selection, limits)).first
        return None if found is None else self.key_loaded(found)

    def last_key_statement(self, selection: Selection, limits: Limits) -> Statement:
        """Return the statement of :meth:`last_key`."""
        # The fence makes the planner find the eligible rows by their age and sort them, where
        # it would else walk the keys from the youngest row back, through all that stay.
        order = ", ".join(f"{self.name('dbh_row', name)} DESC" for name in selection.key_names)
        sql = (
            f"SELECT {self.key_outputs('dbh_row', selection)} FROM "
            f"(SELECT {self.names(selection.table, selection.key_names)} "
            f"FROM {self.name(selection.table)} WHERE {selection.where.sql} {self.fence}) "
            f"AS dbh_row ORDER BY {order} LIMIT 1"
        )
        return self.read(sql, selection.where, _("Find the last eligible key."), limits)

    def pointing_rows(self, selection: Selection, link: ForeignKey, limits: Limits) -> int:
        """Return how many rows point at a leaving row by ``link`` and would stay."""
        table, pointing = self.name(link.target), "dbh_pointing"
        joined = self.equal(pointing, link.columns, link.target, link.target_columns)
        leaving = self.leaving_from(selection, link.target)
        sql = (
            f"SELECT count(*) FROM {self.name(link.table)} AS {pointing} WHERE EXISTS "
            f"(SELECT 1 FROM {table} WHERE {joined} AND {leaving.sql})"
        )
        purpose = _("Count rows of {table} that point at leaving rows.", table=link.table)
        return int(self.executor.run(self.read(sql, leaving, purpose, limits)).value)

    def generic_rows(
        self, selection: Selection, member: Member, link: GenericLink, limits: Limits
    ) -> int:
        """Return how many rows point at a leaving row of ``member`` by a generic foreign key.

        Its object column is of any type, so both sides are compared as text.
        """
        (key,) = member.key
        leaving = self.leaving_from(selection, member.table)
        sql = (
            f"SELECT count(*) FROM {self.name(link.table)} AS dbh_pointing "
            f"WHERE {self.name('dbh_pointing', link.type_column)} = %s AND "
            f"CAST({self.name('dbh_pointing', link.object_column)} AS text) IN "
            f"(SELECT {self.generic_key(member.table, key)} "
            f"FROM {self.name(member.table)} WHERE {leaving.sql})"
        )
        condition = Predicate(sql="", params=(link.type_id, *leaving.params))
        purpose = _("Count rows of {table} that point at leaving rows.", table=link.table)
        return int(self.executor.run(self.read(sql, condition, purpose, limits)).value)

    def generic_key(self, table: str, column: KeyColumn) -> str:
        """Return SQL that gives a key as Django writes it into a generic foreign key."""
        return f"CAST({self.name(table, column.name)} AS text)"

    def taken_keys(
        self, transfer: Transfer, place: int, keys: KeyRange, limits: Limits
    ) -> list[Key]:
        """Return up to five keys of leaving rows that the archive holds already.

        ``place`` is that of the table among the transfer's copies.
        """
        member, copy = transfer.selection.everybody[place], transfer.copies[place]
        leaving = self.leaving(transfer.selection, keys, place)
        sql = (
            f"SELECT {self.key_outputs(member.table, member)} "
            f"FROM {self.name(member.table)} WHERE {leaving.sql} AND EXISTS "
            f"(SELECT 1 FROM {self.name(copy.target)} AS dbh_archived "
            f"WHERE {self.equal('dbh_archived', member.key_names, member.table, member.key_names)})"
            " LIMIT 5"
        )
        statement = self.read(sql, leaving, _("Look for keys that the archive holds."), limits)
        return [self.key_loaded(row) for row in self.executor.run(statement).rows]

    def count(self, table: str, limits: Limits) -> int:
        """Return the exact number of rows of a table."""
        sql = f"SELECT count(*) FROM {self.name(table)}"
        return int(self.executor.run(self.read(sql, NOTHING, f"Count {table}.", limits)).value)
