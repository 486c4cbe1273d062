"""Statements of other sessions are shown without the values in them."""

import pytest

from dbhealth.backends.postgresql.queries import without_values


@pytest.mark.parametrize(
    "text, shown",
    [
        ("SELECT 1", "SELECT ?"),
        (
            'SELECT a1, "b 2", $1 FROM t2 WHERE x = 1.5e-3',
            'SELECT a1, "b 2", $1 FROM t2 WHERE x = ?',
        ),
        ("WHERE a = 'it''s' AND b = 'x'", "WHERE a = ? AND b = ?"),
        (r"WHERE a = E'it\'s' AND b = 'x'", "WHERE a = ? AND b = ?"),
        ("SELECT $tag$ 'a' $tag$, $$b$$", "SELECT ?, ?"),
        ("WHERE a = 'cut by the ser", "WHERE a = ?"),
        ("SELECT\n   a\n  FROM b", "SELECT a FROM b"),
        ("SELECT " + "a, " * 100, "SELECT " + "a, " * 37 + "a,…"),
    ],
)
def test_constants_become_question_marks(text, shown):
    assert without_values(text) == shown
