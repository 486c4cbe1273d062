"""The statements that server.py asks the server with.

https://www.postgresql.org/docs/current/monitoring-stats.html
https://www.postgresql.org/docs/current/views.html

None of them takes a lock on a user's table. Percent signs are doubled for the driver.
"""

RIGHTS = """
    SELECT current_user::text, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
           inet_server_addr() IS NULL
"""

# For a role without the right, everything but pid, database and role is NULL. The marker stands
# behind the first word, so that a cut text still has it.
SESSIONS = """
    SELECT a.pid, coalesce(a.backend_type, 'client backend'), coalesce(a.usename, ''),
           coalesce(a.datname = current_database(), false), coalesce(a.application_name, ''),
           coalesce(a.state, ''), coalesce(left(a.query, 500), ''),
           extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
           extract(epoch FROM clock_timestamp() - a.query_start)::float8,
           extract(epoch FROM clock_timestamp() - a.state_change)::float8,
           greatest(age(a.backend_xmin), age(a.backend_xid)),
           coalesce(left(a.query, 100) LIKE '%%/* dbhealth */%%', false),
           a.backend_type IS NULL
      FROM pg_stat_activity a
     WHERE a.pid <> pg_backend_pid()
       AND (a.backend_type IN ('client backend', 'autovacuum worker', 'walsender')
            OR a.backend_type IS NULL AND a.datid IS NOT NULL)
     ORDER BY a.pid
"""

# pg_blocking_pids() stops the lock manager for a moment, so it is called for the few that wait.
WAITERS = """
    WITH waiting AS MATERIALIZED (
        SELECT l.pid, min(l.waitstart) AS since, min(l.relation) AS relation,
               min(l.locktype) AS kind
          FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE NOT l.granted AND a.datname = current_database() AND l.pid <> pg_backend_pid()
           AND coalesce(left(a.query, 100) NOT LIKE '%%/* dbhealth */%%', true)
         GROUP BY l.pid ORDER BY since NULLS LAST LIMIT 200
    )
    SELECT w.pid, coalesce(extract(epoch FROM clock_timestamp() - w.since), 0)::float8,
           pg_blocking_pids(w.pid), coalesce('table ' || c.relname, w.kind)
      FROM waiting w LEFT JOIN pg_class c ON c.oid = w.relation
"""

PREPARED = """
    SELECT gid, owner, extract(epoch FROM clock_timestamp() - prepared)::float8,
           age(transaction), database = current_database()
      FROM pg_prepared_xacts ORDER BY prepared
"""

# Reserved for others than superusers since PostgreSQL 16. -1 stands for no limit.
LIMITS = """
    SELECT current_setting('max_connections')::int,
           current_setting('superuser_reserved_connections')::int
           + coalesce(current_setting('reserved_connections', true)::int, 0),
           (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
           (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = session_user)
"""

# replay_lag stands still while a standby does not replay, so the bytes count as well.
STANDBYS = """
    SELECT coalesce(nullif(r.application_name, ''), r.client_addr::text, r.pid::text),
           coalesce(r.state, ''),
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                ELSE pg_current_wal_lsn() END, r.replay_lsn)::bigint,
           extract(epoch FROM r.replay_lag)::float8
      FROM pg_stat_replication r
     WHERE r.state IS DISTINCT FROM 'backup'
     ORDER BY 1
"""

# A standby that has replayed all that it received is not behind, however long ago that was; but
# only as long as it receives anything.
REPLAY = """
    SELECT CASE WHEN w.receiving AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
           END::float8,
           coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()),
                    0)::bigint,
           w.receiving, pg_is_wal_replay_paused()
      FROM (SELECT EXISTS (SELECT 1 FROM pg_stat_wal_receiver) AS receiving) w
     WHERE pg_is_in_recovery()
"""

# Columns that not every version has are read through JSON: inactive_since (17).
SLOTS = """
    SELECT s.slot_name, s.slot_type, s.active, s.wal_status IS NOT DISTINCT FROM 'lost',
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                ELSE pg_current_wal_lsn() END, s.restart_lsn)::bigint,
           extract(epoch FROM clock_timestamp()
                   - (to_jsonb(s) ->> 'inactive_since')::timestamptz)::float8,
           greatest(age(s.xmin), age(s.catalog_xmin))
      FROM pg_replication_slots s WHERE NOT s.temporary ORDER BY s.slot_name
"""

ARCHIVER = """
    SELECT CASE WHEN a.last_failed_time > coalesce(a.last_archived_time, '-infinity')
                THEN extract(epoch FROM clock_timestamp() - coalesce(a.last_archived_time,
                             greatest(a.stats_reset, pg_postmaster_start_time())))::float8 END,
           a.failed_count, coalesce(a.last_failed_wal, '')
      FROM pg_stat_archiver a WHERE current_setting('archive_mode') <> 'off'
"""

SETTINGS = """
    SELECT s.name, s.setting, current_setting(s.name, true),
           CASE s.unit WHEN 'B' THEN s.setting::bigint WHEN 'kB' THEN s.setting::bigint * 1024
                       WHEN '8kB' THEN s.setting::bigint * 8192
                       WHEN 'MB' THEN s.setting::bigint * 1048576 END,
           s.setting IS NOT DISTINCT FROM s.boot_val, s.pending_restart
      FROM pg_settings s
     WHERE s.pending_restart OR s.name = ANY (%s)
"""

KNOWN_SETTINGS = (
    *("shared_buffers", "effective_cache_size", "maintenance_work_mem", "max_wal_size"),
    *("random_page_cost", "fsync", "full_page_writes", "synchronous_commit", "track_activities"),
    *("track_counts", "zero_damaged_pages", "ignore_checksum_failure", "shared_preload_libraries"),
)

DATABASE_BYTES = "SELECT pg_database_size(current_database())"

# That there is a way from one version to the other says more than that the two differ: versions
# do not sort as text.
EXTENSIONS = """
    SELECT e.extname, e.extversion, a.default_version
      FROM pg_extension e JOIN pg_available_extensions() a ON a.name = e.extname
     WHERE e.extversion <> a.default_version
       AND EXISTS (SELECT 1 FROM pg_extension_update_paths(e.extname) p
                    WHERE p.source = e.extversion AND p.target = a.default_version
                      AND p.path IS NOT NULL)
     ORDER BY 1
"""

STATEMENT_STATISTICS = """
    SELECT EXISTS (SELECT 1 FROM pg_available_extensions() WHERE name = 'pg_stat_statements'),
           current_setting('pg_stat_statements.max', true) IS NOT NULL,
           EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements')
"""

# Values that do not fit inline are in a table of their own, with an age of its own.
TABLE_AGES = """
    WITH aged AS MATERIALIZED (
        SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                    ELSE n.nspname || '"."' || c.relname END AS name,
               greatest(age(c.relfrozenxid), age(t.relfrozenxid)) AS xids,
               greatest(mxid_age(c.relminmxid), mxid_age(t.relminmxid)) AS mxids
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
         WHERE c.relkind IN ('r', 'm')
    )
    (SELECT 'xids', name, xids, mxids FROM aged ORDER BY xids DESC, name LIMIT 5)
    UNION ALL
    (SELECT 'mxids', name, xids, mxids FROM aged ORDER BY mxids DESC, name LIMIT 5)
    UNION ALL
    (SELECT 'databases', datname, age(datfrozenxid), mxid_age(datminmxid) FROM pg_database
      WHERE datname <> current_database() ORDER BY 3 DESC)
"""

CHECKSUM_FAILURES = """
    SELECT coalesce(sum(checksum_failures), 0)::bigint FROM pg_stat_database
     WHERE datname = current_database() OR datid = 0
"""

# Until somebody resets the counters of a database nobody knows when they began: not before those
# of the server, which begin when it is made, or when it throws its statistics away after a crash.
COUNTERS = """
    SELECT d.temp_files, d.temp_bytes::bigint, d.deadlocks,
           extract(epoch FROM clock_timestamp() - coalesce(
               d.stats_reset,
               (SELECT least(a.stats_reset, b.stats_reset, w.stats_reset)
                  FROM pg_stat_archiver a, pg_stat_bgwriter b, pg_stat_wal w),
               pg_postmaster_start_time()))::float8
      FROM pg_stat_database d WHERE d.datname = current_database()
"""

STATEMENTS_SCHEMA = """
    SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_stat_statements'
       AND current_setting('pg_stat_statements.max', true) IS NOT NULL
"""

# The figures alone: with texts the server reads a file of all of them, however few are wanted. An
# extension that was never updated calls the time otherwise, and knows of no nested statements.
# The statements of others are NULL to a role without pg_read_all_stats.
COSTLY_STATEMENTS = """
    WITH counted AS MATERIALIZED (
        SELECT s.queryid, s.calls,
               coalesce((j ->> 'total_exec_time')::float8, (j ->> 'total_time')::float8)
               + coalesce((j ->> 'total_plan_time')::float8, 0) AS milliseconds
          FROM {schema}.pg_stat_statements(false) s CROSS JOIN to_jsonb(s) j
         WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND coalesce((j ->> 'toplevel')::boolean, true)
    )
    SELECT queryid, sum(calls)::bigint, sum(milliseconds) / 1000,
           sum(milliseconds) / nullif(sum(sum(milliseconds)) OVER (), 0)
      FROM counted GROUP BY queryid HAVING queryid IS NOT NULL
     ORDER BY 3 DESC LIMIT 3
"""

STATEMENT_TEXT = """
    SELECT s.query FROM {schema}.pg_stat_statements(true) s
     WHERE s.queryid = %s AND s.query NOT LIKE '%%/* dbhealth */%%'
       AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     LIMIT 1
"""
