"""What of runs is for some people only: keys, errors, what is searched, what is begun anew."""

import json

import pytest
from django.contrib.auth.models import Permission as Right
from django.test import Client
from django.urls import reverse

from dbhealth.archive.registry import find
from dbhealth.runs.models import MaintenanceRun
from tests.admin.conftest import client_of, person
from tests.admin.test_runs import DO, LIST, broken, half, offered, page, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def confidant(db):
    return client_of("confidant")


def test_keys_in_conflict_are_on_the_page_of_a_run_for_those_alone_who_may_see_them(
    viewer, confidant
):
    what = "1 row of orders_archive has a key that a row of orders has as well: (a: (4711))."
    refusal = {"code": "key-taken", "what": what, "why": "Lost.", "instead": "Compare them."}
    run = half("failed", operation="restore", error=what, result={"refusals": [refusal]})
    assert "4711" in page(confidant, run).text
    for shown in (page(viewer, run).text, json.dumps(told(viewer, run))):
        assert "4711" not in shown
        assert "has a key that a row of orders has as well." in shown
    again = half("interrupted", operation="restore", target="others", error=f"Refused. {what}")
    assert "4711" not in page(viewer, again).text
    stopped = half("interrupted", target="third", error="stopped by SIGTERM")
    assert "stopped by SIGTERM" in page(viewer, stopped).text


def test_nobody_finds_out_by_searching_what_he_may_not_see(viewer, confidant):
    broken()
    for client, found in ((viewer, 0), (confidant, 1)):
        shown = client.get(reverse(LIST), {"q": "a@b.c"})
        assert shown.context["cl"].result_count == found
    for name in ("traceback__contains", "error__startswith", "host", "cursor__contains"):
        for more in ({}, {"export": "csv"}):
            assert viewer.get(reverse(LIST), {name: "x", **more}).status_code == 400, name
    assert viewer.get(reverse(LIST), {"state__exact": "failed"}).status_code == 200


def test_a_file_with_a_filter_that_cannot_be_is_not_found(viewer):
    assert viewer.get(reverse(LIST), {"export": "csv", "pk": "x"}).status_code == 404


def test_a_retry_takes_the_rights_of_all_that_was_asked_and_shows_it(db):
    user = person("controller")
    user.user_permissions.add(Right.objects.get(codename="vacuum_tables"))
    client = Client()
    client.force_login(user)
    options = {"terms": {"tables": ["orders"], "reindex": True}}
    run = half("failed", operation="vacuum", target="*", options=options)
    asked = client.get(reverse(DO, args=["retry"]), {"pk": run.pk})
    assert "dbhealth.reindex_tables" in asked.text
    assert "orders" in asked.text
    assert client.post(reverse(DO, args=["retry"]), {"pk": run.pk}).status_code == 403


def of_parcels(operation, seconds):
    """Return a failed run of the parcels that keeps rows for so long."""
    if operation == "archive":
        terms = {"archive": "shop_parcels_archive", "retention_seconds": seconds}
        return half("failed", operation=operation, target="shop_parcels", options={"terms": terms})
    terms = {"source": "shop_parcels", "keeps_seconds": seconds}
    target = "shop_parcels_archive"
    return half("failed", operation=operation, target=target, options={"terms": terms})


@pytest.mark.parametrize(
    "operation, said", [("archive", "--retention-days"), ("purge", "--older-than-days")]
)
def test_a_run_that_kept_rows_for_another_time_than_the_policy_is_not_begun_anew_here(
    operation, said, superuser
):
    run = of_parcels(operation, 5.0)
    answer = superuser.post(reverse(DO, args=["retry"]), {"pk": run.pk}, follow=True)
    assert said in str(next(iter(answer.context["messages"])))
    assert MaintenanceRun.objects.count() == 1


def test_a_run_that_went_by_the_policy_is_begun_anew(superuser):
    own = find("shop_parcels").retention.total_seconds()
    assert "retry" in offered(page(superuser, of_parcels("archive", own)))


@pytest.mark.parametrize(
    "operation, options, said",
    [
        ("vacuum", {"terms": {"full": True}}, "--full"),
        ("archive", {"allow_emptying": True}, "--allow-emptying"),
        ("purge", {"allow_share": True}, "--allow-share"),
    ],
)
def test_what_is_left_to_the_command_line_is_not_begun_anew_here(
    operation, options, said, superuser
):
    run = half("cancelled", operation=operation, options=options)
    assert "retry" not in offered(page(superuser, run))
    asked = superuser.get(reverse(DO, args=["retry"]), {"pk": run.pk})
    assert said in asked.text
    assert 'name="_go"' not in asked.text
    answer = superuser.post(reverse(DO, args=["retry"]), {"pk": run.pk}, follow=True)
    assert said in str(next(iter(answer.context["messages"])))
    assert MaintenanceRun.objects.count() == 1
