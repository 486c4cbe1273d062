"""How large a B-tree would be that was built anew, out of what ANALYZE found out.

The layout is that of src/include/storage/bufpage.h and src/include/access/{itup,nbtree}.h; how
equal keys share an entry is told in src/backend/access/nbtree/README, "Notes about deduplication".
All sizes in bytes. Where figures are vague the result is rather too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, inf

from dbhealth.backends.index_records import ColumnFacts, Index, IndexUse

PAGE = 8192
DEFAULT_FILLFACTOR = 90

_USABLE = PAGE - 24 - 16  # less the page header and what nbtree keeps at the end of a page
_LINE = 4  # points at the entry from the beginning of the page
_HEADER = 8
_NULLS = 8  # more header, where a key is NULL
_ROW = 6  # of every row in an entry that several rows share
_SHARED = PAGE // 10  # the largest such entry when an index is built
_ABOVE = 70  # fillfactor of the pages above the leaves


def fillfactor(index: Index) -> int:
    """Return how full a new leaf page is made (percent)."""
    for option in index.options:
        name, _, value = option.partition("=")
        if name == "fillfactor":
            return int(value)
    return DEFAULT_FILLFACTOR


def expected_bytes(
    index: Index, use: IndexUse, facts: Mapping[tuple[str, str], ColumnFacts]
) -> tuple[int, int] | None:
    """Return the size with an entry for every row, and with entries that equal keys share.

    None where it cannot be told: other methods, expressions, columns that ANALYZE has not seen.
    """
    names = (*index.shape.columns, *index.shape.include)
    known = [facts.get((index.table, name)) for name in names]
    if index.shape.method != "btree" or index.partitioned or not use.entries:
        return None
    columns = [fact for fact in known if fact is not None and fact.average_bytes is not None]
    if len(columns) < len(known):
        return None
    key = _key_bytes(columns)
    plain = use.entries * (_LINE + key)
    full = _tree(plain, _LINE + key, fillfactor(index))
    off = "deduplicate_items=off" in index.options
    if index.shape.unique or index.shape.include or off:
        return full, full
    groups = min(float(use.entries), _groups(columns))
    shared = min(plain, _shared_bytes(use.entries, groups, key))
    return full, _tree(shared, _LINE + key, fillfactor(index))


def _key_bytes(columns: list[ColumnFacts]) -> int:
    width = 0.0
    for fact in columns:
        own = fact.average_bytes or 0
        # Numbers and dates begin at a multiple of their size; so may a text, which then seems
        # larger than it is.
        width = _aligned(width, own) if own in {2, 4, 8} else width
        width += own * (1 - (fact.null_share or 0))
    has_nulls = any(fact.null_share for fact in columns)
    return _aligned(_HEADER + (_NULLS if has_nulls else 0) + width, 8)


def _aligned(size: float, unit: int) -> int:
    return ceil(size / unit) * unit


def _groups(columns: list[ColumnFacts]) -> float:
    """Return how many different keys there are at most."""
    groups = 1.0
    for fact in columns:
        groups *= inf if fact.distinct is None else fact.distinct + bool(fact.null_share)
    return groups


def _shared_bytes(entries: int, groups: float, key: int) -> int:
    """Return the size of all entries when rows with equal keys share them."""
    rows = entries / groups if groups else 1.0
    # An entry that is full begins another one of the same key.
    pieces = max(1.0, rows * _ROW / max(_ROW, _SHARED - key))
    return ceil(groups * pieces * (_LINE + key) + (entries * _ROW if rows > 1 else 0))


def _tree(entries: int, entry: int, filled: int) -> int:
    leaves = max(1, ceil(entries / (_USABLE * filled / 100)))
    above, total = leaves, leaves
    while above > 1:
        above = ceil(above * entry / (_USABLE * _ABOVE / 100))
        total += above
    return (1 + total) * PAGE  # one page tells where the tree begins
