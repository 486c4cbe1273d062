"""What the system checks say about the children of a policy."""

import pytest
from django.db import models

from dbhealth.archive import ArchiveModel
from tests.testapp.policies import (
    InTestApp,
    archived,
    empty_registry,  # noqa: F401 - every test here begins with it
    found,
    only,
    source,
)


def below(parent, name="Below", **fields):
    """Return a model whose rows point at those of `parent`."""
    link = models.ForeignKey(parent, models.CASCADE, related_name="+")
    return source(name, parent=link, **fields)


def bare(of, name):
    """Return an archive model without a policy."""
    attrs = {"__module__": __name__, "Meta": InTestApp}
    return type(ArchiveModel)(name, (ArchiveModel,), attrs, source=of)


def test_a_family_that_is_declared_right_has_no_problem():
    top = source()
    child = archived(below(top), "BelowArchive", retention=None)
    archived(top, children=[child], children_newer="move")
    assert found() == []


def test_a_child_may_be_named_and_needs_no_policy(registry, monkeypatch):
    monkeypatch.setattr("dbhealth.archive.family.apps", registry)
    top = source()
    bare(below(top), "BelowArchive")
    archived(top, children=["testapp.BelowArchive"])
    assert found() == []


@pytest.mark.parametrize("child", ["nowhere.Nobody", "no name", models.Model, 5, None])
def test_E113_no_archive_model(child):
    archived(source(), children=[child])
    assert only().id == "dbhealth.E113"
    assert "no archive model" in only().msg


def test_E113_the_list_was_forgotten():
    top = source()
    archived(top, children="Below")
    assert only().id == "dbhealth.E113"


def test_E113_no_foreign_key():
    child = archived(source("Apart"), "ApartArchive")
    archived(source(), children=[child])
    assert only().id == "dbhealth.E113"
    assert "No foreign key" in only().msg


def test_E113_the_archive_itself(registry, monkeypatch):
    monkeypatch.setattr("dbhealth.archive.family.apps", registry)
    archived(source(), children=["testapp.SourceArchive"])
    assert only().id == "dbhealth.E113"


@pytest.mark.parametrize("value", ["drop", "", None, "HOLD"])
def test_E114(value):
    archived(source(), children_newer=value)
    assert only().id == "dbhealth.E114"


def test_E115(settings):
    settings.DATABASE_ROUTERS = ["tests.archive.test_family_checks.Away"]
    top = source()
    child = archived(below(top), "BelowArchive")
    archived(top, children=[child])
    assert "dbhealth.E115" in found()


class Away:
    """Sends everything called below to the other database."""

    def db_for_write(self, model, **hints):
        return "other" if model.__name__.startswith("Below") else "default"


def test_an_archive_without_a_policy_that_is_nobodys_child_is_a_mistake():
    bare(source(), "SourceArchive")
    assert only().id == "dbhealth.E102"


def test_no_retention_is_a_mistake_where_nobody_is_the_parent():
    archived(source(), retention=None)
    assert only().id == "dbhealth.E105"
