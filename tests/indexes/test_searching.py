"""An index stays that somebody is known to search by, however seldom he does."""

import pytest

from dbhealth.backends import get_backend
from dbhealth.health.registry import Context
from dbhealth.indexes.findings import usage
from dbhealth.indexes.searching import Wanted
from dbhealth.recipes import index_usages, searched_by_policies
from tests.indexes.judging import a_subject, an_index, judged

OLD = Wanted(table="goods", column="sold_at", why="Every run looks for old goods by it.", change="")


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


@pytest.mark.django_db
def test_what_archiving_purging_and_verifying_search_by_stays():
    [found], failed = index_usages("default", tables=["move_event", "move_event_archive"])
    assert failed == {}
    stays = {
        (item.subject.index.table, *item.subject.index.shape.columns): item.stays
        for item in found.indexes
    }
    assert "archive run of moveapp.Event" in stays["move_event", "created_at"]
    run = stays["move_event_archive", "archive_run_id"]
    assert run == "Verifying and restoring a run of moveapp.EventArchive finds its rows by it."


@pytest.mark.django_db
def test_the_checks_of_indexes_know_of_it_too():
    found = usage(Context(None, get_backend("default"), {}, {}))
    stays = {
        (*item.subject.index.shape.columns, item.subject.index.table): item.stays
        for item in found.indexes
    }
    assert stays["archive_run_id", "move_event_archive"]
    assert stays["created_at", "move_event"]


def test_every_archive_is_searched_by_its_run():
    wanted = [(item.table, item.column) for item in searched_by_policies("default")]
    assert ("move_event_archive", "archive_run_id") in wanted
    assert len(wanted) == len(set(wanted))
