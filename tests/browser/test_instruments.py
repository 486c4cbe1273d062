"""What the other tests here rely on: the browser is missed, and what is wrong is seen."""

import pytest
from django.urls import reverse

from tests.browser import chromium
from tests.browser.complaints import Complaints
from tests.browser.looking import problems, tab_to

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "other"]),
    pytest.mark.browser,
]

FINDINGS = "admin:dbhealth_findingrecord_changelist"


@pytest.mark.parametrize(
    "on_ci,outcome", [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_without_a_browser_tests_are_skipped_and_fail_on_ci(monkeypatch, on_ci, outcome):
    monkeypatch.setenv(chromium.PLACE, "no-such-browser")
    monkeypatch.setenv("CI", on_ci)
    with pytest.raises(outcome, match="no-such-browser"):
        chromium.program()


def test_a_breach_of_the_policy_an_error_and_an_answer_that_fails_are_heard(browser, server):
    complaints = Complaints()
    context = browser.new_context(base_url=server)
    page = context.new_page()
    complaints.listen(page)
    page.goto(reverse("admin:login"))
    assert complaints.heard == []
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"margin: 0\">x</p>')")
    page.evaluate("setTimeout(() => nothing.there)")
    page.goto("/nowhere/")
    context.close()
    heard = "\n".join(complaints.heard)
    for part in ("Content Security Policy", "nothing is not defined", "/nowhere/: 404"):
        assert part in heard


def test_what_cannot_be_read_or_does_not_fit_is_found(visit):
    page = visit("viewer")
    page.goto(reverse(FINDINGS))
    assert problems(page) == []
    page.evaluate(
        """() => {
            const part = document.createElement('p');
            part.style.cssText = 'color: #777; background: #888; width: 600px';
            part.textContent = 'grey on grey';
            document.querySelector('#content').append(part);
            document.querySelector('#content').append(document.createElement('input'));
        }"""
    )
    found = "\n".join(problems(page))
    for part in ("\ncolor-contrast", "dark: color-contrast", "label", "too wide: <P"):
        assert part in f"\n{found}"


def test_a_focus_that_nobody_sees_is_found(visit):
    page = visit("viewer")
    page.goto(reverse(FINDINGS))
    tab_to(page, "Overview")
    page.goto(reverse(FINDINGS))
    page.evaluate("document.querySelectorAll('a').forEach(link => link.style.outline = 'none')")
    with pytest.raises(AssertionError, match="Nobody sees that 'Skip to main content'"):
        tab_to(page, "Overview")
