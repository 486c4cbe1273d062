"""index_usage on a real database: owners, figures, verdicts and what is missing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from dbhealth.backends import get_backend
from dbhealth.exceptions import UsageError
from dbhealth.indexes import verdict_columns
from dbhealth.indexes.searching import Search
from dbhealth.indexes.usage import index_usage
from dbhealth.queries.models import RecordedUse
from dbhealth.recipes import index_usages, searched_by_policies
from tests.servers.engine import postgres_major
from tests.testapp.raw import execute

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif(postgres_major() is None, reason="Needs PostgreSQL's counters.")
on_sqlite = pytest.mark.skipif(postgres_major() is not None, reason="PostgreSQL counts itself.")

GOODS = "usage_goods"


@pytest.fixture
def goods():
    """Make a table of nobody with a parent, and indexes of every worth."""
    for sql in (
        "CREATE TABLE usage_places (id integer PRIMARY KEY)",
        "CREATE TABLE usage_goods (id integer PRIMARY KEY, a integer, b integer, c varchar(20), "
        "place integer REFERENCES usage_places (id))",
        "CREATE INDEX goods_a ON usage_goods (a)",
        "CREATE INDEX goods_a_again ON usage_goods (a)",
        "CREATE INDEX goods_b ON usage_goods (b)",
        "CREATE INDEX goods_b_c ON usage_goods (b, c DESC)",
        "CREATE INDEX goods_a_down ON usage_goods (a DESC)",
        "CREATE INDEX goods_some ON usage_goods (a) WHERE b IS NOT NULL",
    ):
        execute(sql)


def usage_of(*tables, **more):
    """Return the usage of some tables."""
    return index_usage("default", tables, **more)


def by_name(usage):
    """Return the indexes by their names."""
    return {item.subject.index.name: item for item in usage.indexes}


def other_of(item, code):
    """Return the index in whose place another one stands, None where there is no such verdict."""
    return next((said.other for said in item.verdicts if said.code == code), None)


def lacking(usage):
    """Return what is missing: the code, the table and the columns."""
    return [(str(item.code), item.table, *item.columns) for item in usage.missing]


def test_every_index_has_its_owner_in_the_code():
    found = by_name(usage_of("indexapp_book"))
    assert found["book_state_year"].subject.owner.kind == "Meta.indexes"
    assert found["book_upper"].subject.owner.model == "indexapp.Book"
    kinds = {str(item.subject.owner.kind) for item in found.values()}
    assert kinds >= {"Meta.indexes", "db_index", "ForeignKey", "unique", "UniqueConstraint"}
    assert all(item.subject.owner.place.file.endswith("models.py") for item in found.values())


def test_a_renamed_index_is_still_its_owners():
    before = {name: item.subject.owner for name, item in by_name(usage_of("indexapp_book")).items()}
    old = next(name for name, owner in before.items() if owner.field == "title")
    execute(f'DROP INDEX "{old}"')
    execute("CREATE INDEX another_name ON indexapp_book (title)")
    assert by_name(usage_of("indexapp_book"))["another_name"].subject.owner.field == "title"


def test_duplicates_and_prefixes_are_found_and_nothing_that_only_looks_like_them(goods):
    found = by_name(usage_of(GOODS))
    assert other_of(found["goods_a_again"], "duplicate") == "goods_a"
    assert other_of(found["goods_b"], "covered") == "goods_b_c"
    superfluous = {
        name
        for name, item in found.items()
        if other_of(item, "duplicate") or other_of(item, "covered")
    }
    assert superfluous == {"goods_a_again", "goods_b"}
    assert found["goods_a"].subject.owner is None


def test_a_foreign_key_without_an_index_is_missing_one_until_it_has_it(goods):
    assert ("foreign-key", GOODS, "place") in lacking(usage_of(GOODS))
    execute("CREATE INDEX goods_place ON usage_goods (place, a) WHERE a > 5")
    assert ("foreign-key", GOODS, "place") in lacking(usage_of(GOODS)), "it lacks rows"
    execute("CREATE INDEX goods_place_all ON usage_goods (place)")
    usage = usage_of(GOODS)
    assert lacking(usage) == []
    kept = by_name(usage)["goods_place_all"]
    assert "serves the foreign key (place) to usage_places" in kept.stays
    assert not {said.code for said in kept.verdicts} & {"unused", "rarely-used"}


@pytest.mark.parametrize("kind", ["integer", "bigint"])
def test_a_foreign_key_that_is_the_primary_key_is_not_missing_an_index(goods, kind):
    """On SQLite an "integer" one is the row's own number, by which the table itself is ordered."""
    execute(f"CREATE TABLE usage_parts (of {kind} PRIMARY KEY REFERENCES usage_goods (id))")
    wanted = Search(table="usage_parts", column="of", why="", change="")
    assert lacking(usage_of("usage_parts", wanted=[wanted])) == []
    execute("CREATE TABLE usage_bits (id integer PRIMARY KEY, of int REFERENCES usage_goods (id))")
    assert lacking(usage_of("usage_bits")) == [("foreign-key", "usage_bits", "of")]


def test_a_foreign_key_of_a_model_names_the_line_that_gives_it_an_index():
    name = next(
        name
        for name, item in by_name(usage_of("indexapp_book_tags")).items()
        if item.subject.index.shape.columns == ("tag_id",)
    )
    execute(f'DROP INDEX "{name}"')
    [item] = usage_of("indexapp_book_tags").missing
    assert (item.code, item.columns) == ("foreign-key", ("tag_id",))
    assert "init_indexes" in item.change


@pytest.mark.parametrize(
    "wanted, is_missing",
    [
        (Search(table=GOODS, column="a", why="", change=""), False),
        (Search(table=GOODS, column="c", why="", change=""), True),
        (Search(table=GOODS, column="c", fixed=frozenset({"b"}), why="", change=""), False),
        (Search(table="not_there", column="c", why="", change=""), False),
    ],
    ids=["first", "second", "behind a fixed one", "no table"],
)
def test_a_column_that_is_searched_by_wants_an_index_that_begins_with_it(goods, wanted, is_missing):
    execute("CREATE INDEX goods_place ON usage_goods (place)")
    found = lacking(usage_of(GOODS, wanted=[wanted]))
    assert found == ([("selection", GOODS, "c")] if is_missing else [])


def test_a_partial_index_serves_a_search_only_where_it_has_all_its_rows(goods):
    execute("DROP INDEX goods_b_c")
    execute("CREATE INDEX goods_c ON usage_goods (c) WHERE a = 1")
    execute("CREATE INDEX goods_place ON usage_goods (place)")
    wanted = Search(table=GOODS, column="c", why="", change="")
    assert lacking(usage_of(GOODS, wanted=[wanted]))
    named = Search(table=GOODS, column="c", why="", change="", partial=frozenset({"goods_c"}))
    assert not lacking(usage_of(GOODS, wanted=[named]))
    execute("DROP INDEX goods_c")
    execute("CREATE INDEX goods_c ON usage_goods (c) WHERE c IS NOT NULL")
    assert not lacking(usage_of(GOODS, wanted=[wanted]))


@on_postgresql
@pytest.mark.parametrize(
    "index, lacks",
    [("brin (place, c)", []), ("hash (c)", ["range"]), ("btree (place, c)", ["value", "range"])],
)
def test_a_method_serves_a_search_by_what_it_can_find(goods, index, lacks):
    execute("DROP INDEX goods_b_c")
    execute(f"CREATE INDEX goods_other ON usage_goods USING {index}")
    wanted = {
        kind: Search(table=GOODS, column="c", why="", change="", by_value=kind == "value")
        for kind in ("value", "range")
    }
    found = [
        kind
        for kind, item in wanted.items()
        if ("selection", GOODS, "c") in lacking(usage_of(GOODS, wanted=[item]))
    ]
    assert found == lacks


def test_a_search_of_a_small_table_matters_less(goods):
    wanted = Search(table=GOODS, column="c", why="", change="")

    def level():
        execute("ANALYZE usage_goods")
        found = usage_of(GOODS, wanted=[wanted]).missing
        return next(str(item.level) for item in found if item.code == "selection")

    fill = (
        "WITH RECURSIVE n (i) AS (SELECT {} UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        "INSERT INTO usage_goods (id, a, b) SELECT i, i, i FROM n"
    )
    execute(fill.format(1, 900))
    assert level() == "info"
    execute(fill.format(901, 1_200))
    assert level() == "warning"


def test_the_timestamp_of_an_archive_policy_without_its_index_is_missing_one():
    tables = ["shop_parcels"]
    [before], _ = index_usages("default", tables=tables)
    assert "selection" not in [item.code for item in before.missing]
    name = next(
        item.subject.index.name
        for item in before.indexes
        if item.subject.index.shape.columns == ("sent_at",)
    )
    execute(f'DROP INDEX "{name}"')
    [after], _ = index_usages("default", tables=tables)
    [item] = [item for item in after.missing if item.code == "selection"]
    assert (item.table, item.columns) == ("shop_parcels", ("sent_at",))
    assert "Every archive run of shopapp.Parcel" in item.why
    assert 'models.Index(fields=["sent_at"]' in item.change


def test_what_a_policy_pins_may_stand_before_its_timestamp():
    wanted = {item.table: item for item in searched_by_policies("default")}
    assert wanted["Shop_Readings"].fixed == {"checked"}
    assert wanted["shop_parcels"].fixed == frozenset()


def test_a_table_may_be_named_as_its_model():
    named = usage_of("indexapp.Book")
    assert {item.subject.index.table for item in named.indexes} == {"indexapp_book"}
    assert list(named.tables) == ["indexapp_book"]


def test_a_table_that_is_not_there_is_refused_with_the_one_that_was_meant():
    with pytest.raises(UsageError, match=r"'indexapp_boook'. Did you mean 'indexapp_book'"):
        usage_of("indexapp_boook")
    with pytest.raises(UsageError):
        index_usage("nowhere")


def test_the_number_of_statements_does_not_grow_with_the_number_of_indexes(goods):
    def statements():
        with CaptureQueriesContext(connection) as queries:
            index_usage("default")
        # Not what bounds the waits; outside of the test's transaction it is one set_config.
        bounds = ("set_config", "SAVEPOINT", "current_setting", "busy_timeout", "query_only")
        return [q["sql"] for q in queries if not any(word in q["sql"][:60] for word in bounds)]

    before = statements()
    for place in range(40):
        execute(f"CREATE INDEX more_{place} ON usage_goods (b, a)")
    assert len(statements()) == len(before) <= 12


def test_nothing_is_written(goods):
    with CaptureQueriesContext(connection) as queries:
        usage_of(GOODS)
    words = {query["sql"].split()[0].upper() for query in queries}
    assert words <= {"SELECT", "WITH", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA"}


def fill(rows):
    """Put goods into the table, one in a hundred with a place and half of them with the same a."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
    execute("INSERT INTO usage_places VALUES (1)")
    execute(
        "INSERT INTO usage_goods (id, a, b, c, place) "
        f"{numbers} SELECT i, i % 2, i, 'x', CASE WHEN i % 100 = 0 THEN 1 END FROM n"
    )
    execute("ANALYZE usage_goods")


@on_postgresql
def test_columns_that_hardly_tell_rows_apart_are_found_by_what_analyze_knows(goods, monkeypatch):
    monkeypatch.setattr(verdict_columns, "NULL_BYTES", 64 * 1024)
    execute("CREATE INDEX goods_place ON usage_goods (place)")
    fill(12_000)
    found = by_name(usage_of(GOODS))
    assert "null-heavy" in [said.code for said in found["goods_place"].verdicts]
    assert "low-cardinality" in [said.code for said in found["goods_a"].verdicts]
    assert not {said.code for said in found["goods_b"].verdicts} & {"null-heavy", "low-cardinality"}


@on_sqlite
def test_few_values_are_found_on_sqlite_too(goods):
    fill(12_000)
    found = by_name(usage_of(GOODS))
    [said] = [said for said in found["goods_a"].verdicts if said.code == "low-cardinality"]
    assert said.confidence == "low"


@on_sqlite
def test_what_the_application_was_seen_doing_takes_the_place_of_counters(goods):
    quiet = by_name(usage_of(GOODS))["goods_some"]
    assert quiet.subject.use.scans is None
    assert "unused" not in [said.code for said in quiet.verdicts]
    now = get_backend("default").session.now()
    RecordedUse.objects.create(
        database="default", table=GOODS, index="goods_a", day=now.date(), uses=30, last_used=now
    )
    RecordedUse.objects.create(
        database="default", table=GOODS, index="", day=now.date(), uses=10, last_used=now
    )
    usage = usage_of(GOODS)
    found = by_name(usage)
    assert found["goods_a"].subject.use.scans == 30
    assert found["goods_a"].subject.share == 0.75
    assert found["goods_a"].subject.use.last_scan == now
    assert "unused" in [said.code for said in found["goods_some"].verdicts]
    assert usage.source.name == "recorded statements"
    assert usage.tables[GOODS].sequential_scans == 10


@on_sqlite
@pytest.mark.parametrize("ago, confidence", [([100], "low"), (range(101), "medium")])
def test_a_recorder_that_was_off_since_is_not_taken_for_one_that_saw_nothing(
    goods, ago, confidence
):
    now = get_backend("default").session.now()
    days = [now - timedelta(days=number) for number in ago]
    RecordedUse.objects.bulk_create(
        RecordedUse(
            database="default", table=GOODS, index="goods_a", day=day.date(), uses=9, last_used=day
        )
        for day in days
    )
    with override_settings(DBHEALTH={"RECORD_SAMPLE": 1.0}):
        found = by_name(usage_of(GOODS))["goods_some"]
    [said] = [said for said in found.verdicts if said.code == "unused"]
    assert said.confidence == confidence
    assert ("only 1 day of that time is on record" in said.reasons[0]) == (confidence == "low")
