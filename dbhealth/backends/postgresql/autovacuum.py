"""When autovacuum would turn to a table: the server's own formula, options of the table included.

As in relation_needs_vacanalyze(), src/backend/postmaster/autovacuum.c, told in
https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dbhealth.backends.condition import Autovacuum, Due

_ON = ("on", "true", "yes", "1")
PREFIX = "autovacuum_"
"""Begins the names of its settings and of the options of a table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the formula asks of a table or of its TOAST table.

    ``expected`` is pg_class.reltuples, ``frozen_share`` the part of its pages that hold frozen
    rows only, which counts from version 18 on. Ages are None where there is nothing to freeze.
    """

    options: tuple[str, ...]
    expected: float
    frozen_share: float
    dead: int
    inserted: int
    changed: int
    age: int | None
    multixact_age: int | None


def autovacuum(facts: Facts, server: Mapping[str, float], *, active: bool) -> Autovacuum:
    """Return where autovacuum begins with a table, and whether it is due now.

    ``server`` are the settings by what follows "autovacuum_", ``active`` tells that both
    autovacuum and track_counts are on. How full the store of multixact members is is not looked
    at: it can only make the limit of multixacts lower.
    """
    own = _numbers(facts.options) if facts.options else {}

    def setting(name: str, *, least: float = 0) -> float:
        value = own.get(name, -2)
        return value if value >= least else server[name]

    rows = max(facts.expected, 0.0)
    dead = setting("vacuum_threshold") + setting("vacuum_scale_factor") * rows
    most = setting("vacuum_max_threshold", least=-1) if _has_most(server) else -1
    inserted = setting("vacuum_insert_threshold", least=-1)
    grown = setting("vacuum_insert_scale_factor") * rows * (1 - facts.frozen_share)
    found = Autovacuum(
        dead=min(dead, most) if most >= 0 else dead,
        inserted=inserted + grown if inserted >= 0 else None,
        changed=setting("analyze_threshold") + setting("analyze_scale_factor") * rows,
        # An option may only bring it forward.
        age=int(min(setting("freeze_max_age"), server["freeze_max_age"])),
        multixact_age=int(
            min(setting("multixact_freeze_max_age"), server["multixact_freeze_max_age"])
        ),
        enabled=_is_enabled(facts.options),
    )
    return _judged(found, facts, active=active)


def _has_most(server: Mapping[str, float]) -> bool:
    """Return whether the server bounds the limit of dead rows (version 18)."""
    return "vacuum_max_threshold" in server


def _judged(limits: Autovacuum, facts: Facts, *, active: bool) -> Autovacuum:
    due = []
    if facts.age is not None and facts.age > limits.age:
        due.append(Due.AGE)
    if facts.multixact_age is not None and facts.multixact_age > limits.multixact_age:
        due.append(Due.MULTIXACT_AGE)
    # Wraparound is prevented even where somebody has switched autovacuum off.
    if active and (limits.enabled or due):
        if facts.dead > limits.dead:
            due.append(Due.DEAD)
        if limits.inserted is not None and facts.inserted > limits.inserted:
            due.append(Due.INSERTED)
        if facts.changed > limits.changed:
            due.append(Due.CHANGED)
    if not due:
        return limits
    return replace(limits, due=tuple(due))


def _is_enabled(options: Sequence[str]) -> bool:
    for option in options:
        name, _, value = option.partition("=")
        if name == "autovacuum_enabled":
            # The parser of booleans takes any beginning of these words ("t", "tr", …).
            word = value.lower()
            return any(full.startswith(word) for full in _ON) and word not in {"", "o"}
    return True


def _numbers(options: Sequence[str]) -> dict[str, float]:
    found = {}
    for option in options:
        name, _, value = option.partition("=")
        if name.startswith(PREFIX) and name != "autovacuum_enabled":
            try:
                found[name.removeprefix(PREFIX)] = float(value)
            except ValueError:
                continue  # no number: log_autovacuum_min_duration in units, say
    return found
