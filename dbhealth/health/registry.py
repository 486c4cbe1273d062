"""The checks that there are, and what a check is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from dbhealth.backends import Backend
from dbhealth.backends.features import Features
from dbhealth.exceptions import ConfigurationError
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.thresholds import Thresholds

Value = TypeVar("Value")

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Z]+[0-9]{3,}")


@dataclass(frozen=True)
class _Failed:
    """What came of a reading that failed."""

    error: Exception


class Context:
    """One check's look at one database.

    ``backend`` reads it, ``thresholds["name"]`` are its numbers. Whatever is asked of the database
    while a check runs is bounded in time and changes nothing.
    """

    def __init__(
        self, check: Check, backend: Backend, thresholds: Thresholds, readings: dict[str, Any]
    ) -> None:
        """Take the check and what it shares with the others."""
        self.check = check
        self.backend = backend
        self.alias = backend.alias
        self.thresholds = thresholds
        self.left_out: list[str] = []
        self.rights: list[tuple[str, str]] = []
        self._readings = readings

    def memo(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return what ``compute`` returned for ``name``, the first time that a check asked.

        What it raised then is raised again: nobody waits twice for what takes too long.
        """
        if name not in self._readings:
            try:
                self._readings[name] = compute()
            except Exception as error:
                self._readings[name] = _Failed(error)
                raise
        value = self._readings[name]
        if isinstance(value, _Failed):
            raise value.error
        read: Value = value
        return read

    def leave_out(self, names: Iterable[str]) -> None:
        """Say which tables could not be looked at because somebody holds a lock on them."""
        self.left_out.extend(names)

    def lacks(self, grant: str, what: str) -> None:
        """Say that something could not be seen for want of a right (dbhealth.H002).

        ``grant`` is the statement that gives it ("GRANT pg_monitor TO app"), ``what`` completes
        the sentence "This role cannot see …".
        """
        self.rights.append((grant, what))

    def finding(
        self,
        level: Level,
        title: str,
        *,
        why: str,
        instead: str,
        object: str = "",
        value: float | None = None,
        threshold: float | None = None,
        unit: str = "",
        confidence: Confidence = Confidence.HIGH,
        reasons: tuple[str, ...] = (),
        sql: tuple[str, ...] = (),
        change: str = "",
        file: str = "",
        line: int = 0,
        help: str = "",
    ) -> Finding:
        """Return a finding of this check on this database; see :class:`Finding`."""
        return Finding(
            id=self.check.id,
            level=level,
            database=self.alias,
            title=title,
            why=why,
            instead=instead,
            object=object,
            value=value,
            threshold=threshold,
            unit=unit,
            confidence=confidence,
            reasons=reasons,
            sql=sql,
            change=change,
            file=file,
            line=line,
            help=help,
        )


Look = Callable[[Context], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A function that looks for one thing.

    ``title`` is what it looks for, without figures. It runs only where the flag ``feature`` of
    :class:`Features` is true (empty: on every engine). An ``expensive`` one reads whole tables or
    files: it runs where it is asked for by its id, or where all are wanted.
    """

    id: str
    title: str
    look: Look
    feature: str = ""
    expensive: bool = False

    def applies(self, features: Features) -> bool:
        """Return whether the engine has what it is about."""
        return not self.feature or bool(getattr(features, self.feature))


class Registry:
    """The checks by their ids."""

    def __init__(self) -> None:
        """Begin with none."""
        self._checks: dict[str, Check] = {}

    def __iter__(self) -> Iterator[Check]:
        """Return them in the order of their ids."""
        return iter(self._checks[name] for name in sorted(self._checks))

    def __contains__(self, name: object) -> bool:
        """Return whether there is a check of this id."""
        return name in self._checks

    def register(
        self, id: str, *, title: str, feature: str = "", expensive: bool = False
    ) -> Callable[[Look], Look]:
        """Return a decorator that registers a function as the check ``id``.

        Raises ConfigurationError when the id is no "app.X001", is taken by another function, or
        when there is no such feature flag.
        """
        if not _ID.fullmatch(id):
            raise ConfigurationError(
                f"{id!r} is no id of a health check: it is an app's name, a dot, a capital letter "
                "and three digits, such as 'shop.H001'."
            )
        if feature and feature not in {item.name for item in fields(Features)}:
            raise ConfigurationError(f"The health check {id} wants an unknown feature {feature!r}.")

        def keep(look: Look) -> Look:
            known = self._checks.get(id)
            if known is not None and known.look is not look:
                raise ConfigurationError(
                    f"The health check {id} is already {known.look.__module__}."
                    f"{known.look.__qualname__}; an id keeps its meaning for ever."
                )
            self._checks[id] = Check(
                id=id, title=title, look=look, feature=feature, expensive=expensive
            )
            return look

        return keep


registry = Registry()
register = registry.register
