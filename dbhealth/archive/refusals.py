"""Why an archive run will not start. The texts stand together so that they sound alike:
what was refused, what would have been hurt, what to do instead."""

from __future__ import annotations

from datetime import datetime, timedelta

from dbhealth.exceptions import Refusal
from dbhealth.runs.busy import busy
from dbhealth.runs.models import MaintenanceRun
from dbhealth.saying import joined
from dbhealth.saying import say as _
from dbhealth.saying import say_counted as ngettext

ALLOW_EMPTYING = "--allow-emptying"
ALLOW_CLOCK_SKEW = "--allow-clock-skew"


def not_a_table(table: str, kind: str) -> Refusal:
    """The source is a view or something else that rows cannot be deleted from."""
    return Refusal(
        code="not-a-table",
        what=_("{table} is a {kind}, not a table.", table=table, kind=kind),
        why=_("Rows can only be moved out of a table."),
        instead=_("Declare the archive for the model whose table holds the rows."),
    )


def source_missing(table: str, alias: str) -> Refusal:
    """The source's table does not exist."""
    return Refusal(
        code="source-missing",
        what=_(
            "The table {table} does not exist in the database {alias!r}.", table=table, alias=alias
        ),
        why=_("There is nothing to archive."),
        instead=_("Run manage.py migrate for this database, or name another one with --database."),
    )


def schema_of_another_file(table: str) -> Refusal:
    """On SQLite a qualified name means an attached file."""
    return Refusal(
        code="attached-file",
        what=_("{table} lies in an attached database file.", table=table),
        why=_("A transaction over two files is not atomic on SQLite in WAL mode."),
        instead=_("Give the file an alias of its own in DATABASES."),
    )


def archive_missing(table: str, app: str, alias: str) -> Refusal:
    """The archive table does not exist."""
    return Refusal(
        code="archive-missing",
        what=_(
            "The archive table {table} does not exist in the database {alias!r}.",
            table=table,
            alias=alias,
        ),
        why=_("The rows would have nowhere to go."),
        instead=_(
            "Run manage.py makemigrations {app}, then manage.py migrate {app} --database {alias}.",
            app=app,
            alias=alias,
        ),
    )


def archive_behind(table: str, archive: str, columns: list[str], app: str) -> Refusal:
    """The archive lacks a column of the source, or has it with another type."""
    return Refusal(
        code="archive-behind",
        what=_(
            "{archive} does not keep what {table} holds: {columns}.",
            archive=archive,
            table=table,
            columns=joined(columns),
        ),
        why=_("The values of these columns would be lost or changed."),
        instead=_(
            "Run manage.py makemigrations {app}, then manage.py migrate {app}. When it finds no "
            "changes, the table has a column or type that its model does not have: declare the "
            "field in the archive class as the table has it.",
            app=app,
        ),
    )


def key_differs(table: str, found: tuple[str, ...], expected: tuple[str, ...]) -> Refusal:
    """The table has another primary key than its model."""
    return Refusal(
        code="key-differs",
        what=_(
            "{table} has the primary key ({found}), its model ({expected}).",
            table=table,
            found=", ".join(found) or _("none"),
            expected=", ".join(expected),
        ),
        why=_("Without a unique key a batch could take the same row twice or the wrong one."),
        instead=_("Give the table the primary key that the model declares."),
    )


def rewritten(table: str, rules: tuple[str, ...]) -> Refusal:
    """A rule of PostgreSQL does something else, or more, where rows are inserted or deleted."""
    return Refusal(
        code="rewritten",
        what=_(
            "Rules rewrite what INSERT or DELETE does to {table}: {rules}.",
            table=table,
            rules=joined(rules),
        ),
        why=_("Rows could go elsewhere or vanish, and the counts of a batch would not show it."),
        instead=_(
            "Write them as triggers, which a batch notices, or disable them for the run (ALTER "
            "TABLE … DISABLE RULE)."
        ),
    )


def run_log_missing(alias: str) -> Refusal:
    """dbhealth's own tables are not there."""
    return Refusal(
        code="run-log-missing",
        what=_(
            "The run log (dbhealth_maintenancerun) does not exist in the database {alias!r}.",
            alias=alias,
        ),
        why=_("A batch is committed together with its entry in the run log, in one database."),
        instead=_("Run manage.py migrate dbhealth --database {alias}.", alias=alias),
    )


def other_database(table: str, alias: str, archive: str, archive_alias: str) -> Refusal:
    """Source and archive are routed to two databases."""
    return Refusal(
        code="two-databases",
        what=_(
            "{table} is in the database {alias!r}, {archive} in {archive_alias!r}.",
            table=table,
            alias=alias,
            archive=archive,
            archive_alias=archive_alias,
        ),
        why=_("No transaction spans two databases, so a crash could leave a row in both."),
        instead=_("Route the archive model to the database of its source."),
    )


def retention(table: str, value: timedelta) -> Refusal:
    """A retention of zero or less."""
    return Refusal(
        code="retention",
        what=_(
            "The retention of {table} is {seconds:.0f} seconds.",
            table=table,
            seconds=value.total_seconds(),
        ),
        why=_("Rows that were written a moment ago, or are yet to come, would leave the table."),
        instead=_("Give a retention of more than zero."),
    )


def emptying(table: str, rows: int, cutoff: datetime) -> Refusal:
    """Every row of the table would go."""
    return Refusal(
        code="emptying",
        what=_(
            "Every row of {table} ({rows:,}) is older than {cutoff}.",
            table=table,
            rows=rows,
            cutoff=f"{cutoff:%Y-%m-%d %H:%M:%S %Z}",
        ),
        why=_("A clock that is wrong looks just like this, and the table would be empty."),
        instead=_("Look at the newest rows and at the clock of the database server."),
        override=ALLOW_EMPTYING,
    )


def clock_skew(alias: str, seconds: float) -> Refusal:
    """The database's clock and this machine's differ."""
    return Refusal(
        code="clock-skew",
        what=_(
            "The clock of the database {alias!r} differs from this machine's by {seconds:.0f} s.",
            alias=alias,
            seconds=seconds,
        ),
        why=_("The age of every row is taken by that clock."),
        instead=_("Set the clocks right (NTP)."),
        override=ALLOW_CLOCK_SKEW,
    )


def referenced(table: str, pointing: str, rows: int, *, enforced: bool, rule: str = "") -> Refusal:
    """Rows that stay point at rows that would leave; ``rule`` is the on_delete of a field."""
    allowed = _("allow_dangling=({pointing!r},) in the policy", pointing=pointing)
    why = _("They stay behind and would point at nothing.")
    if rule:
        why = _(
            "They stay behind and would point at nothing. Under on_delete={rule} a delete() would "
            "have to deal with them.",
            rule=rule,
        )
    return Refusal(
        code="referenced",
        what=ngettext(
            "{number:,} row of {pointing} points at rows of {table} that would leave.",
            "{number:,} rows of {pointing} point at rows of {table} that would leave.",
            rows,
            pointing=pointing,
            table=table,
        ),
        why=why,
        instead=_(
            "Give their model an archive model and name it in children=[…] of the policy, so that "
            "they leave together; or archive or delete those rows first, or narrow the policy with "
            "where=Q(…) to rows that nothing points at."
        ),
        override="" if enforced else allowed,
    )


def acting(table: str, pointing: str, action: str) -> Refusal:
    """The database itself would change or delete rows that point at leaving ones."""
    return Refusal(
        code="acts-on-delete",
        what=_(
            "The foreign key {pointing} to {table} says ON DELETE {action}.",
            pointing=pointing,
            table=table,
            action=action,
        ),
        why=_(
            "The database would delete or change the rows that point at a leaving row, also rows "
            "that come in while the run is going on, and nothing would keep them."
        ),
        instead=_(
            "Make the constraint one that refuses (NO ACTION): in Django models.CASCADE and its "
            "like, which leave the database's constraint without an action."
        ),
    )


def ring(table: str, tables: list[str]) -> Refusal:
    """Tables of a family point at each other in a ring."""
    return Refusal(
        code="ring",
        what=_(
            "Tables that leave with {table} point at each other: {ring}.",
            table=table,
            ring=" -> ".join(tables),
        ),
        why=_("None of them can be copied after and deleted before the others."),
        instead=_("Leave one of them out of children=[…] and deal with its rows on their own."),
    )


def only_with_parents(table: str, parents: list[str]) -> Refusal:
    """The archive has no retention of its own."""
    return Refusal(
        code="only-with-parents",
        what=_(
            "The rows of {table} leave only with the rows of {parents}.",
            table=table,
            parents=", ".join(parents),
        ),
        why=_("Its policy has no retention, so nothing says which of them are old by themselves."),
        instead=_("Archive {parent}, or give the policy a retention.", parent=parents[0]),
    )


def being_restored(run: MaintenanceRun) -> Refusal:
    """Another run brings rows back that this one would take away."""
    other = busy(run)
    return Refusal(
        code="being-restored",
        what=other.what,
        why=_("It brings rows back, and those that are old would leave again while it is at work."),
        instead=other.instead,
    )


def policy_wrong(label: str, problems: list[str]) -> Refusal:
    """The system checks of the policy find errors."""
    return Refusal(
        code="policy-wrong",
        what=_(
            "The archive of {label} is not declared right: {problems}",
            label=label,
            problems=" ".join(problems),
        ),
        why=_("Other rows than those that are meant could leave."),
        instead=_("Run manage.py check and mend what it names."),
    )


def nested_transaction(alias: str) -> Refusal:
    """Called inside a transaction of the caller."""
    return Refusal(
        code="in-transaction",
        what=_("A transaction is open on the database {alias!r}.", alias=alias),
        why=_(
            "Each batch must be committed on its own; the caller's transaction would hold all "
            "locks until its end and could undo what is reported as done."
        ),
        instead=_("Call it outside of transaction.atomic() and of ATOMIC_REQUESTS."),
    )
