"""The pages of tables: the list, the page of one table, and what is done from there."""

import csv
import io
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission as Right
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dbhealth.admin.permissions import Permission
from dbhealth.maintenance.snapshots import snapshot_sizes
from dbhealth.models import (
    MaintenanceRun,
    SizeChange,
    SizedRelation,
    SizeSnapshot,
    TrackedArchive,
    TrackedIndex,
    TrackedTable,
)
from tests.admin.conftest import RIGHTS, client_of, make_finding

pytestmark = pytest.mark.django_db

LIST = "admin:dbhealth_trackedtable_changelist"
MIB = 1024**2
NOW = timezone.now()
ON_SERVER = connection.vendor == "postgresql"


def make_table(table="shelf", **facts):
    """Return a table that a look has found."""
    values = {
        "database": "default",
        "table": table,
        "kind": "table",
        "first_seen": NOW,
        "looked_at": NOW,
        "measured": True,
        "bytes": 10 * MIB,
        "index_bytes": 2 * MIB,
        "rows": 1000,
        "figures": {"table": table, "autovacuum": None, "analyzed_rows": 900},
    }
    return TrackedTable.objects.create(**{**values, **facts})


def grown(table="shelf", days=10):
    """Keep a history of sizes in which a table with an index grows by a MiB a day."""
    begin = NOW - timedelta(days=days)
    sized = [
        SizedRelation.objects.create(
            database="default",
            table=table,
            index=index,
            first_seen=begin,
            last_seen=NOW,
            bytes=MIB,
        )
        for index in ("", "shelf_title")
    ]
    for day in range(days):
        look, _ = SizeSnapshot.objects.get_or_create(
            database="default",
            number=day + 1,
            defaults={"taken_at": begin + timedelta(days=day), "bytes": 0},
        )
        SizeChange.objects.create(relation=sized[0], snapshot=look, bytes=(day + 1) * MIB)


def listed(client, **query):
    """Return the tables on the page of the list, in their order."""
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return [row.table for row in response.context["cl"].result_list]


def page(client, row):
    return client.get(reverse("admin:dbhealth_trackedtable_change", args=[row.pk]))


def deed(name, *rows):
    keys = "&".join(f"pk={row.pk}" for row in rows)
    return f"{reverse('admin:dbhealth_trackedtable_do', args=[name])}?database=default&{keys}"


def test_the_largest_stands_first_and_what_is_unknown_last(viewer):
    for table, size in (("small", 5), ("unknown", None), ("large", 50)):
        make_table(table, bytes=size, vacuumed_at=NOW if size == 5 else None)
    assert listed(viewer) == ["large", "small", "unknown"]
    columns = viewer.get(reverse(LIST)).context["cl"].list_display
    if ON_SERVER:
        assert listed(viewer, o=f"-{columns.index('vacuumed')}")[0] == "small"
    assert listed(viewer, o=columns.index("total")) == ["unknown", "small", "large"]


def test_the_list_shows_size_share_dead_rows_and_condition(viewer):
    make_table(
        share=0.25,
        dead_rows=400,
        dead_share=0.29,
        per_day=-2.0 * MIB,
        many_dead=True,
        measured=False,
    )
    text = viewer.get(reverse(LIST)).content.decode()
    for said in ("~10.0", "(25 %)", "-2.0", "many dead rows", "As of"):
        assert said in text, said
    assert ("400 (29 %)" in text) == ON_SERVER


def test_filters_and_search_choose_tables(viewer):
    make_table("a", app_label="shop", model="shop.A", bytes=1, many_dead=True)
    make_table("b", app_label="", bytes=200 * MIB)
    make_table("c", app_label="life", bytes=2 * 1024**3, unanalyzed=True, many_dead=True)
    assert listed(viewer, app="shop") == ["a"]
    assert listed(viewer, app="-") == ["b"]
    assert listed(viewer, size="medium") == ["b"]
    assert listed(viewer, condition="many_dead") == ["c", "a"]
    assert listed(viewer, condition="none") == ["b"]
    assert listed(viewer, q="shop.") == ["a"]
    assert listed(viewer, condition="nonsense", size="nonsense") == ["c", "b", "a"]


def test_the_curve_of_a_table_stands_in_the_list(viewer):
    make_table(bytes=12 * MIB)
    make_table("new")
    grown()
    response = viewer.get(reverse(LIST))
    sizes = {row.table: row.sizes for row in response.context["cl"].result_list}
    assert sizes["new"] == []
    assert sizes["shelf"] == [day * MIB for day in (*range(1, 11), 10)]
    assert response.content.decode().count("dbh-spark") == 1


def test_the_file_has_bytes_and_moments_not_words(viewer):
    make_table(
        bytes=12345,
        share=0.5,
        vacuumed_at=NOW,
        per_day=7.5,
        model="a.B",
        many_dead=True,
        unanalyzed=True,
    )
    text = b"".join(viewer.get(reverse(LIST), {"export": "csv"}).streaming_content).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["size"], row["growth a day"]) == ("12345", "7.5")
    assert (row["table"], row["model"], row["share of the database"]) == ("shelf", "a.B", "0.5")
    assert row["condition"] == "many dead rows, never analyzed"
    if ON_SERVER:
        assert row["vacuumed"] == NOW.isoformat()


def test_the_page_of_a_table_tells_all_that_is_kept_about_it(viewer):
    row = make_table(wasted_bytes=4 * MIB, vacuumed_at=NOW)
    row.figures["growth"] = {"in_30_days": 40 * MIB, "in_90_days": 100 * MIB}
    row.save()
    other = make_table("elsewhere")
    grown()
    TrackedIndex.objects.create(
        database="default",
        table="shelf",
        name="shelf_title",
        first_seen=NOW,
        last_seen=NOW,
        bytes=7 * MIB,
        scans=12,
        verdict="unused",
        definition="CREATE INDEX shelf_title",
    )
    TrackedArchive.objects.create(
        database="default",
        table="shelf",
        model="shop.Shelf",
        app_label="shop",
        archive_table="shelf_archive",
        retention=timedelta(days=90),
        eligible=77,
        looked_at=NOW,
    )
    for number, about in enumerate(("table shelf", "index shelf_title", "column shelf.title")):
        make_finding(number, object=about, key=about, title=f"Something about the {about}")
    make_finding(9, object="table shelfish", key="x", title="Something else")
    ours = run("vacuum", "*", {"terms": {"tables": ["shelf"]}})
    run("vacuum", "*", {"terms": {"tables": ["elsewhere"]}})
    archived = run("archive", "shelf")
    response = page(viewer, row)
    text = response.content.decode()
    for said in (
        "dbh-chart",
        "30 days, if it goes on like that",
        "100.0",
        "CREATE INDEX shelf_title",
        "unused",
        "90 days",
        ">77<",
        "Something about the table shelf",
        "about the index shelf_title",
        "the column shelf.title",
    ):
        assert said in text, said
    assert "Something else" not in text
    assert [entry["row"].pk for entry in response.context["runs"]] == [archived.pk, ours.pk]
    assert "No finding about it is open" in page(viewer, other).content.decode()


def run(operation, target, options=None):
    return MaintenanceRun.objects.create(
        operation=operation,
        database="default",
        target=target,
        options=options or {},
        state="succeeded",
        trigger="api",
        created_at=timezone.now(),
    )


def test_a_real_look_fills_the_pages(viewer):
    snapshot_sizes("default")
    assert "shop_parcels" in listed(viewer, q="parcels")
    text = page(viewer, TrackedTable.objects.get(table="shop_parcels")).content.decode()
    assert "shopapp.Parcel" in text
    assert ("Free pages" in text) != ON_SERVER
    assert ("HOT updates" in text) == ON_SERVER


def test_pages_ask_as_often_for_three_tables_as_for_sixty(viewer):
    def queries(address):
        with CaptureQueriesContext(connection) as caught:
            assert viewer.get(address).status_code == 200
        return len(caught)

    def all_pages():
        row = TrackedTable.objects.get(table="shelf")
        own = reverse("admin:dbhealth_trackedtable_change", args=[row.pk])
        return queries(reverse(LIST)), queries(own)

    make_table()
    make_table("b")
    grown()
    all_pages()  # content types and the like
    few = all_pages()
    for number in range(60):
        make_table(f"table_{number}", app_label=f"app_{number}")
        TrackedIndex.objects.create(
            database="default", table="shelf", name=f"i{number}", first_seen=NOW, last_seen=NOW
        )
        make_finding(number, object="table shelf")
        run("archive", "shelf")
    grown("table_1")
    assert all_pages() == few
    assert max(few) <= 24


@pytest.mark.parametrize("name", ["anonymous", *RIGHTS, "superuser"])
def test_who_sees_tables_and_what_he_may_do(name):
    row, client = make_table("shop_parcels"), client_of(name)
    may_see = name not in ("anonymous", "staff")
    may_do = name in ("operator", "superuser")
    for address in (reverse(LIST), reverse("admin:dbhealth_trackedtable_change", args=[row.pk])):
        response = client.get(address)
        assert (response.status_code == 200) == may_see
        if may_see:
            assert (deed("vacuum", row) in response.content.decode().replace("&amp;", "&")) == (
                may_do and "change" in address
            )
    for action in ("vacuum", "analyze", "reindex"):
        assert client.get(deed(action, row)).status_code in ((403, 302), (200, 200))[may_do]
        assert client.post(deed(action, row)).status_code in ((403, 302), (302, 302))[may_do]
    assert MaintenanceRun.objects.exists() == may_do


@pytest.mark.parametrize(
    "name, right, words, statement",
    [
        ("vacuum", Permission.VACUUM, "VACUUM", "vacuum"),
        ("analyze", Permission.ANALYZE, "ANALYZE", "analyze"),
        ("reindex", Permission.REINDEX, "REINDEX", "rebuild"),
    ],
)
def test_each_action_has_its_own_right_its_plan_its_run_and_its_log(
    name, right, words, statement, viewer, django_capture_on_commit_callbacks
):
    row = make_table("shop_parcels")
    assert viewer.get(deed(name, row)).status_code == 403
    [user] = LogEntry.user.field.related_model.objects.filter(username="viewer")
    user.user_permissions.add(Right.objects.get(codename=str(right)))
    for other in {"vacuum", "analyze", "reindex"} - {name}:
        assert viewer.get(deed(other, row)).status_code == 403
    asked = viewer.get(deed(name, row))
    [plan] = asked.context["plans"]
    assert not plan["refusals"]
    assert statement in {told["deed"] for told in plan["statements"]}
    assert words in asked.content.decode()
    assert all(told["lock"] for told in plan["statements"])
    assert not MaintenanceRun.objects.exists()
    with django_capture_on_commit_callbacks() as started:
        viewer.post(deed(name, row))
    queued = MaintenanceRun.objects.get()
    assert (queued.operation, queued.state, queued.started_by) == ("vacuum", "queued", "viewer")
    assert queued.options["terms"]["tables"] == ["shop_parcels"]
    assert len(started) == 1
    assert LogEntry.objects.get().user == user


def test_several_tables_that_are_ticked_are_one_run(operator):
    rows = [make_table("shop_parcels"), make_table("auth_user", bytes=1)]
    ticked = {"action": "analyze", "_selected_action": [row.pk for row in rows], "index": 0}
    leads = operator.post(f"{reverse(LIST)}?database=default", ticked)
    asked = operator.get(leads.url)
    assert asked.context["question"].endswith(": shop_parcels, auth_user.")
    operator.post(leads.url)
    tables = MaintenanceRun.objects.get().options["terms"]["tables"]
    assert tables == ["auth_user", "shop_parcels"]


def test_a_table_that_is_gone_is_refused_with_a_sentence_and_no_button(operator):
    response = operator.get(deed("vacuum", make_table("not_there_any_more")))
    text = response.content.decode()
    assert "not_there_any_more" in text
    assert 'name="_go"' not in text
    assert response.context["plans"][0]["refusals"][0]["code"] == "table-missing"


def test_a_second_vacuum_is_refused_while_one_is_waiting(operator):
    row = make_table("shop_parcels")
    operator.post(deed("vacuum", row))
    again = operator.post(deed("analyze", row), follow=True)
    assert MaintenanceRun.objects.count() == 1
    assert "run" in str(next(iter(again.context["messages"]))).lower()


def test_what_is_no_table_has_no_button(operator):
    response = page(operator, make_table("seen", kind="materialized view"))
    assert {button["url"] for button in response.context["buttons"]} == {""}
    assert "materialized view" in response.content.decode()
