"""What the planner says, read: indexes, tables read whole, the text; and that nothing is done."""

import pytest
from django.db import DatabaseError, connection, transaction

from dbhealth.backends.planning import PlannedIndex, positional
from dbhealth.exceptions import UsageError
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.django_db

ON_SQLITE = postgres_major() is None


@pytest.fixture
def tables(run):
    run(
        "CREATE TABLE plan_a (id integer PRIMARY KEY, b integer, c integer, d text)",
        "CREATE TABLE plan_b (id integer PRIMARY KEY, name text)",
        "CREATE INDEX plan_a_b ON plan_a (b)",
        "CREATE INDEX plan_a_c ON plan_a (c)",
        'CREATE INDEX "plan odd (x)" ON plan_b (name)',
        "INSERT INTO plan_a WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 5000) SELECT i, i, i, 'x' FROM n",
        "INSERT INTO plan_b SELECT id, 'name ' || id FROM plan_a",
        "ANALYZE plan_a",
        "ANALYZE plan_b",
    )


def names(plan):
    return {index.name for index in plan.indexes}


def test_an_index_comes_with_its_table(backend, tables):
    plan = backend.plans.explain("SELECT * FROM plan_a WHERE b = %s", [7])
    assert plan.indexes == (PlannedIndex("plan_a", "plan_a_b"),)
    assert plan.whole == ()
    assert "plan_a_b" in plan.text


def test_a_table_that_is_read_whole_is_told_under_its_own_name(backend, tables):
    plan = backend.plans.explain('SELECT * FROM "plan_a" T3 WHERE T3.d = %s', ["x"])
    assert (plan.indexes, plan.whole) == ((), ("plan_a",))


def test_an_or_of_two_columns_takes_both_indexes(backend, tables):
    plan = backend.plans.explain("SELECT * FROM plan_a WHERE b = %s OR c = %s", [7, 9])
    assert names(plan) == {"plan_a_b", "plan_a_c"}
    assert {index.table for index in plan.indexes} == {"plan_a"}


def test_an_index_with_an_odd_name_is_found(backend, tables):
    plan = backend.plans.explain("SELECT * FROM plan_b WHERE name = %s", ["name 7"])
    assert plan.indexes == (PlannedIndex("plan_b", "plan odd (x)"),)


@pytest.mark.parametrize(
    "sql", ["UPDATE plan_a SET d = 'y' WHERE b = %s", "DELETE FROM plan_a WHERE b = %s"]
)
def test_a_change_is_explained_and_not_made(backend, tables, run, sql):
    assert names(backend.plans.explain(sql, [7])) == {"plan_a_b"}
    assert run("SELECT count(*) FROM plan_a WHERE d = 'x'") == [(5000,)]


def test_a_second_statement_behind_the_first_is_refused_and_not_run(backend, tables, run):
    with pytest.raises(UsageError, match="semicolon"):
        backend.plans.explain("SELECT 1; DELETE FROM plan_a", ())
    assert run("SELECT count(*) FROM plan_a") == [(5000,)]


def test_one_semicolon_at_the_end_does_no_harm(backend, tables):
    assert names(backend.plans.explain("SELECT * FROM plan_a WHERE b = 1 ; ", None)) == {"plan_a_b"}


def test_no_parameters_leave_a_percent_sign_alone(backend, tables):
    plan = backend.plans.explain("SELECT * FROM plan_a WHERE b = 5 AND d LIKE 'x%'", None)
    assert names(plan) == {"plan_a_b"}


def test_parameters_by_name_are_taken_too(backend, tables):
    plan = backend.plans.explain("SELECT * FROM plan_a WHERE b = %(b)s", {"b": 5, "unused": 1})
    assert names(plan) == {"plan_a_b"}


def test_parameters_by_name_become_such_by_place():
    sql, values = positional("a = %(x)s AND b LIKE '%%(x)s' AND c = %(x)s", {"x": 1})
    assert (sql, values) == ("a = %s AND b LIKE '%%(x)s' AND c = %s", (1, 1))


def test_the_systems_own_tables_are_left_out(backend):
    sql = "SELECT * FROM sqlite_master WHERE name = %s"
    if not ON_SQLITE:
        sql = "SELECT * FROM pg_class WHERE oid = %s::int"
    plan = backend.plans.explain(sql, [1])
    assert (plan.indexes, plan.whole) == ((), ())


def test_a_mistake_leaves_the_transaction_as_it_was(backend, tables, run):
    with pytest.raises(DatabaseError), transaction.atomic():
        backend.plans.explain("SELECT nothing FROM nowhere WHERE b = %s", [1])
    assert run("SELECT 1") == [(1,)]


@pytest.mark.postgresql
def test_the_session_is_as_it_was_before(backend, tables, run):
    before = run("SELECT name, setting FROM pg_settings ORDER BY name")
    backend.plans.explain("SELECT * FROM plan_a", None, avoid_whole=True)
    assert run("SELECT name, setting FROM pg_settings ORDER BY name") == before
    run("INSERT INTO plan_b VALUES (6000, 'still writing')")


@pytest.mark.postgresql
def test_a_small_table_can_be_asked_about_as_if_it_were_large(backend, run):
    run("CREATE TABLE plan_small (b integer)", "CREATE INDEX plan_small_b ON plan_small (b)")
    run("INSERT INTO plan_small VALUES (1), (2)", "ANALYZE plan_small")
    sql = "SELECT * FROM plan_small WHERE b = %s"
    assert backend.plans.explain(sql, [1]).whole == ("plan_small",)
    assert names(backend.plans.explain(sql, [1], avoid_whole=True)) == {"plan_small_b"}


@pytest.mark.postgresql
def test_a_table_of_another_schema_has_it_in_its_name(backend, run):
    run("CREATE SCHEMA plans", "CREATE TABLE plans.far (b integer PRIMARY KEY)")
    plan = backend.plans.explain("SELECT * FROM plans.far WHERE b = %s", [1], avoid_whole=True)
    assert plan.indexes == (PlannedIndex('plans"."far', "far_pkey"),)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_parameters_that_the_server_binds_are_taken_too(backend):
    connection.close()
    connection.settings_dict["OPTIONS"]["server_side_binding"] = True
    try:
        sql = "SELECT * FROM django_content_type WHERE id = %s"
        plan = backend.plans.explain(sql, [1], avoid_whole=True)
    finally:
        del connection.settings_dict["OPTIONS"]["server_side_binding"]
        connection.close()
    assert plan.indexes == (PlannedIndex("django_content_type", "django_content_type_pkey"),)
