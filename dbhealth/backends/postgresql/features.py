"""What PostgreSQL can do."""

from dbhealth.backends.features import Features

FEATURES = Features(
    name="PostgreSQL",
    locks_rows=True,
    can_skip_locked=True,
    has_statement_timeout=True,
    checks_constraints_before_commit=True,
    has_schemas=True,
    integer_key_is_the_row=False,
    builds_beside_writers=True,
    has_sessions=True,
    is_a_file=False,
    reads_small_tables_whole=True,
    vacuums_tables=True,
    freezes_rows=True,
)
