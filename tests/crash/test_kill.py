"""SIGKILL, at random moments and at every statement: nothing is lost, nothing is there twice."""

import random
import signal

import pytest

from dbhealth.runs.models import MaintenanceRun
from tests.crash.book import Book
from tests.moveapp.tools import archive

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 3_000
"""Rows that may leave when a life begins: more than one life can move."""

SEED = 20_240_229


def live_and_die(lives, book, *, kills, longest):
    """Kill children after random times (seconds) and check after each; return the kills."""
    chance, killed = random.Random(SEED), 0  # noqa: S311
    while killed < kills:
        book.refill(ROWS)
        # From its first statement on, or from its first batch on.
        begins = chance.choice(["", 'INTO "move_event_archive"'])
        life = lives.start("--batch-size", chance.choice([1, 3, 10, 50]), begins=begins)
        ended = life.kill_after(chance.uniform(0.0, longest))
        if ended.get("signal") == signal.SIGKILL:
            killed += 1
        else:
            assert ended["code"] == 0, ended["output"] + ended["errors"]
        book.check()
    return killed


def finish(book):
    """Let a last run through, and look that it left nothing behind."""
    archive()
    result = archive()
    assert (result["state"], result["rows"], result["resumed"]) == ("succeeded", 0, False)
    book.check()
    assert book.progress()[0] == book.written
    assert not MaintenanceRun.objects.exclude(state__in=["succeeded", "cancelled"]).exists()


def die_at_each_point(lives, book, *, step):
    """Let children kill themselves at their n-th point, for ever greater n; return the last n."""
    nth = 1
    while True:
        book.refill(12)
        blow = {"number": int(signal.SIGKILL), "nth": nth}
        ended = lives.run("--batch-size", 5, blow=blow)
        book.check()
        if ended.get("signal") != signal.SIGKILL:
            assert ended["code"] == 0, ended["output"] + ended["errors"]
            return nth
        nth += step


def test_a_few_kills_at_random_moments_lose_nothing(lives):
    book = Book()
    live_and_die(lives, book, kills=15, longest=0.25)
    assert book.progress()[0] > 0
    finish(book)


def test_kills_at_some_statements_of_a_run_lose_nothing(lives):
    book = Book()
    assert die_at_each_point(lives, book, step=7) > 30
    finish(book)


@pytest.mark.crash
def test_hundreds_of_kills_at_random_moments_lose_nothing(lives):
    book = Book()
    live_and_die(lives, book, kills=200, longest=0.4)
    rows, runs = book.progress()
    # The kills hit work: on the whole the children moved rows, and were carried on with.
    assert rows > 2_000
    assert runs < 200
    finish(book)


@pytest.mark.crash
def test_a_kill_at_every_single_statement_of_a_run_loses_nothing(lives):
    book = Book()
    assert die_at_each_point(lives, book, step=1) > 60
    finish(book)
