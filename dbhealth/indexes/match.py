"""Which index of a table belongs to which declaration: by name first, then by structure."""

from __future__ import annotations

from collections.abc import Sequence

from dbhealth.backends.index_records import Holds, Index
from dbhealth.indexes.compare import differences
from dbhealth.indexes.entries import Entry, Status
from dbhealth.indexes.kinds import Declared
from dbhealth.saying import joined
from dbhealth.saying import say as _


def entries_of(declared: Sequence[Declared], indexes: Sequence[Index]) -> list[Entry]:
    """Return the entries of one table; what is not there is "missing", for now.

    ``indexes`` are all of the table. Whether a migration is in the way is not looked at here.
    """
    free = {index.name: index for index in indexes}
    served: list[Index] = []
    found: list[Entry] = []
    rest: list[Declared] = []
    for item in declared:
        index = free.pop(item.name, None) or _of_constraint(item, free)
        if index is None:
            rest.append(item)
            continue
        served.append(index)
        found.append(_named_alike(item, index))
    # A name that is part of the declaration gets the first choice of what is left.
    for item in sorted(rest, key=lambda item: not item.named):
        same = next((index for index in free.values() if _same(item, index)), None)
        if same is not None:
            del free[same.name]
            served.append(same)
            found.append(_shaped_alike(item, same))
        else:
            found.append(_shared(item, served) or _missing(item))
    found += [entry for entry in map(_undeclared, free.values()) if entry is not None]
    return sorted(found, key=lambda entry: entry.name)


def entry_of(
    status: Status, declared: Declared | None, index: Index | None, why: str = ""
) -> Entry:
    """Return an entry, named after what there is of the two."""
    subject = index or declared
    assert subject is not None  # noqa: S101
    return Entry(
        status=status,
        table=subject.table,
        name=subject.name,
        declared=declared,
        index=index,
        why=why,
    )


def _of_constraint(item: Declared, free: dict[str, Index]) -> Index | None:
    """Return the index of the constraint of this name, where the engine names it otherwise."""
    if not item.named:
        return None
    for name, index in free.items():
        if index.constraint == item.name:
            return free.pop(name)
    return None


def _named_alike(item: Declared, index: Index) -> Entry:
    if not index.valid:
        return _unfinished(item, index)
    if item.shape is None:
        return entry_of(Status.PRESENT, item, index, _("Only its name could be compared."))
    if item.shape != index.shape and (differs := differences(item.shape, index.shape)):
        why = _("It differs in: {differences}.", differences=joined(differs, "; "))
        return entry_of(Status.DIFFERS, item, index, why)
    return entry_of(Status.PRESENT, item, index)


def _unfinished(item: Declared | None, index: Index) -> Entry:
    if index.building:
        return entry_of(Status.BUILDING, item, index, _("A session is making it right now."))
    why = (
        _("Not every partition has its part of it.")
        if index.partitioned
        else _(
            "A CREATE or REINDEX INDEX CONCURRENTLY failed and left it behind; no query uses it, "
            "every write keeps it up."
        )
    )
    return entry_of(Status.INVALID, item, index, why)


def _same(item: Declared, index: Index) -> bool:
    return index.valid and item.shape == index.shape


def _shaped_alike(item: Declared, index: Index) -> Entry:
    nameless = index.holds is not Holds.NOTHING and not index.constraint
    if nameless or (not item.named and item.constraint):
        return entry_of(Status.PRESENT, item, index)
    return entry_of(
        Status.RENAMED, item, index, _("The code would name it {name}.", name=item.name)
    )


def _shared(item: Declared, served: Sequence[Index]) -> Entry | None:
    """Return the entry of a unique that another unique's index holds up as well.

    A CREATE TABLE that says the same UNIQUE twice makes one index for both, on both engines.
    """
    if item.shape is None or not item.shape.unique:
        return None
    for index in served:
        if index.holds in (Holds.UNIQUE, Holds.PRIMARY_KEY) and _same(item, index):
            return entry_of(Status.PRESENT, item, index, _("One index serves two declarations."))
    return None


def _missing(item: Declared) -> Entry:
    return entry_of(Status.MISSING, item, None)


def _undeclared(index: Index) -> Entry | None:
    """Return the entry of an index that nobody declares; None for a part of another index."""
    if not index.valid:
        return _unfinished(None, index)
    if index.child:
        return None
    return entry_of(Status.UNDECLARED, None, index, _("No model and no register() asks for it."))
