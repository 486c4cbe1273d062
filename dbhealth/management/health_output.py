"""How ``db_health`` shows findings: to people on a terminal, and to GitHub as annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from dbhealth.health.examine import Examination
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.management.terminal import count, duration, paragraph, size

_STYLES = {
    Level.CRITICAL: "bold red",
    Level.ERROR: "red",
    Level.WARNING: "yellow",
    Level.INFO: "cyan",
}

_COMMANDS = {
    Level.CRITICAL: "error",
    Level.ERROR: "error",
    Level.WARNING: "warning",
    Level.INFO: "notice",
}
"""The workflow commands of GitHub for the levels."""


def show_examinations(console: Console, found: Sequence[Examination]) -> None:
    """Print what counts in full, and the rest by number."""
    for item in found:
        console.print(f"[bold]{escape(item.report.alias)}[/]", highlight=False)
        for finding in item.counting:
            _show(console, item, finding)
        _sum(console, item)
        console.print()


def _show(console: Console, item: Examination, finding: Finding) -> None:
    thing = f" {finding.object}" if finding.object else ""
    style = _STYLES[finding.level]
    head = f"  [{style}]{finding.level}[/] {finding.id}{escape(thing)}"
    console.print(head, highlight=False, soft_wrap=True)
    paragraph(console, finding.title, indent=4)
    if measured := _measured(finding):
        paragraph(console, measured, indent=4)
    paragraph(console, finding.why, indent=4)
    paragraph(console, finding.instead, label="    -> ", indent=7)
    for line in (*finding.sql, *finding.change.splitlines()):
        console.out(f"       {line}", highlight=False)  # never wrapped: it is there to be copied
    place = f"{finding.file}:{finding.line}"
    if finding.file and place not in finding.change:
        console.out(f"       {place}", highlight=False)
    if finding.confidence is not Confidence.HIGH or finding.reasons:
        reasons = " ".join(finding.reasons)
        paragraph(console, f"confidence {finding.confidence}: {reasons}".rstrip(": "), indent=4)
    life = item.life(finding)
    since = "new" if life is None or life.is_new else f"since {life.first_seen:%Y-%m-%d %H:%M}"
    console.out(f"    {since}; key {finding.key}", highlight=False)
    console.print()


def _measured(finding: Finding) -> str:
    """Return the value beside its threshold, each as far as there is one."""
    parts = (("measured", finding.value), ("threshold", finding.threshold))
    return ", ".join(
        f"{word} {_figure(number, finding.unit)}" for word, number in parts if number is not None
    )


def _figure(number: float, unit: str) -> str:
    if unit == "bytes":
        return size(round(number))
    if unit == "seconds":
        return duration(number)
    return f"{number:.1%}" if unit == "share" else f"{number:,.6g} {unit}".rstrip()


def _sum(console: Console, item: Examination) -> None:
    report = item.report
    levels = Counter(finding.level for finding in item.counting)
    told = [f"{levels[level]} {level}" for level in reversed(Level) if levels[level]]
    said = f"{count(len(report.run), 'check')} in {report.seconds:.1f} s: "
    said += f"{', '.join(told)}." if told else "no findings."
    known = sum(map(item.is_acknowledged, report.findings))
    lived_with = len(report.findings) - len(item.counting) - known
    said += f" {known:,} more acknowledged." if known else ""
    said += f" {lived_with:,} more in the baseline." if lived_with else ""
    paragraph(console, said, indent=2)
    if report.left_out:
        names = ", ".join(report.left_out)
        paragraph(console, f"Left out, for somebody holds a lock on them: {names}.", indent=2)
    if item.note:
        paragraph(console, item.note, indent=2)


def workflow_commands(found: Sequence[Examination]) -> Iterator[str]:
    """Yield a line for each finding that counts, as GitHub's workflow commands.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    for item in found:
        for finding in item.counting:
            thing = " ".join(filter(None, (finding.id, finding.database, finding.object)))
            place = {"file": finding.file, "line": str(finding.line or "")}
            properties = ",".join(
                f"{name}={_property(value)}"
                for name, value in {**place, "title": thing}.items()
                if value
            )
            text = "\n".join((f"{finding.title} {finding.why}", finding.instead, *finding.sql))
            yield f"::{_COMMANDS[finding.level]} {properties}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
