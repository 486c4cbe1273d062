"""A new Django project with dbhealth from the wheel, as a user would set it up."""

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[2]

MODELS = """
from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.db import models

from dbhealth.archive import ArchiveModel, ArchivePolicy


class Article(models.Model):
    title = models.CharField(max_length=200)
    published_at = models.DateTimeField(db_index=True)


class ArticleArchive(ArchiveModel, source=Article):
    policy = ArchivePolicy(timestamp_field="published_at", retention=timedelta(days=365))


class LogEntryArchive(ArchiveModel, source=LogEntry):
    policy = ArchivePolicy(timestamp_field="action_time", retention=timedelta(days=90))
"""

ROWS = """
from datetime import timedelta
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone
from news.models import Article

now, ann = timezone.now(), User.objects.create(username="ann")
Article.objects.bulk_create(
    Article(title=f"Article {i}", published_at=now - timedelta(days=i)) for i in range(1000)
)
LogEntry.objects.bulk_create(
    LogEntry(user=ann, action_flag=1, object_repr="x", action_time=now - timedelta(days=i))
    for i in range(100)
)
import dbhealth
print(dbhealth.__file__)
"""


@dataclass
class Step:
    """One command: what was typed, how it ended, what it printed."""

    code: int
    out: str
    err: str


class Project:
    """The project's folder, and its manage.py."""

    def __init__(self, folder: Path, database: dict[str, str]) -> None:
        """Install the wheel beside the project, start the project and write its app."""
        self.folder, self.packages = folder / "project", folder / "packages"
        self.folder.mkdir()
        [wheel] = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.packages)  # all that pip does with a wheel of pure Python
        self.run("-m", "django", "startproject", "newsroom", ".")
        app = self.folder / "news"
        app.mkdir()
        (app / "__init__.py").touch()
        (app / "models.py").write_text(MODELS)
        with (self.folder / "newsroom" / "settings.py").open("a") as settings:
            settings.write(f"INSTALLED_APPS += ['dbhealth', 'news']\nDATABASES = {database!r}\n")

    def run(self, *arguments: str) -> Step:
        """Run Python in the project's folder, where the checkout is out of sight."""
        hidden = {"PYTHONSAFEPATH", "DJANGO_SETTINGS_MODULE", "COLUMNS"}
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        done = subprocess.run(
            [sys.executable, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**environment, "PYTHONPATH": str(self.packages)},
        )
        return Step(done.returncode, done.stdout, done.stderr)

    def manage(self, *arguments: str) -> Step:
        """Run a command of manage.py."""
        return self.run("manage.py", *arguments)
