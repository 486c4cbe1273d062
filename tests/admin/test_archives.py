"""The pages of archives: the list, one archive, what would go, and what is queued from there."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from dbhealth import starting
from dbhealth.archive import archive_table
from dbhealth.archive.registry import find
from dbhealth.models import MaintenanceRun, TrackedArchive
from dbhealth.runs.lease import this_host
from dbhealth.runs.states import State
from tests.admin.conftest import client_of
from tests.commands.tools import send
from tests.famapp.models import Chapter, Line, Story
from tests.moveapp.tools import change_policy
from tests.runs.making import make
from tests.shopapp.models import Parcel, ParcelArchive

pytestmark = pytest.mark.django_db

LIST = "admin:dbhealth_trackedarchive_changelist"
DAY = timedelta(days=1)


def track(model, **figures):
    """Return what a look would keep of an archive, with these figures."""
    archive, now = find(model), timezone.now()
    policy = archive.own_policy
    values = {
        "database": "default",
        "table": archive.table,
        "model": archive.label,
        "app_label": archive.source._meta.app_label,
        "archive_table": archive.archive_table,
        "archive_model": archive.model._meta.label,
        "retention": policy and policy.retention,
        "purge_after": policy and policy.purge_after,
        "looked_at": now,
        "counted_at": now,
    }
    return TrackedArchive.objects.create(**{**values, **figures})


def address(row, page="change"):
    return reverse(f"admin:dbhealth_trackedarchive_{page}", args=[row.pk])


def doing(name):
    return reverse("admin:dbhealth_trackedarchive_do", args=[name])


@pytest.fixture
def parcels():
    send(6)
    return track(Parcel, rows=7, archive_rows=0, eligible=6, oldest=timezone.now() - 200 * DAY)


def listed(client, **query):
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return [row.table for row in response.context["cl"].result_list]


def test_where_most_rows_wait_stands_first(viewer, parcels):
    track(Story, eligible=10)
    track(Line, eligible=None, parents=["famapp_chapter"])
    assert listed(viewer) == ["famapp_story", "shop_parcels", "famapp_line"]
    assert listed(viewer, o="1") == ["famapp_line", "famapp_story", "shop_parcels"]
    assert listed(viewer, standing="waiting") == ["famapp_story", "shop_parcels"]
    assert listed(viewer, app="shopapp") == ["shop_parcels"]
    assert listed(viewer, q="parcels_archive") == ["shop_parcels"]


def test_a_line_tells_where_rows_go_how_many_wait_and_what_was_done(viewer, parcels, settings):
    settings.DBHEALTH = {"SCHEDULE": {"archive": "@daily"}}
    run = archive_table(Parcel, max_rows=2)["run"]
    page = viewer.get(reverse(LIST)).text
    for text in ("shop_<wbr>parcels → shop_<wbr>parcels_<wbr>archive", "90 days", "succeeded"):
        assert text in page
    assert reverse("admin:dbhealth_maintenancerun_change", args=[run]) in page
    (row,) = viewer.get(reverse(LIST)).context["cl"].result_list
    assert (row.eligible, row.archive_rows) == (4, 2), "as the run has left them"
    assert row.scheduled.at.date() == (datetime.now(tz=UTC) + DAY).date()


def test_a_run_that_failed_and_an_archive_without_figures_can_be_found(viewer, parcels):
    track(Story, error="The archive table is missing.", counted_at=None)
    now = timezone.now()
    for number, state in enumerate((State.SUCCEEDED, State.FAILED)):
        MaintenanceRun.objects.create(
            operation="archive", database="default", target="shop_parcels", state=state,
            trigger="command", created_at=now + timedelta(minutes=number),
        )  # fmt: skip
    assert listed(viewer, standing="failed") == ["shop_parcels"]
    assert listed(viewer, standing="error") == ["famapp_story"]
    assert "dbh-error" in viewer.get(reverse(LIST), {"standing": "error"}).text


def test_a_run_whose_process_is_gone_is_told_as_dead(viewer, parcels):
    make("running", target="shop_parcels", host=this_host())
    assert "running, dead" in viewer.get(reverse(LIST)).text


def test_the_list_is_a_file_too(viewer, parcels):
    lines = b"".join(viewer.get(reverse(LIST), {"export": "csv"}).streaming_content).decode()
    head, line = lines.splitlines()
    assert head.startswith("model,")
    assert "shopapp.Parcel,shop_parcels → shop_parcels_archive" in line
    assert ",7,0,6," in line


def test_the_page_of_an_archive_says_its_policy_in_words(viewer, parcels):
    page = viewer.get(address(parcels)).text
    assert "when its sent_at lies 90 days and more back" in page
    assert "keeps its rows for ever" in page
    assert address(parcels, "plan") in page
    assert "Archive now" not in page, "a viewer cannot do that"
    assert address(parcels, "rows") not in page, "rows are content"


def test_the_page_of_a_family_says_what_leaves_together(viewer):
    story = viewer.get(address(track(Story))).text
    assert "those of famapp_chapter, famapp_picture, famapp_story_tags" in story
    line = viewer.get(address(track(Line, parents=["famapp_chapter"]))).text
    assert "only with the rows they belong to" in line


def test_the_page_draws_what_runs_have_moved(viewer, parcels):
    for rows in (1, 2, 3):
        archive_table(Parcel, max_rows=rows)
    page = viewer.get(address(parcels)).text
    assert "3 runs; the largest moved 3 rows, the last 3." in page
    assert page.count('<rect class="dbh-bar"') == 3


def test_what_would_go_is_the_dry_run_as_a_tree_with_statements_and_locks(viewer):
    old = timezone.now() - 200 * DAY
    story = Story.objects.create(created_at=old)
    Story.objects.create(created_at=timezone.now())
    chapter = Chapter.objects.create(story=story, written_at=old)
    Line.objects.create(chapter=chapter, said_at=old)
    page = viewer.get(address(track(Story), "plan"))
    (plan,) = page.context["plans"]
    assert plan["refusals"] == []
    (root,) = plan["tree"]
    assert (root["table"], root["rows"]) == ("famapp_story", "1")
    assert "famapp_chapter" in [child["table"] for child in root["children"]]
    assert any(statement["lock"] != "none" for statement in plan["statements"])
    for text in ("<strong>famapp.Chapter</strong>: 1", "DELETE FROM", "Nothing is changed"):
        assert text in page.text
    assert MaintenanceRun.objects.count() == 0


def test_what_stands_in_the_way_is_a_sentence_and_there_is_no_button(operator, parcels):
    Parcel.objects.exclude(number__startswith="200").delete()
    asked = operator.get(doing("archive"), {"pk": parcels.pk})
    (plan,) = asked.context["plans"]
    assert plan["refusals"][0]["code"] == "emptying"
    assert escape(plan["refusals"][0]["what"]) in asked.text
    assert 'name="_go"' not in asked.text


def test_archive_now_shows_the_plan_and_queues_what_it_shows(operator, parcels):
    asked = operator.get(doing("archive"), {"pk": parcels.pk, "max_rows": "4"})
    (plan,) = asked.context["plans"]
    assert ("Would leave now", "4") in plan["figures"]
    assert 'name="_go"' in asked.text
    done = operator.post(doing("archive"), {"pk": parcels.pk, "max_rows": "4", "_go": "x"})
    run = MaintenanceRun.objects.get()
    assert (run.operation, run.target, run.state) == ("archive", "shop_parcels", State.QUEUED)
    assert (run.options["max_rows"], run.started_by, run.trigger) == (4, "operator", "admin")
    assert reverse("admin:dbhealth_maintenancerun_change", args=[run.pk]) in done.url
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("operator", str(run.pk))
    assert "shop_parcels" in entry.change_message


def test_what_was_asked_for_after_the_plan_is_planned_before_it_is_done(operator, parcels):
    shown = operator.get(doing("archive"), {"pk": parcels.pk}).context["shown"]
    late = {"pk": parcels.pk, "max_rows": "2", "shown": shown, "_go": "x"}
    asked = operator.post(doing("archive"), late)
    assert MaintenanceRun.objects.count() == 0
    assert ("Would leave now", "2") in asked.context["plans"][0]["figures"]
    operator.post(doing("archive"), late | {"shown": asked.context["shown"]})
    assert MaintenanceRun.objects.get().options["max_rows"] == 2


def test_an_action_that_has_become_impossible_is_not_done(operator, parcels):
    TrackedArchive.objects.filter(pk=parcels.pk).update(table="gone", model="gone.Gone")
    answer = operator.post(doing("archive"), {"pk": parcels.pk, "_go": "x"}, follow=True)
    assert MaintenanceRun.objects.count() == 0
    assert "gone" in str(next(iter(answer.context["messages"])))


def test_a_second_run_beside_a_queued_one_is_refused_in_a_sentence(operator, parcels):
    for _ in range(2):
        answer = operator.post(doing("archive"), {"pk": parcels.pk, "_go": "x"}, follow=True)
    assert MaintenanceRun.objects.count() == 1
    assert "shop_parcels" in str(next(iter(answer.context["messages"])))


def test_several_that_are_ticked_are_asked_for_together(operator, parcels):
    story = track(Story)
    chosen = {"action": "archive", "_selected_action": [parcels.pk, story.pk]}
    asked = operator.get(operator.post(reverse(LIST), chosen).url)
    assert len(asked.context["plans"]) == 2


def test_none_of_several_is_queued_where_one_of_them_is_busy(operator, parcels):
    story = track(Story)
    busy = starting.archive("default", find(Story), starting.Asker(name="ada"))
    keys = [parcels.pk, story.pk]
    answer = operator.post(doing("archive"), {"pk": keys, "_go": "x"}, follow=True)
    assert f"Run {busy.pk}" in str(next(iter(answer.context["messages"])))
    assert list(MaintenanceRun.objects.filter(state=State.QUEUED)) == [busy]
    ended = MaintenanceRun.objects.get(target="shop_parcels")
    assert (ended.state, f"Run {busy.pk}" in ended.error) == (State.FAILED, True)


def test_without_anybody_who_executes_nothing_is_queued(operator, parcels, settings):
    settings.DBHEALTH = {"BACKGROUND": "tasks"}
    answer = operator.post(doing("archive"), {"pk": parcels.pk, "_go": "x"}, follow=True)
    assert "BACKGROUND" in str(next(iter(answer.context["messages"])))
    assert not MaintenanceRun.objects.exists()


def test_what_leaves_with_its_parents_only_has_no_button_but_a_reason(operator):
    page = operator.get(address(track(Line, parents=["famapp_chapter"])))
    (button,) = [each for each in page.context["buttons"] if each.get("name") == "archive"]
    assert "famapp_chapter" in button["why_not"]
    assert not button["url"]


def test_a_purge_is_asked_for_with_its_plan(operator, parcels, monkeypatch):
    archive_table(Parcel)
    change_policy(monkeypatch, ParcelArchive, purge_after=10 * DAY)
    ParcelArchive.objects.filter(number__endswith="0").update(archived_at=timezone.now() - 20 * DAY)
    TrackedArchive.objects.update(purge_after=10 * DAY)
    asked = operator.get(doing("purge"), {"pk": parcels.pk})
    (plan,) = asked.context["plans"]
    assert plan["refusals"] == []
    assert ("Would be deleted for good", "1") in plan["figures"]
    operator.post(doing("purge"), {"pk": parcels.pk, "_go": "x"})
    run = MaintenanceRun.objects.get(operation="purge")
    assert (run.target, run.state) == ("shop_parcels_archive", State.QUEUED)


def test_an_archive_that_keeps_everything_cannot_be_purged(operator, parcels):
    (button,) = [
        each
        for each in operator.get(address(parcels)).context["buttons"]
        if each.get("name") == "purge"
    ]
    assert "purge_after" in button["why_not"]


def test_an_archive_that_the_code_has_no_more_says_so(superuser):
    row = TrackedArchive.objects.create(
        database="default", table="gone", model="old.Gone", looked_at=timezone.now()
    )
    assert "does not declare this archive" in superuser.get(address(row)).text
    plan = superuser.get(address(row, "plan"))
    assert "no archive of gone" in plan.context["plans"][0]["refusals"][0]["what"]
    assert superuser.get(address(row, "rows")).status_code == 404


@pytest.mark.parametrize("page", ["plan", "rows", "change"])
def test_without_the_right_to_view_there_is_no_page(parcels, page):
    assert client_of("staff").get(address(parcels, page)).status_code == 403
    assert "/login/" in client_of("anonymous").get(address(parcels, page)).url


def test_an_archive_of_another_database_is_not_found_here(superuser, parcels):
    for page in ("plan", "rows"):
        there = superuser.get(address(parcels, page), {"database": "nope"})
        assert there.status_code == 404


@pytest.mark.parametrize("page", ["list", "one"])
def test_a_page_asks_as_often_for_three_archives_as_for_sixty(viewer, parcels, page):
    where = {"list": reverse(LIST), "one": address(parcels)}[page]
    counts = []
    for rows in (range(2), range(2, 59)):
        now = timezone.now()
        TrackedArchive.objects.bulk_create(
            TrackedArchive(
                database="default", table=f"t{number}", model="x.Y", archive_table=f"t{number}_a",
                archive_model="x.YArchive", app_label="x", looked_at=now, retention=DAY,
            )
            for number in rows
        )  # fmt: skip
        MaintenanceRun.objects.bulk_create(
            MaintenanceRun(
                operation="archive", database="default", target="shop_parcels", trigger="command",
                state=State.SUCCEEDED, created_at=now, rows_done=number + 1,
            )
            for number in rows
        )  # fmt: skip
        viewer.get(where)
        with CaptureQueriesContext(connection) as asked:
            assert viewer.get(where).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 15


def test_the_list_can_be_sorted_by_every_column(viewer, parcels):
    track(Line, retention=None)
    for number in range(1, 10):
        assert set(listed(viewer, o=str(number))) == {"shop_parcels", "famapp_line"}, number


@pytest.mark.django_db(transaction=True)
def test_plans_are_made_where_nothing_can_be_written(operator, monkeypatch):
    """As in a request: no test's transaction is open, so that looking is read-only."""
    connection.ensure_connection()
    monkeypatch.setitem(vars(connections["default"]), "transaction_mode", "IMMEDIATE")
    send(6)
    row = track(Parcel, purge_after=10 * DAY)
    run = archive_table(Parcel, max_rows=4)["run"]
    change_policy(monkeypatch, ParcelArchive, purge_after=10 * DAY)
    ParcelArchive.objects.filter(number="200-0").update(archived_at=timezone.now() - 20 * DAY)
    restoring = reverse("admin:dbhealth_maintenancerun_do", args=["restore"])
    asked = {
        "archive": operator.get(doing("archive"), {"pk": row.pk}),
        "purge": operator.get(doing("purge"), {"pk": row.pk}),
        "look": operator.get(address(row, "plan")),
        "restore": operator.get(restoring, {"pk": run}),
    }
    for name, page in asked.items():
        (plan,) = page.context["plans"]
        assert plan["refusals"] == [], name
        assert len(plan["statements"]) > 2, name
