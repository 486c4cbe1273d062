"""An index stays that somebody is known to search by, however seldom he does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import models
from django.db.models import Q

from dbhealth.indexes.registry import Registry
from dbhealth.indexes.searching import Search, serves_search
from dbhealth.indexes.usage import index_usage
from dbhealth.recipes import searched_by_policies
from tests.famapp.models import LineArchive
from tests.indexes.judging import a_subject, an_index, judged
from tests.moveapp.models import Event
from tests.moveapp.tools import change_policy

OLD = Search(table="goods", column="sold_at", why="Every run looks for old goods by it.", change="")


def searched():
    return [(item.table, item.column) for item in searched_by_policies("default")]


def codes(found, name):
    return [str(verdict.code) for verdict in found[name].verdicts]


@pytest.mark.parametrize("scans, code", [(0, "unused"), (1, "rarely-used")])
def test_an_index_that_a_search_needs_is_not_called_unused(scans, code):
    subject = a_subject(an_index("sold", "sold_at"), scans=scans, table={"inserts": 1_000_000})
    assert codes(judged(subject), "sold") == [code]
    found = judged(subject, wanted=[OLD])
    assert (codes(found, "sold"), found["sold"].stays) == ([], OLD.why)


def test_one_index_is_enough_and_one_that_does_not_serve_is_judged_by_its_use():
    found = judged(
        a_subject(an_index("sold", "sold_at"), scans=3),
        a_subject(an_index("sold_where", "sold_at", "place"), scans=0),
        a_subject(an_index("place", "place", "sold_at"), scans=0),
        wanted=[OLD],
    )
    assert codes(found, "place") == ["unused"]
    # The shorter one is covered by the longer one, which takes its scans over and stays.
    assert codes(found, "sold") == ["covered"]
    assert (codes(found, "sold_where"), found["sold_where"].stays) == ([], OLD.why)


RUN = Search(
    table="goods", column="run", why="Verifying finds its rows by it.", change="", by_value=True
)


@pytest.mark.parametrize(
    "method, columns, serves",
    [
        ("btree", ["run", "a"], {"range", "value"}),
        ("btree", ["a", "run"], set()),
        ("brin", ["a", "run"], {"range", "value"}),
        ("brin", ["a"], set()),
        ("brin", ["a", "run:int8_bloom_ops"], {"value"}),
        ("brin", ["a:int8_bloom_ops", "run"], {"range", "value"}),
        ("hash", ["run"], {"value"}),
        ("gin", ["run"], set()),
    ],
)
def test_which_methods_find_a_value_and_which_a_range(method, columns, serves):
    index = an_index("some", *columns, shape={"method": method})
    ranged = replace(RUN, by_value=False)
    found = {
        kind for kind, item in (("range", ranged), ("value", RUN)) if serves_search(index, item)
    }
    assert found == serves


@pytest.mark.parametrize("method", ["brin", "hash"])
def test_a_btree_stays_rather_than_an_index_that_finds_less(method):
    weaker = an_index("a_first_by_name", "run", shape={"method": method})
    found = judged(a_subject(weaker), a_subject(an_index("tree", "run")), wanted=[RUN])
    assert (found["a_first_by_name"].stays, found["tree"].stays) == ("", RUN.why)


@pytest.mark.django_db
def test_what_archiving_and_verifying_search_by_stays():
    found = {
        (item.subject.index.table, *item.subject.index.shape.columns): item.stays
        for item in index_usage("default", ["move_event", "move_event_archive"]).indexes
    }
    assert "archive run of moveapp.Event" in found["move_event", "created_at"]
    run = found["move_event_archive", "archive_run_id"]
    assert run == "Verifying and restoring a run of moveapp.EventArchive finds its rows by it."


def test_a_purge_searches_also_where_rows_leave_with_their_parents(monkeypatch):
    lines = LineArchive._meta.db_table
    assert (lines, "archived_at") not in searched()
    change_policy(monkeypatch, LineArchive, purge_after=timedelta(days=90))
    assert (lines, "archived_at") in searched()
    assert ("famapp_line", "said_at") not in searched()


def test_every_archive_is_searched_by_its_run_once():
    found = searched()
    assert ("move_event_archive", "archive_run_id") in found
    assert len(found) == len(set(found))


def test_a_partial_index_that_is_only_registered_serves_its_policy(monkeypatch):
    registry = Registry()
    of_policy, other = (
        models.Index(fields=["created_at"], condition=Q(done=done), name=name)
        for done, name in ((True, "done_created"), (False, "open_created"))
    )
    registry.register(Event, of_policy, other)
    monkeypatch.setattr("dbhealth.recipes.registry", registry)
    [search] = [item for item in searched_by_policies("default") if item.table == "move_event"]
    assert search.partial == {"done_created"}
