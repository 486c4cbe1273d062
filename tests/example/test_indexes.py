"""The example project's indexes: migrate makes all of them but the one that is registered."""

from collections.abc import Callable

from tests.example.conftest import Project
from tests.example.contract import TABLES

ASK = """
from dbhealth.indexes.drift import drift
found = drift("default")
answer = {
    "apart": [[e.status, e.name, e.why] for e in found.entries if e.status != "present"],
    "names": [[e.table, e.name] for e in found.entries],
    "absent": found.absent,
}
"""


def test_after_migrate_every_index_is_present_and_the_registered_one_is_missing(
    new_project: Callable[[], Project],
) -> None:
    project = new_project()
    done = project.manage("migrate", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    found = project.ask(ASK)
    assert found["apart"] == [["missing", "idx_admin_log_action_time", ""]]
    assert found["absent"] == []
    names = {tuple(pair) for pair in found["names"]}
    assert {(table, name) for table in TABLES for name in TABLES[table]} <= names
