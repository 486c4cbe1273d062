"""The DBHEALTH setting: what it may hold, what it may not, and when it is read."""

from dataclasses import FrozenInstanceError, fields

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from dbhealth.conf import Settings, get_settings, problems
from dbhealth.exceptions import ConfigurationError

KEYS = [field.name.upper() for field in fields(Settings)]
SWITCHES = [field.name.upper() for field in fields(Settings) if isinstance(field.default, bool)]
WHOLE = [field.name.upper() for field in fields(Settings) if type(field.default) is int]
OTHERS = ["THRESHOLDS", "BACKUPS", "DIRECT", "SCHEDULE", "BACKGROUND"]
FRACTIONAL = sorted(set(KEYS) - set(WHOLE) - set(SWITCHES) - set(OTHERS))
SHARES = {"PURGE_MAX_SHARE", "RECORD_SAMPLE"}


def messages(raw):
    return [problem.message for problem in problems(raw)]


def test_an_empty_project_gets_the_defaults():
    assert not hasattr(django_settings, "DBHEALTH")
    assert get_settings() == Settings()
    assert get_settings().archive_batch_size == 5_000
    assert get_settings().archive_batch_seconds == 0.25
    assert not problems({})


def test_every_default_passes_its_own_check():
    defaults = {key: getattr(Settings(), key.lower()) for key in KEYS}
    assert not problems(defaults)


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        get_settings().lock_timeout = 1.0


def test_a_key_of_the_project_takes_the_place_of_the_default_alone():
    with override_settings(DBHEALTH={"ARCHIVE_BATCH_SIZE": 7, "ARCHIVE_BATCH_FLOOR": 7}):
        values = get_settings()
        assert (values.archive_batch_size, values.archive_batch_floor) == (7, 7)
        assert values.lock_timeout == Settings().lock_timeout


def test_a_change_of_the_setting_counts_at_once_and_so_does_its_end():
    with override_settings(DBHEALTH={"BATCH_RETRIES": 1}):
        assert get_settings().batch_retries == 1
        with override_settings(DBHEALTH={"BATCH_RETRIES": 0}):
            assert get_settings().batch_retries == 0
        assert get_settings().batch_retries == 1
    assert get_settings().batch_retries == Settings().batch_retries


def test_another_setting_does_not_make_it_read_again():
    before = get_settings()
    with override_settings(USE_THOUSAND_SEPARATOR=True):
        assert get_settings() is before


@pytest.mark.parametrize("key", FRACTIONAL)
def test_whole_numbers_do_for_fractional_ones(key):
    assert not problems({"LEASE_SECONDS": 900, key: 1 if key in SHARES else 90})


def test_a_share_is_at_most_everything():
    assert messages({"PURGE_MAX_SHARE": 1.5}) == [
        "DBHEALTH['PURGE_MAX_SHARE'] must be at most 1, not 1.5."
    ]


@pytest.mark.parametrize("key", SWITCHES)
def test_a_switch_is_on_or_off(key):
    assert not problems({key: True})
    assert not problems({key: False})
    assert len(problems({"NOPE": 1, key: None})) == 2


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize("value", [0, 1, None, "True", "", [], 1.0], ids=lambda value: repr(value))
def test_what_is_no_boolean_is_refused_for_a_switch(key, value):
    kind = type(value).__name__
    assert messages({key: value}) == [f"DBHEALTH['{key}'] must be a boolean, not {kind}."]


@pytest.mark.parametrize("key", sorted(WHOLE + FRACTIONAL))
@pytest.mark.parametrize(
    "value", [True, False, None, "5", b"5", [], {}, 5j, object], ids=lambda value: repr(value)
)
def test_what_is_not_a_number_is_refused_by_its_type(key, value):
    (message,) = messages({key: value})
    assert message.startswith(f"DBHEALTH['{key}'] must be a ")
    assert message.endswith(f", not {type(value).__name__}.")


@pytest.mark.parametrize("key", WHOLE)
@pytest.mark.parametrize("value", [1.0, 1e3, float("nan")])
def test_a_fraction_is_refused_where_a_whole_number_is_wanted(key, value):
    assert messages({key: value}) == [f"DBHEALTH['{key}'] must be a whole number, not float."]


@pytest.mark.parametrize("key", FRACTIONAL)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -1, 0, -0.0])
def test_times_that_make_no_sense_are_refused(key, value):
    (message,) = messages({key: value})
    assert message.startswith(f"DBHEALTH['{key}'] must be at least ")
    assert message.endswith(f", not {value}.")


@pytest.mark.parametrize("key", WHOLE)
def test_numbers_below_the_least_are_refused(key):
    assert len(problems({key: -1})) == 1


@pytest.mark.parametrize("key", ["ARCHIVE_BATCH_SIZE", "ARCHIVE_BATCH_FLOOR"])
def test_a_batch_of_no_rows_is_refused(key):
    (problem,) = problems({key: 0})
    assert "at least 1" in problem.message
    assert "(rows)" in problem.hint


@pytest.mark.parametrize("key", ["BATCH_RETRIES", "SQLITE_CACHE_BYTES"])
def test_none_at_all_is_allowed_where_it_means_something(key):
    assert not problems({key: 0})


@pytest.mark.parametrize(
    "key, meant",
    [
        ("ARCHIVE_BATCHSIZE", "ARCHIVE_BATCH_SIZE"),
        ("archive_batch_size", "ARCHIVE_BATCH_SIZE"),
        ("LOCK_TIMEOUTS", "LOCK_TIMEOUT"),
        ("LEASE_SECOND", "LEASE_SECONDS"),
    ],
)
def test_a_misspelt_key_comes_with_the_right_one(key, meant):
    (problem,) = problems({key: 5})
    assert problem.message == f"DBHEALTH has no key {key!r}."
    assert problem.hint == f"Did you mean {meant!r}?"


@pytest.mark.parametrize("key", ["colour", 5, None, ("x", "y")])
def test_a_key_like_no_other_comes_with_all_there_are(key):
    (problem,) = problems({key: 5})
    assert repr(key) in problem.message
    assert all(known in problem.hint for known in KEYS)


@pytest.mark.parametrize("raw", [None, [], "LOCK_TIMEOUT=5", 5, Settings()])
def test_something_else_than_a_dict_is_refused(raw):
    assert messages(raw) == [f"DBHEALTH must be a dict, not {type(raw).__name__}."]


@pytest.mark.parametrize(
    "raw, meant",
    [
        ([], "['THRESHOLDS'] must be a dict, not list."),
        ({"defualt": {}}, "['THRESHOLDS'] names no database by 'defualt'."),
        ({"default": 1}, "['THRESHOLDS']['default'] must be a dict, not int."),
        ({"*": {"blocked": "5"}}, "['blocked'] must be a number from 0 or None, not '5'."),
        ({"*": {"blocked": -1}}, "['blocked'] must be a number from 0 or None, not -1."),
        ({"*": {"blocked": True}}, "['blocked'] must be a number from 0 or None, not True."),
        ({"*": {"blocked": float("nan")}}, "['blocked'] must be a number from 0 or None, not nan."),
    ],
    ids=str,
)
def test_thresholds_are_numbers_by_alias_and_name(raw, meant):
    assert not problems({"THRESHOLDS": {"*": {"blocked": 1}, "other": {"blocked": None}}})
    (message,) = messages({"THRESHOLDS": raw})
    assert message.endswith(meant)


def test_a_floor_above_the_size_is_refused():
    raw = {"ARCHIVE_BATCH_SIZE": 10, "ARCHIVE_BATCH_FLOOR": 11}
    assert len(problems(raw)) == 1
    assert not problems(raw | {"ARCHIVE_BATCH_FLOOR": 10})


def test_a_size_below_the_default_floor_says_so():
    (message,) = messages({"ARCHIVE_BATCH_SIZE": 10})
    assert "'ARCHIVE_BATCH_FLOOR'" in message


def test_a_lease_that_ends_within_a_batch_is_refused():
    raw = {"STATEMENT_TIMEOUT": 60, "LOCK_TIMEOUT": 5, "LEASE_SECONDS": 65}
    (problem,) = problems(raw)
    assert "LEASE_SECONDS" in problem.message
    assert not problems(raw | {"LEASE_SECONDS": 65.001})


def test_a_statement_timeout_beyond_the_default_lease_says_so():
    assert "LEASE_SECONDS" in messages({"STATEMENT_TIMEOUT": 118})[0]


def test_every_problem_is_told_at_once():
    raw = {"LOCK_TIMEOUT": -1, "LEASE_SECONDS": "x", "NOPE": 1}
    assert len(problems(raw)) == 3
    with override_settings(DBHEALTH=raw), pytest.raises(ConfigurationError) as caught:
        get_settings()
    assert all(message in str(caught.value) for message in messages(raw))
    assert get_settings() == Settings(), "the mistake is not remembered"


def test_what_executes_in_the_background_is_one_of_three():
    assert not problems({"BACKGROUND": "process"})
    (problem,) = problems({"BACKGROUND": "proces"})
    assert problem.message == (
        "DBHEALTH['BACKGROUND'] must be one of 'auto', 'process', 'tasks', not 'proces'."
    )
    assert problem.hint == "Did you mean 'process'?"
    assert problems({"BACKGROUND": None})
