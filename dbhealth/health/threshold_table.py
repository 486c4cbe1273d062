"""The numbers at which findings begin, with their units and where they come from."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A number and what it means; ``default`` None: there is no finding unless it is set.

    ``source`` is where the number comes from.
    """

    name: str
    default: float | None
    unit: str
    text: str
    source: str = ""


def _table(*rows: tuple[str, float | None, str, str, str]) -> dict[str, Threshold]:
    return {
        name: Threshold(name=name, default=default, unit=unit, text=text, source=source)
        for name, default, unit, text, source in rows
    }


THRESHOLDS = _table(
    (
        "dead_share",
        0.2,
        "share",
        "dead rows among the rows of a table",
        "autovacuum_vacuum_scale_factor",
    ),
    ("dead_rows", 10_000, "rows", "dead rows below which no share counts", "PgHero: 10,000 rows"),
    (
        "bloat_share",
        0.5,
        "share",
        "wasted part of a table",
        "splinter: 70 %, and it is an estimate",
    ),
    ("bloat_bytes", 100 * _MIB, "bytes", "waste below which no share counts", "PgHero: 100 MB"),
    (
        "autovacuum_behind",
        2,
        "times",
        "dead or inserted rows, as a multiple of those at which autovacuum comes",
        "it comes once a minute",
    ),
    (
        "changed_share",
        0.5,
        "share",
        "rows changed since ANALYZE among the rows of a table",
        "autovacuum_analyze_scale_factor: 0.1",
    ),
    (
        "changed_rows",
        10_000,
        "rows",
        "rows of a table, or changes, below which no statistics are missed",
        "PgHero: 10,000 rows",
    ),
    (
        "updates",
        10_000,
        "rows",
        "updates below which nobody asks where they went",
        "rails-pg-extras: 10,000",
    ),
    (
        "new_page_share",
        0.2,
        "share",
        "updates that found no room in their page",
        "rails-pg-extras: 20 %",
    ),
    (
        "hot_share",
        0.1,
        "share",
        "updates in their own page that touched no index, below which there is a finding",
        "rails-pg-extras: 10 %",
    ),
    (
        "growth_share",
        1,
        "share",
        "growth in 90 days, as a part of the size of now",
        "a disk that is half full is full then",
    ),
    (
        "growth_bytes",
        1024 * _MIB,
        "bytes",
        "growth in 90 days below which no share counts",
        "a disk is bought by more",
    ),
    (
        "wraparound_share",
        0.5,
        "share",
        "transaction ids used up before a warning",
        "PostgreSQL stops at 1.0",
    ),
    (
        "wraparound_critical_share",
        0.8,
        "share",
        "transaction ids used up before it is critical",
        "vacuum_failsafe_age: 0.75",
    ),
    (
        "sequence_share",
        0.7,
        "share",
        "values of a key that are used up",
        "PgHero: 0.9, too late to rewrite a large table",
    ),
    (
        "sequence_critical_share",
        0.9,
        "share",
        "values of a key that are used up before it is critical",
        "PgHero: 0.9",
    ),
    ("long_query", 60, "seconds", "running time of a statement", "PgHero: 60 s"),
    (
        "long_transaction",
        300,
        "seconds",
        "age of an open transaction",
        "it keeps vacuum from every table",
    ),
    (
        "idle_in_transaction",
        60,
        "seconds",
        "time that a session idles in a transaction",
        "it holds its locks",
    ),
    ("blocked", 5, "seconds", "time that a session waits for a lock", "people notice"),
    (
        "connections_share",
        0.8,
        "share",
        "connections in use of those that there are",
        "postgres_exporter: 80 %",
    ),
    (
        "replica_lag",
        60,
        "seconds",
        "how far a standby is behind",
        "PgHero: 5 s, which every batch job exceeds",
    ),
    (
        "slot_bytes",
        1024 * _MIB,
        "bytes",
        "WAL that a slot nobody reads keeps",
        "postgres_exporter warns of any",
    ),
    (
        "cache_hit_share",
        0.98,
        "share",
        "reads found in the cache, below which there is a finding",
        "postgres_exporter: 98 %",
    ),
    (
        "replica_bytes",
        256 * _MIB,
        "bytes",
        "WAL that a standby has not replayed",
        "its seconds stand still while it is paused",
    ),
    (
        "large_database",
        1024 * _MIB,
        "bytes",
        "database for which the settings of a small machine are too small",
        "shared_buffers: 128 MB",
    ),
    ("freelist_share", 0.25, "share", "free pages in the file (SQLite)", "VACUUM gives them back"),
    (
        "freelist_bytes",
        16 * _MIB,
        "bytes",
        "free pages below which no share counts (SQLite)",
        "they are used again",
    ),
    (
        "wal_bytes",
        64 * _MIB,
        "bytes",
        "size of the write-ahead log (SQLite)",
        "wal_autocheckpoint aims at 4 MB",
    ),
    (
        "statistics_growth",
        10,
        "times",
        "growth of a table since ANALYZE (SQLite)",
        "sqlite.org, PRAGMA optimize",
    ),
    (
        "statistics_rows",
        10_000,
        "rows",
        "rows below which a table needs no statistics (SQLite)",
        "PgHero: 10,000 rows",
    ),
    (
        "check_bytes",
        64 * _MIB,
        "bytes",
        "file that is read whole by itself; a larger one where asked for (SQLite)",
        "a reader without WAL keeps writers waiting",
    ),
    (
        "archive_overdue",
        38,
        "days",
        "time that rows are past their retention",
        "a monthly run, and a week to notice",
    ),
    ("failed_run", 7, "days", "time for which a failed run is spoken of", "a weekly look"),
    ("waiting_run", 1, "days", "time that a paused or interrupted run waits", "a daily run"),
    (
        "queued_run",
        3_600,
        "seconds",
        "time that nobody takes a queued run",
        "a busy worker",
    ),
    (
        "unused_bytes",
        _MIB,
        "bytes",
        "index below which nobody needs to know that it is not used",
        "rails-pg-extras: 5 MB",
    ),
    (
        "temporary_bytes",
        10 * 1024 * _MIB,
        "bytes",
        "what sorts and hashes write to temporary files in a day",
        "120 kB a second, day and night",
    ),
    (
        "deadlocks",
        5,
        "deadlocks",
        "deadlocks in a day",
        "postgres_exporter: 5 a minute, when nobody can work",
    ),
    (
        "statement_share",
        0.33,
        "share",
        "time of one statement among that of all",
        "rails-pg-extras: 33 %",
    ),
    ("statement_mean", 0.02, "seconds", "time of one call of it", "PgHero: 20 ms"),
    ("statement_calls", 100, "calls", "calls of it below which no share counts", "PgHero: 100"),
    (
        "statement_seconds",
        60,
        "seconds",
        "time of all calls of it below which no share counts",
        "a server that has little to do",
    ),
    ("backup_age", None, "hours", "age of the newest backup", "only where it is set"),
)
