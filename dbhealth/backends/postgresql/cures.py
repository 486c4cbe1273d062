"""The statements that findings about a server advise.

https://www.postgresql.org/docs/current/functions-admin.html
"""

from __future__ import annotations

from collections.abc import Sequence

from dbhealth.backends.key_records import Collation, IntegerKey, IntegerReference, NumberSequence
from dbhealth.backends.names import quoted


class PostgresCures:
    """Text only; nothing here is executed."""

    def see_sessions(self, role: str) -> str:
        """Return what lets a role see what others do, without a semicolon."""
        return f"GRANT pg_monitor TO {quoted(role)}"

    def see_sequences(self, schema: str, role: str) -> str:
        """Return what lets a role see the sequences of a schema, without a semicolon."""
        return f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {_plain(schema)} TO {quoted(role)}"

    def see_column(self, table: str, column: str, role: str) -> str:
        """Return what lets a role see a column and its statistics, without a semicolon."""
        return f"GRANT SELECT ({_plain(column)}) ON {quoted(table)} TO {quoted(role)}"

    def cancel(self, pid: int) -> str:
        """Return what ends the statement of a session."""
        return f"SELECT pg_cancel_backend({pid});"

    def terminate(self, pid: int) -> str:
        """Return what ends a session and its transaction."""
        return f"SELECT pg_terminate_backend({pid});"

    def end_prepared(self, gid: str) -> tuple[str, str]:
        """Return what commits a prepared transaction, and what takes it back."""
        return f"COMMIT PREPARED {_text(gid)};", f"ROLLBACK PREPARED {_text(gid)};"

    def drop_slot(self, name: str) -> str:
        """Return what drops a replication slot."""
        return f"SELECT pg_drop_replication_slot({_text(name)});"

    def resume_replay(self) -> str:
        """Return what lets a standby go on."""
        return "SELECT pg_wal_replay_resume();"

    def set(self, name: str, value: str) -> tuple[str, ...]:
        """Return what sets a setting of the server and makes it read it."""
        return (f"ALTER SYSTEM SET {name} = {_text(value)};", self.reload())

    def reload(self) -> str:
        """Return what makes the server read its configuration again."""
        return "SELECT pg_reload_conf();"

    def preload(self, library: str, loaded: str) -> str:
        """Return what loads a library with the server beside those that it loads (the setting).

        Each is a constant of its own: one constant with commas would be one name.
        """
        names = [name.strip().strip('"') for name in loaded.split(",") if name.strip()]
        listed = ", ".join(_text(name) for name in (*names, library))
        return f"ALTER SYSTEM SET shared_preload_libraries = {listed};"

    def create_extension(self, name: str) -> str:
        """Return what makes an extension in this database."""
        return f"CREATE EXTENSION IF NOT EXISTS {_plain(name)};"

    def update_extension(self, name: str) -> str:
        """Return what updates an extension."""
        return f"ALTER EXTENSION {_plain(name)} UPDATE;"

    def widen(
        self,
        key: NumberSequence | IntegerKey,
        references: Sequence[IntegerReference],
    ) -> tuple[str, ...]:
        """Return what makes a column and those that refer to it bigint, these first."""
        columns = [(item.table, item.column) for item in references if item.type != "bigint"]
        columns.append((key.table, key.column))
        statements = [_widen(table, column, "bigint") for table, column in columns]
        # An identity column takes its sequence along.
        if isinstance(key, NumberSequence) and not key.identity and key.type != "bigint":
            statements.append(f"ALTER SEQUENCE {quoted(key.name)} AS bigint;")
        return tuple(statements)

    def widen_reference(self, reference: IntegerReference) -> tuple[str, ...]:
        """Return what gives a foreign key the type of the column that it refers to."""
        return (_widen(reference.table, reference.column, reference.target_type),)

    def raise_limit(self, sequence: NumberSequence) -> str:
        """Return what takes a sequence's own bound away."""
        bound = "NO MAXVALUE" if sequence.increment > 0 else "NO MINVALUE"
        kind = " AS bigint" if sequence.type != "bigint" else ""
        return f"ALTER SEQUENCE {quoted(sequence.name)}{kind} {bound};"

    def catch_up(self, sequence: NumberSequence) -> str:
        """Return what sets a sequence behind the largest value of its column."""
        return (
            f"SELECT setval({_text(quoted(sequence.name))}, "
            f"(SELECT max({_plain(sequence.column)}) FROM {quoted(sequence.table)}));"
        )

    def validate(self, table: str, constraint: str) -> str:
        """Return what proves a constraint for every row."""
        return f"ALTER TABLE {quoted(table)} VALIDATE CONSTRAINT {_plain(constraint)};"

    def recollate(self, collation: Collation) -> tuple[str, ...]:
        """Return what makes its indexes anew and records the version that they have then."""
        rebuilt = [f"REINDEX INDEX CONCURRENTLY {quoted(name)};" for name in collation.indexes]
        if collation.name:
            return (*rebuilt, f"ALTER COLLATION {quoted(collation.name)} REFRESH VERSION;")
        database = _plain(collation.database)
        return (*rebuilt, f"ALTER DATABASE {database} REFRESH COLLATION VERSION;")

    def freeze(self, table: str) -> str:
        """Return what lets a table have no old transaction ids."""
        return f"VACUUM (FREEZE, VERBOSE) {quoted(table)};"

    def freeze_database(self) -> str:
        """Return what does that for the whole database one is connected to."""
        return "VACUUM (FREEZE);"


def _plain(name: str) -> str:
    """Return a name that has no schema, quoted."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _widen(table: str, column: str, kind: str) -> str:
    return f"ALTER TABLE {quoted(table)} ALTER COLUMN {_plain(column)} TYPE {kind};"
