"""Every sort of index that PostgreSQL has is read as the server itself describes it."""

import pytest

from dbhealth.backends.index_records import Holds, KeyPart, Shape, Sketch

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

TABLE = """
    CREATE TABLE "Sorts" (
        id bigint PRIMARY KEY, "Name" varchar(40) NOT NULL, short name, code char(4), n integer,
        body text COLLATE "C", doc jsonb, words tsvector, spot point, span int4range,
        tags text[], at timestamptz, net cidr, wei domained, CONSTRAINT "End %" UNIQUE (n, code)
    )
"""

# The name of each is its place in the list.
SORTS = [
    "(n)",
    '("Name")',
    '("Name", n)',
    "(n DESC, id)",
    "(n NULLS FIRST)",
    "(n DESC NULLS LAST)",
    '("Name" text_pattern_ops)',
    '("Name" varchar_pattern_ops DESC)',
    '("Name" varchar_ops)',
    '("Name" bpchar_ops)',
    "(code bpchar_pattern_ops, short, net, wei)",
    "(wei text_pattern_ops)",
    "(net cidr_ops)",
    '("Name" COLLATE "C", body)',
    '(body COLLATE "POSIX", code COLLATE "default")',
    '(lower("Name"))',
    "((n + 1) DESC, \"Name\", (body || 'a, (b'), lower(body))",
    '(lower("Name") text_pattern_ops)',
    '(lower("Name") COLLATE "C")',
    "(((n + id)::int4) int4_ops)",
    "((short::text::name))",
    "(n) WHERE n > 0",
    "(n) WHERE (n > 0 AND \"Name\" <> 'a %s') OR body IS NULL",
    '(n) INCLUDE ("Name", id)',
    "(n) NULLS NOT DISTINCT",
    "(n) WITH (fillfactor = 70)",
    '(n DESC) INCLUDE (body) WITH (deduplicate_items = off, fillfactor = 80) WHERE "Name" IS NULL',
    '((body || "Name") COLLATE "default", (body || body) COLLATE "C")',
    '((("Name" COLLATE "POSIX") || \'x\'), n)',
    "USING gin (doc)",
    "USING gin (doc jsonb_path_ops)",
    "USING gin (doc, words, tags) WITH (fastupdate = off, gin_pending_list_limit = 64)",
    "USING gin (to_tsvector('english', body))",
    "USING gist (spot)",
    "USING gist (words tsvector_ops (siglen = 100), spot) WITH (buffering = on)",
    "USING gist (to_tsvector('english', body) tsvector_ops (siglen = 64))",
    "USING gist (net inet_ops)",
    "USING gist (span) WHERE n IS NOT NULL",
    "USING spgist (spot)",
    "USING spgist (spot kd_point_ops)",
    "USING brin (at) WITH (pages_per_range = 16, autosummarize = true)",
    "USING brin (at timestamptz_minmax_multi_ops (values_per_range = 16), n int4_bloom_ops)",
    'USING hash ("Name")',
]


@pytest.fixture
def sorts(run):
    """Make the table; its columns are of all sorts of types."""
    run("CREATE DOMAIN way AS varchar(9)", "CREATE DOMAIN domained AS way", TABLE)


@pytest.fixture
def indexes(backend):
    """Return a function that gives the indexes of a table by their names."""
    return lambda table: {index.name: index for index in backend.indexes.catalogue([table]).indexes}


def definitions(run):
    return dict(
        run(
            "SELECT indexrelid::bigint, CASE WHEN k.contype = 'x' THEN "
            "'ALTER TABLE ' || n.nspname || '.' || quote_ident(t.relname) || ' ADD CONSTRAINT ' "
            "|| quote_ident(conname) || ' ' || pg_get_constraintdef(k.oid) "
            "ELSE pg_get_indexdef(indexrelid) END FROM pg_index i JOIN pg_class t "
            "ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
            "LEFT JOIN pg_constraint k ON k.conindid = indexrelid AND k.contype = 'x'"
        )
    )


def sql_of(place, rest):
    kind = "UNIQUE INDEX" if "NULLS NOT" in rest else "INDEX"
    return f'CREATE {kind} "{place}" ON "Sorts" {rest}'


def test_every_definition_is_the_one_that_the_server_gives(backend, run, sorts):
    run(
        "SET search_path TO public",
        *(sql_of(place, rest) for place, rest in enumerate(SORTS)),
        'CREATE UNIQUE INDEX "Most ""odd"" %, (name)" ON "Sorts" (id, short)',
        'CREATE INDEX "select" ON "Sorts" (id)',
        'ALTER TABLE "Sorts" ADD CONSTRAINT apart EXCLUDE USING gist (span WITH &&, spot WITH ~=) '
        "INCLUDE (n) WITH (fillfactor = 90) WHERE (n > 0) DEFERRABLE INITIALLY DEFERRED",
    )
    theirs = definitions(run)
    ours = {index.oid: index.definition for index in backend.indexes.catalogue().indexes}
    assert len(ours) > len(SORTS) + 5
    assert ours == {oid: theirs[oid] for oid in ours}


def test_every_sketch_has_the_shape_of_the_index_that_is_made_of_it(backend, run, sorts, indexes):
    wanted = [Sketch(table="Sorts", sql=sql_of(place, rest)) for place, rest in enumerate(SORTS)]
    shapes = backend.indexes.shapes(wanted)
    run(*(sketch.sql for sketch in wanted))
    found = indexes("Sorts")
    assert shapes == tuple(found[str(place)].shape for place in range(len(SORTS)))
    # Only how an index is stored makes no other one.
    assert len(set(shapes)) == len(SORTS) - 1
    assert found[str(SORTS.index("(n) WITH (fillfactor = 70)"))].shape == found["0"].shape


def test_what_goes_without_saying_is_not_said(run, sorts, indexes):
    run(
        'CREATE INDEX usual ON "Sorts" ("Name" text_ops, n int4_ops, wei text_ops, net inet_ops)',
        'CREATE INDEX other ON "Sorts" (body COLLATE "default" text_pattern_ops DESC, '
        'lower("Name") COLLATE "C")',
        'CREATE INDEX tuned ON "Sorts" USING gist (words tsvector_ops (siglen = 100))',
    )
    found = indexes("Sorts")
    assert [(key.opclass, key.collation) for key in found["usual"].shape.keys] == [("", "")] * 4
    assert found["other"].shape.keys == (
        KeyPart(
            column="body",
            opclass="text_pattern_ops",
            collation='"default"',
            descending=True,
            nulls_first=True,
        ),
        KeyPart(expression='lower(("Name")::text)', collation='"C"'),
    )
    assert found["tuned"].shape.keys[0].opclass == "tsvector_ops (siglen='100')"


def test_constraints_are_known_with_what_they_demand(run, sorts, indexes, backend):
    run(
        'ALTER TABLE "Sorts" ADD CONSTRAINT late UNIQUE (at) DEFERRABLE INITIALLY DEFERRED',
        'ALTER TABLE "Sorts" ADD CONSTRAINT later UNIQUE NULLS NOT DISTINCT (at) INCLUDE (n) '
        "DEFERRABLE",
        'ALTER TABLE "Sorts" ADD CONSTRAINT apart EXCLUDE USING gist (span WITH &&, spot WITH ~=)',
        'CREATE TABLE pointing (n integer, code char(4), FOREIGN KEY (n, code) REFERENCES "Sorts" '
        "(n, code))",
    )
    found = indexes("Sorts")
    assert {name: (index.holds, index.constraint) for name, index in found.items()} == {
        "Sorts_pkey": (Holds.PRIMARY_KEY, "Sorts_pkey"),
        "End %": (Holds.UNIQUE, "End %"),
        "late": (Holds.UNIQUE, "late"),
        "later": (Holds.UNIQUE, "later"),
        "apart": (Holds.EXCLUSION, "apart"),
    }
    assert [name for name, index in found.items() if index.referenced] == ["End %"]
    assert found["late"].shape.deferrable == "DEFERRABLE INITIALLY DEFERRED"
    later = found["later"].shape
    assert (later.deferrable, later.nulls_distinct, later.include) == ("DEFERRABLE", False, ("n",))
    assert found["apart"].shape == Shape(
        method="gist",
        keys=(KeyPart(column="span"), KeyPart(column="spot")),
        excludes=("&&", "~="),
    )
    sql = 'ALTER TABLE "Sorts" ADD CONSTRAINT "any" '
    assert backend.indexes.shapes(
        [
            Sketch(table="Sorts", sql=sql + "UNIQUE (at) DEFERRABLE INITIALLY DEFERRED"),
            Sketch(table="Sorts", sql=sql + "EXCLUDE USING gist (span WITH &&, spot WITH ~=)"),
        ]
    ) == (found["late"].shape, found["apart"].shape)


def test_marks_and_options_of_an_index_are_seen(run, sorts, indexes):
    run(
        'CREATE UNIQUE INDEX marked ON "Sorts" (id) WITH (fillfactor = 70)',
        'ALTER TABLE "Sorts" REPLICA IDENTITY USING INDEX marked',
        'ALTER TABLE "Sorts" CLUSTER ON "End %"',
    )
    found = indexes("Sorts")
    assert [name for name, index in found.items() if index.replica_identity] == ["marked"]
    assert [name for name, index in found.items() if index.clustered] == ["End %"]
    assert found["marked"].options == ("fillfactor=70",)
    assert found["End %"].options == ()


def test_equal_conditions_of_indexes_with_names_of_any_length_are_equal(run, sorts, indexes):
    """The parsed condition keeps the place in the SQL, so that its raw text differs."""
    run(
        "CREATE INDEX a ON \"Sorts\" (n) WHERE n > 0 AND body IN ('a', 'b')",
        'CREATE INDEX a_much_longer_name ON "Sorts" (n) '
        "WHERE ((body = ANY (ARRAY['a', 'b'])) AND NOT n <= 0) AND TRUE",
        "CREATE INDEX b ON \"Sorts\" (n) WHERE ((\"Sorts\".n > (0)) AND (body IN ('a','b')))",
    )
    found = indexes("Sorts")
    assert found["a"].shape == found["b"].shape
    assert found["a"].shape != found["a_much_longer_name"].shape


def test_the_indexes_of_partitions_belong_to_that_of_the_whole(run, indexes, backend):
    run(
        "CREATE TABLE days (id integer, day date) PARTITION BY RANGE (day)",
        "CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        "CREATE INDEX days_id ON days (id)",
        "CREATE INDEX days_only ON ONLY days (day, id)",
        "CREATE INDEX own ON days_1 (day)",
    )
    whole, part = indexes("days"), indexes("days_1")
    assert (whole["days_id"].partitioned, whole["days_id"].valid) == (True, True)
    assert (whole["days_only"].partitioned, whole["days_only"].valid) == (True, False)
    assert (
        whole["days_id"].definition == "CREATE INDEX days_id ON ONLY public.days USING btree (id)"
    )
    assert {name: index.child for name, index in part.items()} == {
        "days_1_id_idx": True,
        "own": False,
    }
    sql = "CREATE INDEX any ON days (id)"
    assert backend.indexes.shapes([Sketch(table="days", sql=sql)]) == (whole["days_id"].shape,)


def test_tables_of_other_schemas_are_named_as_they_must_be_quoted(backend, run, indexes):
    run(
        'CREATE SCHEMA "Ware House"',
        'CREATE TABLE "Ware House"."Shelf" (id integer PRIMARY KEY, "End" text)',
        'CREATE INDEX "Shelf %" ON "Ware House"."Shelf" (lower("End"))',
        'CREATE TABLE "Shelf" ("End" integer)',
        "CREATE TEMPORARY TABLE passing (id integer PRIMARY KEY)",
    )
    name = 'Ware House"."Shelf'
    (index,) = [each for each in backend.indexes.catalogue().indexes if each.name == "Shelf %"]
    assert index.table == name
    assert indexes(f'"{name}"')["Shelf %"].table == f'"{name}"'
    assert definitions(run)[index.oid] == index.definition
    sql = f'CREATE INDEX "x" ON "{name}" (lower("End"))'
    assert backend.indexes.shapes([Sketch(table=name, sql=sql)]) == (index.shape,)
    assert "passing" not in {each.table for each in backend.indexes.catalogue().indexes}


def test_a_materialized_view_has_indexes_too(run, indexes):
    run(
        "CREATE MATERIALIZED VIEW counted AS SELECT 1 AS n",
        "CREATE INDEX counted_n ON counted (n)",
    )
    assert list(indexes("counted")) == ["counted_n"]


def test_no_more_than_three_statements_are_needed(
    backend, sorts, django_assert_max_num_queries, run
):
    run(*(sql_of(place, rest) for place, rest in enumerate(SORTS)))
    # In this test's transaction each has its timeouts set and put back besides.
    with django_assert_max_num_queries(14) as queries:
        backend.indexes.catalogue()
    reading = [query for query in queries if "set_config" not in query["sql"]]
    assert (
        sum("_setting" not in query["sql"] and "SAVEPOINT" not in query["sql"] for query in reading)
        == 3
    )
