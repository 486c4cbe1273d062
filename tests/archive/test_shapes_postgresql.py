"""What only PostgreSQL has: arrays, ranges, schemas, partitions, infinite moments."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

pytest.importorskip("psycopg")

from tests.servers.engine import postgres_major  # noqa: E402

if postgres_major() is None:
    pytest.skip("Needs PostgreSQL; this run is on SQLite.", allow_module_level=True)

from django.db.backends.postgresql.psycopg_any import (  # noqa: E402
    DateRange,
    DateTimeTZRange,
    NumericRange,
)

from dbhealth.archive import archive_table  # noqa: E402
from dbhealth.backends import get_backend  # noqa: E402
from tests.pgapp import models  # noqa: E402
from tests.testapp import raw  # noqa: E402
from tests.testapp.models import Automatic, MomentKey, TextKey  # noqa: E402
from tests.testapp.moving import AWKWARD, OLD, PAST, YOUNG, Move  # noqa: E402


@pytest.fixture
def other_schema(transactional_db):
    """Empty the tables that Django's flush does not see."""
    yield
    for table in ("Things", "Things_archive", "Quoted", "Quoted_archive"):
        raw.execute(f'DELETE FROM "Other Place"."{table}"')


def test_arrays_arrive_as_they_were():
    words = [None, [], ["", "NULL", 'a"b', "a,b", "{}", "\\", None, "🦖", " "], [None]]
    move = Move(models.Arrays)
    move.add(
        leaving=[
            models.Arrays(created_at=OLD, words=given, matrix=matrix, moments=list(PAST))
            for given, matrix in zip(words, [None, [], [[1, None], [2, 3]], [[0]]], strict=True)
        ],
        staying=[models.Arrays(created_at=YOUNG)],
    )
    move.run()


def test_ranges_arrive_as_they_were():
    moments = DateTimeTZRange(PAST[1], PAST[0], "(]")
    ranges = [
        {},
        {"numbers": NumericRange(1, 5), "decimals": NumericRange(Decimal("0.1"), None)},
        {"numbers": NumericRange(empty=True), "big": NumericRange(None, 2**63 - 1), "days": None},
        {"numbers": NumericRange(6, None), "moments": moments, "days": DateRange(None, None)},
        {"days": DateRange(date(2024, 2, 29), date(9999, 12, 31)), "decimals": NumericRange()},
    ]
    move = Move(models.Ranges)
    move.add(
        leaving=[models.Ranges(created_at=OLD, **given) for given in ranges],
        staying=[models.Ranges(created_at=YOUNG, numbers=NumericRange(-9, -3))],
    )
    move.run()


def test_ranges_that_could_not_overlap_may_overlap_in_the_archive():
    for _ in range(2):
        models.Ranges.objects.create(created_at=OLD, numbers=NumericRange(1, 5))
        archive_table(models.Ranges, allow_emptying=True)
    assert models.RangesArchive.objects.filter(numbers__overlap=NumericRange(2, 3)).count() == 2


@pytest.mark.usefixtures("other_schema")
@pytest.mark.parametrize("model", [models.OtherSchema, models.QuotedSchema])
def test_a_table_of_another_schema_moves(model):
    move = Move(model)
    move.add(
        leaving=[model(created_at=OLD, text=text) for text in AWKWARD],
        staying=[model(created_at=YOUNG, text="x")],
    )
    move.run()


@pytest.mark.parametrize("model", [models.OtherSchema, models.QuotedSchema])
def test_the_archive_stays_in_the_schema_of_its_source(model):
    schemas = "SELECT count(*) FROM pg_tables WHERE schemaname = 'Other Place' AND tablename = %s"
    name = model._meta.db_table.strip('"').rpartition('"')[2] + "_archive"
    assert raw.fetch(schemas, name) == [(1,)]


@pytest.mark.usefixtures("other_schema")
@pytest.mark.parametrize("model", [models.OtherSchema, models.QuotedSchema])
def test_a_tree_in_another_schema_moves(model):
    move = Move(model)
    move.add(staying=[model(id=9, created_at=YOUNG, text="x")])
    for key, parent in ((8, None), (7, 8), (1, 7)):
        model.objects.create(id=key, created_at=OLD, parent_id=parent, text="x")
    move.settle()
    move.run(batch_size=1)


def test_a_partitioned_table_moves():
    move = Move(models.Partitioned)
    days = [datetime(2000 + n, 2, 28, 1, 2, 3, n, tzinfo=UTC) for n in range(24)]
    move.add(
        leaving=[models.Partitioned(id=-n, created_at=day, text="x") for n, day in enumerate(days)],
        staying=[models.Partitioned(id=-5, created_at=YOUNG)],
    )
    move.run(batch_size=5)


def test_infinite_moments_and_years_that_python_does_not_know_move_or_stay():
    move = Move(models.Infinite, readable=False)
    for day in ("-infinity", "0044-03-15 BC", "2016-02-29"):
        raw.execute("INSERT INTO pgapp_infinite (day, moment) VALUES (%s, 'infinity')", day)
    move.settle()
    before = move.in_source()
    for day in ("infinity", "25000-01-01", None):
        raw.execute("INSERT INTO pgapp_infinite (day, moment) VALUES (%s, '-infinity')", day)
    move.staying = move.in_source() - before
    dry = archive_table(models.Infinite, dry_run=True)["plan"]
    assert dry["oldest"] == "0044-03-15 BC"
    assert dry["newest"] == "2016-02-29"
    assert (dry["null_timestamps"], dry["future_timestamps"]) == (1, 2)
    move.run()


def test_infinite_moments_as_keys_move():
    move = Move(MomentKey, readable=False)
    keys = ("-infinity", "4713-01-01 BC", "0001-01-01", "20000-01-01", "infinity")
    for key in keys:
        raw.execute(
            "INSERT INTO testapp_momentkey (moment, created_at) VALUES (%s, '-infinity')", key
        )
    move.settle()
    before = move.in_source()
    raw.execute("INSERT INTO testapp_momentkey (moment, created_at) VALUES (now(), 'infinity')")
    move.staying = move.in_source() - before
    move.run()


def test_a_clock_default_of_the_database_is_not_asked_again():
    move = Move(Automatic, readable=False)
    move.add(staying=[Automatic()])
    raw.execute(
        "INSERT INTO testapp_automatic (created_at, updated_at, day, token, state, stamped) "
        "VALUES ('-infinity', 'infinity', '2000-01-01', gen_random_uuid(), '', 'epoch')"
    )
    move.settle()
    move.run()


def test_a_table_with_its_schema_spelled_out_still_points_at_itself():
    (link,) = get_backend("default").catalog.referencing('public"."testapp_comment')
    assert (link.table, link.columns) == ('public"."testapp_comment', ("parent_id",))


def test_text_keys_move_in_the_order_of_their_own_collation():
    """Linguistic collations compare by letters first, and see some characters as nothing."""
    if not raw.fetch("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'"):
        pytest.skip("This server was built without ICU.")
    tables = ("testapp_textkey", "testapp_textkey_archive")
    for table in tables:
        raw.execute(f'ALTER TABLE {table} ALTER name TYPE varchar(300) COLLATE "und-x-icu"')
    try:
        keys = ["a", "A", "\u00e1", "b", "a b", "ab", "a-b", "a\u200bb", "\u200b", "", "10", "9"]
        move = Move(TextKey)
        move.add(
            leaving=[TextKey(name=key, created_at=OLD) for key in keys],
            staying=[TextKey(name=f"{key}!", created_at=YOUNG) for key in keys],
        )
        move.run(batch_size=1)
    finally:
        for table in tables:
            raw.execute(f'ALTER TABLE {table} ALTER name TYPE varchar(300) COLLATE "default"')
