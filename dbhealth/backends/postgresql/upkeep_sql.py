"""Whom tables belong to, and how far sessions are that vacuum, analyze or rebuild.

Nothing here waits for a lock on a table.
https://www.postgresql.org/docs/current/progress-reporting.html
"""

from __future__ import annotations

# Its owner may vacuum a table, the owner of the database too, and from 17 on who has MAINTAIN. The
# name of a privilege that a version does not know is an error, hence the CASE.
FORBIDDEN = """
    SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                ELSE n.nspname || '"."' || c.relname END
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN (SELECT CASE WHEN current_setting('server_version_num')::int >= 170000
                              THEN 'MAINTAIN' END AS privilege) v
     WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
       AND NOT pg_has_role(c.relowner, 'USAGE')
       AND NOT coalesce(has_table_privilege(c.oid, v.privilege), FALSE)
       AND NOT (SELECT pg_has_role(d.datdba, 'USAGE') FROM pg_database d
                 WHERE d.datname = current_database())
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
