"""Takes the pictures of the manual, in docs/images: `tox -e screenshots`.

The example project lives through some weeks on a PostgreSQL of its own, and a browser looks at it.
All figures on the pictures are measured. Only the calendar is moved, so that weeks take a minute.
"""

import os
import random
import sys
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import django
import psycopg
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser import chromium
from tests.browser.serving import served
from tests.servers import PostgresServer

IMAGES = Path(__file__).parent / "images"
ROOT = Path(__file__).parent.parent

ROWS = 20_000
"""In each of the demo's busy tables."""
DAYS, STEP = 36, 3
"""The demo lives so many days, and is looked at every so many."""

USER = "maria"
SIZE = {"width": 1440, "height": 900}
COLOURS = 128
"""As many as such a page has; that makes a picture small."""

DARK = ("overview",)
"""The pages of which there is a dark picture too."""

RELATIVE_PATHS = """root => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        texts.currentNode.data = texts.currentNode.data.replaceAll(root, '');
    }
}"""
"""Where the checkout lies is nobody's business."""


def main() -> None:
    """Let the demo live, and take its pictures."""
    with PostgresServer(18, durable=True) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE demo")
        os.environ["DATABASE_URL"] = f"postgres://{server.user}@/demo?host={server.host}"
        os.environ["DJANGO_SETTINGS_MODULE"] = "example_project.settings"
        os.environ["LOGNAME"] = USER  # who starts commands
        django.setup()
        live()
        with chromium.started() as browser, served() as address:
            take(browser, address)


def live() -> None:
    """Fill the example project, use it for some weeks, and look at it every few days."""
    from django.core.management import CommandError, call_command
    from django.db import connection

    call_command("demo", rows=ROWS, load_only=True)
    call_command("vacuum", no_progress=True, verbosity=0)
    chance = random.Random(1)  # noqa: S311 - a picture is no secret
    for day in range(0, DAYS, STEP):
        let_days_pass(STEP)
        use(chance)
        if day == DAYS // 3:
            call_command("archive", table=["story_sessions"], batch_size=200, no_progress=True)
        if day == DAYS // 3 * 2:
            call_command("archive", table=["django_session", "conversations"], no_progress=True)
        connection.close()  # PostgreSQL hands its counters on
        call_command("index_usage", snapshot=True, verbosity=0)
        call_command("db_stats", snapshot=True, verbosity=0)
    call_command("archive", table=["sessions"], batch_size=100, no_progress=True)
    call_command("db_stats", snapshot=True, verbosity=0)
    with suppress(CommandError):  # it finds something
        call_command("db_health", verbosity=0)


def let_days_pass(days: int) -> None:
    """Move everything that dbhealth has kept so many days into the past."""
    from django.apps import apps
    from django.db.models import DateTimeField, F

    for model in apps.get_app_config("dbhealth").get_models():
        moments = [f.name for f in model._meta.fields if isinstance(f, DateTimeField)]
        if moments and model._meta.managed:
            model.objects.update(**{name: F(name) - timedelta(days=days) for name in moments})


def use(chance: random.Random) -> None:
    """Do what users do in a few days: leave feedback, and look at their own things."""
    from example_project.accounts.models import User
    from example_project.chat.models import ChatSession, Message
    from example_project.life.models import FeedbackLog

    newest = list(FeedbackLog.objects.order_by("-pk")[: chance.randint(800, 1_600)])
    for log in newest:
        log.pk = None
    FeedbackLog.objects.bulk_create(newest)
    for user in User.objects.order_by("pk")[: chance.randint(20, 60)]:
        list(ChatSession.objects.filter(user=user).order_by("-updated_at")[:5])
        list(FeedbackLog.objects.filter(user=user).order_by("-created_at")[:5])
    for session in ChatSession.objects.order_by("-pk")[: chance.randint(20, 80)]:
        list(Message.objects.filter(session=session).order_by("timestamp")[:20])


def places() -> dict[str, str]:
    """Return the address of each picture, by its name."""
    from django.urls import reverse

    from dbhealth.models import MaintenanceRun, TrackedArchive, TrackedIndex, TrackedTable

    def page(name: str, *args: object) -> str:
        return reverse(f"admin:dbhealth_{name}", args=args)

    unused = TrackedIndex.objects.get(name="ix_feedback_session")
    table = TrackedTable.objects.get(table="feedback_logs")
    goals = TrackedArchive.objects.get(table="goals")
    run = MaintenanceRun.objects.get(target="sessions")
    return {
        "overview": page("databasehealth_changelist"),
        "findings": page("findingrecord_changelist"),
        "tables": page("trackedtable_changelist"),
        "table": page("trackedtable_change", table.pk),
        "indexes": page("trackedindex_changelist"),
        "index": page("trackedindex_change", unused.pk),
        "archives": page("trackedarchive_changelist"),
        "dry-run": page("trackedarchive_plan", goals.pk),
        "run": page("maintenancerun_change", run.pk),
    }


def take(browser: Browser, address: str) -> None:
    """Take all pictures as somebody who may see and do everything."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client()
    client.force_login(get_user_model().objects.create_superuser(USER))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    shown = places()
    for scheme, names in (("light", tuple(shown)), ("dark", DARK)):
        context = browser.new_context(base_url=address, color_scheme=scheme, viewport=SIZE)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": address}])
        page = context.new_page()
        for name in names:
            page.goto(shown[name])
            keep(page, f"{name}-{scheme}")
        context.close()


def keep(page: Page, name: str) -> None:
    """Write a picture of what the page shows at first."""
    page.evaluate(RELATIVE_PATHS, f"{ROOT}{os.sep}")
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    IMAGES.mkdir(exist_ok=True)
    file = IMAGES / f"{name}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    sys.stderr.write(f"{file.name}: {file.stat().st_size // 1024} kB\n")


if __name__ == "__main__":
    main()
