"""The checksum over rows: what it notices, what it must not notice, on whatever engine."""

import math
import sys

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbhealth.backends.digest import NOTHING, add
from dbhealth.backends.statement import Lock, Statement
from tests.archive.test_shapes_values import VALUES
from tests.testapp import models

pytestmark = pytest.mark.django_db

TABLE = "digested"
MODULUS = 2**64

EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def total(backend, table=TABLE, columns=None, stored_as=(), where="TRUE"):
    """Return the total over the rows of a table, as text."""
    columns = backend.catalog.columns(table) if columns is None else columns
    backend.digest.ready()
    sql = backend.digest.total(table, columns, stored_as)
    statement = Statement(
        sql=f"SELECT {sql} FROM {connection.ops.quote_name(table)} WHERE {where}",
        purpose="Digest.",
        lock=Lock.NONE,
    )
    return add(backend.executor.run(statement).value)


@pytest.fixture
def table(run):
    """Make a table of a number, two texts and a number again."""
    run(f"CREATE TABLE {TABLE} (id bigint NOT NULL, a varchar(20), b varchar(20), n bigint)")


def fill(rows):
    """Replace the rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE}")
        cursor.executemany(f"INSERT INTO {TABLE} VALUES (%s, %s, %s, %s)", rows)


def of(backend, *rows):
    """Return the total over rows that a table holds for the moment."""
    fill(rows)
    return total(backend)


def test_the_total_of_no_rows_is_nothing(backend, table):
    assert total(backend) == NOTHING == add() == add(None, "0")


def test_totals_of_parts_add_up_to_the_total_of_all(backend, table):
    rows = [(i, f"a{i}", None, -i) for i in range(50)]
    parts = [of(backend, *rows[:20]), of(backend, *rows[20:21]), of(backend, *rows[21:])]
    assert add(*parts) == of(backend, *rows)
    assert all(0 <= int(part) < MODULUS for part in parts)


def test_the_order_of_rows_does_not_count_and_duplicates_do(backend, table):
    one, two = (1, "x", "y", 2), (2, "x", "y", 2)
    assert of(backend, one, two) == of(backend, two, one)
    assert of(backend, one, one, two) != of(backend, one, two, two)
    assert of(backend, one, one) != of(backend, one)
    assert of(backend, one, one) != NOTHING


@pytest.mark.parametrize(
    "before, after",
    [
        ([(1, "x", "y", 0)], [(1, "y", "x", 0)]),  # between columns of a row
        ([(1, "x", "y", 0), (2, "z", "w", 0)], [(1, "z", "y", 0), (2, "x", "w", 0)]),  # rows
        ([(1, "x", None, 0)], [(1, None, "x", 0)]),
        ([(1, "x", "", 0)], [(1, "x", None, 0)]),
        ([(1, "", "x", 0)], [(1, "x", "", 0)]),
        ([(1, "xy", "z", 0)], [(1, "x", "yz", 0)]),
        ([(1, "x", "y", 0)], [(1, "x", "y", None)]),
        ([(1, "x", "y", 1)], [(1, "x", "y", 2**32)]),
        ([(1, "x", "y", -1)], [(1, "x", "y", 2**32 - 1)]),
        ([(1, "x", "y", 2)], [(2, "x", "y", 1)]),
        ([(1, "x", "y", 0)], [(1, "x ", "y", 0)]),
        ([(1, "x", "y", 0)], [(1, "X", "y", 0)]),
        ([(1, "é", "y", 0)], [(1, "e\u0301", "y", 0)]),
    ],
)
def test_small_differences_are_noticed(backend, table, before, after):
    assert of(backend, *before) != of(backend, *after)


small_text = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
rows = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    small_text,
    small_text,
    st.none() | st.integers(-(2**63), 2**63 - 1),
)


@EXAMPLES
@given(st.lists(rows, max_size=4), st.lists(rows, max_size=4))
def test_only_the_same_rows_have_the_same_total(backend, table, left, right):
    def ordered(found):
        return sorted(found, key=repr)

    assert (of(backend, *left) == of(backend, *right)) == (ordered(left) == ordered(right))


@EXAMPLES
@given(rows, st.integers(0, 63))
def test_one_bit_of_a_number_is_noticed(backend, table, row, bit):
    number = row[0] ^ (1 << bit)
    other = number if bit < 63 else row[0] ^ -(2**63)
    assert of(backend, row) != of(backend, (other, *row[1:]))


def test_every_column_of_every_type_counts(backend, transactional_db):
    """One value after the other is replaced by NULL, by the type's other extreme, and back."""
    name = models.EveryType._meta.db_table
    fields = [
        field for field in models.EveryType._meta.local_concrete_fields if field.name in VALUES
    ]
    first = {field.name: VALUES[field.name][-1] for field in fields}
    row = models.EveryType.objects.create(**first)
    full = total(backend, name)
    seen = {full}
    for field in fields:
        for value in (None, *VALUES[field.name][:-1]):
            models.EveryType.objects.filter(pk=row.pk).update(**{field.name: value})
            changed = total(backend, name)
            row.refresh_from_db()
            if _same(getattr(row, field.name), first[field.name]):
                assert changed == full, (field.name, value)
            else:
                assert changed not in seen or value is None, (field.name, value)
                assert changed != full, (field.name, value)
            seen.add(changed)
        models.EveryType.objects.filter(pk=row.pk).update(**{field.name: first[field.name]})
        assert total(backend, name) == full, field.name


def _same(found, wanted):
    """Whether the database keeps both as one value."""
    if isinstance(found, memoryview):
        found = bytes(found)
    if isinstance(found, float) and math.copysign(1, found) != math.copysign(1, wanted):
        return False
    return found == wanted


def test_a_column_that_is_not_named_does_not_count(backend, table):
    columns = backend.catalog.columns(TABLE)
    fill([(1, "x", "y", 2)])
    without = total(backend, columns=columns[:2])
    fill([(1, "x", "z", 3)])
    assert total(backend, columns=columns[:2]) == without
    assert total(backend, columns=columns[:3]) != without


def test_columns_count_by_their_order_not_by_their_names(backend, table, run):
    run("CREATE TABLE renamed (n2 bigint, b2 varchar(20), a2 varchar(20), extra int, id2 bigint)")
    run("INSERT INTO renamed VALUES (7, 'b', 'a', 1, 1)")
    found = {column.name: column for column in backend.catalog.columns("renamed")}
    chosen = [found[name] for name in ("id2", "a2", "b2", "n2")]
    assert total(backend, "renamed", chosen) == of(backend, (1, "a", "b", 7))


def test_a_column_may_be_null_on_one_side_alone(backend, run):
    """The archive's columns may all be NULL; the totals of the same rows are the same."""
    run(f"CREATE TABLE {TABLE} (a bigint NOT NULL, b text NOT NULL, c boolean NOT NULL)")
    run("CREATE TABLE kept (a bigint, b text, c boolean)")
    run(f"INSERT INTO {TABLE} VALUES (1, 'x', TRUE), (2, '', FALSE)")
    run(f"INSERT INTO kept SELECT * FROM {TABLE}")
    assert total(backend) == total(backend, "kept")
    assert {column.nullable for column in backend.catalog.columns(TABLE)} == {False}


def test_a_table_may_have_very_many_columns(backend, run):
    names = [f"c{i}" for i in range(300)]
    kinds = ["bigint", "text", "date"]
    run(f"CREATE TABLE {TABLE} ({', '.join(f'{c} {kinds[i % 3]}' for i, c in enumerate(names))})")
    run(f"INSERT INTO {TABLE} (c0) VALUES (1)")
    seen = {total(backend)}
    for place in (31, 32, 49, 50, 62, 93, 99, 100, 250, 299):
        value = ("5", "'t'", "'2020-01-01'")[place % 3]
        run(f"UPDATE {TABLE} SET c{place} = {value}")
        seen.add(total(backend))
    assert len(seen) == 11


def test_odd_names_are_quoted(backend, run):
    odd = 'a "b%s; --'
    quoted = '"' + odd.replace('"', '""') + '"'
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} ({quoted.replace('%', '%%')} bigint)", [])
        cursor.execute(f"INSERT INTO {TABLE} VALUES (5)")
    first = total(backend)
    run(f"UPDATE {TABLE} SET {quoted} = 6")
    assert total(backend) != first


GOLDEN = [
    (1, "a", None, -1),
    (-(2**63), "", "🦖 é", 2**63 - 1),
    (0, "x" * 20, "y", None),
]


def test_the_totals_are_those_of_every_version_and_process(backend, table):
    """Runs keep totals for years: these must come out of every Python and every server alike."""
    known = {
        "sqlite-blake2b-1": "13882403154411056612",
        "postgresql-hash-1": "15164416716597062336",
    }
    if sys.byteorder != "little":
        pytest.skip("PostgreSQL's hash functions differ between byte orders.")
    assert of(backend, *GOLDEN) == known[backend.digest.name]
