"""W101: no index helps to find the rows, and which line would."""

import pytest
from django.contrib.postgres.indexes import BrinIndex, BTreeIndex, HashIndex
from django.core import checks
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from dbhealth.archive.problems import policy_problems
from dbhealth.indexes.owner import Place
from dbhealth.indexes.registry import Registered, Registry
from tests.testapp.models import Owner
from tests.testapp.policies import (
    archived,
    empty_registry,  # noqa: F401 - every test here begins with it
    found,
    meta,
    only,
    source,
)

HERE = Place(__file__, 1)


def test_W101_with_the_line_that_helps():
    archived(source(created_at=models.DateTimeField()))
    assert only().id == "dbhealth.W101"
    assert only().level == checks.WARNING
    line = 'models.Index(fields=["created_at"], name="source_created_at_idx")'
    assert line in only().hint
    assert "Meta.indexes of testapp.Source" in only().hint


def test_the_line_of_W101_is_a_valid_index_that_ends_it():
    name = "SourceWithAnExceedinglyLongName"
    archived(source(name, created_at=models.DateTimeField()))
    line = only().hint.split("Add ")[1].split(" to Meta")[0]
    index = eval(line, {"models": models})  # noqa: S307
    assert len(index.name) <= models.Index.max_name_length
    of = source("Mended", meta=meta(indexes=[index]), created_at=models.DateTimeField())
    assert not of.check()
    archived(of, "MendedArchive")
    assert [problem.obj.__name__ for problem in policy_problems()] == ["SourceArchive"]


BY_STATE = models.Index(fields=["state", "-created_at"], name="by_state")
FIXED = [Q(state="x"), Q(state__exact="x") & Q(id__gt=1), Q(state__isnull=True), Q(Q(state="x"))]
LOOSE = [
    None,
    Q(state=F("id")),
    Q(state="x") | Q(id=1),
    ~Q(state="x"),
    Q(state__gt="x"),
    Q(state__isnull=False),
]


@pytest.mark.parametrize("where, warns", [(w, False) for w in FIXED] + [(w, True) for w in LOOSE])
def test_W101_by_what_where_says_of_the_columns_before_the_timestamp(where, warns):
    of = source(
        meta=meta(indexes=[BY_STATE]),
        created_at=models.DateTimeField(),
        state=models.CharField(max_length=9, null=True),
    )
    archived(of, where=where)
    assert found() == (["dbhealth.W101"] if warns else [])


WAYS = [Q(owner=5), Q(owner_id=5), Q(owner__id=5), Q(owner__pk__exact=5), Q(owner__isnull=True)]


@pytest.mark.parametrize("name", ["owner", "owner_id"])
@pytest.mark.parametrize("where", WAYS)
def test_no_W101_where_a_reference_is_fixed_whatever_it_is_called(where, name):
    index = models.Index(fields=[name, "created_at"], name="by_owner")
    owner = models.ForeignKey(Owner, models.CASCADE, related_name="+")
    archived(
        source(meta=meta(indexes=[index]), created_at=models.DateTimeField(), owner=owner),
        where=where,
    )
    assert not found()


@pytest.mark.parametrize(
    "options",
    [
        {"indexes": [models.Index(F("created_at").desc(), name="i")]},
        {"indexes": [models.Index("created_at", Lower("state"), name="i")]},
        {"indexes": [models.Index(fields=["created_at"], condition=Q(state="x"), name="i")]},
        {"unique_together": [("created_at", "state")]},
        {"constraints": [models.UniqueConstraint(fields=["created_at", "state"], name="u")]},
    ],
)
def test_no_W101_with_an_index_that_serves(options):
    of = source(
        meta=meta(**options),
        created_at=models.DateTimeField(),
        state=models.CharField(max_length=9),
    )
    archived(of, where=Q(state="x"))
    assert not found()


@pytest.mark.parametrize(
    "options",
    [
        {"indexes": [models.Index(fields=["other", "created_at"], name="i")]},
        {"indexes": [models.Index(fields=["created_at"], condition=Q(state="y"), name="i")]},
        {"indexes": [models.Index(Lower("created_at"), name="i")]},
        {"constraints": [models.CheckConstraint(condition=Q(created_at=None), name="c")]},
        {
            "constraints": [
                models.UniqueConstraint(
                    fields=["created_at"], condition=Q(state="y"), name="partial"
                )
            ]
        },
    ],
)
def test_W101_with_an_index_that_does_not_serve(options):
    of = source(
        meta=meta(**options),
        created_at=models.DateTimeField(),
        state=models.CharField(max_length=9),
        other=models.IntegerField(),
    )
    archived(of, where=Q(state="x"))
    assert found() == ["dbhealth.W101"]


@pytest.mark.parametrize(
    "index, serves",
    [
        (BrinIndex(fields=["other", "created_at"], name="i"), True),
        (BTreeIndex(fields=["created_at"], name="i"), True),
        (BTreeIndex(fields=["other", "created_at"], name="i"), False),
        (HashIndex(fields=["created_at"], name="i"), False),
        (BrinIndex(fields=["created_at"], opclasses=["timestamptz_bloom_ops"], name="i"), False),
        (
            BrinIndex(
                fields=["other", "created_at"],
                opclasses=["int4_bloom_ops", "timestamptz_minmax_ops"],
                name="i",
            ),
            True,
        ),
        (
            models.Index(fields=["created_at"], condition=Q(created_at__isnull=False), name="i"),
            True,
        ),
    ],
    ids=[
        "brin",
        "btree",
        "btree behind another",
        "hash",
        "bloom",
        "bloom of another",
        "all but NULL",
    ],
)
def test_W101_by_what_a_method_can_find(index, serves):
    archived(
        source(
            meta=meta(indexes=[index]),
            created_at=models.DateTimeField(),
            other=models.IntegerField(),
        )
    )
    assert found() == ([] if serves else ["dbhealth.W101"])


def test_W101_for_a_model_of_another_app_says_how_to_index_it(registry):
    class ForeignMeta:
        app_label = "admin"

    archived(source("Log", meta=ForeignMeta, created_at=models.DateTimeField()), "LogArchive")
    assert only().id == "dbhealth.W101"
    assert "belongs to another app" in only().hint
    said = 'register(Log, models.Index(fields=["created_at"], name="log_created_at_idx"))'
    assert f"Call dbhealth.indexes.{said} in tests.testapp.indexes." in only().hint


def test_an_index_that_is_registered_for_a_model_of_another_app_ends_W101(registry):
    class ForeignMeta:
        app_label = "admin"

    log = source("Log", meta=ForeignMeta, created_at=models.DateTimeField())
    archived(log, "LogArchive")
    own = Registry()
    own._found = {"i": Registered(log, models.Index(fields=["-created_at"], name="i"), HERE)}
    assert policy_problems(own.by_model()) == []
    assert only().id == "dbhealth.W101"
