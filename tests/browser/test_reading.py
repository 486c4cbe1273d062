"""Every page can be read by everybody: with a screen reader, in the dark, on a small screen."""

import pytest
from django.urls import reverse

from tests.admin.conftest import make_finding
from tests.browser.looking import problems

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def read(page, *addresses):
    """Return what is wrong with each page, by its address; nothing for those that are fine."""
    found = {}
    for address in addresses:
        answer = page.goto(address)
        wrong = problems(page) if answer.ok else [f"{answer.status}"]
        if wrong:
            found[address] = wrong
    return found


def test_findings(visit):
    levels = ("critical", "error", "warning", "info")
    found = [make_finding(number, level) for number, level in enumerate(levels)]
    assert not read(
        visit("operator"),
        reverse("admin:dbhealth_findingrecord_changelist"),
        reverse("admin:dbhealth_findingrecord_change", args=[found[0].pk]),
        reverse("admin:dbhealth_findingrecord_do", args=["acknowledge"]) + f"?pk={found[0].pk}",
    )
