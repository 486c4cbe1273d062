"""The statements that condition.py reads how tables stand with.

As in use_sql.py the functions behind the pg_stat views are called by themselves: they wait for no
lock, and the joins of the views cost more than the figures.
"""

from dbhealth.backends.postgresql.use_sql import HELD, SOURCE, USERS_OWN

SERVER = f"""
    SELECT s.*, (SELECT array_agg(g.name ORDER BY g.name) FROM pg_settings g WHERE {{mine}}),
           (SELECT array_agg(g.setting ORDER BY g.name) FROM pg_settings g WHERE {{mine}})
      FROM ({SOURCE}) AS s
""".replace("{mine}", "(g.name LIKE 'autovacuum%%' OR g.name = 'track_counts')")


def _moment(function: str) -> str:
    return f"(extract(epoch FROM pg_stat_get_{function}_time(c.oid)) * 1000000)::bigint"


_PAGE = "current_setting('block_size')::bigint"

# relfrozenxid is 0 where nothing is stored.
_AGES = """
    CASE WHEN {0}.relfrozenxid <> '0' THEN age({0}.relfrozenxid) END,
    CASE WHEN {0}.relminmxid <> '0' THEN mxid_age({0}.relminmxid) END
"""

# A size costs more than everything else that is asked of a table. VACUUM and ANALYZE have written
# it into pg_class, and where nothing came or died since then it still holds. Of an index and of
# TOAST it is VACUUM alone that did.
SIZES = f"""
    CASE WHEN c.oid IN (SELECT relation FROM taken) THEN NULL
         WHEN pg_stat_get_mod_since_analyze(c.oid) = 0 AND pg_stat_get_dead_tuples(c.oid) = 0
              AND coalesce({_moment("last_analyze")}, {_moment("last_autoanalyze")}) IS NOT NULL
         THEN c.relpages * {_PAGE}
         ELSE pg_relation_size(c.oid) END,
    CASE WHEN c.reltoastrelid = 0 THEN 0
         WHEN c.reltoastrelid IN (SELECT relation FROM taken) THEN NULL
         WHEN pg_stat_get_ins_since_vacuum(t.oid) = 0 AND pg_stat_get_dead_tuples(t.oid) = 0
              AND coalesce(pg_stat_get_last_vacuum_time(t.oid),
                           pg_stat_get_last_autovacuum_time(t.oid)) IS NOT NULL
         THEN (t.relpages + y.pages) * {_PAGE}
         ELSE pg_relation_size(t.oid) + (SELECT sum(pg_relation_size(i.indexrelid))
                                           FROM pg_index i WHERE i.indrelid = t.oid) END,
    CASE WHEN x.pages IS NULL THEN 0
         WHEN c.oid IN (SELECT relation FROM taken) THEN NULL
         WHEN pg_stat_get_mod_since_analyze(c.oid) = 0 AND pg_stat_get_dead_tuples(c.oid) = 0
              AND coalesce({_moment("last_analyze")}, {_moment("last_autoanalyze")}) IS NOT NULL
         THEN x.pages * {_PAGE}
         ELSE (SELECT sum(pg_relation_size(i.indexrelid))
                 FROM pg_index i WHERE i.indrelid = c.oid) END
"""
NO_SIZES = "NULL::bigint, NULL::bigint, NULL::bigint"

TABLES = f"""
    {HELD}, taken AS MATERIALIZED (
        SELECT relation FROM held
        UNION SELECT i.indrelid FROM pg_index i JOIN held ON held.relation = i.indexrelid
    ), of_indexes AS MATERIALIZED (
        SELECT i.indrelid, sum(x.relpages)::bigint AS pages,
               sum(pg_stat_get_blocks_fetched(x.oid))::bigint AS fetched,
               sum(pg_stat_get_blocks_hit(x.oid))::bigint AS hit
          FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
         GROUP BY i.indrelid
    )
    SELECT c.oid::bigint, h.inhparent::bigint, n.nspname, c.relname, pg_table_is_visible(c.oid),
           c.relkind::text,
           c.oid IN (SELECT relation FROM taken) OR c.reltoastrelid IN (SELECT relation FROM taken),
           has_table_privilege(c.oid, 'SELECT'),
           c.reloptions, t.reloptions, c.reltuples::float8, t.reltuples::float8,
           {{frozen}}, {_AGES.format("c")}, {_AGES.format("t")},
           pg_stat_get_live_tuples(c.oid), pg_stat_get_dead_tuples(c.oid),
           pg_stat_get_mod_since_analyze(c.oid), pg_stat_get_ins_since_vacuum(c.oid),
           pg_stat_get_dead_tuples(t.oid), pg_stat_get_ins_since_vacuum(t.oid),
           pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid),
           pg_stat_get_tuples_deleted(c.oid), pg_stat_get_tuples_hot_updated(c.oid), {{new_page}},
           {_moment("last_vacuum")}, {_moment("last_autovacuum")},
           {_moment("last_analyze")}, {_moment("last_autoanalyze")},
           pg_stat_get_vacuum_count(c.oid), pg_stat_get_autovacuum_count(c.oid),
           pg_stat_get_analyze_count(c.oid), pg_stat_get_autoanalyze_count(c.oid),
           c.relpages * {_PAGE}, (coalesce(t.relpages, 0) + coalesce(y.pages, 0)) * {_PAGE},
           coalesce(x.pages, 0) * {_PAGE}, {{sizes}},
           pg_stat_get_blocks_fetched(c.oid) + coalesce(x.fetched, 0)
           + coalesce(pg_stat_get_blocks_fetched(t.oid), 0) + coalesce(y.fetched, 0),
           pg_stat_get_blocks_hit(c.oid) + coalesce(x.hit, 0)
           + coalesce(pg_stat_get_blocks_hit(t.oid), 0) + coalesce(y.hit, 0)
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
      LEFT JOIN pg_inherits h ON h.inhrelid = c.oid AND c.relispartition
      LEFT JOIN of_indexes x ON x.indrelid = c.oid
      LEFT JOIN of_indexes y ON y.indrelid = t.oid
     WHERE c.relkind IN ('r', 'p', 'm') AND {USERS_OWN}
     ORDER BY n.nspname, c.relname
"""

NEW_PAGE = "pg_stat_get_tuples_newpage_updated(c.oid)"  # since version 16
FROZEN = (
    "c.relallfrozen::float8 / nullif(c.relpages, 0), t.relallfrozen::float8 / nullif(t.relpages, 0)"
)
NOT_FROZEN = "NULL::float8, NULL::float8"

# pg_stats lets nothing but constants in before it looks at each column of the database.
COLUMNS = f"""
    {HELD}
    SELECT c.oid::bigint,
           CASE WHEN c.oid IN (SELECT relation FROM held) THEN NULL
                ELSE pg_relation_size(c.oid) END,
           {_PAGE}, array_agg(a.attlen::integer ORDER BY a.attnum),
           array_agg(a.attalign::text ORDER BY a.attnum),
           array_agg(s.null_frac ORDER BY a.attnum), array_agg(s.avg_width ORDER BY a.attnum)
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN (SELECT schemaname, tablename, attname, null_frac, avg_width FROM pg_stats
                  WHERE tablename = ANY(%s) AND NOT inherited) AS s
             ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
     WHERE c.oid = ANY(%s::bigint[]::oid[])
     GROUP BY c.oid
"""

READER = """
    SELECT n.nspname FROM pg_extension e
      JOIN pg_namespace n ON n.oid = e.extnamespace
      JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'pgstattuple'
     WHERE e.extname = 'pgstattuple' AND has_function_privilege(p.oid, 'EXECUTE') LIMIT 1
"""

READ = """
    SELECT s.table_len, s.dead_tuple_len + s.free_space
      FROM {schema}.pgstattuple(%s::bigint::oid::regclass) AS s
"""
