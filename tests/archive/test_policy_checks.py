"""What the system checks say about archive models and their policies, by the checks' ids."""

from datetime import timedelta

import pytest
from django.core import checks
from django.db import connection, connections, models
from django.db.models import Exists, F, Func, OuterRef, Q, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThan
from django.test import override_settings

from dbhealth.archive import ArchiveModel, ArchivePolicy, archive_table
from dbhealth.archive.behind import behind
from dbhealth.archive.refusals import schema_of_another_file
from dbhealth.checks import check_settings
from dbhealth.exceptions import Refused
from dbhealth.runs.models import MaintenanceRun
from tests.testapp.models import Owner
from tests.testapp.policies import (
    InTestApp,
    archived,
    empty_registry,  # noqa: F401 - every test here begins with it
    found,
    meta,
    only,
    source,
)


def test_a_right_policy_has_no_problem():
    model = archived(source(state=models.CharField(max_length=9)), where=Q(state="x"), batch_size=5)
    assert not found()
    assert not model.check()


@pytest.mark.parametrize(
    "raw, message, hint",
    [
        ({"LOCK_TIMEOUTS": 1}, "no key 'LOCK_TIMEOUTS'", "Did you mean 'LOCK_TIMEOUT'?"),
        ({"LOCK_TIMEOUT": "1"}, "must be a number, not str", "seconds"),
        ({"LOCK_TIMEOUT": float("nan")}, "must be at least", "seconds"),
        ({"LEASE_SECONDS": 1}, "'LEASE_SECONDS' is not longer", "take over a run that is alive"),
    ],
)
def test_E001(raw, message, hint):
    with override_settings(DBHEALTH=raw):
        (problem,) = check_settings()
        (same,) = [
            p for p in checks.run_checks(tags=["dbhealth"], databases=[]) if p.id == "dbhealth.E001"
        ]
    assert problem == same
    assert message in problem.msg.replace("DBHEALTH['LEASE_SECONDS']", "'LEASE_SECONDS'")
    assert hint in problem.hint
    assert not check_settings()


def test_E101_abstract():
    archived(source(meta=meta(abstract=True)))
    assert only().id == "dbhealth.E101"
    assert "Source is abstract" in only().msg


def test_E101_proxy():
    real = source("Real")
    archived(source("Proxy", bases=(real,), meta=meta(proxy=True), created_at=None))
    assert only().id == "dbhealth.E101"
    assert "Proxy is a proxy" in only().msg
    assert "source=testapp.Real" in only().hint


def test_E101_swapped(settings):
    settings.TESTAPP_SOURCE = "testapp.Other"
    archived(source(meta=meta(swappable="TESTAPP_SOURCE")))
    assert only().id == "dbhealth.E101"
    assert "is swapped for testapp.Other" in only().msg


def test_E101_multi_table_inheritance():
    parent = source("Parent")
    archived(source("Child", bases=(parent,), created_at=None, extra=models.IntegerField()))
    assert only().id == "dbhealth.E101"
    assert "inherits from another model with a table" in only().msg


def test_the_fields_of_an_abstract_parent_are_no_inheritance_of_tables():
    base = source("Base", meta=meta(abstract=True))
    archived(source("Child", bases=(base,), created_at=None))
    assert not found()


@pytest.mark.parametrize("policy", [None, {"retention": 90}, ArchivePolicy])
def test_E102(policy):
    archived(source(), body={"policy": policy})
    assert only().id == "dbhealth.E102"
    assert "policy = ArchivePolicy(" in only().hint


def test_E102_without_any_policy():
    type(ArchiveModel)(
        "SourceArchive",
        (ArchiveModel,),
        {"__module__": __name__, "Meta": InTestApp},
        source=source(),
    )
    assert only().id == "dbhealth.E102"


@pytest.mark.parametrize("name", ["created", "owner__created_at", "", "-created_at", None])
def test_E103(name):
    archived(source(day=models.DateField(null=True)), timestamp_field=name)
    assert only().id == "dbhealth.E103"
    assert repr(name) in only().msg
    assert only().hint.startswith("Fields that tell a time: ")
    assert {"created_at", "day"} <= set(only().hint.replace(".", "").replace(",", "").split())


@pytest.mark.parametrize(
    "field",
    [
        models.TimeField(),
        models.CharField(max_length=9),
        models.DurationField(),
        models.ForeignKey("self", models.CASCADE),
        models.ManyToManyField("self"),
    ],
    ids=lambda field: type(field).__name__,
)
def test_E104(field):
    archived(source(wanted=field), timestamp_field="wanted")
    assert only().id == "dbhealth.E104"
    assert "'wanted'" in only().msg


def test_a_date_or_a_generated_moment_is_temporal():
    generated = models.GeneratedField(
        expression=F("created_at"),
        output_field=models.DateTimeField(),
        db_persist=True,
        db_index=True,
    )
    archived(source(made=generated), timestamp_field="made")
    archived(
        source("Day", day=models.DateField(db_index=True)), "DayArchive", timestamp_field="day"
    )
    assert not found()


@pytest.mark.parametrize(
    "terms",
    [
        {"retention": timedelta(0)},
        {"retention": timedelta(days=-1)},
        {"retention": 90},
        {"retention": None},
        {"batch_size": 0},
        {"batch_size": -5},
        {"batch_size": 10.0},
        {"batch_size": "5"},
        {"batch_size": True},
    ],
)
def test_E105(terms):
    archived(source(), **terms)
    assert only().id == "dbhealth.E105"
    assert next(iter(terms)) in only().msg


@pytest.mark.parametrize(
    "where",
    [
        Q(nothing=1),
        Q(created_at__nothing=1),
        Q(created_at="yesterday"),
        Q(id="x"),
        Q(id=F("nothing")),
        {"id": 1},
        "id = 1",
        lambda: Q(id=1),
        True,
    ],
)
def test_E106(where):
    archived(source(), where=where)
    assert only().id == "dbhealth.E106"
    assert "does not resolve" in only().msg


def wheres_of_other_tables():
    reference = source("Other")
    yield Q(owner__label="x")
    yield Q(owner__notes__isnull=True)
    yield Q(owner__in=Owner.objects.filter(label="x"))
    yield Q(Exists(reference.objects.filter(pk=OuterRef("pk"))))
    yield Q(id=1) | ~Q(Q(id=2) & Q(owner_id__in=Owner.objects.values("pk")))
    yield Q(id=Owner.objects.values("pk")[:1])
    yield Q(id__in=[Owner.objects.values("pk")[:1], 5])
    yield Q(id__gt=F("owner__notes__id") + 1)


@pytest.mark.parametrize("number", range(8))
def test_E107(number, registry):
    registry.register_model("testapp", Owner)
    where = list(wheres_of_other_tables())[number]
    owner = models.ForeignKey(Owner, models.CASCADE, related_name="+")
    archived(source(owner=owner), where=where)
    assert only().id == "dbhealth.E107"


@pytest.mark.parametrize(
    "where",
    [
        Q(owner=5),
        Q(owner_id__in=[1, 2]),
        Q(owner__id=5),
        Q(owner__pk__isnull=True),
        Q(id__gt=F("owner_id") + 1),
        ~Q(owner=None),
    ],
)
def test_no_E107_for_the_columns_of_the_table_itself(where):
    archived(source(owner=models.ForeignKey(Owner, models.CASCADE, related_name="+")), where=where)
    assert "dbhealth.E107" not in found()


@pytest.mark.parametrize(
    "where",
    [
        Q(created_at__gt=Now() - timedelta(days=400)),
        Q(pk__gt=RawSQL("random()", [], output_field=models.IntegerField())),
        Q(GreaterThan(Func(function="random"), Value(0.5))),
    ],
)
def test_E107_for_what_changes_from_one_statement_to_the_next(where):
    archived(source(), where=where)
    assert only().id == "dbhealth.E107"


def test_E108():
    of = source()
    archived(of)
    archived(of, "AnotherArchive", meta=meta(db_table="another"))
    assert only().id == "dbhealth.E108"
    assert "testapp.SourceArchive and testapp.AnotherArchive both archive" in only().msg


def test_E108_for_two_models_of_one_table():
    archived(source(meta=meta(db_table="one")))
    unmanaged = source("Same", meta=meta(db_table="one", managed=False))
    archived(unmanaged, "SameArchive", meta=meta(db_table="other"))
    assert only().id == "dbhealth.E108"


def test_E109():
    of = source()
    archived(of)
    of.add_to_class("late", models.IntegerField(null=True))
    assert only().id == "dbhealth.E109"
    assert "lacks columns of testapp.Source: late" in only().msg


def test_E109_for_a_column_that_the_archive_s_class_takes_away():
    archived(source(extra=models.IntegerField()), body={"extra": None})
    assert only().id == "dbhealth.E109"


class ArchivesElsewhere:
    def db_for_write(self, model, **hints):
        return "other" if model.__name__.endswith("Archive") else None


def test_E110():
    archived(source())
    with override_settings(DATABASE_ROUTERS=[ArchivesElsewhere()]):
        assert only().id == "dbhealth.E110"
        assert "'default'" in only().msg
        assert "'other'" in only().msg
    assert not found()


@pytest.mark.parametrize(
    "kept, refused",
    [
        ({"lost": models.IntegerField()}, True),
        ({"lost": models.IntegerField(default=5)}, True),
        ({"maybe": models.IntegerField()}, True),
        ({"maybe": models.IntegerField(db_default=5)}, True),
        ({"lost": models.IntegerField(null=True), "maybe": models.IntegerField(null=True)}, False),
        ({"lost": models.IntegerField(db_default=5)}, False),
        ({"always": models.IntegerField()}, False),
    ],
)
def test_E112(kept, refused):
    archived(source(maybe=models.IntegerField(null=True), always=models.IntegerField()), body=kept)
    if not refused:
        assert not found()
        return
    assert only().id == "dbhealth.E112"
    assert f"no value for {next(iter(kept))}." in only().msg


def test_a_wrong_timestamp_is_not_said_twice():
    archived(source(created_at=models.DateTimeField()), timestamp_field="wrong")
    assert found() == ["dbhealth.E103"]


@pytest.fixture
def odd(monkeypatch):
    """Return a function that adds the alias "odd" with other settings than the default's."""

    def add(**changes):
        given = connections["default"].settings_dict | {"TEST": {}} | changes
        monkeypatch.setitem(connections.settings, "odd", given)

    yield add
    if hasattr(connections._connections, "odd"):
        del connections["odd"]


def test_W102_for_an_engine_that_dbhealth_does_not_know(odd):
    archived(source())
    odd(ENGINE="django.db.backends.dummy")
    (problem,) = behind(["odd"])
    assert (problem.id, problem.level) == ("dbhealth.W102", checks.WARNING)
    assert "'odd'" in problem.msg


def test_W103_for_a_database_that_cannot_be_reached(odd, tmp_path, django_db_blocker):
    archived(source())
    nowhere = tmp_path / "missing" / "folder"
    is_sqlite = connection.vendor == "sqlite"
    odd(**({"NAME": str(nowhere)} if is_sqlite else {"HOST": str(nowhere)}))
    with django_db_blocker.unblock():
        (problem,) = behind(["odd"])
    assert (problem.id, problem.level) == ("dbhealth.W103", checks.WARNING)
    assert "'odd' cannot be read" in problem.msg


@pytest.mark.django_db
def test_E111_for_tables_that_no_migration_will_make():
    model = archived(source())
    problems = behind(["default"])
    assert [problem.id for problem in problems] == ["dbhealth.E111"] * 2
    assert {problem.level for problem in problems} == {checks.ERROR}
    assert {problem.obj for problem in problems} == {model}
    assert "makemigrations testapp" in problems[1].hint


def test_no_database_is_asked_without_being_named(django_db_blocker):
    archived(source())
    with django_db_blocker.block():
        assert behind([]) == []


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ['place"."things', '"place"."things"'])
def test_a_table_of_another_file_is_refused(table):
    of = source(meta=meta(db_table=table))
    archived(of)
    with pytest.raises(Refused) as caught:
        archive_table(of)
    assert caught.value.refusals == (schema_of_another_file(table.strip('"')),)
    assert archive_table(of, dry_run=True)["state"] == "refused"
    assert [problem.id for problem in behind(["default"])] == ["dbhealth.E111"]
    assert MaintenanceRun.objects.get().result["refusals"][0]["code"] == "attached-file"


def test_a_source_that_is_no_model_is_refused_at_once():
    for wrong in ("testapp.Source", None, object):
        with pytest.raises(TypeError, match="needs the model whose rows it keeps"):
            archived(wrong)
