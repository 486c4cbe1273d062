"""From an empty folder to an archived table, in the order in which a new user goes."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.foreign.project import ROWS, Project, Step
from tests.servers.engine import postgres_major

NAME = f"newsroom_{os.getpid()}"


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Iterator[dict]:
    """Give the project a database of its own on the chosen engine."""
    if postgres_major() is None:
        file = tmp_path_factory.mktemp("database") / "db.sqlite3"
        yield {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}}
        return
    host = os.environ["DBHEALTH_TEST_HOST"]
    with psycopg.connect(f"host={host} user=postgres dbname=postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {NAME}")
        yield {
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": NAME,
                "USER": "postgres",
                "HOST": host,
            }
        }
        server.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.fixture(scope="module")
def story(tmp_path_factory, database) -> dict[str, Step]:
    """Go all the way once; the tests below look at one step each."""
    project = Project(tmp_path_factory.mktemp("foreign"), database)
    manage = project.manage
    steps = {
        "too early": manage("archive"),
        "makemigrations": manage("makemigrations", "news"),
        "migrate": manage("migrate"),
        "unchanged": manage("makemigrations", "--check"),
        "check": manage("check", "--database", "default", "--fail-level", "ERROR"),
        "health": manage("db_health", "--all", "--format", "json", "--fail-level", "info"),
        "rows": manage("shell", "-v", "0", "-c", ROWS),
        "dry run": manage("archive", "--dry-run"),
        "archive": manage("archive"),
        "again": manage("archive"),
        "stats": manage("db_stats"),
        "figures": manage("db_stats", "--format", "json"),
    }
    steps["packages"] = Step(0, str(project.packages), "")
    return steps


def words(step: Step) -> str:
    """Return what a step printed, with single blanks."""
    return " ".join((step.out + step.err).split())


def test_the_wheel_is_what_runs(story):
    packages = Path(story["packages"].out)
    assert Path(story["rows"].out.strip()) == packages / "dbhealth" / "__init__.py"


@pytest.mark.parametrize(
    "step",
    [
        *("makemigrations", "migrate", "unchanged", "check", "rows", "dry run", "archive"),
        *("again", "stats", "figures"),
    ],
)
def test_every_step_ends_well(story, step):
    assert story[step].code == 0, words(story[step])
    assert "Traceback" not in words(story[step])


def test_who_archives_before_migrating_is_told_what_to_run(story):
    early = story["too early"]
    assert early.code == 1
    assert "Traceback" not in words(early)
    assert "Run manage.py migrate dbhealth --database default." in words(early)
    assert "Run manage.py makemigrations news, then manage.py migrate news" in words(early)
    assert "2 of 2 tables were not archived: django_admin_log, news_article." in words(early)


def test_migrations_make_the_models_and_their_archives(story):
    made = story["makemigrations"].out
    for model in ("Article", "ArticleArchive", "LogEntryArchive"):
        assert f"Create model {model}\n" in made
    assert "Applying dbhealth.0001_initial... OK" in story["migrate"].out
    assert "No changes detected" in story["unchanged"].out


def test_the_check_says_which_index_would_help_and_nothing_else(story):
    said = words(story["check"])
    assert re.findall(r"\((dbhealth\.[EW]\d+)\)", said) == ["dbhealth.W101"]
    assert "news.LogEntryArchive: (dbhealth.W101) No index of admin.LogEntry helps" in said


def test_nothing_is_wrong_with_a_new_project_but_how_its_server_is_set_up(story):
    [database] = json.loads(story["health"].out)["databases"].values()
    # Django's SQLite file comes without WAL. The server of the tests risks its data for speed, and
    # has an extension that no database asked for.
    of_server = {"dbhealth.S011", "dbhealth.S012"} if postgres_major() else {"dbhealth.L001"}
    findings = [item for item in database["findings"] if item["id"] != "dbhealth.S011"]
    assert {item["id"] for item in database["findings"]} == of_server
    assert {item["level"] for item in findings} == {"info"}
    assert database["failed"] == []


def test_the_dry_run_promises(story):
    said = words(story["dry run"])
    assert "news_article into news_article_archive" in said
    assert "django_admin_log into django_admin_log_archive" in said
    assert "rows in the table 1,000 eligible rows 635" in said
    assert "rows in the table 100 eligible rows 10" in said
    assert "in the way" not in said
    assert "Dry run: nothing was changed. 645 rows would be archived from 2 tables." in said


def test_the_archive_moves_what_was_promised_and_the_next_one_finds_nothing(story):
    lines = [line.split() for line in story["archive"].out.splitlines()]
    assert [line[:4] for line in lines if line[:1] == ["news_article"]] == [
        ["news_article", "succeeded", "635", "1"]
    ]
    assert [line[:4] for line in lines if line[:1] == ["django_admin_log"]] == [
        ["django_admin_log", "succeeded", "10", "1"]
    ]
    assert "645 rows archived in" in words(story["archive"])
    assert "0 rows archived in" in words(story["again"])


def test_the_figures_tell_of_it(story):
    assert "0 rows may be archived now." in words(story["stats"])
    tables = json.loads(story["figures"].out)["archives"]["tables"]
    kept = {name: (table["rows"], table["archive_rows"]) for name, table in tables.items()}
    assert kept == {"news_article": (365, 635), "django_admin_log": (90, 10)}
    assert {table["last_run"]["state"] for table in tables.values()} == {"succeeded"}
