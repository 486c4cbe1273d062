"""The indexes of both engines are read as they are, and sketches as the engine would make them."""

import pytest

from dbhealth.backends.index_records import Holds, KeyPart, Shape, Sketch

pytestmark = pytest.mark.django_db

TABLE = """
    CREATE TABLE "Odd Table" (
        id integer PRIMARY KEY, "Name" varchar(40) NOT NULL, day date, amount integer,
        CONSTRAINT "One %% Day" UNIQUE (day, amount)
    )
"""


@pytest.fixture
def odd(run):
    run(TABLE.replace("%%", "%"))
    return '"Odd Table"'


@pytest.fixture
def indexes(backend):
    """Return a function that gives the indexes of a table by their names."""

    def read(table="Odd Table"):
        found = backend.indexes.catalogue([table])
        assert found.left_out == ()
        return {index.name: index for index in found.indexes}

    return read


def columns(*names):
    return tuple(KeyPart(column=name) for name in names)


def test_plain_indexes_have_their_columns_in_order(indexes, run, odd):
    run(f'CREATE INDEX "By %% Name" ON {odd} ("Name", id)', f"CREATE INDEX by_day ON {odd} (day)")
    found = indexes()
    assert found["By %% Name"].shape == Shape(method="btree", keys=columns("Name", "id"))
    assert found["by_day"].shape == Shape(method="btree", keys=columns("day"))
    assert found["by_day"].table == "Odd Table"
    assert found["by_day"].valid
    assert not found["by_day"].building


def test_unique_indexes_and_constraints_are_told_apart(indexes, run, odd):
    run(f'CREATE UNIQUE INDEX odd_name ON {odd} ("Name")')
    found = {index.shape.columns: index for index in indexes().values()}
    assert found["Name",].holds is Holds.NOTHING
    assert found["Name",].shape.unique
    assert found["Name",].constraint == ""
    assert found["day", "amount"].holds is Holds.UNIQUE
    assert found["day", "amount"].constraint == "One % Day"


def test_sketch(backend, indexes, run, odd):
    sql = f'CREATE INDEX "Some_%_Thing" ON {odd} ("amount" DESC, (lower("Name"))) WHERE amount > 0'
    (shape,) = backend.indexes.shapes([Sketch(table="Odd Table", sql=sql)])
    run(sql)
    assert shape == indexes()["Some_%_Thing"].shape
