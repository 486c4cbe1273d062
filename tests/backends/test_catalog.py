"""What tables, columns and foreign keys the database really has."""

import pytest
from django.db import connection

from dbhealth.backends.known import KnownCatalog
from dbhealth.backends.records import ForeignKey
from tests.moveapp.tools import schema, second_session
from tests.shopapp.models import Label, Parcel, Reading

pytestmark = pytest.mark.django_db

# What both engines can make: capitals, a space, a generated column, a composite key.
ODD = """
    CREATE TABLE "Odd Table" (
        "Part A" integer NOT NULL,
        part_b varchar(20) NOT NULL,
        amount integer,
        "Doubled" integer GENERATED ALWAYS AS (amount * 2) STORED,
        PRIMARY KEY (part_b, "Part A")
    )
"""


def test_a_table_is_found_by_the_name_that_django_gives_it(backend):
    relation = backend.catalog.relation(Reading._meta.db_table)
    assert relation.name == "Shop_Readings"
    assert relation.kind == "table"
    assert relation.is_table
    assert relation.primary_key == ("id",)
    assert [column.name for column in relation.columns] == ["id", "taken_on", "checked", "remark"]
    assert not relation.hides_rows


def test_a_table_that_is_not_there_is_none(backend):
    assert backend.catalog.relation("no_such_table") is None
    assert backend.catalog.columns("no_such_table") == ()
    assert backend.catalog.referencing("no_such_table") == ()


def test_capitals_spaces_and_generated_columns_are_seen_as_they_are(backend, run):
    run(ODD)
    relation = backend.catalog.relation("Odd Table")
    assert relation.primary_key == ("part_b", "Part A")
    assert [(c.name, c.nullable, c.generated) for c in relation.columns] == [
        ("Part A", False, False),
        ("part_b", False, False),
        ("amount", True, False),
        ("Doubled", True, True),
    ]
    assert relation.column("amount").type == "integer"
    assert relation.column("part_b").type in {"varchar(20)", "character varying(20)"}
    assert relation.column("PART_B") is None
    assert backend.catalog.columns("Odd Table") == relation.columns
    assert "Odd Table" in backend.catalog.tables()


def test_a_column_that_was_dropped_is_gone(backend, run):
    run(ODD, 'ALTER TABLE "Odd Table" DROP COLUMN "Doubled"')
    assert [c.name for c in backend.catalog.columns("Odd Table")] == ["Part A", "part_b", "amount"]


def test_a_table_without_a_key_has_none(backend, run):
    run("CREATE TABLE keyless (id integer)")
    assert backend.catalog.relation("keyless").primary_key == ()


def test_a_view_is_no_table(backend, run):
    run("CREATE VIEW heavy AS SELECT id, number FROM shop_parcels WHERE weight > 10")
    relation = backend.catalog.relation("heavy")
    assert relation.kind == "view"
    assert not relation.is_table
    assert [column.name for column in relation.columns] == ["id", "number"]
    assert "heavy" not in backend.catalog.tables()


@pytest.mark.sqlite
def test_a_virtual_table_is_no_table(backend, run):
    run("CREATE VIRTUAL TABLE found USING fts5(body)")
    relation = backend.catalog.relation("found")
    assert relation.kind == "virtual table"
    assert not relation.is_table


@pytest.mark.sqlite
def test_sqlite_finds_a_table_whatever_its_capitals(backend, run):
    run(
        ODD,
        "CREATE TABLE pointing (b varchar(20), a integer, "
        'FOREIGN KEY (b, a) REFERENCES "ODD TABLE")',
    )
    assert backend.catalog.relation("odd table").primary_key == ("part_b", "Part A")
    assert [link.table for link in backend.catalog.referencing("odd table")] == ["pointing"]
    assert backend.statistics.relation_size("odd table").table_bytes > 0


def test_all_tables_of_all_apps_are_listed_and_the_engines_own_are_not(backend):
    tables = backend.catalog.tables()
    assert {"shop_parcels", "Shop_Readings", "dbhealth_maintenancerun"} <= set(tables)
    assert len(tables) == len(set(tables))
    assert not [name for name in tables if name.startswith(("sqlite_", "pg_", "information"))]


def test_the_foreign_key_of_a_model_is_seen(backend):
    assert backend.catalog.referencing(Parcel._meta.db_table) == (
        ForeignKey(
            table=Label._meta.db_table,
            columns=("parcel_id",),
            target="shop_parcels",
            target_columns=("id",),
            label="shop_labels (parcel_id)",
        ),
    )


def test_foreign_keys_of_tables_that_no_model_knows_are_seen(backend, run):
    run(
        ODD,
        'CREATE TABLE "Left Over" (a integer, b varchar(20), "Up" bigint '
        'REFERENCES shop_parcels, FOREIGN KEY (b, a) REFERENCES "Odd Table" (part_b, "Part A"))',
    )
    (composite,) = backend.catalog.referencing("Odd Table")
    assert composite.ends == ("Left Over", ("b", "a"), "Odd Table", ("part_b", "Part A"))
    assert composite.enforced
    assert composite.label == "Left Over (b, a)"
    pointing = {link.ends for link in backend.catalog.referencing("shop_parcels")}
    assert ("Left Over", ("Up",), "shop_parcels", ("id",)) in pointing


def test_a_reference_without_column_names_means_the_primary_key(backend, run):
    run(
        ODD,
        "CREATE TABLE implied (b varchar(20), a integer, "
        'FOREIGN KEY (b, a) REFERENCES "Odd Table")',
    )
    (link,) = backend.catalog.referencing("Odd Table")
    assert link.columns == ("b", "a")
    assert link.target_columns == ("part_b", "Part A")


def test_a_table_that_points_at_itself_is_among_those_that_point_at_it(backend, run):
    run("CREATE TABLE tree (id integer PRIMARY KEY, up integer REFERENCES tree)")
    (link,) = backend.catalog.referencing("tree")
    assert link.ends == ("tree", ("up",), "tree", ("id",))


def test_two_foreign_keys_to_one_table_are_two(backend, run):
    run(
        "CREATE TABLE pairs (one bigint REFERENCES shop_parcels, "
        "two varchar(40) REFERENCES shop_parcels (number))"
    )
    links = {
        link.columns: link.target_columns
        for link in backend.catalog.referencing("shop_parcels")
        if link.table == "pairs"
    }
    assert links == {("one",): ("id",), ("two",): ("number",)}


@pytest.mark.postgresql
def test_a_partitioned_table_is_a_table_and_its_clones_of_a_foreign_key_do_not_count(backend, run):
    run(
        "CREATE TABLE days (id integer, day date, parcel bigint REFERENCES shop_parcels, "
        "PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
        "CREATE TABLE days_2025 PARTITION OF days FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
    )
    relation = backend.catalog.relation("days")
    assert relation.kind == "partitioned table"
    assert relation.is_table
    assert relation.primary_key == ("id", "day")
    assert [link.table for link in backend.catalog.referencing("shop_parcels")] == [
        "days",
        "shop_labels",
    ]


@pytest.mark.postgresql
def test_what_else_postgresql_calls_a_relation_is_no_table(backend, run):
    run("CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM shop_parcels")
    assert backend.catalog.relation("counted").kind == "materialized view"
    assert not backend.catalog.relation("counted").is_table
    run("CREATE SEQUENCE numbers")
    assert not backend.catalog.relation("numbers").is_table


@pytest.mark.postgresql
def test_a_table_of_another_schema_is_named_with_it(backend, run):
    run(
        'CREATE SCHEMA "Ware House"',
        'CREATE TABLE "Ware House"."Shelf" (id integer PRIMARY KEY, parcel bigint '
        "REFERENCES shop_parcels)",
    )
    name = 'Ware House"."Shelf'  # the spelling that survives Django's quoting
    assert backend.features.has_schemas
    assert name in backend.catalog.tables()
    assert backend.catalog.relation(name).primary_key == ("id",)
    assert backend.catalog.relation(f'"{name}"').primary_key == ("id",)
    assert backend.catalog.relation("Shelf") is None
    assert name in [link.table for link in backend.catalog.referencing("shop_parcels")]
    assert name in [size.name for size in backend.statistics.largest(1000)]


@pytest.mark.postgresql
def test_every_schema_on_the_search_path_is_named_plainly_and_what_it_hides_is_not(backend, run):
    run(
        "CREATE SCHEMA tenant",
        "CREATE TABLE tenant.shop_labels (id integer PRIMARY KEY)",
        "CREATE TABLE tenant.shelves (id integer PRIMARY KEY)",
        "SET search_path TO tenant, public",
    )
    try:
        tables = backend.catalog.tables()
        # Django's names for its models, whichever schema of the path holds them
        assert {"shop_parcels", "shelves", "shop_labels"} <= set(tables)
        assert 'public"."shop_labels' in tables
        assert 'public"."shop_parcels' not in tables
        (link,) = backend.catalog.referencing("shop_parcels")
        assert link.table == 'public"."shop_labels'
        named = [size.name for size in backend.statistics.largest(1000)]
        assert "shop_parcels" in named
        assert 'public"."shop_labels' in named
    finally:
        run("SET search_path TO DEFAULT")


@pytest.mark.postgresql
def test_row_level_security_that_binds_the_role_is_seen(backend, run):
    run(
        "ALTER TABLE shop_labels ENABLE ROW LEVEL SECURITY",
        "CREATE ROLE clerk",
        "GRANT USAGE ON SCHEMA public TO clerk",
        "GRANT SELECT ON shop_labels TO clerk",
    )
    assert not backend.catalog.relation("shop_labels").hides_rows
    run("SET ROLE clerk")
    try:
        assert backend.catalog.relation("shop_labels").hides_rows
        assert not backend.catalog.relation("shop_parcels").hides_rows
    finally:
        run("RESET ROLE")


@pytest.mark.sqlite
def test_sqlite_has_no_schemas_and_says_so(backend):
    assert not backend.features.has_schemas
    assert connection.vendor == "sqlite"


def test_what_is_read_of_many_tables_at_once_is_what_is_read_of_each(backend, run):
    run(ODD, 'CREATE TABLE "Left Over" (id integer, up bigint REFERENCES shop_parcels)')
    names = ["Odd Table", "no_such_table", Reading._meta.db_table, "Left Over", "shop_parcels"]
    catalog = backend.catalog
    assert catalog.relations(names) == tuple(map(catalog.relation, names))
    assert catalog.relations(names)[1] is None
    assert catalog.referencing_each(names) == tuple(map(catalog.referencing, names))
    assert len(catalog.referencing_each(names)[-1]) == 2


def test_a_known_catalogue_says_the_same_and_asks_once(backend, run, django_assert_num_queries):
    run(ODD)
    here, known = backend.catalog, KnownCatalog(backend.catalog, ["Odd Table"], ["shop_parcels"])
    with django_assert_num_queries(0):
        relation, links = known.relation("Odd Table"), known.referencing("shop_parcels")
        assert known.columns("Odd Table") == relation.columns
    assert (relation, links) == (here.relation("Odd Table"), here.referencing("shop_parcels"))
    for ask in ("relation", "columns", "referencing"):
        for table in (Reading._meta.db_table, "no_such_table"):
            assert getattr(known, ask)(table) == getattr(here, ask)(table)
            with django_assert_num_queries(0):
                getattr(known, ask)(table)
    assert known.tables() == here.tables()


PARTITIONS = """
    CREATE TABLE whole (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF whole FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
    CREATE TABLE lowest PARTITION OF low FOR VALUES FROM (0) TO (5);
    CREATE TABLE to_whole (w int REFERENCES whole) PARTITION BY RANGE (w);
    CREATE TABLE to_whole_part PARTITION OF to_whole DEFAULT;
    CREATE TABLE to_lowest (w int REFERENCES lowest ON DELETE CASCADE)
"""


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "table, pointing",
    [
        ("whole", [("to_lowest", "CASCADE"), ("to_whole", "")]),
        ("low", [("to_lowest", "CASCADE"), ("to_whole", "")]),
        ("lowest", [("to_lowest", "CASCADE"), ("to_whole", "")]),
    ],
)
def test_keys_to_a_partition_and_to_what_a_table_is_a_partition_of(backend, run, table, pointing):
    run(PARTITIONS)
    links = backend.catalog.referencing(table)
    assert sorted((link.table, link.on_delete) for link in links) == pointing
    assert {link.target for link in links} == {table}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL refuses such a key.")
def test_a_key_to_a_table_that_is_not_there_names_no_columns(backend, run):
    run("CREATE TABLE pointing (w int REFERENCES not_there ON DELETE CASCADE)")
    (link,) = backend.catalog.referencing("not_there")
    assert (link.table, link.target_columns, link.on_delete) == ("pointing", (), "CASCADE")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_lock_on_a_partitioned_table_does_not_hold_up_the_look_at_its_keys(backend):
    statements = PARTITIONS.split(";")
    undo = ["DROP TABLE to_whole, to_lowest, whole"]
    with schema(setup=statements, undo=undo), second_session() as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE whole IN ACCESS EXCLUSIVE MODE")
        with backend.executor.looking(lock=0.2, seconds=20):
            assert len(backend.catalog.referencing("whole")) == 2
