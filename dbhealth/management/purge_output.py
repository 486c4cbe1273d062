"""How ``purge_archive`` shows its results to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from dbhealth.management.parts import PACE, ROWS, STATE
from dbhealth.management.terminal import count, day, duration, moment, number
from dbhealth.management.verb_output import Entry, VerbOutput, days, in_batches, left_by

_RUNS_SHOWN = 10
"""The runs with the most rows are named; the others are one line."""


class PurgeOutput(VerbOutput):
    """Archived rows that are deleted for good."""

    noun = "archive"
    done = "purged"
    columns = (STATE, ROWS, *PACE, ("archived before", lambda entry: day(entry["cutoff"])))
    nothing = (
        "No archive has a purge_after, so all of them keep their rows for ever. "
        "Give a policy one, or say --table and --older-than-days."
    )
    resumed = "carried on with under its own cutoff; what has aged since goes next time."

    def show_sum(self, console: Console, summary: dict[str, Any]) -> None:
        """Print how many rows were deleted."""
        rows = count(summary["total_records_purged"], "archived row")
        text = f"{rows} deleted for good in {duration(summary['seconds'])}."
        console.print(f"\n{text}", highlight=False)

    def goes_on(self, entry: Entry) -> str:
        """Say who deletes the rows that were left."""
        return left_by(
            entry, kept="what was deleted is gone", others="nothing else purges this archive"
        )

    def amount(self, entry: Entry) -> int:
        """Return the rows that would be deleted."""
        return entry["plan"]["rows_to_purge"] or 0

    def promise(self, amount: int, entries: int) -> str:
        """Return how many rows would be deleted."""
        rows, archives = count(amount, "archived row"), count(entries, "archive")
        return f"{rows} would be deleted for good from {archives}."

    def facts(self, entry: Entry) -> list[tuple[str, str]]:
        """Return which rows are past their time, where they came from and how they would go."""
        plan, found = entry["plan"], [("archive of", entry["table"])]
        if plan["purge_after_days"] is None:
            return found
        keeps = days(plan["purge_after_days"])
        found.append(("cutoff", f"{moment(plan['cutoff'])} UTC (keeps {keeps})"))
        if plan["rows"] is None:
            return found
        share = "" if not plan["rows_eligible"] else f" ({plan['share']:.1%})"
        found += [
            ("rows in it", number(plan["rows"])),
            ("past the cutoff", f"{number(plan['rows_eligible'])}{share}"),
        ]
        if not plan["rows_to_purge"]:
            why = "none of its rows is old enough" if plan["rows"] else "it is empty"
            return [*found, ("would delete", f"nothing: {why}")]
        takes = f"about {duration(plan['estimated_seconds'])} ({plan['estimate_basis']})"
        return [
            *found,
            ("archived", f"{moment(plan['oldest'])} to {moment(plan['newest'])}"),
            ("written", f"{moment(plan['oldest_source'])} to {moment(plan['newest_source'])}"),
            ("archived by", _runs(plan["runs"])),
            ("would delete", in_batches(plan["rows_to_purge"], plan, how=" for good")),
            ("would take", takes),
        ]


def _runs(runs: dict[str, int]) -> str:
    largest = sorted(runs.items(), key=lambda pair: pair[1], reverse=True)
    said = [f"run {run} ({count(rows, 'row')})" for run, rows in largest[:_RUNS_SHOWN]]
    if rest := largest[_RUNS_SHOWN:]:
        rows = count(sum(number for _, number in rest), "row")
        said.append(f"{count(len(rest), 'other run')} ({rows})")
    return ", ".join(said)


PURGE = PurgeOutput()
