"""What an engine can do, as data: for refusals, greyed-out buttons and test skips alike."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Features:
    """One flag a question; a false one comes with NotSupported or a sentence."""

    name: str
    """How people call the engine."""

    locks_rows: bool
    """Do writers wait for a row, or (false) for the whole database?"""

    can_skip_locked: bool
    """Can a batch step over rows that somebody else holds locked?"""

    has_statement_timeout: bool
    """Does the server itself end a statement that takes too long?"""

    checks_constraints_before_commit: bool
    """Can deferred foreign keys be checked inside the transaction, before COMMIT?"""

    has_schemas: bool
    """Can ``db_table`` name a table of another schema of the same database?"""

    integer_key_is_the_row: bool
    """Is a primary key of the type "integer" the row's own number, so that it has no index?"""

    builds_beside_writers: bool
    """Can an index be built while others write its table?"""

    has_sessions: bool
    """Is there a server with sessions, roles, autovacuum and counters of its own?"""

    is_a_file: bool
    """Is the database one file, with pragmas instead of a server?"""

    reads_small_tables_whole: bool
    """Does the planner find that quicker than an index that would serve?"""

    vacuums_tables: bool
    """Can one table be vacuumed by itself, or (false) only the whole database?"""

    freezes_rows: bool
    """Have rows transaction ids that VACUUM freezes, and that run out where it does not?"""
