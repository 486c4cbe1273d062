"""What the statements of condition.py find, as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from dbhealth.backends.condition import Autovacuum, Due, TableCondition
from dbhealth.backends.postgresql.autovacuum import Facts, autovacuum
from dbhealth.backends.postgresql.session import moment

Row = tuple[Any, ...]

_KINDS = {"r": "table", "p": "partitioned table", "m": "materialized view"}


@dataclass(frozen=True, kw_only=True)
class Server:
    """Autovacuum's settings that are numbers, and whether it is at work at all."""

    settings: Mapping[str, float]
    active: bool


def conditions(
    rows: Sequence[Row], server: Server
) -> tuple[tuple[TableCondition, ...], tuple[str, ...]]:
    """Return the tables in the order of the rows, and the names of those that somebody holds."""
    names = {oid: _name(*rest) for oid, _parent, *rest in (row[:5] for row in rows)}
    found = tuple(_condition(row, names, server) for row in rows)
    return found, tuple(sorted(names[row[0]] for row in rows if row[6]))


def _name(schema: str, relation: str, is_visible: bool) -> str:
    return relation if is_visible else f'{schema}"."{relation}'


def _condition(row: Row, names: Mapping[int, str], server: Server) -> TableCondition:
    values = iter(row)
    oid, parent, _schema, _relation, _visible, kind, _held, readable = islice(values, 8)
    options, toast_options, expected, toast_expected, frozen, toast_frozen = islice(values, 6)
    age, multixact_age, toast_age, toast_multixact_age = islice(values, 4)
    live, dead, changed, inserted, toast_dead, toast_inserted = islice(values, 6)
    inserts, updates, deletes, hot, new_page = islice(values, 5)
    times = [_moment(value) for value in islice(values, 4)]
    counts = list(islice(values, 4))
    pages, measured = list(islice(values, 3)), list(islice(values, 3))
    fetched, hit = values
    of_table = Facts(
        options=tuple(options or ()),
        expected=expected,
        frozen_share=min(frozen or 0.0, 1.0),
        dead=dead,
        inserted=inserted,
        changed=changed,
        age=age,
        multixact_age=multixact_age,
    )
    of_toast = None
    if toast_expected is not None:
        of_toast = Facts(
            # It has the options of its table unless it has some itself.
            options=tuple(toast_options or options or ()),
            expected=toast_expected,
            frozen_share=min(toast_frozen or 0.0, 1.0),
            dead=toast_dead,
            inserted=toast_inserted,
            changed=0,
            age=toast_age,
            multixact_age=toast_multixact_age,
        )
    sizes = [
        page if size is None else int(size) for page, size in zip(pages, measured, strict=True)
    ]
    counted = any((live, dead, inserts, updates, deletes, *times))
    return TableCondition(
        table=names[oid],
        kind=_KINDS[kind],
        parent=names.get(parent, ""),
        oid=oid,
        # After a crash or a reset the counters know of no rows.
        rows=live if counted else None if expected < 0 else round(expected),
        dead_rows=dead,
        changed_rows=changed,
        inserted_rows=inserted,
        inserts=inserts,
        updates=updates,
        deletes=deletes,
        hot_updates=hot,
        new_page_updates=new_page,
        last_vacuum=times[0],
        last_autovacuum=times[1],
        last_analyze=times[2],
        last_autoanalyze=times[3],
        vacuums=counts[0],
        autovacuums=counts[1],
        analyzes=counts[2],
        autoanalyzes=counts[3],
        age=_most(age, toast_age),
        multixact_age=_most(multixact_age, toast_multixact_age),
        bytes=sizes[0],
        toast_bytes=sizes[1],
        index_bytes=sizes[2],
        measured=None not in measured,
        blocks_read=fetched - hit,
        blocks_hit=hit,
        options=of_table.options,
        autovacuum=None if kind == "p" else _autovacuum(of_table, of_toast, server),
        analyzed_rows=None if expected < 0 else round(expected),
        readable=readable,
    )


def _autovacuum(of_table: Facts, of_toast: Facts | None, server: Server) -> Autovacuum:
    found = autovacuum(of_table, server.settings, active=server.active)
    if of_toast is not None:
        toast = autovacuum(of_toast, server.settings, active=server.active)
        if toast.due:
            found = replace(found, due=(*found.due, Due.TOAST))
    return found


def _most(*values: int | None) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else moment(microseconds)
