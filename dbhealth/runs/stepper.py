"""Works through steps inside a claimed run: one after the other, each tried again on locks.

A step that cannot be done does not keep the others from being done. What a failed build of an
index leaves behind is dropped, so that no write pays for an index that nobody can use.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import DatabaseError, InterfaceError

from dbhealth.backends import Backend
from dbhealth.backends.statement import InTransaction, Statement
from dbhealth.backends.steps import SHRINKS, WHOLE, Deed, Step
from dbhealth.backends.trouble import Trouble
from dbhealth.conf import get_settings
from dbhealth.exceptions import DBHealthError
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.holding import step_waits
from dbhealth.runs.log import bounded, patiently, pause
from dbhealth.runs.runner import Hold
from dbhealth.runs.states import ASKED_FOR, State
from dbhealth.runs.step_refusals import who
from dbhealth.runs.step_results import Sizes, StepResult, step_result
from dbhealth.runs.watch import Watch
from dbhealth.saying import say as _


class _Ended(Exception):
    """The statement at work was ended, because the run is to end."""


class Stepper:
    """Does steps. ``results`` and ``notes`` tell the truth at any moment."""

    verb: ClassVar[str]
    """The command that people call again."""

    def __init__(self, steps: Sequence[Step], hold: Hold, around: Circumstances) -> None:
        """Take everything; nothing is done yet."""
        self._steps, self._hold, self._around = tuple(steps), hold, around
        self._backend: Backend = hold.backend
        self._state = State.RUNNING
        self._is_watched = bool(self._backend.ddl.session())
        self._waited: tuple[str, ...] = ()
        self.results: list[StepResult] = []
        self.notes: list[str] = []
        self._left: set[tuple[str, str]] = set()
        self.first_error: Exception | None = None

    def cursor_after(self, step: Step) -> list[Any]:
        """Return where the run stands once ``step`` is done, for whoever carries on with it."""
        return []

    def keep_cursor(self, step: Step) -> None:
        """Take note that what :meth:`cursor_after` has returned is committed."""

    def retries(self, statement: Statement) -> int:
        """Return how often a statement is tried again after a lock."""
        settings = get_settings()
        long = statement.lock_timeout == settings.index_lock_timeout
        return settings.index_retries if long else settings.batch_retries

    def state_after(self, trouble: Trouble) -> str:
        """Return what became of a step that ran into trouble."""
        return "failed"

    def work(self) -> tuple[State, str]:
        """Do every step; return the state to end in and the reason, empty at the end of all."""
        for step in self._steps:
            self._beat(doing=step.title)
            ending = self._reason_to_stop() or self._is_late()
            if ending is None:
                ending = self._one(step)
            if ending is not None:
                rest = self._steps[len(self.results) :]
                self.results += [step_result(other, "not begun") for other in rest]
                return ending
        return State.SUCCEEDED, ""

    def _reason_to_stop(self) -> tuple[State, str] | None:
        if self._around.stop.reason:
            return State.INTERRUPTED, _("stopped by {signal}", signal=self._around.stop.reason)
        return ASKED_FOR.get(self._state)

    def _is_late(self) -> tuple[State, str] | None:
        deadline = self._around.deadline
        is_late = deadline is not None and time.monotonic() >= deadline
        return (State.SUCCEEDED, _("max-runtime reached")) if is_late else None

    def _one(self, step: Step) -> tuple[State, str] | None:
        """Do one step and keep what became of it; return how the run ends, if it does."""
        began, sizes = time.monotonic(), Sizes(before=self._bytes(step))

        def keep(state: str, error: str = "") -> None:
            seconds = time.monotonic() - began
            self.results.append(step_result(step, state, seconds, error, sizes))

        try:
            complaint = self._patiently(step)
        except _Ended:
            keep("stopped")
            self._beat()
            return self._reason_to_stop() or (State.INTERRUPTED, _("the statement was ended"))
        except DatabaseError as error:
            trouble = self._backend.errors.trouble(error)
            keep(self.state_after(trouble), self._told(step, error, trouble))
            self.first_error = self.first_error or error
            if trouble is Trouble.DISCONNECTED:
                raise
        except BaseException:
            keep("stopped")
            raise
        else:
            sizes.after = self._bytes(step)
            keep("failed" if complaint else "done", complaint)
            return self._complain(step, complaint) if complaint else None
        return None

    def _complain(self, step: Step, complaint: str) -> tuple[State, str] | None:
        """Keep what a step has found wrong; on a file that is damaged nothing more is done."""
        self.first_error = self.first_error or DBHealthError(complaint)
        damaged = step.deed is Deed.CHECK
        return (State.FAILED, _("the database is damaged")) if damaged else None

    def _bytes(self, step: Step) -> int | None:
        if step.deed not in SHRINKS:
            return None
        if step.table == WHOLE:
            return self._backend.statistics.database_bytes()
        if self._backend.features.vacuums_tables:
            found = self._backend.statistics.relation_size(step.table)
            return None if found is None else found.total_bytes
        return None

    def _patiently(self, step: Step) -> str:
        """Run the statements of a step, each tried again when a lock was in its way.

        Returns what they have found wrong.
        """
        last, complaint = len(step.statements) - 1, ""
        for place, statement in enumerate(step.statements):
            tries = 0
            while True:
                try:
                    complaint = self._run(step, statement, is_last=place == last)
                    break
                except BaseException as error:
                    is_left = self._clean_up(step)
                    trouble = self._backend.errors.trouble(error)
                    tries += 1
                    if not self._tries_again(trouble, statement, tries):
                        raise
                if is_left and step.deed is Deed.CREATE:
                    statement = self._backend.ddl.rebuild(step.table, step.index)
                self._note(
                    _(
                        "{trouble} on {title}: trying again ({waited})",
                        trouble=trouble.told,
                        title=step.title,
                        waited=who(self._waited),
                    )
                )
                pause(tries)
                self._hold_back(step, tries, self.retries(statement))
                if self._reason_to_stop():
                    raise _Ended
        return complaint

    def _hold_back(self, step: Step, tries: int, most: int) -> None:
        """Give a sign of life that says for whom the step waits, and hear of wishes."""
        waits = step_waits(step.title, self._waited, tries, most)
        self._beat(waits, doing=step.title)

    def _beat(self, holding_back: str = "", doing: str = "") -> None:
        """Give a sign of life, and hear of wishes; without a session nobody does so meanwhile."""
        unwatched = not self._is_watched
        self._state = patiently(
            self._backend, lambda: self._hold.beat(holding_back, doing, unwatched=unwatched)
        )

    def _tries_again(self, trouble: Trouble, statement: Statement, tries: int) -> bool:
        is_lock = trouble in (Trouble.LOCK_TIMEOUT, Trouble.DEADLOCK)
        return is_lock and tries <= self.retries(statement)

    def _run(self, step: Step, statement: Statement, *, is_last: bool) -> str:
        executor, around = self._backend.executor, self._around
        is_alone = statement.transaction is InTransaction.FORBIDDEN
        place = executor.alone() if is_alone else executor.atomic(lock=statement.lock_timeout)
        watch = Watch(self._hold, step.title, around.progress, around.stop)
        self._waited = ()
        try:
            with place:
                with watch:
                    done = executor.run(statement)
                if not is_alone:
                    self._record(step, is_last)
        except DatabaseError as error:
            self._waited = watch.waits_for
            if not self._waited and self._backend.errors.trouble(error) is Trouble.LOCK_TIMEOUT:
                self._waited = self._backend.ddl.holders(step.table)
            if watch.ended:
                raise _Ended from error
            raise
        if is_alone:
            patiently(self._backend, lambda: self._record_alone(step, is_last))
        self._hold.committed()
        self.keep_cursor(step)
        return self._backend.upkeep.complaint(step.deed, done.rows)

    def _record_alone(self, step: Step, is_last: bool) -> None:
        with bounded(self._backend):
            self._record(step, is_last)

    def _record(self, step: Step, is_last: bool) -> None:
        """Count the step, and keep where the run stands."""
        now = self._backend.session.now()
        self._state = self._hold.record(int(is_last), self.cursor_after(step), now)

    def _clean_up(self, step: Step) -> bool:
        """Drop what a build that failed has left, but not what was there before it.

        Returns whether something stays all the same, because the table is in use.
        """
        if step.deed not in (Deed.CREATE, Deed.REBUILD):
            return False
        ddl, run = self._backend.ddl, self._backend.executor.run
        try:
            for name in ddl.leftovers(step.table, step.index):
                if name != step.index or step.deed is Deed.CREATE:
                    run(ddl.drop_index(step.table, name))
        except (DatabaseError, InterfaceError):
            self._left.add((step.table, step.index))
            return True
        self._left.discard((step.table, step.index))
        return False

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self._around.progress.note(text)

    def _told(self, step: Step, error: DatabaseError, trouble: Trouble) -> str:
        """Return what a person is to know of a step that failed."""
        said = str(error).strip()
        if trouble is Trouble.LOCK_TIMEOUT:
            text = _(
                "It waited for a lock, tried again, and gave up. In its way: {waited}. End that "
                "session or transaction, or wait for its end, and call {verb} again.",
                waited=who(self._waited),
                verb=self.verb,
            )
        elif trouble is Trouble.INTEGRITY:
            text = _(
                "The rows are not unique: {said} Settle which of them stays, and call it again.",
                said=said,
            )
        else:
            text = f"{type(error).__name__}: {said}"
        if (step.table, step.index) in self._left:
            text = _(
                "{error} {index} stays behind, invalid, because {table} is in use; every write "
                "keeps it up, no query uses it, and the next init_indexes builds it again.",
                error=text,
                index=step.index,
                table=step.table,
            )
        return text
