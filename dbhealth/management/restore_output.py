"""How ``restore_archive`` shows its results to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from dbhealth.archive.restore_results import ConflictEntry
from dbhealth.management.parts import PACE, ROWS, STATE
from dbhealth.management.terminal import count, duration, moment, number
from dbhealth.management.verb_output import Entry, VerbOutput, in_batches


class RestoreOutput(VerbOutput):
    """Archived rows that come back."""

    done = "restored"
    columns = (STATE, ROWS, ("left", lambda entry: number(entry["rows_left_conflicts"])), *PACE)
    widest_label = "archived between"

    def show_sum(self, console: Console, summary: dict[str, Any]) -> None:
        """Print how many rows came back."""
        text = f"{count(summary['total_records_restored'], 'row')} restored"
        console.print(f"\n{text} in {duration(summary['seconds'])}.", highlight=False)

    def goes_on(self, entry: Entry) -> str:
        """Say how the rows that were left come back."""
        return "the same call goes on."

    def said(self, entry: Entry) -> list[str]:
        """Say what stays in the archive, where anything came back at all."""
        if entry["refusals"] or entry["error"]:
            return []
        left = [f"left in the archive: {_conflict(each)}" for each in entry["conflicts"]]
        return [*left, *entry["notes"]]

    def obstacles(self, entry: Entry) -> list[tuple[str, str, str]]:
        """Return the refusals, and the rows that would stay where there is none."""
        staying = [("would stay", _conflict(each), "yellow") for each in entry["conflicts"]]
        return super().obstacles(entry) or staying

    def amount(self, entry: Entry) -> int:
        """Return the rows that would come back."""
        return 0 if entry["refusals"] else entry["plan"]["rows_to_restore"] or 0

    def promise(self, amount: int, entries: int) -> str:
        """Return how many rows would come back."""
        return f"{count(amount, 'row')} would be restored to {count(entries, 'table')}."

    def facts(self, entry: Entry) -> list[tuple[str, str]]:
        """Return which rows are chosen, and in how many batches they would come back."""
        plan, found = entry["plan"], [("from", entry["archive_table"])]
        if plan["rows_chosen"] is None:
            return found
        between = f"{moment(plan['archived_from'])}, {moment(plan['archived_until'])}"
        found += [("rows chosen", number(plan["rows_chosen"])), ("archived between", between)]
        if not plan["rows_to_restore"]:
            return [*found, ("would restore", "nothing")]
        return [*found, ("would restore", in_batches(plan["rows_to_restore"], plan))]


def _conflict(entry: ConflictEntry) -> str:
    return f"{entry['what']} {entry['why']} {entry['instead']}"


RESTORE = RestoreOutput()
