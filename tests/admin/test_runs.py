"""The pages of runs: who sees what of them, what can be done in which state, how they move."""

import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dbhealth.admin.run_again import right_of
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.pace import MOST_POINTS
from tests.admin.conftest import client_of, person
from tests.moveapp.tools import second_session
from tests.runs.making import dead, make

LIST = "admin:dbhealth_maintenancerun_changelist"
PAGE = "admin:dbhealth_maintenancerun_change"
PROGRESS = "admin:dbhealth_maintenancerun_progress"
DO = "admin:dbhealth_maintenancerun_do"

BUTTONS = ["pause", "resume", "cancel", "retry"]

POINTS = [[1.0, 1_000, 1], [2.0, 3_000, 2], [4.0, 4_000, 3]]

pytestmark = pytest.mark.django_db


def half(state="running", **facts):
    """Return a run that has done 4,000 of 8,000 rows in four seconds."""
    base = {
        "started_at": timezone.now() - timedelta(seconds=4),
        "rows_done": 4_000,
        "rows_expected": 8_000,
        "batches": 3,
        "pace": POINTS,
    }
    return make(state, **base | facts)


def page(client, run):
    response = client.get(reverse(PAGE, args=[run.pk]))
    assert response.status_code == 200
    return response


def told(client, run):
    """Return what whoever polls is told."""
    response = client.get(reverse(PROGRESS, args=[run.pk]))
    assert response.status_code == 200
    return response.json()


def offered(response):
    found = [button.get("name") for button in response.context["buttons"]]
    return [name for name in found if name in BUTTONS]


@pytest.fixture
def confidant(db):
    return client_of("confidant")


def queued_for(minutes):
    asked = timezone.now() - timedelta(minutes=minutes)
    return make("queued", created_at=asked, heartbeat_at=None, pid=None, host="")


RUNS = {
    "queued": (lambda: queued_for(0), ["cancel"]),
    "queued for long": (lambda: queued_for(10), ["resume", "cancel"]),
    "running": (half, ["pause", "cancel"]),
    "running, dead": (lambda: dead("running"), ["cancel", "retry"]),
    "pausing": (lambda: half("pausing"), ["cancel"]),
    "pausing, dead": (lambda: dead("pausing"), ["cancel", "retry"]),
    "paused": (lambda: half("paused"), ["resume", "cancel"]),
    "cancelling": (lambda: half("cancelling"), []),
    "cancelling, dead": (lambda: dead("cancelling"), ["cancel", "retry"]),
    "cancelled": (lambda: half("cancelled"), ["retry"]),
    "succeeded": (lambda: half("succeeded"), []),
    "failed": (lambda: half("failed"), ["retry"]),
    "interrupted": (lambda: half("interrupted"), ["cancel", "retry"]),
}


@pytest.mark.parametrize("name", RUNS)
def test_each_state_has_its_buttons_and_its_sentence_on_the_page_and_in_the_poll(name, superuser):
    build, possible = RUNS[name]
    run = build()
    shown, facts = page(superuser, run), told(superuser, run)
    assert offered(shown) == possible
    assert [each for each in BUTTONS if f"/do/{each}/" in facts["buttons"]] == possible
    over = run.state in {"cancelled", "succeeded", "failed", "interrupted"}
    assert (facts["ended"], facts["ask_again"] == 0) == (over, over)
    assert ("data-dbh-progress" in shown.text) == (not over)
    assert shown.context["standing"].sentence or name in {"running", "succeeded"}
    assert facts["dead"] == name.endswith("dead")


@pytest.mark.parametrize("button", BUTTONS)
def test_an_action_asks_first_where_it_is_possible_and_says_why_where_it_is_not(button, superuser):
    for possible in (True, False):
        name = next(name for name, (_, can) in RUNS.items() if (button in can) == possible)
        run = RUNS[name][0]()
        asked = superuser.get(reverse(DO, args=[button]), {"pk": run.pk})
        assert ('name="_go"' in asked.text) == possible
        assert ("errorlist" in asked.text) == (not possible)
        run.delete()


def test_a_dead_run_and_one_that_nobody_takes_say_what_to_do(viewer):
    left = dead("running")
    assert "process is dead" in page(viewer, left).text
    assert "running, dead" in viewer.get(reverse(LIST)).text
    left.delete()
    waits = queued_for(10)
    text = page(viewer, waits).text
    assert "nobody takes it. Is a worker running?" in text
    assert f"maintenance_runs resume {waits.pk}" in text


@pytest.mark.parametrize("who", ["anonymous", "staff", "viewer", "confidant"])
def test_without_the_right_there_is_no_button_no_page_and_no_effect(who):
    run, client = half("paused"), client_of(who)
    for button in BUTTONS:
        for request in (client.get, client.post):
            answer = request(reverse(DO, args=[button]), {"pk": run.pk})
            assert answer.status_code == (302 if who == "anonymous" else 403)
    run.refresh_from_db()
    assert run.state == "paused"
    assert not LogEntry.objects.exists()
    if who in {"viewer", "confidant"}:
        assert offered(page(client, run)) == []


@pytest.mark.parametrize("who, status", [("anonymous", 302), ("staff", 403), ("viewer", 200)])
def test_all_addresses_are_for_those_who_may_see_them(who, status):
    run, client = half(), client_of(who)
    for address in (
        reverse(LIST),
        reverse(PAGE, args=[run.pk]),
        reverse(PROGRESS, args=[run.pk]),
    ):
        assert client.get(address).status_code == status


def test_nothing_is_done_without_the_token_of_the_form():
    run = half()
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("superuser"))
    assert client.post(reverse(DO, args=["pause"]), {"pk": run.pk}).status_code == 403
    run.refresh_from_db()
    assert run.state == "running"


@pytest.mark.parametrize(
    "button, before, after",
    [
        ("pause", "running", "pausing"),
        ("cancel", "running", "cancelling"),
        ("cancel", "paused", "cancelled"),
    ],
)
def test_a_wish_is_asked_for_granted_and_logged(button, before, after, operator):
    run = half(before)
    asked = operator.get(reverse(DO, args=[button]), {"pk": run.pk})
    assert f"run {run.pk} (archive of move_event)" in asked.text
    done = operator.post(reverse(DO, args=[button]), {"pk": run.pk})
    assert done.url.startswith(reverse(PAGE, args=[run.pk]))
    run.refresh_from_db()
    assert run.state == after
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("operator", str(run.pk))
    assert entry.change_message.startswith(button.capitalize())


def test_a_wish_that_comes_too_late_is_told_as_a_sentence(operator):
    run = half("succeeded")
    done = operator.post(reverse(DO, args=["pause"]), {"pk": run.pk}, follow=True)
    (said,) = done.context["messages"]
    assert "Only a run that is at work can be paused." in str(said)
    assert not LogEntry.objects.exists()


def test_the_moving_part_shows_how_far_how_quick_and_until_when(viewer):
    run = half()
    facts = told(viewer, run)
    assert (facts["percent"], facts["rows_done"], facts["rows_expected"]) == (50, 4_000, 8_000)
    assert 800 < facts["per_second"] <= 1_000
    assert 4 <= facts["seconds_left"] < 5
    assert '<progress id="dbh-progress" max="100" value="50"' in facts["live"]
    assert "4,000 of 8,000" in facts["live"]
    assert facts["live"].count('role="img"') == 2
    assert "3 batches, between 500 and 2,000 rows per second" in facts["live"]
    assert facts["say"] == "running, 50 %"
    assert "Holds" not in facts["live"]


def test_why_it_holds_back_is_shown_while_it_works_and_no_longer(viewer):
    run = half(holding_back="Somebody else holds a lock.", doing="scanning heap: orders, 40 %")
    facts = told(viewer, run)
    assert facts["holding_back"] == "Somebody else holds a lock."
    assert "It holds back:" in facts["live"]
    assert "scanning heap: orders, 40 %" in facts["live"]
    assert facts["say"] == "running, 50 %, Somebody else holds a lock."
    MaintenanceRun.objects.update(host="here", heartbeat_at=timezone.now() - timedelta(hours=1))
    assert told(viewer, run)["holding_back"] == ""


def test_a_bound_of_rows_is_the_whole_of_it(viewer):
    assert told(viewer, half(options={"max_rows": 5_000}))["percent"] == 80


def test_a_run_in_steps_has_no_rate_and_no_rest(viewer):
    run = half(target="*", operation="vacuum", rows_done=3, rows_expected=4, pace=[[9.0, 3, 3]])
    facts = told(viewer, run)
    assert (facts["percent"], facts["per_second"], facts["seconds_left"]) == (75, None, None)
    assert "Steps" in facts["live"]
    assert "role" not in facts["live"]


def test_the_steps_that_are_done_are_shown_by_how_long_they_took(viewer):
    step = {"deed": "vacuum", "index": "", "state": "done", "error": ""}
    steps = [{**step, "table": f"t{place}", "seconds": float(place)} for place in range(1, 200)]
    run = half("succeeded", target="*", operation="vacuum", result={"steps": steps})
    (chart,) = page(viewer, run).context["charts"]
    assert chart.count("<rect") == MOST_POINTS
    assert "The longest was vacuum t199 with 3 min 19 s." in chart
    assert "vacuum t80: 1 min 20 s" in chart
    assert "vacuum t79:" not in chart


def test_the_list_filters_and_finds(viewer):
    one = half("failed", target="orders", started_by="alice", trigger="admin")
    half("succeeded", target="events")

    def found(**query):
        response = viewer.get(reverse(LIST), query)
        assert response.status_code == 200
        return [row.target for row in response.context["cl"].result_list]

    assert found() == ["events", "orders"]
    assert found(state__exact="failed") == ["orders"]
    assert found(target="events") == ["events"]
    assert found(trigger__exact="admin") == ["orders"]
    assert found(operation__exact="purge") == []
    assert found(q="alice") == ["orders"]
    assert found(q=str(one.pk)) == ["orders"]


SECRETS = ("Key (email)=(a@b.c)", "Traceback (most", "host-17", "4711")


def broken():
    return half(
        "failed",
        host="host-17",
        cursor=["4711"],
        error="Deadlock. Both waited. The database said: Key (email)=(a@b.c) exists",
        traceback="Traceback (most recent call last): Key (email)=(a@b.c)",
        options={"terms": {"keys": ["4711", "4712"], "retention_seconds": 60.0}},
    )


def test_what_names_rows_hosts_and_code_is_for_those_who_may_see_it(viewer, confidant):
    run = broken()
    for client, sees in ((viewer, False), (confidant, True)):
        shown, polled = page(client, run).text, json.dumps(told(client, run))
        for secret in SECRETS:
            assert (secret in shown, secret in polled) == (sees, sees), secret
    assert "Deadlock. Both waited." in page(viewer, run).text
    assert "2 rows" in page(viewer, run).text


def test_an_error_of_unknown_words_is_not_shown_to_everybody(viewer):
    run = half("failed", error="ValueError: a@b.c is no number")
    text = page(viewer, run).text
    assert "a@b.c" not in text
    assert "may name values of rows" in text


def test_an_error_without_values_is_for_everybody(viewer):
    said = "3 rows left orders but 2 arrived in orders_archive."
    trace = f"Traceback …\ndbhealth.exceptions.CountMismatch: {said}\n"
    assert said in page(viewer, half("failed", error=said, traceback=trace)).text
    assert "Given up." in page(viewer, half("cancelled", error="Given up.")).text
    why = {"what": "No.", "why": "Because.", "instead": "Do that."}
    text = page(viewer, half("failed", error="No. Because.", result={"refusals": [why]})).text
    assert "Do that." in text
    assert "may name values" not in text


def test_the_page_tells_of_steps_tables_refusals_notes_and_options(viewer):
    step = {"deed": "vacuum", "index": "", "seconds": 1.5, "bytes_before": 2048}
    run = half(
        "failed",
        options={"terms": {"retention_seconds": 60.0, "where": None}, "batch_size": 77},
        proof={"orders": {"archive_table": "orders_archive", "rows": 4_000, "digest": "abc"}},
        result={
            "steps": [
                {**step, "table": "orders", "state": "done", "error": "", "bytes_after": 1024},
                {**step, "table": "logs", "state": "failed", "error": "x@y.z", "bytes_after": None},
            ],
            "refusals": [{"what": "No.", "why": "Because.", "instead": "Do that."}],
            "notes": ["One note."],
        },
    )
    text = page(viewer, run).text
    for part in ("vacuum orders", "orders_archive", "abc", "No.", "Do that.", "One note.", "77"):
        assert part in text
    assert "2.0\xa0KB → 1.0\xa0KB" in text
    assert "x@y.z" not in text
    assert text.index("vacuum logs") < text.index("vacuum orders"), "what failed stands first"


def test_what_is_not_there_is_not_found(viewer):
    assert viewer.get(reverse(PROGRESS, args=[10**12])).status_code == 404
    assert viewer.get(reverse(PROGRESS, args=[10**30])).status_code == 404
    assert viewer.get(reverse(LIST), {"database": "nowhere"}).status_code == 404


def test_who_begins_anew_what_has_ended_needs_the_right_to_do_so(db):
    run = half("failed", operation="purge")
    client = client_of("controller")
    assert offered(page(client, run)) == []
    asked = client.get(reverse(DO, args=["retry"]), {"pk": run.pk})
    assert "dbhealth.purge_rows" in asked.text
    assert 'name="_go"' not in asked.text
    assert client.post(reverse(DO, args=["retry"]), {"pk": run.pk}).status_code == 403
    assert MaintenanceRun.objects.count() == 1


@pytest.mark.parametrize(
    "operation, terms, right",
    [
        ("archive", {}, "archive_rows"),
        ("restore", {}, "restore_rows"),
        ("purge", {}, "purge_rows"),
        ("init_indexes", {}, "build_indexes"),
        ("vacuum", {}, "vacuum_tables"),
        ("vacuum", {"analyze_only": True}, "analyze_tables"),
        ("vacuum", {"reindex_only": True}, "reindex_tables"),
    ],
)
def test_each_operation_has_its_right(operation, terms, right):
    assert right_of(MaintenanceRun(operation=operation, options={"terms": terms})) == right


def queries(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        client.get(address)
    return len(asked)


def test_a_page_asks_as_often_for_three_rows_as_for_sixty(viewer):
    first = half()
    # Who asks and with which rights: 4. The bounds of the look: 6, on PostgreSQL 5.
    addresses = {
        reverse(LIST): 14,  # targets, count, clock, rows
        reverse(PAGE, args=[first.pk]): 12,  # run, clock
        reverse(PROGRESS, args=[first.pk]): 12,  # run, clock
    }
    for rows in (range(2), range(57)):
        for number in rows:
            make("succeeded", target=f"t{number}", pace=POINTS * 30)
        for address, most in addresses.items():
            assert most - 1 <= queries(viewer, address) <= most, address


@pytest.mark.django_db(databases=["default", "other"])
def test_the_runs_of_each_database_have_pages_and_progress_of_their_own(viewer):
    run = half(target="here")
    there = half(database="other", target="there", using="other")
    listed = viewer.get(reverse(LIST), {"database": "other"})
    assert [row.target for row in listed.context["cl"].result_list] == ["there"]
    shown = viewer.get(reverse(PAGE, args=[there.pk]), {"database": "other"})
    assert "database=other" in shown.context["progress_url"]
    assert viewer.get(shown.context["progress_url"]).json()["id"] == there.pk
    run.delete()
    assert viewer.get(reverse(PROGRESS, args=[there.pk])).status_code == 404


@pytest.mark.postgresql  # a table of SQLite's is read whoever writes it
@pytest.mark.django_db(transaction=True)
def test_a_log_that_is_locked_leaves_a_page_that_says_so(viewer, monkeypatch):
    run = half()
    monkeypatch.setattr("dbhealth.admin.base.LOCK_SECONDS", 0.1)
    with second_session() as other:
        other.set_autocommit(False)
        other.cursor().execute("LOCK TABLE dbhealth_maintenancerun")
        for address in (reverse(PAGE, args=[run.pk]), reverse(PROGRESS, args=[run.pk])):
            answer = viewer.get(address)
            assert answer.status_code == 503
            assert "did not give the figures for this page in time" in answer.text
