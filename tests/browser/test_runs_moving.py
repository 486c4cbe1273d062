"""The page of a run moves while the run is at work, says so, and rests when it has ended."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from dbhealth.runs.models import MaintenanceRun
from tests.browser.conftest import NARROW
from tests.browser.looking import problems
from tests.runs.making import make

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "other"]),
    pytest.mark.browser,
]

POINTS = [[10.0 * place, 400 * place + 150 * (place % 3), place] for place in range(1, 12)]


@pytest.fixture
def run():
    """Return a run that has done half of its rows in two minutes, by its record."""
    return make(
        "running",
        started_at=timezone.now() - timedelta(seconds=111),
        rows_done=4_000,
        rows_expected=8_000,
        batches=11,
        pace=POINTS,
    )


def change(run, **facts):
    MaintenanceRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now(), **facts)


def test_what_a_run_does_is_seen_without_loading_its_page_again(visit, run):
    page = visit("operator")
    page.goto(reverse("admin:dbhealth_maintenancerun_change", args=[run.pk]))
    page.evaluate("window.stays = true")
    bar = page.get_by_role("progressbar", name="Progress")
    expect(bar).to_have_attribute("value", "50")
    expect(page.get_by_role("img")).to_have_count(2)
    page.get_by_role("link", name="Pause").focus()

    why = "Somebody else holds a lock that it needs."
    change(run, rows_done=6_000, holding_back=why, doing="scanning heap: move_event, 40 %")
    expect(bar).to_have_attribute("value", "75")
    expect(page.get_by_role("status")).to_have_text(f"running, 70 %, {why}")
    expect(page.get_by_text("scanning heap: move_event")).to_be_visible()
    # What has not changed keeps the focus of whoever is about to press it.
    expect(page.get_by_role("link", name="Pause")).to_be_focused()
    assert problems(page) == []

    ended = {"finished_at": timezone.now(), "holding_back": "", "doing": ""}
    change(run, state="failed", error="Deadlock. Both waited.", **ended)
    expect(page.get_by_role("heading", name="Error")).to_be_visible()
    expect(page.get_by_text("Deadlock. Both waited.")).to_be_visible()
    expect(page.get_by_role("link", name="Retry")).to_be_visible()
    expect(page.get_by_role("link", name="Pause")).to_have_count(0)
    assert page.evaluate("window.stays"), "the page was loaded again"


def test_a_server_that_does_not_answer_is_asked_again(visit, run):
    page = visit("viewer", size=NARROW)
    page.goto(reverse("admin:dbhealth_maintenancerun_change", args=[run.pk]))
    lost = page.get_by_text("No answer; it is tried again.")
    expect(lost).to_be_hidden()
    page.route("**/progress/**", lambda route: route.fulfill(status=200, body="<html>"))
    expect(lost).to_be_visible()
    page.unroute("**/progress/**")
    change(run, rows_done=7_200)
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("value", "90")
    expect(lost).to_be_hidden()
