"""The main ways through the pages, as people go them: look, find, try, do, watch, undo."""

import re
import threading

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from dbhealth import recipes
from dbhealth.archive import archive_table
from dbhealth.models import FindingRecord, MaintenanceRun, TrackedArchive
from tests.admin.indexing import a_verdict, looked, make_index
from tests.browser.conftest import NARROW
from tests.browser.looking import press
from tests.commands.tools import send
from tests.moveapp.tools import (
    PATIENCE,
    InThread,
    Listener,
    add_events,
    archive,
    keep_one,
    last_run,
)
from tests.shopapp.models import Parcel, ParcelArchive

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "other"]),
    pytest.mark.browser,
]

OVERVIEW = "admin:dbhealth_databasehealth_changelist"


def test_somebody_looks_at_a_new_project_for_the_first_time(visit, monkeypatch):
    # A machine that runs several tests at once may take longer than people would wait.
    monkeypatch.setattr(recipes, "LOOK_SECONDS", PATIENCE)
    send(8)
    page = visit("operator", scheme="dark")
    page.goto(reverse(OVERVIEW))
    database = page.get_by_role("region", name="Database default")
    expect(database.get_by_text("Nobody has looked yet.")).to_be_visible()
    database.get_by_role("button", name="Look now").click()
    expect(page.get_by_text("All figures of “default” are as of now.")).to_be_visible()
    expect(database.get_by_text("8 rows wait to be archived.")).to_be_visible()
    expect(database.get_by_role("table", name="Largest tables")).to_be_visible()
    worst = FindingRecord.objects.filter(database="default", level="warning").first()
    expect(database.get_by_role("link", name=worst.title).first).to_be_visible()


def test_an_index_that_nobody_uses_is_found_with_its_line_of_code(visit):
    looked(5, make_index("shelf_title", a_verdict()), make_index("shelf_used", scans=9_000))
    page = visit("viewer", size=NARROW)
    page.goto(reverse(OVERVIEW))
    pages = page.get_by_role("navigation", name="Database health")
    pages.get_by_role("link", name="Indexes", exact=True).click()
    expect(page.get_by_role("link", name="shelf_used")).to_be_visible()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_role("link", name="unused", exact=True).click()
    expect(page.get_by_role("link", name="shelf_used")).to_have_count(0)
    expect(page.get_by_text("Filter: unused")).to_be_visible()
    expect(page.get_by_role("link", name="Clear all filters")).to_be_visible()
    expect(page.get_by_role("img", name="Scans of the last 5 looks")).to_be_visible()
    page.get_by_role("link", name="shelf_title").click()
    expect(page.get_by_text("/srv/shop/models.py:42").first).to_be_visible()
    expect(page.get_by_text("Nobody reads by it.")).to_be_visible()


def test_rows_are_archived_after_a_look_at_the_plan_and_the_run_is_watched(visit):
    send(8)
    recipes.archive_snapshots("default")
    page = visit("operator")
    page.goto(reverse(OVERVIEW))
    page.get_by_role("link", name="shop_parcels").click()
    page.get_by_role("link", name="Look what would go").click()
    expect(page.get_by_text("Nothing is changed.")).to_be_visible()
    expect(page.get_by_role("table", name="What would be done")).to_contain_text("shop_parcels")
    page.get_by_role("link", name="Archive now").click()
    page.get_by_role("button", name="Archive now").click()
    expect(page).to_have_url(re.compile("/maintenancerun/"))
    # It moves by itself: the page is not loaded again.
    page.evaluate("window.isTheSamePage = true")
    expect(page.locator(".dbh-badge.dbh-succeeded")).to_be_visible()
    expect(page.get_by_text("8 of 8")).to_be_visible()
    assert page.evaluate("window.isTheSamePage")
    assert (Parcel.objects.count(), ParcelArchive.objects.count()) == (1, 8)
    assert MaintenanceRun.objects.get().started_by == "operator"


def test_a_run_is_watched_growing_and_cancelled_by_the_keyboard(visit):
    add_events(range(12))
    keep_one()
    half, goes_on = threading.Event(), threading.Event()

    def wait_after(batch):
        if batch == 2:
            half.set()
            assert goes_on.wait(PATIENCE)

    work = InThread(lambda: archive(listener=Listener(wait_after), batch_size=3))
    assert half.wait(PATIENCE)
    page = visit("operator", scheme="dark")
    try:
        page.goto(reverse("admin:dbhealth_maintenancerun_change", args=[last_run().pk]))
        expect(page.get_by_role("progressbar")).to_have_attribute("value", "50")
        press(page, "Cancel")
        press(page, "Cancel")
        expect(page.locator(".dbh-badge.dbh-cancelling")).to_be_visible()
    finally:
        goes_on.set()
    assert work.result()["state"] == "cancelled"
    expect(page.locator(".dbh-badge.dbh-cancelled")).to_be_visible()
    assert last_run().rows_done == 9, "it obeys after the batch at work"


def test_a_row_is_brought_back_from_the_archive(visit):
    send(8)
    archive_table(Parcel)
    recipes.archive_snapshots("default")
    row = TrackedArchive.objects.get(table="shop_parcels")
    page = visit("superuser", scheme="dark", size=NARROW)
    page.goto(reverse("admin:dbhealth_trackedarchive_change", args=[row.pk]))
    page.get_by_role("link", name="Browse the archive").click()
    page.get_by_role("row").filter(has_text="200-3").get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(index=1)
    page.locator("button[name=index]").click()  # "Go", since Django 6.1 "Run"
    page.get_by_role("button", name=re.compile("^Restore")).click()
    expect(page.locator(".dbh-badge.dbh-succeeded")).to_be_visible()
    assert set(Parcel.objects.values_list("number", flat=True)) == {"200-3", "today-200"}
    assert ParcelArchive.objects.count() == 7
