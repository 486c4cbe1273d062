"""SIGKILL, at random moments and at every statement: nothing is lost, nothing is there twice.

Of one table and of families. The long forms kill more than five hundred times on each engine.
"""

import random
import signal

import pytest

from dbhealth.runs.models import MaintenanceRun
from tests.crash.book import Book
from tests.crash.family_book import FamilyBook
from tests.moveapp.tools import archive

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 3_000
"""Rows that may leave when a life begins: more than one life can move."""

SEED = 20_240_229

KILLS = 125
"""Of the long form, at random moments, of one table and of families each."""

POINTS = {Book: 100, FamilyBook: 150}
"""Points at which a run can be killed, at the least: one before and one behind each statement."""

both = pytest.mark.parametrize("keeper", [Book, FamilyBook], ids=["one table", "families"])


def start(lives, book, size, **how):
    return lives.manage("archive", "--table", book.table, "--batch-size", size, **how)


def live_and_die(lives, book, *, kills, longest):
    """Kill children after random times (seconds) and check after each; return the kills."""
    chance, killed = random.Random(SEED), 0  # noqa: S311
    while killed < kills:
        book.refill(ROWS)
        # From its first statement on, or from its first batch on.
        begins = chance.choice(["", book.begins])
        life = start(lives, book, chance.choice([1, 3, 10, 50]), begins=begins)
        ended = life.kill_after(chance.uniform(0.0, longest))
        if ended.get("signal") == signal.SIGKILL:
            killed += 1
        else:
            assert ended["code"] == 0, ended["output"] + ended["errors"]
        book.check()
    return killed


def finish(book):
    """Let a last run through, and look that it left nothing behind."""
    archive(book.table)
    result = archive(book.table)
    assert (result["state"], result["rows"], result["resumed"]) == ("succeeded", 0, False)
    book.check()
    assert book.is_done
    assert not MaintenanceRun.objects.exclude(state__in=["succeeded", "cancelled"]).exists()


def die_at_each_point(lives, book, *, step):
    """Let children kill themselves at their n-th point, for ever greater n; return the last n."""
    nth = 1
    while True:
        book.refill(12)
        blow = {"number": int(signal.SIGKILL), "nth": nth}
        ended = start(lives, book, 5, blow=blow).wait()
        book.check()
        if ended.get("signal") != signal.SIGKILL:
            assert ended["code"] == 0, ended["output"] + ended["errors"]
            return nth
        nth += step


@both
def test_a_few_kills_at_random_moments_lose_nothing(keeper, lives):
    book = keeper()
    live_and_die(lives, book, kills=12, longest=0.25)
    assert book.progress()[0] > 0
    finish(book)


@pytest.mark.parametrize(
    "keeper, step", [(Book, 7), (FamilyBook, 23)], ids=["one table", "families"]
)
def test_kills_at_some_statements_of_a_run_lose_nothing(keeper, step, lives):
    book = keeper()
    assert die_at_each_point(lives, book, step=step) > 30
    finish(book)


@pytest.mark.crash
@both
def test_many_kills_at_random_moments_lose_nothing(keeper, lives):
    book = keeper()
    live_and_die(lives, book, kills=KILLS, longest=0.4)
    rows, runs = book.progress()
    # The kills hit work: on the whole the children moved rows, and were carried on with.
    assert rows > 10 * KILLS
    assert runs < KILLS
    finish(book)


@pytest.mark.crash
@both
def test_a_kill_at_every_single_statement_of_a_run_loses_nothing(keeper, lives):
    book = keeper()
    assert die_at_each_point(lives, book, step=1) > POINTS[keeper]
    finish(book)


def test_the_long_forms_kill_five_hundred_times_and_more():
    assert sum(POINTS.values()) + 2 * KILLS >= 500
