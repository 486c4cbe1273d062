"""The checks that need no topic of dbhealth: of sessions, the server, its data, a database file.

Importing this package registers them.
"""

from dbhealth.health.checks import (
    collations,
    connections,
    constraints,
    counters,
    extensions,
    file,
    file_content,
    keys,
    locks,
    references,
    replication,
    sessions,
    settings,
    statements,
    wraparound,
)

__all__ = [
    "collations",
    "connections",
    "constraints",
    "counters",
    "extensions",
    "file",
    "file_content",
    "keys",
    "locks",
    "references",
    "replication",
    "sessions",
    "settings",
    "statements",
    "wraparound",
]
