"""What must come out, in plain Python: two dicts of rows for each table, and what verbs do to them.

Written from the manual, with loops over all rows and nothing of the package's own code.
"""

from dataclasses import dataclass, field
from typing import Any

KINDS = ("Story", "Chapter", "Line", "Picture", "Story_tags")
"""The tables, each behind those that it points at."""

REFERENCES = {
    "Story": {},
    "Chapter": {"story_id": "Story"},
    "Line": {"chapter_id": "Chapter", "answers_id": "Line"},
    "Picture": {"story_id": "Story", "chapter_id": "Chapter"},
    "Story_tags": {"story_id": "Story"},
}
AGES = {"Story": "created_at", "Chapter": "written_at", "Line": "said_at"}

Place = tuple[str, int]
Row = dict[str, Any]


class Conflict(Exception):
    """Rows have no place in their table."""


@dataclass(frozen=True)
class Terms:
    """The policies in force. ``sealed`` is the text of lines that may not leave."""

    cutoff: Any
    moves_newer: bool = False
    sealed: str | None = None


@dataclass
class Expected:
    """The rows in the tables and in the archives; an archived one with the run that moved it."""

    here: dict[Place, Row] = field(default_factory=dict)
    there: dict[Place, Row] = field(default_factory=dict)
    run_of: dict[Place, int] = field(default_factory=dict)

    def of(self, kind: str, rows: dict[Place, Row]) -> dict[int, Row]:
        return {key: row for (of, key), row in rows.items() if of == kind}

    def keys(self, kind: str) -> list[int]:
        return sorted(self.of(kind, self.here))

    def points_at(self, kind: str, key: int) -> list[Place]:
        """Return the rows in the tables that point at a row."""
        return [
            place
            for place, row in self.here.items()
            for column, target in REFERENCES[place[0]].items()
            if target == kind and row[column] == key
        ]

    def family(self, story: int) -> set[Place]:
        """Return a story and everything below it, wherever it stands."""
        found, waiting = set(), [("Story", story)]
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += self.points_at(*place)
        return found

    def may_leave(self, place: Place, terms: Terms) -> bool:
        """Return whether nothing in a row itself speaks against its leaving."""
        kind, row = place[0], self.here[place]
        if kind == "Line" and terms.sealed is not None and row["text"] == terms.sealed:
            return False
        if kind not in AGES or (terms.moves_newer and kind != "Story"):
            return True
        age = row[AGES[kind]]
        return age is not None and age < terms.cutoff

    def archive(self, terms: Terms, run: int, most: int | None) -> int:
        """Move the families that may leave, in the order of their keys; return the rows."""
        eligible = []
        for story in self.keys("Story"):
            family = self.family(story)
            if all(self.may_leave(place, terms) for place in family):
                eligible.append(family)
        rows = 0
        for family in eligible:
            if most is not None and rows >= most:
                break
            for place in family:
                if place in self.here:  # it has not left with an earlier family
                    self.there[place] = self.here.pop(place)
                    self.run_of[place] = run
                    rows += 1
        return rows

    def _has_no_place(self, place: Place) -> bool:
        """Return whether a parent of an archived row is missing, or its values are taken."""
        kind, row = place[0], self.there[place]
        for column, target in REFERENCES[kind].items():
            if row[column] is not None and (target, row[column]) not in self.here:
                return True
        pair = (row.get("story_id"), row.get("tag_id"))
        return kind == "Story_tags" and pair in {
            (other["story_id"], other["tag_id"])
            for other in self.of("Story_tags", self.here).values()
        }

    def restore(self, wanted: set[Place], *, skips: bool) -> int:
        """Bring archived rows back, parents first; return how many.

        Raises Conflict, with nothing changed, where one of them has no place and nobody skips.
        """
        before = dict(self.here), dict(self.there)
        waiting = set(wanted)
        for kind in KINDS:
            went = True
            while went:  # a line may wait for the line that it answers
                went = False
                for place in sorted(waiting):
                    if place[0] == kind and not self._has_no_place(place):
                        self.here[place] = self.there.pop(place)
                        waiting.discard(place)
                        went = True
        if waiting and not skips:
            self.here, self.there = before
            raise Conflict
        return len(wanted) - len(waiting)
