"""Every index of the example is used by the query that it exists for."""

from collections.abc import Callable

import pytest

from tests.example.conftest import Project
from tests.example.contract import TABLES
from tests.servers.engine import postgres_major

NAMES = [name for indexes in TABLES.values() for name in indexes]
# SQLite has no INCLUDE: there the covering index is the same as the plain one, and takes its place.
TWINS = {"idx_chunks_document_id": "idx_chunks_covering"} if postgres_major() is None else {}


@pytest.fixture(scope="module")
def proofs(new_project: Callable[[], Project]) -> dict[str, str]:
    """What is wrong with each proof, in one database with a few thousand rows a table."""
    project = new_project()
    assert project.manage("migrate", "--verbosity", "0").returncode == 0
    answer: dict[str, str] = project.ask(
        "from tests.example.proving import fill, prove\nfill()\nanswer = prove()"
    )
    return answer


def test_every_index_of_the_contract_has_its_query(proofs: dict[str, str]) -> None:
    assert set(proofs) == set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TWINS])
def test_the_index_is_used_by_the_query_it_exists_for(proofs: dict[str, str], name: str) -> None:
    assert not proofs[name], proofs[name]


@pytest.mark.sqlite
@pytest.mark.parametrize("name, twin", TWINS.items())
def test_of_two_that_are_the_same_one_is_used(proofs: dict[str, str], name: str, twin: str) -> None:
    assert f"it uses {twin!r}." in proofs[name]
