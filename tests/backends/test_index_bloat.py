"""What B-trees on PostgreSQL waste: estimates near a fresh build, and pgstattuple's own figures."""

from collections.abc import Callable, Iterator

import pytest

from dbhealth.backends.index_records import Bloat, Index

pytestmark = pytest.mark.postgresql

ROWS = 10_000
MAKE = f"""
    CREATE TABLE roomy AS
    SELECT i AS id, i % 20 AS few, (i * 7919) % {ROWS} AS many, now() AS at,
           'name of number ' || i AS name, (i % 20)::numeric AS amount,
           CASE WHEN i % 10 = 0 THEN i END AS rare, repeat('x', i % 20) AS ragged
      FROM generate_series(1, {ROWS}) AS i
"""
KEYS = ("few", "many", "at", "name", "amount", "rare", "ragged", "few, name", "rare, id", "id, few")


@pytest.fixture
def roomy(run, committed) -> None:
    """Make a table with an index of each kind, analyzed."""
    committed("roomy", "(gone integer)")
    run("DROP TABLE roomy", MAKE)
    for place, keys in enumerate(KEYS):
        run(f"CREATE INDEX roomy_{place} ON roomy ({keys})")
    run(
        "CREATE UNIQUE INDEX roomy_unique ON roomy (id)",
        "CREATE INDEX roomy_half ON roomy (many) WITH (fillfactor = 50)",
        "CREATE INDEX roomy_part ON roomy (many) WHERE few = 1",
        "CREATE INDEX roomy_stored ON roomy (few) INCLUDE (name)",
        "CREATE INDEX roomy_alone ON roomy (few) WITH (deduplicate_items = off)",
        "CREATE INDEX roomy_upper ON roomy (upper(name))",
        "CREATE INDEX roomy_hash ON roomy USING hash (id)",
        "VACUUM ANALYZE roomy",
    )


@pytest.fixture
def indexes(backend, roomy) -> tuple[Index, ...]:
    return backend.indexes.catalogue(["roomy"]).indexes


@pytest.fixture
def pgstattuple(run, transactional_db) -> Iterator[None]:
    run("CREATE EXTENSION pgstattuple")
    yield
    run("DROP EXTENSION IF EXISTS pgstattuple")


@pytest.fixture
def estimate(backend, indexes) -> Callable[[], dict[str, Bloat]]:
    def look() -> dict[str, Bloat]:
        found = backend.use.estimated_bloat(indexes, backend.use.report())
        return {bloat.name: bloat for bloat in found}

    return look


def test_a_fresh_index_seems_to_waste_next_to_nothing(estimate):
    found = estimate()
    assert set(found) == {f"roomy_{place}" for place in range(len(KEYS))} | {
        *("roomy_unique", "roomy_half", "roomy_part", "roomy_stored", "roomy_alone")
    }
    assert {name for name, bloat in found.items() if bloat.wasted_bytes > bloat.bytes / 10} == set()
    assert not any(bloat.exact for bloat in found.values())


def test_an_index_whose_rows_went_seems_as_much_too_large_as_a_rebuild_makes_it_smaller(
    backend, run, estimate
):
    run("DELETE FROM roomy WHERE id % 10 > 0", "VACUUM ANALYZE roomy")
    found = estimate()
    run("REINDEX TABLE roomy", "ANALYZE roomy")
    sizes = {use.name: use.bytes for use in backend.use.report().indexes if use.table == "roomy"}
    for name, bloat in found.items():
        real = bloat.bytes - sizes[name]
        assert real - 0.1 * bloat.bytes <= bloat.wasted_bytes <= real + 0.05 * bloat.bytes, name


def test_pgstattuple_tells_what_a_rebuild_would_win(backend, run, indexes, pgstattuple):
    fresh = {bloat.name: bloat for bloat in backend.use.exact_bloat(indexes, seconds=5)}
    run("DELETE FROM roomy WHERE id % 10 > 0", "VACUUM roomy")
    found = {bloat.name: bloat for bloat in backend.use.exact_bloat(indexes, seconds=5)}
    assert set(found) == {index.name for index in indexes if index.shape.method == "btree"}
    for name in ("roomy_1", "roomy_half", "roomy_unique"):
        assert fresh[name].wasted_bytes < fresh[name].bytes / 10
        assert 0.75 < found[name].wasted_bytes / found[name].bytes < 0.95
    assert all(bloat.exact for bloat in found.values())
    run("DROP EXTENSION pgstattuple")
    assert backend.use.exact_bloat(indexes, seconds=5) == ()


def test_an_index_that_somebody_locks_is_left_out_and_so_is_what_time_is_too_short_for(
    backend, run, indexes, pgstattuple, second
):
    two = [index for index in indexes if index.name in {"roomy_1", "roomy_unique"}]
    try:
        with second.cursor() as cursor:
            cursor.execute("BEGIN; REINDEX INDEX roomy_1")
        found = backend.use.exact_bloat(two, seconds=5)
    finally:
        second.close()
    assert [bloat.name for bloat in found] == ["roomy_unique"]
    assert backend.use.exact_bloat(two, seconds=0) == ()
