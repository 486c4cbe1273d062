"""Whether the archive still holds what a run has moved there, by the totals that the run keeps."""

from __future__ import annotations

from typing import TypedDict

from dbhealth.archive.proof import COUNTED, Proof, TableProof
from dbhealth.archive.purge_log import purged_rows
from dbhealth.backends import Backend, get_backend
from dbhealth.backends.limits import survey_limits
from dbhealth.backends.records import Column, Digested
from dbhealth.exceptions import UsageError
from dbhealth.runs.control import get_run, where_is
from dbhealth.runs.models import MaintenanceRun, Operation
from dbhealth.saying import say as _

_TRIES = 3

VERIFIED = "verified"


class TableVerdict(TypedDict):
    """One table of a run.

    ``state`` is "verified", "differs", "reduced" (later restores and purges of this table took
    all the rows that are missing) or "unprovable" (the columns or the checksum are not the same
    any more). ``rows`` and ``digest`` are what the run keeps, ``rows_found`` and ``digest_found``
    what the archive holds now. ``reason`` is a sentence.
    """

    table: str
    archive_table: str
    state: str
    reason: str
    rows: int
    rows_found: int | None
    digest: str
    digest_found: str | None


class Verification(TypedDict):
    """What :func:`verify_run` returns. ``ok`` when every table of the run is verified."""

    run: int
    database: str
    target: str
    run_state: str
    ok: bool
    tables: dict[str, TableVerdict]
    error: str


def verify_run(run: int, using: str | None = None) -> Verification:
    """Count and digest the archive's rows of a run again, and compare; writes nothing.

    ``using`` is needed where several databases have a run of that number. Reads every row that
    the run has archived. Raises UsageError for a run that does not exist, is no archive run, or
    goes on moving rows meanwhile.
    """
    alias = where_is(run, using)
    backend = get_backend(alias)
    for _turn in range(_TRIES):
        found = _archive_run(alias, run)
        result = _verified(found, backend)
        # What was committed between the two would look like rows that nobody knows of.
        if _archive_run(alias, run).proof == found.proof:
            return result
    raise UsageError(f"Run {run} is moving rows just now; verify it when it has ended.")


def _archive_run(alias: str, pk: int) -> MaintenanceRun:
    run = get_run(alias, pk)
    if run.operation != Operation.ARCHIVE:
        raise UsageError(
            f"Run {pk} is no archive run but a {run.operation} of {run.target}; only an archive "
            "run keeps totals that can be verified."
        )
    return run


def _verified(run: MaintenanceRun, backend: Backend) -> Verification:
    proof: Proof = run.proof
    tables = {table: _verdict(table, entry, run, backend) for table, entry in sorted(proof.items())}
    error = ""
    if run.rows_done and not proof:
        error = _(
            "Run {pk} keeps no totals, so there is nothing to compare its rows with.", pk=run.pk
        )
    return {
        "run": run.pk,
        "database": run.database,
        "target": run.target,
        "run_state": run.state,
        "ok": not error and all(verdict["state"] == VERIFIED for verdict in tables.values()),
        "tables": tables,
        "error": error,
    }


def _verdict(table: str, proof: TableProof, run: MaintenanceRun, backend: Backend) -> TableVerdict:
    there = {column.name: column for column in backend.catalog.columns(proof["archive_table"])}
    found = None
    if not (reason := _unprovable(proof, there, backend)):
        columns = [there[name] for name, _ in proof["columns"]]
        found = backend.digest.of_run(
            proof["archive_table"],
            columns,
            _as_they_were(proof),
            (proof["stamps"][-1], run.pk),
            survey_limits(),
        )
    state = "unprovable"
    if found is not None:
        state, reason = _compared(table, proof, found, run)
    if state == VERIFIED and (others := _others(proof, there)):
        reason = _(
            "{reason} Not compared, because the run did not fill them: {columns}.",
            reason=reason,
            columns=", ".join(others),
        )
    return {
        "table": table,
        "archive_table": proof["archive_table"],
        "state": state,
        "reason": reason,
        "rows": proof["rows"],
        "rows_found": found.rows if found else None,
        "digest": proof["digest"],
        "digest_found": found.total if found else None,
    }


def _unprovable(proof: TableProof, there: dict[str, Column], backend: Backend) -> str:
    """Return why the totals cannot be compared any more, nothing where they can."""
    if not there:
        return _(
            "The table {archive_table} does not exist any more.",
            archive_table=proof["archive_table"],
        )
    names = [name for name, _ in proof["columns"]]
    if gone := [name for name in (*names, proof["stamps"][-1]) if name not in there]:
        return _(
            "The archive has lost columns that the checksum went over: {columns}.",
            columns=", ".join(gone),
        )
    if proof["method"] == COUNTED:
        return _(
            "The run kept no checksum (DBHEALTH['ARCHIVE_CHECKSUM'] was off): its {unproven:,} "
            "rows were counted and nothing else.",
            unproven=proof["unproven"],
        )
    if proof["method"] != backend.digest.name:
        return _(
            "The checksum was made by {method}; this version of dbhealth on this database makes it "
            "by {method_now}.",
            method=proof["method"],
            method_now=backend.digest.name,
        )
    if proof["unproven"]:
        return _(
            "The columns changed while the run went on: of the {unproven:,} rows that had left "
            "before there is no total, and they cannot be told from the others.",
            unproven=proof["unproven"],
        )
    return ""


def _as_they_were(proof: TableProof) -> list[Column]:
    return [
        Column(name=name, type=kind, nullable=True, generated=False)
        for name, kind in proof["columns"]
    ]


def _compared(
    table: str, proof: TableProof, found: Digested, run: MaintenanceRun
) -> tuple[str, str]:
    missing = proof["rows"] - found.rows
    if missing < 0:
        return "differs", _("Rows that the run has not moved: {rows:,}.", rows=-missing)
    if missing:
        back, purged = _restored(table, run), _purged(proof["archive_table"], run)
        if back + purged >= missing:
            return "reduced", _(
                "Rows missing: {missing:,}. Since then restores took {back:,} and purges "
                "{purged:,} from this archive; what is left cannot be compared with the total of "
                "all.",
                missing=missing,
                back=back,
                purged=purged,
            )
        return "differs", _(
            "Rows missing: {missing:,}. Since then restores took {back:,} and purges {purged:,} "
            "from this archive.",
            missing=missing,
            back=back,
            purged=purged,
        )
    if found.total != proof["digest"]:
        return "differs", _("As many rows as there were, but their content has changed.")
    return VERIFIED, _("Every row is there as it was moved.")


def _others(proof: TableProof, there: dict[str, Column]) -> list[str]:
    known = {name for name, _ in proof["columns"]} | set(proof["stamps"])
    return [name for name in there if name not in known]


def _restored(table: str, run: MaintenanceRun) -> int:
    """Return how many rows came back to a table that this run may have archived.

    A restore that named another run brought back none of them; one that chose by key, by time or
    by a condition may have.
    """
    later = MaintenanceRun.objects.using(run.database).filter(
        operation=Operation.RESTORE,
        database=run.database,
        target=table,
        created_at__gte=run.created_at,
    )
    return sum(
        rows
        for options, rows in later.values_list("options", "rows_done")
        if options.get("terms", {}).get("run") in (None, run.pk)
    )


def _purged(archive_table: str, run: MaintenanceRun) -> int:
    """Return how many of the rows that this run has archived in a table were purged."""
    return purged_rows(run.database, archive_table).get(str(run.pk), 0)
