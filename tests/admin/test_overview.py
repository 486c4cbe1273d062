"""The first page: what it says of each database, how old that is, and what looking anew does."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dbhealth import recipes
from dbhealth.models import (
    FindingRecord,
    MaintenanceRun,
    SizeSnapshot,
    TrackedArchive,
    TrackedIndex,
    TrackedTable,
)
from tests.admin.conftest import make_finding
from tests.runs.making import dead

LIST = "admin:dbhealth_databasehealth_changelist"

BOTH = ["default", "other"]
"""The page is about all databases that the tests have."""


PAGES_OF_ROWS = [
    ("trackedtable_changelist",),
    ("trackedtable_change", 1),
    ("trackedtable_history", 1),
    ("trackedtable_do", "vacuum"),
    ("trackedarchive_plan", 1),
]
"""Pages about one database: its own name, and what stands in its address."""


def shown(client):
    """Return what the page shows of the default database."""
    response = client.get(reverse(LIST))
    assert response.status_code == 200
    (database,) = [it for it in response.context["databases"] if it["alias"] == "default"]
    return database, response.text


@pytest.mark.django_db(databases=BOTH)
def test_before_anybody_has_looked_it_says_so_and_what_to_do(viewer):
    database, text = shown(viewer)
    assert database["headline"] == "Nobody has looked yet."
    for command in ("manage.py db_health", "manage.py db_stats --snapshot"):
        assert command in text
    assert "Look now" not in text, "a viewer cannot do that"


@pytest.mark.django_db(databases=BOTH)
def test_the_headline_is_the_gravest_finding_that_nobody_knows_of(viewer):
    make_finding(1, "warning")
    make_finding(2, "critical", acknowledged_at=timezone.now(), acknowledged_level="critical")
    make_finding(3, "error")
    database, text = shown(viewer)
    assert database["worst"] == "error"
    assert database["headline"] == "The index idle_3 is not used. And 1 more."
    assert [(level["level"], level["count"]) for level in database["levels"]] == [
        ("error", 1),
        ("warning", 1),
    ]
    assert "Drop it." in text
    FindingRecord.objects.update(resolved_at=timezone.now())
    assert shown(viewer)[0]["worst"] == "healthy"


@pytest.mark.django_db(databases=BOTH)
def test_sizes_are_a_curve_with_the_moment_of_the_last_look(viewer):
    now = timezone.now()
    for day in range(10):
        SizeSnapshot.objects.create(
            database="default",
            number=day,
            taken_at=now - timedelta(days=9 - day),
            bytes=day * 2**20,
        )
    database, text = shown(viewer)
    assert database["bytes"] == "9.0\xa0MB"
    assert "<svg" in text
    assert "Size of the database" in text


@pytest.mark.django_db(databases=BOTH, transaction=True)
def test_looking_anew_takes_everything_that_the_pages_show(operator, monkeypatch):
    monkeypatch.setattr(recipes, "LOOK_SECONDS", 120.0)
    address = reverse("admin:dbhealth_look")
    assert operator.get(address).status_code == 405
    try:
        answer = operator.post(address, {"database": "default"}, follow=True)
        assert "are as of now" in answer.text
        assert LogEntry.objects.get().object_id == "default"
        for model in (SizeSnapshot, TrackedArchive, TrackedIndex, TrackedTable):
            assert model.objects.exists(), model
        database, text = shown(operator)
        assert database["tables"]
        assert database["policies"] > 3
        assert database["archives_as_of"] <= timezone.now()
        assert "Largest tables" in text
    finally:
        for model in (SizeSnapshot, TrackedArchive, TrackedIndex, TrackedTable, FindingRecord):
            model.objects.all().delete()


@pytest.mark.django_db(databases=BOTH)
def test_whoever_waits_for_a_look_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(recipes, "LOOK_SECONDS", -1.0)
    failed = recipes.look("default")
    assert failed.keys() == {"findings", "sizes", "archives", "indexes"}
    assert not SizeSnapshot.objects.exists()


@pytest.mark.django_db(databases=BOTH)
def test_what_could_not_be_taken_is_told_and_the_rest_is(operator, monkeypatch):
    monkeypatch.setattr(recipes, "look", lambda alias: {"sizes": "The disk is gone."})
    answer = operator.post(reverse("admin:dbhealth_look"), {"database": "default"}, follow=True)
    assert "The sizes could not be taken anew: The disk is gone." in answer.text


@pytest.mark.django_db(databases=BOTH, transaction=True)
def test_a_database_that_is_down_does_not_hide_the_others(superuser, monkeypatch):
    other = connections["other"]
    other.close()
    for name, value in {"NAME": "no/such/file", "HOST": "/nowhere", "PORT": "1"}.items():
        monkeypatch.setitem(other.settings_dict, name, value)
    response = superuser.get(reverse(LIST))
    databases = {it["alias"]: it for it in response.context["databases"]}
    assert databases["other"]["unavailable"]
    assert databases["default"]["headline"]
    assert "It could not be asked" in response.text
    for page, *args in PAGES_OF_ROWS:
        address = reverse(f"admin:dbhealth_{page}", args=args)
        answer = superuser.get(address, {"database": "other", "pk": "1"})
        assert answer.status_code == 503, page
        assert "could not be reached" in answer.text


@pytest.mark.django_db(databases=BOTH)
def test_a_run_whose_process_is_dead_shows_as_such(viewer):
    dead("running")
    assert "running, dead" in viewer.get(reverse(LIST)).text


@pytest.mark.django_db(databases=BOTH)
def test_the_page_asks_as_often_for_many_rows_as_for_few(superuser):
    counts = []
    for rows in (range(3), range(3, 60)):
        for number in rows:
            make_finding(number)
            MaintenanceRun.objects.create(
                operation="vacuum", database="default", target=str(number),
                state="succeeded", created_at=timezone.now(),
            )  # fmt: skip
        superuser.get(reverse(LIST))
        with CaptureQueriesContext(connection) as asked:
            superuser.get(reverse(LIST))
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 20
