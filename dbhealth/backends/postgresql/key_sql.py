"""The statements that keys.py reads sequences, integer keys, constraints and collations with.

Read from the catalogue, which takes no lock on a user's table. The last value of a sequence is the
one thing that does: a RowExclusiveLock on the sequence, which ALTER SEQUENCE and TRUNCATE …
RESTART IDENTITY keep waiting. Where such a lock is seen the value is left out.
"""

from dbhealth.backends.postgresql.use_sql import USERS_OWN

_NAME = """CASE WHEN pg_table_is_visible({c}.oid) THEN {c}.relname
                ELSE {n}.nspname || '"."' || {c}.relname END"""

_TABLE = _NAME.format(c="c", n="n")

_HELD = """
    held AS MATERIALIZED (
        SELECT DISTINCT relation FROM pg_locks
         WHERE locktype = 'relation' AND pid IS DISTINCT FROM pg_backend_pid()
           AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                        'AccessExclusiveLock')
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""

# A column takes a sequence's values when it owns it (serial, identity) or its default draws from
# it. A column of a domain has the type that the domain stands on.
_FED = """
    fed AS MATERIALIZED (
        SELECT u.sequence, u.relation, u.number, bool_or(u.identity) AS identity
          FROM (SELECT d.objid, d.refobjid, d.refobjsubid, d.deptype = 'i'
                  FROM pg_depend d
                 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                   AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
                UNION ALL
                SELECT d.refobjid, f.adrelid, f.adnum, false
                  FROM pg_attrdef f JOIN pg_depend d
                    ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                   AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
               ) u (sequence, relation, number, identity)
          JOIN pg_sequence s ON s.seqrelid = u.sequence
         GROUP BY 1, 2, 3
    )
"""

SEQUENCES = f"""
    WITH {_HELD}, {_FED}, found AS MATERIALIZED (
        SELECT s.*, q.relname, q.oid, m.nspname, q.relpersistence,
               f.relation, f.number, f.identity, t.typname,
               row_number() OVER (ORDER BY CASE t.typname WHEN 'int2' THEN 32767
                       WHEN 'int4' THEN least(s.seqmax, 2147483647) ELSE s.seqmax END, s.seqrelid)
                   <= current_setting('max_locks_per_transaction')::int
                      * (current_setting('max_connections')::int
                         + current_setting('max_prepared_transactions')::int) / 2 AS has_room,
               has_sequence_privilege(q.oid, 'SELECT') OR has_sequence_privilege(q.oid, 'USAGE')
                   AS readable,
               q.oid IN (SELECT relation FROM held) AS locked
          FROM pg_sequence s
          JOIN pg_class q ON q.oid = s.seqrelid
          JOIN pg_namespace m ON m.oid = q.relnamespace
          LEFT JOIN fed f ON f.sequence = s.seqrelid
          LEFT JOIN pg_attribute a ON a.attrelid = f.relation AND a.attnum = f.number
          LEFT JOIN pg_type d ON d.oid = a.atttypid
          LEFT JOIN pg_type t ON t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
         WHERE m.nspname NOT LIKE 'pg\\_%%' AND m.nspname <> 'information_schema'
    )
    SELECT {_NAME.format(c="s", n="s")}, s.nspname, s.seqmin, s.seqmax, s.seqincrement, s.seqcycle,
           format_type(s.seqtypid, NULL),
           CASE WHEN s.has_room AND s.readable AND NOT s.locked
                THEN pg_sequence_last_value(s.oid) END,
           s.readable, s.locked, CASE WHEN c.oid IS NULL THEN '' ELSE {_TABLE} END,
           coalesce(a.attname, ''), coalesce(format_type((CASE s.typname
               WHEN 'int2' THEN 'int2' WHEN 'int4' THEN 'int4' WHEN 'int8' THEN 'int8'
               END)::regtype, NULL), ''), coalesce(s.identity, false)
      FROM found s
      LEFT JOIN pg_class c ON c.oid = s.relation
      LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_attribute a ON a.attrelid = s.relation AND a.attnum = s.number
     ORDER BY s.seqrelid, a.attnum
"""

INTEGER_KEYS = f"""
    SELECT DISTINCT ON (i.indrelid, a.attnum)
           {_TABLE}, a.attname, format_type(t.oid, NULL), i.indisprimary,
           nullif(c.reltuples, -1)::bigint, has_column_privilege(c.oid, a.attnum, 'SELECT'),
           n.nspname, c.relname
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      JOIN pg_type d ON d.oid = a.atttypid
      JOIN pg_type t ON t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
     WHERE i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL
       AND t.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
       AND c.relkind = 'r' AND {USERS_OWN}
       AND NOT EXISTS (SELECT 1 FROM pg_constraint k
                        WHERE k.conrelid = i.indrelid AND k.contype = 'f'
                          AND k.conkey = ARRAY[a.attnum])
     ORDER BY i.indrelid, a.attnum, i.indisprimary DESC
"""

# The histogram's last bound is the largest value in the rows that ANALYZE took for its sample. By
# lists of names: joined with anything else the view is read once for every key. As text, since a
# column of the same name may be of any type in another table.
LARGEST = """
    SELECT p.schemaname, p.tablename, p.attname,
           (p.histogram_bounds::text::text[])[array_upper(p.histogram_bounds::text::text[], 1)]
      FROM pg_stats p
     WHERE p.tablename = ANY (%s) AND p.attname = ANY (%s) AND NOT p.inherited
       AND p.histogram_bounds IS NOT NULL
"""

# conparentid = 0: the clones that PostgreSQL makes for partitions are left out.
INTEGER_REFERENCES = f"""
    SELECT k.conname, {_TABLE}, a.attname, format_type(at.oid, NULL),
           {_NAME.format(c="r", n="m")}, b.attname, format_type(bt.oid, NULL)
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_class r ON r.oid = k.confrelid
      JOIN pg_namespace m ON m.oid = r.relnamespace
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
      JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
      JOIN pg_type ad ON ad.oid = a.atttypid
      JOIN pg_type bd ON bd.oid = b.atttypid
      JOIN pg_type at ON at.oid = coalesce(nullif(ad.typbasetype, 0), ad.oid)
      JOIN pg_type bt ON bt.oid = coalesce(nullif(bd.typbasetype, 0), bd.oid)
     WHERE k.contype = 'f' AND k.conparentid = 0 AND array_length(k.conkey, 1) = 1
       AND at.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
       AND bt.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
     ORDER BY 2, 3, 1
"""

# One that is not enforced (PostgreSQL 18) is not validated either, but that is as it was wanted,
# and VALIDATE refuses it.
UNPROVEN = f"""
    SELECT k.conname, {_TABLE}, k.contype::text
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT k.convalidated AND k.conparentid = 0 AND {USERS_OWN}
       AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
     ORDER BY 2, 1
"""

# Of the hundreds of collations that a server has, those that a user's column or index uses.
COLLATIONS = f"""
    WITH stale AS (
        SELECT l.oid, CASE WHEN pg_collation_is_visible(l.oid) THEN l.collname
                           ELSE n.nspname || '"."' || l.collname END AS name,
               l.collversion AS recorded, pg_collation_actual_version(l.oid) AS actual
          FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
         WHERE l.collversion IS NOT NULL
           AND l.oid IN (SELECT attcollation FROM pg_attribute WHERE attrelid >= 16384)
        UNION ALL
        SELECT 'default'::regcollation::oid, '', datcollversion,
               pg_database_collation_actual_version(oid)
          FROM pg_database WHERE datname = current_database()
    )
    SELECT s.name, current_database()::text, s.recorded, s.actual,
           ARRAY(SELECT {_TABLE} FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                   JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE s.oid = ANY (i.indcollation) AND {USERS_OWN} ORDER BY 1 LIMIT 100)
      FROM stale s WHERE s.recorded <> s.actual
     ORDER BY 1
"""
