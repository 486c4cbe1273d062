"""Somebody acknowledges a finding, without a mouse and with one."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.admin.conftest import make_finding
from tests.browser.conftest import NARROW
from tests.browser.looking import press, tab_to

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "other"]),
    pytest.mark.browser,
]


def test_a_finding_is_acknowledged_by_the_keyboard_alone(visit):
    finding = make_finding()
    page = visit("operator", scheme="dark")
    page.goto(reverse("admin:dbhealth_findingrecord_changelist"))
    press(page, finding.title)
    press(page, "Acknowledge")
    tab_to(page, "until it is resolved\na week\na month\na quarter")
    page.keyboard.type("a week")
    tab_to(page, "note")
    page.keyboard.type("We drop it with the next release.")
    press(page, "Acknowledge")
    expect(page.get_by_text("Acknowledged: 1.")).to_be_visible()
    finding.refresh_from_db()
    assert (finding.acknowledged_by, finding.note) == (
        "operator",
        "We drop it with the next release.",
    )
    assert finding.acknowledged_until is not None


def test_several_are_ticked_on_a_small_screen_and_acknowledged(visit):
    found = [make_finding(number) for number in range(3)]
    page = visit("operator", size=NARROW)
    page.goto(reverse("admin:dbhealth_findingrecord_changelist"))
    for finding in found[:2]:
        page.get_by_role("row").filter(has_text=finding.title).get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label="Acknowledge")
    page.locator("button[name=index]").click()  # "Go", since Django 6.1 "Run"
    expect(page.get_by_text("2 findings")).to_be_visible()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Acknowledged: 2.")).to_be_visible()
    for finding, known in zip(found, (True, True, False), strict=True):
        finding.refresh_from_db()
        assert bool(finding.acknowledged_at) is known
