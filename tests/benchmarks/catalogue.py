"""A large catalogue and how quickly it is listed: `python -m tests.benchmarks.catalogue WHAT`.

WHAT is `make`, `list`, `remember`, `declared`, `health`, `pace` or `locked`; each prints one JSON
document. A process of its own, so that the memory is that of the listing. For `declared` each table
has a model.
"""

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import django
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, models

from tests.benchmarks.child import peak

TABLES, INDEXES, TURNS = 3_000, 10_000, 15
LOOKS = 30
HELD = "product_7"

# As a listing without dbhealth reads it.
BARE = """
    SELECT s.schemaname, s.relname, s.indexrelname, s.idx_scan, s.idx_tup_read, s.idx_tup_fetch,
           i.indisunique, i.indisvalid, pg_relation_size(s.indexrelid),
           pg_get_indexdef(s.indexrelid)
      FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid)
     ORDER BY s.schemaname, s.relname, s.indexrelname
"""

# A hundred tables in a transaction, for each lock takes a place in the server's memory.
PART = """
DO $$ DECLARE n integer; t text; BEGIN
    FOR n IN {first}..{last} LOOP
        t := 'product_' || n;
        EXECUTE 'CREATE TABLE ' || t || ' (id bigint PRIMARY KEY, owner_id bigint NOT NULL, '
            'made_at timestamptz NOT NULL, title varchar(200) NOT NULL, state text)';
        EXECUTE 'CREATE INDEX ' || t || '_owner_id ON ' || t || ' (owner_id)';
        EXECUTE 'CREATE INDEX ' || t || '_open ON ' || t
            || ' (made_at DESC, owner_id) WHERE state IS NULL';
        IF n % 3 = 0 THEN
            EXECUTE 'CREATE INDEX ' || t || '_title_like ON ' || t
                || ' (title varchar_pattern_ops)';
        END IF;
        EXECUTE 'INSERT INTO ' || t || ' SELECT i, i % 5, now(), ''title '' || i, '
            'CASE WHEN i % 2 = 0 THEN ''done'' END FROM generate_series(1, 20) AS i';
    END LOOP;
END $$"""

# As in life: nine of ten indexes are used, and every tenth table has changed since ANALYZE.
USE = """
DO $$ DECLARE n integer; t text; BEGIN
    SET LOCAL enable_seqscan = off;
    FOR n IN {first}..{last} LOOP
        t := 'product_' || n;
        IF n % 10 = 0 THEN
            EXECUTE 'UPDATE ' || t || ' SET state = ''new'' WHERE id = 1';
        ELSE
            EXECUTE 'SELECT FROM ' || t || ' WHERE id = 1';
            EXECUTE 'SELECT FROM ' || t || ' WHERE owner_id = 1';
            EXECUTE 'SELECT FROM ' || t || ' WHERE state IS NULL AND made_at = now()';
            EXECUTE 'SELECT FROM ' || t || ' WHERE title LIKE ''t%''';
        END IF;
    END LOOP;
END $$"""

# A month of looks before the one that was taken, at each of which most indexes had been used.
PAST = """
    UPDATE dbhealth_indexsnapshot SET number = {looks};
    INSERT INTO dbhealth_indexsnapshot (database, number, taken_at, unseen_seconds)
    SELECT database, n, taken_at - make_interval(days => {looks} - n), 0
      FROM dbhealth_indexsnapshot, generate_series(1, {looks} - 1) AS n;
    INSERT INTO dbhealth_indexcount (index_id, snapshot_id, scans, rows_read)
    SELECT t.id, s.id, 7, 70 FROM dbhealth_trackedindex t, dbhealth_indexsnapshot s
     WHERE s.number < {looks} AND t.id % 10 > 0;
    UPDATE dbhealth_trackedindex SET last_used = last_seen WHERE id % 10 > 0;
    ANALYZE dbhealth_indexsnapshot, dbhealth_trackedindex, dbhealth_indexcount
"""


def make() -> dict[str, Any]:
    """Make the tables; return how many indexes they have."""
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        for sql in (PART, "VACUUM ANALYZE", USE):
            if sql.startswith("VACUUM"):
                cursor.execute(sql)
                continue
            for first in range(0, TABLES, 100):
                cursor.execute(sql.format(first=first, last=first + 99))
        cursor.execute("SELECT count(*) FROM pg_stat_user_indexes WHERE relname LIKE 'product_%'")
        return {"indexes": cursor.fetchone()[0]}


def remember() -> dict[str, Any]:
    """Make a history of the indexes: a month of looks; return how many."""
    from dbhealth.indexes.snapshots import snapshot_indexes

    snapshot_indexes("default")
    with connection.cursor() as cursor:
        cursor.execute(PAST.format(looks=LOOKS))
    return {"looks": LOOKS}


def declare() -> None:
    """Give each table its model, as a project has them that declares its indexes."""
    for number in range(TABLES):
        table = f"product_{number}"
        indexes = [
            models.Index(fields=["owner"], name=f"{table}_owner_id"),
            models.Index(
                fields=["-made_at", "owner"],
                condition=models.Q(state__isnull=True),
                name=f"{table}_open",
            ),
        ]
        if number % 3 == 0:
            like = {"opclasses": ["varchar_pattern_ops"], "name": f"{table}_title_like"}
            indexes.append(models.Index(fields=["title"], **like))
        options = {"app_label": "testapp", "db_table": table, "indexes": indexes}
        body = {
            "__module__": __name__,
            "Meta": type("Meta", (), options),
            "id": models.BigAutoField(primary_key=True),
            "owner": models.BigIntegerField(db_column="owner_id"),
            "made_at": models.DateTimeField(),
            "title": models.CharField(max_length=200),
            "state": models.TextField(null=True),
        }
        type(f"Product{number}", (models.Model,), body)


def bare() -> float:
    """Let psql list the indexes; return seconds, from its start to its end."""
    place = connection.settings_dict
    command = [sys.argv[2], "--host", place["HOST"], "--username", place["USER"]]
    command += ["--dbname", place["NAME"], "--no-psqlrc", "--quiet", "--command", BARE]
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def timed(work: Callable[[], object]) -> float:
    """Return seconds that the work takes, on a connection of its own as psql has it."""
    connection.close()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def api() -> int:
    """List by Python; return how many indexes were found."""
    from dbhealth.indexes.usage import index_usage

    return len(index_usage("default").indexes)


def command(name: str, *arguments: str) -> tuple[str, str]:
    """Run a management command; return what it said on stdout and on stderr."""
    out, errors = io.StringIO(), io.StringIO()
    with suppress(SystemExit):
        try:
            call_command(name, *arguments, database="default", stdout=out, stderr=errors)
        except CommandError as error:
            errors.write(str(error))
    return out.getvalue(), errors.getvalue()


def declared() -> dict[str, Any]:
    """Give each table its model, and do as :func:`listing` does.

    ``models_bytes`` is the memory that the models take, which any project with them has.
    """
    before = peak()
    declare()
    return {"models_bytes": peak() - before, **listing()}


def listing() -> dict[str, Any]:
    """Take turns with psql; return the ratios, the statements and the peak of memory (bytes).

    ``declared`` is how many indexes have an owner in the code.
    """
    from dbhealth.indexes.usage import index_usage

    statements: list[str] = []

    def counted(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(counted):
        found = api()
    ratios: dict[str, list[float]] = {"api": [], "command": []}
    for _ in range(TURNS):
        by_psql = bare()
        ratios["api"].append(timed(api) / by_psql)
        ratios["command"].append(
            timed(lambda: command("index_usage", "--format", "json")) / by_psql
        )
    owned = sum(item.subject.owner is not None for item in index_usage("default").indexes)
    return {
        "found": found,
        "declared": owned,
        "statements": len(statements),
        "peak_bytes": peak(),
        **ratios,
    }


def health() -> dict[str, Any]:
    """Take turns with psql; return the ratios of all checks together."""
    from dbhealth.health.report import run_checks

    failed = run_checks("default").failed
    ratios = []
    for _ in range(TURNS):
        by_psql = bare()
        ratios.append(timed(lambda: run_checks("default")) / by_psql)
    return {"ratios": ratios, "failed": failed, "checks": len(run_checks("default").run)}


def pace() -> dict[str, Any]:
    """Return how long psql takes at best: how quick the machine is, with all else it does."""
    return {"seconds": min(bare() for _ in range(3))}


def locked() -> dict[str, Any]:
    """Run the commands while somebody holds a table; return seconds and what they said.

    The best of three turns, for what waits for a lock does so each time.
    """
    found = {}
    for name, *arguments in (
        ("index_usage",),
        ("index_usage", "--format", "json"),
        ("init_indexes", "--status"),
        ("init_indexes", "--dry-run"),
    ):
        said = command(name, *arguments)
        seconds = min(timed(partial(command, name, *arguments)) for _ in range(3))
        found[" ".join([name, *arguments])] = (seconds, *said)
    return found


def main() -> None:
    """Do what the command line asks for."""
    django.setup()
    parts = (make, remember, declared, health, pace, locked)
    work = ({part.__name__: part for part in parts} | {"list": listing})[sys.argv[1]]
    print(json.dumps(work()))  # noqa: T201


if __name__ == "__main__":
    main()
