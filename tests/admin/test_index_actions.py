"""What people do for indexes from their pages: make a missing one, rebuild one, by their rights."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.urls import reverse

from dbhealth.indexes.snapshots import snapshot_indexes
from dbhealth.models import MaintenanceRun, MissingIndex, TrackedIndex
from tests.admin.conftest import RIGHTS, client_of
from tests.admin.indexing import (
    LIST,
    MISSING,
    a_verdict,
    deed,
    make_index,
    make_missing,
    page,
)
from tests.indexes.building import drop, names
from tests.testapp.raw import execute

pytestmark = pytest.mark.django_db

ON_SERVER = connection.vendor == "postgresql"


def test_what_no_code_declares_cannot_be_made_from_here(operator):
    row = make_missing()
    [button] = page(operator, row).context["buttons"]
    assert not button["url"]
    assert "No code declares it yet" in button["why_not"]
    asked = operator.get(deed("create", row))
    assert 'name="_go"' not in asked.content.decode()
    operator.post(deed("create", row))
    assert not MaintenanceRun.objects.exists()


@pytest.fixture
def lacking(transactional_db):
    """Drop two declared indexes for the time of a test."""
    before = names()
    drop("book_state_year", "book_upper")
    snapshot_indexes("default")
    yield list(MissingIndex.objects.filter(name__in=["book_state_year", "book_upper"]))
    for row in MissingIndex.objects.filter(name__in=before - names()):
        execute(row.sql.replace("%", "%%"))
    assert names() == before


def test_the_plan_of_making_one_is_that_of_the_run_with_its_locks(lacking):
    client, row = client_of("operator"), next(row for row in lacking if row.name == "book_upper")
    assert "CREATE INDEX" in page(client, row).content.decode()
    [plan] = client.get(deed("create", row)).context["plans"]
    assert not plan["refusals"]
    deeds = [(told["deed"], told["index"]) for told in plan["statements"]]
    assert deeds == [("create", "book_upper"), ("analyze", "")]
    assert ("CONCURRENTLY" in plan["statements"][0]["sql"]) == ON_SERVER
    assert all(told["lock"] for told in plan["statements"])


def test_ticked_missing_indexes_are_one_run_that_names_them(
    operator, django_capture_on_commit_callbacks
):
    rows = [make_missing(name, "missing", name=name, table="indexapp_book") for name in "ab"]
    ticked = {"action": "create", "_selected_action": [row.pk for row in rows], "index": 0}
    leads = operator.post(f"{reverse(MISSING)}?database=default", ticked)
    with django_capture_on_commit_callbacks() as started:
        operator.post(leads.url)
    run = MaintenanceRun.objects.get()
    assert (run.operation, run.state, run.started_by) == ("init_indexes", "queued", "operator")
    assert run.options["terms"]["tables"] == ["indexapp_book"]
    assert run.options["terms"]["indexes"] == ["a", "b"]
    assert len(started) == 1
    assert LogEntry.objects.get().user.get_username() == "operator"


def test_an_index_is_rebuilt_alone(operator):
    snapshot_indexes("default")
    row = TrackedIndex.objects.get(name="book_state_year")
    [plan] = operator.get(deed("reindex", row)).context["plans"]
    built = [told["index"] for told in plan["statements"] if told["deed"] == "rebuild"]
    assert built == ["book_state_year"]
    assert not {told["deed"] for told in plan["statements"]} & {"vacuum", "analyze"}
    operator.post(deed("reindex", row))
    terms = MaintenanceRun.objects.get().options["terms"]
    assert (terms["tables"], terms["indexes"]) == (["indexapp_book"], ["book_state_year"])
    assert terms["reindex_only"]


def test_a_rebuild_of_what_is_gone_meanwhile_is_refused_with_a_sentence(operator):
    row = make_index("not_there", table="indexapp_book")
    response = operator.get(deed("reindex", row))
    [refusal] = response.context["plans"][0]["refusals"]
    assert refusal["code"] == "index-missing"
    assert 'name="_go"' not in response.content.decode()


def test_what_is_invalid_and_declared_by_nobody_is_neither_built_nor_dropped_from_here(operator):
    row = make_index("left_ccnew", a_verdict("invalid", "error"), state="invalid", kind="")
    buttons = {str(button["label"]): button for button in page(operator, row).context["buttons"]}
    assert "Nobody declares it" in buttons["Rebuild invalid"]["why_not"]
    for name in ("rebuild-invalid", "reindex"):
        assert operator.get(deed(name, row)).context["plans"][0]["refusals"]
        operator.post(deed(name, row))
    assert not MaintenanceRun.objects.exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_invalid_index_is_built_again():
    client = client_of("operator")
    execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'book_state_year'::regclass")
    try:
        snapshot_indexes("default")
        row = TrackedIndex.objects.get(name="book_state_year")
        response = page(client, row)
        rebuild, reindex = response.context["buttons"]
        assert rebuild["url"]
        assert not reindex["url"]
        [plan] = client.get(deed("rebuild-invalid", row)).context["plans"]
        assert plan["statements"][0]["sql"].startswith("REINDEX INDEX CONCURRENTLY")
    finally:
        execute("REINDEX INDEX book_state_year")


@pytest.mark.parametrize("name", ["anonymous", *RIGHTS, "superuser"])
def test_who_sees_indexes_and_what_he_may_do(name):
    row, lack, client = make_index(table="indexapp_book"), make_missing(), client_of(name)
    may_see = name not in ("anonymous", "staff")
    may_do = name in ("operator", "superuser")
    for address in (reverse(LIST), reverse(MISSING)):
        assert (client.get(address).status_code == 200) == may_see
    for obj in (row, lack):
        response = page(client, obj)
        assert (response.status_code == 200) == may_see
        if may_see:
            assert bool(response.context["buttons"]) == may_do
    for action, obj in (("reindex", row), ("rebuild-invalid", row), ("create", lack)):
        assert (client.get(deed(action, obj)).status_code == 200) == may_do
