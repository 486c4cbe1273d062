"""The indexes of both engines are read as they are, and sketches as the engine would make them."""

import pytest
from django.db import connection

from dbhealth.backends.index_records import Holds, KeyPart, Shape, Sketch

pytestmark = pytest.mark.django_db

TABLE = """
    CREATE TABLE "Odd Table" (
        id integer PRIMARY KEY, "Name" varchar(40) NOT NULL, day date, amount integer,
        CONSTRAINT "One % Day" UNIQUE (day, amount)
    )
"""
ODD = '"Odd Table"'


@pytest.fixture
def odd(run):
    run(TABLE)


@pytest.fixture
def indexes(backend):
    """Return a function that gives the indexes of a table by their names."""

    def read(table="Odd Table"):
        found = backend.indexes.catalogue([table])
        assert found.left_out == ()
        return {index.name: index for index in found.indexes}

    return read


@pytest.fixture
def sketch(backend):
    """Return a function that gives the shape of SQL for an index of the table."""

    def shape(sql, table="Odd Table"):
        (found,) = backend.indexes.shapes([Sketch(table=table, sql=sql)])
        return found

    return shape


def columns(*names):
    return tuple(KeyPart(column=name) for name in names)


def test_plain_indexes_have_their_columns_in_order(indexes, run, odd):
    run(f'CREATE INDEX "By %% Name" ON {ODD} ("Name", id)', f"CREATE INDEX odd_day ON {ODD} (day)")
    found = indexes()
    assert found["By %% Name"].shape == Shape(method="btree", keys=columns("Name", "id"))
    assert found["odd_day"].shape == Shape(method="btree", keys=columns("day"))
    assert found["odd_day"].table == "Odd Table"
    assert found["odd_day"].valid
    assert not found["odd_day"].building
    assert list(found) == sorted(found)


def test_unique_indexes_and_constraints_are_told_apart(indexes, run, odd):
    run(f'CREATE UNIQUE INDEX odd_name ON {ODD} ("Name")')
    found = {index.shape.columns: index for index in indexes().values()}
    assert found["Name",].holds is Holds.NOTHING
    assert found["Name",].constraint == ""
    assert found["Name",].shape.unique
    assert found["day", "amount"].holds is Holds.UNIQUE
    assert found["day", "amount"].constraint == "One % Day"
    assert found["day", "amount"].shape.unique


def test_the_index_of_a_primary_key_is_known_as_such(indexes, run):
    run('CREATE TABLE "Pairs" (b varchar(9), "A" integer, CONSTRAINT pk PRIMARY KEY (b, "A"))')
    (index,) = indexes("Pairs").values()
    assert (index.holds, index.constraint) == (Holds.PRIMARY_KEY, "pk")
    assert index.shape == Shape(method="btree", keys=columns("b", "A"), unique=True)


def test_an_index_that_a_foreign_key_points_at_is_referenced(indexes, run, odd):
    run(
        f'CREATE UNIQUE INDEX odd_name ON {ODD} ("Name")',
        f"CREATE INDEX odd_id ON {ODD} (id)",
        f'CREATE TABLE pointing (id integer, name varchar(40) REFERENCES {ODD} ("Name"))',
    )
    referenced = {name for name, index in indexes().items() if index.referenced}
    assert referenced == {"odd_name"}


def test_a_definition_makes_the_very_same_index(indexes, run, odd):
    run(
        f'CREATE UNIQUE INDEX "Odd ""1""" ON {ODD} ("Name" DESC, (amount + 1)) WHERE day IS NULL',
        f'CREATE INDEX odd_2 ON {ODD} ((lower("Name"))) WHERE "Name" <> \'a (%) "b\'',
    )
    before = indexes()
    for name in ['Odd "1"', "odd_2"]:
        quoted = connection.ops.quote_name(name.replace('"', '""'))
        run(f"DROP INDEX {quoted}", before[name].definition)
    after = indexes()
    assert {name: index.shape for name, index in after.items()} == {
        name: index.shape for name, index in before.items()
    }


def test_only_the_tables_that_are_named_are_looked_at_and_all_without_names(backend, run, odd):
    run(f"CREATE INDEX odd_day ON {ODD} (day)")
    some = backend.indexes.catalogue(["Odd Table", "shop_parcels", "no_such_table"])
    assert {index.table for index in some.indexes} == {"Odd Table", "shop_parcels"}
    everything = backend.indexes.catalogue()
    assert set(some.indexes) <= set(everything.indexes)
    tables = {index.table for index in everything.indexes}
    assert {"dbhealth_maintenancerun", "shop_labels"} <= tables
    assert tables <= set(backend.catalog.tables())
    assert backend.indexes.catalogue([]).indexes == ()


EQUAL = [
    ("(day)", "( day )"),
    ("(day) WHERE amount > 0", '("day" ASC) where ((("amount")>0))'),
    (
        "(day) WHERE (amount > 0 AND day IS NOT NULL)",
        "(day) WHERE (amount>0) AND (day is not null)",
    ),
    ("(day) WHERE amount <> 5", "(day) WHERE amount != 5"),
    ("(day) WHERE NOT (amount = 1 OR amount = -2)", "(day) WHERE NOT ((amount=1) OR (amount= -2))"),
    ('((lower("Name")))', '((LOWER( "Name" )))'),
    ("(day, (coalesce(amount, 1 + 2)))", "(day, (coalesce((amount), (1+2))))"),
    ("(\"Name\") WHERE \"Name\" IN ('a', 'b')", "(\"Name\") WHERE (\"Name\" IN ('a','b'))"),
]


@pytest.mark.parametrize("one, other", EQUAL)
def test_what_is_the_same_in_other_words_has_the_same_shape(sketch, indexes, run, odd, one, other):
    run(f"CREATE INDEX odd_there ON {ODD} {one}")
    shape = sketch(f"CREATE INDEX odd_other ON {ODD} {other}")
    assert shape is not None
    assert shape == indexes()["odd_there"].shape
    assert shape == sketch(f"CREATE INDEX odd_other ON {ODD} {one}")


DIFFERENT = [
    '("Name")',
    '("Name" DESC)',
    '("Name", day)',
    '(day, "Name")',
    '((lower("Name")))',
    '((upper("Name")))',
    '("Name") WHERE "Name" = \'a\'',
    '("Name") WHERE "Name" = \'A\'',
    '("Name") WHERE "Name" = \'"a"\'',
    '("Name") WHERE amount > 0 AND (day IS NULL OR amount < 9)',
    '("Name") WHERE (amount > 0 AND day IS NULL) OR amount < 9',
    '("Name") WHERE NOT amount > 0 AND day IS NULL',
    '("Name") WHERE NOT (amount > 0 AND day IS NULL)',
    '("Name") WHERE amount - (1 - 2) > 0',
    '("Name") WHERE (amount - 1) - 2 > 0',
]


def test_what_is_not_the_same_has_another_shape(backend, odd):
    wanted = [
        Sketch(table="Odd Table", sql=f"CREATE {kind} odd_one ON {ODD} {rest}")
        for rest in DIFFERENT
        for kind in ("INDEX", "UNIQUE INDEX")
    ]
    shapes = backend.indexes.shapes(wanted)
    assert None not in shapes
    assert len(set(shapes)) == len(wanted)


def test_a_sketch_of_a_constraint_has_the_shape_of_the_constraint(sketch, indexes, odd):
    shape = sketch(f'ALTER TABLE {ODD} ADD CONSTRAINT "a % b" UNIQUE (day, "amount")')
    (held,) = [index for index in indexes().values() if index.holds is Holds.UNIQUE]
    assert shape == held.shape


def test_nothing_of_a_sketch_is_there_afterwards(backend, sketch, odd):
    before = backend.indexes.catalogue()
    assert sketch(f"CREATE INDEX odd_new ON {ODD} (day)") is not None
    assert backend.indexes.catalogue() == before


def test_what_cannot_be_made_has_no_shape_and_spoils_nothing(backend, odd):
    good = Sketch(table="Odd Table", sql=f"CREATE INDEX a ON {ODD} (day)")
    shapes = backend.indexes.shapes(
        [
            Sketch(table="no_such_table", sql="CREATE INDEX a ON no_such_table (day)"),
            Sketch(table="Odd Table", sql=f"CREATE INDEX a ON {ODD} (no_such_column)"),
            good,
            Sketch(table="Odd Table", sql=f"CREATE INDEX a ON {ODD} (id, day, nothing)"),
            good,
        ]
    )
    plain = Shape(method="btree", keys=columns("day"))
    assert shapes == (None, None, plain, None, plain)
    assert backend.indexes.shapes([]) == ()


@pytest.mark.sqlite
def test_sqlite_has_no_index_for_a_key_that_is_the_rows_number(indexes, odd):
    assert Holds.PRIMARY_KEY not in {index.holds for index in indexes().values()}


@pytest.mark.sqlite
def test_sqlite_finds_a_table_whatever_its_capitals(indexes, sketch, run):
    run('CREATE TABLE "ÖL" (id integer UNIQUE, "Äbc" text)', 'CREATE INDEX oil ON "ÖL" ("Äbc", ID)')
    assert indexes("Öl")["oil"].shape.keys == columns("Äbc", "id")
    assert indexes("Öl")["oil"].table == "Öl"
    assert sketch('CREATE INDEX any ON "ÖL" ("Äbc", Id)', "Öl") == indexes("ÖL")["oil"].shape


@pytest.mark.sqlite
def test_collations_are_named_where_they_are_not_the_columns_own(sketch, indexes, run):
    run(
        "CREATE TABLE collated (a text COLLATE NOCASE, b text, c text CONSTRAINT two UNIQUE "
        "COLLATE RTRIM, CONSTRAINT one UNIQUE (b))",
        "CREATE INDEX c_own ON collated (a COLLATE nocase, b)",
        "CREATE INDEX c_other ON collated (a COLLATE BINARY, b COLLATE NOCASE DESC)",
        "CREATE INDEX c_text ON collated ((lower(a)) COLLATE NOCASE, b || c COLLATE NOCASE)",
    )
    found = indexes("collated")
    assert found["c_own"].shape.keys == columns("a", "b")
    assert found["c_other"].shape.keys == (
        KeyPart(column="a", collation="BINARY"),
        KeyPart(column="b", collation="NOCASE", descending=True),
    )
    assert found["c_text"].shape.keys == (
        KeyPart(expression='lower("a")', collation="NOCASE"),
        KeyPart(expression='"b" || "c" COLLATE NOCASE'),
    )
    for index in found.values():
        if not index.holds:
            assert sketch(index.definition, "collated") == index.shape
    assert {index.constraint for index in found.values() if index.holds} == {"one", "two"}
