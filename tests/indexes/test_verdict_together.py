"""All verdicts on a table carried out at once: no search that somebody makes loses its index."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dbhealth.backends.index_records import Holds
from dbhealth.indexes.declared import catalogue
from dbhealth.indexes.kinds import Kind
from dbhealth.indexes.past import Past
from dbhealth.indexes.verdict_use import COSTLY_WRITES, WRITES_PER_SCAN
from tests.indexes.judging import (
    NOW,
    a_subject,
    an_index,
    codes,
    facts,
    judged,
    points_at,
    the_source,
    verdicts,
)

QUARTER = timedelta(days=90)
REMOVING = {"duplicate", "covered", "unused", "rarely-used"}


@pytest.fixture
def declaration(db):
    """Return what declares an index in a model."""
    return next(item for item in catalogue("default") if item.kind is Kind.META_INDEX)


def test_an_index_that_covers_a_used_one_is_not_unused():
    narrow = a_subject(an_index("narrow", "user"), scans=5_000)
    wide = a_subject(an_index("wide", "user", "created"), scans=0)
    assert codes(narrow, wide) == {"narrow": [("covered", "wide")]}
    found = judged(narrow, wide)
    assert "wide takes over its 5,000 scans." in found["narrow"].verdicts[0].reasons
    assert found["wide"].stays == "It takes over 5,000 scans of narrow, which count as its own."
    assert found["wide"].subject is wide, "its own figures are shown"


def test_a_declared_index_takes_over_the_scans_of_its_twin(declaration):
    declared = a_subject(an_index("declared", "a"), owner=declaration, scans=0)
    twin = a_subject(an_index("twin", "a"), scans=90_000)
    assert codes(declared, twin) == {"twin": [("duplicate", "declared")]}


def test_the_last_of_a_chain_takes_over_the_scans_of_all():
    first = a_subject(an_index("i1", "a"), scans=7)
    again = a_subject(an_index("i1_again", "a"), scans=3)
    middle = a_subject(an_index("i2", "a", "b"), scans=0)
    last = a_subject(an_index("i3", "a", "b", "c"), scans=0)
    found = judged(first, again, middle, last)
    assert found["i3"].verdicts == ()
    assert "7 scans of i1 and 3 scans of i1_again" in found["i3"].stays
    assert found["i2"].stays == "", "it is covered itself"


def test_those_that_nobody_uses_go_together():
    narrow, wide = an_index("narrow", "a"), an_index("wide", "a", "b")
    found = codes(a_subject(narrow, scans=0), a_subject(wide, scans=0))
    assert found["wide"] == [("unused", "")]
    assert found["narrow"][0] == ("covered", "wide")


def test_a_few_scans_that_are_taken_over_are_weighed_against_the_writes_and_named():
    table = {"inserts": 900_000}
    narrow = a_subject(an_index("narrow", "a"), scans=1, table=table)
    wide = a_subject(an_index("wide", "a", "b"), scans=0, table=table)
    said = verdicts(narrow, wide)["wide"]["rarely-used"]
    assert said.why.startswith("1 scan since")
    assert said.reasons[-1] == "It takes over 1 scan of narrow, which count as its own."


def test_the_last_scan_of_what_is_taken_over_counts():
    def old(days):
        narrow = a_subject(an_index("narrow", "a"), scans=9, last_scan=NOW - timedelta(days=days))
        wide = an_index("wide", "a", "b")
        return codes(narrow, a_subject(wide, scans=9, last_scan=NOW - timedelta(days=300)))

    assert "wide" not in old(10)
    assert old(100)["wide"] == [("unused", "")]


def test_scans_of_which_nothing_tells_the_time_may_be_new():
    narrow = a_subject(an_index("narrow", "a"), scans=9)
    wide = an_index("wide", "a", "b")
    assert "wide" not in codes(
        narrow, a_subject(wide, scans=9, last_scan=NOW - timedelta(days=300))
    )


def test_a_use_that_only_snapshots_know_is_taken_over_too():
    narrow = a_subject(an_index("narrow", "a"), scans=0)
    wide = a_subject(an_index("wide", "a", "b"), scans=0)
    known = {("goods", "narrow"): seen(300, last=20), ("goods", "wide"): seen(300)}
    said = verdicts(narrow, wide, source=the_source(1), past=known)["wide"]["unused"]
    assert said.confidence == "medium"
    assert "since 2026-11-02, as snapshots show" in said.why


def test_what_snapshots_do_not_know_of_one_that_is_used_proves_nothing():
    narrow = a_subject(an_index("narrow", "a"), scans=9)
    wide = a_subject(an_index("wide", "a", "b"), scans=0)
    assert "wide" not in codes(narrow, wide, past={("goods", "wide"): seen(300)})


def test_a_use_that_nothing_tells_of_may_be_a_use():
    narrow = a_subject(an_index("narrow", "a"), scans=None)
    wide = a_subject(an_index("wide", "a", "b"), scans=0)
    assert "wide" not in codes(narrow, wide)


def test_a_unique_index_takes_over_and_stays_for_what_it_enforces():
    plain = a_subject(an_index("plain", "a"), scans=900)
    unique = an_index("unique", "a", shape={"unique": True}, holds=Holds.UNIQUE, constraint="u")
    found = judged(plain, a_subject(unique, scans=0))
    assert found["unique"].verdicts == ()
    assert found["unique"].stays == "It enforces the unique constraint u."


def test_scans_that_are_taken_over_show_whether_they_look_for_rare_values(declaration):
    declared = a_subject(an_index("declared", "a"), owner=declaration, scans=0, rows_read=0)
    twin = a_subject(an_index("twin", "a"), scans=900, rows_read=9_000)
    known = facts("a", distinct=2.0)
    assert "declared" not in codes(declared, twin, columns=known)


def seen(first, last=None, unseen=0.0):
    """Return what snapshots know of an index, in days ago."""
    return Past(
        first_seen=NOW - timedelta(days=first),
        last_used=None if last is None else NOW - timedelta(days=last),
        looked_at=NOW,
        unseen=unseen,
    )


COLUMNS = st.sampled_from(["a", "a", "a b", "a b", "a b c", "a c", "a -b", "b a"])
DAYS = st.sampled_from([0, 20, 89, 90, 91, 200, 400])
SELDOM = st.integers(0, 9).map(lambda number: number == 5)


@st.composite
def tables(draw):
    """Make the indexes of a table with their figures, and what snapshots know of them."""
    has_times, has_history = draw(st.booleans()), draw(st.booleans())
    writes = draw(st.sampled_from([0, 9_999, 10_000, 20_000, 900_000]))
    subjects, known = [], {}
    for number in range(draw(st.integers(2, 6))):
        unique = draw(SELDOM)
        index = an_index(
            f"i{number}",
            *draw(COLUMNS).split(),
            shape={
                "method": "hash" if draw(SELDOM) else "btree",
                "unique": unique,
                "include": draw(st.sampled_from([("b",), ("b", "d")])) if draw(SELDOM) else (),
                "predicate": "(a IS NOT NULL)" if draw(SELDOM) else "",
            },
            holds=Holds.UNIQUE if unique and draw(st.booleans()) else Holds.NOTHING,
            replica_identity=draw(SELDOM),
            valid=not draw(SELDOM),
        )
        scans = None if draw(SELDOM) else draw(st.sampled_from([0, 0, 0, 1, 20, 5_000]))
        last = NOW - timedelta(days=draw(DAYS)) if scans and has_times else None
        subjects.append(a_subject(index, scans=scans, last_scan=last, table={"inserts": writes}))
        if has_history and draw(st.integers(0, 4)):
            known["goods", index.name] = seen(draw(DAYS), last=draw(st.none() | DAYS))
    foreign_keys = [points_at("a")] if draw(st.booleans()) else []
    return subjects, known, foreign_keys


def is_used(subject, known):
    """Return whether somebody uses an index now, and often enough for what it costs."""
    use, past = subject.use, known.get(("goods", subject.index.name))
    if not use.scans or not subject.index.valid:
        return False
    if use.last_scan is not None:
        used_now = NOW - use.last_scan < QUARTER
    else:
        used_now = past is None or past.unused_for < QUARTER
    entries = subject.table.inserts or 0
    return used_now and (entries < COSTLY_WRITES or entries < use.scans * WRITES_PER_SCAN)


def serves_as(other, subject):
    """Return whether each search by one index can be made by another one."""
    its, want = other.index.shape, subject.index.shape
    begins = its.keys[: len(want.keys)] == want.keys
    if its.method != "btree" or want.method != "btree":
        begins = its.keys == want.keys and its.method == want.method
    stored = {*its.include, *its.columns} >= {*want.include, *want.columns}
    return other.index.valid and begins and stored and its.predicate == want.predicate


BOTH_GO = [
    a_subject(an_index("narrow", "a"), scans=5_000),
    a_subject(an_index("wide", "a", "b"), scans=0),
]


@given(tables())
@example((BOTH_GO, {}, []))
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_what_is_told_to_go_leaves_no_used_search_without_an_index(made):
    subjects, known, foreign_keys = made
    found = judged(*subjects, foreign_keys=foreign_keys, past=known)
    left = [
        item.subject
        for item in found.values()
        if not REMOVING & {str(verdict.code) for verdict in item.verdicts}
    ]
    for subject in subjects:
        if is_used(subject, known):
            assert any(serves_as(other, subject) for other in left), subject.index.name


def recorded(*ago, last=None, span=100, **more):
    """Return the verdict on an index without a scan, by a recorder that ran so many days ago."""
    days = tuple(sorted((NOW - timedelta(days=day)).date() for day in ago))
    use = {"scans": 0} if last is None else {"scans": 9, "last_scan": NOW - timedelta(days=last)}
    said = verdicts(
        a_subject(an_index("idle", "a"), **use),
        source=the_source(span, name="recorded statements"),
        recorded_on=days,
        **more,
    )
    return said["idle"]["unused"]


def test_a_recorder_that_ran_for_one_day_long_ago_proves_nothing():
    said = recorded(100)
    assert said.confidence == "low"
    assert said.reasons[0] == (
        "The statistics are 100 days old, but only 1 day of that time is on record: "
        "a weekly job may not be in that time."
    )


def test_a_recorder_is_trusted_for_the_days_that_it_ran():
    snapshots = {("goods", "idle"): seen(100)}
    assert recorded(*range(101), past=snapshots).confidence == "high"
    gaps = recorded(*range(0, 101, 2), past=snapshots)
    assert gaps.confidence == "medium"
    assert "51 days of that time are on record" in gaps.reasons[0]


def test_only_days_on_record_after_the_last_scan_show_that_there_was_no_other():
    ran_before = recorded(*range(100, 300), last=100, span=300)
    assert ran_before.confidence == "low"
    assert "The last scan is 100 days old, but only 1 day" in ran_before.reasons[0]
    assert recorded(*range(300), last=100, span=300).confidence == "high"


def test_days_on_record_are_days_of_the_calendar():
    today = the_source(0, name="recorded statements")
    idle = a_subject(an_index("idle", "a"), scans=0)
    said = verdicts(idle, source=today, recorded_on=(date(2026, 11, 22),))["idle"]["unused"]
    assert "less than a day old: a weekly job" in said.reasons[0]
