"""Models made for one test, and what the system checks say about them."""

from datetime import timedelta

import pytest
from django.db import models
from django.test.utils import isolate_apps

from dbhealth.archive import ArchiveModel, ArchivePolicy
from dbhealth.archive.problems import policy_problems
from dbhealth.runs.models import MaintenanceRun


@pytest.fixture(autouse=True, name="registry")
def empty_registry(monkeypatch):
    """Give each test an empty registry, so that its models are all there are."""
    with isolate_apps("tests.testapp", "dbhealth") as apps:
        apps.register_model("dbhealth", MaintenanceRun)
        monkeypatch.setattr("dbhealth.archive.registry.apps", apps)
        yield apps


class InTestApp:
    app_label = "testapp"


def source(name="Source", bases=(models.Model,), meta=InTestApp, **fields):
    """Return a new model with an indexed created_at, unless ``fields`` says otherwise."""
    given = {"created_at": models.DateTimeField(null=True, db_index=True), **fields}
    kept = {name: field for name, field in given.items() if field is not None}
    attrs = {"__module__": __name__, "Meta": meta, **kept}
    return type(name, bases, attrs)


def archived(of, name="SourceArchive", meta=InTestApp, body=None, **policy):
    """Return a new archive model of ``of``."""
    terms = {"timestamp_field": "created_at", "retention": timedelta(days=1), **policy}
    attrs = {"__module__": __name__, "Meta": meta, "policy": ArchivePolicy(**terms)}
    return type(ArchiveModel)(name, (ArchiveModel,), {**attrs, **(body or {})}, source=of)


def meta(**options):
    """Return a Meta of the test app with these options."""
    return type("Meta", (InTestApp,), options)


def found():
    """Return the ids of all problems."""
    return [problem.id for problem in policy_problems()]


def only():
    """Return the one problem that there is."""
    (problem,) = policy_problems()
    assert problem.hint, "a problem comes with what to do"
    return problem
