"""What a finding is, and the numbers where findings begin."""

import json

import pytest
from django.test import override_settings

from dbhealth.exceptions import ConfigurationError
from dbhealth.health import Confidence, Finding, Level
from dbhealth.health.thresholds import THRESHOLDS, Thresholds, problems


def finding(**own):
    facts = {"id": "shop.H001", "level": Level.ERROR, "database": "default", "title": "5 of 9"}
    return Finding(**{**facts, "why": "w", "instead": "i", "object": "table x", **own})


def test_levels_and_confidences_are_ordered_by_gravity_and_not_by_their_letters():
    assert max(Level) is Level.CRITICAL
    assert sorted(["critical", "info", "error", "warning"], key=Level) == list(Level)
    assert Level.CRITICAL > Level.ERROR >= Level.ERROR > Level.WARNING > Level.INFO
    assert Level.INFO <= Level.INFO < Level.WARNING
    assert Level("error") == "error"
    assert Confidence.HIGH.at_most(Confidence.LOW) is Confidence.LOW
    assert Confidence.LOW.at_most(Confidence.MEDIUM) is Confidence.LOW


def test_the_key_has_no_figure_in_it():
    assert finding().key == "shop.H001:default:table x"
    assert finding(title="7 of 9", value=7, level=Level.INFO).key == finding().key
    others = {finding(id="shop.H002").key, finding(database="other").key, finding(object="").key}
    assert len(others | {finding().key}) == 4


def test_long_names_are_told_apart_in_a_key_that_fits_its_column():
    one, two = (finding(object="table " + "x" * 300 + end).key for end in "ab")
    assert one != two
    assert max(len(one), len(two)) <= 512


def test_a_finding_is_json_and_says_where_to_read_more():
    row = json.loads(json.dumps(finding(sql=("SELECT 1;",), reasons=("r",)).as_dict()))
    assert row["key"] == finding().key
    assert (row["level"], row["confidence"]) == ("error", "high")
    assert (row["sql"], row["reasons"]) == (["SELECT 1;"], ["r"])
    assert finding(id="dbhealth.H001").manual == "health.md#dbhealthh001"
    assert finding(help="https://example.org").as_dict()["help"] == "https://example.org"


def test_a_threshold_of_an_alias_goes_before_that_of_all_which_goes_before_the_default():
    own = {"*": {"blocked": 1, "long_query": 2}, "other": {"blocked": 3}}
    with override_settings(DBHEALTH={"THRESHOLDS": own}):
        assert Thresholds("default")["blocked"] == 1
        assert Thresholds("other")["blocked"] == 3
        assert Thresholds("other")["long_query"] == 2
        assert Thresholds("other")["dead_share"] == THRESHOLDS["dead_share"].default


def test_nothing_reaches_a_threshold_that_is_switched_off():
    with override_settings(DBHEALTH={"THRESHOLDS": {"default": {"blocked": None}}}):
        assert Thresholds("default").optional("blocked") is None
        off = Thresholds("default")["blocked"]
    assert not off < 1e9
    assert not off > 0
    assert Thresholds("default").optional("backup_age") is None


def test_a_threshold_that_does_not_exist_comes_with_the_one_that_is_meant():
    (problem,) = problems({"default": {"blokced": 1}})
    assert problem.message == "DBHEALTH['THRESHOLDS']['default'] has no threshold 'blokced'."
    assert problem.hint == "Did you mean 'blocked'?"
    (problem,) = problems({"*": {"colour": 1}})
    assert all(name in problem.hint for name in THRESHOLDS)
    wrong = override_settings(DBHEALTH={"THRESHOLDS": {"*": {"colour": 1}}})
    with wrong, pytest.raises(ConfigurationError, match="colour"):
        Thresholds("default")
