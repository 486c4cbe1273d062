"""Families of random rows under random policies, and random sequences of what people and verbs do
to them: after each step both tables hold what a model in plain Python says.

A larger search: DBHEALTH_TEST_EXAMPLES=2000 pytest tests/archive/test_properties.py. Such a search
takes another way each time; the ordinary one is the same for everybody.
"""

import dataclasses
import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.db.models import F, Q
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dbhealth.archive import purge, restore, verify_run
from dbhealth.archive.execute import TableRun, with_plan
from dbhealth.archive.plan import Asked, make_plan
from dbhealth.archive.registry import find
from dbhealth.exceptions import Refused
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.models import MaintenanceRun
from tests.famapp.expected import AGES, KINDS, REFERENCES, Conflict, Expected, Terms
from tests.famapp.models import (
    Chapter,
    ChapterArchive,
    Line,
    LineArchive,
    Picture,
    PictureArchive,
    Story,
    StoryArchive,
    StoryTagArchive,
    Tag,
)

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("DBHEALTH_TEST_EXAMPLES", "0"))

PAIRS = {
    "Story": (Story, StoryArchive),
    "Chapter": (Chapter, ChapterArchive),
    "Line": (Line, LineArchive),
    "Picture": (Picture, PictureArchive),
    "Story_tags": (Story.tags.through, StoryTagArchive),
}
EDGE = datetime(2026, 1, 31, 12, tzinfo=UTC)
"""The cutoff of most runs; SQLite writes it shorter than its neighbours, without microseconds."""

INSTANT = timedelta(microseconds=1)
MOMENTS = [EDGE - timedelta(days=400), EDGE - INSTANT, EDGE, EDGE + INSTANT, EDGE + INSTANT * 10**9]
SEALED = "sealed"


class RunAt(TableRun):
    """An archive run with a cutoff to the microsecond, which the clock gives to nobody."""

    cutoff = EDGE

    def plan(self, backend, waiting):
        plan = make_plan(self.archive, backend, self.asked, cutoff=self.cutoff)
        with_plan(self.result, plan)
        return plan


def _story(moment, *below):
    """Return the rows of a story; those below take the newest parent there is."""
    return [("Story", 0, 0, moment, ""), *((kind, -1, -1, age, text) for kind, age, text in below)]


OLD = MOMENTS[0]
BEGINNING = [
    *(row for moment in MOMENTS for row in _story(moment, ("Chapter", OLD, ""))),
    *_story(OLD),
    *_story(OLD, ("Chapter", OLD, "b")),
    *_story(OLD, ("Chapter", OLD, ""), ("Line", OLD, SEALED)),
    *_story(OLD, ("Chapter", OLD, ""), ("Line", EDGE, ""), ("Picture", OLD, "")),
    *_story(OLD, ("Chapter", OLD, ""), ("Line", EDGE - INSTANT, ""), ("Story_tags", OLD, "")),
]
"""One of each case that decides whether a story leaves, so that every example has it."""

# Mostly old: else nothing would ever leave.
moments = st.sampled_from([MOMENTS[0]] * 8 + [MOMENTS[1]] * 4 + MOMENTS[2:])
numbers = st.integers(0, 10_000)
texts = st.sampled_from(["", "a", "b", SEALED])
rows = st.tuples(
    st.sampled_from([*KINDS, "Chapter", "Line", "Line"]), numbers, numbers, moments, texts
)
archiving = st.tuples(
    st.just("archive"),
    st.sampled_from([EDGE, EDGE, EDGE + INSTANT, EDGE - INSTANT]),
    st.booleans(),
    st.sampled_from([None, SEALED]),
    st.sampled_from([1, 2, 5, 1000]),
    st.sampled_from([None, None, 1, 2, 4, 8]),
)
deeds = st.one_of(
    archiving,
    archiving,
    archiving,
    st.tuples(st.just("insert"), rows),
    st.tuples(st.just("update"), numbers, numbers, moments, texts),
    st.tuples(st.just("delete"), numbers),
    st.tuples(st.just("restore a run"), numbers, st.booleans()),
    st.tuples(st.just("restore a row"), numbers, st.booleans()),
    st.tuples(st.just("purge"), st.sampled_from(KINDS), st.sets(st.integers(0, 5))),
)


class World:
    """The database and the model of it, to which the same is done."""

    def __init__(self):
        for source, target in reversed(PAIRS.values()):
            # Children before parents, and lines before those that they answer.
            if source is Line:
                source._base_manager.update(answers=None)
            source._base_manager.all()._raw_delete("default")
            target._base_manager.all()._raw_delete("default")
        MaintenanceRun.objects.all().delete()
        self.expected, self.next_key = Expected(), 0
        for number in (1, 2, 3):
            Tag.objects.get_or_create(pk=number, defaults={"name": f"tag {number}"})

    def do(self, name, *terms):
        getattr(self, name.replace(" ", "_"))(*terms)
        self.compare()

    def compare(self):
        for kind, models in PAIRS.items():
            names = [field.attname for field in models[0]._meta.local_concrete_fields]
            sides = self.expected.here, self.expected.there
            for model, rows in zip(models, sides, strict=True):
                found = {row.pop("id"): row for row in model._base_manager.values(*names)}
                assert found == self.expected.of(kind, rows), model
            runs = dict(models[1]._base_manager.values_list("pk", "archive_run"))
            assert runs == {key: self.expected.run_of[kind, key] for key in runs}

    def _parent(self, kind, number):
        keys = self.expected.keys(kind)
        return keys[number % len(keys)] if keys else None

    def insert(self, row):
        kind, first, second, moment, text = row
        values = {}
        for column, target in REFERENCES[kind].items():
            number = first if target in ("Story", "Chapter") else second
            values[column] = self._parent(target, number)
        if kind == "Picture" and second % 3:
            values["story_id" if second % 3 == 1 else "chapter_id"] = None
        if kind == "Line" and second % 2:
            values["answers_id"] = None
        if kind == "Story_tags":
            values["tag_id"] = second % 3 + 1
            if values in self.expected.of(kind, self.expected.here).values():
                return
        if kind in ("Chapter", "Story_tags") and values["story_id"] is None:
            return
        if kind == "Line" and values["chapter_id"] is None:
            return
        if kind in AGES:
            values[AGES[kind]] = moment if kind != "Chapter" or text != "b" else None
        if kind in ("Story", "Line"):
            values["title" if kind == "Story" else "text"] = text
        self.next_key += 1 + second % 3
        PAIRS[kind][0]._base_manager.create(pk=self.next_key, **values)
        self.expected.here[kind, self.next_key] = values

    def _any(self, places, number):
        places = sorted(places)
        return places[number % len(places)] if places else None

    def update(self, number, other, moment, text):
        place = self._any(self.expected.here, number)
        if place is None:
            return
        kind, key = place
        changes = {AGES[kind]: moment} if kind in AGES else {}
        if kind == "Line":
            changes |= {"text": text, "chapter_id": self._parent("Chapter", other)}
        if kind == "Picture":
            changes = {"story_id": self._parent("Story", other)}
        if changes:
            PAIRS[kind][0]._base_manager.filter(pk=key).update(**changes)
            self.expected.here[place] = self.expected.here[place] | changes

    def delete(self, number):
        leaves = [place for place in self.expected.here if not self.expected.points_at(*place)]
        if (place := self._any(leaves, number)) is not None:
            PAIRS[place[0]][0]._base_manager.filter(pk=place[1])._raw_delete("default")
            del self.expected.here[place]

    def archive(self, cutoff, moves_newer, sealed, batch_size, most):
        asked = Asked(batch_size=batch_size, max_rows=most, allow_emptying=True)
        with policies(moves_newer, sealed):
            run = RunAt(find("famapp_story"), "default", asked, Circumstances())
            run.cutoff = cutoff
            result = run.execute()
        terms = Terms(cutoff, moves_newer, sealed)
        assert result["rows"] == self.expected.archive(terms, result["run"], most)
        if result["rows"]:
            assert verify_run(result["run"], "default")["ok"]

    def _restore(self, wanted, skips, **choice):
        try:
            rows = self.expected.restore(wanted, skips=skips)
        except Conflict:
            with pytest.raises(Refused):
                restore(**choice, skip_conflicts=skips)
        else:
            result = restore(**choice, skip_conflicts=skips)
            assert result["summary"]["total_records_restored"] == rows

    def restore_a_run(self, number, skips):
        runs = sorted({self.expected.run_of[place] for place in self.expected.there})
        if runs:
            run = runs[number % len(runs)]
            wanted = {each for each in self.expected.there if self.expected.run_of[each] == run}
            self._restore(wanted, skips, run=run)

    def restore_a_row(self, number, skips):
        if place := self._any(self.expected.there, number):
            self._restore({place}, skips, table=PAIRS[place[0]][0], keys=[place[1]])

    def purge(self, kind, places):
        target = PAIRS[kind][1]
        keys = sorted(self.expected.of(kind, self.expected.there))
        gone = [key for place, key in enumerate(keys) if place in places]
        # As if they had come long ago.
        earlier = F("archived_at") - timedelta(days=10)
        target._base_manager.filter(pk__in=gone).update(archived_at=earlier)
        allowed = {"allow_share": True, "allow_emptying": True}
        result = purge(target, older_than=timedelta(days=9), batch_size=2, **allowed)
        assert result["summary"]["total_records_purged"] == len(gone)
        for key in gone:
            del self.expected.there[kind, key]


@contextmanager
def policies(moves_newer, sealed):
    """Give the root and the lines other policies for a moment."""
    root = {"children_newer": "move" if moves_newer else "hold"}
    line = {"where": None if sealed is None else ~Q(text=sealed)}
    with changed(StoryArchive, root), changed(LineArchive, line):
        yield


@contextmanager
def changed(model, changes):
    policy = dataclasses.replace(model._archive.policy, **changes)
    with mock.patch.object(model, "_archive", dataclasses.replace(model._archive, policy=policy)):
        yield


@settings(
    max_examples=EXAMPLES or 15,
    derandomize=not EXAMPLES,
    database=None,
    # Making an example smaller takes minutes; the larger search does it.
    phases=[Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(first=st.lists(rows, max_size=25), then=st.lists(deeds, min_size=2, max_size=8))
def test_both_tables_hold_what_a_model_in_plain_python_says(first, then):
    world = World()
    for row in BEGINNING:
        world.insert(row)
    for row in first:
        world.insert(row)
    world.compare()
    for deed in then:
        world.do(*deed)
