"""Running checks: each bounded in time, none able to write, a failing one a finding like others."""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import Error

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.records import Standing
from dbhealth.backends.trouble import Trouble
from dbhealth.collector import without_collecting
from dbhealth.conf import get_settings
from dbhealth.exceptions import DBHealthError, OutOfTime, UsageError
from dbhealth.health.finding import Finding, Level
from dbhealth.health.registry import Check, Context, registry
from dbhealth.health.thresholds import Thresholds
from dbhealth.saying import joined
from dbhealth.saying import say as _

logger = logging.getLogger("dbhealth.health")

FAILED = "dbhealth.H001"
"""The id of "a check could not be made"."""

DENIED = "dbhealth.H002"
"""The id of "a right is missing"."""

OF_CHECKS = {FAILED: _("A check could not be made"), DENIED: _("A right is missing")}
"""The findings about the checks themselves, with their titles."""

OF_CHECK = "check "
"""What stands before the id in the object of a finding about a check."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the checks found in one database.

    ``findings`` stand with the gravest first. ``run``, ``failed`` and ``skipped`` are ids of
    checks; one that could see a part only is in ``partial`` as well as in ``run``. ``left_out``
    are tables that somebody else held a lock on. ``complete``: every check was wanted that is not
    expensive.
    """

    alias: str
    standing: Standing
    findings: tuple[Finding, ...]
    run: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    partial: tuple[str, ...]
    left_out: tuple[str, ...]
    complete: bool
    seconds: float

    def judged(self, check: str, thing: str) -> bool:
        """Return whether a finding of ``check`` about ``thing`` would be here if it still held."""
        if check == FAILED:
            return thing.removeprefix(OF_CHECK) in self.run if thing else bool(self.run)
        if check == DENIED or check not in registry:  # a check can go with the app that had it
            return self.complete
        return check in self.run and check not in self.partial

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON, without the findings."""
        names = ("run", "failed", "skipped", "partial", "left_out")
        facts = {"database": self.alias, **{name: getattr(self, name) for name in names}}
        return {**facts, "seconds": round(self.seconds, 3)}


@dataclass
class _Work:
    """A report in the making."""

    backend: Backend
    standing: Standing
    findings: list[Finding] = field(default_factory=list)
    run: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    rights: dict[str, list[str]] = field(default_factory=dict)


def run_checks(
    alias: str,
    ids: Collection[str] | None = None,
    ignore: Collection[str] = (),
    *,
    expensive: bool = False,
) -> Report:
    """Run the health checks of one database and return what they found.

    ``ids`` are the checks to run (None: all that are not expensive, with ``expensive`` those as
    well), ``ignore`` ids whose findings nobody wants. A check that fails does not keep others from
    being made; that nobody can reach the database is a finding as well. Raises UsageError for an id
    that does not exist, ConfigurationError and UnsupportedEngine.
    """
    _check_ids([*(ids or ()), *ignore])
    with without_collecting():
        return _run_checks(alias, ids, ignore, expensive=expensive)


def _run_checks(
    alias: str, ids: Collection[str] | None, ignore: Collection[str], *, expensive: bool
) -> Report:
    started, backend = time.monotonic(), get_backend(alias)
    thresholds, readings = Thresholds(alias), dict[str, Any]()
    try:
        work = _Work(backend=backend, standing=backend.session.standing())
    except Error as error:
        return _unreachable(alias, error, time.monotonic() - started)
    skipped = []
    for check in registry:
        wanted = check.id in ids if ids is not None else expensive or not check.expensive
        if not wanted or check.id in ignore or not check.applies(backend.features):
            skipped.append(check.id)
            continue
        _make(Context(check, backend, thresholds, readings), work)
    _name_rights(work)
    found = (finding for finding in work.findings if finding.id not in ignore)
    return Report(
        alias=alias,
        standing=work.standing,
        findings=tuple(sorted(found, key=_gravest_first)),
        run=tuple(work.run),
        failed=tuple(work.failed),
        skipped=tuple(skipped),
        partial=tuple(work.partial),
        left_out=tuple(sorted(work.left_out)),
        complete=ids is None and not ignore,
        seconds=time.monotonic() - started,
    )


def _unreachable(alias: str, error: Error, seconds: float) -> Report:
    finding = Finding(
        id=FAILED,
        level=Level.CRITICAL,
        database=alias,
        title=_(
            "The database {alias!r} cannot be reached: {error}",
            alias=alias,
            error=_first_line(error),
        ),
        why=_("No check could be made."),
        instead=_("See whether it runs, and what DATABASES says about it."),
    )
    return Report(
        alias=alias,
        standing=Standing(takes_writes=False),
        findings=(finding,),
        run=(),
        failed=(),
        skipped=tuple(check.id for check in registry),
        partial=(),
        left_out=(),
        complete=False,
        seconds=seconds,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _gravest_first(finding: Finding) -> tuple[int, str, str]:
    return -finding.level.rank, finding.id, finding.object


def _check_ids(wanted: Iterable[str]) -> None:
    known = {check.id for check in registry} | set(OF_CHECKS)
    if unknown := sorted(set(wanted) - known):
        close = (difflib.get_close_matches(id, sorted(known), n=1) for id in unknown)
        meant = dict.fromkeys(id for found in close for id in found)
        hint = (
            _("Did you mean {names}?", names=" or ".join(meant))
            if meant
            else _("The manual lists all of them.")
        )
        raise UsageError(f"There is no health check {', '.join(unknown)}. {hint}")


def _make(context: Context, work: _Work) -> None:
    """Make one check; whatever becomes of it is added to ``work``."""
    check, settings = context.check, get_settings()
    bounds = {"lock": settings.health_lock_timeout, "seconds": settings.health_check_timeout}
    try:
        with work.backend.executor.looking(**bounds):
            found = list(check.look(context))
    except Exception as error:  # a check of any app: its failure is a finding, not a crash
        work.failed.append(check.id)
        _tell_failure(check, error, work)
        return
    work.run.append(check.id)
    work.findings += found
    work.left_out.update(context.left_out)
    if context.left_out or context.rights:
        work.partial.append(check.id)
    for grant, what in context.rights:
        work.rights.setdefault(grant, []).append(what)


def _tell_failure(check: Check, error: Exception, work: _Work) -> None:
    trouble = Trouble.OTHER
    if isinstance(error, OutOfTime):
        trouble = Trouble.STATEMENT_TIMEOUT
    elif isinstance(error, Error):
        trouble = work.backend.errors.trouble(error)
    if trouble is Trouble.DENIED:
        grant = work.backend.errors.grant(error, work.standing.role)
        what = _("what {check} looks at ({title})", check=check.id, title=check.title)
        work.rights.setdefault(grant, []).append(what)
        return
    expected = trouble.passes or isinstance(error, DBHealthError)
    if not expected:
        logger.error("The health check %s failed.", check.id, exc_info=error)
    said = _first_line(error)
    instead, hint = _INSTEAD.get(trouble, _OTHERWISE), work.backend.errors.hint(trouble)
    work.findings.append(
        Finding(
            id=FAILED,
            level=Level.WARNING if expected else Level.ERROR,
            database=work.backend.alias,
            object=f"{OF_CHECK}{check.id}",
            title=_(
                "{check} ({title}) could not be made: {error}: {said}",
                check=check.id,
                title=check.title,
                error=type(error).__name__,
                said=said,
            ),
            why=_("What it looks for may be there all the same."),
            instead=joined((instead, hint), " ") if hint else instead,
        )
    )


_INSTEAD = {
    Trouble.LOCK_TIMEOUT: _("Run it again when the lock is gone."),
    Trouble.STATEMENT_TIMEOUT: _(
        "Run it alone (--check) at a quiet time, or raise the setting HEALTH_CHECK_TIMEOUT."
    ),
}
_OTHERWISE = _("The log has the traceback; leave the check out (--ignore) until it is mended.")


def _name_rights(work: _Work) -> None:
    for grant, whats in sorted(work.rights.items()):
        unseen = joined(dict.fromkeys(whats), "; ")
        work.findings.append(
            Finding(
                id=DENIED,
                level=Level.WARNING,
                database=work.backend.alias,
                object=grant,
                title=_(
                    'The role "{role}" cannot see {unseen}.', role=work.standing.role, unseen=unseen
                ),
                why=_("What is wrong there is not found."),
                instead=_("Let somebody who may give the right run the statement."),
                sql=(f"{grant};",),
            )
        )
