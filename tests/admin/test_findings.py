"""The pages of findings: who sees them, how they sort, and what acknowledging does."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dbhealth.admin.doing import MOST
from dbhealth.models import FindingRecord
from tests.admin.conftest import make_finding

pytestmark = pytest.mark.django_db

LIST = "admin:dbhealth_findingrecord_changelist"


def listed(client, **query):
    """Return the titles on the page of the list, in their order."""
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return [row.title for row in response.context["cl"].result_list]


def test_the_gravest_stands_first_and_what_is_over_is_left_out(viewer):
    make_finding(1, "info")
    make_finding(2, "critical")
    make_finding(3, "error", resolved_at=timezone.now())
    make_finding(4, "warning")
    assert [title[10:16] for title in listed(viewer)] == ["idle_2", "idle_4", "idle_1"]
    assert [title[10:16] for title in listed(viewer, standing="resolved")] == ["idle_3"]
    assert len(listed(viewer, standing="all")) == 4
    assert len(listed(viewer, level__exact="info")) == 1
    assert len(listed(viewer, q="idle_4")) == 1


def test_a_list_says_what_its_filters_have_chosen_and_clears_them_but_for_the_database(viewer):
    page = viewer.get(reverse(LIST), {"database": "default", "level__exact": "info"})
    assert "Filter: <strong>info</strong>" in page.text
    assert 'href="?database=default"' in page.text
    assert "Clear all filters" not in viewer.get(reverse(LIST), {"database": "default"}).text


def test_the_page_of_a_finding_says_why_and_what_to_do(viewer, finding):
    page = viewer.get(reverse("admin:dbhealth_findingrecord_change", args=[finding.pk]))
    assert page.status_code == 200
    for text in ("Writes pay for it.", "Drop it.", "DROP INDEX x", finding.title):
        assert text in page.text
    assert "Acknowledge" not in page.text, "a viewer cannot do that"


def test_a_finding_is_acknowledged_with_a_plan_a_log_entry_and_an_end(operator, finding):
    address = reverse("admin:dbhealth_findingrecord_do", args=["acknowledge"])
    asked = operator.get(address, {"pk": finding.pk})
    assert finding.title in asked.text
    done = operator.post(address, {"pk": finding.pk, "days": "7", "note": "We know."}, follow=True)
    assert done.status_code == 200
    finding.refresh_from_db()
    assert (finding.acknowledged_by, finding.note) == ("operator", "We know.")
    assert finding.acknowledged_until - timezone.now() < timedelta(days=7, minutes=1)
    assert LogEntry.objects.get().user.username == "operator"
    assert listed(operator, standing="new") == []
    assert listed(operator, standing="acknowledged") == [finding.title]
    back = reverse("admin:dbhealth_findingrecord_do", args=["withdraw"])
    operator.post(back, {"pk": finding.pk})
    assert listed(operator, standing="new") == [finding.title]


def test_several_that_are_ticked_are_acknowledged_at_once(operator):
    found = [make_finding(number) for number in range(3)]
    keys = [record.pk for record in found[:2]]
    chosen = {"action": "acknowledge", "_selected_action": keys}
    asked = operator.post(reverse(LIST), chosen)
    assert asked.status_code == 302
    assert "2 findings" in operator.get(asked.url).text
    operator.post(asked.url, {"pk": keys, "days": "0", "note": ""})
    assert FindingRecord.objects.filter(acknowledged_by="operator").count() == 2


def test_more_than_can_be_chosen_at_once_are_refused_and_not_cut(operator):
    found = [make_finding(number) for number in range(MOST + 1)]
    keys = [record.pk for record in found[:50]]
    chosen = {"action": "acknowledge", "select_across": "1", "_selected_action": keys}
    answer = operator.post(reverse(LIST), chosen, follow=True)
    assert f"At most {MOST}" in str(next(iter(answer.context["messages"])))
    assert answer.redirect_chain[-1][0] == reverse(LIST)


@pytest.mark.parametrize("key", ["9" * 30, "9" * 5_000, "x"])
def test_a_key_that_no_row_can_have_is_not_found(operator, key):
    address = reverse("admin:dbhealth_findingrecord_do", args=["acknowledge"])
    assert operator.get(address, {"pk": key}).status_code == 404


def test_one_that_has_become_graver_is_new_again(viewer):
    make_finding(1, "error", acknowledged_at=timezone.now(), acknowledged_level="warning")
    assert len(listed(viewer, standing="new")) == 1


def test_without_the_right_nothing_is_acknowledged(viewer, finding):
    address = reverse("admin:dbhealth_findingrecord_do", args=["acknowledge"])
    for request in (viewer.get, viewer.post):
        assert request(address, {"pk": finding.pk, "days": "7"}).status_code == 403
    finding.refresh_from_db()
    assert finding.acknowledged_at is None


def test_the_file_has_all_rows_and_no_formula(viewer):
    make_finding(1, title="=HYPERLINK(1)")
    for number in range(2, 70):
        make_finding(number)
    answer = viewer.get(reverse(LIST), {"export": "csv", "q": "idle"})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == 70
    assert lines[0].startswith("title,level,check,")
    assert any(line.startswith("'=HYPERLINK(1),") for line in lines)
    assert "<" not in "".join(lines)


@pytest.mark.parametrize("pages", [("list",), ("one",)])
def test_a_page_asks_as_often_for_three_rows_as_for_sixty(superuser, pages):
    first = make_finding(1)
    addresses = {
        "list": reverse(LIST),
        "one": reverse("admin:dbhealth_findingrecord_change", args=[first.pk]),
    }
    counts = []
    for rows in (range(2, 4), range(4, 61)):
        for number in rows:
            make_finding(number)
        superuser.get(addresses[pages[0]])
        with CaptureQueriesContext(connection) as asked:
            superuser.get(addresses[pages[0]])
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 12
