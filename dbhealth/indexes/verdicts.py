"""The verdicts on all indexes of a table: what each module of verdicts says, in one order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dbhealth.backends.records import ForeignKey
from dbhealth.indexes.changes import Changes
from dbhealth.indexes.evidence import Evidence
from dbhealth.indexes.keeping import duty, supporters
from dbhealth.indexes.kinds import Kind
from dbhealth.indexes.removal import is_packaged
from dbhealth.indexes.searching import Search, searched_by
from dbhealth.indexes.verdict_columns import column_verdict
from dbhealth.indexes.verdict_heirs import Heir, heirs
from dbhealth.indexes.verdict_records import Code, Level, Subject, Verdict
from dbhealth.indexes.verdict_shape import Superseded, superfluous, superseded
from dbhealth.indexes.verdict_state import bloated, invalid
from dbhealth.indexes.verdict_use import use_verdict


class IndexUsage(NamedTuple):
    """An index with why it has to stay (empty: for no reason) and its verdicts."""

    subject: Subject
    stays: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Looks at the indexes of one table at a time."""

    evidence: Evidence
    changes: Changes

    def table(
        self,
        subjects: Sequence[Subject],
        foreign_keys: Iterable[ForeignKey] = (),
        wanted: Iterable[Search] = (),
    ) -> list[IndexUsage]:
        """Return the verdicts on all indexes of one table; ``foreign_keys`` are those it has.

        ``wanted`` are columns of it that somebody searches by.

        An index that queries do not use gets no other verdict, and one that is being built none.
        What stands in for superfluous ones is judged by the use of them all.
        """
        others = superseded(subjects)
        standing = heirs(subjects, others, self.evidence.past) if others else {}
        counted = [self._counted(subject, standing) for subject in subjects]
        able = [heir.subject for heir in counted]
        serving = supporters(foreign_keys, able, others) if foreign_keys else {}
        if wanted:
            serving = searched_by(wanted, able, others) | serving
        found = []
        for subject, heir in zip(subjects, counted, strict=True):
            index = subject.index
            by, stays = others.get(index.name), duty(index) or serving.get(index.name, "")
            verdicts = self._verdicts(heir, by, stays)
            complete = tuple(self.changes.carried_out(subject, item) for item in verdicts)
            if by is None and subject.use.scans == 0 and not _goes(complete):
                stays = stays or heir.takes_over
            found.append(IndexUsage(subject, stays, complete))
        return found

    def _counted(self, subject: Subject, standing: Mapping[str, Heir]) -> Heir:
        """Return an index with all the use that it is judged by."""
        if (heir := standing.get(subject.index.name)) is not None:
            return heir
        past = self.evidence.past
        known = past.get((subject.index.table, subject.index.name)) if past else None
        return Heir(subject, known, "")

    def _verdicts(self, heir: Heir, by: Superseded | None, stays: str) -> Iterator[Verdict]:
        subject, index = heir.subject, heir.subject.index
        if index.building:
            return
        if not index.valid:
            yield invalid(subject)
            return
        if by is not None:
            yield _graded(subject, superfluous(subject, by))
        if verdict := use_verdict(subject, self.evidence, stays, heir.past):
            yield _graded(subject, verdict.because(heir.takes_over))
        if (bloat := self.evidence.bloat.get((index.table, index.name))) and (
            verdict := bloated(bloat)
        ):
            yield verdict
        if by is None and (verdict := column_verdict(subject, self.evidence, stays)):
            yield verdict


def _goes(verdicts: Iterable[Verdict]) -> bool:
    return any(verdict.code in {Code.UNUSED, Code.RARELY_USED} for verdict in verdicts)


def _graded(subject: Subject, verdict: Verdict) -> Verdict:
    """Lower the level where the project has no switch for what declares the index."""
    owner = subject.owner
    if owner is not None and (owner.kind is Kind.MANY_TO_MANY or is_packaged(owner)):
        return verdict._replace(level=Level.INFO)
    return verdict
