"""How ``archive`` shows its results to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from dbhealth.management.parts import PACE, ROWS, STATE
from dbhealth.management.terminal import count, day, duration, moment, number
from dbhealth.management.verb_output import Entry, VerbOutput, days, in_batches, left_by

NOTHING_DECLARED = (
    "No table has an archive yet. Declare one beside its model: "
    "class XArchive(ArchiveModel, source=X) with a policy."
)


class ArchiveOutput(VerbOutput):
    """Rows that leave for their archives, whole families as trees."""

    done = "archived"
    columns = (STATE, ROWS, *PACE, ("older than", lambda entry: day(entry["cutoff"])))
    nothing = NOTHING_DECLARED
    resumed = "carried on with under its own cutoff; what has aged since leaves next time."

    def show_sum(self, console: Console, summary: dict[str, Any]) -> None:
        """Print how many rows were moved."""
        moved = summary["total_records_archived"]
        text = f"{count(moved, 'row')} archived in {duration(summary['seconds'])}."
        console.print(f"\n{text}", highlight=False)
        if moved:
            console.print(
                "The space they leave is reused by new rows; the files do not shrink.", style="dim"
            )

    def goes_on(self, entry: Entry) -> str:
        """Say who takes the rows that were left."""
        return left_by(
            entry,
            kept="what has moved stays where it is",
            others="nothing else archives this table",
        )

    def said(self, entry: Entry) -> list[str]:
        """Say which tables of a family the rows left, and which rows did not."""
        texts = []
        if len(entry["rows_by_table"]) > 1:
            each = entry["rows_by_table"].items()
            texts.append(f"{', '.join(f'{table} {number(rows)}' for table, rows in each)}")
        if left := entry["rows_left_locked"]:
            texts.append(
                f"{count(left, 'row')} stayed, locked by another session; the next run takes them."
            )
        return texts

    def amount(self, entry: Entry) -> int:
        """Return the rows that would move."""
        return entry["plan"]["rows_to_move"] or 0

    def promise(self, amount: int, entries: int) -> str:
        """Return how many rows would be archived."""
        return f"{count(amount, 'row')} would be archived from {count(entries, 'table')}."

    def facts(self, entry: Entry) -> list[tuple[str, str]]:
        """Return which rows are old, and how long moving them would take."""
        plan, keeps = entry["plan"], days(entry["plan"]["retention_days"])
        found = [
            ("into", entry["archive_table"]),
            ("cutoff", f"{moment(plan['cutoff'])} UTC (keeps {keeps})"),
        ]
        if plan["rows"] is None:
            return found
        found += [
            ("rows in the table", number(plan["rows"])),
            ("eligible rows", number(plan["rows_eligible"])),
            ("oldest, newest", f"{moment(plan['oldest'])}, {moment(plan['newest'])}"),
            ("no timestamp", number(plan["null_timestamps"])),
            ("in the future", number(plan["future_timestamps"])),
        ]
        if not plan["rows_to_move"]:
            return [*found, ("would move", "nothing")]
        takes = f"about {duration(plan['estimated_seconds'])} ({plan['estimate_basis']})"
        moves = in_batches(plan["rows_to_move"], plan)
        return [*found, ("would move", moves), ("would take", takes)]

    def picture(self, entry: Entry) -> tuple[str, Tree] | None:
        """Return which rows leave together, as a tree of their tables."""
        family = entry["plan"]["family"]
        if not family or not self.amount(entry):
            return None
        tree = Tree(_leaf(family), guide_style="dim")
        _grow(tree, family["children"])
        return "leave together", tree


def _grow(tree: Tree, children: list[dict[str, Any]]) -> None:
    for child in children:
        _grow(tree.add(_leaf(child)), child["children"])


def _leaf(branch: dict[str, Any]) -> str:
    by = f" [dim]by {escape(branch['by'])}[/]" if branch["by"] else ""
    # Whoever adds up the tree would else count them twice.
    rows = "counted above" if branch["counted_before"] else count(branch["rows"], "row")
    return f"{escape(branch['table'])}  {rows}{by}"


ARCHIVE = ArchiveOutput()
