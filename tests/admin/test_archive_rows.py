"""Archived rows in the admin: read by who may, found by key and by run, and brought back."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission as Right
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse
from django.utils import timezone

from dbhealth.admin import ArchiveAdmin
from dbhealth.archive import archive_table
from dbhealth.exceptions import Refused
from dbhealth.models import MaintenanceRun
from dbhealth.recipes import resume_run
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.states import State
from tests.admin.conftest import client_of
from tests.admin.test_archives import address, track
from tests.commands.tools import read_meters, send
from tests.famapp.models import Chapter, Line, Story, StoryArchive
from tests.shopapp.models import Parcel, ParcelArchive, Reading, ReadingArchive
from tests.testapp.models import CompositeKey, Owner

pytestmark = pytest.mark.django_db

RUN_DO = "admin:dbhealth_maintenancerun_do"


@pytest.fixture
def parcels():
    send(6)
    row = track(Parcel, rows=7, archive_rows=0, eligible=6)
    archive_table(Parcel, max_rows=4)
    row.refresh_from_db()
    return row


@pytest.fixture
def reader():
    """Somebody who sees what rows hold, and may restore them."""
    client = client_of("operator")
    User.objects.get(username="operator").user_permissions.add(
        Right.objects.get(codename="view_sensitive")
    )
    return client


def keys(client, where, **query):
    response = client.get(where, query)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def archived(model=ParcelArchive):
    return list(model.objects.order_by("pk").values_list("pk", flat=True))


def test_the_rows_of_an_archive_are_an_ordinary_list(reader, parcels):
    page = reader.get(address(parcels, "rows"))
    assert page.status_code == 200
    assert "shop_parcels_archive has 4 rows" in page.text
    assert keys(reader, address(parcels, "rows")) == archived()[::-1]
    assert keys(reader, address(parcels, "rows"), o="1") == archived()
    run = MaintenanceRun.objects.get()
    assert reverse("admin:dbhealth_maintenancerun_change", args=[run.pk]) in page.text
    assert f'href="{archived()[0]}/?database=default"' in page.text


def test_a_row_has_a_page_that_shows_every_column_and_changes_nothing(reader, parcels):
    row = ParcelArchive.objects.first()
    where = f"{address(parcels, 'rows')}{row.pk}/"
    page = reader.get(where, {"database": "default"})
    assert page.status_code == 200
    assert row.number in page.text
    assert "weight" in page.text.lower()
    assert 'type="submit" name="_save"' not in page.text
    assert reader.post(where, {"number": "changed"}).status_code == 403
    assert ParcelArchive.objects.get(pk=row.pk).number == row.number


def test_a_reference_to_a_row_that_has_left_is_its_key(reader):
    old = timezone.now() - timedelta(days=200)
    story = Story.objects.create(created_at=old)
    Story.objects.create(created_at=timezone.now())
    Chapter.objects.create(story=story, written_at=old)
    archive_table(Story)
    row = track(Chapter, parents=["famapp_story"])
    assert f'<td class="field-story_id">{story.pk}</td>' in reader.get(address(row, "rows")).text


def test_rows_are_found_by_their_keys(reader, parcels):
    first, second, *_ = archived()
    where = address(parcels, "rows")
    assert keys(reader, where, q=str(first)) == [first]
    assert keys(reader, where, q=f"{first} {second}") == [second, first]
    assert keys(reader, where, q="no-key") == []


def test_rows_with_other_keys_than_numbers_are_found_and_shown(reader):
    read_meters(3)
    archive_table(Reading)
    row = track(Reading)
    (first, *_) = archived(ReadingArchive)
    assert keys(reader, address(row, "rows"), q=str(first)) == [first]
    page = reader.get(address(row, "rows"), {"q": str(first)})
    (link,) = re.findall(r'<th class="field-id"><a href="([^"]+)">', page.text)
    assert reader.get(address(row, "rows") + link).status_code == 200


def test_rows_are_narrowed_by_the_run_that_brought_them_and_by_when_they_came(reader, parcels):
    first = MaintenanceRun.objects.get()
    four = archived()
    second = archive_table(Parcel)["run"]
    where = address(parcels, "rows")
    assert sorted(keys(reader, where, run=first.pk)) == four
    assert len(keys(reader, where, run=second)) == 2
    assert len(keys(reader, where, run="x")) == 6
    ParcelArchive.objects.filter(pk=four[0]).update(archived_at=timezone.now() - timedelta(days=9))
    assert len(keys(reader, where, archived="7")) == 5
    assert len(keys(reader, where, archived="31")) == 6


def test_what_rows_hold_is_seen_by_those_alone_who_may(parcels):
    where = address(parcels, "rows")
    row = f"{where}{archived()[0]}/"
    for name, status in {"staff": 403, "viewer": 403, "operator": 403, "confidant": 200}.items():
        client = client_of(name)
        for page in (where, row):
            assert client.get(page).status_code == status, (name, page)
        assert client.post(where, {"action": "restore_rows"}).status_code in {status, 302}
    anonymous = client_of("anonymous").get(where)
    assert "/login/" in anonymous.url


def test_the_right_on_the_archive_model_itself_is_enough_to_read(parcels):
    client = client_of("staff")
    user = User.objects.get(username="staff")
    user.user_permissions.add(Right.objects.get(codename="view_parcelarchive"))
    page = client.get(address(parcels, "rows"))
    assert page.status_code == 200
    assert "restore_rows" not in page.text


def test_a_row_that_is_not_there_leads_away_with_a_message(reader, parcels):
    answer = reader.get(f"{address(parcels, 'rows')}999999/")
    assert answer.status_code == 302


def test_an_archive_of_many_rows_is_counted_no_further_than_it_is_listed(reader, parcels):
    where = address(parcels, "rows")
    with CaptureQueriesContext(connection) as asked:
        reader.get(where)
    (count,) = [each["sql"] for each in asked if "COUNT(" in each["sql"]]
    assert "LIMIT 5000" in count


def test_a_page_asks_as_often_for_three_rows_as_for_sixty(reader, parcels):
    counts = []
    for rows in (1, 60):
        send(rows, days=300 + rows)
        archive_table(Parcel)
        reader.get(address(parcels, "rows"))
        with CaptureQueriesContext(connection) as asked:
            reader.get(address(parcels, "rows"))
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 14


def chosen(*rows, **more):
    return {"action": "restore_rows", "_selected_action": list(rows), **more}


def test_rows_that_are_ticked_come_back_after_their_plan_was_shown(reader, parcels):
    first, second, *others = archived()
    where = address(parcels, "rows")
    asked = reader.post(where, chosen(first, second))
    assert asked.status_code == 200
    (plan,) = asked.context["plans"]
    assert (plan["refusals"], ("Would come back", "2") in plan["figures"]) == ([], True)
    assert any("INSERT" in statement["sql"] for statement in plan["statements"])
    assert 'name="_go"' in asked.text
    assert MaintenanceRun.objects.filter(operation="restore").count() == 0
    done = reader.post(where, chosen(first, second, _go="x"))
    run = MaintenanceRun.objects.get(operation="restore")
    assert reverse("admin:dbhealth_maintenancerun_change", args=[run.pk]) in done.url
    assert (run.state, run.started_by) == (State.QUEUED, "operator")
    assert LogEntry.objects.get().object_id == str(run.pk)
    resume_run("default", run.pk, Circumstances())
    assert archived() == others
    assert Parcel.objects.filter(pk__in=[first, second]).count() == 2


def test_rows_in_conflict_are_reported_and_stay_when_that_is_chosen(reader, parcels):
    first, second, *_ = archived()
    number = ParcelArchive.objects.get(pk=first).number
    Parcel.objects.create(number=number, sent_at=timezone.now())
    where = address(parcels, "rows")
    asked = reader.post(where, chosen(first, second))
    (plan,) = asked.context["plans"]
    assert plan["refusals"][0]["code"] == "unique-taken"
    assert f"({first})" in plan["refusals"][0]["what"]
    assert 'name="_go"' not in asked.text
    again = reader.post(where, chosen(first, second, skip_conflicts="on", _look="1"))
    assert ("Would come back", "1") in again.context["plans"][0]["figures"]
    assert "Stays in the archive" in again.text
    reader.post(where, chosen(first, second, skip_conflicts="on", _go="x"))
    run = MaintenanceRun.objects.get(operation="restore")
    resume_run("default", run.pk, Circumstances())
    assert first in archived()
    assert second not in archived()


def test_who_may_not_restore_is_not_offered_it_and_cannot(parcels):
    client = client_of("confidant")
    where = address(parcels, "rows")
    assert "restore_rows" not in client.get(where).text
    client.post(where, chosen(*archived(), _go="x"))
    assert MaintenanceRun.objects.filter(operation="restore").count() == 0


def test_too_many_at_once_are_a_matter_for_the_run(reader, parcels):
    send(300, days=400)
    archive_table(Parcel)
    where = address(parcels, "rows")
    answer = reader.post(where, chosen(archived()[0], select_across="1", index="0"), follow=True)
    assert "200 can be ticked" in str(next(iter(answer.context["messages"])))
    assert MaintenanceRun.objects.filter(operation="restore").count() == 0


def test_a_whole_run_comes_back_from_its_own_page_parents_first(operator):
    old = timezone.now() - timedelta(days=200)
    story = Story.objects.create(created_at=old)
    Story.objects.create(created_at=timezone.now())
    chapter = Chapter.objects.create(story=story, written_at=old)
    Line.objects.create(chapter=chapter, said_at=old)
    run = archive_table(Story)["run"]
    where = reverse(RUN_DO, args=["restore"])
    asked = operator.get(where, {"pk": run})
    assert [plan["refusals"] for plan in asked.context["plans"]] == [[], [], []]
    operator.post(where, {"pk": run, "_go": "x"})
    queued = list(MaintenanceRun.objects.filter(operation="restore").order_by("pk"))
    assert {each.state for each in queued} == {State.QUEUED}
    (first,) = [each for each in queued if each.target == "famapp_story"]
    resume_run("default", first.pk, Circumstances())
    assert set(
        MaintenanceRun.objects.filter(operation="restore").values_list("state", flat=True)
    ) == {State.SUCCEEDED}
    assert StoryArchive.objects.count() == 0
    assert Line.objects.get().chapter.story.pk == story.pk


def test_nothing_of_a_run_comes_back_where_one_table_is_refused(operator):
    old = timezone.now() - timedelta(days=200)
    story = Story.objects.create(created_at=old)
    Story.objects.create(created_at=timezone.now())
    chapter = Chapter.objects.create(story=story, written_at=old)
    run = archive_table(Story)["run"]
    operator.post(reverse(RUN_DO, args=["restore"]), {"pk": run, "_go": "x"})
    other = Story.objects.create(created_at=timezone.now())
    Chapter.objects.create(pk=chapter.pk, story=other)
    queued = MaintenanceRun.objects.filter(operation="restore")
    with pytest.raises(Refused, match="famapp_chapter_archive has a key"):
        resume_run("default", queued.get(target="famapp_story").pk, Circumstances())
    assert set(queued.values_list("state", flat=True)) == {State.FAILED}
    assert StoryArchive.objects.count() == 1


def test_keys_in_conflict_are_told_to_those_alone_who_may_see_them(reader, parcels):
    first = archived()[0]
    run = MaintenanceRun.objects.get()
    Parcel.objects.create(number=ParcelArchive.objects.get(pk=first).number, sent_at=timezone.now())
    told = []
    for right in (True, False):
        if not right:
            User.objects.get(username="operator").user_permissions.remove(
                Right.objects.get(codename="view_sensitive")
            )
        asked = reader.get(reverse(RUN_DO, args=["restore"]), {"pk": run.pk})
        told.append(asked.context["plans"][0]["refusals"][0]["what"])
    assert told[0] == told[1][:-1] + f": ({first})."


def test_a_run_that_archived_nothing_has_nothing_to_bring_back(operator):
    run = MaintenanceRun.objects.create(
        operation="vacuum", database="default", target="*", state=State.SUCCEEDED,
        trigger="command", created_at=timezone.now(),
    )  # fmt: skip
    page = operator.get(reverse("admin:dbhealth_maintenancerun_change", args=[run.pk]))
    assert reverse(RUN_DO, args=["restore"]) not in page.text


SITE = AdminSite(name="bare")
SITE.register(ParcelArchive, ArchiveAdmin)
urlpatterns = [path("bare/", SITE.urls)]


@override_settings(ROOT_URLCONF=__name__)
def test_an_archive_can_be_registered_on_a_site_that_has_no_other_page(parcels):
    User.objects.create_superuser("root", password="x")  # noqa: S106
    client = Client()
    client.force_login(User.objects.get(username="root"))
    where = reverse("bare:shopapp_parcelarchive_changelist")
    assert keys(client, where) == archived()[::-1]
    first = archived()[0]
    assert client.get(reverse("bare:shopapp_parcelarchive_change", args=[first])).status_code == 200
    asked = client.post(where, chosen(first))
    assert ("Would come back", "1") in asked.context["plans"][0]["figures"]
    client.post(where, chosen(first, _go="x"))
    assert MaintenanceRun.objects.get(operation="restore").state == State.QUEUED


def test_a_model_that_is_no_archive_is_refused():
    with pytest.raises(TypeError, match="Owner is no archive model"):
        ArchiveAdmin(Owner, SITE)


def test_rows_with_keys_of_several_columns_are_listed_and_found_but_not_ticked(reader):
    old = timezone.now() - timedelta(days=2000)
    CompositeKey.objects.bulk_create(
        CompositeKey(region=region, number=number, created_at=old)
        for region in ("north", "a, b")
        for number in (1, 2)
    )
    run = archive_table(CompositeKey, allow_emptying=True)["run"]
    where = address(track(CompositeKey), "rows")
    assert len(keys(reader, where)) == 4
    assert keys(reader, where, q='north,2 "a') == [("north", 2)]
    page = reader.get(where).text
    assert "_selected_action" not in page
    assert str(run) in page


@pytest.mark.parametrize("text", ["9" * 30, "-1", "\0", "1" * 5000, "'; DROP TABLE x", "1 x 2"])
def test_whatever_is_searched_for_is_a_key_or_nothing(reader, parcels, text):
    assert reader.get(address(parcels, "rows"), {"q": text}).status_code == 200
