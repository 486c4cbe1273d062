"""What the statistics system knows of tables, and of sessions that vacuum, analyze or rebuild.

Nothing here waits for a lock on a table.
https://www.postgresql.org/docs/current/progress-reporting.html
"""

from __future__ import annotations

# The limits are autovacuum's: https://www.postgresql.org/docs/current/routine-vacuuming.html
# pg_relation_size and its like would wait behind an AccessExclusiveLock; relpages are enough here.
TABLES = """
    WITH RECURSIVE wanted AS (
        SELECT to_regclass(name)::oid AS oid FROM unnest(%s::text[]) AS given (name)
        UNION
        SELECT i.inhrelid FROM pg_inherits i JOIN wanted w ON w.oid = i.inhparent
    ), setting AS MATERIALIZED (
        SELECT current_setting('block_size')::bigint AS block,
               current_setting('autovacuum_vacuum_threshold')::float8 AS dead_base,
               current_setting('autovacuum_vacuum_scale_factor')::float8 AS dead_scale,
               current_setting('autovacuum_analyze_threshold')::float8 AS changed_base,
               current_setting('autovacuum_analyze_scale_factor')::float8 AS changed_scale,
               current_setting('autovacuum_vacuum_insert_threshold')::float8 AS inserted_base,
               current_setting('autovacuum_vacuum_insert_scale_factor')::float8 AS inserted_scale,
               current_setting('autovacuum_freeze_max_age')::float8 AS age_limit,
               current_setting('server_version_num')::int AS version
    ), pages AS (
        SELECT i.indrelid AS oid, sum(x.relpages)::bigint AS pages
          FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid GROUP BY i.indrelid
    )
    SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                ELSE n.nspname || '"."' || c.relname END,
           c.relkind::text,
           pg_has_role(c.relowner, 'USAGE')
           OR (s.version >= 170000
               AND has_table_privilege(c.oid, CASE WHEN s.version >= 170000 THEN 'MAINTAIN'
                                                   ELSE 'SELECT' END))
           OR (SELECT pg_has_role(d.datdba, 'USAGE') FROM pg_database d
                WHERE d.datname = current_database()),
           coalesce(nullif(t.n_live_tup, 0), greatest(c.reltuples, 0))::bigint,
           coalesce(t.n_dead_tup, 0), coalesce(t.n_mod_since_analyze, 0),
           coalesce(t.n_ins_since_vacuum, 0),
           CASE WHEN c.relfrozenxid <> '0'
                THEN greatest(age(c.relfrozenxid),
                              CASE WHEN o.relfrozenxid <> '0' THEN age(o.relfrozenxid) END) END,
           s.block * (greatest(c.relpages, 0) + coalesce(p.pages, 0)
                      + coalesce(o.relpages, 0) + coalesce(q.pages, 0)),
           s.dead_base + s.dead_scale * greatest(c.reltuples, 0),
           s.changed_base + s.changed_scale * greatest(c.reltuples, 0),
           s.inserted_base + s.inserted_scale * greatest(c.reltuples, 0),
           s.age_limit
      FROM pg_class c
      CROSS JOIN setting s
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_stat_all_tables t ON t.relid = c.oid
      LEFT JOIN pg_class o ON o.oid = c.reltoastrelid
      LEFT JOIN pages p ON p.oid = c.oid
      LEFT JOIN pages q ON q.oid = o.oid
     WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
       AND (%s::text[] IS NULL OR c.oid IN (SELECT w.oid FROM wanted w))
     ORDER BY 1
"""

# What is in one version's view and not in another's is taken out of the row as JSON.
PROGRESS = """
    WITH me AS (SELECT %s::int AS pid), found AS (
        SELECT p.relid AS oid, p.phase,
               CASE p.phase WHEN 'scanning heap' THEN p.heap_blks_scanned
                            WHEN 'vacuuming heap' THEN p.heap_blks_vacuumed
                            WHEN 'vacuuming indexes' THEN (j ->> 'indexes_processed')::bigint
                            WHEN 'cleaning up indexes' THEN (j ->> 'indexes_processed')::bigint
               END AS done,
               CASE WHEN p.phase IN ('scanning heap', 'vacuuming heap') THEN p.heap_blks_total
                    WHEN p.phase LIKE '%%indexes' THEN (j ->> 'indexes_total')::bigint END AS total,
               CASE WHEN p.phase LIKE '%%indexes' THEN 'indexes' ELSE 'blocks' END AS unit
          FROM pg_stat_progress_vacuum p CROSS JOIN to_jsonb(p) j
         WHERE p.pid = (SELECT pid FROM me)
        UNION ALL
        SELECT p.relid, p.phase,
               CASE WHEN p.phase LIKE 'acquiring%%' THEN p.sample_blks_scanned END,
               CASE WHEN p.phase LIKE 'acquiring%%' THEN p.sample_blks_total END, 'blocks'
          FROM pg_stat_progress_analyze p WHERE p.pid = (SELECT pid FROM me)
        UNION ALL
        SELECT p.relid, p.phase,
               CASE WHEN p.phase = 'seq scanning heap' THEN p.heap_blks_scanned END,
               CASE WHEN p.phase = 'seq scanning heap' THEN p.heap_blks_total END, 'blocks'
          FROM pg_stat_progress_cluster p WHERE p.pid = (SELECT pid FROM me)
        UNION ALL
        SELECT coalesce(nullif(p.index_relid, 0), p.relid), p.phase,
               CASE WHEN p.phase LIKE 'waiting%%' THEN p.lockers_done
                    WHEN p.blocks_total > 0 THEN p.blocks_done ELSE p.tuples_done END,
               CASE WHEN p.phase LIKE 'waiting%%' THEN p.lockers_total
                    WHEN p.blocks_total > 0 THEN p.blocks_total ELSE p.tuples_total END,
               CASE WHEN p.phase LIKE 'waiting%%' THEN 'sessions' ELSE 'steps' END
          FROM pg_stat_progress_create_index p WHERE p.pid = (SELECT pid FROM me)
    )
    SELECT coalesce(c.relname, ''), f.phase, f.done, f.total, f.unit
      FROM found f LEFT JOIN pg_class c ON c.oid = f.oid
     WHERE f.phase IS NOT NULL LIMIT 1
"""
