"""How ``vacuum`` shows what it has done, what it would do, and what ``--full`` asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.console import Console

from dbhealth.backends.steps import WHOLE
from dbhealth.management.parts import Column, state_cell
from dbhealth.management.terminal import count, duration, number, paragraph, size
from dbhealth.management.verb_output import Entry, VerbOutput
from dbhealth.runs.busy import command
from dbhealth.runs.states import State

_SHOWN = 20
"""So many tables are shown one by one; JSON has them all."""


def _done(*deeds: str) -> Any:
    def cell(entry: Entry) -> str:
        steps = entry["steps"]
        return str(sum(s["state"] == "done" and s["deed"] in deeds for s in steps))

    return cell


def _not_done(entry: Entry) -> str:
    amount = sum(bool(step["error"]) for step in entry["steps"]) + len(entry["refusals"])
    return f"[red]{amount}[/]" if amount else "0"


class VacuumOutput(VerbOutput):
    """An entry is a database."""

    noun = "database"
    entries = "databases"
    done = "vacuumed as asked"
    widest_label = "most in need"
    columns: ClassVar[tuple[Column, ...]] = (
        ("state", state_cell),
        ("vacuumed", _done("vacuum", "give back free pages")),
        ("analyzed", _done("analyze")),
        ("rebuilt", _done("rebuild")),
        ("not done", _not_done),
        ("before", lambda entry: size(entry["bytes_before"])),
        ("after", lambda entry: size(entry["bytes_after"])),
        ("time", lambda entry: duration(entry["seconds"])),
        ("run", lambda entry: str(entry["run"] or "-")),
    )

    def show_sum(self, console: Console, summary: dict[str, Any]) -> None:
        """Print the sum."""
        freed = size(summary["bytes_freed"])
        done = count(summary["vacuumed"], "VACUUM", "VACUUMs")
        text = f"{done} in {duration(summary['seconds'])}, {freed} given back to the disk."
        console.print(f"\n{text}", highlight=False)

    def amount(self, entry: Entry) -> int:
        """Return how many statements would run."""
        return len(entry["plan"]["statements"])

    def promise(self, amount: int, entries: int) -> str:
        """Return the sentence with the sum of a dry run."""
        return f"{count(amount, 'statement')} would run."

    def facts(self, entry: Entry) -> list[tuple[str, str]]:
        """Return the order of need, the room that it takes, and what is left as it is."""
        plan = entry["plan"]
        found = [("size", size(entry["bytes_before"]))]
        found += [("most in need", text) for text in _needy(plan["tables"])]
        found += [("free disk", text) for text in rooms(plan)]
        if below := plan["below_ratio"]:
            found.append(("left alone", f"too few dead rows: {_listed(below)}"))
        if not self.amount(entry):
            found.append(("would be done", "nothing"))
        return found

    def goes_on(self, entry: Entry) -> str:
        """Say what becomes of the rest."""
        if entry["state"] == State.PAUSED and entry["run"] is not None:
            line = command("resume", entry["run"], entry["database"])
            return f"nothing else vacuums this database until it is resumed: {line}"
        if entry["state"] == State.SUCCEEDED:
            return "the next run begins with the tables that need it most."
        return "what is done is done, and the next call goes on."

    def said(self, entry: Entry) -> list[str]:
        """Return sizes that have changed, and what was skipped or failed."""
        texts = list(_sizes(entry))
        if entry["refusals"]:  # else the error of the entry says it
            texts += [
                f"{step['state']}: {step['index'] or step['table']}: {step['error']}"
                for step in entry["steps"]
                if step["error"]
            ]
        if below := entry["below_ratio"]:
            texts.append(f"left alone, too few dead rows: {_listed(below)}")
        return texts + [f"note: {note}" for note in entry["notes"]]


VACUUM = VacuumOutput()


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _needy(tables: list[dict[str, Any]]) -> Iterator[str]:
    needy = [table for table in tables if table["need"]]
    for table in needy[:_SHOWN]:
        dead = f"{table['dead_share'] or 0:.0%} of its rows dead"
        yield f"{table['table']}, {size(table['bytes'])}, {dead}: {table['why']}"
    if len(needy) > _SHOWN:
        yield f"and {number(len(needy) - _SHOWN)} more"


def rooms(plan: dict[str, Any]) -> Iterator[str]:
    """Yield how much free disk a plan takes, and how much there is."""
    for room in plan["room"]:
        free = "how much is free cannot be told from here"
        if room["free"] is not None:
            free = f"{size(room['free'])} are free"
        yield f"up to {size(room['needed'])} on {room['place']}; {free}"


def _sizes(entry: Entry) -> Iterator[str]:
    sized = [step for step in entry["steps"] if step["bytes_after"] is not None]
    changed = [step for step in sized if step["bytes_after"] != step["bytes_before"]]
    changed.sort(key=lambda step: step["bytes_after"] - step["bytes_before"])
    for step in changed[:_SHOWN]:
        before, after = size(step["bytes_before"]), size(step["bytes_after"])
        name = step["index"] or step["table"]
        of = "" if step["table"] in (name, WHOLE) else f" on {step['table']}"
        yield f"{step['deed']} {name}{of}: {before} before, {after} after"
    kept = len(sized) - len(changed)
    more = len(changed) - _SHOWN
    if more > 0:
        yield f"{count(more, 'other size')} changed"
    if kept:
        yield f"{count(kept, 'step')} changed no size"


def show_warning(console: Console, planned: Any) -> None:
    """Say what --full will do to whom: locks, tables, free disk."""
    for name, entry in planned["databases"].items():
        if entry["plan"] is None:
            continue
        rewrites = [s for s in entry["plan"]["statements"] if s["deed"] == "vacuum"]
        if not rewrites:
            continue
        paragraph(
            console,
            f"{name}: {count(len(rewrites), 'VACUUM', 'VACUUMs')} would write all rows anew under "
            f"the lock {rewrites[0]['lock']}, which blocks {rewrites[0]['blocks']}.",
            indent=0,
        )
        names = _listed([statement["table"] for statement in rewrites])
        paragraph(console, names, label="  tables", indent=13)
        for text in rooms(entry["plan"]):
            paragraph(console, text, label="  free disk", indent=13)
