"""Sentences: English as they are made, in the reader's language on a page, whole in JSON."""

import copy
import gettext
import json
import pickle
from datetime import date
from decimal import Decimal

import pytest
from django.utils import translation
from django.utils.html import format_html
from django.utils.translation import trans_real

from dbhealth.exceptions import DBHealthError, Refusal, Refused
from dbhealth.saying import joined, say, say_counted, translated, words_of
from dbhealth.saying.fields import Decoder, Encoder

GERMAN = {
    "{rows} of {table} wait": "In {table} warten {rows}",
    "{number} row": "{number} Zeile",
    "{number} rows": "{number} Zeilen",
    "It is {share:.0%} full": "Zu {missing} voll",
    "a & b": "a & c",
    "and": "und",
}


class German(gettext.NullTranslations):
    plural = None

    def gettext(self, message):
        return GERMAN.get(message, message)

    def ngettext(self, one, many, number):
        return self.gettext(one if number == 1 else many)

    def to_language(self):
        return "de"


@pytest.fixture
def german(monkeypatch):
    monkeypatch.setitem(trans_real._translations, "de", German())
    with translation.override("de"):
        yield


def waiting(number):
    rows = say_counted("{number} row", "{number} rows", number)
    return say("{rows} of {table} wait", rows=rows, table="t_{x}")


@pytest.mark.parametrize(
    "number, said, german_said",
    [(1, "1 row of t_{x} wait", "In t_{x} warten 1 Zeile"),
     (2, "2 rows of t_{x} wait", "In t_{x} warten 2 Zeilen")],
)  # fmt: skip
def test_a_sentence_is_english_until_a_page_says_it(german, number, said, german_said):
    sentence = waiting(number)
    assert sentence == said
    assert f"{sentence}." == f"{said}."
    assert translated(sentence) == german_said
    assert format_html("<p>{}</p>", sentence) == f"<p>{german_said}</p>"


def test_a_text_that_is_no_sentence_is_never_translated(german):
    assert translated("and") == "and"
    assert translated(say("and")) == "und"


def test_what_a_page_shows_is_escaped(german):
    assert format_html("{}", say("a & b")) == "a &amp; c"


def test_a_translation_that_asks_for_what_there_is_not_is_not_used(german):
    assert translated(say("It is {share:.0%} full", share=0.5)) == "It is 50% full"


def test_braces_of_a_text_without_values_stay(german):
    assert say("{} is empty JSON") == "{} is empty JSON"
    assert translated(say("{} is empty JSON")) == "{} is empty JSON"


def test_a_pattern_may_be_filled_later(german):
    pattern = say("{rows} of {table} wait")
    assert translated(pattern.format(rows=3, table="t")) == "In t warten 3"


def test_several_are_joined(german):
    rows = [say_counted("{number} row", "{number} rows", number) for number in (1, 2)]
    assert joined(rows) == "1 row, 2 rows"
    assert translated(joined(rows, say("and"))) == "1 Zeileund2 Zeilen"
    assert joined([]) == ""


def there_and_back(value):
    return json.loads(json.dumps(value, cls=Encoder), cls=Decoder)


def pickled(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301  # our own


@pytest.mark.parametrize("keep", [there_and_back, copy.deepcopy, pickled])
def test_what_is_kept_can_be_translated_later(german, keep):
    kept = keep({"said": [waiting(2), {"deep": waiting(1)}], "plain": "and"})
    assert kept == {"said": [waiting(2), {"deep": waiting(1)}], "plain": "and"}
    assert translated(kept["said"][0]) == "In t_{x} warten 2 Zeilen"
    assert translated(kept["said"][1]["deep"]) == "In t_{x} warten 1 Zeile"
    assert translated(kept["plain"]) == "and"


def test_other_readers_of_the_json_of_a_command_find_plain_text():
    assert json.dumps({"said": waiting(1)}) == '{"said": "1 row of t_{x} wait"}'


def test_values_that_json_does_not_know_are_kept_as_text(german):
    day = date(2026, 11, 22)
    kept = there_and_back(say("{rows} of {table} wait", rows=2, table=day))
    assert translated(kept) == "In 2026-11-22 warten 2"


def test_an_error_says_what_it_was_made_with(german):
    assert words_of(DBHealthError(waiting(1))) == "In t_{x} warten 1 Zeile"
    assert words_of(DBHealthError("and", 2)) == "('and', 2)"


EVIL = ["{a.__class__}", "{a[0]}", "{a:999999999}"]


@pytest.mark.parametrize("pattern", EVIL)
def test_a_pattern_that_was_kept_cannot_reach_behind_its_values(german, pattern):
    kept = json.dumps({"__sentence__": ["as it was", pattern, "", {"a": 1}]})
    assert translated(json.loads(kept, cls=Decoder)) == "as it was"


@pytest.mark.parametrize(
    "found", [5, ["a"], ["a", "b", "c", 5], ["a", "b", "", {"x": {"y": 1}}], None]
)
def test_what_only_looks_like_a_sentence_stays_as_it_is(found):
    value = {"__sentence__": found}
    assert json.loads(json.dumps(value), cls=Decoder) == value


def test_values_of_a_pattern_have_names():
    with pytest.raises(TypeError, match="have names"):
        say("{} is full").format("a")


def test_a_refusal_is_said_in_the_language_of_its_reader(german):
    refusal = Refusal(code="x", what=waiting(1), why=say("and"), instead="", override="--x")
    said = words_of(Refused([refusal]))
    assert said == "In t_{x} warten 1 Zeile und  To go ahead all the same: --x."


def test_a_number_of_rows_may_be_a_decimal(german):
    kept = there_and_back(say_counted("{number} row", "{number} rows", Decimal(2)))
    assert translated(kept) == "2 Zeilen"
