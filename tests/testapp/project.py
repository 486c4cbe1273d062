"""A small Django project of its own, in a folder and a database of its own."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from textwrap import dedent
from uuid import uuid4

from django.db import connections

SETTINGS = """
import json, os

SECRET_KEY = "only for tests"
INSTALLED_APPS = ["dbhealth", "shop"]
DATABASES = {"default": json.loads(os.environ["SHOP_DATABASE"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# What the tests' server is like is no matter of the project.
DBHEALTH = {"HEALTH_SYSTEM_CHECKS": False}
"""

# One process for several commands: to start Python and Django takes longer than most of them.
RUNNER = """
import json, sys
from django.core.management import execute_from_command_line

for command in json.loads(sys.argv[1]):
    execute_from_command_line(["manage.py", *command])
"""

HEADER = """
from dataclasses import replace
from datetime import timedelta
from django.db import models
from django.db.models import Q
from dbhealth.archive import ArchiveModel, ArchivePolicy

POLICY = ArchivePolicy(timestamp_field="created_at", retention=timedelta(days=90))
"""


class Project:
    """The project with its one app ``shop``."""

    def __init__(self, folder, database):
        self.folder, self.database = folder, database
        self.connection, self.placeholder = _connect(database)
        (folder / "shop" / "migrations").mkdir(parents=True)
        for place in ("shop", "shop/migrations"):
            (folder / place / "__init__.py").touch()
        (folder / "shop_settings.py").write_text(SETTINGS)

    def models(self, text):
        """Write the app's models, replacing what was there."""
        (self.folder / "shop" / "models.py").write_text(HEADER + dedent(text))

    def settings(self, text):
        """Add lines to the settings."""
        with (self.folder / "shop_settings.py").open("a") as file:
            file.write(dedent(text))

    def run(self, *commands):
        """Run commands of manage.py, each a string, in one process; return how it ended."""
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "shop_settings",
            "SHOP_DATABASE": json.dumps(self.database),
            # Two versions of a file within one second would share their bytecode.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join([str(self.folder), *filter(None, sys.path)]),
        }
        return subprocess.run(
            [sys.executable, "-c", RUNNER, json.dumps([command.split() for command in commands])],
            cwd=self.folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def manage(self, *commands):
        """Run commands that must succeed; return what they wrote."""
        done = self.run(*commands)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def execute(self, sql, *params):
        """Run a statement in the project's database and return its rows."""
        cursor = self.connection.execute(sql.replace("%s", self.placeholder), params)
        return cursor.fetchall() if cursor.description else []

    def close(self):
        """Close the connection."""
        self.connection.close()

    def migrations(self):
        """Return the names of the app's migrations."""
        found = (self.folder / "shop" / "migrations").glob("0*.py")
        return sorted(path.stem for path in found)


def _connect(database):
    """Return a connection of the driver, which commits each statement, and its placeholder."""
    if database["ENGINE"].endswith("sqlite3"):
        return sqlite3.connect(database["NAME"], isolation_level=None), "?"
    import psycopg

    server = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"]}
    return psycopg.connect(**server, dbname=database["NAME"], autocommit=True), "%s"


@contextmanager
def new_project(folder):
    """Make a project on the engine of the test run; its database goes with it."""
    given = connections["default"].settings_dict
    database = {key: given[key] for key in ("ENGINE", "HOST", "PORT", "USER")}
    if connections["default"].vendor == "sqlite":
        with closing(Project(folder, database | {"NAME": str(folder / "shop.sqlite3")})) as project:
            yield project
        return
    name = f"shop_{uuid4().hex}"
    server, _ = _connect(database | {"NAME": "postgres"})
    with closing(server):
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            with closing(Project(folder, database | {"NAME": name})) as project:
                yield project
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
