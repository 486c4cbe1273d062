"""Settings of the server: S010, S011, S014."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbhealth.backends.server_records import Machine
from dbhealth.health.checks.readings import settings
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import size
from dbhealth.saying import say as _

_GIB = 1024**3

SMALL_MACHINE = 2 * _GIB
"""Memory up to which the server's own defaults are right (bytes)."""


@dataclass(frozen=True)
class _Default:
    """A default for a small machine: which part of the memory is usual, or which value is."""

    share: float | None
    usual: str
    why: str
    most: int = 0

    def advice(self, memory: int | None) -> str:
        """Return the value to set, in whole megabytes where it depends on the memory."""
        if self.share is None or memory is None:
            return self.usual
        wanted = int(memory * self.share)
        return f"{(min(wanted, self.most) if self.most else wanted) // 1024**2}MB"


_DEFAULTS = {
    "shared_buffers": _Default(
        0.25, "2GB", _("The server keeps so little of the database in its own cache.")
    ),
    "effective_cache_size": _Default(
        0.75,
        "6GB",
        _("The planner takes the machine's cache for smaller than it is, and indexes for dearer."),
    ),
    "maintenance_work_mem": _Default(
        1 / 16, "512MB", _("VACUUM and CREATE INDEX go over large tables several times."), _GIB
    ),
    "random_page_cost": _Default(
        None,
        "1.1",
        _(
            "That is for disks that turn: on others the planner reads whole tables where an index "
            "would be quicker."
        ),
    ),
}


@register(
    "dbhealth.S010",
    title=_("A setting is left at its default on a large machine"),
    feature="has_sessions",
)
def defaults(context: Context) -> Iterator[Finding]:
    """Find settings at the defaults of a small machine under a large database."""
    bound = context.thresholds["large_database"]
    machine: Machine = context.memo("server.machine", context.backend.server.machine)
    is_small = machine.memory is not None and machine.memory <= SMALL_MACHINE
    if is_small or not machine.database_bytes >= bound:
        return
    for name, default in _DEFAULTS.items():
        setting = settings(context).get(name)
        if setting is None or not setting.is_default or setting.waits_for_restart:
            continue
        value = default.advice(machine.memory)
        known = machine.memory is not None and default.share is not None
        yield context.finding(
            Level.INFO,
            _(
                "{name} is {shown}, as the server came, under a database of {database_bytes}.",
                name=name,
                shown=setting.shown,
                database_bytes=size(machine.database_bytes),
            ),
            object=f"setting {name}",
            value=machine.database_bytes,
            threshold=bound,
            unit="bytes",
            confidence=Confidence.MEDIUM if known else Confidence.LOW,
            reasons=(_reason(machine, default),),
            why=default.why,
            instead=_(
                "Set it to what fits the machine, such as {example}, and restart the server.",
                example=value,
            )
            if name == "shared_buffers"
            else _("Set it to what fits the machine, such as {example}.", example=value),
            sql=context.backend.server.cures.set(name, value),
        )


def _reason(machine: Machine, default: _Default) -> str:
    if default.share is None:
        return _("What kind of disk the server has cannot be seen from here.")
    if machine.memory is None:
        return _("How much memory the server's machine has cannot be seen from here.")
    return _(
        "The machine has {memory} of memory; others may use it as well.",
        memory=size(machine.memory),
    )


_RISKS = {
    "fsync": (
        "off",
        Level.CRITICAL,
        _("A crash of the machine can leave the whole database beyond repair."),
    ),
    "full_page_writes": (
        "off",
        Level.ERROR,
        _("A crash of the machine can leave pages half written, which nobody notices."),
    ),
    "zero_damaged_pages": ("on", Level.ERROR, _("A damaged page is emptied when it is read.")),
    "ignore_checksum_failure": (
        "on",
        Level.ERROR,
        _("Damaged pages are read as if they were whole."),
    ),
    "synchronous_commit": (
        "off",
        Level.INFO,
        _("A crash can take back the newest transactions, though their COMMIT was reported."),
    ),
    "track_counts": (
        "off",
        Level.ERROR,
        _("Autovacuum does not run without these counts, and the checks of tables are blind."),
    ),
    "track_activities": (
        "off",
        Level.WARNING,
        _(
            "Nobody sees what sessions do: the checks of long statements and transactions are "
            "blind."
        ),
    ),
}


@register("dbhealth.S011", title=_("A setting puts data at risk"), feature="has_sessions")
def risks(context: Context) -> Iterator[Finding]:
    """Find settings that trade data, or the sight of trouble, for speed."""
    for name, (bad, level, why) in _RISKS.items():
        setting = settings(context).get(name)
        if setting is None or setting.value != bad:
            continue
        yield context.finding(
            level,
            _("{name} is {bad}.", name=name, bad=bad),
            object=f"setting {name}",
            why=why,
            instead=_("Set it back, unless nobody would miss this database."),
            sql=context.backend.server.cures.set(name, "off" if bad == "on" else "on"),
        )


@register("dbhealth.S014", title=_("A setting waits for a restart"), feature="has_sessions")
def pending(context: Context) -> Iterator[Finding]:
    """Find settings that were changed in the file and are not in force."""
    names = sorted(item.name for item in settings(context).values() if item.waits_for_restart)
    for name in names:
        yield context.finding(
            Level.INFO,
            _(
                "{name} has been changed, and comes into force with the next restart of the "
                "server.",
                name=name,
            ),
            object=f"setting {name}",
            why=_(
                "Until then the server works as before; with a restart that nobody has planned it "
                "works otherwise all of a sudden."
            ),
            instead=_("Restart the server at a quiet time, or take the change back."),
        )
