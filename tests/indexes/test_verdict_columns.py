"""Invalid, bloated, NULL-heavy and low cardinality: at its threshold each, and what is left."""

import pytest

from dbhealth.backends.index_records import Bloat
from tests.indexes.judging import (
    MEGABYTE,
    a_subject,
    an_index,
    codes,
    facts,
    points_at,
    verdicts,
)

INDEX = an_index("i", "a")


def wasted(megabytes, of, *, exact=False):
    """Return what an index of so many megabytes wastes."""
    size, waste = of * MEGABYTE, megabytes * MEGABYTE
    source = "pgstattuple" if exact else "an estimate"
    return {
        ("goods", "i"): Bloat(
            table="goods", name="i", bytes=size, wasted_bytes=waste, source=source, exact=exact
        )
    }


def test_an_invalid_index_has_this_verdict_alone():
    invalid = an_index("bad", "a", valid=False)
    said = verdicts(a_subject(invalid, scans=0), a_subject(INDEX))["bad"]
    assert list(said) == ["invalid"]
    assert (said["invalid"].level, said["invalid"].confidence) == ("error", "high")


def test_an_index_that_is_being_built_has_no_verdict():
    building = an_index("new", "a", valid=False, building=True)
    assert codes(a_subject(building, scans=0), a_subject(INDEX)) == {}


def test_a_partitioned_index_without_some_partition_is_invalid_for_another_reason():
    said = verdicts(a_subject(an_index("p", "a", valid=False, partitioned=True)))["p"]["invalid"]
    assert "Some partition" in said.why
    assert "ATTACH PARTITION" in said.change


@pytest.mark.parametrize(
    "bloat, is_bloated",
    [
        (wasted(40, 100), True),
        (wasted(39, 100), False),
        (wasted(10, 12), True),
        (wasted(9, 12), False),
    ],
)
def test_bloat_counts_from_a_share_and_a_size_on(bloat, is_bloated):
    assert bool(codes(a_subject(INDEX), bloat=bloat)) is is_bloated


def test_measured_bloat_is_surer_than_estimated_bloat():
    measured = verdicts(a_subject(INDEX), bloat=wasted(50, 100, exact=True))["i"]["bloated"]
    estimated = verdicts(a_subject(INDEX), bloat=wasted(50, 100))["i"]["bloated"]
    assert (measured.confidence, estimated.confidence) == ("high", "medium")
    assert measured.reasons == ("Measured by pgstattuple.",)
    assert "50%" in measured.why
    assert measured.sql.startswith("REINDEX")


def test_an_index_on_nulls_is_to_be_partial():
    known = facts("a", null_share=0.9, distinct=50_000)
    said = verdicts(a_subject(INDEX), columns=known)["i"]["null-heavy"]
    assert "90% of the rows have no a" in said.why
    assert "condition=Q(a__isnull=False)" in said.change


@pytest.mark.parametrize(
    "index, share, size",
    [
        (INDEX, 0.49, MEGABYTE),
        (INDEX, 0.9, MEGABYTE - 1),
        (an_index("i", "a", "b"), 0.9, MEGABYTE),
        (an_index("i", "a", shape={"unique": True}), 0.9, MEGABYTE),
        (an_index("i", "a", shape={"predicate": "(a IS NOT NULL)"}), 0.9, MEGABYTE),
        (an_index("i", "a", shape={"method": "brin"}), 0.9, MEGABYTE),
        (an_index("i", "a", child=True), 0.9, MEGABYTE),
    ],
    ids=["few", "small", "composite", "unique", "partial", "brin", "child"],
)
def test_other_indexes_on_nulls_are_left_alone(index, share, size):
    known = facts("a", null_share=share, distinct=50_000)
    assert codes(a_subject(index, bytes=size), columns=known) == {}


def test_a_foreign_key_on_nulls_may_be_partial_for_it_is_served_all_the_same():
    known = facts("a", null_share=0.9, distinct=50_000)
    found = codes(a_subject(INDEX), columns=known, foreign_keys=[points_at("a")])
    assert found == {"i": [("null-heavy", "")]}


def test_a_handful_of_values_is_hardly_worth_an_index():
    said = verdicts(
        a_subject(INDEX, scans=10, rows_read=500_000), columns=facts("a", null_share=0, distinct=2)
    )["i"]["low-cardinality"]
    assert said.confidence == "medium"
    assert "50% of the table" in said.reasons[-1]
    assert "about 2 values in 100,000 rows" in said.why


@pytest.mark.parametrize(
    "scanned",
    [{"scans": None, "rows_read": None}, {"scans": 10, "rows_read": 1_000_001}],
    ids=["nobody counts", "the table was larger"],
)
def test_where_nothing_tells_what_scans_return_it_may_be_a_rare_value(scanned):
    said = verdicts(a_subject(INDEX, **scanned), columns=facts("a", distinct=3))["i"][
        "low-cardinality"
    ]
    assert said.confidence == "low"
    assert "Q(a=…)" in said.change


@pytest.mark.parametrize(
    "subject, distinct",
    [
        (a_subject(INDEX, scans=10, rows_read=500_000), 11),
        (a_subject(INDEX, scans=10, rows_read=500_000, table={"rows": 9_999}), 2),
        (a_subject(INDEX, scans=10, rows_read=10 * 4_999), 2),
        (a_subject(an_index("i", "a", "b"), scans=10, rows_read=500_000), 2),
    ],
    ids=["more values", "small table", "scans find rare values", "composite"],
)
def test_selective_scans_and_small_tables_are_left_alone(subject, distinct):
    assert codes(subject, columns=facts("a", null_share=0, distinct=distinct)) == {}


def test_few_values_that_serve_a_foreign_key_are_left_alone():
    subject = a_subject(INDEX, scans=10, rows_read=500_000)
    known = facts("a", null_share=0, distinct=2)
    assert codes(subject, columns=known, foreign_keys=[points_at("a")]) == {}
