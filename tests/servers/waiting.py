"""Who waits for a lock in a test's own database: a server has the databases of other tests too."""

WAITING = (
    "SELECT DISTINCT waits.pid FROM pg_locks waits JOIN pg_locks here USING (pid) "
    "WHERE NOT waits.granted "
    "AND here.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""The sessions that wait (PostgreSQL).

A lock on a transaction names no database, but who waits for one has locked the table before. Not
by pg_stat_activity: inside a transaction that shows the same picture for ever.
"""
