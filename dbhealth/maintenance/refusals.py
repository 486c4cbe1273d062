"""Why a table is not vacuumed, or an index not rebuilt; the texts stand together."""

from __future__ import annotations

from dbhealth.exceptions import Refusal
from dbhealth.saying import say as _


def no_freezing(alias: str, engine: str) -> Refusal:
    """The engine has nothing to freeze."""
    return Refusal(
        code="no-freezing",
        what=_("Nothing was frozen in {alias!r}.", alias=alias),
        why=_(
            "{engine} has no transaction ids that run out, so there is nothing to freeze.",
            engine=engine,
        ),
        instead=_("Call it without --freeze, or name a database on PostgreSQL with --database."),
    )


def table_missing(table: str) -> Refusal:
    """A model's table is not in the database."""
    return Refusal(
        code="table-missing",
        what=_("{table} was not seen to: the database has no such table.", table=table),
        why=_("A model has it, and its migration is not applied or it was dropped."),
        instead=_("Run manage.py migrate, or leave the table out."),
    )


def not_allowed(table: str) -> Refusal:
    """The role may not vacuum a table that somebody has named."""
    return Refusal(
        code="not-allowed",
        what=_(
            "{table} was not seen to: it belongs to a role that this one is no member of.",
            table=table,
        ),
        why=_("PostgreSQL would pass over it with a warning that nobody reads."),
        instead=_(
            "Let the owner of the table or of the database do it, or from PostgreSQL 17 on GRANT "
            "MAINTAIN on the table to this role."
        ),
    )


def table_left_out(table: str) -> Refusal:
    """Another session holds the table locked, so that its indexes cannot be read."""
    return Refusal(
        code="table-locked",
        what=_(
            "The indexes of {table} were left out: another session holds the table locked.",
            table=table,
        ),
        why=_("Even reading what indexes it has would wait for that session."),
        instead=_("Call it again when that session, often a migration, is through."),
    )


def index_missing(name: str) -> Refusal:
    """An index that is to be rebuilt is not on any of the tables."""
    return Refusal(
        code="index-missing",
        what=_("{name} was not rebuilt: none of the tables has an index of this name.", name=name),
        why=_("It was dropped or renamed since somebody looked."),
        instead=_("manage.py index_usage lists those that are there."),
    )
