"""The words of a conflict: told of one row and of many, and without keys where they are secret."""

import json

import pytest

from dbhealth.archive.restore_refusals import (
    KINDS,
    ROW_KINDS,
    row_conflict,
    table_conflict,
    without_keys,
)
from dbhealth.saying.fields import Decoder, Encoder
from dbhealth.saying.sentences import Sentence

TABLES = ("live", "kept")
KEY = 71077345

OF_ONE = {
    "key-taken": "1 row of kept has a key that a row of live has as well",
    "unique-taken": "1 row of kept has values that part keeps unique and that a row of live has "
    "by now",
    "unique-within": "1 row of kept has the same values as another chosen row, and part keeps "
    "them unique",
    "parent-missing": "1 row of kept points by part at a row that does not exist",
    "column-gone": "1 row of kept has a value in part, which live has no more",
    "null-in-not-null": "1 row of kept has no value in part, and live wants one",
    "generated-differs": "1 row of kept has another value in part than the database would compute "
    "for live today",
    "check-fails": "1 row of kept does not fulfil the check part of live",
}
VERBS = {"parent-missing": ("points", "point"), "check-fails": ("does", "do")}


def conflict(kind, rows):
    return row_conflict(kind, "part", rows, [[KEY]], TABLES)


@pytest.mark.parametrize("kind", sorted(ROW_KINDS))
def test_a_conflict_is_told_of_one_row_and_of_many(kind):
    one, many = VERBS.get(kind, ("has", "have"))
    fact = OF_ONE[kind]
    facts = fact.replace("1 row of", "1,200 rows of").replace(f" {one} ", f" {many} ", 1)
    assert conflict(kind, 1)["what"] == f"{fact}: ({KEY})."
    assert conflict(kind, 1200)["what"] == f"{facts}: ({KEY}), …."
    assert without_keys(conflict(kind, 1200)["what"]) == f"{facts}."


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_the_matter_keeps_keys(kind):
    of_rows = kind in ROW_KINDS
    entry = conflict(kind, 2) if of_rows else table_conflict(kind, "part", 2, TABLES)
    parts = {part: entry[part] for part in ("what", "why", "instead")}
    assert all(isinstance(text, Sentence) for text in parts.values())
    texts = {part: json.dumps(text, cls=Encoder) for part, text in parts.items()}
    assert [part for part, text in texts.items() if str(KEY) in text] == ["what"] * of_rows


def test_what_was_on_record_loses_its_keys_as_well():
    kept = json.loads(json.dumps(conflict("key-taken", 2)["what"], cls=Encoder), cls=Decoder)
    bare = without_keys(kept)
    assert bare == "2 rows of kept have a key that a row of live has as well."
    assert str(KEY) not in json.dumps(bare, cls=Encoder)
