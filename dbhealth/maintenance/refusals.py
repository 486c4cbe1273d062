"""Why a table is not vacuumed, or an index not rebuilt; the texts stand together."""

from __future__ import annotations

from dbhealth.exceptions import Refusal


def no_freezing(alias: str, engine: str) -> Refusal:
    """The engine has nothing to freeze."""
    return Refusal(
        code="no-freezing",
        what=f"Nothing was frozen in {alias!r}.",
        why=f"{engine} has no transaction ids that run out, so there is nothing to freeze.",
        instead="Call it without --freeze, or name a database on PostgreSQL with --database.",
    )


def table_missing(table: str) -> Refusal:
    """A model's table is not in the database."""
    return Refusal(
        code="table-missing",
        what=f"{table} was not seen to: the database has no such table.",
        why="A model has it, and its migration is not applied or it was dropped.",
        instead="Run manage.py migrate, or leave the table out.",
    )


def not_allowed(table: str) -> Refusal:
    """The role may not vacuum a table that somebody has named."""
    return Refusal(
        code="not-allowed",
        what=f"{table} was not seen to: it belongs to a role that this one is no member of.",
        why="PostgreSQL would pass over it with a warning that nobody reads.",
        instead="Let the owner of the table or of the database do it, or from PostgreSQL 17 on "
        "GRANT MAINTAIN on the table to this role.",
    )


def table_left_out(table: str) -> Refusal:
    """Another session holds the table locked, so that its indexes cannot be read."""
    return Refusal(
        code="table-locked",
        what=f"The indexes of {table} were left out: another session holds the table locked.",
        why="Even reading what indexes it has would wait for that session.",
        instead="Call it again when that session, often a migration, is through.",
    )


def index_missing(name: str) -> Refusal:
    """An index that is to be rebuilt is not on any of the tables."""
    return Refusal(
        code="index-missing",
        what=f"{name} was not rebuilt: none of the tables has an index of this name.",
        why="It was dropped or renamed since somebody looked.",
        instead="manage.py index_usage lists those that are there.",
    )
