"""How ``init_indexes`` shows what it has done, what it would do, and how all indexes stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rich.console import Console
from rich.markup import escape

from dbhealth.management.parts import Column, remark, state_cell
from dbhealth.management.terminal import Grid, count, duration
from dbhealth.management.verb_output import Entry, VerbOutput
from dbhealth.runs.busy import command
from dbhealth.runs.states import State


def _done(*deeds: str) -> Any:
    def cell(entry: Entry) -> str:
        steps = entry["steps"]
        return str(sum(s["state"] == "done" and s["deed"] in deeds for s in steps))

    return cell


def _failed(entry: Entry) -> str:
    number = sum(step["state"] == "failed" for step in entry["steps"]) + len(entry["refusals"])
    return f"[red]{number}[/]" if number else "0"


class InitOutput(VerbOutput):
    """An entry is a database."""

    noun = "database"
    entries = "databases"
    done = "brought to what the code declares"
    widest_label = "would be done"
    columns: ClassVar[tuple[Column, ...]] = (
        ("state", state_cell),
        ("created", _done("create")),
        ("rebuilt", _done("rebuild", "make a constraint")),
        ("not done", _failed),
        ("analyzed", _done("analyze")),
        ("vacuumed", _done("vacuum")),
        ("time", lambda entry: duration(entry["seconds"])),
        ("run", lambda entry: str(entry["run"] or "-")),
    )

    def show_run(self, console: Console, result: Any) -> None:
        """Show what was done; with --all, also how all indexes stand now."""
        super().show_run(console, result)
        if "status" in result:
            console.print()
            show_status(console, result["status"])

    def show_sum(self, console: Console, summary: dict[str, Any]) -> None:
        """Print the sum."""
        made, rebuilt = summary["indexes_created"], summary["indexes_rebuilt"]
        text = f"{count(made, 'index', 'indexes')} created, {rebuilt:,} rebuilt"
        console.print(f"\n{text} in {duration(summary['seconds'])}.", highlight=False)

    def amount(self, entry: Entry) -> int:
        """Return how many statements would run."""
        return len(entry["plan"]["statements"])

    def promise(self, amount: int, entries: int) -> str:
        """Return the sentence with the sum of a dry run."""
        return f"{count(amount, 'statement')} would run."

    def facts(self, entry: Entry) -> list[tuple[str, str]]:
        """Return how the indexes stand, and what is left as it is."""
        found = [("indexes", _counts(entry["indexes"]))]
        if not self.amount(entry):
            found.append(("would be done", "nothing"))
        return found + [("left as it is", text) for text in _untouched(entry)]

    def goes_on(self, entry: Entry) -> str:
        """Say what becomes of the rest."""
        if entry["state"] == State.PAUSED and entry["run"] is not None:
            line = command("resume", entry["run"], entry["database"])
            return f"nothing else sees to the indexes of this database until it is resumed: {line}"
        return "what is done is done, and the next call does the rest."

    def said(self, entry: Entry) -> list[str]:
        """Return what was built, what failed, and what was left as it is."""
        built = [step for step in entry["steps"] if step["index"]]
        texts = [
            f"{step['deed']}: {step['index']} on {step['table']}, {duration(step['seconds'])}"
            for step in built
            if step["state"] == "done"
        ]
        if entry["refusals"]:  # else the error of the entry says it
            failed = (step for step in entry["steps"] if step["state"] == "failed")
            texts += [
                f"failed: {step['index'] or step['table']}: {step['error']}" for step in failed
            ]
        return texts + [f"left as it is: {text}" for text in _untouched(entry)]


INIT = InitOutput()


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {status}" for status, number in found.items()) or "none"


def _untouched(entry: Entry) -> list[str]:
    return [
        f"{told['name']} on {told['table']} ({told['status']}). {told['why']}".rstrip()
        for told in entry["untouched"]
    ]


_STYLES = {
    **dict.fromkeys(("missing", "invalid", "differs"), "red"),
    **dict.fromkeys(("pending", "unmigrated", "unjudged", "undeclared", "building"), "yellow"),
}


def show_status(console: Console, found: dict[str, Any]) -> None:
    """Show every declared and existing index, then what is to be said of single ones."""
    for database in found["databases"].values():
        _database(console, database)


def _database(console: Console, database: dict[str, Any]) -> None:
    console.print(f"[bold]{escape(database['database'])}[/]", highlight=False)
    grid = Grid(("index", "table", "status", "declared by"), frozenset(_LEFT))
    for entry in database["indexes"]:
        style = _STYLES.get(entry["status"])
        status = f"[{style}]{entry['status']}[/]" if style else entry["status"]
        grid.add(entry["name"], escape(entry["table"]), status, escape(_owner(entry["declared"])))
    if grid.rows:
        grid.show(console)
    for entry in database["indexes"]:
        if entry["why"] and entry["status"] != "present":
            remark(console, entry["name"], [entry["why"]])
    for table in database["left_out"]:
        remark(console, table, ["left out: another session holds it locked."])
    for table in database["absent_tables"]:
        remark(console, table, ["a model has it, the database does not."])
    others = database["indexes_of_other_tables"]
    console.print(f"{_counts(database['counts'])}.", highlight=False)
    if others:
        more = count(others, "index", "indexes")
        console.print(f"{more} more on tables of no installed model.", style="dim")
    console.print()


_LEFT = ("table", "status", "declared by")


def _owner(declared: dict[str, Any] | None) -> str:
    if declared is None:
        return "-"
    # A field says it all; what stands in Meta is known by its name already.
    field = declared["declaration"]
    where = f"{declared['model']}.{field}" if field.isidentifier() else declared["model"]
    return f"{where} ({declared['kind']})"
