"""How a verb over tables is shown to people: what it has done, or what it would do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from rich.console import Console
from rich.tree import Tree

from dbhealth.archive.results import SUCCEEDED
from dbhealth.management.parts import (
    Column,
    failed_text,
    refusal_text,
    remark,
    show_grid,
    show_statement,
    show_tree,
    title,
)
from dbhealth.management.terminal import count, paragraph
from dbhealth.runs.busy import command
from dbhealth.runs.states import State

Entry = Mapping[str, Any]


class VerbOutput(ABC):
    """Shows the results of one verb, and its plans.

    A result is ``{"tables": {name: entry}, "summary": {"dry_run": bool, …}}``; a verb whose entries
    are no tables names its key in ``entries``. Of an entry this class reads ``state``, ``run``,
    ``database``, ``resumed``, ``stopped``, ``refusals``, ``error``, ``notes`` and ``plan``: None,
    or facts with the ``statements`` of a Plan. A verb says the rest in the attributes and methods
    below.
    """

    noun: ClassVar[str] = "table"
    """What an entry of the result is."""
    entries: ClassVar[str] = "tables"
    """The key of the result under which the entries are."""
    done: ClassVar[str]
    """What has become of an entry that succeeded: "archived"."""
    columns: ClassVar[tuple[Column, ...]]
    """The grid of a result, behind the names."""
    widest_label: ClassVar[str] = "rows in the table"
    """The longest label of a fact; all values stand behind it."""
    nothing: ClassVar[str] = ""
    """What is said where there is no entry at all; empty: the sum is."""
    resumed: ClassVar[str] = ""
    """What is said of a run that was carried on with to its end."""

    @abstractmethod
    def show_sum(self, console: Console, summary: dict[str, Any]) -> None:
        """Print the sum of what was done."""

    @abstractmethod
    def amount(self, entry: Entry) -> int:
        """Return how much a planned entry has to do; its statements are shown where it is any."""

    @abstractmethod
    def promise(self, amount: int, entries: int) -> str:
        """Return the sentence with the sum of a dry run."""

    @abstractmethod
    def facts(self, entry: Entry) -> list[tuple[str, str]]:
        """Return the facts of a plan behind their labels."""

    def picture(self, entry: Entry) -> tuple[str, Tree] | None:
        """Return a tree that belongs to a plan, and its title."""
        return None

    def goes_on(self, entry: Entry) -> str:
        """Say what becomes of the rest after a run that was stopped."""
        return "the next run goes on."

    def said(self, entry: Entry) -> list[str]:
        """Return what else is to be said of an entry that was worked on."""
        return []

    def obstacles(self, entry: Entry) -> list[tuple[str, str, str]]:
        """Return what is in the way of a planned entry: label, text, colour of the label."""
        return [("in the way", refusal_text(refusal), "red") for refusal in entry["refusals"]]

    def show_run(self, console: Console, result: Any) -> None:
        """Show what was done: a grid, then what is to be said of single entries, then the sum."""
        show_grid(console, self.noun, self.columns, result[self.entries])
        for name, entry in result[self.entries].items():
            if texts := self._remarks(entry):
                remark(console, name, texts)
        if self.nothing and not result[self.entries]:
            console.print(self.nothing, highlight=False)
        else:
            self.show_sum(console, result["summary"])

    def _remarks(self, entry: Entry) -> list[str]:
        texts = []
        if entry["stopped"]:
            texts.append(f"{entry['stopped']}; {self.goes_on(entry)}")
        elif self.resumed and entry["resumed"] and _is_done(entry) and entry["plan"] is None:
            texts.append(self.resumed)
        texts += self.said(entry)
        if entry["refusals"]:
            texts += [f"refused: {refusal_text(refusal)}" for refusal in entry["refusals"]]
        elif entry["error"]:
            texts.append(failed_text(entry))
        return texts

    def show_plan(self, console: Console, result: Any) -> None:
        """Show what a run would do, entry by entry, then the sum."""
        for name, entry in result[self.entries].items():
            title(console, name)
            if entry["plan"] is None:
                self._fact(console, "would fail", entry["error"], accent="red")
            else:
                self._plan(console, entry)
            console.print()
        if self.nothing and not result[self.entries]:
            console.print(self.nothing, highlight=False)
            return
        done = [
            entry for entry in result[self.entries].values() if _is_done(entry) and entry["plan"]
        ]
        promise = self.promise(sum(map(self.amount, done)), len(done))
        console.print(f"Dry run: nothing was changed. {promise}", highlight=False)

    def _plan(self, console: Console, entry: Entry) -> None:
        for label, value in self.facts(entry):
            self._fact(console, label, value)
        if picture := self.picture(entry):
            show_tree(console, *picture)
        for label, text, accent in self.obstacles(entry):
            self._fact(console, label, text, accent=accent)
        for note in entry["notes"]:
            self._fact(console, "note", note)
        if self.amount(entry):
            for place, statement in enumerate(entry["plan"]["statements"], 1):
                show_statement(console, place, statement)

    def _fact(self, console: Console, label: str, value: str, *, accent: str = "") -> None:
        indent = len(f"  {self.widest_label}  ")
        paragraph(console, value, label=f"  {label}", indent=indent, accent=accent)

    def failure(self, result: Any) -> str:
        """Return the sentence about the entries that were not done, empty where all are."""
        names = [name for name, entry in result[self.entries].items() if not _is_done(entry)]
        if not names:
            return ""
        entries = count(len(result[self.entries]), self.noun)
        was = "was" if len(names) == 1 else "were"
        was = "would not be" if result["summary"]["dry_run"] else f"{was} not"
        return f"{len(names)} of {entries} {was} {self.done}: {', '.join(names)}."


def _is_done(entry: Entry) -> bool:
    return entry["state"] in SUCCEEDED


def left_by(entry: Entry, *, kept: str, others: str) -> str:
    """Say who takes the rows that a stopped run has left; it runs in batches under a cutoff.

    ``kept`` says what a cancelled run has done, ``others`` what waits while it is paused.
    """
    if entry["state"] == State.CANCELLED:
        return f"{kept}, and a new run takes the rest."
    if entry["state"] == State.PAUSED and entry["run"] is not None:
        line = command("resume", entry["run"], entry["database"])
        return f"{others} until it is resumed: {line}"
    return "the next run goes on."


def in_batches(rows: int, plan: dict[str, Any], *, how: str = "") -> str:
    """Return "2,000 rows in about 4 batches of at most 500 rows"."""
    batches = count(plan["estimated_batches"], "batch", "batches")
    largest = count(plan["batch_size"], "row")
    return f"{count(rows, 'row')}{how} in about {batches} of at most {largest}"


def days(number: float) -> str:
    """Return "1 day", "0.5 days"."""
    return f"{number:g} day{'' if number == 1 else 's'}"
