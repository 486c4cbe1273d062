"""Why an index is not made; the texts stand together."""

from __future__ import annotations

from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _


def partitioned(table: str, name: str, sql: str) -> Refusal:
    """The index of a partitioned table is made of those of its partitions."""
    return Refusal(
        code="partitioned-table",
        what=_("{name} on {table} was not made: the table is partitioned.", name=name, table=table),
        why=_(
            "PostgreSQL builds such an index on all partitions at once and keeps writers from "
            "them; it has no CONCURRENTLY for it."
        ),
        instead=_(
            "Make it with ON ONLY in a migration, build one CONCURRENTLY on each partition, and "
            "attach these (ALTER INDEX … ATTACH PARTITION). In one go, with a lock: {sql}",
            sql=sql,
        ),
    )


def partition_missing(table: str, name: str) -> Refusal:
    """The index of a partitioned table lacks a partition's part."""
    return Refusal(
        code="partition-missing",
        what=_(
            "{name} on {table} stays invalid: a partition has no index that belongs to it.",
            name=name,
            table=table,
        ),
        why=_(
            "It becomes valid by itself when each partition has its part, and no query can use the "
            "whole of it before."
        ),
        instead=_(
            "Build the index CONCURRENTLY on each partition that lacks it, and attach it: ALTER "
            "INDEX … ATTACH PARTITION …."
        ),
    )


def not_beside_others(table: str, name: str, sentence: str) -> Refusal:
    """Only a lock that keeps everybody away would do."""
    return Refusal(
        code="not-concurrently",
        what=_("{name} on {table} was not made.", name=name, table=table),
        why=sentence,
        instead=_("Everything else was done all the same."),
    )


def comes_with_table(table: str, name: str) -> Refusal:
    """A primary key or the like that no statement of Django's makes later."""
    return Refusal(
        code="comes-with-table",
        what=_("{name} on {table} was not made.", name=name, table=table),
        why=_(
            "A primary key comes with its table; to give a table one later is a change of the "
            "table and may fail for the rows that are there."
        ),
        instead=_("See how the table came to be without it, and write a migration that adds it."),
    )


def still_building(table: str, name: str) -> Refusal:
    """Somebody else makes it right now."""
    return Refusal(
        code="being-built",
        what=_(
            "{name} on {table} is being built by another session right now.", name=name, table=table
        ),
        why=_("A second build would wait for the first one and then find nothing to do."),
        instead=_("Look again when it is done: manage.py init_indexes --status."),
    )


def table_left_out(table: str) -> Refusal:
    """Another session holds the table locked."""
    return Refusal(
        code="table-locked",
        what=_("{table} was left out: another session holds it locked.", table=table),
        why=_("Even reading what indexes it has would wait for that session."),
        instead=_("Call it again when that session, often a migration, is through."),
    )


def unknown_index(name: str) -> Refusal:
    """An index was named that is neither declared nor there."""
    return Refusal(
        code="unknown-index",
        what=_(
            "{name} was not made: no index of this name is declared or in the database.", name=name
        ),
        why=_("What it is to be made of stands in its declaration only."),
        instead=_("manage.py init_indexes --status has the names of all of them."),
    )
