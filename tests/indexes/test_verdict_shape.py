"""Duplicates and covered indexes: what another index makes superfluous, and what only seems so."""

import pytest

from dbhealth.backends.index_records import Holds, KeyPart
from tests.indexes.judging import MEGABYTE, a_subject, an_index, codes, points_at, verdicts


def test_of_two_equal_indexes_the_one_that_is_used_less_is_a_duplicate():
    first, second = an_index("first", "a", "b"), an_index("second", "a", "b")
    found = codes(a_subject(first, scans=10), a_subject(second, scans=20))
    assert found == {"first": [("duplicate", "second")]}


def test_of_two_equal_indexes_with_equal_use_the_later_name_is_the_duplicate():
    found = codes(a_subject(an_index("a_1", "a")), a_subject(an_index("a_2", "a")))
    assert found == {"a_2": [("duplicate", "a_1")]}


def test_a_duplicate_of_a_unique_index_is_the_other_one():
    plain = a_subject(an_index("plain", "a"), scans=900)
    unique = a_subject(an_index("unique", "a", shape={"unique": True}), scans=1)
    assert codes(plain, unique) == {"plain": [("duplicate", "unique")]}


@pytest.mark.parametrize(
    "other",
    [
        an_index("other", "-a"),
        an_index("other", "a:text_pattern_ops"),
        an_index("other", "a", shape={"method": "hash"}),
        an_index("other", "a", shape={"predicate": "(b IS NOT NULL)"}),
        an_index("other", shape={"keys": (KeyPart(column="a", collation='"C"'),)}),
        an_index("other", shape={"keys": (KeyPart(expression="lower(a)"),)}),
        an_index("other", "b", "a"),
    ],
    ids=["order", "opclass", "method", "predicate", "collation", "expression", "columns"],
)
def test_indexes_that_differ_are_neither_duplicates_nor_covered(other):
    assert codes(a_subject(an_index("plain", "a")), a_subject(other)) == {}


def test_stored_columns_of_another_order_are_the_same():
    one = an_index("one", "a", shape={"include": ("b", "c")})
    two = an_index("two", "a", shape={"include": ("c", "b")})
    assert codes(a_subject(one), a_subject(two)) == {"two": [("duplicate", "one")]}


@pytest.mark.parametrize(
    "fixed",
    [
        {"holds": Holds.PRIMARY_KEY},
        {"holds": Holds.EXCLUSION},
        {"referenced": True},
        {"replica_identity": True},
        {"child": True},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_what_cannot_go_is_no_duplicate_even_of_what_is_used_more(fixed):
    stays, goes = an_index("stays", "a", **fixed), an_index("goes", "a")
    found = codes(a_subject(stays, scans=0), a_subject(goes, scans=900))
    assert found == {"goes": [("duplicate", "stays")]}


def test_two_that_cannot_go_are_left_alone():
    one, two = an_index("one", "a", replica_identity=True), an_index("two", "a", child=True)
    assert codes(a_subject(one), a_subject(two)) == {}


def test_a_unique_constraint_is_a_duplicate_of_the_primary_key_but_less_surely():
    unique = {"unique": True}
    key = an_index("key", "a", shape=unique, holds=Holds.PRIMARY_KEY, constraint="key")
    again = an_index("again", "a", shape=unique, holds=Holds.UNIQUE, constraint="again")
    said = verdicts(a_subject(key), a_subject(again))["again"]["duplicate"]
    assert (said.other, said.confidence) == ("key", "medium")
    assert "deferrable" in " ".join(said.reasons)


def test_two_unique_indexes_that_treat_null_differently_enforce_different_things():
    one = an_index("one", "a", shape={"unique": True})
    two = an_index("two", "a", shape={"unique": True, "nulls_distinct": False})
    assert codes(a_subject(one), a_subject(two)) == {}


@pytest.mark.parametrize("flag", [{"valid": False}, {"valid": False, "building": True}])
def test_an_index_that_no_query_uses_stands_in_for_nobody(flag):
    found = codes(a_subject(an_index("good", "a")), a_subject(an_index("bad", "a", **flag)))
    assert "good" not in found


def test_an_index_whose_keys_begin_another_one_is_covered():
    found = codes(a_subject(an_index("short", "a")), a_subject(an_index("long", "a", "-b")))
    assert found == {"short": [("covered", "long")]}


def test_a_chain_is_covered_by_its_broadest_one():
    chain = [an_index("i1", "a"), an_index("i2", "a", "b"), an_index("i3", "a", "b", "c")]
    found = codes(*map(a_subject, chain))
    assert found == {"i1": [("covered", "i3")], "i2": [("covered", "i3")]}


def test_a_duplicate_of_a_covered_index_goes_as_well():
    found = codes(
        a_subject(an_index("a_1", "a")),
        a_subject(an_index("a_2", "a")),
        a_subject(an_index("both", "a", "b")),
    )
    assert found == {"a_1": [("covered", "both")], "a_2": [("duplicate", "a_1")]}


def test_stored_columns_have_to_be_in_the_other_index_too():
    stores = an_index("stores", "a", shape={"include": ("c",)})
    assert codes(a_subject(stores), a_subject(an_index("keys", "a", "b"))) == {}
    assert codes(a_subject(stores), a_subject(an_index("keys", "a", "c"))) == {
        "stores": [("covered", "keys")]
    }


@pytest.mark.parametrize(
    "short",
    [
        an_index("short", "a", shape={"unique": True}),
        an_index("short", "a", shape={"unique": True}, holds=Holds.UNIQUE),
        an_index("short", "a", replica_identity=True),
        an_index("short", "a", child=True),
        an_index("short", "-a"),
        an_index("short", "a", shape={"predicate": "(b IS NOT NULL)"}),
    ],
    ids=["unique", "constraint", "replica identity", "child", "order", "predicate"],
)
def test_an_index_that_does_more_than_begin_another_one_is_not_covered(short):
    assert codes(a_subject(short), a_subject(an_index("long", "a", "b"))) == {}


def test_only_a_btree_can_stand_in_for_its_first_keys():
    gin = {"method": "gin"}
    short, long = an_index("short", "a", shape=gin), an_index("long", "a", "b", shape=gin)
    assert codes(a_subject(short), a_subject(long)) == {}


def test_the_index_of_a_foreign_key_is_covered_by_one_that_serves_it_as_well():
    short, long = an_index("fk", "place"), an_index("both", "place", "made")
    found = codes(a_subject(short), a_subject(long, scans=0), foreign_keys=[points_at("place")])
    assert found == {"fk": [("covered", "both")]}, "the one that is left must not be unused"


def test_a_covering_index_of_several_times_the_size_lowers_the_confidence():
    short = a_subject(an_index("short", "a"), bytes=MEGABYTE)
    same = a_subject(an_index("long", "a", "b"), bytes=MEGABYTE)
    large = a_subject(an_index("long", "a", "b"), bytes=4 * MEGABYTE)
    assert verdicts(short, same)["short"]["covered"].confidence == "high"
    said = verdicts(short, large)["short"]["covered"]
    assert said.confidence == "medium"
    assert "long is 4 times as large" in said.reasons[-1]
