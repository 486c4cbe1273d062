"""The pages of indexes and of missing ones: the lists, and the page of one index."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dbhealth.models import (
    IndexCount,
    IndexSnapshot,
    MissingIndex,
    RecordedStatement,
    RecordedUse,
    TrackedIndex,
    TrackedTable,
)
from tests.admin.conftest import client_of
from tests.admin.indexing import (
    DAY,
    LIST,
    MIB,
    MISSING,
    NOW,
    TITLE,
    a_lack,
    a_verdict,
    an_index,
    deed,
    listed,
    looked,
    make_index,
    make_missing,
    page,
)

pytestmark = pytest.mark.django_db


def test_the_gravest_verdict_stands_first_and_columns_sort(viewer):
    make_index("fine", bytes=None, scans=None)
    make_index("idle", a_verdict(), bytes=9 * MIB, scans=0)
    make_index("broken", a_verdict("invalid", "error"), scans=40)
    assert listed(viewer) == ["broken", "idle", "fine"]
    columns = viewer.get(reverse(LIST)).context["cl"].list_display
    assert listed(viewer, o=f"-{columns.index('total')}") == ["idle", "broken", "fine"]
    assert listed(viewer, o=f"-{columns.index('scan_count')}") == ["broken", "idle", "fine"]
    assert listed(viewer, o=columns.index("said"))[0] == "fine"


def test_a_row_tells_owner_line_size_scans_and_verdict_with_confidence(viewer):
    make_index(TITLE, a_verdict("covered", confidence="medium"), last_scan=NOW - 2 * DAY)
    text = viewer.get(reverse(LIST)).content.decode()
    for said in ("shop.Shelf", "/srv/shop/models.py:42", "3.0", "covered by another", "medium"):
        assert said in text, said


def test_filters_and_search_choose_indexes(viewer):
    make_index("a", a_verdict(), app_label="shop")
    make_index("b", a_verdict("bloated", "info"), bytes=200 * MIB, table="board", app_label="")
    make_index("c", owner="", kind="", app_label="life", definition="ON shelf (colour)")
    make_index("d", state="gone")
    assert listed(viewer, verdict="unused") == ["a"]
    assert listed(viewer, verdict="any") == ["a", "b"]
    assert listed(viewer, verdict="none") == ["c"]
    assert listed(viewer, level="info") == ["b"]
    assert listed(viewer, size="medium") == ["b"]
    assert listed(viewer, table="board") == ["b"]
    assert listed(viewer, app="life") == ["c"]
    assert listed(viewer, declared="no") == ["c"]
    assert listed(viewer, declared="yes") == ["a", "b"]
    assert listed(viewer, state="gone") == ["d"]
    assert listed(viewer, q="colour") == ["c"]
    assert listed(viewer, verdict="x", level="", size="x", state="x", declared="x") == list("abc")


def test_the_curve_has_the_scans_of_the_last_looks_with_none_where_nothing_came(viewer):
    used = make_index()
    make_index("idle")
    make_index("unknown", scans=None)
    looked(40, used)
    response = viewer.get(reverse(LIST))
    curves = {row.name: row.looks for row in response.context["cl"].result_list}
    assert curves == {TITLE: list(range(11, 41)), "idle": [0] * 30, "unknown": []}
    assert response.content.decode().count("dbh-spark") == 2


def test_the_file_has_bytes_lines_and_codes(viewer):
    make_index(TITLE, a_verdict(), bytes=12345, last_scan=NOW)
    text = b"".join(viewer.get(reverse(LIST), {"export": "csv"}).streaming_content).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["size"], row["scans"]) == ("12345", "12")
    assert row["declared by"] == "/srv/shop/models.py:42"
    assert "scans by look" not in row


def test_without_a_look_the_list_says_what_takes_one(viewer):
    assert "index_usage --snapshot" in viewer.get(reverse(LIST)).content.decode()


def test_the_list_leads_to_what_is_missed(viewer):
    make_missing()
    text = viewer.get(reverse(LIST)).content.decode()
    assert f"{reverse(MISSING)}?database=default" in text
    assert "1 index is missed" in text


def test_the_page_of_an_index_tells_all_that_is_kept_about_it(viewer):
    row = make_index(TITLE, a_verdict(sql="DROP INDEX x"), stays="", drift_why="Renamed by hand.")
    table = TrackedTable.objects.create(
        database="default", table="shelf", kind="table", first_seen=NOW, looked_at=NOW, measured=1
    )
    looked(20, row)
    text = page(viewer, row).content.decode()
    for said in (
        "CREATE INDEX shelf_title",
        "Index(fields=[&#x27;title&#x27;])",
        "/srv/shop/models.py:42",
        "Renamed by hand.",
        "Nobody reads by it.",
        "120 days old.",
        "Take it out.",
        "Scans between looks",
        "dbh-bar",
        reverse("admin:dbhealth_trackedtable_change", args=[table.pk]),
        "What dropping it would do",
        "DROP INDEX",
    ):
        assert said in text, said
    assert "Side by side" not in text


def test_indexes_that_do_the_same_work_stand_side_by_side_with_which_one_to_keep(viewer):
    make_index("a", a_verdict("duplicate", other="b", why="b is the same index."))
    kept = make_index("b", scans=900)
    chained = make_index("c", a_verdict("covered", other="a"))
    make_index("elsewhere", a_verdict("duplicate", other="b"), table="board")
    make_index("alone")
    for row in (kept, chained):
        response = page(viewer, row)
        found = {twin["row"].name: twin["keep"] for twin in response.context["twins"]}
        assert found == {"a": False, "b": True, "c": False}
        assert next(iter(found)) == row.name, "its own column comes first"
        text = response.content.decode()
        for said in ("b is the same index.", "Keep it", "Take it out", "CREATE INDEX c"):
            assert said in text, said


def test_only_who_may_see_sql_texts_sees_the_statements_that_use_an_index():
    row = make_index()
    sql = "SELECT * FROM shelf WHERE title = 'secret'"
    of_index = {"database": "default", "table": "shelf", "index": TITLE}
    RecordedUse.objects.create(**of_index, day=NOW.date(), uses=70, last_used=NOW)
    RecordedStatement.objects.create(**of_index, fingerprint="1", sql=sql, last_used=NOW)
    seen = page(client_of("confidant"), row).content.decode()
    assert "secret" in seen
    hidden = page(client_of("viewer"), row).content.decode()
    assert "secret" not in hidden
    for text in (seen, hidden):
        assert "70 executions" in text
    assert "1 statement is on record" in hidden


def test_what_a_constraint_needs_is_shown_as_no_index_to_drop(viewer):
    text = page(viewer, make_index("pkey", holds="PRIMARY KEY")).content.decode()
    assert "it enforces PRIMARY KEY" in text
    assert "DROP INDEX" not in text


def test_there_is_no_action_that_drops_an_index(superuser):
    row = make_index(TITLE, a_verdict())
    assert superuser.get(deed("drop", row)).status_code == 404
    labels = {str(button["label"]) for button in page(superuser, row).context["buttons"]}
    assert labels == {"Rebuild invalid", "Rebuild"}


def test_an_index_that_is_gone_offers_nothing(operator):
    response = page(operator, make_index(state="gone"))
    assert response.context["plans"] == []
    assert {button["url"] for button in response.context["buttons"]} == {""}


def test_missing_indexes_are_filtered_and_tell_how_to_come_by_them(viewer):
    row = make_missing()
    make_missing("by_title", "missing", level="error", gravity=9, app_label="shop", rows=70)
    assert listed(viewer, MISSING) == ["by_title", "place_id"]
    assert listed(viewer, MISSING, code="foreign-key") == ["place_id"]
    assert listed(viewer, MISSING, level="error", app="shop") == ["by_title"]
    text = page(viewer, row).content.decode()
    assert "A DELETE reads all of it." in text
    assert "Take db_index=False out." in text


def test_pages_ask_as_often_for_three_indexes_as_for_sixty(viewer):
    def queries(address):
        with CaptureQueriesContext(connection) as caught:
            assert viewer.get(address).status_code == 200
        return len(caught)

    rows = [
        make_index(TITLE, a_verdict(other="b")),
        make_index("b", a_verdict()),
        make_missing("x"),
    ]
    looked(3, rows[0])

    def all_pages():
        one, missed = rows[0], rows[2]
        return (
            queries(reverse(LIST)),
            queries(reverse("admin:dbhealth_trackedindex_change", args=[one.pk])),
            queries(reverse(MISSING)),
            queries(reverse("admin:dbhealth_missingindex_change", args=[missed.pk])),
        )

    all_pages()  # content types and the like
    few = all_pages()
    more = TrackedIndex.objects.bulk_create(
        an_index(f"index_{number}", a_verdict(other=TITLE), app_label=f"app_{number}")
        for number in range(60)
    )
    TrackedIndex.objects.bulk_create(an_index(table=f"table_{number}") for number in range(60))
    MissingIndex.objects.bulk_create(
        a_lack(f"column_{number}", app_label=f"app_{number}", table=f"table_{number}")
        for number in range(60)
    )
    IndexCount.objects.bulk_create(
        IndexCount(index=row, snapshot=look, scans=1, rows_read=1)
        for row in more
        for look in IndexSnapshot.objects.all()
    )
    assert all_pages() == few
    assert max(few) <= 20
