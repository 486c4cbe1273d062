"""The statements that index_use.py reads the statistics with.

The functions behind pg_stat_all_indexes, pg_statio_all_indexes and pg_stat_all_tables are called
by themselves: they wait for no lock, and the joins of the views cost more than the figures.
"""

# A logical subscriber or a backup reads no table by an index of this database.
SOURCE = """
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
           (SELECT (extract(epoch FROM d.stats_reset) * 1000000)::bigint
              FROM pg_stat_database d WHERE d.datname = current_database()),
           (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
           pg_is_in_recovery(),
           (SELECT count(*) FROM pg_stat_replication r
             WHERE r.state IS DISTINCT FROM 'backup' AND NOT EXISTS (
                   SELECT 1 FROM pg_replication_slots s
                    WHERE s.active_pid = r.pid AND s.slot_type = 'logical'))
"""

# Whoever asks for the lock makes newcomers wait behind him as well, granted or not.
HELD = """
    WITH held AS MATERIALIZED (
        SELECT DISTINCT relation FROM pg_locks
         WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
           AND pid IS DISTINCT FROM pg_backend_pid()  -- a prepared transaction has none
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""

USERS_OWN = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'"

TABLES = f"""
    {HELD}
    SELECT c.oid::bigint, h.inhparent::bigint, n.nspname, c.relname, pg_table_is_visible(c.oid),
           c.oid IN (SELECT relation FROM held) OR c.reltoastrelid IN (SELECT relation FROM held),
           coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), nullif(c.reltuples, -1))::bigint,
           (c.relpages + coalesce(t.relpages, 0)) * current_setting('block_size')::bigint,
           pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid),
           pg_stat_get_tuples_fetched(c.oid), pg_stat_get_tuples_inserted(c.oid),
           pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
           pg_stat_get_tuples_hot_updated(c.oid), {{last}}
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
      LEFT JOIN pg_inherits h ON h.inhrelid = c.oid AND c.relispartition
     WHERE c.relkind IN ('r', 'p', 'm') AND {USERS_OWN}
     ORDER BY n.nspname, c.relname
"""

INDEXES = f"""
    {HELD}
    SELECT c.oid::bigint, h.inhparent::bigint, i.indrelid::bigint, c.relname,
           c.oid IN (SELECT relation FROM held), nullif(c.reltuples, -1)::bigint,
           {{measured}}, c.relpages * current_setting('block_size')::bigint,
           pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid),
           pg_stat_get_tuples_fetched(c.oid),
           pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid),
           pg_stat_get_blocks_hit(c.oid), {{last}}
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_inherits h ON h.inhrelid = c.oid
     WHERE {USERS_OWN}
     ORDER BY i.indrelid, c.relname
"""

LAST_SCAN = "(extract(epoch FROM pg_stat_get_lastscan(c.oid)) * 1000000)::bigint"

# A size costs more than everything else that is asked of an index. ANALYZE has written it into
# pg_class, and where nothing came or died in the table since it still holds.
INDEX_SIZE = """
    CASE WHEN c.oid IN (SELECT relation FROM held) THEN NULL
         WHEN pg_stat_get_mod_since_analyze(i.indrelid) = 0
              AND pg_stat_get_dead_tuples(i.indrelid) = 0
              AND coalesce(pg_stat_get_last_analyze_time(i.indrelid),
                           pg_stat_get_last_autoanalyze_time(i.indrelid)) IS NOT NULL
         THEN c.relpages * current_setting('block_size')::bigint
         ELSE pg_relation_size(c.oid) END
"""

# Columns of small tables lead to no verdict; the view looks at one table's columns after another.
# Those of a partitioned table have inherited statistics only.
COLUMNS = """
    SELECT s.schemaname, s.tablename, s.attname, s.null_frac, s.n_distinct, s.avg_width
      FROM pg_stats s
     WHERE s.tablename = ANY(%s)
     ORDER BY s.inherited DESC
"""

# conparentid = 0: the clones that PostgreSQL makes for partitions are left out.
FOREIGN_KEYS = """
    SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                ELSE n.nspname || '"."' || c.relname END,
           CASE WHEN pg_table_is_visible(t.oid) THEN t.relname
                ELSE m.nspname || '"."' || t.relname END,
           (SELECT array_agg(a.attname ORDER BY part.place)
              FROM unnest(k.conkey) WITH ORDINALITY AS part(attnum, place)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.attnum),
           (SELECT array_agg(a.attname ORDER BY part.place)
              FROM unnest(k.confkey) WITH ORDINALITY AS part(attnum, place)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = part.attnum),
           CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
                              WHEN 'd' THEN 'SET DEFAULT' ELSE '' END
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace m ON m.oid = t.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0
       AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, TRUE)
     ORDER BY n.nspname, c.relname, k.conname
"""
