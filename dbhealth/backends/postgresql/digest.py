"""The checksum on PostgreSQL, made of the hash functions that hash partitioning rests on.

A value is hashed in a form that no setting of the session changes: numbers and text by functions
that take a seed, one after the other, so that each column's hash depends on all before it; types
whose text depends on settings (timestamps, floats, bytea …) by what the server would send in the
binary protocol; all others by their text. Nothing is rounded or folded: 1.0 and 1.00, 0 and -0,
NULL and '' all differ.

Hash partitions have to survive pg_upgrade, so the results of these functions are not changed
lightly; PostgreSQL's manual promises nothing, and they differ between processors of different byte
order. A test holds them to known totals on every server that it runs on.
https://www.postgresql.org/docs/current/ddl-partitioning.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dbhealth.backends.digest import Digest
from dbhealth.backends.names import in_sql
from dbhealth.backends.records import Column
from dbhealth.backends.statement import Lock

_SENT = {
    "bytea": "",  # is bytes already
    "date": "date_send",
    "time without time zone": "time_send",
    "time with time zone": "timetz_send",
    "timestamp without time zone": "timestamp_send",
    "timestamp with time zone": "timestamptz_send",
    "interval": "interval_send",
    "real": "float4send",
    "double precision": "float8send",
    "numeric": "numeric_send",
    "money": "cash_send",
    "point": "point_send",
    "line": "line_send",
    "lseg": "lseg_send",
    "box": "box_send",
    "path": "path_send",
    "polygon": "poly_send",
    "circle": "circle_send",
    "character": "bpcharsend",
    "numrange": "range_send",
    "daterange": "range_send",
    "tsrange": "range_send",
    "tstzrange": "range_send",
    "nummultirange": "multirange_send",
    "datemultirange": "multirange_send",
    "tsmultirange": "multirange_send",
    "tstzmultirange": "multirange_send",
}
"""Types by the function that gives a value's bytes; their text depends on settings, or is slow."""

_WORD = 31
"""So many NULLs are kept as the bits of one integer."""


class PostgresDigest(Digest):
    """SQL of the checksum."""

    reading = Lock.ACCESS_SHARE
    name = "postgresql-hash-1"

    def total(self, table: str, columns: Sequence[Column], stored_as: Sequence[Column] = ()) -> str:
        """Return the sum over rows, as exact numeric."""
        return f"sum({self.row(table, columns, stored_as)})"

    def row(self, table: str, columns: Sequence[Column], stored_as: Sequence[Column] = ()) -> str:
        """Return SQL of the number of one row, of type bigint."""
        pairs = zip(columns, stored_as or columns, strict=True)
        values = [_Value(table, column, target) for column, target in pairs]
        sent = [value.bytes for value in values if value.is_sent]
        hashed = [value for value in values if not value.is_sent]
        seed = "0"
        if sent:
            seed = f"hash_array_extended(ARRAY[{', '.join(sent)}]::bytea[], {seed})"
        # At least once, also without such values: it mixes what hash_array only adds up, so that
        # two rows which swap values of a column give another sum.
        for start in range(0, len(hashed) or 1, _WORD):
            seed = f"hashint4extended({_nulls(hashed[start : start + _WORD])}, {seed})"
        for value in hashed:
            seed = value.hashed(seed)
        return seed


class _Value:
    """One column of a row, as SQL."""

    def __init__(self, table: str, column: Column, target: Column) -> None:
        name = f"{in_sql(table)}.{in_sql(column.name)}"
        converted = column.type != target.type
        self.sql = f"({name})::{target.type.replace('%', '%%')}" if converted else name
        self._is_array = target.type.endswith("[]")
        self._type = _plain(target.type)
        self._nullable = column.nullable

    @property
    def is_sent(self) -> bool:
        """Whether the value is hashed by its bytes in the binary protocol."""
        return self._type in _SENT

    @property
    def bytes(self) -> str:
        function = "array_send" if self._is_array else _SENT[self._type]
        return f"{function}({self.sql})"

    @property
    def null_bit(self) -> str:
        """SQL of whether the value is NULL; nothing where it cannot be."""
        return f"{self.sql} IS NULL" if self._nullable else ""

    def _or(self, default: str) -> str:
        return f"coalesce({self.sql}, '{default}')" if self._nullable else self.sql

    def hashed(self, seed: str) -> str:
        """Return SQL of the hash of the value, begun with the hash ``seed``."""
        if self._is_array:
            return self._as_text(seed)
        if self._type in {"smallint", "integer"}:
            return f"hashint4extended({self._or('0')}, {seed})"
        if self._type == "bigint":
            # hashint8extended folds both halves into one; the upper one is hashed again by itself.
            value = self._or("0")
            folded = f"hashint8extended({value}, {seed})"
            return f"hashint4extended(({value} >> 32)::integer, {folded})"
        if self._type == "boolean":
            return f"hashint4extended({self._or('f')}::integer, {seed})"
        if self._type == "uuid":
            return f"uuid_hash_extended({self._or('00000000-0000-0000-0000-000000000000')}, {seed})"
        return self._as_text(seed)

    def _as_text(self, seed: str) -> str:
        # An own collation may call different texts equal; "C" compares bytes.
        text = f"({self.sql})::text"
        text = f"coalesce({text}, '')" if self._nullable else text
        return f'hashtextextended({text} COLLATE "C", {seed})'


def _plain(declared: str) -> str:
    """Return the name of a type without its precision: "numeric(10,2)[]" is "numeric"."""
    name = re.sub(r"\(.*?\)", "", declared.removesuffix("[]"))
    return "interval" if name.startswith("interval ") else name


def _nulls(values: Sequence[_Value]) -> str:
    bits = [
        f"CASE WHEN {value.null_bit} THEN {1 << place} ELSE 0 END"
        for place, value in enumerate(values)
        if value.null_bit
    ]
    return " + ".join(bits) or "0"
