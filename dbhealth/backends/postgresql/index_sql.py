"""The statements that read indexes out of pg_catalog.

Tables of the catalogue are read under MVCC and wait for nobody. What writes an expression or a
condition as SQL (pg_get_expr, pg_get_indexdef) opens the table, and waits behind an
AccessExclusiveLock; so it is called for expressions and conditions only, and not at all for a
table that somebody holds with that lock or waits to hold.
https://www.postgresql.org/docs/current/catalog-pg-index.html
"""

from __future__ import annotations

from dbhealth.backends.postgresql.use_sql import HELD

_DATABASE = "(SELECT oid FROM pg_database WHERE datname = current_database())"

# A row is an index, or without an index's name a table that is left out. "makers" are the sessions
# that build indexes, each with the tables that it holds for that: a role that may not read all
# statistics sees of another's progress no more than the process id.
# Operator classes of B-trees and hashes have no options. Which collation an expression has of its
# own the catalogue does not say; where there is another one than the database's in an index, in
# indcollation or within the parsed expression, the server writes the definition.
_INDEXES = """
    {held}, makers AS MATERIALIZED (
        SELECT l.relation, p.index_relid AS made, p.command
          FROM pg_stat_progress_create_index p JOIN pg_locks l ON l.pid = p.pid
         WHERE l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND l.database = {database}
    ), wanted AS MATERIALIZED (
        SELECT c.oid, {name} AS name, c.oid IN (SELECT relation FROM held) AS locked,
               quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS sql
          FROM {tables} JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'm') AND {condition}
    ), constraints AS MATERIALIZED (
        SELECT oid, conindid, contype, conname, condeferrable, condeferred, conexclop
          FROM pg_constraint WHERE conindid <> 0
    )
    SELECT w.name, w.sql, c.relname, quote_ident(c.relname), x.indexrelid::bigint,
           x.indrelid::bigint, m.amname, x.indkey::text, x.indnkeyatts, x.indclass::text,
           x.indcollation::text, x.indoption::text,
           CASE WHEN x.indexprs IS NOT NULL THEN ARRAY(
               SELECT pg_get_indexdef(x.indexrelid, k.place::int, FALSE)
                 FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, place)
                WHERE k.number = 0 ORDER BY k.place) END,
           CASE WHEN x.indexprs IS NOT NULL THEN ARRAY(
               SELECT a.atttypid::bigint FROM pg_attribute a
                WHERE a.attrelid = x.indexrelid ORDER BY a.attnum) END,
           CASE WHEN x.indpred IS NOT NULL THEN pg_get_expr(x.indpred, x.indrelid) END,
           coalesce(c.reloptions, ARRAY[]::text[]),
           CASE WHEN c.reloptions IS NOT NULL THEN ARRAY(
               SELECT {option} FROM pg_options_to_table(c.reloptions)) END,
           CASE WHEN m.amname NOT IN ('btree', 'hash') THEN ARRAY(
               SELECT (SELECT string_agg({option}, ', ') FROM pg_options_to_table(a.attoptions))
                 FROM pg_attribute a WHERE a.attrelid = x.indexrelid ORDER BY a.attnum) END,
           x.indisunique, x.indnullsnotdistinct, x.indisvalid,
           NOT x.indisvalid AND EXISTS (
               SELECT FROM makers b
                WHERE b.relation = x.indrelid
                  AND (coalesce(b.made, 0) IN (0, x.indexrelid) OR b.command LIKE 'REINDEX%%')),
           x.indisreplident, x.indisclustered, c.relispartition, c.relkind = 'I',
           k.contype::text, coalesce(k.conname, ''), coalesce(k.condeferrable, FALSE),
           coalesce(k.condeferred, FALSE),
           CASE WHEN k.conexclop IS NOT NULL THEN ARRAY(
               SELECT CASE WHEN pg_operator_is_visible(o.oid) THEN o.oprname
                           ELSE 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')' END
                 FROM unnest(k.conexclop) WITH ORDINALITY AS e (operator, place)
                 JOIN pg_operator o ON o.oid = e.operator
                 JOIN pg_namespace n ON n.oid = o.oprnamespace ORDER BY e.place) END,
           x.indexrelid IN (SELECT conindid FROM constraints WHERE contype = 'f'),
           CASE WHEN x.indexprs IS NOT NULL
                 AND (x.indcollation::text ~ '(^| )(?!(0|100)( |$))\\d'
                      OR x.indexprs::text ~ 'coll(id|Oid) (?!(0|100) )\\d')
                THEN pg_get_indexdef(x.indexrelid) END
      FROM wanted w
      LEFT JOIN pg_index x ON x.indrelid = w.oid AND NOT w.locked
      LEFT JOIN pg_class c ON c.oid = x.indexrelid
      LEFT JOIN pg_am m ON m.oid = c.relam
      LEFT JOIN constraints k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')
     WHERE w.locked OR x.indexrelid IS NOT NULL
     ORDER BY w.name, c.relname
"""

# As src/backend/utils/adt/ruleutils.c writes them (get_reloptions).
_OPTION = (
    "quote_ident(option_name) || '=' || CASE WHEN quote_ident(option_value) = option_value "
    "THEN option_value ELSE quote_literal(option_value) END"
)

_NAME = (
    "CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '\".\"' || c.relname END"
)


def _indexes(*, name: str, tables: str, condition: str) -> str:
    return _INDEXES.format(
        database=_DATABASE,
        held=HELD.strip(),
        option=_OPTION,
        name=name,
        tables=tables,
        condition=condition,
    )


ALL_INDEXES = _indexes(
    name=_NAME,
    tables="pg_class c",
    condition="n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'",
)

# The name is the one that was asked for, in whatever way it was spelled.
INDEXES_OF = _indexes(
    name="t.name",
    tables="(SELECT asked AS name, to_regclass(sql) AS oid FROM unnest(%s::text[], %s::text[]) "
    "AS a (asked, sql)) AS t JOIN pg_class c ON c.oid = t.oid",
    condition="TRUE",
)

SCRATCH = "dbhealth_sketch_"
"""How the names of temporary tables begin, and of the indexes on them."""

SCRATCH_INDEXES = _indexes(
    name="c.relname",
    tables="pg_class c",
    condition="n.oid = pg_my_temp_schema() AND c.relname LIKE 'dbhealth\\_sketch\\_%%'",
)

# Which tables can be copied: none on a server that takes no writes, and none that is locked.
COPYABLE = f"""
    {HELD.strip()}
    SELECT t.sql
      FROM unnest(%s::text[]) AS t (sql) JOIN pg_class c ON c.oid = to_regclass(t.sql)
     WHERE NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean
       AND c.relkind IN ('r', 'p', 'm')
       AND c.oid NOT IN (SELECT relation FROM held)
"""

# The key columns of a list of tables. A column that is no key is left out, as are most.
COLUMNS = """
    SELECT a.attrelid::bigint, a.attnum, a.attname, quote_ident(a.attname), a.atttypid::bigint,
           a.attcollation::bigint
      FROM (SELECT DISTINCT x.indrelid, unnest(x.indkey::int2[]) AS number FROM pg_index x
             WHERE x.indrelid = ANY (%s::oid[])) AS k
      JOIN pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = k.number
"""

# What index_words needs: every operator class, the types of keys and the collations of indexes. A
# domain counts as the type that it is made of; "others" are preferred types that a type can stand
# for as it is.
WORDS = """
    WITH RECURSIVE types AS (
        SELECT t.oid, t.oid AS base, t.typtype, t.typbasetype
          FROM pg_type t WHERE t.oid = ANY (%s::oid[])
         UNION ALL
        SELECT d.oid, t.oid, t.typtype, t.typbasetype
          FROM types d JOIN pg_type t ON t.oid = d.typbasetype WHERE d.typtype = 'd'
    )
    SELECT 'type' AS kind, oid::bigint, '' AS sql, base::bigint, NULL::bigint AS method,
           NULL::boolean AS usual, NULL::boolean AS preferred, NULL::boolean AS stores,
           ARRAY(SELECT k.casttarget::bigint
                   FROM pg_cast k JOIN pg_type o ON o.oid = k.casttarget AND o.typispreferred
                  WHERE k.castsource = base AND k.castmethod = 'b' AND k.castcontext = 'i')
      FROM types WHERE typtype <> 'd'
     UNION ALL
    SELECT 'opclass', o.oid::bigint,
           CASE WHEN pg_opclass_is_visible(o.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END
           || quote_ident(o.opcname),
           o.opcintype::bigint, o.opcmethod::bigint, o.opcdefault, t.typispreferred,
           o.opckeytype <> 0, NULL
      FROM pg_opclass o
      JOIN pg_namespace n ON n.oid = o.opcnamespace
      JOIN pg_type t ON t.oid = o.opcintype
     UNION ALL
    SELECT 'collation', o.oid::bigint,
           CASE WHEN pg_collation_is_visible(o.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END
           || quote_ident(o.collname), NULL, NULL, NULL, NULL, NULL, NULL
      FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace
     WHERE o.oid = ANY (%s::oid[])
"""
