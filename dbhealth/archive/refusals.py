"""Why an archive run will not start. The texts stand together so that they sound alike:
what was refused, what would have been hurt, what to do instead."""

from __future__ import annotations

from datetime import datetime, timedelta

from dbhealth.exceptions import Refusal
from dbhealth.runs.busy import busy
from dbhealth.runs.models import MaintenanceRun

ALLOW_EMPTYING = "--allow-emptying"
ALLOW_CLOCK_SKEW = "--allow-clock-skew"


def not_a_table(table: str, kind: str) -> Refusal:
    """The source is a view or something else that rows cannot be deleted from."""
    return Refusal(
        code="not-a-table",
        what=f"{table} is a {kind}, not a table.",
        why="Rows can only be moved out of a table.",
        instead="Declare the archive for the model whose table holds the rows.",
    )


def source_missing(table: str, alias: str) -> Refusal:
    """The source's table does not exist."""
    return Refusal(
        code="source-missing",
        what=f"The table {table} does not exist in the database {alias!r}.",
        why="There is nothing to archive.",
        instead="Run manage.py migrate for this database, or name another one with --database.",
    )


def schema_of_another_file(table: str) -> Refusal:
    """On SQLite a qualified name means an attached file."""
    return Refusal(
        code="attached-file",
        what=f"{table} lies in an attached database file.",
        why="A transaction over two files is not atomic on SQLite in WAL mode.",
        instead="Give the file an alias of its own in DATABASES.",
    )


def archive_missing(table: str, app: str, alias: str) -> Refusal:
    """The archive table does not exist."""
    return Refusal(
        code="archive-missing",
        what=f"The archive table {table} does not exist in the database {alias!r}.",
        why="The rows would have nowhere to go.",
        instead=(
            f"Run manage.py makemigrations {app}, then manage.py migrate {app} --database {alias}."
        ),
    )


def archive_behind(table: str, archive: str, columns: list[str], app: str) -> Refusal:
    """The archive lacks a column of the source, or has it with another type."""
    return Refusal(
        code="archive-behind",
        what=f"{archive} does not keep what {table} holds: {', '.join(columns)}.",
        why="The values of these columns would be lost or changed.",
        instead=(
            f"Run manage.py makemigrations {app}, then manage.py migrate {app}. When it finds no "
            "changes, the table has a column or type that its model does not have: declare the "
            "field in the archive class as the table has it."
        ),
    )


def key_differs(table: str, found: tuple[str, ...], expected: tuple[str, ...]) -> Refusal:
    """The table has another primary key than its model."""
    return Refusal(
        code="key-differs",
        what=f"{table} has the primary key ({', '.join(found) or 'none'}), its model "
        f"({', '.join(expected)}).",
        why="Without a unique key a batch could take the same row twice or the wrong one.",
        instead="Give the table the primary key that the model declares.",
    )


def run_log_missing(alias: str) -> Refusal:
    """dbhealth's own tables are not there."""
    return Refusal(
        code="run-log-missing",
        what=f"The run log (dbhealth_maintenancerun) does not exist in the database {alias!r}.",
        why="A batch is committed together with its entry in the run log, in one database.",
        instead=f"Run manage.py migrate dbhealth --database {alias}.",
    )


def other_database(table: str, alias: str, archive: str, archive_alias: str) -> Refusal:
    """Source and archive are routed to two databases."""
    return Refusal(
        code="two-databases",
        what=f"{table} is in the database {alias!r}, {archive} in {archive_alias!r}.",
        why="No transaction spans two databases, so a crash could leave a row in both.",
        instead="Route the archive model to the database of its source.",
    )


def retention(table: str, value: timedelta) -> Refusal:
    """A retention of zero or less."""
    return Refusal(
        code="retention",
        what=f"The retention of {table} is {value.total_seconds():.0f} seconds.",
        why="Rows that were written a moment ago, or are yet to come, would leave the table.",
        instead="Give a retention of more than zero.",
    )


def emptying(table: str, rows: int, cutoff: datetime) -> Refusal:
    """Every row of the table would go."""
    return Refusal(
        code="emptying",
        what=f"Every row of {table} ({rows:,}) is older than {cutoff:%Y-%m-%d %H:%M:%S %Z}.",
        why="A clock that is wrong looks just like this, and the table would be empty.",
        instead="Look at the newest rows and at the clock of the database server.",
        override=ALLOW_EMPTYING,
    )


def clock_skew(alias: str, seconds: float) -> Refusal:
    """The database's clock and this machine's differ."""
    return Refusal(
        code="clock-skew",
        what=f"The clock of the database {alias!r} differs from this machine's by {seconds:.0f} s.",
        why="The age of every row is taken by that clock.",
        instead="Set the clocks right (NTP).",
        override=ALLOW_CLOCK_SKEW,
    )


def referenced(table: str, pointing: str, rows: int, *, enforced: bool, rule: str = "") -> Refusal:
    """Rows that stay point at rows that would leave; ``rule`` is the on_delete of a field."""
    allowed = f"allow_dangling=({pointing!r},) in the policy"
    would = f" Under on_delete={rule} a delete() would have to deal with them." if rule else ""
    return Refusal(
        code="referenced",
        what=f"{rows:,} rows of {pointing} point at rows of {table} that would leave.",
        why=f"They stay behind and would point at nothing.{would}",
        instead=(
            "Give their model an archive model and name it in children=[…] of the policy, so that "
            "they leave together; or archive or delete those rows first, or narrow the policy "
            "with where=Q(…) to rows that nothing points at."
        ),
        override="" if enforced else allowed,
    )


def acting(table: str, pointing: str, action: str) -> Refusal:
    """The database itself would change or delete rows that point at leaving ones."""
    return Refusal(
        code="acts-on-delete",
        what=f"The foreign key {pointing} to {table} says ON DELETE {action}.",
        why=(
            "The database would delete or change the rows that point at a leaving row, also rows "
            "that come in while the run is going on, and nothing would keep them."
        ),
        instead=(
            "Make the constraint one that refuses (NO ACTION): in Django models.CASCADE and its "
            "like, which leave the database's constraint without an action."
        ),
    )


def ring(table: str, tables: list[str]) -> Refusal:
    """Tables of a family point at each other in a ring."""
    return Refusal(
        code="ring",
        what=f"Tables that leave with {table} point at each other: {' -> '.join(tables)}.",
        why="None of them can be copied after and deleted before the others.",
        instead="Leave one of them out of children=[…] and deal with its rows on their own.",
    )


def only_with_parents(table: str, parents: list[str]) -> Refusal:
    """The archive has no retention of its own."""
    return Refusal(
        code="only-with-parents",
        what=f"The rows of {table} leave only with the rows of {', '.join(parents)}.",
        why="Its policy has no retention, so nothing says which of them are old by themselves.",
        instead=f"Archive {parents[0]}, or give the policy a retention.",
    )


def being_restored(run: MaintenanceRun) -> Refusal:
    """Another run brings rows back that this one would take away."""
    other = busy(run)
    return Refusal(
        code="being-restored",
        what=other.what,
        why="It brings rows back, and those that are old would leave again while it is at work.",
        instead=other.instead,
    )


def policy_wrong(label: str, problems: list[str]) -> Refusal:
    """The system checks of the policy find errors."""
    return Refusal(
        code="policy-wrong",
        what=f"The archive of {label} is not declared right: {' '.join(problems)}",
        why="Other rows than those that are meant could leave.",
        instead="Run manage.py check and mend what it names.",
    )


def nested_transaction(alias: str) -> Refusal:
    """Called inside a transaction of the caller."""
    return Refusal(
        code="in-transaction",
        what=f"A transaction is open on the database {alias!r}.",
        why="Each batch must be committed on its own; the caller's transaction would hold all "
        "locks until its end and could undo what is reported as done.",
        instead="Call it outside of transaction.atomic() and of ATOMIC_REQUESTS.",
    )
