"""Which statements a finding may quote."""

import pytest

from dbhealth.health.checks.statements import NORMALIZED


@pytest.mark.parametrize(
    "text, quoted",
    [
        ("SELECT $1", True),
        ("  /* app */ (select a from b where c = $1)", True),
        ("-- page\nWITH x AS (SELECT $1) SELECT * FROM x", True),
        ("ALTER ROLE app PASSWORD 'secret'", False),
        ("CREATE TABLE selected AS SELECT 'secret'", False),
        ("SELECTION", False),
    ],
)
def test_only_statements_whose_values_the_server_has_left_out_are_quoted(text, quoted):
    assert bool(NORMALIZED.match(text)) is quoted
