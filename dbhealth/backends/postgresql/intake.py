"""pg_catalog: what a table demands of rows that come in.

The functions that write expressions out may wait behind an AccessExclusiveLock on the table, so
these statements carry timeouts.
"""

from __future__ import annotations

from typing import Any

from dbhealth.backends.executor import Executor
from dbhealth.backends.intake import Formula, Intake, Part, Unique
from dbhealth.backends.names import quoted
from dbhealth.backends.records import ForeignKey
from dbhealth.backends.selection import Limits
from dbhealth.backends.statement import Lock, Statement

_COLUMNS = """
    SELECT a.attname, a.atthasdef OR a.attidentity <> '', a.attidentity = 'a',
           CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END
      FROM pg_attribute a
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum
"""

_CHECKS = """
    SELECT k.conname, pg_get_expr(k.conbin, k.conrelid)
      FROM pg_constraint k
     WHERE k.conrelid = to_regclass(%s) AND k.contype = 'c'
       AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, TRUE)
     ORDER BY k.conname
"""

# Unique indexes with or without a constraint, and exclusion constraints, which have operators of
# their own. A collation is given where it is another one than the column's.
_UNIQUES = """
    SELECT ic.relname, i.indnullsnotdistinct, coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
           pg_get_indexdef(i.indexrelid, part.place, FALSE), a.attname,
           quote_ident(con.nspname) || '.' || quote_ident(co.collname),
           'OPERATOR(' || quote_ident(opn.nspname) || '.' || o.oprname || ')'
      FROM pg_index i
      JOIN pg_class ic ON ic.oid = i.indexrelid
      CROSS JOIN LATERAL generate_series(1, i.indnkeyatts) AS part(place)
      LEFT JOIN pg_attribute a
        ON a.attrelid = i.indrelid AND a.attnum = i.indkey[part.place - 1] AND a.attnum > 0
      LEFT JOIN pg_collation co
        ON co.oid = i.indcollation[part.place - 1] AND co.collname <> 'default'
           AND co.oid IS DISTINCT FROM a.attcollation
      LEFT JOIN pg_namespace con ON con.oid = co.collnamespace
      LEFT JOIN pg_constraint x
        ON x.conindid = i.indexrelid AND x.conrelid = i.indrelid AND x.conexclop IS NOT NULL
      LEFT JOIN pg_operator o ON o.oid = x.conexclop[part.place]
      LEFT JOIN pg_namespace opn ON opn.oid = o.oprnamespace
     WHERE i.indrelid = to_regclass(%s) AND NOT i.indisprimary AND i.indislive
       AND (i.indisunique OR i.indisexclusion)
     ORDER BY ic.relname, part.place
"""

# A reference of the table to itself comes with the name that was asked for.
_REFERENCES = """
    SELECT CASE WHEN k.conrelid = k.confrelid THEN %s
                WHEN pg_table_is_visible(k.confrelid) THEN c.relname
                ELSE n.nspname || '"."' || c.relname END,
           array_agg(child.attname ORDER BY part.place),
           array_agg(parent.attname ORDER BY part.place), k.conname
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.confrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS part(own, other, place)
      JOIN pg_attribute child ON child.attrelid = k.conrelid AND child.attnum = part.own
      JOIN pg_attribute parent ON parent.attrelid = k.confrelid AND parent.attnum = part.other
     WHERE k.contype = 'f' AND k.conrelid = to_regclass(%s)
       AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, TRUE)
       AND NOT EXISTS (SELECT 1 FROM pg_constraint whole
                       WHERE whole.oid = k.conparentid AND whole.conrelid = k.conrelid)
     GROUP BY k.conrelid, k.confrelid, n.nspname, c.relname, k.conname
     ORDER BY k.conname
"""

_TRIGGERS = """
    SELECT t.tgname FROM pg_trigger t
     WHERE t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
       AND t.tgtype & 4 <> 0
     UNION ALL
    SELECT r.rulename FROM pg_rewrite r
     WHERE r.ev_class = to_regclass(%s) AND r.ev_type = '3' AND r.ev_enabled <> 'D'
     ORDER BY 1
"""


def read_intake(executor: Executor, table: str, limits: Limits) -> Intake:
    """Return what a table demands of rows that come in."""

    def look(sql: str, *params: object) -> list[tuple[Any, ...]]:
        statement = Statement(
            sql=sql,
            params=params,
            purpose="Read what the table demands of new rows.",
            lock=Lock.ACCESS_SHARE,
            lock_timeout=limits.lock,
            statement_timeout=limits.statement,
        )
        return executor.run(statement).rows

    name = quoted(table)
    columns = look(_COLUMNS, name)
    return Intake(
        filled=frozenset(column for column, filled, _, _ in columns if filled),
        always=any(always for _, _, always, _ in columns),
        generated=tuple(
            Formula(name=column, sql=_in_sql(formula))
            for column, _, _, formula in columns
            if formula is not None
        ),
        checks=tuple(
            Formula(name=check, sql=_in_sql(formula)) for check, formula in look(_CHECKS, name)
        ),
        uniques=_uniques(look(_UNIQUES, name)),
        references=tuple(
            ForeignKey(
                table=table,
                columns=tuple(own),
                target=target,
                target_columns=tuple(others),
                label=f"({', '.join(own)}) to {target}",
            )
            for target, own, others, _ in look(_REFERENCES, table, name)
        ),
        triggers=tuple(row[0] for row in look(_TRIGGERS, name, name)),
    )


def _uniques(rows: list[tuple[Any, ...]]) -> tuple[Unique, ...]:
    found: dict[tuple[str, str], list[Part]] = {}
    for index, is_null_a_value, condition, formula, column, collation, operator in rows:
        collated = f" COLLATE {_in_sql(collation)}" if collation else ""
        same = "IS NOT DISTINCT FROM" if is_null_a_value else "="
        part = Part(
            sql=f"({_in_sql(formula)}){collated}",
            column=column,
            operator=same if operator is None else _in_sql(operator),
        )
        found.setdefault((index, condition), []).append(part)
    return tuple(
        Unique(name=index, parts=tuple(parts), condition=_in_sql(condition))
        for (index, condition), parts in found.items()
    )


def _in_sql(formula: str) -> str:
    """Return SQL of the catalogue for a statement with parameters."""
    return formula.replace("%", "%%")
