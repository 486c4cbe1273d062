"""Unused and rarely used: what keeps an index all the same, and how sure one can be."""

from datetime import timedelta

import pytest

from dbhealth.backends.index_records import Holds
from dbhealth.indexes.past import Past
from tests.indexes.judging import (
    NOW,
    a_subject,
    an_index,
    changed,
    codes,
    judged,
    points_at,
    the_source,
    verdicts,
)

IDLE = an_index("idle", "a")


def known(days, *, first=None, last=None, unseen=0.0):
    """Return what snapshots know of the idle index, and of one that they saw first."""
    seen = NOW - timedelta(days=days if first is None else first)
    rest = {"looked_at": NOW, "unseen": unseen}
    own = Past(first_seen=seen, last_used=last and NOW - timedelta(days=last), **rest)
    oldest = Past(first_seen=NOW - timedelta(days=days), last_used=NOW, **rest)
    return {("goods", "idle"): own, ("goods", "busy"): oldest}


def unused(**more):
    """Return the verdict on the idle index."""
    return verdicts(a_subject(IDLE, scans=0), **more)["idle"]["unused"]


def test_an_index_without_a_scan_is_unused():
    said = unused(source=the_source(200))
    assert said.level == "warning"
    assert "since 2026-05-06" in said.why
    assert "each write of goods pays for it" in said.why


def test_an_index_with_scans_or_without_a_counter_is_not_unused():
    assert codes(a_subject(IDLE, scans=1), a_subject(an_index("silent", "b"), scans=None)) == {}


@pytest.mark.parametrize(
    "index, why",
    [
        (an_index("i", "a", holds=Holds.PRIMARY_KEY, constraint="i"), "primary key i"),
        (an_index("i", "a", holds=Holds.UNIQUE, constraint="u"), "unique constraint u"),
        (an_index("i", "a", holds=Holds.EXCLUSION, constraint="x"), "exclusion constraint x"),
        (an_index("i", "a", shape={"unique": True}), "keeps its values unique"),
        (an_index("i", "a", referenced=True), "A foreign key points at"),
        (an_index("i", "a", replica_identity=True), "replica identity"),
        (an_index("i", "a", child=True), "partitioned table"),
    ],
    ids=["primary key", "unique", "exclusion", "unique index", "referenced", "identity", "child"],
)
def test_what_enforces_something_stays_however_little_it_is_read(index, why):
    found = judged(a_subject(index, scans=0))["i"]
    assert found.verdicts == ()
    assert why in found.stays


def test_the_only_index_of_a_foreign_key_stays():
    found = judged(a_subject(IDLE, scans=0), foreign_keys=[points_at("a")])["idle"]
    assert found.verdicts == ()
    assert "DELETE there reads all of goods" in found.stays


@pytest.mark.parametrize(
    "index",
    [
        an_index("idle", "b", "a"),
        an_index("idle", "a", shape={"predicate": "(b IS NOT NULL)"}),
        an_index("idle", "a", shape={"method": "gin"}),
    ],
    ids=["not its first column", "other rows", "other method"],
)
def test_an_index_that_does_not_serve_a_foreign_key_does_not_stay_for_it(index):
    assert codes(a_subject(index, scans=0), foreign_keys=[points_at("a")]) == {
        "idle": [("unused", "")]
    }


def test_a_partial_index_without_the_nulls_serves_a_foreign_key():
    partial = changed(IDLE, predicate="(a IS NOT NULL)")
    assert judged(a_subject(partial, scans=0), foreign_keys=[points_at("a")])["idle"].stays


def test_a_foreign_key_of_two_columns_is_served_in_any_order():
    index = an_index("idle", "b", "a", "c")
    assert judged(a_subject(index, scans=0), foreign_keys=[points_at("a", "b")])["idle"].stays


def test_of_several_that_serve_a_foreign_key_one_stays():
    subjects = [a_subject(an_index(f"i_{c}", "a", c), scans=0) for c in "xyz"]
    found = judged(*subjects, foreign_keys=[points_at("a")])
    assert sum(bool(item.stays) for item in found.values()) == 1
    assert sum(bool(item.verdicts) for item in found.values()) == 2


def test_a_foreign_key_that_a_unique_constraint_serves_keeps_no_other_index():
    unique = an_index("key", "a", "b", shape={"unique": True}, holds=Holds.UNIQUE)
    found = codes(
        a_subject(an_index("idle", "a", "c"), scans=0),
        a_subject(unique, scans=0),
        foreign_keys=[points_at("a")],
    )
    assert found == {"idle": [("unused", "")]}


@pytest.mark.parametrize(
    "source, confidence, reason",
    [
        (the_source(3), "low", "3 days old: a weekly job"),
        (the_source(40), "medium", "40 days old: less than a quarter"),
        (the_source(200), "medium", "how old the index itself is"),
        (the_source(since=None), "low", "Nothing tells since when"),
        (the_source(200, replicas=1), "low", "A standby reads from this server"),
        (the_source(200, replicas=3), "low", "3 standbys read from this server"),
        (the_source(200, replica=True), "low", "This server is a standby"),
    ],
    ids=["young", "weeks", "no birthday", "unknown", "a replica", "replicas", "on a replica"],
)
def test_the_age_of_the_statistics_and_replicas_decide_how_sure_it_is(source, confidence, reason):
    said = unused(source=source)
    assert said.confidence == confidence
    assert reason in " ".join(said.reasons)


def test_without_a_reset_the_start_of_the_server_bounds_the_age():
    started = NOW - timedelta(days=40)
    said = unused(source=the_source(since=None, server_started=started))
    assert said.confidence == "medium"
    assert "counted from the start of the server" in " ".join(said.reasons)


def test_the_figures_of_all_standbys_bring_the_confidence_back():
    assert unused(source=the_source(200, replicas=2), asked=1).confidence == "low"
    assert unused(source=the_source(200, replicas=2), asked=2).confidence == "medium"


def test_a_sample_of_statements_is_never_a_proof():
    assert unused(sampled=True, past=known(300)).confidence == "medium"


def test_snapshots_prove_across_a_reset_that_nobody_has_used_an_index():
    said = unused(source=the_source(1), past=known(120))
    assert said.confidence == "high"
    assert "since 2026-07-25, as snapshots show" in said.why


def test_snapshots_show_that_an_index_is_new_whatever_the_age_of_the_statistics():
    said = unused(source=the_source(400), past=known(200, first=5))
    assert said.confidence == "low"
    assert "5 days old" in said.reasons[0]


def test_young_snapshots_do_not_take_the_age_of_the_statistics_away():
    said = unused(source=the_source(60), past=known(20))
    assert said.confidence == "medium"
    assert "for 20 days only" in " ".join(said.reasons)


def test_time_that_a_reset_took_away_unseen_is_no_proof():
    day = 24 * 3600.0
    assert unused(past=known(100, unseen=day)).confidence == "high"
    said = unused(past=known(100, unseen=30 * day))
    assert said.confidence == "medium"
    assert "720.0 hours" in said.reasons[-1]


def test_an_index_that_was_used_once_upon_a_time_is_unused_by_its_last_scan():
    old = a_subject(IDLE, scans=9_000, last_scan=NOW - timedelta(days=100))
    new = a_subject(IDLE, scans=9_000, last_scan=NOW - timedelta(days=80))
    said = verdicts(old)["idle"]["unused"]
    assert said.confidence == "high"
    assert "since 2026-08-14" in said.why
    assert codes(new) == {}


def test_where_the_last_scan_is_unknown_snapshots_tell_the_same():
    used = a_subject(IDLE, scans=9_000)
    assert verdicts(used, past=known(400, last=100))["idle"]["unused"].confidence == "high"
    assert codes(used, past=known(400, last=50)) == {}


def test_a_few_scans_against_many_writes_are_not_worth_it():
    table = {"inserts": 60_000, "updates": 50_000, "hot_updates": 10_000}
    said = verdicts(a_subject(IDLE, scans=100, table=table))["idle"]["rarely-used"]
    assert "100 scans since 2026-05-06 against 100,000 entries written" in said.why
    assert "1,000 writes" in said.why
    assert codes(a_subject(IDLE, scans=101, table=table)) == {}


def test_hot_updates_write_no_index_and_few_writes_are_no_cost():
    hot = {"inserts": 0, "updates": 900_000, "hot_updates": 900_000}
    few = {"inserts": 9_999, "updates": 0, "hot_updates": 0}
    assert codes(a_subject(IDLE, scans=1, table=hot)) == {}
    assert codes(a_subject(IDLE, scans=1, table=few)) == {}


def test_what_stays_is_not_called_rarely_used_either():
    table = {"inserts": 900_000}
    index = an_index("idle", "a", shape={"unique": True})
    assert codes(a_subject(index, scans=1, table=table)) == {}
