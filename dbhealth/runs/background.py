"""Starting a queued run outside of the process that has asked for it.

What executes is chosen by DBHEALTH["BACKGROUND"], and known to ``dbhealth.tasks`` only, which
registers its choice here when the project starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import transaction

from dbhealth.exceptions import ConfigurationError
from dbhealth.runs.failures import told
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.queue import end_queued
from dbhealth.saying import say as _

logger = logging.getLogger("dbhealth.runs")


@dataclass(frozen=True, kw_only=True)
class Executor:
    """A way to execute. ``launch`` takes the alias and the id of a queued run and returns at once.

    ``name`` is "process" or "tasks"; ``text`` goes on after "Run 5 is executed".
    """

    name: str
    text: str
    launch: Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class How:
    """How a run is executed: the executor's name and a sentence for people."""

    name: str
    sentence: str


_choices: list[Callable[[], Executor]] = []


def register(choose: Callable[[], Executor]) -> None:
    """Let ``choose`` say which executor there is; it raises ConfigurationError for none."""
    _choices[:] = [choose]


def start(run: MaintenanceRun) -> How:
    """Have a queued run executed once the open transaction, if any, is committed.

    What keeps the executor from taking it on then ends the run, with the reason. Raises
    ConfigurationError where there is no executor; the run is ended as well.
    """
    try:
        executor = _executor()
    except ConfigurationError as error:
        end_queued(run.database, run.pk, str(error))
        raise
    launch = partial(_launch, executor, run.database, run.pk)
    transaction.on_commit(launch, using=run.database)
    return How(
        name=executor.name,
        sentence=_("Run {pk} is executed {how}.", pk=run.pk, how=executor.text),
    )


def problem() -> str:
    """Return why no run could be executed in the background, empty where one could."""
    try:
        _executor()
    except ConfigurationError as error:
        return str(error)
    return ""


def _executor() -> Executor:
    if not _choices:
        raise ConfigurationError("Nothing executes runs: dbhealth is not in INSTALLED_APPS.")
    return _choices[0]()


def _launch(executor: Executor, alias: str, pk: int) -> None:
    try:
        executor.launch(alias, pk)
    except Exception as error:  # a broker that is down, a process that cannot be started
        logger.exception("Run %s could not be started by way of %s.", pk, executor.name)
        end_queued(
            alias, pk, _("It could not be started. {error}", error=told(error, alias, begun=False))
        )
