"""What the system checks say about a purge_after."""

from datetime import timedelta

import pytest
from django.db import models

from dbhealth.archive.problems import policy_problems
from dbhealth.indexes.owner import Place
from dbhealth.indexes.registry import Registered, Registry
from tests.testapp.policies import archived, empty_registry, found, meta, only, source  # noqa: F401

TEN_YEARS = timedelta(days=3650)


def indexed(*fields, **options):
    return meta(indexes=[models.Index(fields=list(fields), name="some_index", **options)])


@pytest.mark.parametrize("value", [3650, "10 years", timedelta(0), timedelta(days=-1), True])
def test_a_purge_after_that_is_no_time_or_none(value):
    archived(source(), purge_after=value)
    problem = only()
    assert problem.id == "dbhealth.E117"
    assert "must be a timedelta of more than zero" in problem.msg


def test_a_purge_after_that_reaches_before_the_calendar():
    archived(source(), purge_after=timedelta.max)
    problem = only()
    assert problem.id == "dbhealth.E117"
    assert "before the year 1" in problem.msg


def test_without_a_purge_after_no_index_is_asked_for():
    archived(source())
    assert found() == []


def test_an_archive_without_an_index_on_archived_at():
    archived(source(), purge_after=TEN_YEARS)
    problem = only()
    assert problem.id == "dbhealth.W104"
    line = 'models.Index(fields=["archived_at"], name="sourcearchive_archived_at_idx")'
    assert problem.hint == f"Add {line} to Meta.indexes of testapp.SourceArchive."


@pytest.mark.parametrize("fields", [["archived_at"], ["-archived_at"], ["archived_at", "id"]])
def test_an_index_that_begins_with_archived_at_will_do(fields):
    archived(source(), purge_after=TEN_YEARS, meta=indexed(*fields))
    assert found() == []


def test_an_index_that_has_it_second_or_for_some_rows_only_will_not():
    archived(source(), purge_after=TEN_YEARS, meta=indexed("archive_run", "archived_at"))
    assert found() == ["dbhealth.W104"]


def test_a_partial_index_will_not():
    some = indexed("archived_at", condition=models.Q(archive_run__gt=5))
    archived(source(), purge_after=TEN_YEARS, meta=some)
    assert found() == ["dbhealth.W104"]


def test_one_that_is_registered_for_the_archive_will_do():
    archive = archived(source(), purge_after=TEN_YEARS)
    own = Registry()
    index = models.Index(fields=["archived_at"], name="i")
    own._found = {"i": Registered(archive, index, Place(__file__, 1))}
    assert policy_problems(own.by_model()) == []
    assert found() == ["dbhealth.W104"]
