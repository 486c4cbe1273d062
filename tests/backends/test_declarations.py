"""What SQLite keeps as text is read as SQLite itself reads it."""

import pytest

from dbhealth.backends.sqlite.declarations import formulas, index_parts

AWKWARD = """
CREATE TABLE "a (b" ( -- CHECK (nothing)
  "id" integer PRIMARY KEY, /* , CHECK (0) */
  [my col] text DEFAULT 'AS (1)' CHECK ("my col" <> ') , ('),
  `x``y` integer AS (1.5 * length("my col") || x'00') STORED,
  "Total" decimal GENERATED ALWAYS AS (("id" + 1) * 2) VIRTUAL NOT NULL,
  CONSTRAINT [named "one"] CHECK ("id" > 0 AND "my col" IN ('a', 'b')),
  CHECK(id->>'$.a' = 1),
  UNIQUE ("id", "my col")
) STRICT
"""


def test_generated_columns_and_checks_are_found_whatever_they_are_called():
    generated, checks = formulas(AWKWARD)
    assert generated == {
        "x`y": "1.5 * length(\"my col\") || x'00'",
        "Total": '("id" + 1) * 2',
    }
    assert checks == {
        "check 1": "\"my col\" <> ') , ('",
        'named "one"': "\"id\" > 0 AND \"my col\" IN ('a', 'b')",
        "check 3": "id->>'$.a' = 1",
    }


@pytest.mark.parametrize(
    "sql, parts, condition",
    [
        ('CREATE UNIQUE INDEX i ON t ("a", b DESC)', ['"a"', "b"], ""),
        (
            'CREATE UNIQUE INDEX "on (x)" ON "t" ((LOWER("name")), a COLLATE NOCASE ASC)',
            ['(LOWER("name"))', "a COLLATE NOCASE"],
            "",
        ),
        (
            "CREATE UNIQUE INDEX i ON t (a) WHERE (a > 0 AND b = 'WHERE')",
            ["a"],
            "(a > 0 AND b = 'WHERE')",
        ),
        ("CREATE UNIQUE INDEX i ON t(substr(a,1,3))where NOT b", ["substr(a,1,3)"], "NOT b"),
    ],
)
def test_the_parts_of_an_index_and_its_condition_are_found(sql, parts, condition):
    assert index_parts(sql) == (parts, condition)


def test_a_table_without_columns_of_its_own_has_no_formulas():
    assert formulas("CREATE VIRTUAL TABLE t USING fts5") == ({}, {})
