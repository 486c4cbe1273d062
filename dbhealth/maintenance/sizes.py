"""Looks at sizes, for cron: what changes between them is the history of growth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, router

from dbhealth.backends import Backend, get_backend
from dbhealth.backends.condition import Conditions
from dbhealth.backends.index_records import StatisticsSource
from dbhealth.backends.limits import batch_limits
from dbhealth.clock import kept
from dbhealth.conf import get_settings
from dbhealth.maintenance.models import SizeChange, SizedRelation, SizeSnapshot

Relation = tuple[str, str]
"""A table, and one of its indexes or an empty name for the table itself."""

_CHUNK = 1_000
"""Rows of one INSERT; SQLite bounds the parameters of a statement."""

_TRIES = 5

_CHANGE = 0.01
"""A size is kept again when it has changed by a hundredth."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a database, its tables and their indexes are at a moment (bytes).

    A table's size includes what it keeps out of line, and not its indexes. Those that could not
    be measured are not there.
    """

    source: StatisticsSource
    database: int
    relations: Mapping[Relation, int]


@dataclass(frozen=True, kw_only=True)
class TakenSizes:
    """What a look at sizes came to: its number, what it found, what it had to forget."""

    number: int
    bytes: int
    relations: int
    changed: int
    forgotten: int


def read_sizes(backend: Backend) -> Sizes:
    """Return the sizes of now; never waits long for somebody's lock."""
    return sizes_of(backend, backend.conditions.report())


def sizes_of(backend: Backend, report: Conditions) -> Sizes:
    """Return the sizes that go with a report on the tables."""
    relations: dict[Relation, int] = {
        (table.table, ""): table.bytes + (table.toast_bytes or 0)
        for table in report.tables
        if table.bytes is not None and table.measured and table.kind != "partitioned table"
    }
    for index in backend.use.report(columns=False).indexes:
        # The index of a partitioned table is the sum of those of its partitions.
        if index.bytes is not None and index.exact_bytes and (index.table, "") in relations:
            relations[index.table, index.name] = index.bytes
    return Sizes(
        source=report.source,
        database=backend.statistics.database_bytes(),
        relations=relations,
    )


def where_kept(alias: str, source: StatisticsSource) -> str:
    """Return the alias of the database that keeps the history of ``alias``."""
    return router.db_for_write(SizeSnapshot) if source.replica else alias


def keep_sizes(alias: str, sizes: Sizes) -> TakenSizes:
    """Keep sizes that were read, as the next look."""
    for _ in range(_TRIES - 1):
        try:
            return _kept(alias, sizes)
        except IntegrityError:
            continue  # somebody else looked at the same moment
    return _kept(alias, sizes)


def _kept(alias: str, sizes: Sizes) -> TakenSizes:
    backend = get_backend(where_kept(alias, sizes.source))
    tables = tuple(model._meta.db_table for model in (SizeSnapshot, SizedRelation, SizeChange))
    limits = batch_limits()
    with backend.executor.atomic(lock=limits.lock):
        backend.session.begin_batch(limits, tables)
        looks = SizeSnapshot.objects.using(backend.alias)
        last = looks.filter(database=alias).order_by("-number").first()
        look = looks.create(
            database=alias,
            number=1 if last is None else last.number + 1,
            taken_at=kept(sizes.source.now),
            bytes=sizes.database,
        )
        changed = _keep_changes(backend.alias, look, sizes.relations)
        forgotten = _forget(backend.alias, alias, look.taken_at)
    return TakenSizes(
        number=look.number,
        bytes=look.bytes,
        relations=len(sizes.relations),
        changed=changed,
        forgotten=forgotten,
    )


def _keep_changes(using: str, look: SizeSnapshot, sizes: Mapping[Relation, int]) -> int:
    rows = SizedRelation.objects.using(using).filter(database=look.database)
    known = {(row.table, row.index): row for row in rows}
    before: dict[Relation, int | None] = {}
    relations = []
    for (table, index), size in sizes.items():
        was = known.get((table, index))
        old = None if was is None else was.bytes
        relation = was or SizedRelation(
            database=look.database, table=table, index=index, first_seen=look.taken_at
        )
        if old is None or abs(size - old) > old * _CHANGE:
            before[table, index], relation.bytes = old, size
        relation.last_seen = look.taken_at
        relations.append(relation)
    SizedRelation.objects.using(using).bulk_create(
        relations,
        batch_size=_CHUNK,
        update_conflicts=True,
        unique_fields=["database", "table", "index"],
        update_fields=["last_seen", "bytes"],
    )
    ids = {(table, name): pk for pk, table, name in rows.values_list("pk", "table", "index")}
    SizeChange.objects.using(using).bulk_create(
        (
            SizeChange(relation_id=ids[relation], snapshot=look, before=old, bytes=sizes[relation])
            for relation, old in before.items()
        ),
        batch_size=_CHUNK,
    )
    return len(before)


def _forget(using: str, alias: str, now: datetime) -> int:
    """Delete what is kept too long; return how many looks."""
    before = now - timedelta(days=get_settings().size_history_days)
    old = SizeSnapshot.objects.using(using).filter(database=alias, taken_at__lt=before)
    SizeChange.objects.using(using).filter(snapshot__in=old).delete()
    gone = SizedRelation.objects.using(using).filter(database=alias, last_seen__lt=before)
    SizeChange.objects.using(using).filter(relation__in=gone).delete()
    gone.delete()
    return old.delete()[0]
