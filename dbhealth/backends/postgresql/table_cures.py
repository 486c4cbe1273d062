"""The statements that findings about tables advise: only shown, for people to run."""

from __future__ import annotations

from dbhealth.backends.names import quoted


class PostgresTableCures:
    """Text with its semicolon; nothing here is executed."""

    def vacuum(self, table: str) -> str:
        """Return what makes the room of dead rows usable again, and renews the statistics."""
        return f"VACUUM (ANALYZE) {quoted(table)};"

    def analyze(self, table: str) -> str:
        """Return what renews the planner's statistics."""
        return f"ANALYZE {quoted(table)};"

    def rewrite(self, table: str) -> str:
        """Return what writes the table anew, while nobody can read it."""
        return f"VACUUM (FULL, ANALYZE) {quoted(table)};"

    def let_autovacuum(self, table: str) -> str:
        """Return what takes back that autovacuum was switched off for the table."""
        return f"ALTER TABLE {quoted(table)} RESET (autovacuum_enabled);"

    def sooner(self, table: str, rows: int) -> str:
        """Return what lets autovacuum come after so many dead rows, however large the table is."""
        return (
            f"ALTER TABLE {quoted(table)} SET (autovacuum_vacuum_scale_factor = 0, "
            f"autovacuum_vacuum_threshold = {rows});"
        )

    def leave_room(self, table: str, percent: int) -> str:
        """Return what leaves a part of each new page for updates of its rows."""
        return f"ALTER TABLE {quoted(table)} SET (fillfactor = {100 - percent});"
