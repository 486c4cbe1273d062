"""`index_usage --snapshot`, as cron calls it."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from dbhealth.indexes.models import IndexCount, IndexSnapshot, TrackedIndex
from dbhealth.queries.capture import recording

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


def snapshot(*options):
    out = io.StringIO()
    call_command("index_usage", "--snapshot", "--database", "default", *options, stdout=out)
    return out.getvalue()


def test_it_says_what_it_has_kept():
    text = snapshot()
    indexes = TrackedIndex.objects.count()
    assert indexes > 100
    assert text == f"default: snapshot 1 of {indexes} indexes, 0 used since the one before.\n"
    assert IndexSnapshot.objects.get().number == 1


def test_json_is_one_document():
    snapshot()
    found = json.loads(snapshot("--format", "json"))["snapshots"]["default"]
    assert found["number"] == 2
    assert found["indexes"] == TrackedIndex.objects.count()


@pytest.fixture
def without_other():
    """Take the second database away."""
    other = connections["other"]
    name = other.settings_dict["NAME"]
    other.close()
    other.settings_dict["NAME"] = "/nowhere/at/all"
    yield
    other.close()
    other.settings_dict["NAME"] = name


@pytest.mark.parametrize(
    "options, said",
    [
        (["--snapshot"], "default: snapshot 1 of"),
        (["--table", "auth_group"], "default ("),
        (["--table", "auth_group", "--format", "json"], '{"databases": {\n"default": {'),
    ],
)
def test_a_database_that_fails_does_not_hide_the_others(without_other, options, said):
    out = io.StringIO()
    with pytest.raises(CommandError, match="other: ") as failure:
        call_command("index_usage", *options, stdout=out)
    assert failure.value.returncode == 1
    assert out.getvalue().startswith(said)
    if "json" in options:
        assert list(json.loads(out.getvalue())["errors"]) == ["other"]


@pytest.mark.sqlite
def test_what_the_recorder_has_seen_counts_where_the_engine_counts_nothing():
    snapshot()
    with recording("default"), connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT 1 FROM auth_group WHERE name = %s", ["x"])
    snapshot()
    [used] = IndexCount.objects.filter(scans__gt=0)
    assert (used.index.table, used.scans) == ("auth_group", 3)
