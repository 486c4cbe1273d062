"""The ``DBHEALTH`` dict of the project's settings, as frozen, checked :class:`Settings`.

Every key has a default, so an empty project works. Values are read when they are needed,
and read again after Django's ``setting_changed``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from dbhealth.exceptions import ConfigurationError


def _option(default: Any, *, minimum: float, text: str, maximum: float | None = None) -> Any:
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum, "text": text})


def _switch(default: bool, *, text: str) -> Any:
    return field(default=default, metadata={"text": text})


def _choice(default: str, *choices: str, text: str) -> Any:
    return field(default=default, metadata={"text": text, "choices": (default, *choices)})


def _numbers_of_databases(*, text: str) -> Any:
    return field(default_factory=dict, metadata={"text": text})


def _text_of_databases(*, text: str) -> Any:
    return field(default_factory=dict, metadata={"text": text, "is_text": True})


def _text_of_operations(*, text: str) -> Any:
    return field(default_factory=dict, metadata={"text": text, "is_text": True, "aliases": False})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The values in force. The keys of ``DBHEALTH`` are these names in capitals."""

    archive_batch_size: int = _option(
        5_000, minimum=1, text="Most rows that one transaction moves (rows)."
    )
    archive_batch_floor: int = _option(
        100, minimum=1, text="Fewest rows to which a batch is shrunk (rows)."
    )
    archive_batch_seconds: float = _option(
        0.25, minimum=0.001, text="The duration that a batch aims at (seconds)."
    )
    archive_checksum: bool = _switch(
        True, text="Prove each batch by a checksum over its rows on both sides (True or False)."
    )
    lock_timeout: float = _option(
        2.0, minimum=0.001, text="Longest wait for a lock, per statement (seconds)."
    )
    statement_timeout: float = _option(
        30.0, minimum=0.001, text="Longest time of one statement of a batch (seconds)."
    )
    survey_timeout: float = _option(
        900.0, minimum=0.001, text="Longest time of one counting query before a run (seconds)."
    )
    batch_retries: int = _option(
        8, minimum=0, text="How often a batch is tried again after a lock or timeout (times)."
    )
    index_lock_timeout: float = _option(
        300.0,
        minimum=0.001,
        text="Longest wait of the build of an index for older transactions (seconds).",
    )
    index_retries: int = _option(
        2,
        minimum=0,
        text="How often the build of an index, or a step of a vacuum, is tried again (times).",
    )
    index_history_days: int = _option(
        400, minimum=1, text="How long the history of indexes is kept (days)."
    )
    large_table_bytes: int = _option(
        100 * 1024 * 1024,
        minimum=0,
        text="A table of so many bytes is large: nobody should wait for its index (bytes).",
    )
    lease_seconds: float = _option(
        120.0, minimum=1, text="A run without a heartbeat for so long counts as dead (seconds)."
    )
    clock_skew: float = _option(
        300.0, minimum=1, text="Largest difference of the two clocks before a run (seconds)."
    )
    purge_max_share: float = _option(
        0.5,
        minimum=0.01,
        maximum=1,
        text="Largest part of an archive that one purge deletes (0.01 to 1).",
    )
    sqlite_cache_bytes: int = _option(
        12 * 1024 * 1024, minimum=0, text="SQLite's page cache during a run (bytes)."
    )
    record_index_use: bool = _switch(
        False, text="Record which indexes the application's statements use (True or False)."
    )
    record_sample: float = _option(
        0.1,
        minimum=0.0001,
        maximum=1,
        text="Share of the statements that the recorder looks at (0.0001 to 1).",
    )
    record_seconds: float = _option(
        60.0, minimum=1, text="Shortest time between two writings of the recorder (seconds)."
    )
    record_statements: int = _option(
        1_000, minimum=1, text="Most statements that the recorder keeps in memory (statements)."
    )
    record_days: int = _option(
        400, minimum=1, text="How long the recorder's counts are kept (days)."
    )
    health_check_timeout: float = _option(
        10.0, minimum=0.001, text="Longest time of one health check (seconds)."
    )
    health_lock_timeout: float = _option(
        0.5, minimum=0.001, text="Longest wait of a health check for a lock (seconds)."
    )
    health_history_days: int = _option(
        400, minimum=1, text="How long a finding is kept after it is resolved (days)."
    )
    size_history_days: int = _option(
        400, minimum=1, text="How long the history of sizes is kept (days)."
    )
    figures_timeout: float = _option(
        60.0,
        minimum=0.001,
        text="Longest time that a snapshot counts the rows of one archive (seconds).",
    )
    health_system_checks: bool = _switch(
        True, text="Findings are system checks of a database as well (True or False)."
    )
    background: str = _choice(
        "auto",
        "process",
        "tasks",
        text="What executes runs that a page starts: 'process', a detached one of their own; "
        "'tasks', a worker of Django's TASKS; 'auto', the worker where TASKS names one.",
    )
    thresholds: Mapping[str, Mapping[str, float | None]] = _numbers_of_databases(
        text="Where findings begin: {alias: {threshold: number}}, '*' for every alias."
    )
    backups: Mapping[str, str] = _text_of_databases(
        text="How to tell when the newest backup was made: {alias: a path, or a function's name}."
    )
    direct: Mapping[str, str] = _text_of_databases(
        text="The server itself, where an alias goes through a pooler: {alias: conninfo}."
    )
    schedule: Mapping[str, str] = _text_of_operations(
        text="When cron starts what: {operation: cron expression}."
    )


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the ``DBHEALTH`` setting."""

    message: str
    hint: str


def _keys() -> dict[str, Field[Any]]:
    return {item.name.upper(): item for item in fields(Settings)}


def _unknown_key(key: object) -> Problem:
    close = difflib.get_close_matches(str(key).upper(), _keys(), n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(sorted(_keys()))}."
    return Problem(f"DBHEALTH has no key {key!r}.", hint)


def _wrong_value(key: str, value: object) -> Problem | None:
    known = _keys()[key]
    if known.default is MISSING:
        return (_wrong_text if known.metadata.get("is_text") else _wrong_numbers)(key, value)
    if "choices" in known.metadata:
        return _wrong_choice(key, value)
    if isinstance(known.default, bool):
        return None if isinstance(value, bool) else _wrong_switch(key, value)
    whole = isinstance(known.default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        wanted = "a whole number" if whole else "a number"
        message = f"DBHEALTH[{key!r}] must be {wanted}, not {type(value).__name__}."
        return Problem(message, known.metadata["text"])
    # "not >=" and not "<": NaN compares false both ways and must not slip through.
    if not value >= known.metadata["minimum"] or value == float("inf"):
        message = f"DBHEALTH[{key!r}] must be at least {known.metadata['minimum']}, not {value}."
        return Problem(message, known.metadata["text"])
    if (most := known.metadata["maximum"]) is not None and value > most:
        message = f"DBHEALTH[{key!r}] must be at most {most}, not {value}."
        return Problem(message, known.metadata["text"])
    return None


def _wrong_switch(key: str, value: object) -> Problem:
    message = f"DBHEALTH[{key!r}] must be a boolean, not {type(value).__name__}."
    return Problem(message, _keys()[key].metadata["text"])


def _wrong_choice(key: str, value: object) -> Problem | None:
    choices = _keys()[key].metadata["choices"]
    if value in choices:
        return None
    close = difflib.get_close_matches(str(value), choices, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else _keys()[key].metadata["text"]
    told = ", ".join(map(repr, choices))
    return Problem(f"DBHEALTH[{key!r}] must be one of {told}, not {value!r}.", hint)


def _wrong_text(key: str, value: object) -> Problem | None:
    """Return what is wrong with a text for each name; which operations there are, others know."""
    names_databases = _keys()[key].metadata.get("aliases", True)
    text = _keys()[key].metadata["text"]
    if not isinstance(value, Mapping):
        return Problem(f"DBHEALTH[{key!r}] must be a dict, not {type(value).__name__}.", text)
    for alias, own in value.items():
        problem = _wrong_alias(key, alias, tuple(django_settings.DATABASES))
        if names_databases and problem:
            return problem
        if not isinstance(own, str):
            kind = type(own).__name__
            return Problem(f"DBHEALTH[{key!r}][{alias!r}] must be a str, not {kind}.", text)
    return None


def _wrong_alias(key: str, alias: object, aliases: tuple[str, ...]) -> Problem | None:
    if alias in aliases:
        return None
    close = difflib.get_close_matches(str(alias), aliases, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"There is {', '.join(aliases)}."
    return Problem(f"DBHEALTH[{key!r}] names no database by {alias!r}.", hint)


def _wrong_numbers(key: str, value: object) -> Problem | None:
    """Return what is wrong with numbers by alias and name; which names there are, others know."""
    text = _keys()[key].metadata["text"]
    if not isinstance(value, Mapping):
        return Problem(f"DBHEALTH[{key!r}] must be a dict, not {type(value).__name__}.", text)
    aliases = ("*", *django_settings.DATABASES)
    for alias, own in value.items():
        if problem := _wrong_alias(key, alias, aliases):
            return problem
        if not isinstance(own, Mapping):
            kind = type(own).__name__
            return Problem(f"DBHEALTH[{key!r}][{alias!r}] must be a dict, not {kind}.", text)
        for name, number in own.items():
            is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
            if number is not None and not (is_number and 0 <= number < float("inf")):
                place = f"DBHEALTH[{key!r}][{alias!r}][{name!r}]"
                return Problem(f"{place} must be a number from 0 or None, not {number!r}.", text)
    return None


def _impossible_pairs(values: Settings) -> list[Problem]:
    found = []
    if values.archive_batch_floor > values.archive_batch_size:
        found.append(
            Problem(
                "DBHEALTH['ARCHIVE_BATCH_FLOOR'] is larger than 'ARCHIVE_BATCH_SIZE'.",
                "The floor is the size to which a batch is shrunk; keep it below the size.",
            )
        )
    if values.lease_seconds <= values.statement_timeout + values.lock_timeout:
        found.append(
            Problem(
                "DBHEALTH['LEASE_SECONDS'] is not longer than 'STATEMENT_TIMEOUT' plus "
                "'LOCK_TIMEOUT'.",
                "A run gives a sign of life once a batch; a lease that ends within one batch "
                "would let a second process take over a run that is alive.",
            )
        )
    return found


def problems(raw: object) -> list[Problem]:
    """Return everything that is wrong with ``raw``, a value of the ``DBHEALTH`` setting."""
    if not isinstance(raw, Mapping):
        return [Problem(f"DBHEALTH must be a dict, not {type(raw).__name__}.", "DBHEALTH = {}")]
    found = [_unknown_key(key) for key in raw if key not in _keys()]
    checked = (_wrong_value(key, value) for key, value in raw.items() if key in _keys())
    found += [problem for problem in checked if problem is not None]
    return found or _impossible_pairs(_build(raw))


def _build(raw: Mapping[str, Any]) -> Settings:
    return Settings(**{key.lower(): value for key, value in raw.items()})


@cache
def get_settings() -> Settings:
    """Return the settings in force.

    Raises ConfigurationError, naming every problem, when ``DBHEALTH`` is wrong.
    """
    raw = getattr(django_settings, "DBHEALTH", {})
    if found := problems(raw):
        raise ConfigurationError(" ".join(f"{item.message} {item.hint}" for item in found))
    return _build(raw)


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "DBHEALTH":
        get_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="dbhealth.conf")
