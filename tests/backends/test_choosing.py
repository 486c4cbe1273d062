"""get_backend: which engine, and a clear sentence for one that dbhealth does not know."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connections

from dbhealth.backends import get_backend, is_supported
from dbhealth.backends.features import Features
from dbhealth.exceptions import UsageError

PROJECT = """
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.admin",
        "django.contrib.messages", "django.contrib.sessions", "dbhealth", "tests.shopapp"],
    DATABASES={"default": {}, "warehouse": {"ENGINE": "django.db.backends.dummy"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SILENCED_SYSTEM_CHECKS=["admin.E403", "admin.E408", "admin.E409", "admin.E410"],
)
import django
django.setup()
"""


def in_a_project_on_no_engine(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROJECT + program],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=Path(__file__).parent,
    )


@pytest.mark.parametrize("alias", ["default", "other"])
def test_the_backend_of_an_alias_is_that_of_its_engine(alias):
    backend = get_backend(alias)
    assert backend.alias == alias
    assert isinstance(backend.features, Features)
    assert backend.features.name.lower() == connections[alias].vendor
    assert is_supported(alias)


def test_an_unknown_engine_is_named_with_its_alias():
    done = in_a_project_on_no_engine(
        "from dbhealth.backends import get_backend, is_supported\n"
        "from dbhealth.exceptions import UnsupportedEngine\n"
        "assert not is_supported('warehouse')\n"
        "try:\n    get_backend('warehouse')\n"
        "except UnsupportedEngine as error:\n    print(error)\n"
    )
    assert done.returncode == 0, done.stderr
    assert "'warehouse'" in done.stdout
    assert "django.db.backends.dummy" in done.stdout
    assert "PostgreSQL and SQLite" in done.stdout


@pytest.mark.parametrize("arguments", ["archive", "archive --dry-run", "db_stats"])
def test_a_command_on_an_unknown_engine_says_so_without_a_traceback(arguments):
    done = in_a_project_on_no_engine(
        "from django.core.management import execute_from_command_line as run\n"
        f"run(['manage.py', *{arguments.split()!r}])\n"
    )
    assert done.returncode == 1
    said = " ".join((done.stdout + done.stderr).split())
    assert "'default'" in said
    assert "dbhealth supports PostgreSQL and SQLite" in said
    assert "Traceback" not in said


def test_an_alias_that_settings_lack_is_wrong_usage_with_a_suggestion():
    with pytest.raises(UsageError, match=r"no database 'othr'.*Did you mean 'other'"):
        get_backend("othr")
