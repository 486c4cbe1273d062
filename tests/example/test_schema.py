"""The database has the very tables and indexes that the example promises."""

import re
from textwrap import indent

import pytest

from tests.example.conftest import Project
from tests.example.contract import ARCHIVES, PARTIAL, TABLES
from tests.servers.engine import postgres_major

# Constraints and the pattern indexes that Django adds to unique text are not declared indexes.
INDEXES = f"""
from django.db import connection
answer = {{}}
with connection.cursor() as cursor:
    for table in {sorted(TABLES)}:
        found = connection.introspection.get_constraints(cursor, table)
        answer[table] = {{
            name: " ".join(
                column if order == "ASC" else "-" + column
                for column, order in zip(entry["columns"], entry["orders"])
            )
            for name, entry in found.items()
            if entry["index"] and not entry["unique"] and not name.endswith("_like")
        }}
"""
DEFINITIONS = """
from django.db import connection
query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
if connection.vendor == "sqlite":
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
with connection.cursor() as cursor:
    cursor.execute(query)
    answer = dict(cursor.fetchall())
"""

THERE_AND_BACK = f"""
from io import StringIO
from django.core.management import call_command
from django.db import connection
plans = [StringIO(), StringIO()]
there = []
for target in ("0003", "0004"):
    call_command("migrate", "life", target, verbosity=0)
{indent(DEFINITIONS, "    ")}
    there.append("ix_feedback_processed" in answer)
for backwards, plan in enumerate(plans):
    call_command("sqlmigrate", "life", "0004", backwards=bool(backwards), stdout=plan)
answer = [plan.getvalue() for plan in plans], there
"""


def test_tables_have_exactly_the_promised_indexes(demo: Project) -> None:
    promised = {table: dict(indexes) for table, indexes in TABLES.items()}
    if postgres_major() is not None:
        # Django counts the columns that an index only carries among its columns.
        promised["document_chunks"]["idx_chunks_covering"] = "document_id chunk_index"
    assert demo.ask(INDEXES) == promised


def test_partial_and_covering_indexes_are_what_they_say(demo: Project) -> None:
    definitions = demo.ask(DEFINITIONS)
    declared = {name for indexes in TABLES.values() for name in indexes}
    assert {name for name in declared if " WHERE " in definitions[name]} == PARTIAL
    covering = {name for name in declared if " INCLUDE " in definitions[name]}
    # SQLite has no INCLUDE; the index is a plain one there.
    assert covering == (set() if postgres_major() is None else {"idx_chunks_covering"})


def test_archive_tables_are_there(demo: Project) -> None:
    tables = demo.ask(
        "from django.db import connection\nanswer = connection.introspection.table_names()"
    )
    assert set(tables) >= ARCHIVES


@pytest.mark.parametrize(
    "arguments", [("makemigrations", "--check", "--dry-run"), ("check", "--database", "default")]
)
def test_project_is_clean(demo: Project, arguments: tuple[str, ...]) -> None:
    done = demo.manage(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    # Findings about the server are no matter of the project: that of the tests takes risks.
    assert re.findall(r"\(\w+\.[EW]\d+\)", done.stdout + done.stderr) == []


def test_the_index_of_a_large_table_goes_and_comes_beside_its_writers(demo: Project) -> None:
    plans, there = demo.ask(THERE_AND_BACK)
    assert there == [False, True]
    for plan in plans:
        assert "ix_feedback_processed" in plan
        assert ("CONCURRENTLY" in plan) == (postgres_major() is not None)
