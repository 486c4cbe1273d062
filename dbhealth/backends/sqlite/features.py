"""What SQLite can do."""

from dbhealth.backends.features import Features

FEATURES = Features(
    name="SQLite",
    locks_rows=False,
    can_skip_locked=False,
    has_statement_timeout=False,
    checks_constraints_before_commit=False,
    has_schemas=False,
    integer_key_is_the_row=True,
    builds_beside_writers=False,
    has_sessions=False,
    is_a_file=True,
    reads_small_tables_whole=False,
    vacuums_tables=False,
    freezes_rows=False,
)
