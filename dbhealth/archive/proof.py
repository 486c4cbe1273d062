"""What a run keeps to prove its rows by: for each table a count and a checksum of what has left."""

from __future__ import annotations

from typing import TypedDict

from dbhealth.backends.digest import NOTHING, add
from dbhealth.backends.records import Moved
from dbhealth.backends.selection import Copy, Transfer


class TableProof(TypedDict):
    """One table of a run. A run keeps these by the name of the source's table.

    ``columns`` are the columns that the checksum goes over, in its order, each with the type that
    it had in the archive; ``method`` is how it was computed. ``stamps`` are the archive's own
    columns, the last of which names the run. ``unproven`` rows had left before the columns
    changed, and no total is kept of them.
    """

    archive_table: str
    stamps: list[str]
    rows: int
    digest: str
    method: str
    columns: list[list[str]]
    unproven: int


Proof = dict[str, TableProof]

COUNTED = "count"
"""The method of a run without a checksum: its rows are ``unproven``, all of them."""


def grown(proof: Proof, transfer: Transfer, moved: tuple[Moved, ...], method: str) -> Proof:
    """Return the proof with one more batch; the one that is given stays as it is."""
    return {
        **proof,
        **{
            copy.table: _with(_begun(proof.get(copy.table), copy, method), counts)
            for copy, counts in zip(transfer.copies, moved, strict=True)
        },
    }


def _begun(known: TableProof | None, copy: Copy, method: str) -> TableProof:
    fresh = TableProof(
        archive_table=copy.target,
        stamps=[name for name, _ in copy.stamps],
        rows=0,
        digest=NOTHING,
        method=method if copy.digested else COUNTED,
        columns=[[column.name, column.type] for column in copy.kept_as],
        unproven=0,
    )
    if known is None:
        return fresh
    same = ("archive_table", "stamps", "method", "columns")
    if all(known[name] == fresh[name] for name in same):  # type: ignore[literal-required]
        return known
    # A run that was carried on with after a migration: sums over other columns do not add up.
    return {**fresh, "unproven": known["unproven"] + known["rows"]}


def _with(proof: TableProof, moved: Moved) -> TableProof:
    if proof["method"] == COUNTED:
        return {**proof, "unproven": proof["unproven"] + moved.inserted}
    return {
        **proof,
        "rows": proof["rows"] + moved.inserted,
        "digest": add(proof["digest"], moved.digest_in),
    }
