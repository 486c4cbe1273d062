"""dbstat is read in one go: asked name by name it goes through the whole catalogue each time."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dbhealth.backends import get_backend
from tests.testapp.raw import fetch

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

LOOKS = {
    "sizes of indexes": lambda backend: backend.use.report(),
    "largest tables": lambda backend: backend.statistics.largest(10),
    "condition of tables": lambda backend: backend.conditions.report(),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_sizes_of_all_tables_are_joined_by_an_index_and_not_name_by_name(look):
    if not fetch("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'"):
        pytest.skip("This SQLite was built without dbstat.")
    with CaptureQueriesContext(connection) as captured:
        look(get_backend("default"))
    found = [
        [row[3] for row in fetch(f"EXPLAIN QUERY PLAN {query['sql'].replace('%', '%%')}")]
        for query in captured
        if " d.pgsize" in query["sql"] or "(d.pgsize" in query["sql"]
    ]
    assert found
    for plan in found:
        assert any(line.startswith("SEARCH d USING AUTOMATIC") for line in plan), plan
